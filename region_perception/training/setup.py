"""Everything that a run needs, built from its recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import nn

from region_perception.confidence import Calibration, ScoreMethod
from region_perception.data.source import Source
from region_perception.errors import InvalidRecipe, TrainingError, warn_about_input
from region_perception.modalities import CLOUD_MODALITIES, REGION_MODALITIES
from region_perception.network.region_blip import parameter_owner
from region_perception.network.specs import ANY_BASE, SPECS
from region_perception.text import CODECS
from region_perception.training.batches import Batches
from region_perception.training.checkpoints import Checkpoints, fingerprint, restore
from region_perception.training.dense import DenseHeads
from region_perception.training.examples import Examples, PreparedExamples
from region_perception.training.feature_cache import cached_features
from region_perception.training.kept_examples import KeptExamples
from region_perception.training.order import Schedule
from region_perception.training.phases import choose_what_learns, make_optimiser, start_new_modalities
from region_perception.training.planning.data_sizes import DataSize
from region_perception.training.planning.parameters import part_sizes
from region_perception.training.planning.plan import Plan, make_plan
from region_perception.training.processes import Processes
from region_perception.training.recipe import Recipe, differences, read_recipe, save_recipe
from region_perception.training.recolored import RecoloredExamples
from region_perception.training.recompute import recompute_layers
from region_perception.training.sources import TrainingData, open_data
from region_perception.training.step import TrainingStep
from region_perception.training.validation import validation_batches
from region_perception.weights.load import LoadedModel, is_blip2, load_model


@dataclass(eq=False)
class Run:
    """The parts of a run."""

    recipe: Recipe
    folder: Path
    data: TrainingData
    accelerator: Accelerator
    processes: Processes
    model: LoadedModel
    module: TrainingStep
    prepared: nn.Module
    """`module` as accelerate runs it over several processes."""
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    batches: Batches
    held_back: Batches | None
    """The batches of validation."""
    checkpoints: Checkpoints
    frozen: str
    """The fingerprint of all that does not learn."""
    read: int = 0
    """How many samples all processes have read, and how many of them could not be read."""
    bad: int = 0
    complaints: list[str] = field(default_factory=list)
    """What this process could not read since it last said so."""


def set_up(recipe: Recipe, folder: Path, data: TrainingData | None = None, *, cpu: bool = False) -> Run:
    """Build a run, and claim its folder for it; see `loop.train`."""
    accelerator = Accelerator(
        cpu=cpu,
        # Half precision is the step's own matter: accelerate's would hold for all runs of a Python process.
        mixed_precision="no",
        # In semi-hybrid order a step uses the parts of one modality only.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    _refuse_other_recipe(folder, recipe)
    processes = Processes(accelerator)
    model = start_model(recipe, accelerator.device)
    data = data or open_data(recipe.data, recipe.shares, model.network.spec, max_bad_share=recipe.max_bad_share)
    _claim(folder, recipe, accelerator)
    choose_what_learns(model.network, recipe)
    start_new_modalities(model.network, recipe, model.trained)
    if recipe.recompute:
        recompute_layers(model.network)
    module = TrainingStep(model.network, recipe, processes, _heads(recipe, model, data, accelerator.device)).train()
    examples = _examples(recipe, model, data.train, "train")
    schedule = Schedule(recipe, {name: len(items) for name, items in examples.items()})
    held_back = None
    if data.validation and recipe.reports.validation_steps:
        unseen = _examples(recipe, model, data.validation, "validation")
        held_back = validation_batches(recipe, model.codec, unseen, processes)
    return Run(
        recipe=recipe,
        folder=folder,
        data=data,
        accelerator=accelerator,
        processes=processes,
        model=model,
        module=module,
        prepared=accelerator.prepare(module),
        optimiser=make_optimiser(module, recipe.optimiser),
        schedule=schedule,
        batches=Batches(recipe, model.codec, examples, schedule, process=processes.rank, processes=processes.count),
        held_back=held_back,
        checkpoints=Checkpoints(folder / "checkpoints", recipe.reports.keep),
        frozen=fingerprint({name: tensor for name, tensor in module.named_parameters() if not tensor.requires_grad}),
    )


def go_on(run: Run) -> int:
    """Put the newest whole checkpoint in place; returns how many steps were done by then, 0 in a new run."""
    checkpoint = run.checkpoints.newest()
    if checkpoint is None:
        return 0
    if checkpoint.state["frozen"] != run.frozen:
        raise TrainingError(
            f"{run.folder} began with another {run.recipe.start!r} than the one there now: what does not learn differs"
        )
    restore(run.module, run.optimiser, checkpoint)
    run.read, run.bad = checkpoint.state["read"], checkpoint.state["bad"]
    return checkpoint.step


def start_model(recipe: Recipe, device: torch.device) -> LoadedModel:
    """The model that the recipe begins with."""
    start, base = stands_on(recipe)
    if base is None and start in (*SPECS, ANY_BASE) and start not in CODECS:
        raise InvalidRecipe(
            f"recipe {recipe.name!r} begins with published weights, and does not say where they are: "
            "--start FOLDER, what `region-perception weights import` made of them (docs/training.md), "
            "or --base FOLDER_OR_HUB_ID, a BLIP-2 of transformers alone, such as Salesforce/blip2-opt-2.7b"
        )
    if base is None and start in SPECS:
        return load_model(start, untrained=True, seed=recipe.seed, device=device, dtype=recipe.dtype)
    model = load_model(start, base=base, device=device, dtype=recipe.dtype)
    if start in (*SPECS, ANY_BASE):
        _tell_what_a_blip2_lacks(recipe)
    return model


def stands_on(recipe: Recipe) -> tuple[str, str | None]:
    """The names of the model to begin with and of its base; a BLIP-2 of transformers is a base, whichever names it."""
    blip2 = recipe.base is None and recipe.start not in (*SPECS, ANY_BASE) and is_blip2(recipe.start)
    return (ANY_BASE, recipe.start) if blip2 else (recipe.start, recipe.base)


def _tell_what_a_blip2_lacks(recipe: Recipe) -> None:
    """Nothing would fail: it would learn less than was asked for."""
    losses = [name for name in ("contrast", "match", "write") if getattr(recipe.losses, name)]
    if losses:
        warn_about_input(
            f"a BLIP-2 of transformers has no text branch, so the losses {', '.join(losses)} are left out; "
            "`region-perception weights import` puts one in"
        )
    clouds = [name for name in recipe.shares if name in CLOUD_MODALITIES]
    if clouds and not recipe.encoders_learn:
        warn_about_input(
            f"the point encoder that {' and '.join(clouds)} are read by is frozen at random weights; "
            "`region-perception weights import` puts Point-BERT's in"
        )


def trained_modalities(run: Run) -> set[str]:
    """The modalities whose weights have learnt something, by now."""
    learnt = set() if run.recipe.phase == "encoders" else set(run.recipe.shares)
    return set(run.model.trained) | learnt


def kept_confidences(run: Run) -> tuple[list[Calibration], ScoreMethod | None]:
    """What stays of the calibration and the score method that the run's model began with.

    A modality keeps its calibration if nothing that it stands on learns; the method stays as long as there is a region
    modality that it was chosen by.
    """
    parameters = run.model.network.named_parameters()
    learning = {parameter_owner(name) for name, parameter in parameters if parameter.requires_grad}
    if "base" in learning:
        return [], None
    changed = learning | (set(CLOUD_MODALITIES) if "clouds" in learning else set())
    kept = [each for each in run.model.calibration if each.modality not in changed]
    chosen_by = [each.modality for each in kept if each.task == "find"]
    chosen_by += [name for name in REGION_MODALITIES if name in run.model.trained and name not in changed]
    return kept, run.model.score_method if chosen_by else None


def describe(run: Run, first: int) -> str:
    """One line about a run that is about to begin or to go on."""
    learning = sum(parameter.numel() for parameter in run.module.parameters() if parameter.requires_grad)
    total = sum(parameter.numel() for parameter in run.module.parameters())
    again = f", from step {first}" if first else ""
    epochs = math.ceil(run.schedule.steps / run.schedule.steps_per_epoch)
    return (
        f"{run.recipe.name}: {', '.join(run.recipe.shares)}; {learning:,} of {total:,} parameters learn; "
        f"{run.schedule.steps:,} steps in {epochs} epochs on {run.processes.count} x {run.accelerator.device}{again}"
    )


def plan_of(run: Run) -> Plan:
    """What the run is going to need."""
    return make_plan(
        run.recipe,
        run.model.network.spec,
        part_sizes(run.module.named_parameters(), run.recipe),
        {name: DataSize(len(run.data.train[name]), "as opened") for name in run.recipe.shares},
        run.processes.count,
    )


def _refuse_other_recipe(folder: Path, recipe: Recipe) -> None:
    path = folder / "recipe.json"
    if path.exists():
        different = differences(read_recipe(path), recipe)
        if different:
            raise TrainingError(f"{folder} holds a run of another recipe (there, here): {'; '.join(different)}")


def _claim(folder: Path, recipe: Recipe, accelerator: Accelerator) -> None:
    """Write the recipe into the run's folder, once it is known that there is something to train and to learn from."""
    accelerator.wait_for_everyone()
    path = folder / "recipe.json"
    if accelerator.is_main_process and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_recipe(recipe, path)


