"""How long a user waits before anything happens: to import the library, and to read the help of the command.

Every time is that of a new Python process, after one that warms the disk's cache. An empty process stands beside them,
so that what Python itself takes can be told from what the library adds.
"""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from timing import hardware, measure, print_table, write_results

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import region_perception": ["-c", "import region_perception"],
    "region-perception --help": ["-m", "region_perception.cli", "--help"],
}


@dataclass(frozen=True)
class Options:
    """Measure how long the library takes to import, and the command to show its help."""

    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 11
    """How often each process is started at least; the median counts."""
    output: Path = Path(__file__).parent / "results" / "startup.json"
    """Where the figures are written as JSON."""


def start(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def main(options: Options) -> None:
    machine = hardware(threads=1, packages=("tyro", "numpy"))
    print(machine)
    times = measure({name: lambda a=arguments: start(a) for name, arguments in COMMANDS.items()}, options.repetitions)
    rows = []
    for name, timing in times.items():
        milliseconds = [f"{1000 * value:.0f}" for value in (timing.median, timing.fastest, timing.slowest)]
        rows.append([name, *milliseconds, str(timing.repetitions)])
    print_table("Start-up, milliseconds", ["process", "median", "fastest", "slowest", "times"], rows)
    write_results(options.output, {"hardware": machine, **{n: dataclasses.asdict(t) for n, t in times.items()}})


if __name__ == "__main__":
    main(tyro.cli(Options))
