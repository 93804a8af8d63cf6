"""Models from the Hugging Face hub: downloaded once, resumed where that stopped, found again without the internet."""

import re
from pathlib import Path

from region_perception.errors import ModelNotFound

# "owner/model", or "owner/model@revision" for one commit, branch or tag.
_HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?", re.ASCII)

# Weights, descriptions and tokenizers. Never pickles, never code.
_WANTED = ("*.safetensors", "*.json", "*.model", "merges.txt", "vocab.txt", "README.md")


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form of a hub id, "owner/model" or "owner/model@revision"."""
    return _HUB_ID.fullmatch(name) is not None


def download(hub_id: str) -> Path:
    """The folder of a hub model, downloaded as far as it is not here yet. Needs no internet where all of it is."""
    from huggingface_hub import snapshot_download

    parts = _HUB_ID.fullmatch(hub_id)
    if parts is None:
        raise ModelNotFound(f"{hub_id!r} is no hub id; expected owner/model or owner/model@revision")
    try:
        folder = snapshot_download(parts["id"], revision=parts["revision"], allow_patterns=list(_WANTED))
    except Exception as error:  # what a broken connection raises differs with the hub's version
        raise ModelNotFound(_not_fetched(parts["id"], parts["revision"], error)) from error
    return Path(folder)


def _not_fetched(repository: str, revision: str | None, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    reason = " ".join(str(error).split()) or type(error).__name__
    flags = "" if revision is None else f" --revision {revision}"
    patterns = " ".join(f"'{pattern}'" for pattern in _WANTED)
    return "\n".join(
        [
            f"the model {repository!r} is not on this machine and could not be fetched: {reason}",
            f"  looked in: {Path(HF_HUB_CACHE) / ('models--' + repository.replace('/', '--'))}, then the hub",
            f"  fetch it on a machine with internet: hf download {repository}{flags} --include {patterns}",
            "  a folder that it was copied to can be named in place of the id",
        ]
    )
