"""Measures are what their definitions say, counted again from what single members did when."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mechanics_year import bought, by_window, row, year
from scenes import RICH, scenario
from test_opening import cut, later

from sim.log import member_log
from sim.measures import measure_run
from sim.outcome import Outcome, simulate
from sim.scenario import Scenario

MEMBERS = 60


@pytest.fixture(scope="module")
def rich() -> Scenario:
    return scenario(RICH)


@pytest.fixture(scope="module")
def outcome(rich: Scenario) -> Outcome:
    return simulate(rich, members=MEMBERS, seed=2)


@pytest.fixture(scope="module")
def log(rich: Scenario) -> pd.DataFrame:
    return member_log(rich, 10_000, members=MEMBERS, seed=2)


def amount(log: pd.DataFrame, what: str) -> int:
    return int(log.loc[log["what"] == what, "amount"].sum())


def test_rates_of_members(outcome: Outcome, log: pd.DataFrame) -> None:
    """Active each month, repurchase within 30 days, retained, churned, redeemers, opted out."""
    found, end = measure_run(outcome), outcome.tables.p["end"][0]
    ever = log["member"].nunique()
    at_end = log[log["what"] == "members"]
    bought = log[log["what"] == "purchases"]
    active = bought.groupby("month")["member"].nunique() / at_end.groupby("month")["member"].nunique()
    assert found["active_rate"] == pytest.approx(active.sum() / len(outcome.cube))
    moments = bought.groupby("member")["at"].agg(list)
    first = moments[moments.str[0] <= end - 30]
    again = [len(m) > 1 and m[1] - m[0] <= 30 for m in first]
    assert found["repurchase_30"] == pytest.approx(np.mean(again)) and 0 < np.mean(again) < 1
    alive = set(log.loc[(log["what"] == "alive") & (log["month"] == log["month"].max()), "member"])
    start = set(log.loc[log["what"] == "active_at_start", "member"])
    founders = set(range(MEMBERS))
    assert found["retention"] == pytest.approx(len(alive & founders) / len(start))
    assert found["churned_share"] == pytest.approx(1 - len(alive) / ever)
    assert found["redeemer_share"] == pytest.approx(log.loc[log["what"] == "redemptions", "member"].nunique() / ever)
    assert found["opted_out"] == pytest.approx(log.loc[log["what"] == "opt_outs", "member"].nunique() / ever)


def test_how_often_each_incentive_is_given() -> None:
    """At joining, at the first purchase, twice a year at most, each month on its day; what lasts alone is given to nobody. A run
    that goes on counts its own."""
    coupon = {"coupon": {"value": 5.0}}
    rows = [
        row({"event": "sign_up"}, "welcome", give=coupon), row({"event": "first_purchase"}, "first", give=coupon),
        row({"event": "count_in_window", "window": "month", "reach": 2}, "sprint", give=coupon, limit=2),
        row({"event": "calendar", "days_of_month": [9]}, "day", message=True),
        row({"event": "purchase"}, "price", during={"price": 0.9}),
    ]  # fmt: skip
    o = year({"incentives": rows})
    assert o.members is not None
    months = (by_window(bought(o), 1) >= 2).sum(axis=1)
    expected = [400, (o.members["buys"] > 0).sum(), np.minimum(months, 2).sum(), 12 * 400]
    found = {name: value for name, value in measure_run(o).items() if name.startswith("grants.")}
    assert found == {f"grants.{name}": n / 400 for name, n in zip(("welcome", "first", "sprint", "day"), expected, strict=True)}
    first = simulate(cut(o.scenario, 5), members=400, seed=4, keep_state=True)
    assert first.state is not None
    rest = simulate(later(o.scenario, first.state.start, 7), seed=4, opening=first.state)
    np.testing.assert_array_equal(first.grants + rest.grants, o.grants)
    assert first.grants[3] == 5 * 400


def test_ratios_of_amounts(outcome: Outcome, log: pd.DataFrame) -> None:
    """Basket, redemption of points, use of coupons, benefit cost against sales, what went to purchases that come anyway."""
    found = measure_run(outcome)
    total = {what: amount(log, what) for what in log["what"].unique()}
    assert found["basket"] == pytest.approx(total["paid"] / 100 / total["purchases"])
    assert found["points_redemption_rate"] == pytest.approx(total["points_redeemed"] / total["points_issued"])
    assert found["coupon_use"] == pytest.approx(total["coupons_used"] / total["coupons_issued"])
    at_till = ("tier_discount", "incentive_discount", "coupon_value", "voucher_value", "reward_cost", "delivery_cost")
    handed_over = sum(total[what] for what in at_till)
    beside = ("gift_cost", "care_cost", "message_cost", "partner_charges", "partner_recoveries")
    cost = handed_over + sum(total[what] for what in beside)
    assert found["benefit_cost_share"] == pytest.approx(cost / total["list_value"])
    assert found["benefit_cost_of_revenue"] == pytest.approx(cost / total["paid"])
    assert found["anyway_share"] == pytest.approx(total["both_cost"] / handed_over)
    assert found["incremental_purchases"] == pytest.approx(
        (total["purchases"] - total["base_purchases"]) / log["member"].nunique()
    )


def test_mix_and_migration_of_tiers(outcome: Outcome, log: pd.DataFrame) -> None:
    """Where members are at the end of the run, and where those of a tier in its middle are then."""
    found = measure_run(outcome)
    tiers = log[log["what"] == "members"].pivot(index="member", columns="month", values="tier")
    last, middle = tiers[tiers.columns.max()], tiers[len(outcome.cube) // 2 - 1]
    for name, share in last.value_counts(normalize=True).items():
        assert found[f"tier_share.{name}"] == pytest.approx(share)
    moves = pd.crosstab(middle, last, normalize="index")
    assert moves.shape == (3, 3)
    for before in moves.index:
        for after in moves.columns:
            assert found[f"migration.{before}.{after}"] == pytest.approx(moves.loc[before, after])
