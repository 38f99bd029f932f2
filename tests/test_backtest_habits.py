"""Whether members react to points, tier and goal is found where they do, and not where they do not."""

import numpy as np
import pandas as pd
import pytest
from airline import ACTIVITY, airline
from airline import COLUMNS as AIRLINE
from airline import members as airline_members
from backtest_helpers import COLUMNS, activity, programme

from scenarios.finance.backtest.activity import read_activity
from scenarios.finance.backtest.fitted import fit
from scenarios.finance.backtest.habits import MATTERS, habits
from scenarios.finance.backtest.occasions import occasions_of, to_next
from scenarios.finance.backtest.standing import held_before, people_of, read_members, standing, with_tiers
from scenarios.finance.backtest.willingness import Recorded, willingness

SEASON = [1.0 + 0.5 * np.sin(week / 53 * 2 * np.pi) for week in range(53)]


def answers(design, frame, columns=COLUMNS):
    a = read_activity(frame, columns, design)
    found = habits(a, occasions_of(a, np.zeros(len(a.who), np.int64)), design)
    return {(e.outcome, e.asked): e for e in found}


def test_effects_that_are_on_are_found_with_their_strength():
    design = programme(goal_gradient=0.8, tier_status=0.3)
    found = answers(design, activity(design, 1))
    near, tier = found["buying", "nearness"], found["buying", "tier"]
    assert near.verdict == tier.verdict == "found"
    assert 0.3 < near.estimate < 0.9 and 0.1 < tier.estimate < 0.4
    assert found["buying", "balance"].verdict != "found"


def test_effects_that_are_off_are_not_found_though_members_differ_leave_and_follow_a_season():
    wrong = 0
    for seed in range(8):
        design = programme(leaving=0.05)
        population = design.population.model_copy(update={"season": SEASON})
        found = answers(design, activity(design.model_copy(update={"population": population}), seed))
        asked = [e for e in found.values() if e.verdict != "not asked"]
        assert len(asked) == 5
        wrong += sum(e.verdict == "found" for e in asked)
    assert wrong <= 2  # of 40; the intervals of one panel hold together with 95 %


def panel(seed, *, buys=0.0, redeems=0.0, season=0.0):
    """Members with a rate and a willingness of their own; with 300 points more they buy exp(buys) times as often and redeem
    exp(redeems) times as willingly; baskets follow a season."""
    rng = np.random.default_rng(seed)
    rows = []
    for member in range(1500):
        rate, own, balance, day = rng.gamma(2.0, 0.03), rng.beta(2, 6), 0, 0.0
        while True:
            day += rng.exponential(1 / (rate * np.exp(buys * balance / 300)))
            if day >= 360:
                break
            worth = int(rng.integers(50, 150) * (1 + season * np.sin(2 * np.pi * day / 360)))
            balance += worth
            chance = own * np.exp(redeems * (balance / 300 - 1))
            used = 300 if balance >= 300 and rng.random() < min(chance, 0.95) else 0
            balance -= used
            rows.append((f"m{member:04d}", pd.Timestamp("2027-01-01") + pd.Timedelta(days=int(day)), float(worth), worth, used))
            if rng.random() < 0.02:
                break
    frame = pd.DataFrame(rows, columns=["member", "day", "value", "earned", "redeemed"])
    return frame.assign(cost=frame.redeemed * 0.01, tier="blue", purchases=1)


def test_a_season_of_baskets_is_no_effect_of_balances():
    """Balances grow in the dear season, and who bought late has less time left: neither may be taken for an effect."""
    z = []
    for seed in range(6):
        found = answers(programme(), panel(seed, season=0.8))
        assert found["buying", "balance"].verdict != "found" and found["buying", "nearness"].verdict != "found"
        z.append(found["buying", "balance"].estimate / (found["buying", "balance"].high - found["buying", "balance"].low))
    assert abs(np.mean(z)) < 0.3  # no lean to one side, in widths of the interval


def test_buying_that_grows_with_the_balance_is_found():
    found = answers(programme(), panel(5, buys=0.2))["buying", "balance"]
    assert found.verdict == "found" and 0.05 < found.estimate < 0.3


def test_redeeming_that_grows_with_the_balance_is_found_and_a_willingness_of_ones_own_is_not():
    design = programme()
    found = answers(design, panel(3, redeems=0.3))["redeeming", "balance"]
    assert found.verdict == "found" and 0.1 < found.estimate < 0.35
    none = answers(design, panel(4))["redeeming", "balance"]
    assert none.verdict == "none" and max(-none.low, none.high) < 0.2