def _heads(recipe: Recipe, model: LoadedModel, data: TrainingData, device: torch.device) -> DenseHeads | None:
    if recipe.phase != "encoders":
        return None
    attributes = next(iter(data.train.values())).attributes
    if not attributes:
        raise TrainingError(
            f"phase 'encoders' learns classes, and {recipe.data.kind!r} has none of each pixel or point"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        return DenseHeads(model.network, attributes, recipe.losses.background).to(device)


def _examples(recipe: Recipe, model: LoadedModel, sources: Mapping[str, Source], use: str) -> dict[str, Examples]:
    """The examples of every modality that takes part."""
    spec = model.network.spec
    examples: dict[str, Examples] = {}
    for modality in recipe.shares:
        if modality not in sources:
            raise TrainingError(f"there are no data of {modality}; there are some of {', '.join(sources) or 'nothing'}")
        source = sources[modality]
        name = f"{modality}-{use}"
        prepared: Examples = PreparedExamples(source, spec)
        if recipe.data.keep:
            prepared = KeptExamples(Path(recipe.data.keep) / name, modality, source, spec)
        recolored = recipe.data.recolored if use == "train" else 0.0
        if recolored:
            prepared = RecoloredExamples(prepared, recolored)
        if modality in recipe.cached:
            # One process makes what is not there, and its lock keeps the others waiting: at a barrier of theirs
            # they would give up after ten minutes, and features of large data take hours.
            prepared = cached_features(
                recipe.cache, name, modality, source, prepared, model.network, recipe.workers, recolored=recolored
            )
        examples[modality] = prepared
    return examples
