"""One process of a run that several share. Run by `test_processes`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conftest

from region_perception.training.loop import train


def main(start: str, folder: str, changes: str) -> None:
    recipe = conftest.toy_recipe(start, **conftest.SHARED, **json.loads(changes))
    train(recipe, Path(folder), conftest.toy_data(recipe, broken=(3,)), cpu=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
