"""Power by simulation agrees with theory; arms are alike before the window; looks may come otherwise than planned."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from experiments.arms import warmed_up
from experiments.looks import look_of
from experiments.plan_file import Plan
from experiments.power import Noise, design_effect, detectable, plan_power, power_of, proportion_noise
from experiments.prediction import differ_early
from experiments.readout import read
from experiments.sequential import boundary, crossing_probabilities, spending_bound
from experiments.simulated_power import SimulatedPower, simulated_power
from experiments.simulated_trial import arm_table, design, trial
from sim.errors import InputError
from sim.population import Shocks, Spread
from sim.scenario import Scenario

START, END = dt.date(2027, 3, 1), dt.date(2027, 3, 28)


def scenario(name="control", incentives=(), months=12):
    return Scenario.model_validate(
        {
            "name": name,
            "population": {
                "purchase_rate": {"mean": 0.05, "shape": 2.0},
                "leaving": {"probability": 0.02},
                "basket": {"median": 40.0, "sigma": 0.6},
            },
            "programme": {"incentives": list(incentives)},
            "horizon": {"start": dt.date(2027, 1, 1), "months": months},
        }
    )


USUAL = {"name": "member day", "when": {"event": "calendar", "days_of_month": [18]}, "during": {"price": 0.9}}
OFFER = {"name": "offer", "when": {"event": "purchase"}, "during": {"price": 0.7}}


def plan(metric=None, **changes):
    spend = {
        "name": "spend", "role": "primary", "column": "spend", "simulation_margin": 5.0, "covariates": ["pre_spend"],
        "adjustment": "cuped", "planning": {"baseline": 61.0, "sd": 70.0, "minimum_effect": 6.0},
    }  # fmt: skip
    stated = {
        "experiment": "spring", "population": "all", "control": "control",
        "arms": {"control": {"share": 0.5}, "offer": {"share": 0.5}}, "start": START, "end": END,
        "sizing": {"members": 3000}, "pre_days": 28, "metrics": [{**spend, **(metric or {})}],
    }  # fmt: skip
    return Plan.model_validate({**stated, **changes})


ARMS = {"control": scenario(), "offer": scenario("offer", [OFFER])}
BARE = {"covariates": [], "adjustment": "none"}


def test_power_by_simulation_is_that_of_the_formula_where_its_assumptions_hold():
    found, lacking = simulated_power(plan(BARE), ARMS, repeats=300, seed=2)
    (one,) = found
    assert not lacking
    treated = one.sd * (1 + 6.0 / one.baseline)  # who spends more differs more
    noise = Noise(one.sd**2, treated**2)
    assert one.power == pytest.approx(power_of(noise, 6.0, 1500, 1500), abs=4 * one.error)
    assert one.detectable == pytest.approx(detectable(noise, 1500, 1500), rel=0.01)


def test_covariates_of_simulated_members_sharpen_the_same_experiment():
    (with_them,), lacking = simulated_power(plan(), ARMS, repeats=100, seed=2)
    (without,), _ = simulated_power(plan(BARE), ARMS, repeats=100, seed=2)
    assert not lacking and with_them.estimator.endswith("CUPED on pre_spend")
    assert with_them.explained > 0.05
    assert with_them.detectable == pytest.approx(without.detectable * np.sqrt(1 - with_them.explained), rel=0.02)
    assert with_them.power > without.power


def test_all_of_200_simulated_experiments_are_not_sure_of_all():
    """Two errors below 1 the chance of 200 of 200 is a few in a hundred."""
    found = [SimulatedPower("spend", "trial", share, 200, 1.0, 100, 60.0, 80.0, 0.0, "means").error for share in (0.0, 0.5, 1.0)]
    assert found[0] == pytest.approx(found[2]) and 0.01 < (1 - 2 * found[2]) ** 200 < 0.1
    assert found[1] == pytest.approx(np.sqrt(0.25 / 204))


def test_no_effect_is_found_as_often_as_alpha_says():
    nothing = {**BARE, "planning": {"baseline": 61.0, "sd": 70.0, "minimum_effect": 1e-9}}
    (one,), _ = simulated_power(plan(nothing, alpha=0.2), ARMS, repeats=400, seed=5)
    assert one.power == pytest.approx(0.1, abs=0.045)  # of the two tails, the one that was hoped for


def test_alike_members_of_a_cluster_cost_the_power_that_theory_says():
    stores = {"unit": "cluster", "columns": {"cluster": "store"}, "sizing": {"clusters": 40, "cluster_size": 75}}
    for kind in ("mean", "proportion"):
        column = {"mean": "spend", "proportion": "active"}[kind]
        planning = {"baseline": 0.7, "sd": 70.0, "minimum_effect": 0.1 if kind == "proportion" else 12.0, "icc": 0.05}
        metric = {**BARE, "name": column, "column": column, "kind": kind, "planning": planning}
        (one,), _ = simulated_power(plan(metric, **stores), ARMS, repeats=200, seed=3)
        effect = planning["minimum_effect"]
        if kind == "mean":
            noise = Noise(one.sd**2, (one.sd * (1 + effect / one.baseline)) ** 2)
        else:
            noise = proportion_noise(one.baseline, one.baseline + effect)
        alone = 20 * 75 / design_effect(75, 0.05)
        assert one.detectable == pytest.approx(detectable(noise, alone, alone, df=38), rel=0.06)
        assert one.power == pytest.approx(power_of(noise, effect, alone, alone, df=38), abs=4 * one.error)


def test_what_cannot_be_simulated_is_said():
    def why(of, arms=ARMS):
        found, lacking = simulated_power(of, arms, repeats=5)
        assert not found
        return " ".join(lacking)

    pilot = {"unit": "cluster", "columns": {"cluster": "store"}, "sizing": {"clusters": 2, "cluster_size": 500}}
    assert "a single cluster has no standard error" in why(plan(BARE, **pilot))
    assert "does not say how many" in why(plan(BARE, sizing={}))
    assert "the formula is as good" in why(plan(BARE, sizing={"members": 10_000_000}))
    assert "nps" in why(plan({**BARE, "name": "nps", "column": "nps"}))
    _, lacking = simulated_power(plan(pre_days=0), ARMS, repeats=5)
    assert "pre_days does not say" in lacking[0]
    _, lacking = simulated_power(plan({"covariates": ["income"]}), ARMS, repeats=5)
    assert "pre_measures does not say which measure they are" in lacking[0]
    with pytest.raises(InputError, match=r"pre_measures\.income: found 'wealth'; must be one of purchases"):
        design(plan({"covariates": ["income"]}, pre_measures={"income": "wealth"}), ARMS)


def test_in_the_warm_up_the_arms_are_alike_and_what_follows_is_the_same():
    of = plan(warm_up=3)
    arms = warmed_up(of, {"control": scenario("control", [USUAL]), "offer": scenario("offer", [OFFER])})
    assert {arm.horizon.start for arm in arms.values()} == {dt.date(2026, 12, 1)}
    assert not differ_early(of, arms)
    offer = {one.name: one for one in arms["offer"].programme.incentives}
    assert offer["offer"].valid_from == START
    assert offer["member day (before the test)"].valid_until == START - dt.timedelta(days=1)
    made = design(of, arms)
    assert made.first_day == 90
    same_luck = {arm: arm_table(made, arm, 2000, 7, None, 1) for arm in arms}
    assert (same_luck["control"]["pre_spend"] == same_luck["offer"]["pre_spend"]).all()
    assert (same_luck["control"]["spend"] != same_luck["offer"]["spend"]).any()
    assert differ_early(of, {"control": scenario(), "offer": scenario("offer", [OFFER])})


def test_what_is_given_on_joining_is_refused_where_simulated_members_joined_before():
    welcome = {"name": "welcome", "when": {"event": "sign_up"}, "give": {"coupon": {"value": 5.0, "days": 30}}}
    with_it, without = scenario("offer", [welcome]), scenario("control")
    dated = scenario("offer", [{**welcome, "valid_from": START}])
    warm, own = plan(warm_up=3), plan()
    assert "welcome is given on joining" in why_not(warm, warmed_up(warm, {"control": without, "offer": with_it}))
    assert "horizon.start of the base scenario be 2027-03-01" in why_not(own, {"control": without, "offer": dated})
    taken_away = why_not(warm, warmed_up(warm, {"control": with_it, "offer": without}))
    assert taken_away.count("arm offer: welcome is given on joining") == 1
    assert "(before the test)" not in taken_away
    assert design(warm, warmed_up(warm, {"control": with_it, "offer": with_it}))
    given = design(own, {"control": without, "offer": with_it})
    same_luck = [arm_table(given, arm, 2000, 7, None, 1)["spend"] for arm in ("control", "offer")]
    assert (same_luck[0] != same_luck[1]).any()


def why_not(of, arms):
    with pytest.raises(InputError) as caught:
        design(of, arms)
    return str(caught.value)


def test_what_befalls_all_members_at_once_befalls_all_arms():
    """Four arms without a difference: their spend moves together from trial to trial, and tells no effect."""
    names = ["control", "b", "c", "d"]
    shares = {name: {"share": 0.25} for name in names}
    shaken = scenario().model_copy(
        update={"population": scenario().population.model_copy(update={"shocks": Shocks(purchases=Spread(level=0.3))})}
    )
    arms = {name: shaken.model_copy(update={"name": name}) for name in names}
    of = design(plan(BARE, arms=shares, sizing={"members": 12_000}), arms)
    spend = np.log([trial(of, seed, None, 1).groupby("arm")["spend"].mean()[names] for seed in range(12)])
    between = spend.std(axis=1, ddof=1).mean()
    assert spend.mean(axis=1).std(ddof=1) > 0.15
    assert between < 0.05, "each arm had shocks of its own"


def test_years_after_the_window_change_nothing_in_it():
    of = plan()
    short, long = (design(of, {arm: scenario(arm, months=months) for arm in of.arms}) for months in (12, 48))
    assert long.scenarios["control"].horizon.months == 12
    pd.testing.assert_frame_equal(trial(short, 3, 5, 1), trial(long, 3, 5, 1))


def test_lan_demets_spends_by_the_information_that_came_in():
    for method in ("lan-demets-obrien-fleming", "lan-demets-pocock"):
        planned = boundary(method, [0.5, 1.0])
        assert spending_bound(method, [0.5]) == pytest.approx(planned[0])
        assert spending_bound(method, [0.5, 1.0], last=True) == pytest.approx(planned[1])
        for times in ([0.3, 0.8], [0.6, 1.2], [0.2, 0.5, 0.9]):  # fewer or more members than planned
            bounds = [spending_bound(method, times[: k + 1], last=k + 1 == len(times)) for k in range(len(times))]
            assert crossing_probabilities(bounds, times).sum() == pytest.approx(0.05, abs=1e-7)
    spending = plan(BARE, sequential="lan-demets-obrien-fleming", looks=[0.5, 1.0])
    assert look_of(spending, 1, 100, [0.3]).level() < look_of(spending, 1, 100).level()
    assert look_of(spending, 2, 100, [0.5, 0.8]).fraction == 0.8
    wrong = "must be positive and increase"
    nan, inf = float("nan"), float("inf")
    for shares, words in (([0.5], "needs 2 shares"), ([0.8, 0.5], wrong), ([0.5, nan], wrong), ([0.5, inf], wrong)):
        with pytest.raises(InputError, match=words):
            look_of(spending, 2, 100, shares)


def test_a_look_before_its_time_gives_no_verdict():
    table = trial(design(plan(warm_up=2), warmed_up(plan(warm_up=2), ARMS)), 1, None, 1)
    early = read(table, plan(), as_of=END - dt.timedelta(days=1))
    assert [gate.name for gate in early.blocked] == ["end of the window"]
    assert early.decisions[-1].verdict == "no verdict"
    assert not read(table, plan(), as_of=END).blocked
    looks = plan(BARE, sequential="lan-demets-obrien-fleming", looks=[0.3, 1.0], sizing={"members": 3000})
    first = read(table.iloc[::2], looks, look=1, as_of=START)
    assert not first.blocked  # a planned look has no end of the window to wait for
    assert "50\u00a0% of the planned units are in the data, 30\u00a0% were planned" in next(
        gate.sentence for gate in first.gates if gate.name == "information" and not gate.passed
    )
    assert all(gate.name != "information" for gate in read(table.iloc[::2], looks, 1, information=[0.5]).gates)


def test_the_duration_of_a_test_in_clusters_is_said():
    stores = {"unit": "cluster", "columns": {"cluster": "store"}}
    planning = {"baseline": 61.0, "sd": 70.0, "minimum_effect": 12.0, "icc": 0.02}
    many = plan({**BARE, "planning": planning}, **stores, sizing={"clusters": 200, "cluster_size": 75, "outcome_days": 28})
    (enough,) = plan_power(many)
    assert enough.weeks == 4 and any("It takes 4 weeks" in sentence for sentence in enough.sentences)
    few = plan({**BARE, "planning": planning}, **stores, sizing={"clusters": 8, "cluster_size": 75, "outcome_days": 28})
    (lacking,) = plan_power(few)
    assert lacking.weeks is None and any("A longer test adds no clusters" in sentence for sentence in lacking.sentences)


TIERS = [{"name": "basic"}, {"name": "gold", "requires": {"purchases": 3}, "price": 0.5}]


def tiered(name="control", incentives=()):
    plain = scenario(name, incentives)
    return Scenario.model_validate(plain.model_dump() | {"programme": plain.programme.model_dump() | {"tiers": TIERS}})


GOLD = {"column": "tier", "one_of": ["gold"]}


def test_only_members_eligible_as_the_window_begins_take_part():
    arms = {"control": tiered(), "offer": tiered("offer", [OFFER])}
    everybody = design(plan(segments=["tier"]), arms)
    of = design(plan(segments=["tier"], eligibility=[GOLD]), arms)
    table = trial(everybody, 5, None, 1)
    gold, usual = table[table["tier"] == "gold"], table[table["arm"] == "control"]
    assert of.eligible == pytest.approx((usual["tier"] == "gold").mean(), abs=0.03) and 0.02 < of.eligible < 0.9
    chosen = trial(of, 5, None, 1)
    assert set(chosen["tier"]) == {"gold"} and len(chosen) == 3000
    assert chosen["arm"].value_counts().to_dict() == {"control": 1500, "offer": 1500}
    shared = chosen.merge(gold, on="member_id", suffixes=("", "_again"))
    assert len(shared) == len(gold) and (shared["spend"] == shared["spend_again"]).all()  # the same members, and more of them


def test_the_tier_is_that_of_the_first_day_of_the_window():
    arms = {"control": tiered(), "offer": tiered("offer", [OFFER])}
    on_the_first_day = {"start": dt.date(2027, 1, 1), "end": dt.date(2027, 1, 28)}
    early = trial(design(plan(segments=["tier"], **on_the_first_day), arms), 5, None, 1)
    assert set(early["tier"]) == {"basic"}  # nobody has bought three times
    in_november = {"start": dt.date(2027, 11, 1), "end": dt.date(2027, 11, 28)}
    late = trial(design(plan(segments=["tier"], **in_november), arms), 5, None, 1)
    assert (late["tier"] == "gold").mean() > 0.3


def test_what_cannot_be_simulated_of_eligibility_is_said():
    conditions = [
        {"column": "joined", "at_most": dt.date(2026, 1, 1)}, {"column": "tier", "one_of": ["platinum"]}, GOLD
    ]  # fmt: skip
    of = design(plan(eligibility=conditions, segments=["region"]), {"control": tiered(), "offer": tiered("offer", [OFFER])})
    assert [condition.column for condition in of.eligibility] == ["tier"]
    said = "; ".join(of.dropped)
    assert "eligibility by joined" in said and "no platinum" in said and "effects by region" in said
    nobody = plan(eligibility=[GOLD], start=dt.date(2027, 1, 1), end=dt.date(2027, 1, 28), pre_days=0)
    with pytest.raises(InputError, match=r"tier is gold.*0 of 4,000 .* warm_up"):
        design(nobody, {"control": tiered(), "offer": tiered("offer", [OFFER])})
