"""PaFE: sizes, what it changes, and the corner layout of the released weights."""

from dataclasses import replace

import pytest
import torch

from region_perception.network.modality_parts import ModalityParts
from region_perception.network.position import PositionEncoder, released_corners
from region_perception.network.spec import PositionSpec


@pytest.mark.parametrize(
    ("modality", "size", "parameters"), [("image_region", 4, 99_712), ("cloud_region", 24, 102_272)]
)
def test_sizes(modality, size, parameters):
    encoder = PositionEncoder(modality, PositionSpec(), 768)
    assert encoder(torch.rand(3, size)).shape == (3, 768)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters
    assert [type(layer).__name__ for layer in encoder] == ["Linear", "GELU", "Linear"]


def test_released_corners_are_those_of_the_released_code():
    """A box 2 x 4 x 6 around (10, 20, 30): y reaches as far as z should, and the other way round."""
    corners = released_corners(torch.tensor([[10.0, 20.0, 30.0]]), torch.tensor([[2.0, 4.0, 6.0]]))
    expected = [
        [11, 23, 32],
        [11, 23, 28],
        [9, 23, 28],
        [9, 23, 32],
        [11, 17, 32],
        [11, 17, 28],
        [9, 17, 28],
        [9, 17, 32],
    ]
    assert corners.tolist() == [expected]


def test_released_corners_of_several_boxes_keep_their_dtype():
    centers, sizes = torch.rand(5, 3, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64)
    corners = released_corners(centers, sizes)
    assert corners.dtype == torch.float64
    for row in range(5):
        assert torch.equal(corners[row], released_corners(centers[row : row + 1], sizes[row : row + 1])[0])


@pytest.fixture
def parts(make_spec, randomised):
    return randomised(ModalityParts("image_region", make_spec()))


def test_position_is_added_to_every_query(parts):
    positions = torch.rand(3, 4)
    placed = parts.placed_queries(3, positions)
    assert placed.shape == (3, 4, 16)
    torch.testing.assert_close(placed - parts.queries, parts.position(positions)[:, None].expand(-1, 4, -1))
    assert not torch.allclose(placed[0], placed[1], atol=1e-3)


def test_without_positions_queries_stay_as_they_are(parts):
    placed = parts.placed_queries(2, None)
    assert torch.equal(placed, parts.queries.expand(2, -1, -1))


def test_positions_of_another_dtype_are_taken(parts):
    positions = torch.rand(2, 4, dtype=torch.float64)
    torch.testing.assert_close(parts.placed_queries(2, positions), parts.placed_queries(2, positions.float()))


def test_ablation_ignores_positions(make_spec):
    parts = ModalityParts("image_region", replace(make_spec(), position=PositionSpec(enabled=False)))
    assert not any(name.startswith("position") for name, _ in parts.named_parameters())
    assert torch.equal(parts.placed_queries(3, torch.rand(3, 4)), parts.placed_queries(3, None))
