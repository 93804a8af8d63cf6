"""`region-perception join`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from region_perception.cli.options import Switch
from region_perception.errors import InvalidInput


def join(
    model: Positional[Annotated[str, arg(metavar="MODEL")]],
    out: Annotated[Path, arg(metavar="FOLDER")],
    take: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="PART=MODEL")] = (),
    card: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None,
    overwrite: Switch = False,
) -> None:
    """Make one model of parts that were trained apart, for example each modality by a run of its own.

    Example: region-perception join runs/base/model --take image_region=runs/regions/model --out whole

    Args:
        model: Folder, name or hub id of the model whose other parts stay.
        out: Folder for the new model.
        take: What is taken from which model: clouds (the point encoder), image_region, cloud or cloud_region; may be
            repeated. A modality has to have learnt over the same base, and the same point encoder.
        card: Text for the model's README.md.
        overwrite: Replace a model that is in the folder.
    """
    from region_perception.weights.join import join_models

    parts: dict[str, str] = {}
    for text in take:
        part, equals, source = text.partition("=")
        if not (part and equals and source) or part in parts:
            raise InvalidInput(f"--take {text}: expected PART=MODEL, each part once")
        parts[part] = source
    text = _made_of(model, parts, out) if card is None else _read(card)
    print(join_models(model, parts, out, card=text, overwrite=overwrite))


def _made_of(model: str, parts: dict[str, str], out: Path) -> str:
    """A card that says where everything came from."""
    taken = [f"- `{part}` of `{source}`" for part, source in parts.items()]
    return "\n".join([f"# {out.name}", "", f"`{model}` with", *taken, ""])


def _read(card: Path) -> str:
    try:
        return card.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--card {card} cannot be read: {error}") from error
