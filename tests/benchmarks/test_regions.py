"""The benchmark of many regions runs, and all contenders caption as many of them."""

import pytest
from regions import contenders


@pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")
def test_each_contender_captions_every_region() -> None:
    told = {name: run() for name, run in contenders(2, 3).items()}
    assert [len(captions) for captions in told.values()] == [2, 2, 2]
    assert all(isinstance(caption, str) and caption for captions in told.values() for caption in captions)
