"""The study behind docs/results.md lies beside the library, not in it; and results that nobody measured."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def share(value: float, count: int = 100) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "count": count}


def section(name: str, right: float, cider: float) -> dict[str, Any]:
    """A section of a report in which kind and colour, answers and finds are equally often right."""
    scores = {score: share(0.5) for score in ("BLEU-4", "ROUGE-L")} | {"CIDEr": share(cider)}
    properties = {what: share(right) for what in ("kind and color", "position and relation")}
    caption = {"scores": scores, "properties": properties, "confidence": {"ece": share(0.04)}}
    asked = {"answer": {"accuracy": share(right)}, "find": {"accuracy": share(right)}}
    return {"name": name, "cases": 100, "caption": caption, **asked}


def result(sections: dict[str, tuple[float, float]], **more: Any) -> dict[str, Any]:
    """sections: by name how much is right, and CIDEr."""
    run = {"done": 3, "seconds": 1.0, "hardware": {"device": "cpu", "cores": 2, "region_perception": "0"}}
    report = {"run": run, "sections": [section(name, *scores) for name, scores in sections.items()]}
    return {"made of": {}, "report": report, **more}


def variant(name: str, group: str, title: str, seed: int, cider: float) -> dict[str, Any]:
    shown = dict.fromkeys(("image_region by box", "cloud thing", "cloud_region by box"), (0.9, cider))
    return result(shown, variant={"name": name, "group": group, "title": title, "seed": seed})


@pytest.fixture
def results() -> dict[str, dict[str, Any]]:
    """One of everything that a page may tell."""
    by_box = {"image_region by box": (0.97, 0.6), "cloud_region by box": (0.94, 0.5)}
    others = {f"image_region by {way}": (right, 0.6) for way, right in (("mask", 0.94), ("click", 0.93))}
    whole = {"image whole": (0.9, 1.3)}
    plan = {"command": "python benchmarks/results.py", "model": "tabletop-mini", "base": "runs/base", "scenes": 3}
    plan |= {"steps": 6, "batch": 2, "observations": 4, "variant_scenes": 2, "seeds": [1, 2], "untrained": False}
    return {
        "plan": plan,
        "model-test": result(whole | by_box),
        "model-test-pointing": result(others | {"cloud_region by mask": (0.95, 0.5)}),
        "model-novel-views": result(by_box),
        "crop-test": result({"image_region by box": (0.2, 0.15)}),
        "base-test": result(whole, same=7, of=8),
        "variant-whole-1": variant("whole", "", "as trained", 1, 0.6),
        "variant-whole-2": variant("whole", "", "as trained", 2, 0.7),
        "variant-pafe-alone-1": variant("pafe-alone", "position", "PaFE alone", 1, 0.6),
        "variant-without-position-1": variant("without-position", "position", "neither", 1, 0.4),
        "variant-without-box-1": variant("without-box", "losses", "without the box loss", 1, 0.66),
    }
