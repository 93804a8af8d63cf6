"""The words of the tabletop world, and the tokenizer of the small model that is to learn them."""

from region_perception.network.specs import mini
from region_perception.simulation.words import VOCABULARY
from region_perception.text import mini_codec


def test_every_word_is_one_token_of_the_small_model() -> None:
    codec = mini_codec(mini())
    spelled = [word for word in VOCABULARY if len(codec.prompt_ids(word)) != 1]
    assert not spelled
