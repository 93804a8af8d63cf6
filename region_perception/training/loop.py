"""The training loop. `train` is the whole run; `setup` builds its parts.

    <folder>/
        recipe.json      what was asked for, every field
        log.jsonl        and TensorBoard's files beside it
        checkpoints/     the last few
        samples/         captions with pictures, from validation
        model/           the trained model, at the end

The same call starts a run and goes on with it: what a step does depends on the seed, the step and the weights alone.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate.utils import gather_object
from torch import Tensor

from region_perception.errors import TrainingError
from region_perception.training.batches import Batch
from region_perception.training.checkpoints import learnt_tensors, optimiser_tensors
from region_perception.training.order import generator
from region_perception.training.phases import learning_rate
from region_perception.training.planning.machine import device_memory
from region_perception.training.planning.words import brief
from region_perception.training.recipe import Recipe
from region_perception.training.report import RunLog, Speed, peak_memory
from region_perception.training.setup import (
    Run,
    describe,
    go_on,
    kept_confidences,
    plan_of,
    set_up,
    stands_on,
    trained_modalities,
)
from region_perception.training.sources import TrainingData
from region_perception.training.step import combine
from region_perception.training.validation import validate, write_samples
from region_perception.weights.store import save_model

# The share of bad samples means nothing before so many have been read.
_FEW = 50


def train(recipe: Recipe, folder: Path, data: TrainingData | None = None, *, cpu: bool = False) -> Path:
    """Train as the recipe says, or go on with the run in `folder`; returns the folder of the trained model.

    `data`: other data than those that the recipe names. `cpu` leaves GPUs alone. Started by `accelerate launch`, the
    processes share every step's observations.
    """
    run = set_up(recipe, folder, data, cpu=cpu)
    first, last, reports = go_on(run), run.schedule.steps, recipe.reports
    main = run.accelerator.is_main_process
    with RunLog(folder, first=first, steps=last, tensorboard=reports.tensorboard, silent=not main) as log:
        log.note("start", first, describe(run, first))
        log.note(
            "plan",
            first,
            brief(plan_of(run), device_memory(run.processes.count, run.accelerator.device.type != "cuda")),
        )
        batches, speed = run.batches.from_step(first), Speed()
        for step in range(first, last):
            rate = learning_rate(step, last, recipe.optimiser)
            means = take_step(run, batches, rate, speed)
            done = step + 1
            saves = _due(done, reports.checkpoint_every, last)
            # Before a checkpoint, too: what was skipped until then would be named by nobody who goes on from it.
            if saves or _due(done, reports.log_every, last):
                _say(run, log, done, rate, means, speed)
            if _due(done, reports.validate_every, last):
                _validate(run, log, done)
            if saves:
                _save(run, done)
            log.advance(done)
    return _finish(run)


def take_step(run: Run, batches: Iterator[Batch], rate: float, speed: Speed) -> dict[str, Tensor]:
    """One step of the optimiser; returns the means of all losses over processes and parts, and the gradient's norm."""
    recipe, accelerator = run.recipe, run.accelerator
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    for turn in range(recipe.accumulate):
        batch = next(batches)
        run.complaints += batch.skipped
        # What dropout draws is a function of batch and process, so that no random state has to be kept.
        random = generator(recipe.seed, f"process {run.processes.rank}", batch.number, "dropout")
        torch.manual_seed(int(random.integers(2**62)))
        # Gradients travel between processes once in a step, with its last part.
        last = turn == recipe.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(run.prepared):
            terms = run.prepared(batch.to(accelerator.device))
            loss, means = combine(terms, recipe.losses, run.processes)
            accelerator.backward(loss / recipe.accumulate)
        for name, value in means.items():
            sums[name] = sums.get(name, 0) + value / recipe.accumulate
        speed.add(batch.observations * run.processes.count, batch.rows * run.processes.count)
    longest = recipe.optimiser.clip or math.inf
    sums["gradient"] = torch.nn.utils.clip_grad_norm_(run.module.parameters(), longest)
    run.optimiser.step()
    return sums


