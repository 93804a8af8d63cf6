"""METEOR and SPICE: programs in Java that come with pycocoevalcap. Nothing is downloaded for them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

_SECONDS = 60  # that Java may take to say its version


class Unavailable(Exception):
    """A score cannot be computed on this machine; the message says why, to follow "as"."""


@cache
def java_version() -> str | None:
    """What the Java runtime on the path says of itself; None where there is none that runs."""
    if shutil.which("java") is None:
        return None
    try:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None


def meteor(given: dict[str, list[str]], meant: dict[str, list[str]]) -> tuple[float, list[float]]:
    """METEOR 1.5 of all sentences and of each. Sentences are words with one space between them."""
    _need_java()
    _need_plain_path()
    # Its protocol separates sentences by "|||" and ends them with a line.
    refs = {name: [_without_bars(sentence) for sentence in sentences] for name, sentences in meant.items()}
    said = {name: [_without_bars(sentences[0])] for name, sentences in given.items()}
    scorer = _meteor_program()
    try:
        total, values = scorer.compute_score(refs, said)
    except (OSError, ValueError) as error:
        _meteor_program.cache_clear()
        if scorer.lock.locked():  # else it would wait for itself when it goes
            scorer.lock.release()
        raise Unavailable(f"its program broke off: {error}") from error
    return float(total), [float(value) for value in values]


def _need_plain_path() -> None:
    """METEOR reads its data by URLs that it makes of the path, in which a space becomes something else."""
    folder = folder_of("pycocoevalcap.meteor.meteor")
    if " " in str(folder):
        raise Unavailable(f"its program does not run from a folder with a space in its name: {folder}")


def folder_of(module: str) -> Path:
    """The folder that a module lies in."""
    spec = importlib.util.find_spec(module)
    return Path(str(spec.origin)).parent if spec is not None else Path()


@cache
def _meteor_program() -> Any:
    """The running program, which takes seconds to start and serves as often as it is asked."""
    from pycocoevalcap.meteor.meteor import Meteor

    try:
        return Meteor()
    except OSError as error:
        raise Unavailable(f"its program cannot be started: {error}") from error


def spice(given: dict[str, list[str]], meant: dict[str, list[str]]) -> tuple[float, list[float]]:
    """SPICE of all sentences and of each."""
    _need_java()
    _need_models()
    from pycocoevalcap.spice.spice import Spice

    try:
        _, parts = Spice().compute_score(meant, given)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise Unavailable(f"its program broke off: {error}") from error
    # Its results come in the order of sorted ids; a sentence that says nothing has no number.
    by_id = dict(zip(sorted(given), (part["All"]["f"] for part in parts), strict=True))
    values = [0.0 if by_id[name] != by_id[name] else float(by_id[name]) for name in given]
    return sum(values) / len(values), values


def _need_java() -> None:
    if java_version() is None:
        raise Unavailable("no Java runtime was found (no `java` that runs is on the path)")


def _need_models() -> None:
    library = folder_of("pycocoevalcap.spice") / "lib"
    wanted = [library / f"stanford-corenlp-3.6.0{part}.jar" for part in ("", "-models")]
    if missing := [path.name for path in wanted if not path.exists()]:
        raise Unavailable(f"its models are not installed: {' and '.join(missing)} would have to lie in {library}")


def _without_bars(sentence: str) -> str:
    return " ".join(sentence.replace("|||", " ").split())
