"""The statistics behind a check: published values, levels and power where the truth is known."""

import numpy as np
import pytest
from scipy import stats

from experiments.discrepancy import (
    detectable_bias,
    direction,
    discrepancy,
    members_needed,
    power_of_check,
    spread,
)
from experiments.joint import joint_test
from experiments.scores import pit

# --- one metric ---------------------------------------------------------------------------------------


def test_prediction_interval_and_q_test_of_a_replication():
    found = discrepancy(0.5, 2.0, spread(0.5, 1.0), margin=1.0)
    assert found.interval == pytest.approx((-0.191306, 4.191306), abs=1e-6)
    assert found.p_difference == pytest.approx(0.1797125, abs=1e-7)


@pytest.mark.parametrize(("ratio", "coverage"), [(1.0, 0.834), (2.0, 0.619)])
def test_simulators_own_interval_is_too_narrow_by_the_live_error(ratio, coverage):
    """Ignoring se, the interval m +- 1.96 s covers y far less than 95 %; with it, 95 %."""
    s = 1.0
    both = spread(ratio * s, s)
    assert 2 * stats.norm.cdf(stats.norm.isf(0.025) * s / both.total) - 1 == pytest.approx(coverage, abs=5e-4)
    rng = np.random.default_rng(1)
    y, m = rng.normal(0, ratio * s, 100_000), rng.normal(0, s, 100_000)
    assert (np.abs(y - m) < 1.959964 * s).mean() == pytest.approx(coverage, abs=0.005)
    assert (np.abs(y - m) < 1.959964 * both.total).mean() == pytest.approx(0.95, abs=0.003)


def test_live_noise_is_counted_once():
    without = spread(se=2.0, sd=1.0, draws=1000)
    inside = spread(se=2.0, sd=np.sqrt(5.0), draws=1000, noise_included=True)
    stated = spread(se=2.0, sd=np.sqrt(5.0), draws=1000, noise_included=True, luck_sd=2.0)
    assert without.total == pytest.approx(np.sqrt(1.001 + 4))
    assert inside.total == pytest.approx(np.sqrt(5 * 1.001))
    assert stated.total == pytest.approx(np.sqrt(5 * 1.001), rel=1e-3)
    assert inside.parameters == pytest.approx(1.0, rel=0.01)


def test_stated_luck_is_exchanged_for_the_live_noise():
    """An experiment of a quarter of the planned size has twice the noise, whatever the draws assumed."""
    found = spread(se=4.0, sd=np.sqrt(5.0), draws=1000, noise_included=True, luck_sd=2.0)
    assert found.total == pytest.approx(np.sqrt(1 + 16), rel=1e-3)
    assert found.live_exceeds_simulated
    unstated = spread(se=4.0, sd=np.sqrt(5.0), draws=1000, noise_included=True)
    assert unstated.live_exceeds_simulated
    assert unstated.total == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("draws", [20, 200])
@pytest.mark.parametrize("case", ["without noise", "with noise", "with stated noise"])
def test_level_and_pit_when_the_simulator_is_the_truth(case, draws):
    rng = np.random.default_rng(7)
    repeats, parameter_sd, se = 4000, 1.0, 1.3
    noisy = case != "without noise"
    theta = rng.normal(3, parameter_sd, (repeats, draws + 1))
    y = theta[:, 0] + rng.normal(0, se, repeats)
    x = theta[:, 1:] + (rng.normal(0, se, (repeats, draws)) if noisy else 0.0)
    luck = se if case == "with stated noise" else None
    m, sd = x.mean(axis=1), x.std(axis=1, ddof=1)
    p = np.empty(repeats)
    for i in range(repeats):
        s = spread(se, sd[i], draws, noise_included=noisy, luck_sd=luck)
        p[i] = 2 * stats.t.sf(abs(y[i] - m[i]) / s.total, s.df)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=3.3 * np.sqrt(0.05 * 0.95 / repeats))
    u = pit(x, y, rng.uniform(size=repeats), 0.0 if noisy else se)
    if noisy or draws > 100:
        assert stats.kstest(u, "uniform").pvalue > 0.005


def test_biased_simulator_is_found_as_often_as_theory_says():
    rng = np.random.default_rng(8)
    s = spread(1.0, 0.7)
    for k in (0.0, 1.0, 2.0, 3.0):
        y = rng.normal(k * s.total, s.total, 20_000)
        rejected = (np.abs(y) / s.total > stats.norm.isf(0.025)).mean()
        theory = stats.norm.sf(1.959964 - k) + stats.norm.cdf(-1.959964 - k)
        assert power_of_check(k * s.total, s) == pytest.approx(theory, abs=1e-6)
        few = spread(0.0, 1.0, draws=9)
        t = stats.nct.sf(stats.t.isf(0.025, 8), 8, k) + stats.nct.sf(stats.t.isf(0.025, 8), 8, -k)
        assert power_of_check(k * few.total, few) == pytest.approx(t, abs=1e-5)
        assert rejected == pytest.approx(theory, abs=0.012)


