"""Confidence: golden bins and errors, and a fit that finds what was put in."""

import numpy as np
import pytest

from region_perception.confidence import Fit
from region_perception.errors import InvalidInput
from region_perception.evaluation.calibration import (
    calibration_error,
    error_after_fit,
    fit_calibration,
    reliability,
)


def sample(count: int, slope: float, shift: float, seed: int = 0):
    """Confidences, and right or wrong by the chances that a fit with this slope and shift gives."""
    random = np.random.default_rng(seed)
    given = random.uniform(0.02, 0.98, count)
    return given.tolist(), (random.random(count) < Fit(slope, shift)(given)).tolist()


def test_bins_hold_their_upper_edge() -> None:
    bins = reliability([0.0, 0.2, 0.20001, 1.0], [True, False, True, True], bins=5)
    assert [each.count for each in bins] == [2, 1, 0, 0, 1]
    assert (bins[0].low, bins[0].high, bins[0].confidence, bins[0].right) == (0.0, 0.2, pytest.approx(0.1), 0.5)
    assert bins[2].confidence is None


def test_error_worked_by_hand() -> None:
    # Bin (0.4, 0.6]: confidence 0.5 and 1 of 2 right, no error. Bin (0.8, 1]: 0.9 and 1 of 3 right, error 0.5667.
    found = calibration_error([0.5, 0.5, 0.9, 0.9, 0.9], [True, False, True, False, False], bins=5)
    assert found.value == pytest.approx(3 / 5 * (0.9 - 1 / 3))
    assert found.count == 5


def test_error_of_honest_and_of_boastful_confidence() -> None:
    given, right = sample(6000, 1.0, 0.0)
    honest = calibration_error(given, right)
    assert honest.value < 0.03
    assert honest.low <= honest.value <= honest.high
    assert calibration_error([0.99] * 100, [True] * 60 + [False] * 40).value == pytest.approx(0.39)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (2.0, -1.0), (0.4, 0.8)])
def test_the_fit_finds_what_was_put_in(slope: float, shift: float) -> None:
    fit = fit_calibration(*sample(20_000, slope, shift))
    assert (fit.slope, fit.shift) == (pytest.approx(slope, abs=0.08), pytest.approx(shift, abs=0.08))


def test_after_the_fit_the_error_is_small() -> None:
    given, right = sample(8000, 2.0, -1.0)
    groups = [i // 10 for i in range(8000)]
    assert calibration_error(given, right).value > 0.1
    assert error_after_fit(given, right, groups).value < 0.03


@pytest.mark.parametrize("right", [[True] * 6, [False] * 6, [False, False, False, True, True, True]])
def test_the_fit_stays_finite_where_all_is_clear(right: list[bool]) -> None:
    given = [0.1, 0.2, 0.3, 0.7, 0.8, 1.0]
    fit = fit_calibration(given, right)
    assert np.isfinite([fit.slope, fit.shift]).all()
    np.testing.assert_allclose(fit(given), np.array(right, float), atol=0.2)


def test_what_is_no_confidence_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"confidence 1\.5"):
        calibration_error([0.5, 1.5], [True, False])
    with pytest.raises(InvalidInput, match="confidence nan"):
        reliability([float("nan")], [True])
    with pytest.raises(InvalidInput, match="as many of each"):
        fit_calibration([0.5], [True, False])


def test_nothing_has_no_error() -> None:
    assert calibration_error([], []).value is None
