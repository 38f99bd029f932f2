"""The log of single members: its sum over all of them is the run, and a sample tells the same lives."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from scenes import RICH, scenario

from loyalsim import cli
from scenarios.files import resolved_yaml
from sim import tally
from sim.log import member_log, unit_of
from sim.measures import measure_run
from sim.outcome import simulate


@pytest.fixture(scope="module")
def rich():
    return scenario(RICH)


@pytest.fixture(scope="module")
def whole(rich):
    return member_log(rich, 10_000, members=60, seed=1, draw=1)


def test_the_sum_over_all_members_is_the_run_to_the_last_unit(rich, whole):
    outcome = simulate(rich, members=60, seed=1, draw=1)
    cube = np.zeros_like(outcome.cube)
    tiers = [tier.name for tier in rich.programme.tiers]
    segments = [segment.name for segment in rich.population.segments] or ["all"]
    place = [tiers.index(x) for x in whole["tier"]], [segments.index(x) for x in whole["segment"]]
    np.add.at(cube, (whole["month"], *place, [tally.NAMES.index(x) for x in whole["what"]]), whole["amount"])
    np.testing.assert_array_equal(cube, outcome.cube)
    traced = measure_run(type(outcome)(**{**vars(outcome), "cube": cube}))
    assert traced == pytest.approx(measure_run(outcome), nan_ok=True) and traced["points_issued"] > 0
    seen = ("purchases", "points_redeemed", "points_expired", "upgrades", "downgrades", "messages", "coupons_used", "lapses")
    for what in seen:
        assert (whole["what"] == what).any(), f"{what} never happened: the log says nothing about it"


def test_each_entry_has_its_moment_and_what_stood_after(rich, whole):
    start = pd.Timestamp(rich.horizon.start)
    dates = pd.to_datetime(whole["date"])
    assert ((dates - start).dt.days - np.floor(whole["at"])).isin([0, -1]).all()
    since = (dates.dt.year - start.year) * 12 + dates.dt.month - start.month
    assert (since == whole["month"]).all()
    assert (np.diff(whole["at"]) >= 0).all()
    signs = {"points_issued": 1, "points_redeemed": -1, "points_expired": -1, "points_clawed_back": -1}
    moves = whole["what"].map(signs) * whole["amount"]
    assert (moves.groupby(whole["member"]).sum() == whole.groupby("member")["points_after"].last()).all()


def test_a_sample_tells_the_same_lives_though_budgets_are_shared(rich, whole):
    budget = simulate(rich, members=60, seed=1, draw=1).tables
    assert (budget.closes < budget.p["end"][0]).any(), "no budget ran out: the sample is told nothing of the others"
    sample = member_log(rich, 12, members=60, seed=1, draw=1)
    chosen = whole[whole["member"].isin(sample["member"].unique())].reset_index(drop=True)
    assert 0 < sample["member"].nunique() <= 12 and sample["member"].max() >= 60  # of those who join too
    order = ["member", "at", "what", "tier", "amount"]
    pd.testing.assert_frame_equal(
        sample.sort_values(order, ignore_index=True), chosen.sort_values(order, ignore_index=True)
    )


_MONEY = ("cost", "value", "paid", "list", "discount", "fee", "partner")


def test_every_tally_has_a_unit():
    money = {name for name in tally.NAMES if any(word in name for word in _MONEY)}
    assert {name for name in tally.NAMES if unit_of(name) == "minor units"} == money
    points = {name for name in tally.NAMES if "points" in tally.TALLIES[name] and not name.startswith("first")}
    assert points <= {name for name in tally.NAMES if unit_of(name) == "points"} and unit_of("coupons_used") == "count"


def test_the_command_writes_the_log_of_the_run_that_it_reports(rich, tmp_path, monkeypatch, capsys):
    (tmp_path / "rich.yaml").write_text(resolved_yaml(rich))

    def run(*more):
        words = [str(tmp_path / "rich.yaml"), "--members", "60", "--replications", "1", "--seed", "4", *more]
        monkeypatch.setattr(sys, "argv", ["loyalsim", "run", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0

    assert run("--log", "10000") == 2 and "--log: needs --out" in capsys.readouterr().err
    assert run("--log", "10000", "--out", str(tmp_path / "out")) == 0
    events = pd.read_parquet(tmp_path / "out" / "events.parquet")
    total = events.groupby("what", observed=True)["amount"].sum()
    (found,) = json.loads((tmp_path / "out" / "summary.json").read_text())["scenarios"].values()
    measures = {name: figure["value"] for name, figure in found["measures"].items()}
    people = events["member"].nunique()
    assert measures["purchases_per_member"] == pytest.approx(total["purchases"] / people)
    assert measures["revenue_per_member"] == pytest.approx(total["paid"] / 100 / people)
    assert measures["points_redemption_rate"] == pytest.approx(total["points_redeemed"] / total["points_issued"])