def test_smallest_bias_found_with_power_80_percent():
    assert detectable_bias(spread(1.0, 0.0)) == pytest.approx(2.8015, abs=1e-3)
    few = spread(0.0, 1.0, draws=10)
    assert power_of_check(detectable_bias(few), few) == pytest.approx(0.8, abs=1e-5)
    assert detectable_bias(few) > 2.8015 * few.total  # t with 9 degrees of freedom sees less


@pytest.mark.parametrize(
    ("observed", "se", "verdict"),
    [
        (1.0, 0.1, "confirmed"),
        (3.0, 0.1, "refuted"),
        (1.5, 0.1, "different but trivial"),
        (1.5, 2.0, "inconclusive"),
    ],
)
def test_verdict_crosses_difference_and_equivalence(observed, se, verdict):
    assert discrepancy(observed, 1.0, spread(se, 0.05), margin=1.0).verdict == verdict


def test_not_significant_is_never_agreement():
    found = discrepancy(1.2, 1.0, spread(5.0, 0.1), margin=1.0)
    assert found.p_difference > 0.9
    assert found.verdict == "inconclusive"
    assert found.smallest_margin == pytest.approx(0.2 + 1.6448536 * found.spread.total)
    passes = discrepancy(1.2, 1.0, found.spread, margin=found.smallest_margin * 1.0001)
    fails = discrepancy(1.2, 1.0, found.spread, margin=found.smallest_margin * 0.9999)
    assert (passes.verdict, fails.verdict) == ("confirmed", "inconclusive")


def test_verdict_does_not_depend_on_units_or_sign():
    for factor in (1e-6, -1.0, 1e6):
        found = discrepancy(1.5 * factor, factor, spread(0.1 * abs(factor), 0.05 * abs(factor)), abs(factor))
        assert found.verdict == "different but trivial"
        assert direction(found) == "understated, within the margin"


def test_members_needed_give_the_promised_power():
    found = discrepancy(1.2, 1.0, spread(1.0, 0.1), margin=1.0)
    needed = members_needed(found, 2000)
    assert needed.to_refute is None
    se = 1.0 * np.sqrt(2000 / needed.to_confirm)
    total = spread(se, 0.1)
    rng = np.random.default_rng(9)
    y = 1.0 + rng.normal(0.2, total.total, 4000)
    verdicts = [discrepancy(v, 1.0, total, 1.0).verdict == "confirmed" for v in y]
    assert np.mean(verdicts) == pytest.approx(0.8, abs=0.025)


def test_what_is_inconclusive_needs_more_members():
    """Few simulated experiments leave few degrees of freedom: with normal quantiles 0 more members would have done."""
    few = spread(0.0053, 0.0128, draws=40, noise_included=True, luck_sd=0.0128)
    near, far = (discrepancy(difference, 0.0, few, margin=0.02) for difference in (0.001, 0.021))
    assert few.df < 3 and few.vague and {near.verdict, far.verdict} == {"inconclusive"}
    assert members_needed(near, 36_000).to_confirm > 50_000
    assert members_needed(far, 36_000).to_refute > 36_000


def test_no_number_of_members_helps_a_vague_simulator():
    assert members_needed(discrepancy(1.2, 1.0, spread(1.0, 0.9), margin=1.0), 2000).to_confirm is None
    refuting = members_needed(discrepancy(3.5, 1.0, spread(2.0, 0.1), margin=1.0), 2000)
    assert refuting.to_confirm is None
    assert refuting.to_refute > 2000


def test_direction_words():
    near = spread(0.1, 0.05)
    words = [
        direction(discrepancy(y, m, near, 0.5))
        for y, m in [(1, 5), (5, 1), (-2, 2), (-1, -5), (2, 2), (2.3, 2)]
    ]
    assert words == [
        "overstated",
        "understated",
        "wrong in sign",
        "overstated",
        "right",
        "understated, within the margin",
    ]
    vague = spread(0.1, 1.0)
    assert direction(discrepancy(-4, 0.2, vague, 0.5)) == "understated"  # the simulation claimed no sign
    assert direction(discrepancy(-4, 2.0, vague, 0.5)) == "wrong in sign"


def test_margin_and_spread_must_be_there():
    with pytest.raises(ValueError, match="margin"):
        discrepancy(1, 1, spread(1, 1), margin=0)
    with pytest.raises(ValueError, match="uncertainty"):
        discrepancy(1, 1, spread(0, 0), margin=1)


