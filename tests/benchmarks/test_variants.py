"""Each variant is the recipe with one thing changed, and a recipe that can be trained."""

from dataclasses import replace

import pytest
from study.variants import ORDER, WHOLE, Plan, chosen_variants, epoch_steps, variants

from region_perception.errors import InvalidInput
from region_perception.network.spec import PositionSpec
from region_perception.training.recipe import differences
from region_perception.training.recipes import named_recipe

PLAN = Plan(base="runs/base/model", steps=24, observations=32, batch=8, cache="features")
BOTH = PositionSpec(token_bias=True)


def made(plan=PLAN, position=BOTH, seed=5):
    return {variant.name: variant for variant in variants(plan, position, seed)}


def changed(variant, whole):
    """The fields of its last recipe that are not those of the whole variant's, and of how regions are told."""
    fields = {line.partition(":")[0] for line in differences(whole.stages[0], variant.stages[-1])}
    return fields | ({"position"} if variant.position != whole.position else set())


def test_the_whole_variant_is_the_known_recipe_in_small() -> None:
    known, (recipe,) = named_recipe("tabletop-modalities"), made()[WHOLE].stages
    assert (recipe.start, recipe.seed, recipe.steps, recipe.data.observations) == ("runs/base/model", 5, 24, 32)
    assert recipe.losses == known.losses
    assert recipe.sentence == known.sentence
    assert recipe.negatives == known.negatives
    assert {share.observations for share in recipe.shares.values()} == {8}
    assert recipe.optimiser.warmup_steps <= 2


def test_one_thing_is_changed_in_each() -> None:
    found = made()
    whole = found.pop(WHOLE)
    losses = {f"{how}-{name}" for name in ("contrast", "match", "write", "box") for how in ("with", "without")}
    for name, variant in found.items():
        if name in losses:
            assert changed(variant, whole) == {f"losses.{name.partition('-')[2]}"}
        elif variant.group == ORDER:
            assert changed(variant, whole) <= {"order", "steps"}
        elif name != "two-stages":
            assert changed(variant, whole) == {"position"}, name
    assert len(losses & set(found)) == 4
    told = {name: (variant.position.enabled, variant.position.token_bias) for name, variant in found.items()}
    assert told["pafe-alone"] == (True, False)
    assert told["without-pafe"] == (False, True)
    assert told["without-position"] == (False, False)


def test_without_preferred_tokens_there_is_one_way_to_leave_position_out() -> None:
    found = made(position=PositionSpec())
    assert not {"pafe-alone", "without-pafe"} & set(found)
    assert found["without-position"].position == PositionSpec(enabled=False)


def test_two_stages_take_as_many_steps_as_one() -> None:
    first, second = made(replace(PLAN, steps=25))["two-stages"].stages
    assert first.steps + second.steps == 25
    assert first.losses.language == 0 < first.losses.contrast
    assert second.losses.language > 0
    assert not second.losses.contrast + second.losses.match + second.losses.write + second.losses.box


def test_orders_read_equally_much() -> None:
    found = made()
    (whole,) = found[WHOLE].stages
    assert whole.order == "interleaved"
    assert found["mixed"].stages[0].steps == 8  # of three modalities each
    assert found["semi-hybrid"].stages[0].steps == 24


def test_an_order_that_an_unfinished_epoch_would_make_unfair_is_left_out() -> None:
    assert epoch_steps(made()[WHOLE].stages[0]) == 12
    assert "semi-hybrid" not in made(replace(PLAN, steps=20))


def test_variants_are_chosen_by_name_with_the_whole_one() -> None:
    every = list(made().values())
    assert chosen_variants(every, ()) == every
    assert [variant.name for variant in chosen_variants(every, ("mixed",))] == [WHOLE, "mixed"]
    with pytest.raises(InvalidInput, match="no variant is called 'sideways'; there are whole, "):
        chosen_variants(every, ("sideways",))
