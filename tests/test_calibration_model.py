"""The purchase models hit published numbers, agree with brute-force integration, and recover known
parameters.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel
from scipy.special import gammaincc
from scipy.stats import beta, gamma, norm

from scenarios.calibration.bgnbd import Histories, Model, log_likelihood, unseen
from scenarios.calibration.calendar import Clock, week_of_year
from scenarios.calibration.candidates import Candidate, best_order, fit_candidate, with_posterior
from scenarios.calibration.expectations import baskets_of, expectation
from scenarios.calibration.panel import Panel, clean
from scenarios.calibration.season import smooth_year, week_factors
from scenarios.calibration.summary import textbook_summary
from scenarios.calibration.textbook import conditional_expectation, expected_purchases, probability_of_none

PRINTED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


def cdnow_sample() -> pd.DataFrame:
    """The 1/10 sample of Fader and Hardie from the wheel of `lifetimes`, which is not imported."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("lifetimes is not installed")
    path = Path(next(iter(spec.submodule_search_locations))) / "datasets" / "CDNOW_sample.txt"
    if not path.is_file():
        pytest.skip("the CDNOW sample is not in the wheel")
    names = ["master", "member", "date", "cds", "value"]
    return pd.read_csv(path, sep=r"\s+", header=None, names=names, dtype=str)


def panel_of(frame: pd.DataFrame) -> Panel:
    return clean(frame, member="member", date="date", value="value")


def one_history(gaps: float, wait: float, recency: float, age: float, log_gaps: float) -> Histories:
    one = np.array([1.0])
    return Histories(
        gaps=one * gaps, wait=one * wait, recency=one * recency, age=one * age, first_weight=0 * one, share=one * wait / age,
        count=one, row=np.zeros(1, dtype=np.int64), log_gaps=log_gaps, log_weights=0.0, days=int(age),
    )  # fmt: skip


def test_cdnow_maximum_likelihood_is_the_published_one() -> None:
    known = panel_of(cdnow_sample()).before(273)
    assert (known.members, known.end.isoformat()) == (2357, "1997-09-30")
    fit = textbook_summary(known)
    assert fit["r"] == pytest.approx(0.2426, abs=5e-5)
    assert fit["alpha_weeks"] == pytest.approx(4.4135, abs=1.1e-4)  # the top is at 4.41360 and 2.42591; the paper's search
    assert fit["a"] == pytest.approx(0.7929, abs=5e-5)
    assert fit["b"] == pytest.approx(2.4258, abs=1.2e-4)  # stopped beside it, and printed .243, 4.414, .793 and 2.426
    assert fit["log_likelihood_weeks"] == pytest.approx(-9582.43, abs=5e-3)


def test_printed_parameters_give_the_printed_expectations() -> None:
    assert probability_of_none(PRINTED["r"], PRINTED["alpha"], 39) == pytest.approx(0.5738, abs=5e-5)
    assert expected_purchases(**PRINTED, t=39) == pytest.approx(1.197, abs=5e-4)
    assert expected_purchases(**PRINTED, t=78) == pytest.approx(1.861, abs=5e-4)
    conditional = conditional_expectation(**PRINTED, x=2, recency=30.43, age=38.86, t=39)
    assert conditional == pytest.approx(1.226, abs=5e-4)


