"""Paired comparison: same members, same luck; luck and parameters apart; refusals in plain sentences."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from scenes import RICH, only, scenario

from scenarios.comparison import compare
from scenarios.drivers import Driver, drivers
from scenarios.figure import bounds_of, cell, figure
from sim.errors import InputError
from sim.measures import BY_NAME, MEASURES, describe, measure_run
from sim.months import MONTHLY, monthly
from sim.outcome import simulate
from sim.scenario import Scenario

SHOP: dict[str, Any] = {
    "name": "none",
    "population": {
        "purchase_rate": {"mean": 0.05, "shape": 1.0},
        "leaving": {"a": 1.0, "b": 20.0},
        "basket": {"median": 40.0, "sigma": 0.5},
    },
    "economics": {"gross_margin": 0.5},
    "horizon": {"months": 6},
}


def design(name: str, price: float, **behaviour: Any) -> Scenario:
    programme = {"name": name, "tiers": [{"name": "all", "price": price}]}
    return scenario({**SHOP, "name": name, "programme": programme, **({"behaviour": behaviour} if behaviour else {})})


def test_the_design_that_gains_is_launched() -> None:
    """A cut that pays, by an elasticity above break-even, wins; one beyond break-even loses; the sentence says which."""
    strong = only(price_response={"rate": 3.0, "basket": 0.0})
    designs = [scenario({**SHOP, "behaviour": strong}), design("small", 0.95, **strong), design("deep", 0.6, **strong)]
    found = compare(designs, members=3000, replications=3)
    assert found.baseline == "none"
    assert found.winner == "small"
    assert found.best_share == {"small": 1.0, "deep": 0.0}
    assert "small" in found.answer
    assert "Launch" in found.answer
    assert found.measures["deep"]["incremental_net_margin"].value < 0
    gain = found.differences["small"]["margin_per_member"].value
    assert gain == pytest.approx(found.measures["small"]["incremental_net_margin"].value, rel=1e-9)


def test_none_is_launched_where_all_lose() -> None:
    found = compare([scenario(SHOP), design("deep", 0.7)], members=2000, replications=4)
    assert found.verdict == "none" and found.winner is None and found.leader == "deep"
    assert found.answer.startswith("Do not launch deep: it brings")
    found = compare([scenario(SHOP), design("deep", 0.7), design("deeper", 0.6)], members=2000, replications=4)
    assert found.winner is None
    assert found.answer.startswith("Launch none of the designs: the better of the two, deep, brings")
    assert "It gains in none of the replications." in found.answer


def test_a_baseline_with_a_programme_is_compared_with_in_the_answer() -> None:
    found = compare([design("deep", 0.7), design("small", 0.95)], baseline="deep", members=300, replications=3)
    than = cell(found.differences["small"]["margin_per_member"], difference=True)
    assert found.answer.endswith(f"Against deep, the baseline, its net margin is {than.value} EUR a member ({than.interval}).")
    plain = compare([scenario(SHOP), design("small", 0.95)], members=300, replications=3)
    assert "Against" not in plain.answer


def test_money_that_cannot_be_below_0_has_no_interval_below_it() -> None:
    """Of few replications a Student t interval would reach beyond: of 3, one in four lies below the lowest, one in twenty below a
    fifth of it."""
    values = np.array([1.0, 2.0, 12.0])
    assert figure(values, None, "money/member").low < -10  # type: ignore[operator]
    assert figure(values, None, "money/member", bounds_of("benefit_cost", "money/member")).low == pytest.approx(0.2)
    gain = figure(values, None, "money/member", bounds_of("incremental_net_margin", "money/member"))
    assert gain.low == figure(values, None, "money/member").low
    assert figure(np.array([0.2, 0.9, 0.95]), None, "share", bounds_of("retention", "share")).high == pytest.approx(0.99)


def test_luck_and_parameters_apart() -> None:
    """With known parameters all spread is luck; with an uncertain one most of it is the parameter's."""
    known = design("known", 0.9, **only(price_response={"rate": 1.0, "basket": 0.2}))
    open_ = design("open", 0.9, **only(price_response={"rate": {"mean": 1.0, "sd": 0.4}, "basket": 0.2}))
    found = compare([scenario(SHOP), known, open_], members=4000, replications=8)
    sure, unsure = (found.differences[name]["purchases_per_member"] for name in ("known", "open"))
    assert sure.parameter_sd == 0.0
    assert unsure.parameter_sd > 3 * unsure.luck_sd  # type: ignore[operator]
    assert unsure.high - unsure.low > 2 * (sure.high - sure.low)  # type: ignore[operator]


def test_one_replication_has_no_interval() -> None:
    found = compare([scenario(SHOP, horizon={"start": dt.date(2027, 1, 1), "months": 2})], members=200, replications=1)
    rests = found.summary()["provenance"]
    assert (rests["start"], rests["end"]) == ("2027-01-01", "2027-02-28")  # the first and the last day
    only_one = found.measures["none"]["purchases_per_member"]
    assert (only_one.low, only_one.high, only_one.luck_sd) == (None, None, None)
    assert found.differences == {}
    assert found.winner is None


