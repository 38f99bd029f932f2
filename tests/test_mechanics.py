"""What a mechanism moves, and that it moves nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scenes import RICH, scenario, without

from sim import tally
from sim.outcome import simulate


@pytest.mark.parametrize("name", [row["name"] for row in RICH["programme"]["incentives"]])
def test_an_incentive_of_one_segment_changes_its_members_alone(name: str) -> None:
    """Every trigger, every effect on, one row opened to the town alone: of the country's members every field of their state is
    the same with the row and without it, the engine's alarm clock apart; so is the world without a programme, of all."""
    base = without(RICH)
    for one in base["programme"]["incentives"]:
        one.pop("budget", None)
        if one["name"] == name:
            one["only"] = {**one.get("only", {}), "segments": ["town"]}
    with_it, without_it = (simulate(scenario(s), members=800, seed=6, keep=True) for s in (base, without(base, name)))
    a, b = with_it.members, without_it.members
    assert a is not None and b is not None
    country = a["segment"] == 1
    for field in sorted(set(a.dtype.names) - {"due", "task"}):
        np.testing.assert_array_equal(a[field][country], b[field][country], err_msg=field)
    np.testing.assert_array_equal(with_it.cube[:, :, 1], without_it.cube[:, :, 1])
    assert (a[~country] != b[~country]).sum() > 30
    for unmoved in (tally.BASE_PURCHASES, tally.BASE_LIST, tally.ALIVE0):
        np.testing.assert_array_equal(with_it.cube[..., unmoved].sum(axis=1), without_it.cube[..., unmoved].sum(axis=1))
    np.testing.assert_array_equal(with_it.survival[..., 1], without_it.survival[..., 1])


def test_what_a_tier_has_changes_nobody_who_never_was_in_it() -> None:
    """Another price, rate of earning, delivery and care at the top, every effect on."""
    base = copy.deepcopy(RICH)
    base["programme"].pop("card_valid_months")
    base["programme"]["qualification"]["downgrade"] = "never"  # so that who is not at the top at the end never was
    base["programme"]["incentives"] = [{k: v for k, v in one.items() if k != "budget"} for one in RICH["programme"]["incentives"]]
    other = copy.deepcopy(base)
    other["programme"]["tiers"][2].update(price=0.7, earning=3.0, free_delivery=False, care_value_per_month=20.0)
    a, b = (simulate(scenario(s), members=2000, seed=6, keep=True).members for s in (base, other))
    assert a is not None and b is not None
    below = a["tier"] < 2
    np.testing.assert_array_equal(below, b["tier"] < 2)
    np.testing.assert_array_equal(a[below], b[below])
    assert (a[~below] != b[~below]).sum() > 50
