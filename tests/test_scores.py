"""Proper scores against published and hand-computed values, and the properties that define them."""

import numpy as np
import pytest
from scipy import integrate, stats

from experiments.scores import (
    crps_ensemble,
    crps_gaussian,
    crps_student,
    energy_score,
    monte_carlo_p,
    pit,
    skill,
)


@pytest.mark.parametrize(
    ("y", "mean", "sd", "expected"),
    [(0, 0, 1, 0.2336949773), (1, 0, 1, 0.6024413576), (5, 2, 3, 1.8073240729), (5, 2, 0, 3.0)],
)
def test_gaussian_crps_known_values(y, mean, sd, expected):
    assert crps_gaussian(y, mean, sd) == pytest.approx(expected, abs=1e-10)


def test_gaussian_crps_is_the_integral_of_the_squared_difference_of_distributions():
    below, _ = integrate.quad(lambda t: stats.norm.cdf(t, 2, 3) ** 2, -60, 5)
    above, _ = integrate.quad(lambda t: stats.norm.sf(t, 2, 3) ** 2, 5, 60)
    assert crps_gaussian(5, 2, 3) == pytest.approx(below + above, rel=1e-8)


@pytest.mark.parametrize("df", [3, 8.5])
def test_student_crps_is_the_integral_of_the_squared_difference_of_distributions(df):
    below, _ = integrate.quad(lambda t: stats.t.cdf(t, df, 2, 3) ** 2, -np.inf, 5)
    above, _ = integrate.quad(lambda t: stats.t.sf(t, df, 2, 3) ** 2, 5, np.inf)
    assert crps_student(5, 2, 3, df) == pytest.approx(below + above, rel=1e-6)
    assert crps_student(5, 2, 3, np.inf) == pytest.approx(1.8073240729, abs=1e-10)


def test_ensemble_crps_known_values():
    assert crps_ensemble([1, 2, 3, 4], 2.5) == pytest.approx(0.375, abs=1e-15)
    assert crps_ensemble([4, 1, 3, 2], 2.5, fair=True) == pytest.approx(1 / 6, abs=1e-15)


def test_plain_ensemble_of_one_draw_is_the_absolute_error():
    assert crps_ensemble([3.0], 1.0) == 2.0
    with pytest.raises(ValueError, match="at least 2 draws"):
        crps_ensemble([3.0], 1.0, fair=True)


def test_fair_score_of_few_draws_is_unbiased_and_plain_is_not():
    rng = np.random.default_rng(1)
    draws, y = rng.standard_normal((40_000, 5)), rng.standard_normal(40_000)
    ideal = 1 / np.sqrt(np.pi)  # expected score of N(0, 1) when it is right
    fair = crps_ensemble(draws, y, fair=True)
    assert fair.mean() == pytest.approx(ideal, abs=4 * fair.std() / 200)
    assert crps_ensemble(draws, y).mean() == pytest.approx(ideal * 1.2, abs=0.02)  # (1 + 1 / M)


@pytest.mark.parametrize("fair", [False, True])
def test_mixture_score_is_the_limit_of_adding_noise_by_hand(fair):
    rng = np.random.default_rng(2)
    draws = rng.normal(1, 2, 300)
    exact = crps_ensemble(draws, 2.2, fair=fair, noise_sd=1.5)
    if not fair:
        copies = draws[:, None] + 1.5 * stats.norm.ppf((np.arange(500) + 0.5) / 500)
        assert exact == pytest.approx(crps_ensemble(copies.ravel(), 2.2), rel=2e-4)
    else:
        plain = crps_ensemble(draws, 2.2, noise_sd=1.5)
        assert exact < plain  # pairs of a draw with itself understate the spread


def test_mixture_score_of_one_draw_is_gaussian():
    assert crps_ensemble([2.0], 5.0, noise_sd=3.0) == pytest.approx(crps_gaussian(5, 2, 3), rel=1e-12)


def test_energy_score_known_value_and_reduction_to_crps():
    assert energy_score([(0, 0), (2, 0)], (1, 0)) == pytest.approx(0.5, abs=1e-15)
    rng = np.random.default_rng(3)
    x = rng.standard_normal(700)
    for fair in (False, True):
        expected = float(crps_ensemble(x, 0.3, fair))
        assert energy_score(x[:, None], [0.3], fair) == pytest.approx(expected, rel=1e-10)


def test_scores_are_proper():
    rng = np.random.default_rng(4)
    y = rng.standard_normal(20_000)
    right = crps_gaussian(y, 0, 1).mean()
    assert all(right < crps_gaussian(y, m, s).mean() for m, s in [(0.3, 1), (-0.3, 1), (0, 0.6), (0, 1.6)])


def test_pit_is_uniform_with_ties_and_without():
    rng = np.random.default_rng(5)
    u = rng.uniform(size=4000)
    continuous = pit(rng.standard_normal((4000, 19)), rng.standard_normal(4000), u)
    assert stats.kstest(continuous, "uniform").pvalue > 0.01
    tied = pit(rng.poisson(1.0, (4000, 19)), rng.poisson(1.0, 4000), u)
    assert stats.kstest(tied, "uniform").pvalue > 0.01
    noisy = pit(rng.normal(0, 1, (4000, 200)), rng.normal(0, np.sqrt(1 + 4), 4000), u, noise_sd=2.0)
    assert stats.kstest(noisy, "uniform").pvalue > 0.01
    ignored = pit(rng.normal(0, 1, (4000, 200)), rng.normal(0, np.sqrt(1 + 4), 4000), u)
    assert stats.kstest(ignored, "uniform").pvalue < 1e-6  # leaving out the live noise is found


def test_monte_carlo_p_is_valid_and_never_zero():
    rng = np.random.default_rng(6)
    p = monte_carlo_p(rng.standard_normal((4000, 199)), rng.standard_normal(4000))
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 4000))
    assert monte_carlo_p(np.arange(99.0), 1e9) == pytest.approx(2 / 100)
    assert monte_carlo_p([1.0, 1.0], 1.0) == 1.0


def test_skill():
    assert skill([1.0, 1.0], [2.0, 2.0]) == 0.5
    with pytest.raises(ValueError, match="not defined"):
        skill([1.0], [0.0])
