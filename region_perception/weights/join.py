"""`join_models`: one model out of parts that were trained apart."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from region_perception.confidence import Calibration
from region_perception.errors import InvalidInput, WeightsError
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.weights.assemble import owned_tensors
from region_perception.weights.load import LoadedModel, load_model
from region_perception.weights.store import save_model

CLOUDS = "clouds"  # the owner of the point encoder, which the cloud modalities share


def join_models(
    model: str | os.PathLike[str],
    parts: Mapping[str, str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    card: str,
    overwrite: bool = False,
) -> Path:
    """Write `model` with parts of other models in place of its own into `folder`, and return that folder.

    `parts`: by what is taken (`clouds`, the point encoder; or a modality but `image`, with its adapters) the model that
    it is taken from. A modality means something only over the weights that it learnt on: where the base, or for clouds
    the point encoder, of its model differs from that of the result, it is refused. A modality brings its calibration;
    that of `find` only where both models compare by the same method. The other parts keep theirs, unless what they
    stand on is replaced.
    """
    result = load_model(model, device="cpu")
    wanted = owned_tensors(result.network)
    trained, calibration = set(result.trained), set(result.calibration)
    # The point encoder first: whether modalities fit depends on it.
    for owner in sorted(parts, key=lambda owner: owner != CLOUDS):
        if owner not in wanted or owner == "base":
            raise InvalidInput(f"no part is called {owner!r}; expected some of {', '.join(_parts(wanted))}")
        donor = load_model(parts[owner], device="cpu")
        if donor.network.spec != result.network.spec:
            raise WeightsError(f"{donor.source} is a network of another spec than {result.source}")
        _refuse_other_ground(owner, donor, wanted, parts)
        given = owned_tensors(donor.network)[owner]
        with torch.no_grad():
            for name, tensor in wanted[owner].items():
                tensor.copy_(given[name])
        if owner == CLOUDS:
            trained -= set(CLOUD_MODALITIES) - set(parts)  # they learnt over another point encoder
            calibration = {each for each in calibration if each.modality not in CLOUD_MODALITIES}
        else:
            trained = trained - {owner} | ({owner} & donor.trained)
            calibration = {each for each in calibration if each.modality != owner} | _brought(owner, donor, result)
    return save_model(
        folder,
        result.network,
        result.codec,
        card=card,
        trained=trained,
        calibration=sorted(calibration, key=lambda each: (each.task, each.modality)),
        score_method=result.score_method,
        overwrite=overwrite,
    )


def _brought(owner: str, donor: LoadedModel, result: LoadedModel) -> set[Calibration]:
    """The calibration that a modality brings with it."""
    same_method = donor.score_method == result.score_method
    return {each for each in donor.calibration if each.modality == owner and (same_method or each.task != "find")}


def _parts(owners: Mapping[str, object]) -> Sequence[str]:
    return [owner for owner in owners if owner != "base"]


def _refuse_other_ground(
    owner: str, donor: LoadedModel, wanted: Mapping[str, Mapping[str, Tensor]], parts: Mapping[str, object]
) -> None:
    """That a modality's part learnt over the same frozen weights as it will stand on."""
    if owner == CLOUDS:
        return
    ground = ["base", CLOUDS] if owner in CLOUD_MODALITIES else ["base"]
    theirs = owned_tensors(donor.network)
    for below in ground:
        if any(not torch.equal(tensor, theirs[below][name]) for name, tensor in wanted[below].items()):
            what = "base" if below == "base" else "point encoder"
            raise WeightsError(
                f"{owner} of {donor.source} learnt over another {what}; it would see something else here"
            )