def test_what_cannot_be_asked_says_why():
    design = programme(members=200, months=3)
    frame = activity(design, 1)
    few = answers(design, frame[frame.member < "m00040"])
    assert {e.verdict for e in few.values()} == {"not asked"} and "at least 50" in few["buying", "balance"].says
    bare = design.programme.model_copy(update={"rewards": [], "tiers": design.programme.tiers[:1]})
    found = answers(design.model_copy(update={"programme": bare}), frame.assign(tier="blue"))
    assert {e.says for e in found.values()} == {"the scenario has no rewards", "the rows tell one tier only"}


def test_the_way_to_the_next_reward_is_that_of_the_engine():
    assert to_next(np.array([0, 50, 100, 200, 300, 900]), [300, 100]).tolist() == [0.0, 0.5, 0.0, 0.5, 0.0, 0.0]


@pytest.mark.skipif(not ACTIVITY.exists(), reason="the shared airline data are not here")
def test_the_fictional_airline_shows_no_effect_of_balance_tier_or_goal():
    """Its README says so: the data are made up without any."""
    design = airline()
    whole = read_activity(ACTIVITY, AIRLINE, design)
    table = read_members(airline_members(), design)
    before = whole.before(pd.Timestamp("2017-09-01").date())
    people = people_of(table, before, design)
    held, _ = held_before(before, people)
    told = with_tiers(before, people)
    found = habits(told, occasions_of(told, held[: len(told.who)]), design)
    asked = [e for e in found if e.verdict != "not asked"]
    assert {(e.outcome, e.asked) for e in asked} >= {
        ("buying", "balance"), ("buying", "tier"), ("redeeming", "balance"), ("redeeming", "tier"), ("buying", "nearness"),
    }  # fmt: skip
    assert all(e.verdict in ("none", "too small") for e in asked)
    assert all(abs(e.estimate) < MATTERS for e in asked)


def test_those_who_never_redeem_are_told_from_those_who_seldom_do():
    rng = np.random.default_rng(6)
    trials = rng.integers(0, 12, 3000)
    knows = rng.random(3000) < 0.4
    found = willingness(trials, rng.binomial(trials, 0.3) * knows)
    assert found.share == pytest.approx(0.4, abs=0.03) and found.chance == pytest.approx(0.3, abs=0.02)
    record = found.redeems()
    assert (record[found.used > 0] == 1).all() and record[trials == 0] == pytest.approx(found.share)
    assert record[(trials == 10) & (found.used == 0)].max(initial=0) < 0.05
    everybody = willingness(trials, rng.binomial(trials, 0.3))
    assert everybody.share == 1.0 and everybody.chance == pytest.approx(0.3, abs=0.02)
    assert (everybody.redeems() == 1).all()


def test_members_who_redeemed_start_as_such_and_the_others_by_their_record():
    design = programme(members=400, months=8)
    a = read_activity(activity(design, 3), COLUMNS, design)
    stood = standing(a, people_of(None, a, design), design, from_first_purchase=True)
    chance = np.linspace(0, 1, stood.snapshot.size)
    start = Recorded(stood.snapshot, chance)
    aware = np.mean([start.opening(design, seed=s, draw=None).members["aware"] for s in range(40)], axis=0)
    assert aware[chance == 1].all() and not aware[chance == 0].any()
    assert aware.mean() == pytest.approx(chance.mean(), abs=0.02)
    both = (x.opening(design, seed=1, draw=None).members["rate"] for x in (start, stood.snapshot))
    np.testing.assert_array_equal(*both)


def test_joiners_are_those_of_the_members_table():
    design = programme(members=800, months=12, new=0.03, rate=0.03)
    a = read_activity(activity(design, 4), COLUMNS, design)
    listed = pd.DataFrame({"member": a.who, "joined": ["2027-01-01"] * (len(a.who) - 40) + ["2027-11-05"] * 40})
    people = people_of(read_members(listed.assign(tier="blue"), design), a, design)
    found = fit(a, people, design, population=design.population)
    joiners = next(n for n in found.numbers if n.name == "new members a month")
    assert joiners.value == pytest.approx(40 / 4 / len(a.who), rel=0.15) and "members table" in joiners.says
    given = fit(a, people_of(None, a, design), design, population=design.population)
    assert given.scenario.population.new_members_per_month == 0.03
