"""Small bags of the tabletop world, and a model with random weights that tells regions apart."""

import sys
from pathlib import Path

import pytest
from lively import lively_captioner

from region_perception import Captioner

sys.path.append(str(Path(__file__).parent))  # after the folder above, which has a conftest, too
from recording import Recorded, record


@pytest.fixture(scope="session")
def captioner() -> Captioner:
    return lively_captioner()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Three frames with regions of both kinds, in a folder with MCAP."""
    return record(tmp_path_factory.mktemp("bags") / "table")
