"""Intervals of simulated runs: they cover what they say, and a wider one holds a narrower one."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.quantiles import by_cause, least_replications, prediction_quantile

DRAW = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "lognormal": lambda rng, shape: np.exp(rng.standard_normal(shape)),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
}


def covered(kind: str, n: int, level: float, times: int = 20_000) -> tuple[float, float]:
    """Share of further replications that lie below the `level` quantile of n, and above the 1 - `level` one."""
    rng = np.random.default_rng(n)
    values, further = DRAW[kind](rng, (n, times)), DRAW[kind](rng, times)
    low, high = (prediction_quantile(values, at) for at in (1 - level, level))
    return float((further <= high).mean()), float((further >= low).mean())


@pytest.mark.parametrize("kind", sorted(DRAW))
@pytest.mark.parametrize(("n", "level"), [(19, 0.95), (20, 0.95), (40, 0.95), (9, 0.9), (19, 0.9)])
def test_order_statistics_cover_what_they_say_of_any_distribution(kind: str, n: int, level: float) -> None:
    """The plain quantiles of 20 replications would cover 93 % instead of 95."""
    assert covered(kind, n, level) == pytest.approx((level, level), abs=0.006)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 18])
def test_fewer_cover_no_less_than_they_say_where_they_are_normal(n: int) -> None:
    for share in covered("normal", n, 0.95):
        assert 0.944 < share < 0.975


@pytest.mark.parametrize("n", [5, 12, 18])
def test_fewer_reach_at_least_as_far_as_their_extremes_of_any_distribution(n: int) -> None:
    """Student t alone stays below the highest of many a skewed dozen, and covers less than that one does."""
    for share in covered("lognormal", n, 0.95):
        assert share > n / (n + 1) - 0.006


def test_least_replications_are_those_whose_extremes_reach_the_level() -> None:
    assert [least_replications(level) for level in (0.05, 0.95, 0.1, 0.9, 0.025, 0.5)] == [19, 19, 9, 9, 39, 1]


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (0.0, 1.0), (-0.5, 1.1)])
@pytest.mark.parametrize("n", [1, 2, 5, 9, 10, 18, 19, 40])
def test_a_wider_interval_holds_a_narrower_one(n: int, bounds: tuple[float, float]) -> None:
    """Also where one end is an order statistic and the other Student t's, of a dozen with one outlier."""
    values = np.r_[np.zeros(n - 1), 1.0]
    ends = [float(prediction_quantile(values, at, *bounds)) for at in (0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99)]
    assert ends == sorted(ends)


def test_levels_of_many_replications_are_their_quantiles() -> None:
    values = np.arange(101.0)
    assert [float(prediction_quantile(values, at)) for at in (0.05, 0.5, 0.95)] == pytest.approx([4.1, 50.0, 95.9])


@pytest.mark.parametrize("n", [3, 5, 8])
@pytest.mark.parametrize("kind", ["exponential", "lognormal"])
def test_what_cannot_be_below_0_has_no_end_below_it_and_is_covered(n: int, kind: str) -> None:
    """Student t alone has four of five lower ends below 0, and covers 95 to 99 % for the 90 that it says."""
    rng = np.random.default_rng(n)
    values, further = DRAW[kind](rng, (n, 40_000)), DRAW[kind](rng, 40_000)
    low = prediction_quantile(values, 0.1, 0.0)
    assert (prediction_quantile(values, 0.1) < 0).mean() > 0.7 and low.min() > 0
    assert 0.86 < (further >= low).mean() < 0.925
    np.testing.assert_allclose(prediction_quantile(-values, 0.9, high=0.0), -low)


def test_a_bound_far_away_or_passed_by_a_replication_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    far, passed = 10 + rng.standard_normal((5, 200)), rng.standard_normal((5, 200))
    passed[0] = -0.1
    for values in (far, passed):
        for level in (0.1, 0.9):
            np.testing.assert_array_equal(prediction_quantile(values, level, 0.0), prediction_quantile(values, level))


def test_few_replications_meet_the_order_statistics_at_a_bound() -> None:
    """The lowest of 8 is at nine tenths of the way that the lowest of 9 is at."""
    values = np.array([1.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 200.0])
    assert float(prediction_quantile(values, 0.1, 0.0)) == pytest.approx(0.9)
    assert float(prediction_quantile(np.r_[values, 50.0], 0.1, 0.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(("luck", "unknown"), [(1.0, 0.0), (1.0, 0.3), (1.0, 3.0), (0.0, 1.0)])
def test_the_causes_of_a_spread_add_up_and_are_right(luck: float, unknown: float) -> None:
    """20 replications, 10 lived again with the same luck, 4,000 times: half of the time within the error of a variance of ten."""
    rng = np.random.default_rng(5)
    chance, moved = luck * rng.standard_normal((20, 4000)), unknown * rng.standard_normal((20, 4000))
    first, second = by_cause(7 + chance + moved, 7 + chance[:10])
    np.testing.assert_allclose(first**2 + second**2, (chance + moved).var(axis=0, ddof=1))
    assert np.median(first) == pytest.approx(luck, rel=0.1, abs=1e-12)
    assert np.median(second) == pytest.approx(unknown, rel=0.1, abs=1e-12)
    wide = np.abs(second / unknown - 1) if unknown else second
    assert np.mean(wide < 0.2) > 0.5


def test_a_figure_that_is_not_defined_in_a_run_counts_in_neither_cause() -> None:
    values, luck = np.array([1.0, np.nan, 3.0, 5.0]), np.array([0.5, 1.0, np.nan, 4.0])
    first, second = by_cause(values[:, None], luck[:, None])
    assert first[0] ** 2 + second[0] ** 2 == pytest.approx(np.var([1, 3, 5], ddof=1))
    assert second[0] ** 2 / first[0] ** 2 == pytest.approx(np.var([0.5, 1.0], ddof=1) / np.var([0.5, 4.0], ddof=1))
    assert np.isnan(by_cause(values[:, None], luck[:2, None])).all(), "one pair is left"
