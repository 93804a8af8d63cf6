"""Tensors in safetensors files, whole or in shards. Read by memory map: a tensor costs memory once it is used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.json_files import load_json
from region_perception.weights.torch_files import read_torch_file


def has_tensors(folder: Path, stem: str) -> bool:
    """Whether `folder` holds `<stem>.safetensors`, whole or in shards."""
    return any(path.exists() for path in (_whole(folder, stem), _index(folder, stem)))


def read_tensors(folder: Path, stem: str) -> dict[str, Tensor]:
    """All tensors of `<stem>.safetensors` in `folder`, or of the shards that its index names."""
    whole, index = _whole(folder, stem), _index(folder, stem)
    if whole.exists():
        return read_safetensors(whole)
    if not index.exists():
        raise WeightsError(f"{folder} has neither {whole.name} nor {index.name}")
    places = read_index(index)
    tensors: dict[str, Tensor] = {}
    for shard in dict.fromkeys(places.values()):
        tensors |= read_safetensors(folder / shard)
    lost = sorted(name for name in places if name not in tensors)
    if lost:
        raise WeightsError(f"{index} promises tensors that its shards lack: {', '.join(lost)}")
    return tensors


def read_checkpoint(folder: Path) -> dict[str, Tensor]:
    """All tensors that transformers saved into `folder`: safetensors, or else `pytorch_model.bin`, whole or in shards.

    Of the latter nothing but tensors is unpickled.
    """
    if has_tensors(folder, "model"):
        return read_tensors(folder, "model")
    whole, index = folder / "pytorch_model.bin", folder / "pytorch_model.bin.index.json"
    if whole.exists():
        return _read_pickle(whole)
    if not index.exists():
        raise WeightsError(f"{folder} has no weights: neither model.safetensors nor {whole.name}, whole or in shards")
    tensors: dict[str, Tensor] = {}
    for shard in dict.fromkeys(read_index(index).values()):
        tensors |= _read_pickle(folder / shard)
    return tensors


def write_tensors(folder: Path, stem: str, tensors: Mapping[str, Tensor], max_shard_size: int | str) -> None:
    """Write `<stem>.safetensors`, or shards and an index if that were larger than `max_shard_size` ("4GB", bytes)."""
    from huggingface_hub import save_torch_state_dict

    # A memory-mapped or shared tensor is written as it is; only its layout has to be plain.
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_torch_state_dict(
        plain, folder, filename_pattern=f"{stem}{{suffix}}.safetensors", max_shard_size=max_shard_size
    )


def read_index(path: Path) -> dict[str, str]:
    """Which file each tensor lies in, from a standard `*.index.json`. Files outside the folder are refused."""
    places = load_json(path, dict, refused=WeightsError).get("weight_map")
    right = isinstance(places, dict) and all(isinstance(file, str) for file in places.values())
    if not right or not places:
        raise WeightsError(f"{path} has no map from tensors to files under `weight_map`")
    outside = sorted({file for file in places.values() if Path(file).name != file})
    if outside:
        raise WeightsError(f"{path} points outside its own folder: {', '.join(outside)}")
    return places


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of one safetensors file."""
    with _readable(path), safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dictionary)


def _read_pickle(path: Path) -> dict[str, Tensor]:
    tensors = read_torch_file(path)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(f"{path} holds something else than named tensors")
    return tensors


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is a `WeightsError` that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing") from None
    except SafetensorError as error:
        raise WeightsError(f"{path} is truncated or no safetensors file: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def _whole(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.safetensors"


def _index(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.safetensors.index.json"
