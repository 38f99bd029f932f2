"""The oracle: production and the reference driver agree member by member, to the bit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import RICH, scenario
from test_ledger import markets, programmes

from sim.outcome import Outcome, simulate, simulate_reference


def same(a: Outcome, b: Outcome) -> None:
    np.testing.assert_array_equal(a.cube, b.cube)
    np.testing.assert_array_equal(a.survival, b.survival)
    np.testing.assert_array_equal(a.migration, b.migration)
    np.testing.assert_array_equal(a.repurchase, b.repurchase)
    np.testing.assert_array_equal(a.grants, b.grants)
    assert a.members is not None
    assert b.members is not None
    for field in a.members.dtype.names:
        np.testing.assert_array_equal(a.members[field], b.members[field], err_msg=field)


@pytest.mark.parametrize("seed", [10, 14])
def test_everything_at_once(seed: int) -> None:
    """Every trigger, every effect, budgets that run out, seasons, joiners, pending points, windows that roll."""
    rich = scenario(RICH)
    a = simulate(rich, members=60, seed=seed, draw=seed, keep=True)
    same(a, simulate_reference(rich, members=60, seed=seed, draw=seed))
    for name in ("coupons_used", "redemptions", "points_expired", "downgrades", "returns", "lapses", "opt_outs", "gained_list",
                 "refunds", "points_clawed_back", "owed", "fees", "partner_charges", "partner_recoveries"):  # fmt: skip
        assert a.total(name) != 0, f"{name} never happened: the agreement says nothing about it"


def test_plan_p4_as_it_stands() -> None:
    """The library's own P4, all effects on, two years."""
    from scenarios.files import load

    p4 = load("p4")
    same(simulate(p4, members=40, seed=3, draw=3, keep=True), simulate_reference(p4, members=40, seed=3, draw=3))


@pytest.mark.parametrize("seed", [4, 5])
def test_candidates_that_go_by_unseen_could_not_have_bought(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production passes over candidates by an upper bound of the response; the reference here evaluates every one."""
    rich = scenario(RICH)
    production = simulate(rich, members=60, seed=seed, draw=seed, keep=True)
    monkeypatch.setattr("sim.rules.life.too_low", lambda most, u: False)
    same(production, simulate_reference(rich, members=60, seed=seed, draw=seed))


COUPONS = [
    {"name": f"for {days}", "when": {"event": "purchase"}, "give": {"coupon": {"value": 2.0, "days": days}}}
    for days in (3, 9, 27)
]
"""They lapse one after another, while candidates go by."""


@pytest.mark.parametrize(
    "changes",
    [
        {"programme__qualification": {"window": "calendar", "months": 3, "review_every_months": 3, "downgrade": "full"}},
        {"programme__qualification": {"window": "cumulative", "upgrade": "at_review", "review_every_months": 6}},
        {"programme__expiry": {"rule": "fixed_date", "months": 2, "month": 6}},
        {"programme__expiry": {"rule": "inactivity", "months": 2}},
        {"programme__earning": {"points_per_unit": 1.5, "base": "list", "cap_per_month": 100, "rounding": "nearest"}},
        {"programme__incentives": COUPONS, "programme__card_valid_months": None},
    ],
)
def test_other_forms(changes: dict) -> None:
    other = scenario(RICH, **changes)
    same(simulate(other, members=40, seed=5, keep=True), simulate_reference(other, members=40, seed=5))


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programme=programmes(), market=markets(), seed=st.integers(0, 1000))
def test_random_programmes(programme: dict, market: dict, seed: int) -> None:
    other = scenario({**RICH, "programme": programme, "market": market, "horizon": {"months": 7}})
    a = simulate(other, members=12, seed=seed, keep=True, cohorts=True)
    b = simulate_reference(other, members=12, seed=seed, cohorts=True)
    same(a, b)
    np.testing.assert_array_equal(a.cohorts, b.cohorts)


def test_sums_over_members_are_those_of_the_members() -> None:
    """Tier migration and repurchase, which no tally holds, counted again from where every member ends."""
    o = simulate(scenario(RICH), members=2000, seed=4, keep=True)
    assert o.members is not None
    m, tiers = o.members, len(o.tables.tiers)
    moved = np.zeros((tiers, tiers), np.int64)
    there = m["tier0"] >= 0
    np.add.at(moved, (m["tier0"][there], m["tier"][there]), 1)
    np.testing.assert_array_equal(o.migration, moved)
    assert (moved != moved.T).any()
    first = m["first_buy"] <= o.tables.p["end"][0] - 30.0
    assert o.repurchase.tolist() == [first.sum(), (first & (m["second_gap"] <= 30.0)).sum()]
    assert 0 < o.repurchase[1] < o.repurchase[0]
