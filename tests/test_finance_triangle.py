"""Ultimate redemption: known triangles to the last published digit, and errors that cover what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.finance.chain_ladder import mack
from scenarios.finance.curves import CURVES, fit_curve
from scenarios.finance.points import ledger
from scenarios.finance.triangle import develop, extrapolated_tail, triangle, triangle_of
from scenarios.finance.triangle_backtest import backtest, by_chain_ladder, by_curve
from sim.errors import InputError

RAA = [
    [5012, 8269, 10907, 11805, 13539, 16181, 18009, 18608, 18662, 18834],
    [106, 4285, 5396, 10666, 13782, 15599, 15496, 16169, 16704],
    [3410, 8992, 13873, 16141, 18735, 22214, 22863, 23466],
    [5655, 11555, 15766, 21266, 23425, 26083, 27067],
    [1092, 9565, 15836, 22169, 25955, 26180],
    [1513, 6445, 11702, 12935, 15852],
    [557, 4020, 10946, 12314],
    [1351, 6947, 13112],
    [3133, 5395],
    [2063],
]
"""Reinsurance Association of America (1991), automatic facultative general liability; Mack (1994)."""

TAYLOR_ASHE = [
    [357848, 766940, 610542, 482940, 527326, 574398, 146342, 139950, 227229, 67948],
    [352118, 884021, 933894, 1183289, 445745, 320996, 527804, 266172, 425046],
    [290507, 1001799, 926219, 1016654, 750816, 146923, 495992, 280405],
    [310608, 1108250, 776189, 1562400, 272482, 352053, 206286],
    [443160, 693190, 991983, 769488, 504851, 470639],
    [396132, 937085, 847498, 805037, 705960],
    [440832, 847631, 1131398, 1063269],
    [359480, 1061648, 1443370],
    [376686, 986608],
    [344014],
]
"""Taylor, Ashe (1983), increments; Mack (1993), table 1"""


def small():
    return triangle([(300, 500, 600, 650), (380, 620, 750), (450, 760), (560,)], [1000, 1200, 1500, 1800])


def simulated(seed, kind="weibull", cohorts=18, rate=0.7, scale=5.0, shape=1.2, last_age=None):
    """A triangle of Poisson increments from a growth curve, and the points really redeemed after it, by cohort."""
    rng = np.random.default_rng(seed)
    issued = rng.integers(20_000, 60_000, cohorts)
    far = 400 if last_age is None else last_age + 1
    grown = np.concatenate([[0.0], CURVES[kind](np.arange(far) + 0.5, scale, shape)])
    share = np.diff(grown) / (grown[-1] if last_age is not None else 1.0)
    lives = rng.poisson(issued[:, None] * rate * share)
    known = triangle([lives[c, : cohorts - c].cumsum().tolist() for c in range(cohorts)], issued.tolist())
    return known, np.array([lives[c, cohorts - c :].sum() for c in range(cohorts)])


def test_redemption_triangle_known_answers():
    found = develop(small())
    assert found.factors == pytest.approx([1.66372, 1.20536, 1.08333], abs=5e-6)
    assert found.ultimates == pytest.approx([650, 812.5, 992.41, 1216.59], abs=5e-3)
    assert found.aggregate_rate == pytest.approx(0.6675, abs=5e-5)


def test_the_rate_of_the_outstanding_balance_is_not_the_cohort_rate():
    found = develop(small())
    assert found.outstanding().sum() == 2780
    assert found.to_come.sum() == pytest.approx(951.50, abs=5e-3)
    assert found.outstanding_rate() == pytest.approx(0.342, abs=5e-4)
    assert found.outstanding().sum() * found.aggregate_rate > 1.9 * found.to_come.sum()  # what the mistake would book
    assert found.outstanding_rate(expired=[350, 0, 0, 0]) == pytest.approx(951.50 / 2430, abs=1e-5)


def test_mack_on_the_raa_triangle():
    found = mack(triangle(RAA))
    assert found.development.ultimates.sum() == pytest.approx(213_122.23, abs=5e-3)
    assert found.reserve == pytest.approx(52_135.23, abs=5e-3)
    assert found.total_se == pytest.approx(26_909.01, abs=5e-3)


def test_mack_on_the_triangle_of_his_own_paper():
    """Mack (1993), table 4: standard errors of the reserves in thousands, by accident year."""
    found = mack(triangle([np.cumsum(row).tolist() for row in TAYLOR_ASHE]))
    assert found.reserve == pytest.approx(18_680_856, abs=1)
    assert found.se[1:] / 1000 == pytest.approx([76, 122, 134, 261, 411, 558, 875, 971, 1363], abs=0.6)
    assert found.total_se / 1000 == pytest.approx(2447, abs=0.6)


def test_the_recursion_is_the_closed_form_of_the_paper():
    found = mack(triangle(RAA))
    full, u, f, s2 = found.development.completed, found.development.ultimates, found.development.factors, found.sigma**2
    n = len(RAA)
    below = [full[: n - 1 - k, k].sum() for k in range(n - 1)]
    total = 0.0
    for i in range(1, n):
        ages = range(n - 1 - i, n - 1)
        own = u[i] ** 2 * sum(s2[k] / f[k] ** 2 * (1 / full[i, k] + 1 / below[k]) for k in ages)
        assert found.se[i] ** 2 == pytest.approx(own)
        total += own + u[i] * u[i + 1 :].sum() * sum(2 * s2[k] / f[k] ** 2 / below[k] for k in ages)
    assert found.total_se**2 == pytest.approx(total)
    assert found.total_se > np.sqrt((found.se**2).sum())  # shared factors correlate the cohorts
    assert (found.process_se <= found.se).all()


def test_a_tail_raises_ultimates_and_errors():
    plain, long = mack(triangle(RAA)), mack(triangle(RAA), tail=1.05)
    assert long.development.ultimates == pytest.approx(1.05 * plain.development.ultimates)
    assert long.total_se > 1.05 * plain.total_se and (long.se > plain.se).all()
    exact = mack(triangle(RAA), tail=1.05, tail_sigma=0, tail_se=0)
    assert exact.total_se == pytest.approx(1.05 * plain.total_se)
    with pytest.raises(InputError, match="1 or more"):
        develop(small(), tail=0.9)


def test_the_tail_of_geometric_factors_is_their_product():
    factors = 1 + 0.5 ** np.arange(1, 9)
    assert extrapolated_tail(factors) == pytest.approx(np.prod(1 + 0.5 ** np.arange(9.0, 60)))
    assert extrapolated_tail(np.array([1.0, 1.0])) == 1.0 and extrapolated_tail(np.array([1.1, 1.2])) == 1.0


def test_the_interval_is_a_lognormal_with_this_mean_and_error():
    found = mack(triangle(RAA))
    low, high = found.interval(0.8)
    width = np.sqrt(np.log1p((found.total_se / found.reserve) ** 2))
    assert np.log(high / low) == pytest.approx(2 * 1.2815515655 * width)
    assert np.sqrt(low * high) * np.exp(width**2 / 2) == pytest.approx(found.reserve)


@pytest.mark.parametrize(("cohorts", "lowest", "highest"), [(16, 0.74, 0.86), (8, 0.64, 0.76)])
def test_macks_interval_covers_what_it_says_in_his_own_model_and_less_with_few_cohorts(cohorts, lowest, highest):
    rng = np.random.default_rng(3)
    factors, n, inside = np.array([2.2, 1.6, 1.3, 1.2, 1.1, 1.05, 1.02]), 8, 0
    for _ in range(400):
        full = np.empty((cohorts, n))
        full[:, 0] = rng.uniform(500, 2000, cohorts)
        for k, factor in enumerate(factors):
            full[:, k + 1] = rng.gamma(full[:, k] * factor**2 / (9 / (k + 1)), 9 / (k + 1) / factor)  # variance 9/(k+1) x C
        known = triangle([full[i, : min(n, cohorts - i)].tolist() for i in range(cohorts)])
        low, high = mack(known).interval(0.8)
        inside += low <= full[:, -1].sum() - known.latest.sum() <= high
    assert lowest < inside / 400 < highest


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 10))
def test_a_triangle_without_noise_is_completed_exactly(seed, n):
    rng = np.random.default_rng(seed)
    full = rng.uniform(10, 1000, (n, 1)) * np.concatenate([[1.0], rng.uniform(1, 3, n - 1).cumprod()])
    found = develop(triangle([full[i, : n - i].tolist() for i in range(n)]))
    assert found.completed == pytest.approx(full)
    if n >= 3:
        assert mack(found.triangle).total_se == pytest.approx(0, abs=1e-3 * full.max())


@settings(deadline=None)
@given(st.floats(0.1, 100))
def test_errors_scale_with_the_unit(unit):
    scaled = mack(triangle([[value * unit for value in row] for row in RAA]))
    assert scaled.total_se == pytest.approx(unit * mack(triangle(RAA)).total_se)


def test_an_earlier_triangle_is_what_was_known_then():
    past = small().earlier(2)
    assert past.cumulative.tolist()[0] == [300, 500] and past.cumulative[1, 0] == 380 and len(past.cumulative) == 2
    assert past.issued.tolist() == [1000, 1200]
    with pytest.raises(InputError, match="nothing left"):
        small().earlier(4)


def test_a_triangle_from_the_points_ledger():
    redeemed = np.zeros((4, 4, 2), np.int64)
    for c, row in enumerate([(300, 200, 100, 50), (380, 240, 130), (450, 310), (560,)]):
        for age, points in enumerate(row):
            redeemed[c, c + age] = (points // 3, points - points // 3)
    issued = np.array([[1000, 0], [200, 1000], [1500, 0], [0, 1800]])
    issued[:, 0] += [200, 300, 300, 400]
    issued[:, 1] += [800, 700, 700, 600]
    back = np.zeros_like(redeemed)
    back[np.arange(4), np.arange(4)] = (200, 800)
    points = ledger(np.arange(4), issued + back.sum(axis=1), redeemed, None, back)
    found = triangle_of(points)
    assert np.array_equal(found.cumulative, small().cumulative, equal_nan=True)
    assert found.issued.tolist() == issued.sum(axis=1).tolist()
    assert np.array_equal(triangle_of(points, 1).cumulative, small().earlier(2).cumulative, equal_nan=True)


@pytest.mark.parametrize("kind", ["weibull", "loglogistic"])
def test_a_curve_finds_the_rate_it_was_made_with(kind):
    known, to_come = simulated(1, kind)
    found = fit_curve(known, kind)
    assert (found.scale, found.shape) == pytest.approx((5.0, 1.2), rel=0.05)
    assert found.rate == pytest.approx(0.7, abs=0.02)
    assert found.dispersion == pytest.approx(1, abs=0.3)
    assert found.total_se > 0 and abs(found.to_come.sum() - to_come.sum()) < 4 * found.total_se
    assert found.completed[:, 0] == pytest.approx(known.cumulative[:, 0])
    assert found.ultimates == pytest.approx(known.latest + found.to_come)


@pytest.mark.filterwarnings("error")
def test_redemptions_that_begin_late_have_a_curve_or_a_sentence():
    """As where points are pending for two months: nothing at the first ages."""
    late = [(0, 0, 100, 150, 180), (0, 0, 110, 160), (0, 0, 90), (0, 0), (0,)]
    for kind in CURVES:
        assert fit_curve(triangle(late, [1000] * 5), kind).to_come.sum() > 0
        with pytest.raises(InputError, match="too few ages have redemptions"):
            fit_curve(triangle([(0, 0, 3), (0, 0), (0,)], [1000] * 3), kind)


def test_redemption_stops_where_points_expire():
    known, to_come = simulated(2, last_age=20, scale=15.0)
    cut, open_ended = fit_curve(known, last_age=20), fit_curve(known)
    assert abs(cut.to_come.sum() - to_come.sum()) < 4 * cut.total_se
    assert open_ended.to_come.sum() > cut.to_come.sum() + 4 * cut.total_se  # forgetting the expiry overstates the liability
    assert cut.grown(np.array([-1.0, 20.0, 30.0])).tolist() == [0, 1, 1]
    over, _ = simulated(3, cohorts=10, last_age=9)
    assert fit_curve(over, last_age=9).to_come[0] == pytest.approx(0)


def test_a_curves_error_covers_what_it_says():
    z = []
    for seed in range(120):
        known, to_come = simulated(seed, cohorts=12, scale=4.0)
        found = fit_curve(known)
        z.append((to_come.sum() - found.to_come.sum()) / found.total_se)
    assert abs(np.mean(z)) < 0.35 and 0.75 < np.std(z) < 1.25
    assert 0.70 < np.mean(np.abs(z) < 1.2816) < 0.90


def test_a_backtest_scores_all_methods_on_the_same_cells():
    known, _ = simulated(5, cohorts=24)
    found = backtest(known, {"chain ladder": by_chain_ladder, "weibull": by_curve(), "loglogistic": by_curve("loglogistic")})
    scores = found.scores().set_index("method")
    assert list(scores.index) == ["chain ladder", "weibull", "loglogistic"]
    assert scores.loc["weibull", "total_error"] < 0.02 and scores.loc["chain ladder", "total_error"] < 0.03
    assert scores.loc["loglogistic", "total_error"] > 2 * scores.loc["weibull", "total_error"]  # the wrong curve is found out
    whole = found.by_diagonal()
    assert whole["diagonals"].tolist() == list(range(1, 9))
    assert (whole["weibull"] / whole["actual"]).to_numpy() == pytest.approx(1, abs=0.03)


def test_a_backtest_compares_what_came_between_the_two_diagonals():
    rows = backtest(simulated(6, cohorts=8)[0], {"chain ladder": by_chain_ladder}, most=1)
    known = simulated(6, cohorts=8)[0]
    first = rows.cells.set_index("cohort").loc[1]
    assert first["actual"] == known.cumulative[1, 6] - known.cumulative[1, 5]
    assert rows.cells["cohort"].tolist() == [1, 2, 3, 4, 5, 6]  # 0 outgrows the ages then known; 7 was not earned


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 8))
def test_a_perfect_method_has_no_error(cohorts):
    full = np.outer(np.arange(1, cohorts + 5) * 100.0, [0.3, 0.5, 0.6, 0.65, 0.66, 0.665, 0.668, 0.669, 0.67, 0.67, 0.67, 0.67])
    n = min(cohorts + 4, 12)
    known = triangle([full[i, : n - i].tolist() for i in range(n)], (full[:n, 0] / 0.3).tolist())
    scores = backtest(known, {"chain ladder": by_chain_ladder}).scores()
    assert scores[["bias", "total_error", "cohort_error"]].to_numpy() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: triangle([]), "at least one cohort"),
        (lambda: triangle([[1, 2], [1, 2, 3]]), "order oldest first"),
        (lambda: triangle([[1, float("nan")]]), "missing, infinite or negative"),
        (lambda: triangle([[1, 2]], [1]), "cohort 0 has 2 points redeemed of 1 issued"),
        (lambda: triangle([[1, 2]], [5, 5]), "points issued are given for 2"),
        (lambda: develop(triangle([[0, 2, 3], [0, 1], [0]])), "redeemed anything by age 0"),
        (lambda: mack(triangle([[1, 2], [1]])), "at least 3 ages"),
        (lambda: fit_curve(triangle(RAA)), "points issued"),
        (lambda: fit_curve(triangle(RAA, [50_000] * 10)), "fall from one age"),
        (lambda: fit_curve(small(), "logistic"), "weibull, loglogistic"),
        (lambda: fit_curve(small(), last_age=2), "expire at age 2"),
        (lambda: fit_curve(triangle([[0, 0, 0], [0, 0], [0]], [1, 1, 1])), "nothing has been redeemed"),
        (lambda: backtest(small(), {"chain ladder": by_chain_ladder}), "at least 5 ages"),
    ],
)
def test_what_cannot_be_developed_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
