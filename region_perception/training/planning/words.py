"""A plan in words: tables for people, and a few lines that a run begins with."""

from collections.abc import Sequence
from typing import NamedTuple

from region_perception.training.planning.devices import DEVICES, Device
from region_perception.training.planning.plan import ROOM, Plan

GIB = 2**30


class Table(NamedTuple):
    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(plan: Plan) -> list[Table]:
    """All that is known of the run."""
    return [_parts(plan), _memory(plan), _modalities(plan), _times(plan)]


def heading(plan: Plan) -> str:
    """What the plan is of."""
    recipe = plan.recipe
    missing = "" if plan.spec.qformer.text_branch else "; no text branch: contrast, match and write are left out"
    devices = "one device" if plan.devices == 1 else f"{plan.devices} devices"
    return (
        f"{recipe.name}: {plan.spec.name} on {devices}, phase {recipe.phase}, "
        f"{recipe.precision} over {recipe.dtype}{missing}"
    )


def extent(plan: Plan) -> str:
    """How long the run is."""
    return (
        f"{plan.steps:,} steps, {plan.steps_per_epoch:,} an epoch, {plan.steps / plan.steps_per_epoch:.3g} epochs; "
        f"{plan.samples:,} samples; {amount(plan.operations / plan.steps)} operations a step, "
        f"{amount(plan.operations)} in all"
    )


def brief(plan: Plan, memory: float) -> str:
    """The few lines that a run on devices of so many bytes begins with."""
    times = ", ".join(f"{duration(_seconds(plan, device))} on {device.name}" for device in DEVICES)
    small = "" if plan.fits(memory) else f"; that may be too much for {size(memory)}: --plan says what would help"
    where = "one device" if plan.devices == 1 else f"each of {plan.devices} devices"
    return (
        f"about {size(plan.memory)} on {where} (weights {size(plan.weights)}, gradients and optimiser "
        f"{size(plan.gradients + plan.optimiser)}, activations about {size(plan.activations)}){small}; "
        f"{plan.samples:,} samples, {amount(plan.operations)} operations: about {times}"
    )


def verdict(plan: Plan, memory: float, flags: Sequence[str]) -> str:
    """Whether devices of so many bytes are enough; `flags`: with which they would be."""
    have = f"{size(plan.memory)} of {size(memory)}, of which {ROOM:.0%} stay free"
    if plan.fits(memory):
        return f"fits: {have}"
    if flags:
        return f"does not fit: {have}. It would with {' '.join(flags)}"
    return (
        f"does not fit: {have}, and no flag makes it small enough: weights, gradients and optimiser alone take "
        f"{size(plan.weights + plan.gradients + plan.optimiser)}. Take a smaller language model, or larger devices"
    )


def _parts(plan: Plan) -> Table:
    counts, bytes_ = ["frozen", "learning"], ["weights", "gradients", "optimiser"]
    rows = [
        [part.name, *(f"{getattr(part, name):,}" for name in counts), *(size(getattr(part, name)) for name in bytes_)]
        for part in plan.parts
    ]
    total = {name: sum(getattr(part, name) for part in plan.parts) for name in (*counts, *bytes_)}
    rows.append(["all", *(f"{total[name]:,}" for name in counts), *(size(total[name]) for name in bytes_)])
    columns = ["part", *counts, *bytes_]
    return Table("parameters, and their bytes on each device (exact)", columns, rows)


def _memory(plan: Plan) -> Table:
    twice = ", twice: once to travel between devices" if plan.devices > 1 else ""
    rows = [
        ["weights", size(plan.weights), "exact"],
        ["gradients", size(plan.gradients), f"exact{twice}"],
        ["optimiser", size(plan.optimiser), "exact"],
        *([f"activations, {name}", size(kept), "estimate"] for name, kept in plan.kept.items() if kept),
        ["largest operation", size(plan.passing), "estimate"],
        ["all", size(plan.memory), "estimate"],
    ]
    return Table("memory of each device, in the step that needs most", ["", "bytes", ""], rows)


def _modalities(plan: Plan) -> Table:
    rows = []
    for name, one in plan.modalities.items():
        share = plan.recipe.shares[name]
        operations = amount(one.forward + one.backward)
        stored = f"{size(one.cache)}, {'kept' if one.cached else 'not kept'}" if one.cache else "changes every time"
        data = f"{one.data.observations:,} ({one.data.known})"
        rows.append([name, data, f"{share.observations} x {share.regions}", f"{one.steps:,}", operations, stored])
    columns = ["modality", "observations", "a step reads", "steps an epoch", "operations a sample", "features on disk"]
    return Table("what is learnt from; a sample is one observation with its regions", columns, rows)


def _times(plan: Plan) -> Table:
    rows = []
    for device in DEVICES:
        seconds = _seconds(plan, device)
        share = f"{device.share:.0%} of {amount(device.peak)}/s"
        rows.append([device.name, share, f"{seconds / plan.steps:.2g} s", duration(seconds)])
    many = "one device" if plan.devices == 1 else f"{plan.devices} devices together"
    return Table(
        f"time of {many} (estimate; reading and preparing apart)",
        ["device", "taken to reach", "a step", "in all"],
        rows,
    )


def _seconds(plan: Plan, device: Device) -> float:
    return plan.operations / (plan.devices * device.speed)


def size(count: float) -> str:
    """Bytes: "1.5 GiB"."""
    for unit, name in ((GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:.0f} B" if count else "-"


def amount(count: float) -> str:
    """Operations: "2.1 T"."""
    for unit, name in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if count >= unit:
            return f"{count / unit:,.3g} {name}"
    return f"{count:,.0f}"


def duration(seconds: float) -> str:
    """A time: "3.2 days"."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:.2g} seconds"
