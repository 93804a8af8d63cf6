"""The steps that commands share: read what is asked about, load the model, draw what it said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from region_perception.cli.notes import note
from region_perception.cli.options import CameraOptions, ModelOptions, RegionOptions
from region_perception.cli.place import Place
from region_perception.cli.region_flags import regions_from
from region_perception.errors import InvalidInput, ModelNotFound

if TYPE_CHECKING:
    from region_perception.captioner import Captioner
    from region_perception.drawing import Drawable
    from region_perception.observations import CloudObservation, ImageObservation
    from region_perception.regions import Region


@dataclass(frozen=True, eq=False)
class Subject:
    """What is asked about: an observation and places in it, the whole where no region was given."""

    file: Path
    observation: "ImageObservation | CloudObservation"
    places: list[Place]


def read_subject(file: Path, regions: RegionOptions, camera: CameraOptions) -> Subject:
    """Reads the file and finds the regions in it, so that mistakes show before a model is loaded."""
    chosen: list[Region | None] = [*regions_from(regions)] or [None]
    observation = read_observation(file, camera)
    return Subject(file, observation, [Place.of(region, observation) for region in chosen])


def read_observation(file: Path, camera: CameraOptions) -> "ImageObservation | CloudObservation":
    """The image or cloud in a file; with `as_cloud` the cloud, which an image makes with depth and intrinsics."""
    from region_perception.observations import observe, observe_cloud, observe_image

    if not camera.as_cloud:
        return observe(file, depth=camera.depth, intrinsics=camera.intrinsics)
    if camera.depth is None and camera.intrinsics is None:
        return observe_cloud(file)
    return observe_image(file, depth=camera.depth, intrinsics=camera.intrinsics).cloud()


def load_captioner(options: ModelOptions) -> "Captioner":
    """The model that the flags name, or the first that is found."""
    from region_perception.captioner import load

    return load(
        options.model or _default_model(options),
        base=options.base,
        device=options.device,
        dtype=options.dtype,
        untrained=options.untrained,
        seed=options.seed,
        image_size=options.image_size,
    )


def draw(observation: "ImageObservation | CloudObservation", items: "list[Drawable]", path: Path) -> None:
    """Writes a picture of the observation with these items."""
    from region_perception.drawing import draw_cloud, draw_image
    from region_perception.observations import ImageObservation

    if isinstance(observation, ImageObservation):
        picture = draw_image(observation, items)
    else:
        picture = draw_cloud(observation, items)
    with writing(path):
        picture.save(path)
    note(f"wrote {path}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system says against writing `path`, or files in it, becomes an error that names the place."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{error.filename or path} cannot be written: {error.strerror or error}") from error


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Tells a bar on standard error how many of `what` (such as "scenes") are done, of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def first_model() -> str | None:
    """The folder of the first model of `region-perception models` with which nothing is wrong; None without any."""
    from region_perception.weights.places import list_models

    return next((str(listing.folder) for listing in list_models() if not listing.problem), None)


def _default_model(options: ModelOptions) -> str:
    from region_perception.network.specs import ANY_BASE
    from region_perception.weights.places import model_places

    if options.untrained:
        return "mini"
    if options.base is not None:
        return ANY_BASE
    first = first_model()
    if first is None:
        looked = ", ".join(map(str, model_places()))
        raise ModelNotFound(
            f"no model is installed (looked in {looked}); name one with --model, build on a BLIP-2 with --base, or "
            "try things out with --untrained, whose sentences mean nothing"
        )
    return first
