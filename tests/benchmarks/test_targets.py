"""Which targets are met, missed, and not measured."""

import pytest
from study.targets import Outcome, Target, outcomes

LEAST, MOST = Target("kind", "test", "x", 0.95), Target("ECE", "test", "x", 0.05, at_most=True)


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [(LEAST, 0.95, True), (LEAST, 0.9499, False), (MOST, 0.05, True), (MOST, 0.0501, False), (MOST, -0.02, True)],
)
def test_a_target_is_met_up_to_its_very_number(target, value, met) -> None:
    assert Outcome(target, {"value": value, "low": None, "high": None, "count": 20}).met is met


def test_rounding_decides_nothing() -> None:
    assert MOST.met(0.97 - 0.92)  # 0.05 and a little more
    assert LEAST.met(sum([0.1] * 9) + 0.05)


def test_every_target_of_the_product_is_there(results) -> None:
    found = {(each.target.what, each.target.split, each.target.shown): each for each in outcomes(results)}
    kind, worse = "kind and color", "kind and color, worse than by box"
    met = {key: each.met for key, each in found.items()}
    assert met[kind, "test", "image_region by box"] is True
    assert met[kind, "test", "cloud_region by box"] is False  # 94 of 95
    assert met[kind, "novel-views", "cloud_region by box"] is True
    assert met[kind, "novel-combinations", "cloud_region by box"] is None
    assert met["answers", "test", "image whole"] is True
    assert met["calibration error (ECE)", "test", "cloud_region by box"] is True
    assert met[worse, "test", "image_region by mask"] is True  # 3 points
    assert met[worse, "test", "image_region by click"] is False  # 4 points
    assert met[worse, "test", "image_region by scribble"] is None
    assert met[worse, "test", "cloud_region by mask"] is True  # better
    assert (worse, "test", "cloud_region by scribble") not in met
    whats = {what for what, _, _ in met}
    assert whats == {
        *(kind, worse, "answers", "position and relation", "found by description", "calibration error (ECE)")
    }
    assert found[worse, "test", "image_region by click"].measured["value"] == pytest.approx(0.04)


def test_without_any_result_nothing_is_met_or_missed() -> None:
    found = outcomes({})
    assert len(found) > 15
    assert {each.met for each in found} == {None}
