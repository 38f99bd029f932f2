"""Negative controls: what must not happen, does not, exactly."""

import copy

import numpy as np
import pytest
from scenes import RICH, scenario

from sim.effects import EFFECTS, Effect
from sim.measures import BY_NAME
from sim.outcome import simulate
from sim.programme import Programme


def bare(changes: dict | None = None) -> dict:
    """The rich scenario with every effect off."""
    found = copy.deepcopy(RICH)
    found["behaviour"] = {"all_effects": False}
    found.update(changes or {})
    return found


def test_effects_off_purchases_are_the_baselines() -> None:
    """Incremental purchases exactly 0; two designs differ by what they hand over and by nothing else."""
    rich, plain = scenario(bare()), scenario(bare({"programme": {}}))
    a, b = (simulate(which, members=3000, seed=8) for which in (rich, plain))
    for name in ("purchases", "list_value", "active", "lapses", "returns"):
        np.testing.assert_array_equal(a.by_month(name), b.by_month(name), err_msg=name)
    np.testing.assert_array_equal(a.survival, b.survival)
    for name in ("gained_list", "lost_list", "kept_list", "gone_list"):
        assert a.total(name) == 0, name
    handed_over = a.total("list_value") - a.total("paid")
    assert handed_over > 0
    assert b.total("paid") - a.total("paid") == handed_over
    assert BY_NAME["incremental_purchases"].compute(a) == 0.0


def test_the_shadow_is_the_run_without_a_programme() -> None:
    """What the rich run says its members would have done without it is what they do in a run without it, to the unit."""
    rich = scenario(RICH)
    plain = scenario({**RICH, "programme": {}})
    a, b = (simulate(which, members=3000, seed=3) for which in (rich, plain))
    np.testing.assert_array_equal(a.by_month("base_purchases"), b.by_month("purchases"))
    np.testing.assert_array_equal(a.by_month("base_list"), b.by_month("list_value"))
    np.testing.assert_array_equal(a.survival[:, :, 1], b.survival[:, :, 0])
    assert a.total("gained_list") > 0


def test_margin_splits_without_remainder() -> None:
    """Incremental list value = attrition + frequency + basket, exactly; each purchase is in one class."""
    o = simulate(scenario(RICH), members=3000, seed=3)
    parts = (
        o.total("kept_list") - o.total("gone_list"),
        o.total("gained_list") - o.total("lost_list"),
        o.total("both_list") - o.total("both_base_list"),
    )
    assert sum(parts) == o.total("list_value") - o.total("base_list")
    assert o.total("both_purchases") + o.total("gained_purchases") + o.total("kept_purchases") == o.total("purchases")


def test_a_a_is_nothing() -> None:
    """The same design under two names: every difference is exactly 0."""
    from scenarios.comparison import compare

    first = scenario(RICH)
    found = compare([first, first.model_copy(update={"name": "again"})], members=300, replications=2)
    for name, figure in found.differences["again"].items():
        assert figure.value == 0.0 or np.isnan(figure.value), name


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_a_single_switch(effect: Effect) -> None:
    """Every effect acts, and with its switch off the run is the one with its strengths at 0; so with the switch of all."""
    zero = {p.name: p.off for p in effect.parameters}
    others = {e.name: {p.name: p.off for p in e.parameters} for e in EFFECTS if e is not effect}
    on, off, none, all_off, all_none = (
        simulate(scenario(RICH, behaviour=behaviour), members=300, seed=1).cube
        for behaviour in (
            {},
            {"effects": {effect.name: {"on": False}}},
            {"effects": {effect.name: zero}},
            {"all_effects": False},
            {"effects": {**others, effect.name: zero}},
        )
    )
    np.testing.assert_array_equal(off, none)
    np.testing.assert_array_equal(all_off, all_none)
    assert (on != off).any()


def test_no_programme_costs_nothing() -> None:
    o = simulate(scenario({**RICH, "programme": Programme().model_dump()}), members=500, seed=1)
    assert BY_NAME["benefit_cost"].compute(o) == 0.0
    assert BY_NAME["fixed_cost"].compute(o) == 0.0
    assert BY_NAME["incremental_net_margin"].compute(o) == 0.0
