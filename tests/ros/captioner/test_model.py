"""The model of the node, without ROS: the threads that it uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from ros_nodes.captioner.model import use_threads


@pytest.fixture
def threads() -> Iterator[int]:
    """As many as torch uses; so it is left."""
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def test_threads_go_back_to_what_torch_had_chosen(threads: int):
    use_threads(threads + 2)
    assert torch.get_num_threads() == threads + 2
    use_threads(0)
    assert torch.get_num_threads() == threads
