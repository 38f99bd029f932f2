"""Estimators against statsmodels, scipy and what theory says about A/A tests and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from experiments.aggregates import Aggregate, aggregate
from experiments.arm_means import arm_means
from experiments.estimators import Target, Undefined, covariance, effect, levels

ARMS = ("control", "treated")


def table(arm, columns, stratum=None, cluster=None) -> Aggregate:
    """The aggregate of arrays; labels are whole numbers."""
    labels = [np.asarray(arm), np.zeros(len(arm), int) if stratum is None else np.asarray(stratum)]
    if cluster is not None:
        labels.append(np.asarray(cluster))
    stacked = np.stack(labels, axis=1)
    keys, cells = np.unique(stacked, axis=0, return_inverse=True)
    names = [(ARMS[key[0]], *(str(k) for k in key[1:])) for key in keys.tolist()]
    return aggregate(cells.ravel().astype(np.int32), names, columns)


def one(arm, columns, target, variance="member", alpha=0.05, **labels):
    means = arm_means(table(arm, columns, **labels), ARMS, variance)
    return effect(means, levels(means, target), 1, 0, alpha)


def test_welch_on_the_sleep_data():
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    arm = np.repeat([0, 1], 10)
    found = one(arm, {"extra": np.array(second + first)}, Target("extra", "extra"))
    assert found.effect / found.se == pytest.approx(-1.8608, abs=5e-5)
    assert found.df == pytest.approx(17.776, abs=5e-4)
    assert found.p == pytest.approx(0.07939, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((-3.3655, 0.2055), abs=5e-5)


def test_means_and_proportions_are_scipys_welch():
    rng = np.random.default_rng(1)
    arm = rng.integers(0, 2, 700)
    y = rng.gamma(1 + arm, 2.0)
    found = one(arm, {"y": y}, Target("y", "y"))
    theirs = stats.ttest_ind(y[arm == 1], y[arm == 0], equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_lin_and_cuped_are_the_regressions():
    rng = np.random.default_rng(2)
    n = 4000
    arm = (rng.random(n) < 0.3).astype(int)
    x, z = rng.normal(5, 2, n), rng.gamma(1, 1, n)
    y = 1 + x * (1 + 0.5 * arm) - 0.3 * z + rng.normal(size=n)
    columns = {"y": y, "x": x, "z": z}
    lin = one(arm, columns, Target("y", "y", covariates=("x", "z"), adjustment="lin"))
    centred = np.column_stack([x - x.mean(), z - z.mean()])
    design = np.column_stack([np.ones(n), arm, centred, centred * arm[:, None]])
    fit = sm.OLS(y, design).fit(cov_type="HC2")
    assert lin.effect == pytest.approx(fit.params[1], rel=1e-9)
    theta = fit.params[4:6]
    full = np.sqrt(fit.bse[1] ** 2 + theta @ np.cov(centred.T) @ theta / n)
    assert lin.se == pytest.approx(full, rel=0.01)
    cuped = one(arm, columns, Target("y", "y", covariates=("x", "z"), adjustment="cuped"))
    within = np.column_stack([np.ones(n), arm, x, z])
    fit = sm.OLS(y, within).fit()
    assert cuped.effect == pytest.approx(fit.params[1], rel=1e-9)


def test_ancova_standard_error_with_few_units():
    rng = np.random.default_rng(3)
    arm = np.repeat([0, 1], 12)
    x = rng.normal(size=24)
    y = x + rng.normal(size=24)
    cuped = one(arm, {"y": y, "x": x}, Target("y", "y", covariates=("x",), adjustment="cuped"))
    fit = sm.OLS(y, np.column_stack([np.ones(24), arm, x])).fit()
    assert cuped.se == pytest.approx(fit.bse[1], rel=1e-6)


def test_a_ratio_by_the_delta_method():
    rng = np.random.default_rng(4)
    n = 3000
    arm = rng.integers(0, 2, n)
    orders = 1.0 + rng.poisson(2, n)
    spend = orders * rng.gamma(4, 10, n)
    found = one(arm, {"s": spend, "o": orders}, Target("basket", "s", "o"))
    variance = 0.0
    ratios = []
    for a in (0, 1):
        s, o = spend[arm == a], orders[arm == a]
        ratios.append(s.mean() / o.mean())
        variance += np.var(s - ratios[-1] * o, ddof=1) / len(s) / o.mean() ** 2
    assert found.effect == pytest.approx(ratios[1] - ratios[0])
    assert found.se == pytest.approx(np.sqrt(variance))


def test_clusters_are_statsmodels_cr1_and_the_closed_cr2():
    rng = np.random.default_rng(5)
    sizes = rng.integers(3, 40, 24)
    cluster = np.repeat(np.arange(24), sizes)
    arm = cluster % 2
    y = rng.normal(size=24)[cluster] + rng.normal(size=len(cluster))
    target = Target("y", "y")
    cr1 = one(arm, {"y": y}, target, "cr1", cluster=cluster)
    u = {a: np.array([(y[cluster == g] - y[arm == a].mean()).sum() for g in range(a, 24, 2)]) for a in (0, 1)}
    n = {a: (arm == a).sum() for a in (0, 1)}
    assert cr1.se**2 == pytest.approx(sum(12 / 11 * (u[a] ** 2).sum() / n[a] ** 2 for a in (0, 1)))
    fit = sm.OLS(y, sm.add_constant(arm)).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    theirs = 24 / 23 * (len(y) - 1) / (len(y) - 2)
    assert cr1.se**2 * 11 / 12 == pytest.approx(fit.bse[1] ** 2 / theirs)
    cr2 = one(arm, {"y": y}, target, "cr2", cluster=cluster)
    adjusted = 0.0
    for a in (0, 1):
        for g in range(a, 24, 2):
            m = (cluster == g).sum()
            inverse_root = np.linalg.inv(_root(np.eye(m) - np.ones((m, m)) / n[a]))
            adjusted += (inverse_root @ (y[cluster == g] - y[arm == a].mean())).sum() ** 2 / n[a] ** 2
    assert cr2.se**2 == pytest.approx(adjusted)
    means = np.array([y[cluster == g].mean() for g in range(24)])
    aggregated = one(arm, {"y": y}, target, "aggregated", cluster=cluster)
    theirs = stats.ttest_ind(means[1::2], means[::2], equal_var=False)
    assert aggregated.p == pytest.approx(theirs.pvalue)


def _root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values)) @ vectors.T


def test_equal_clusters_have_g_less_1_degrees_of_freedom():
    rng = np.random.default_rng(6)
    cluster = np.repeat(np.arange(20), 10)
    y = rng.normal(size=200)
    means = arm_means(table(cluster % 2, {"y": y}, cluster=cluster), ARMS, "cr2")
    assert [piece.df for piece in means.pieces] == pytest.approx([9, 9])


def test_post_stratification_takes_the_strata_out():
    rng = np.random.default_rng(7)
    n = 6000
    stratum = rng.integers(0, 3, n)
    arm = rng.integers(0, 2, n)
    y = 10.0 * stratum + rng.normal(size=n)
    found = one(arm, {"y": y}, Target("y", "y"), stratum=stratum)
    parts = [y[(arm == 1) & (stratum == s)].mean() - y[(arm == 0) & (stratum == s)].mean() for s in range(3)]
    share = np.bincount(stratum) / n
    assert found.effect == pytest.approx(share @ parts)
    assert found.se == pytest.approx(2 / np.sqrt(n), rel=0.05)


def test_covariance_across_metrics_is_that_of_repeated_experiments():
    rng = np.random.default_rng(8)
    n, repeats = 400, 600
    targets = [Target("y", "y"), Target("r", "s", "o"), Target("a", "y", covariates=("x",), adjustment="lin")]
    draws, stated = [], []
    for _ in range(repeats):
        arm = rng.permutation(n) % 2
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        o = rng.poisson(3, n) + 1.0
        columns = {"y": y, "x": x, "o": o, "s": o * (5 + y)}
        means = arm_means(table(arm, columns), ARMS)
        effects = [effect(means, levels(means, target), 1, 0) for target in targets]
        draws.append([e.effect for e in effects])
        stated.append(covariance(means, effects, [False] * 3))
    true = np.cov(np.array(draws).T)
    assert np.mean(stated, axis=0) == pytest.approx(true, rel=0.2)


def test_relative_effects_have_the_sign_of_the_difference_or_are_refused():
    rng = np.random.default_rng(9)
    arm = np.repeat([0, 1], 500)
    noise = rng.normal(size=1000)
    below = one(arm, {"y": noise - 50 + 5 * arm}, Target("y", "y"))
    assert below.base < 0 < below.effect
    assert below.relative == pytest.approx(below.effect / abs(below.base))
    assert 0 < below.relative_low < below.relative < below.relative_high
    at_zero = one(arm, {"y": noise + 5 * arm}, Target("y", "y"))
    assert at_zero.effect > 4 and at_zero.relative is None


def test_a_ratio_of_nothing_is_refused():
    rng = np.random.default_rng(10)
    arm = np.repeat([0, 1], 50)
    columns = {"y": rng.normal(size=100), "x": rng.normal(size=100)}
    with pytest.raises(Undefined, match="within 3 standard errors of 0"):
        one(arm, columns, Target("r", "y", "x"))


def _false_positives(draw, target, repeats=1000, variance="member"):
    hits = 0
    for r in range(repeats):
        arm, columns, labels = draw(np.random.default_rng([r, 77]))
        hits += one(arm, columns, target, variance, **labels).p < 0.05
    return hits / repeats


def _members(rng):
    x = rng.normal(size=300)
    return rng.permutation(300) % 2, {"y": x + rng.normal(size=300), "x": x}, {}


def _missing(rng):
    x = rng.gamma(2, 1, 300)
    y = x + rng.normal(size=300)
    gone = rng.random(300) < 0.3
    return rng.permutation(300) % 2, {"y": y, "x": np.where(gone, 1.7, x), "x?": gone.astype(float)}, {}


def _clusters(rng):
    sizes = rng.integers(5, 40, 30)
    cluster = np.repeat(np.arange(30), sizes)
    arm = (rng.permutation(30) % 2)[cluster]
    y = 0.3 * rng.normal(size=30)[cluster] + rng.normal(size=len(cluster))
    return arm, {"y": y}, {"cluster": cluster}


def _heavy(rng):
    return rng.permutation(800) % 2, {"y": rng.lognormal(0, 1.5, 800)}, {}


def _near_zero(rng):
    return rng.permutation(300) % 2, {"y": rng.normal(1e-9, 1.0, 300)}, {}


def _near_zero_denominator(rng):
    x = rng.normal(0.8, 1.0, 200)
    return rng.permutation(200) % 2, {"y": 0.5 * x + rng.normal(size=200), "x": x}, {}


def _unequal(rng):
    arm = (np.arange(400) % 5 == 0).astype(int)
    x = rng.normal(size=400)
    return arm, {"y": 2 * x + rng.normal(size=400), "x": x}, {}


def _ratio(rng):
    arm = rng.permutation(400) % 2
    x = rng.gamma(2, 1, 400)
    orders = 1.0 + rng.poisson(x)
    return arm, {"y": orders * rng.gamma(4, 1, 400), "n": orders, "x": x}, {}


def _strata(rng):
    stratum = (rng.random(300) < 0.2).astype(int)
    return rng.permutation(300) % 2, {"y": 3 * stratum + rng.normal(size=300)}, {"stratum": stratum}


def _adjusted_clusters(rng):
    arm, columns, labels = _clusters(rng)
    of_cluster = rng.normal(size=30)[labels["cluster"]]
    x = of_cluster + rng.normal(size=len(arm))
    return arm, {"y": columns["y"] + of_cluster, "x": x}, labels


Y = Target("y", "y")
AA = {
    "members": (_members, Y, "member"),
    "cuped": (_members, Target("y", "y", covariates=("x",), adjustment="cuped"), "member"),
    "lin": (_unequal, Target("y", "y", covariates=("x",), adjustment="lin"), "member"),
    "30 % missing": (_missing, Target("y", "y", covariates=("x", "x?"), adjustment="cuped"), "member"),
    "clusters cr2": (_clusters, Y, "cr2"),
    "clusters aggregated": (_clusters, Y, "aggregated"),
    "clusters cr2 cuped": (
        _adjusted_clusters,
        Target("y", "y", covariates=("x",), adjustment="cuped"),
        "cr2",
    ),
    "ratio cuped": (_ratio, Target("r", "y", "n", covariates=("x",), adjustment="cuped"), "member"),
    "post-stratified": (_strata, Y, "member"),
    "heavy tails": (_heavy, Y, "member"),
    "mean near 0": (_near_zero, Y, "member"),
    "denominator near 0": (_near_zero_denominator, Target("r", "y", "x"), "member"),
}


@pytest.mark.parametrize("name", AA)
def test_false_positives_of_a_a_tests(name):
    draw, target, variance = AA[name]
    assert 0.036 <= _false_positives(draw, target, variance=variance) <= 0.064


def test_intervals_cover():
    covered = {"absolute": 0, "relative": 0, "ratio": 0}
    repeats = 1000
    for r in range(repeats):
        rng = np.random.default_rng([r, 78])
        arm = rng.permutation(300) % 2
        y = rng.gamma(2, 1, 300) * (1 + 0.2 * arm)
        x = rng.normal(0.5, 1.0, 300)
        top = x * (1 + arm) + 0.5 * rng.normal(size=300)
        means = arm_means(table(arm, {"y": y, "x": x, "t": top}), ARMS)
        found = effect(means, levels(means, Y), 1, 0)
        covered["absolute"] += found.low <= 0.4 <= found.high
        covered["relative"] += found.relative_low <= 0.2 <= found.relative_high
        ratio = effect(means, levels(means, Target("r", "t", "x")), 1, 0)
        covered["ratio"] += ratio.low <= 1.0 <= ratio.high
    assert all(0.934 <= hits / repeats <= 0.966 for hits in covered.values()), covered


def test_order_shift_and_scale_change_nothing():
    rng = np.random.default_rng(11)
    n = 5000
    arm = rng.integers(0, 2, n)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n) + 0.1 * arm
    target = Target("y", "y", covariates=("x",), adjustment="cuped")
    plain = one(arm, {"y": y, "x": x}, target)
    order = rng.permutation(n)
    for arms, ys, xs, scale in (
        (arm[order], y[order], x[order], 1.0),
        (arm, y + 1e9, x + 1e9, 1.0),
        (arm, 1e6 * y, 1e-6 * x, 1e6),
    ):
        other = one(arms, {"y": ys, "x": xs}, target)
        assert other.effect == pytest.approx(scale * plain.effect, rel=1e-5)
        assert other.se == pytest.approx(scale * plain.se, rel=1e-5)


def test_aggregates_merge_to_the_whole():
    rng = np.random.default_rng(12)
    arm = rng.integers(0, 2, 1000)
    columns = {"a": rng.normal(1e9, 1, 1000), "b": rng.gamma(1, 1, 1000)}
    whole = table(arm, columns).sorted()
    parts = sum(
        (table(arm[s], {k: v[s] for k, v in columns.items()}) for s in (slice(10, 400), slice(400, 1000))),
        start=table(arm[:10], {k: v[:10] for k, v in columns.items()}),
    ).sorted()
    assert parts.n == pytest.approx(whole.n)
    assert parts.scatter == pytest.approx(whole.scatter, rel=1e-6)
    less = whole.less(("control", "0"), np.column_stack([columns["a"], columns["b"]])[arm == 0][:7])
    rest = np.flatnonzero(arm == 0)[7:]
    assert less.scatter[0] == pytest.approx(
        np.cov(columns["a"][rest], columns["b"][rest]) * (len(rest) - 1), rel=1e-6
    )


def test_unknown_shares_of_strata_add_to_the_error_where_effects_differ():
    n, repeats = 400, 800
    draws, stated = [], []
    for r in range(repeats):
        rng = np.random.default_rng([r, 79])
        stratum = (rng.random(n) < 0.5).astype(int)
        arm = rng.permutation(n) % 2
        found = one(arm, {"y": 4.0 * stratum * arm + 0.1 * rng.normal(size=n)}, Y, stratum=stratum)
        draws.append(found.effect)
        stated.append(found.se)
    assert np.mean(stated) == pytest.approx(np.std(draws), rel=0.08)


def test_many_blocks_are_one_table():
    rng = np.random.default_rng(14)
    n = 50_000
    arm = np.sort(rng.integers(0, 2, n))
    columns = {"a": rng.normal(1e6, 1, n).cumsum() / 1e4, "b": rng.gamma(1, 1, n)}
    found = table(arm, columns)
    for cell, a in enumerate((0, 1)):
        rows = np.array([values[arm == a] for values in columns.values()])
        assert found.n[cell] == rows.shape[1]
        assert found.mean[cell] == pytest.approx(rows.mean(axis=1), rel=1e-12)
        assert found.scatter[cell] == pytest.approx(np.cov(rows) * (rows.shape[1] - 1), rel=1e-8)


def test_a_relative_effect_on_a_negative_base_moves_with_the_absolute_one():
    rng = np.random.default_rng(15)
    arm = np.repeat([0, 1], 300)
    means = arm_means(table(arm, {"y": rng.normal(-20, 3, 600)}), ARMS)
    found = effect(means, levels(means, Y), 1, 0)
    joint = covariance(means, [found, found], [False, True])
    assert joint[0, 1] / np.sqrt(joint[0, 0] * joint[1, 1]) > 0.99
    assert found.relative_se == pytest.approx(np.sqrt(joint[1, 1]))