def test_members_states_drawn_given_their_history_have_the_closed_form_expectation() -> None:
    rng = np.random.default_rng(5)
    panel = panel_of(
        simulated_panel(rng, members=300, days=273, rate=0.03, shape=0.6, leaving=(0.8, 2.4), joining_days=90)
    )
    fit = fit_candidate(panel, Candidate(Model()))
    bought, active, _ = expectation(fit, panel, 120, rng, draws=1500)
    mean, r, a, b = np.exp(fit.theta)
    rows = fit.data.row
    exact = np.array(
        [
            conditional_expectation(
                float(r), float(r / mean), float(a), float(b), x=x, recency=t, age=age, t=120
            )
            for x, t, age in zip(fit.data.gaps, fit.data.recency, fit.data.age, strict=True)
        ]
    )[rows]
    assert bought.sum() == pytest.approx(exact.sum(), rel=0.01)
    assert np.abs(bought - exact).max() < 0.12 * exact.max()
    assert np.all(active <= np.minimum(bought, 1) + 0.02)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_likelihood_from_the_first_purchase_agrees_with_integration(order: int) -> None:
    """Gaps 5, 9, 12 and 14 days without: gamma rates and beta leaving integrated over a fine grid."""
    mean, shape, a, b = 0.08, 0.9, 0.7, 3.0
    gaps, open_gap = np.array([5.0, 9.0, 12.0]), 14.0
    rate, weight = _gamma_grid(shape, mean)
    density = np.prod([gamma(order, scale=1 / (order * rate)).pdf(g) for g in gaps], axis=0)
    silent = gammaincc(order, order * rate * open_gap)
    leave = (np.arange(20000) + 0.5) / 20000
    at = beta(a, b).pdf(leave) / 20000
    stays, leaves = at @ (1 - leave) ** 3, at @ (leave * (1 - leave) ** 2)
    expected = np.log(weight @ (density * (stays * silent + leaves)))
    theta = np.log([mean, shape, a, b])
    found = log_likelihood(
        Model("first purchase", True, order), theta, one_history(3, 0, 26, 40, float(np.log(gaps).sum()))
    )
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_likelihood_from_the_panel_start_agrees_with_integration(order: int) -> None:
    """The first wait is the rest of a gap that began before the data; members without a purchase are not
    seen.
    """
    mean, shape, wait, gap, age = 0.08, 0.9, 6.0, 9.0, 40.0
    rate, weight = _gamma_grid(shape, mean)
    first = rate * gammaincc(order, order * rate * wait)
    density = first * gamma(order, scale=1 / (order * rate)).pdf(gap)
    density *= gammaincc(order, order * rate * (age - wait - gap))
    fine = (np.arange(4000) + 0.5) * age / 4000
    seen = weight @ (rate[:, None] * gammaincc(order, order * rate[:, None] * fine)).sum(axis=1) * age / 4000
    model, theta = Model("panel start", False, order), np.log([mean, shape])
    assert unseen(model, theta, age) == pytest.approx(1 - seen, abs=1e-4)
    found = log_likelihood(model, theta, one_history(1, wait, wait + gap, age, float(np.log(gap))))
    assert found == pytest.approx(float(np.log(weight @ density / seen)), abs=2e-3)


@pytest.mark.parametrize("order", [1, 3])
def test_likelihood_of_waiting_or_joining_is_the_mixture_of_the_two(order: int) -> None:
    """Nobody joins: as from the panel start. All join: as from the first purchase, on a day drawn from all days of the panel."""
    theta, panel_start = np.log([0.08, 0.9]), Model("panel start", False, order)
    waited, joined = one_history(1, 6, 15, 40, float(np.log(9.0))), one_history(1, 0, 9, 34, float(np.log(9.0)))
    there = log_likelihood(panel_start, theta, waited)
    came = log_likelihood(Model("first purchase", False, order), theta, joined) - np.log(40)
    for share in (1e-6, 0.3, 1 - 1e-6):
        found = log_likelihood(Model("either", False, order), np.append(theta, [np.log(share / (1 - share)), 0]), waited)
        assert found == pytest.approx(np.logaddexp(np.log1p(-share) + there, np.log(share) + came))


def test_very_long_histories_keep_the_likelihood_finite() -> None:
    data = one_history(4000, 0, 3650, 3650, 0.0)
    for order in (1, 6):
        assert np.isfinite(
            log_likelihood(Model("first purchase", True, order), np.log([1.0, 0.3, 0.01, 900.0]), data)
        )


