"""What stays in full precision when the rest is halved."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from region_perception.network.language import Decoding
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import LoraSpec
from region_perception.network.specs import named_spec
from region_perception.weights.precision import set_dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_t5_survives_half_precision(dtype: Any) -> None:
    """The sums in Flan-T5's feed-forwards are beyond float16, whose infinities would make every score NaN."""
    spec = named_spec("mini")
    t5 = replace(spec.language, kind="t5", activation="gelu", bos_id=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = RegionBlip(replace(spec, language=t5, lora=LoraSpec(language_targets=("q", "v")))).eval()
        soft = torch.randn(2, spec.qformer.queries, spec.qformer.width)
    for name, parameter in network.language.named_parameters():
        if ".wo." in name:
            parameter *= 3e6
    modalities = ["image", "cloud_region"]
    expected = network.language.score(soft, [[5], [6]], [[7, 8], [9, 10]], modalities).log_probs
    set_dtype(network, dtype)
    scores = network.language.score(soft, [[5], [6]], [[7, 8], [9, 10]], modalities).log_probs
    torch.testing.assert_close(scores, expected, rtol=0.05, atol=0.5)
    assert len(network.language.generate(soft, [[5], [6]], modalities, Decoding(max_tokens=4, beams=2))) == 2