# --- all metrics --------------------------------------------------------------------------------------

ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.3, 0.2, 2.0]])
LIVE = np.array([[0.5, 0.2, 0.0], [0.2, 0.7, 0.1], [0.0, 0.1, 0.9]])


def _p_values(repeats, draws, noisy, bias=0.0, known=True, seed=3, luck=None, vague=1.0):
    rng = np.random.default_rng(seed)
    live_root = np.linalg.cholesky(LIVE)
    p, outside = np.empty(repeats), np.empty(repeats)
    for i in range(repeats):
        y = vague * ROOT @ rng.standard_normal(3) + live_root @ rng.standard_normal(3) + bias
        x = rng.standard_normal((draws, 3)) @ ROOT.T * vague
        if noisy:
            x = x + rng.standard_normal((draws, 3)) @ live_root.T
        found = joint_test(y, LIVE, x, noisy, luck, correlation_known=known, seed=i)
        p[i], outside[i] = found.p, any(found.outside)
    return p, outside


@pytest.fixture(autouse=True)
def _fast_bands(monkeypatch):
    monkeypatch.setattr("experiments.joint._BAND_DRAWS", 4000)
    monkeypatch.setattr("experiments.joint._energies", lambda *a: (1.0, 1.0))


@pytest.mark.parametrize(("draws", "noisy"), [(12, True), (60, True), (20, False), (200, False)])
def test_joint_test_and_bands_keep_their_level(draws, noisy):
    p, outside = _p_values(1200, draws, noisy)
    error = 3.3 * np.sqrt(0.05 * 0.95 / 1200)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=error)
    assert outside.mean() == pytest.approx(0.05, abs=error)
    if noisy:
        assert stats.kstest(p, "uniform").pvalue > 0.005


@pytest.mark.parametrize(("known", "vague"), [(True, 1.0), (False, 1.0), (True, 0.3)])
def test_joint_test_keeps_its_level_where_the_luck_in_the_draws_is_stated(known, vague):
    luck = np.sqrt(np.diag(LIVE))
    p, outside = _p_values(1200, 80, True, known=known, luck=luck, vague=vague)
    error = 3.3 * np.sqrt(0.05 * 0.95 / 1200)
    assert 0.05 - 2 * error < (p < 0.05).mean() < 0.05 + error
    assert 0.05 - 2 * error < outside.mean() < 0.05 + error


def test_joint_test_finds_a_bias_as_often_as_the_noncentral_f_says():
    bias = np.array([1.5, -1.0, 1.0])
    draws, k = 40, 3
    covariance = ROOT @ ROOT.T + LIVE
    p, _ = _p_values(1000, draws, True, bias)
    shift = bias @ np.linalg.solve(covariance * (1 + 1 / draws), bias)
    cut = stats.f.isf(0.05, k, draws - k)
    theory = stats.ncf.sf(cut, k, draws - k, shift)
    assert (p < 0.05).mean() == pytest.approx(theory, abs=3.3 * np.sqrt(theory * (1 - theory) / 1000))


def test_without_covariance_bonferroni_holds_its_level():
    p, outside = _p_values(1200, 100, False, known=False)
    assert (p < 0.05).mean() < 0.065
    assert outside.mean() < 0.065


def test_joint_test_on_one_metric_is_the_t_test():
    rng = np.random.default_rng(5)
    x = rng.normal(1, 2, (30, 1))
    s = spread(0.8, float(x.std(ddof=1)), 30)
    single = discrepancy(4.0, float(x.mean()), s, 1.0)
    joint = joint_test(np.array([4.0]), np.array([[0.64]]), x)
    assert joint.p == pytest.approx(single.p_difference, rel=1e-6)
    assert joint.band[0] == pytest.approx(single.interval, rel=0.05)


def test_a_metric_that_repeats_others_adds_nothing():
    rng = np.random.default_rng(6)
    x = rng.normal(0, 1, (50, 2))
    y = np.array([0.5, -1.0])
    mix = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    two = joint_test(y, np.eye(2), x)
    three = joint_test(mix @ y, mix @ mix.T, x @ mix.T)
    assert (three.rank, three.metrics) == (2, 3)
    assert three.p == pytest.approx(two.p, rel=1e-6)


def test_joint_statistic_is_free_of_units():
    rng = np.random.default_rng(6)
    x, y = rng.normal(0, 1, (50, 2)), np.array([0.5, -1.0])
    unit = np.array([1e-4, 1e5])
    assert joint_test(y * unit, np.diag(unit**2), x * unit).p == pytest.approx(joint_test(y, np.eye(2), x).p)


def test_too_few_draws_for_the_metrics_is_said():
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match="3 draws are too few to test 4 metrics"):
        joint_test(np.ones(4), np.eye(4) * 1e-12, rng.normal(0, 1, (3, 4)), noise_included=True)