def test_known_parameters_lie_within_the_posterior() -> None:
    truth = np.log([0.05, 0.9, 1.2, 6.0])
    distances = []
    for seed in range(6):
        rng = np.random.default_rng([seed, 11])
        frame = simulated_panel(
            rng, members=1500, days=400, rate=0.05, shape=0.9, leaving=(1.2, 6.0), joining_days=120
        )
        panel = panel_of(frame)
        fit = with_posterior(fit_candidate(panel, Candidate(Model())))
        assert fit.covariance is not None
        assert np.linalg.eigvalsh(fit.covariance).min() > 0
        off = fit.theta - truth
        distances.append(off @ np.linalg.solve(fit.covariance, off))
    assert 1.5 < np.mean(distances) < 9.0  # chi-square of 4 degrees: mean 4, standard error of six 1.2


def test_regular_buyers_are_seen_to_be_regular() -> None:
    rng = np.random.default_rng(3)
    frame = simulated_panel(rng, members=300, days=360, rate=0.08, shape=1.5, order=3, present=True)
    panel = panel_of(frame)
    assert best_order(panel, Model("panel start", False)) == 3
    fit = fit_candidate(panel, Candidate(Model("panel start", False, 3)))
    assert np.exp(fit.theta) == pytest.approx([0.08, 1.5], rel=0.15)


def test_baskets_recover_spreads_and_their_link_with_the_rate() -> None:
    rng = np.random.default_rng(9)
    members, n = 1500, 12
    score = rng.standard_normal(members)
    level = np.log(25) + 0.5 * (0.4 * score + np.sqrt(1 - 0.16) * rng.standard_normal(members))
    times = rng.integers(1, 2 * n, members)
    who = np.repeat(np.arange(members), times)
    value = np.exp(level[who] + 0.7 * rng.standard_normal(len(who)))
    from scenarios.calibration.baskets import fit_baskets

    panel = Panel(who, np.arange(len(who)), value, pd.Timestamp("2020-01-01").date(), len(who))
    fit = fit_baskets(panel, np.ones(len(who), dtype=bool), score)
    assert np.exp(fit.level) == pytest.approx(25, rel=0.05)
    assert (fit.within, fit.between) == (pytest.approx(0.7, rel=0.03), pytest.approx(0.5, rel=0.06))
    assert fit.correlation == pytest.approx(0.4, abs=0.07)
    within, between = fit.lognormal_spreads()
    assert np.exp(fit.level + (within**2 + between**2) / 2) == pytest.approx(value.mean(), rel=0.01)
    assert float(fit.expected(score)[who].mean()) == pytest.approx(value.mean(), rel=1e-6)


def test_the_interval_of_the_link_between_baskets_and_rates_covers_it() -> None:
    """Rates are seen through histories, baskets through few purchases: 80 panels, of which 64 should be inside."""
    days, inside, found = 300, 0, []
    for seed in range(80):
        rng = np.random.default_rng([41, seed])
        score = rng.standard_normal(400)
        effect = 0.4 * (0.5 * score + np.sqrt(0.75) * rng.standard_normal(400))
        rate = gamma.ppf(norm.cdf(score), 1.2, scale=0.02 / 1.2)
        who = np.repeat(np.arange(400), rng.poisson(rate * days))
        key = np.unique(who * days + rng.integers(0, days, len(who)))
        who, member = key // days, np.unique(key // days, return_inverse=True)[1]
        value = np.exp(3 + effect[who] + 0.6 * rng.standard_normal(len(who)))
        panel = Panel(member, key % days, value, pd.Timestamp("2020-01-01").date(), days)
        fit = fit_candidate(panel, Candidate(Model("panel start", leaving=False)))
        baskets = baskets_of(panel, fit, rng)
        low, high = baskets.correlation_between(1.2816)
        inside += low <= 0.5 <= high
        found.append((baskets.correlation, baskets.correlation_error))
    correlation, error = np.array(found).T
    assert 55 <= inside <= 73 and correlation.mean() == pytest.approx(0.5, abs=0.03)
    assert error.mean() == pytest.approx(correlation.std(), rel=0.2)


