"""The model of the node, without ROS: what lets go of it, and the threads that it uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from ros_nodes.captioner import model as module
from ros_nodes.captioner.model import Model, use_threads
from ros_nodes.messages.refusals import Code, Refusal


def test_a_model_that_is_let_go_while_it_is_read_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    model = Model()

    def slowly(name: str, device: str) -> str:
        if name == "late":
            model.forget()
        return name

    monkeypatch.setattr(module, "_read", slowly)
    with pytest.raises(Refusal, match="late") as refused:
        model.load("late", "cpu")
    assert refused.value.code == Code.NOT_READY
    assert (model.captioner, model.name, model.device) == (None, "", "")
    model.load("next", "cpu")
    assert (model.captioner, model.name) == ("next", "next")


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
