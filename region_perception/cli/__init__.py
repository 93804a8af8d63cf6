"""The command `region-perception`: a thin face over load, look, caption, ask and find, one file for each command.

Results go to standard output, everything else to standard error. Exit codes: 0 for success, 2 for input that cannot be
used, 130 when interrupted, 141 when nobody reads the output any more; unexpected errors keep their traceback.
"""

import io
import os
import sys
from collections.abc import Sequence

from region_perception.cli.notes import notes_on_stderr
from region_perception.errors import RegionPerceptionError

USAGE, INTERRUPTED, NOBODY_READS = 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command with these arguments (those of the process if None) and returns its exit code.

    Help and arguments of the wrong form leave by SystemExit with code 0 or 2, as argument parsers do.
    """
    from region_perception.cli.app import run

    _print_whatever_comes()
    try:
        with notes_on_stderr():
            run(arguments)
        sys.stdout.flush()
    except RegionPerceptionError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    return 0


def _print_whatever_comes() -> None:
    """Letters that the terminal's encoding lacks are escaped, and a closed standard output swallows what is printed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (it stays open as long as the process)
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
