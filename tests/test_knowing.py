"""Who of a live programme's members knows it: judged by points left lying, against a programme whose members are known."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from scenarios.files import load
from scenarios.finance.forecast import forecast
from scenarios.finance.knowing import untouched
from scenarios.finance.live_tables import live_tables
from scenarios.finance.snapshot import snapshot_of
from sim.outcome import simulate
from sim.programme import Expiry
from sim.scenario import Scenario


@pytest.fixture(scope="module")
def live() -> tuple[Scenario, object, pd.DataFrame, pd.DataFrame]:
    """A year of cash-back: the programme, its members as the engine knows them, and the tables that a shop would have."""
    start = load("cash-back")
    programme = start.programme.model_copy(update={"expiry": Expiry(rule="rolling", months=12)})
    horizon = start.horizon.model_copy(update={"start": dt.date(2026, 1, 1), "months": 12})
    scenario = start.model_copy(update={"programme": programme, "horizon": horizon})
    state = simulate(scenario, members=6000, seed=3, keep_state=True, cohorts=True).state
    assert state is not None
    m = state.members
    begin = np.datetime64("2027-01-01")
    day = [str(x) for x in begin + np.floor(np.where(m["buys"] > 0, m["last_buy"], m["joined"])).astype(int)]
    first = [str(x) for x in begin + np.floor(np.where(m["buys"] > 0, m["first_buy"], m["joined"])).astype(int)]
    who = np.arange(len(m))
    bought = m["buys"] > 0
    members = pd.DataFrame({
        "member": [f"c{k}" for k in who], "joined": [str(x) for x in begin + np.floor(m["joined"]).astype(int)],
        "first_purchase": np.where(bought, first, ""), "last_purchase": np.where(bought, day, ""),
        "purchases": m["buys"], "balance": m["balance"],
    })  # fmt: skip
    row, back = np.nonzero(state.lots)
    months = (np.datetime64("2027-01", "M") + back - state.past).astype(str)
    ids = [f"c{k}" for k in row]
    lots = pd.DataFrame({"member": ids, "points": state.lots[row, back], "earned": [f"{x}-15" for x in months]})
    return scenario, state, members, lots


def test_a_forecast_from_the_tables_costs_what_the_members_themselves_would(live) -> None:  # type: ignore[no-untyped-def]
    """Vouchers follow those of the very members, month by month, with no rush in the first; before it was looked at what lies
    untouched, the first month cost twice what it should."""
    scenario, state, members, lots = live
    tables = live_tables(members, lots, as_of=dt.date(2026, 12, 31))
    starts = (snapshot_of(tables, scenario), state)
    runs = [forecast(scenario, snapshot=x, months=6, replications=3, seed=1) for x in starts]  # type: ignore[arg-type]
    found, truth = (run.of("voucher_value").mean(axis=0) for run in runs)
    assert found.sum() == pytest.approx(truth.sum(), rel=0.2)
    assert found[0] / found[1:].mean() == pytest.approx(truth[0] / truth[1:].mean(), rel=0.2)


def test_knowing_is_told_from_points_left_lying(live) -> None:  # type: ignore[no-untyped-def]
    scenario, state, members, lots = live
    tables = live_tables(members, lots, as_of=dt.date(2026, 12, 31))
    there = scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"start": dt.date(2027, 1, 1)})})
    found = snapshot_of(tables, there).opening(there, seed=1, draw=None).members
    knows = state.members["aware"] == 1
    assert found["aware"].mean() == pytest.approx(knows.mean(), abs=0.03)
    rich = state.members["balance"] >= 500
    assert found["aware"][rich].mean() == pytest.approx(knows[rich].mean(), abs=0.05)
    keen = (state.members["buys"] > 10) & ~rich  # whoever bought so much and holds so little has redeemed
    assert found["aware"][keen].mean() > 0.9 < knows[keen].mean()


def test_what_comes_does_not_change_who_they_are(live) -> None:  # type: ignore[no-untyped-def]
    scenario, _, members, lots = live
    tables = live_tables(members, lots, as_of=dt.date(2026, 12, 31))
    there = scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"start": dt.date(2027, 1, 1)})})
    rewards = [x.model_copy(update={"points": 5 * x.points}) for x in there.programme.rewards]
    dearer = there.model_copy(update={"programme": there.programme.model_copy(update={"rewards": rewards})})
    one = snapshot_of(tables, there).opening(there, seed=1, draw=0).members
    other = snapshot_of(tables, dearer, there).opening(dearer, seed=1, draw=0).members
    np.testing.assert_array_equal(one["aware"], other["aware"])


def test_where_nothing_is_told_everybody_is_alike() -> None:
    p4 = load("p4")
    none = np.full(4, np.nan)
    few = untouched(np.zeros(4, np.int64), np.zeros(4, np.int64), np.zeros(4, np.int64), none, none, p4)
    np.testing.assert_allclose(few.probability(0.33, 0.3, 200.0), 0.33, rtol=1e-4)
    assert (few.probability(1.0, 0.3, 200.0) == 1.0).all()
    assert (few.probability(0.0, 0.3, 200.0) == 0.0).all()
