"""A captioner that begins to read a model only when no file `wait` is in its folder, and says there that it waits."""

import sys
import time
from pathlib import Path
from typing import Any

WAIT, WAITS = "wait", "waits"


def main() -> int:
    from ros_nodes import region_captioner
    from ros_nodes.captioner import model

    del sys.argv[1]  # the name of the node
    read: Any = model._read

    def patient(name: str, device: str) -> Any:
        while (Path(name) / WAIT).exists():
            (Path(name) / WAITS).touch()
            time.sleep(0.02)
        return read(name, device)

    model._read = patient
    return region_captioner.main()


if __name__ == "__main__":
    sys.exit(main())
