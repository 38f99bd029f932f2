"""Effects that users state by formula: exactly what the formula says, in both drivers, and nothing that is not reckoning."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import PLAIN, RICH, only, scenario

from scenarios.answer import notes
from sim.behaviour import MOVED, Behaviour, OwnEffect
from sim.errors import InputError
from sim.formula import READS, check
from sim.log import member_log
from sim.measures import BY_NAME
from sim.outcome import Outcome, simulate, simulate_reference
from sim.scenario import Scenario

POINTS: dict[str, Any] = {
    "name": "points",
    "earning": {"points_per_unit": 1.0},
    "tiers": [{"name": "silver"}, {"name": "gold", "requires": {"purchases": 4}},
              {"name": "black", "requires": {"purchases": 9}}],
    "rewards": [{"name": "mug", "points": 150, "value": 4.0, "cost": 2.0}],
    "expiry": {"rule": "rolling", "months": 6},
}


def own(name: str = "mine", **keys: Any) -> dict[str, Any]:
    return {"name": name, "says": "A test.", "source": "an assumption", **keys}


def run(*effects: dict[str, Any], behaviour: dict[str, Any] | None = None, members: int = 4000, **changes: Any) -> Outcome:
    s = scenario({**PLAIN, "programme": POINTS}, behaviour={**(behaviour or only()), "own_effects": list(effects)}, **changes)
    return simulate(s, members=members, seed=4, keep=True)


def test_both_drivers_ask_every_word() -> None:
    """All words and functions, in all four places, on the programme with everything: the same members to the last point."""
    words = " + ".join(f"1e-9 * min({word}, 1000)" for word in READS)
    effects = [
        own("rates", log_rate=f"0.2 * aware - 0.1 * (tier >= 'gold') + {words}", at_most=0.3),
        own("baskets", log_basket="0.1 * sqrt(tier) - 0.05 * (segment == 'country') if days_since_joining > 30 else exp(-1)"),
        own(
            "leavers", log_leaving="-k * log(1 + benefits) + max(0, abs(weekday - 3) - 2)",
            parameters={"k": {"mean": 0.1, "sd": 0.02}},
        ),
        own("savers", log_redeeming="1 if days_to_lapse < 40 and not birthday_month == 1 or redemptions > 2 else -0.3"),
    ]  # fmt: skip
    s = scenario(RICH, behaviour={"own_effects": effects})
    for draw in (None, 3):
        a = simulate(s, members=25, seed=5, draw=draw)
        b = simulate_reference(s, members=25, seed=5, draw=draw)
        np.testing.assert_array_equal(a.cube, b.cube)
        np.testing.assert_array_equal(a.survival, b.survival)
    plain = simulate(scenario(RICH), members=25, seed=5)
    assert (a.cube != plain.cube).any()
    np.testing.assert_array_equal(a.by_month("base_list"), plain.by_month("base_list"))


RESTATED = {
    "tier_status": ({"strength": 0.3}, "aware * responsiveness * strength * tier"),
    "reward_afterglow": (
        {"strength": 0.4, "days": 45.0}, "aware * responsiveness * strength * exp(-days_since_redemption / days)"
    ),
    "goal_gradient": ({"strength": 0.5}, "aware * responsiveness * strength * reward_share"),
}  # fmt: skip


@pytest.mark.parametrize("effect", RESTATED)
def test_an_effect_of_the_registry_said_again_is_that_effect(effect: str) -> None:
    """Every purchase at its moment, beside price response and half of the members unaware."""
    numbers, formula = RESTATED[effect]
    others = {"price_response": {}, "awareness": {"share": 0.5}, "responsiveness": {}}
    in_sight = {"horizon": 3650.0} if effect == "goal_gradient" else {}  # of every reward
    theirs = run(behaviour=only(**{effect: {**numbers, **in_sight}}, **others))
    mine = run(
        own(log_rate=formula, parameters={k: {"mean": v} for k, v in numbers.items()}), behaviour=only(**others)
    )
    none = run(behaviour=only(**others))
    assert theirs.members is not None and mine.members is not None
    for field in ("buys", "balance", "tier", "redeemed"):
        np.testing.assert_array_equal(mine.members[field], theirs.members[field])
    assert theirs.total("purchases") > 1.02 * none.total("purchases")


def test_a_rate_is_multiplied_by_what_the_formula_says() -> None:
    plain = run()
    for lift in (math.log(1.5), -0.4):
        more = run(own(log_rate=f"{lift}"))
        assert more.total("purchases") / plain.total("purchases") == pytest.approx(math.exp(lift), rel=0.02)
        assert more.total("base_purchases") == plain.total("base_purchases")
    cut = run(own(log_rate="5", at_most=0.2))
    assert cut.total("purchases") == run(own(log_rate="0.2")).total("purchases")
    assert run(own(log_rate="0 * balance", at_most=0.0)).total("gained_purchases") == 0


def test_days_are_those_of_the_calendar() -> None:
    """Fridays only, and the 10th only: 2027-01-01 is a Friday."""
    s = scenario({**PLAIN, "programme": POINTS}, behaviour={**only(), "own_effects": [
        own(log_rate="-30 * (weekday != 4)"), own("second", log_rate="-30 * (day_of_month != 10)"),
    ]})  # fmt: skip
    fridays = s.behaviour.model_copy(update={"own_effects": s.behaviour.own_effects[:1]})
    tenths = s.behaviour.model_copy(update={"own_effects": s.behaviour.own_effects[1:]})
    tenth = np.array([9, 40, 68, 99, 129, 160, 190, 221, 252, 282, 313, 343])
    for behaviour, days in ((fridays, np.arange(0, 365, 7)), (tenths, tenth)):
        o = simulate(s.model_copy(update={"behaviour": behaviour}), members=3000, seed=1, watch=(0.0, 1.0, 365))
        assert o.watch is not None
        bought = o.watch[:, :, 0].sum(axis=0)
        others = np.setdiff1d(np.arange(365), days)
        assert bought[days].min() > 50 and bought[others].max() == 0


def test_baskets_leaving_and_redeeming_follow() -> None:
    plain = run()
    larger = run(own(log_basket="0.3 * (tier > 0)"))
    assert larger.total("purchases") == plain.total("purchases")
    assert larger.total("both_list") / larger.total("both_base_list") == pytest.approx(
        1 + (math.exp(0.3) - 1) * float(larger.cube[:, 1:, :, :].sum(axis=(0, 1, 2))[_at("both_base_list")])
        / larger.total("both_base_list"), rel=0.01,
    )  # fmt: skip
    leaving = {"population__leaving": {"probability": 0.05}}
    loyal, fickle, base = (run(*effects, **leaving) for effects in ([own(log_leaving="-0.7")], [own(log_leaving="0.7")], []))
    first = {name: o.survival[0, 0, 0] / 4000 for name, o in (("loyal", loyal), ("base", base), ("fickle", fickle))}
    hazard = {name: -math.log(share) for name, share in first.items()}
    assert hazard["loyal"] / hazard["base"] == pytest.approx(math.exp(-0.7), rel=0.15)
    assert hazard["fickle"] / hazard["base"] == pytest.approx(math.exp(0.7), rel=0.15)
    assert loyal.survival[0, -1, 1] == base.survival[0, -1, 1] == fickle.survival[0, -1, 1]
    half = {**only(), "redeeming": {"probability": 0.5}}
    never, even = run(own(log_redeeming="-10"), behaviour=half), run(own(log_redeeming="0"), behaviour=half)
    assert even.total("redemptions") == run(behaviour=half).total("redemptions") > 1000
    assert never.total("redemptions") < 0.01 * even.total("redemptions")


def _at(name: str) -> int:
    from sim import tally

    return tally.NAMES.index(name)


def test_off_is_off_and_without_a_programme_there_is_nothing_to_react_to() -> None:
    plain = run()
    effect = own(log_rate="0.5", log_leaving="-1")
    np.testing.assert_array_equal(run({**effect, "on": False}).cube, plain.cube)
    np.testing.assert_array_equal(run(effect, behaviour={**only(), "all_effects": False}).cube, plain.cube)
    bare = run(effect, programme={})
    assert bare.total("purchases") == bare.total("base_purchases")
    assert BY_NAME["incremental_net_margin"].compute(bare) == 0.0


@pytest.mark.parametrize("programme", [{"fee": {"amount": 20.0}}, {"tiers": [{"name": "all", "care_cost_per_month": 1.0}]}])
def test_a_programme_that_asks_a_fee_or_takes_care_can_be_reacted_to(programme: dict[str, Any]) -> None:
    """What the fee does is not known here, so it is for the user to state."""
    lost = run(own(log_rate="-0.5", log_leaving="0.5"), programme={"name": "club", **programme})
    assert lost.total("purchases") < 0.8 * lost.total("base_purchases")


def test_its_numbers_are_drawn_like_a_prior() -> None:
    effect = own(log_rate="strength", parameters={"strength": {"mean": 0.3, "sd": 0.1, "low": 0.2, "high": 0.4}})
    b = Behaviour.model_validate({"own_effects": [effect]})
    values = np.array([b.values(draw)["mine.strength"] for draw in range(400)])
    assert b.values()["mine.strength"] == 0.3
    assert values.min() == 0.2 and values.max() == 0.4 and np.ptp(values) > 0
    assert b.place("mine.strength") == "behaviour.own_effects.mine.parameters.strength"
    s = scenario({**PLAIN, "programme": POINTS}, behaviour={**only(), "own_effects": [effect]})
    purchases = [simulate(s, members=2000, seed=1, draw=draw).total("purchases") for draw in (0, 1)]
    ratio = math.exp(values[1] - values[0])
    assert purchases[1] / purchases[0] == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("formula", ["1 / tier", "log(tier)", "sqrt(-1 - balance)", "1 if balance / tier > 1 else 0",
                                     "(tier + 1e299) * 1e299 - 1e299 * 1e299"])  # fmt: skip
def test_a_formula_that_gives_no_number_fails_the_run(formula: str) -> None:
    told = r"behaviour\.own_effects\.mine\.log_rate: of member [0-9]+ on 2027-..-.. the formula gives no number: it divides by 0"
    with pytest.raises(InputError, match=told):
        run(own(log_rate=formula), members=100)
    s = scenario({**PLAIN, "programme": POINTS}, behaviour={**only(), "own_effects": [own(log_rate=formula)]})
    with pytest.raises(InputError, match=told):
        simulate_reference(s, members=20, seed=4)


@pytest.mark.parametrize("key", ["log_rate", "log_basket", "log_leaving", "log_redeeming"])
def test_the_formula_without_a_value_is_the_one_that_is_named(key: str) -> None:
    """Among sound ones of the same place, of another effect and of its own; whatever the driver and how the work is cut."""
    sound = dict.fromkeys(MOVED, "0.01 * aware")
    effects = [own("before", **sound), own("guilty", **{**sound, key: "1 / (3 - redemptions)"}), own("after", **sound)]
    s = scenario(RICH, behaviour={"own_effects": effects}, behaviour__redeeming={"probability": 0.9})
    told = []
    for driver, members in ((simulate, 200), (partial(simulate, chunk=7, threads=1), 200), (simulate_reference, 200)):
        with pytest.raises(InputError) as caught:
            driver(s, members=members, seed=3)
        told.append(str(caught.value))
    found = re.match(rf"scenario rich: behaviour.own_effects.guilty.{key}: of member ([0-9]+) on (2027|2028)-", told[0])
    assert found is not None and told == [told[0]] * 3
    log = member_log(scenario(RICH, behaviour__redeeming={"probability": 0.9}), 10**6, members=200, seed=3)
    first = log[(log["what"] == "redemptions")].groupby("member")["amount"].sum()
    assert (first >= 3).sum() < len(first)  # not everybody comes that far


def test_of_members_who_go_on_the_right_one_is_named() -> None:
    """Nobody before the member who is named meets it, and the member does so alone."""
    before = simulate(scenario({**PLAIN, "programme": POINTS}), members=300, seed=2, keep_state=True)
    assert before.state is not None
    effects = [own("sound", log_rate="0.1"), own("guilty", log_rate="log(2001 - balance)")]
    later = {"start": before.state.start}
    s = scenario({**PLAIN, "programme": POINTS}, behaviour={**only(), "own_effects": effects}, horizon=later)
    with pytest.raises(InputError) as caught:
        simulate(s, seed=2, opening=before.state)
    found = re.search(r"own_effects\.guilty\.log_rate: of member ([0-9]+) on ", str(caught.value))
    assert found is not None and int(found[1]) > 0
    whose = before.state.part([int(found[1])])
    with pytest.raises(InputError, match=r"guilty\.log_rate: of member 0 on "):
        simulate(s, seed=2, opening=whose)
    earlier = before.state.part(range(int(found[1])))
    assert simulate(s, seed=2, opening=earlier).total("purchases") > 0


REFUSED = {
    "tier +": "cannot be read as a formula",
    "teir * 2": "found 'teir'; allowed are the effect's parameters and aware, .*; did you mean tier?",
    "balance ** 2": r"found 'balance \*\* 2'; the operators are \+ - \* /",
    "__import__('os').system('true')": "found a call of .*; the functions are exp, log",
    "open(balance)": "found a call of 'open'",
    "balance.real": "found 'balance.real'; a formula is made of numbers, words",
    "[tier][0]": "a formula is made of",
    "exp(1, 2)": r"found 'exp\(1, 2\)'; exp takes one number",
    "min(tier)": "min takes two numbers",
    "'gold'": "found the name 'gold'; names stand only beside tier or segment",
    "balance == 'gold'": "names stand only beside",
    "tier in (1, 2)": "a formula is made of|the comparisons are",
    "True * 2": "found .True.; a constant is a number",
    "1e999": "a constant is a number",
    "lambda: 1": "a formula is made of",
    "9" * 400: "a constant is a number below 1e300",
    "1j": "a constant is a number",
    "(" * 300 + "1" + ")" * 300: "cannot be read as a formula",
    "1" + " + 1" * 400: "is 1601 characters long; a formula has at most 1000",
    "f'{tier}'": "a formula is made of",
    "tier + 1 # one": "found the comment '# one'; a formula has none",
    "+".join(["1"] * 62): "is nested more than 60 deep, or a sum or product of more terms",
    "not " * 249 + "1": "is nested more than 60 deep",
    "tier" + ".a" * 490: "is nested more than 60 deep",
    "(tier := 2)": "a formula is made of",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_what_is_not_reckoning_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[formula]):
        check(formula, ["strength"])


def test_a_formula_as_deep_as_allowed_runs_and_whole_numbers_do_not_run_over() -> None:
    """Points to the 10th power are beyond whole numbers of 64 bits."""
    deep = ["+".join(["0.001"] * 60), "-" * 58 + "0.06", "tier and (tier or (" * 14 + "1" + "))" * 14 + " + 0.06"]
    large = " * ".join(["balance"] * 10)
    for formula in (*deep, f"0.06 if {large} >= 0 else -3"):
        assert run(own(log_rate=formula), members=300).total("purchases") > run(members=300).total("purchases"), formula


def expressions() -> st.SearchStrategy[str]:
    """Formulas over every construct, some of which have no value for some members."""
    numbers = st.floats(-3.0, 3.0).map(lambda x: f"({x:.3f})")
    leaves = st.one_of(st.sampled_from(sorted(READS)), numbers, st.just("(tier >= 'gold')"))
    between = st.sampled_from(["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "and", "or"])

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, between, inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda x: f"{x[0]}({x[1]}, {x[2]})"),
            st.tuples(inner, st.sampled_from(["exp", "log", "sqrt", "abs"])).map(lambda x: f"{x[1]}({x[0]})"),
            st.tuples(inner, st.sampled_from(["-", "not "])).map(lambda x: f"({x[1]}{x[0]})"),
            st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} if {x[1]} else {x[2]})"),
        )

    return st.recursive(leaves, larger, max_leaves=12)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(expressions(), min_size=4, max_size=4))
def test_any_formula_is_the_same_compiled_and_not(formulas: list[str]) -> None:
    keys = ("log_rate", "log_basket", "log_leaving", "log_redeeming")
    s = scenario(RICH, behaviour={"own_effects": [own(**dict(zip(keys, formulas, strict=True)))]}, horizon={"months": 5})
    found = []
    for driver in (simulate, simulate_reference):
        try:
            found.append(driver(s, members=15, seed=2).cube)
        except InputError as error:
            found.append(str(error))
    np.testing.assert_array_equal(found[0], found[1])


def test_what_does_not_go_together_is_told() -> None:
    def told(match: str, *effects: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=match):
            scenario({**PLAIN, "programme": POINTS}, behaviour={"own_effects": list(effects)})

    told("has no formula; give one of log_rate, log_basket, log_leaving, log_redeeming", own())
    told("name\n.*should match pattern", own("a" * 25, log_rate="1"))  # a label of that length leaves no room for its bar
    told("mine is there twice", own(log_rate="1"), own(log_rate="1"))
    told("retention is an effect of the registry", own("retention", log_rate="1"))
    told("balance is a word of the formulas", own(log_rate="balance", parameters={"balance": {"mean": 1.0}}))
    k = {"k": {"mean": 3.0, "low": 0.0, "high": 1.0}}
    told("no formula calls its parameter idle", own(log_rate="0.1", parameters={"idle": {"mean": 1.0}}))
    told("at_most bounds log_rate, which is not given", own(log_leaving="0.1", at_most=0.3))
    told("mean is 3; it must lie within low and high, 0 .. 1", own(log_rate="k", parameters=k))
    told("mine in log_rate: found the tier 'gould'; the scenario has silver, gold, black", own(log_rate="tier >= 'gould'"))
    told("found the segment 'town'; the scenario has none", own(log_rate="segment == 'town'"))


def test_who_reads_the_registry_reads_it_too() -> None:
    k = {"k": {"mean": 0.2, "unit": "log lift"}}
    effect = OwnEffect.model_validate(own(log_rate="k * tier", log_basket="0.1", parameters=k))
    b = Behaviour(own_effects=[effect])
    entry = b.known()[-1]
    assert (entry.name, entry.source) == ("mine", "an assumption")
    assert entry.formula == "log rate += k * tier; log basket += 0.1"
    assert [(p.name, p.mean, p.unit) for p in entry.parameters] == [("k", 0.2, "log lift")]
    assert b.stated("mine", "k").mean == 0.2 and b.is_on("mine")
    assert Scenario.model_validate(scenario(PLAIN, behaviour={"own_effects": [effect.model_dump()]}).model_dump())


def test_designs_of_which_one_has_an_effect_are_told_apart() -> None:
    """A difference between designs is a part of the assumption where one has an effect that the other has not, or not so."""
    with_it, other = own("crowd", log_rate="0.1"), own("crowd", log_rate="0.2")
    named = [
        scenario({**PLAIN, "name": name, "programme": {**POINTS, "rewards": []}}, behaviour={**only(), "own_effects": effects})
        for name, effects in (("first", [with_it]), ("same", [with_it]), ("other", [other]), ("none", []))
    ]
    first, same, changed, none = named
    assert notes([first, same]) == []
    assert [said.split(": ")[1].split(";")[0] for said in notes([first, changed])] == ["the effect crowd is stated in two ways"]
    for pair in ([first, none], [none, first]):
        assert ["the effect crowd is not in none;" in said for said in notes(pair)] == [True]
