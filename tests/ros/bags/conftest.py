"""Small bags of the tabletop world, and a model with random weights that tells regions apart."""

import sys
from pathlib import Path

import pytest
import torch

from region_perception import Captioner
from region_perception.network.region_blip import RegionBlip
from region_perception.network.specs import mini
from region_perception.text import mini_codec
from region_perception.weights.load import LoadedModel

sys.path.append(str(Path(__file__).parent))  # after the folder above, which has a conftest, too
from recording import Recorded, record


@pytest.fixture(scope="session")
def captioner() -> Captioner:
    spec = mini()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = RegionBlip(spec).eval()
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                gain = 4.0 if "position" in name or "queries" in name else 1.5
                inputs = parameter[0].numel() if parameter.ndim == 4 else parameter.shape[-1]
                torch.nn.init.normal_(parameter, std=gain / inputs**0.5)
    return Captioner(LoadedModel(network, mini_codec(spec), "lively", "test", frozenset(spec.modalities)))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Three frames with regions of both kinds, in a folder with MCAP."""
    return record(tmp_path_factory.mktemp("bags") / "table")
