"""Lifetime value, break-even, present value, budget at risk, forecast scores, plan against actual."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import scenario
from scipy import stats

from scenarios.finance.budget import budget_at_risk
from scenarios.finance.forecast_document import spread_of
from scenarios.finance.forecast_scores import crps, naive_forecasts, score_forecast
from scenarios.finance.value import break_even_uplift
from scenarios.finance.variance import PARTS, Activity, Variance, monthly_variance, variance
from sim.errors import InputError
from sim.margin import present_value
from sim.measures import BY_NAME
from sim.outcome import simulate


def test_the_simulated_lifetime_value_is_the_margin_multiple():
    """m r / (1 + i - r), Gupta and Lehmann 2003: margin m a month of who stayed, retention r a month, discount rate i a month."""
    margin, retention, leaves, gross = 100.0, 0.8, 0.1, 0.4
    rate = -np.log(retention) / (365 / 12) / leaves
    design = scenario(
        population__members=50_000, population__purchase_rate={"mean": rate, "shape": 1e6},
        population__leaving={"probability": leaves}, horizon__months=96,
        population__basket={"median": margin * retention * leaves / (gross * (1 - retention)), "sigma": 0.0},
        economics__gross_margin=gross, economics__discount_rate=0.1,
    )  # fmt: skip
    worth = margin * retention / (1.1 ** (1 / 12) - retention)
    assert BY_NAME["lifetime_value"].compute(simulate(design, seed=1)) == pytest.approx(worth, rel=0.01)


def test_present_value_of_a_margin_that_a_share_stays_for():
    """m r / (1 + i - r) of Gupta and Lehmann 2003, in years: 100 a year, of who stays .8, at .1 a year, is 266.67."""
    flows = np.zeros(12 * 300)
    flows[11::12] = 100 * 0.8 ** np.arange(1, 301)
    assert present_value(flows, 0.1) == pytest.approx(100 * 0.8 / (1 + 0.1 - 0.8))
    assert round(float(present_value(flows, 0.1)), 2) == 266.67


@pytest.mark.parametrize(("discount", "exact"), [("0.05", Fraction(1, 7)), ("0.12", Fraction(3, 7)), ("0.20", Fraction(1))])
def test_break_even_uplift_at_40_percent_margin(discount, exact):
    assert break_even_uplift("0.40", discount) == exact  # 14.3 %, 42.9 %, 100 %


@settings(deadline=None)
@given(st.fractions("0.01", 1), st.fractions(0, 1))
def test_the_break_even_uplift_keeps_gross_profit(margin, share):
    discount = margin * share * Fraction(99, 100)
    assert (1 + break_even_uplift(margin, discount)) * (margin - discount) == margin


def test_values_that_do_not_exist_are_refused():
    with pytest.raises(InputError, match="no break-even"):
        break_even_uplift("0.4", "0.4")
    with pytest.raises(InputError, match="more than -1"):
        present_value([1.0], -1)


def test_present_value_of_a_year_hence_and_of_a_perpetual_flow():
    assert present_value([0] * 11 + [110.0], 0.10) == pytest.approx(100)
    assert present_value([5.0] * 7, 0.0) == pytest.approx(35)
    month = 1.1 ** (1 / 12) - 1
    assert present_value(np.ones((2, 5000)), 0.10) == pytest.approx([1 / month] * 2)
    assert present_value([1.0], 0.1) == pytest.approx(1.1 ** (-1 / 12))


def test_budget_at_risk_on_costs_that_can_be_counted():
    costs = np.array([[10, 10, 10], [10, 20, 10], [10, 20, 20], [30, 0, 0]])
    found = budget_at_risk(costs, [12, 12, 12], level=0.5, alarm=0.4)
    assert found.overrun.tolist() == [0.25, 0.75, 0.5] and found.probability == 0.5
    assert found.exhausted.tolist() == [0, 0, 0.5]
    assert found.early_warning == 1 and found.peak == 0
    assert found.at_risk == pytest.approx(35 - 36) and found.expected == 37.5
    assert budget_at_risk(costs, 1000).early_warning is None


@pytest.mark.parametrize("replications", [2, 3, 8, 9, 12, 20])
def test_the_95_percent_quantile_of_cost_lies_above_its_p90(replications):
    """Both stand in one sentence, so both are of one further course of events."""
    costs = np.random.default_rng(replications).lognormal(5, 0.4, (replications, 6))
    p90 = spread_of(costs.sum(axis=1), costs[:0].sum(axis=1))[2]
    assert budget_at_risk(costs, 0.0).at_risk >= p90


def test_budget_at_risk_of_normal_costs_is_the_normal_quantile():
    rng = np.random.default_rng(1)
    costs = rng.normal(100, 10, (40_000, 12))
    found = budget_at_risk(costs, 1200.0)
    assert found.at_risk == pytest.approx(stats.norm.ppf(0.95) * 10 * np.sqrt(12), abs=1)
    assert found.overrun == pytest.approx([0.5] * 12, abs=0.012)


def test_one_budget_covers_fixed_cost_where_it_falls_due():
    """Set-up cost of 60 in the first month, 10 a month besides, the rest evenly: no month is ahead by what was known."""
    fixed = np.array([70.0, 10.0, 10.0])
    costs = fixed + np.array([[12.0, 9.0, 9.0], [9.0, 12.0, 9.0]])
    found = budget_at_risk(costs, 120.0, fixed=fixed)
    assert found.spread and found.plan.tolist() == [80, 20, 20] and found.budget == 120
    assert found.overrun.tolist() == [0.5, 1, 0] and (found.early_warning, found.ahead_until) == (0, 1)
    evenly = budget_at_risk(costs, [40.0, 40.0, 40.0], fixed=fixed)
    assert not evenly.spread and evenly.overrun.tolist() == [1, 1, 0]
    short = budget_at_risk(costs, 45.0, fixed=fixed)
    assert short.plan.tolist() == [35, 5, 5] and short.probability == 1


def test_a_cost_that_meets_its_budget_is_no_overrun():
    assert budget_at_risk([[0.1, 0.2]], [0.3, 0.0]).probability == 0  # 0.1 + 0.2 is a last digit more than 0.3
    with pytest.raises(InputError, match="replications, months"):
        budget_at_risk([1.0, 2.0], 3)
    with pytest.raises(InputError, match="12 monthly numbers"):
        budget_at_risk(np.ones((2, 12)), [1.0] * 11)
    with pytest.raises(InputError, match="probabilities"):
        budget_at_risk(np.ones((2, 12)), 1.0, level=1.0)


def test_crps_known_answer_and_a_single_value():
    assert crps(np.array([[1.0], [2], [3], [4]]), np.array([2.5])) == pytest.approx([1 / 6])
    assert crps(np.full((5, 1), 3.0), np.array([1.0])) == pytest.approx([2.0])


def test_a_right_forecast_covers_what_it_promises_and_has_skill():
    rng = np.random.default_rng(2)
    months = 400
    season = 100 + 30 * np.sin(2 * np.pi * np.arange(months) / 12)
    found = score_forecast(rng.normal(season, 8, (500, months)), rng.normal(season, 8), rng.normal(season[:12], 8))
    assert found.coverage == pytest.approx(0.8, abs=0.06) and found.nominal == pytest.approx(0.8)
    assert found.coverage_interval[0] < 0.8 < found.coverage_interval[1]
    assert found.width == pytest.approx(2 * stats.norm.ppf(0.9) * 8, rel=0.03)
    assert found.crps == pytest.approx(8 / np.sqrt(np.pi), rel=0.1)
    assert found.skill["last_value"] > found.skill["same_month_last_year"] > 0.3
    assert 0 < found.skill_of_middle["same_month_last_year"] < found.skill["same_month_last_year"]
    assert abs(found.total_error) < 0.02 and found.relative_error < 0.1


def test_a_narrow_and_a_biased_forecast_are_told():
    rng = np.random.default_rng(3)
    actual = rng.normal(100, 10, 300)
    right = score_forecast(rng.normal(100, 10, (400, 300)), actual)
    narrow = score_forecast(rng.normal(100, 2, (400, 300)), actual)
    biased = score_forecast(rng.normal(120, 10, (400, 300)), actual)
    assert narrow.coverage < 0.3 and narrow.coverage_interval[1] < 0.8 and biased.mean_error == pytest.approx(20, abs=2)
    assert right.crps < min(narrow.crps, biased.crps) and right.pinball < min(narrow.pinball, biased.pinball)


def test_skill_against_another_forecast_is_on_the_same_months():
    draws = np.array([[9.0, 19.0], [11.0, 21.0]])
    found = score_forecast(draws, [12.0, 20.0], others={"chain ladder": [14.0, 24.0]})
    assert found.skill_of_middle == {"chain ladder": pytest.approx(1 - 1.0 / 3.0)}
    assert found.mean_absolute_error == 1.0 and found.mean_error == -1.0
    exact = score_forecast(draws, [10.0, 20.0], others={"chain ladder": [10.0, 20.0]})
    assert np.isnan(exact.skill["chain ladder"])


def test_naive_forecasts():
    history = np.arange(30.0)
    found = naive_forecasts(history, 14)
    assert found["last_value"].tolist() == [29.0] * 14
    assert found["same_month_last_year"].tolist() == [*range(18, 30), 18, 19]
    assert set(naive_forecasts([1.0, 2.0], 3)) == {"last_value"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], [1.0]), "2 or more"),
        (([[1.0], [2.0]], [1.0, 2.0]), "2 or more"),
        (([[1.0], [float("nan")]], [1.0]), "finite"),
        (([[1.0], [2.0]], [1.0], []), "at least one finite month"),
    ],
)
def test_forecasts_that_cannot_be_scored_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        score_forecast(*arguments)


counts = st.integers(0, 10**6)
segment = st.tuples(st.integers(1, 10**6), counts, counts).map(lambda s: (s[0], s[1], s[2] if s[1] else 0))
segments = st.lists(st.one_of(segment, st.just((0, 0, 0))), min_size=1, max_size=4)


def activity(rows):
    return Activity(*(list(column) for column in zip(*rows, strict=True)))


@settings(deadline=None)
@given(st.lists(st.tuples(segments, segments), min_size=1, max_size=3))
def test_the_parts_add_up_to_the_difference(months):
    pairs = [(activity(p[: len(a)]), activity(a[: len(p)])) for p, a in months]
    for (plan, actual), found in zip(pairs, monthly_variance(*zip(*pairs, strict=True)), strict=True):
        assert (found.plan, found.actual) == (sum(plan.cost), sum(actual.cost))
        assert sum(getattr(found, part) for part in PARTS) == found.difference
        back = variance(actual, plan)
        assert all(abs(getattr(found, part) + getattr(back, part)) <= 1 for part in PARTS)  # the sign turns, but for rounding


def test_a_single_cause_is_named():
    plan = Activity([1_000, 500], [2_000, 2_000], [400_000, 800_000])
    cases = {
        "volume": Activity([1_100, 550], [2_200, 2_200], [440_000, 880_000]),
        "mix": Activity([500, 1_000], [1_000, 4_000], [200_000, 1_600_000]),
        "behaviour": Activity([1_000, 500], [3_000, 2_000], [600_000, 800_000]),
        "rate": Activity([1_000, 500], [2_000, 2_000], [400_000, 900_000]),
    }
    for part, actual in cases.items():
        expected = dict.fromkeys(PARTS, 0) | {part: sum(actual.cost) - 1_200_000}
        assert variance(plan, actual) == Variance(1_200_000, sum(actual.cost), **expected)


def test_two_causes_share_what_they_did_together_evenly():
    found = variance(Activity([100], [100], [1_000]), Activity([200], [200], [4_000]))  # twice the members, twice the rate
    assert (found.volume, found.rate, found.mix, found.behaviour) == (1_500, 1_500, 0, 0)


def test_a_segment_that_was_not_planned_is_mix():
    found = variance(Activity([100, 0], [100, 0], [1_000, 0]), Activity([50, 50], [50, 50], [500, 2_000]))
    assert (found.mix, found.difference) == (1_500, 1_500)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Activity([1], [0], [5]), "cost needs events"),
        (Activity([0], [3], [5]), "events need members"),
        (Activity([1], [1], [0.5]), "whole numbers"),
        (Activity([1, 1], [1], [1]), "same segments"),
        (Activity([1, 1], [1, 1], [1, 1]), "must be the same"),
    ],
)
def test_activity_that_cannot_be_is_refused(plan, message):
    with pytest.raises(InputError, match=message):
        variance(plan, Activity([1], [1], [1]))