def _due(done: int, every: int, last: int) -> bool:
    return done == last or (every > 0 and done % every == 0)


def _say(run: Run, log: RunLog, done: int, rate: float, means: dict[str, Tensor], speed: Speed) -> None:
    """Log the step, and what could not be read since the last time."""
    figures = {name: float(value) for name, value in means.items()}
    _count_bad(run, log, done, speed)
    rates = speed.read()
    memory = peak_memory(run.accelerator.device)
    epoch = run.schedule.epoch(done - 1)
    log.write("train", done, epoch=epoch, rate=rate, **figures, **rates, **memory)
    log.advance(done, figures["loss"], rates["rows_per_s"])
    _require_finite(figures["loss"], done)


def _count_bad(run: Run, log: RunLog, done: int, speed: Speed) -> None:
    complaints = gather_object(run.complaints)
    run.complaints = []
    run.bad += len(complaints)
    run.read += speed.observations + len(complaints)
    for complaint in complaints:
        log.note("skipped", done, complaint)
    if run.read >= _FEW and run.bad > run.recipe.max_bad_share * run.read:
        raise TrainingError(
            f"{run.bad:,} of {run.read:,} samples cannot be read, more than max_bad_share={run.recipe.max_bad_share}; "
            f"log.jsonl names them all; the last: {complaints[-1] if complaints else 'before this start'}"
        )


def _require_finite(loss: float, done: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(f"the loss is {loss} after {done} steps; a lower rate or a clipped gradient may help")


def _validate(run: Run, log: RunLog, done: int) -> None:
    if run.held_back is None:
        return
    figures = validate(run.prepared, run.held_back, run.processes, run.accelerator.device)
    log.write("validation", done, **figures)
    log.note("validated", done, f"validation loss {figures['loss']:.4f}")
    if run.accelerator.is_main_process and run.recipe.phase != "encoders" and run.recipe.reports.samples:
        sources = {name: run.data.validation[name] for name in run.recipe.shares}
        write_samples(run.module, run.model.codec, sources, run.folder / "samples", done, run.recipe.reports.samples)
    run.accelerator.wait_for_everyone()


def _save(run: Run, done: int) -> None:
    if run.accelerator.is_main_process:
        run.checkpoints.save(
            done,
            learnt_tensors(run.module),
            optimiser_tensors(run.module, run.optimiser),
            {"frozen": run.frozen, "read": run.read, "bad": run.bad},
        )
    run.accelerator.wait_for_everyone()


def _finish(run: Run) -> Path:
    """Write the trained model; the heads that only training has are left behind."""
    folder = run.folder / "model"
    if run.accelerator.is_main_process:
        calibration, score_method = kept_confidences(run)
        save_model(
            folder,
            run.model.network,
            run.model.codec,
            card=_card(run),
            trained=trained_modalities(run),
            # Adapters can stand on the base that they were trained over; a base that was trained itself cannot.
            base=stands_on(run.recipe)[1] if run.recipe.phase == "modalities" else None,
            calibration=calibration,
            score_method=score_method,
            overwrite=True,
        )
    run.accelerator.wait_for_everyone()
    run.accelerator.end_training()
    return folder


def _card(run: Run) -> str:
    learnt = ", ".join(sorted(trained_modalities(run))) or "none; its encoders have"
    return (
        f"# {run.recipe.name}\n\n"
        f"Trained by the recipe `{run.recipe.name}` (phase {run.recipe.phase}, seed {run.recipe.seed}) from "
        f"`{run.recipe.start}`, in {run.schedule.steps:,} steps. Modalities that have learnt: {learnt}.\n\n"
        "`recipe.json` and `log.jsonl` in the run's folder say the rest.\n"
    )
