"""Trains and is killed, again and again, at ever other places; then trains to the end. Run by `test_resume`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import conftest

from region_perception.training import checkpoints, loop


def kill_at(owner: Any, name: str, call: int) -> None:
    """Let the process be killed at the start of the call-th call of a function."""
    run: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(1, 10**6))

    def run_or_die(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(*arguments, **options)

    setattr(owner, name, run_or_die)


# Before anything, between forward and step, while files are written, before and after renames, while old ones go.
PLACES = [
    (loop, "take_step", 1),
    (loop, "combine", 2),
    (checkpoints, "_write_tensors", 1),
    (checkpoints, "_write_tensors", 2),
    (checkpoints, "_to_disk", 3),
    (checkpoints, "_to_disk", 5),
    (loop, "combine", 3),
    (checkpoints.shutil, "rmtree", 2),
    (loop, "take_step", 4),
    (checkpoints.Checkpoints, "_remove", 1),
    (loop, "save_model", 1),
]


def main(start: str, folder: str) -> None:
    recipe = conftest.toy_recipe(start, **conftest.LONG)
    data = conftest.toy_data(recipe)
    for place in PLACES:
        child = os.fork()
        if child == 0:
            kill_at(*place)
            loop.train(recipe, Path(folder), data)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        outcome = "killed" if os.WIFSIGNALED(status) else "ended"
        print(place[1], outcome, checkpoints.Checkpoints(Path(folder) / "checkpoints", 9).steps(), flush=True)
    loop.train(recipe, Path(folder), data)


if __name__ == "__main__":
    main(*sys.argv[1:])