def test_the_same_seed_is_the_same_result() -> None:
    first, second, other = (
        compare([scenario(SHOP), design("cut", 0.9)], members=300, replications=2, seed=seed).summary() for seed in (1, 1, 2)
    )
    assert first == second
    assert first["scenarios"] != other["scenarios"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": {"months": 7}}, "horizon.months: found 7, allowed is 6, as in none"),
        ({"population": {**SHOP["population"], "regularity": 2}}, "population.regularity: found 2, allowed is 1"),
        ({"economics": {"gross_margin": 0.3}}, "economics.gross_margin: found 0.3, allowed is 0.5"),
        ({"name": "none"}, "called"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compare([scenario(SHOP), scenario({**SHOP, "name": "other", **change})], members=100, replications=1)


def test_unknown_baseline_is_refused() -> None:
    with pytest.raises(InputError, match="allowed is one of none, cut"):
        compare([scenario(SHOP), design("cut", 0.9)], baseline="nobody", members=100, replications=1)


def test_drivers_are_paired_and_ranked() -> None:
    """Only uncertain parameters of effects that are on, strongest first; each moves the gain the way it should."""
    behaviour = only(price_response={"rate": {"mean": 1.0, "sd": 0.4}, "basket": {"mean": 0.2, "sd": 0.01}})
    found = drivers(design("cut", 0.9, **behaviour), members=2000, seed=1)
    assert [d.parameter for d in found] == ["price_response.rate", "price_response.basket"]
    for d in found:
        assert d.low < d.high
        assert d.at_low < d.at_mean < d.at_high


@pytest.mark.parametrize(
    ("gains", "expected"),
    [((-1.0, 1.0, 3.0), [0.25]), ((4.0, 1.0, -3.0), [0.35]), ((-1.0, 1.0, -1.0), [0.25, 0.4]), ((1.0, 2.0, 2.5), [])],
)
def test_break_even_lies_on_the_lines_between_what_was_simulated(gains: tuple[float, float, float], expected: list) -> None:
    driver = Driver("effect.strength", "", 0.2, 0.3, 0.5, *gains, source="")
    assert driver.break_even == pytest.approx(expected)
    assert driver.as_dict()["break_even"] == driver.break_even


def test_at_its_break_even_a_number_leaves_no_gain() -> None:
    """Simulated there, the gain is a small part of what the number moves."""
    behaviour = only(price_response={"rate": {"mean": 1.5, "sd": 1.0}})
    cut = design("cut", 0.9, **behaviour)
    found = drivers(cut, members=4000, seed=1)[0]
    (value,) = found.break_even
    there = design("cut", 0.9, **only(price_response={"rate": value}))
    gain = BY_NAME["incremental_net_margin"].compute(simulate(there, members=4000, seed=1))
    assert abs(gain) < 0.1 * found.swing


def test_population_parameters_are_drivers_too() -> None:
    posterior = {"parameters": ["leaving.b"], "covariance": [[0.04]]}
    base = {**SHOP, "population": {**SHOP["population"], "posterior": posterior}, "behaviour": {"all_effects": False}}
    found = drivers(scenario({**base, "programme": {"tiers": [{"name": "all", "price": 0.9}]}}), members=500, seed=1)
    assert [d.parameter for d in found] == ["population.leaving.b"]
    assert found[0].low == pytest.approx(20 * np.exp(-1.2816 * 0.2), rel=1e-3)


def test_a_different_behaviour_is_said() -> None:
    first, second = design("one", 0.9), design("two", 0.9, redeeming={"probability": 0.6})
    found = compare([first, second], members=100, replications=1)
    assert len(found.notes) == 1
    assert "redeeming.probability is 0.6 against 0.3" in found.notes[0]


def test_every_measure_has_one_definition() -> None:
    """Every number that a run prints has a title, a unit and a definition; measures by month agree with the whole."""
    o = simulate(scenario(RICH), members=400, seed=1)
    found = measure_run(o)
    for name in found:
        title, unit, definition = describe(name)
        assert title
        assert unit
        assert len(definition) > 20
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    by_month = monthly(o)
    costs = by_month[by_month["measure"].str.startswith("total.cost.")]["value"].sum()
    assert costs == pytest.approx(found["benefit_cost"] * o.total("joined"))
    lines = sum(value for name, value in found.items() if name.startswith("cost."))
    assert lines == pytest.approx(found["benefit_cost"])
    parts = sum(found[f"gain_from_{k}"] for k in ("attrition", "frequency", "basket"))
    cost = found["benefit_cost"] + found["fixed_cost"] + found["provision"]
    assert parts + found["fee_income"] - cost == pytest.approx(found["incremental_net_margin"])
    assert set(by_month["measure"]) == {m.name for m in MONTHLY}
    assert all(m.unit and len(m.definition) > 20 for m in MONTHLY)
    assert set(by_month["measure"]) & set(found) == {"active_rate"}
    assert by_month[by_month["measure"] == "active_rate"]["value"].mean() == pytest.approx(found["active_rate"])
    shares = by_month[by_month["measure"] == "tier_share"].groupby("month")["value"].sum()
    np.testing.assert_allclose(shares, 1.0)
