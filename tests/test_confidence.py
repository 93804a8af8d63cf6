"""What a calibration makes of a confidence, worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_perception.confidence import Calibration, Fit, shares, sure_of_best
from region_perception.errors import InvalidSpec


def test_a_fit_moves_the_log_odds() -> None:
    odds = 2.0 * math.log(0.8 / 0.2) - 0.5
    assert float(Fit(2.0, -0.5)(np.array(0.8))) == pytest.approx(1 / (1 + math.exp(-odds)))
    np.testing.assert_allclose(Fit(1.0, 0.0)([0.1, 0.5, 0.9]), [0.1, 0.5, 0.9])


@given(st.lists(st.floats(0, 1), min_size=2), st.floats(1e-3, 50), st.floats(-20, 20))
def test_what_had_more_confidence_has_no_less(confidences: list[float], slope: float, shift: float) -> None:
    chances = Calibration("caption", "image", slope, shift).fit(sorted(confidences))
    assert (np.diff(chances) >= 0).all()
    assert ((chances >= 0) & (chances <= 1)).all()


@pytest.mark.parametrize(("slope", "shift"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, math.inf)])
def test_what_is_no_calibration_is_refused(slope: float, shift: float) -> None:
    with pytest.raises(InvalidSpec, match="calibration of find in cloud_region has slope"):
        Calibration("find", "cloud_region", slope, shift)


def test_others_divide_what_the_best_leaves() -> None:
    parts = np.array([[0.5, 0.1], [0.3, 0.6], [0.2, 0.3]])
    np.testing.assert_allclose(sure_of_best(parts, np.array([0.9, 0.8])), [[0.9, 0.05], [0.06, 0.8], [0.04, 0.15]])
    # None is likelier than the best, however little that is sure of.
    np.testing.assert_allclose(sure_of_best(np.array([[0.6], [0.4]]), np.array([0.2])), [[0.2], [0.2]])
    np.testing.assert_allclose(sure_of_best(np.array([[1.0]]), np.array([0.7])), [[0.7]])
    assert sure_of_best(np.zeros((0, 2)), np.zeros(2)).shape == (0, 2)


def test_shares_are_those_of_each_text() -> None:
    scores = np.array([[0.1, 0.0, 0.5], [0.3, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(shares(scores), [[0.25, 0.5, 1.0], [0.75, 0.5, 0.0]], rtol=1e-6)
    assert shares(np.zeros((0, 2))).shape == (0, 2)