def test_money_agrees_where_frequent_buyers_buy_more() -> None:
    """The mean of purchases is not that of members: simulated members with the fitted spreads must spend as the panel did."""
    from scenarios.calibration.baskets import fit_baskets

    rng = np.random.default_rng(10)
    members = 4000
    score = rng.standard_normal(members)
    rate = 6 * np.exp(0.8 * score)
    effect = 0.5 * (0.5 * score + np.sqrt(0.75) * rng.standard_normal(members))
    who = np.repeat(np.arange(members), 1 + rng.poisson(rate))
    value = 25 * np.exp(effect[who] + 0.6 * rng.standard_normal(len(who)))
    panel = Panel(who, np.arange(len(who)), value, pd.Timestamp("2020-01-01").date(), len(who))
    fit = fit_baskets(panel, np.ones(len(who), dtype=bool), score)
    within, between = fit.lognormal_spreads()
    assert (within, between) == (pytest.approx(0.6, rel=0.05), pytest.approx(0.5, rel=0.05))
    rest = np.sqrt(1 - fit.correlation**2) * rng.standard_normal(members)
    again = np.exp(fit.level + between * (fit.correlation * score + rest))
    simulated = again[who] * np.exp(within**2 / 2)
    assert simulated.mean() == pytest.approx(value.mean(), rel=0.03)


def test_single_weeks_are_found_where_there_are_any_and_not_where_there_are_none() -> None:
    rng = np.random.default_rng(2)
    truth = np.where(np.isin(np.arange(53), (20, 49, 50)), 1.8, 1.0)
    expected = np.full(53, 150.0)
    found = np.array(week_factors(rng.poisson(150 * truth).astype(float), expected))
    assert np.sqrt(((found - truth / truth.mean()) ** 2).mean()) < 0.08
    none = np.array(week_factors(rng.poisson(150, 53).astype(float), expected))
    assert none.mean() == pytest.approx(1)
    assert np.abs(none - 1).max() < 0.1


def test_a_smooth_year_has_mean_1_and_two_waves() -> None:
    year = smooth_year(np.array([0.3, 0.0, 0.0, 0.1]))
    assert year.mean() == pytest.approx(1)
    angle = 2 * np.pi * (np.arange(53) + 0.5) * 7 / 365.25
    assert np.log(year / year[0]) == pytest.approx(
        0.3 * (np.sin(angle) - np.sin(angle[0])) + 0.1 * (np.cos(2 * angle) - np.cos(2 * angle[0]))
    )


def test_week_of_the_year_has_53_values() -> None:
    days = np.arange(366)
    weeks = week_of_year(pd.Timestamp("2016-01-01").date(), days)
    assert (weeks == days // 7).all() and weeks.max() == 52
    assert week_of_year(pd.Timestamp("2016-12-31").date(), np.array([0, 1])).tolist() == [52, 0]


def test_growth_is_1_at_the_end_of_the_fit() -> None:
    clock = Clock(pd.Timestamp("2016-01-01").date(), last=99, growth=0.5)
    assert clock.weights(99, 99)[0] == pytest.approx(1)
    assert np.log(clock.weights(99, 465)[-1]) == pytest.approx(0.5, rel=0.01)


def test_baskets_of_a_first_purchase_are_brought_to_the_level_of_later_ones() -> None:
    rng = np.random.default_rng(4)
    frame = simulated_panel(
        rng, members=800, days=300, rate=0.05, shape=1.0, leaving=(1.0, 8.0), joining_days=60
    )
    first = ~frame.duplicated("member")
    frame.loc[first, "value"] *= 1.5
    panel = panel_of(frame)
    baskets = baskets_of(panel, fit_candidate(panel, Candidate(Model())), rng)
    assert baskets.first_factor == pytest.approx(1.5, rel=0.1)


def _gamma_grid(shape: float, mean: float) -> tuple[np.ndarray, np.ndarray]:
    share = (np.arange(4000) + 0.5) / 4000
    return gamma(shape, scale=mean / shape).ppf(share), np.full(4000, 1 / 4000)
