"""What befalls all members at once: spreads as stated, the same dates in every run of a seed, luck and not parameters."""

import datetime as dt
import types

import numpy as np
import pytest
from panel_simulator import simulated_panel
from scenes import scenario
from scipy import stats

from scenarios.calibration import Calibration, calibrate
from scenarios.calibration.forecast import ModelError
from scenarios.calibration.people import common_shocks
from scenarios.calibration.shocks import Shocks as Weekly
from scenarios.comparison import compare
from scenarios.sources import FrameSource
from sim.outcome import Outcome, simulate
from sim.population import Shocks
from sim.shocks import common_factors

DATES = [dt.date(2027, 11, 8) + dt.timedelta(days=k) for k in range(500)]
BOTH = Shocks.model_validate({"purchases": {"quarter": 0.2, "week": 0.1}, "baskets": {"level": 0.1, "week": 0.1}})


@pytest.mark.parametrize("scale", ["level", "quarter", "week"])
@pytest.mark.parametrize("series", ["purchases", "baskets"])
def test_each_is_as_wide_as_stated_and_moves_no_mean(series: str, scale: str) -> None:
    """Over 2,000 seeds; days of one week, quarter or run are alike, those of others apart."""
    shocks = Shocks.model_validate({series: {scale: 0.2}})
    row = ("purchases", "baskets").index(series)
    found = np.array([common_factors(shocks, seed, DATES) for seed in range(2000)])
    logs = np.log(found[:, row])
    assert np.all(found[:, 1 - row] == 1.0)
    assert found[:, row].mean(axis=0) == pytest.approx(1.0, abs=5 * 0.2 / 2000**0.5)
    assert logs.std(axis=0) == pytest.approx(0.2, rel=0.08)
    # a Monday and the next day in one week of the year, a day ten days later, and one a year and more away
    alike = [float(np.corrcoef(logs[:, 55], logs[:, k])[0, 1]) for k in (56, 66, 440)]
    expected = {"level": (1, 1, 1), "quarter": (1, 1, 0), "week": (1, 0, 0)}[scale]
    assert alike == pytest.approx(expected, abs=0.1)


def test_a_date_has_its_factors_in_every_run_of_the_seed() -> None:
    whole = common_factors(BOTH, 4, DATES)
    np.testing.assert_array_equal(common_factors(BOTH, 4, DATES[120:300]), whole[:, 120:300])
    assert np.abs(common_factors(BOTH, 5, DATES) / whole - 1).max() > 0.05
    assert abs(np.corrcoef(*np.log(whole))[0, 1]) < 0.5, "purchases and baskets are befallen apart"


def befallen(shocks: dict, members: int, seed: int, **changes) -> Outcome:
    s = scenario(population__shocks=shocks, population__purchase_rate={"mean": 0.1, "shape": 4.0}, **changes)
    return simulate(s, members=members, seed=seed)


def test_purchases_and_list_values_follow_the_factors() -> None:
    """Month by month, against the same members whom nothing befalls."""
    stated = BOTH.model_dump()
    shocked, plain = (befallen(which, 20_000, 3) for which in (stated, {}))
    days = [dt.date(2027, 1, 1) + dt.timedelta(days=k) for k in range(365)]
    busy, dear = common_factors(BOTH, 3, days)
    months = np.array([day.month - 1 for day in days])
    factor = np.array([busy[months == k].mean() for k in range(12)])
    priced = np.array([(busy * dear)[months == k].mean() / busy[months == k].mean() for k in range(12)])
    purchases = shocked.by_month("purchases") / plain.by_month("purchases")
    mean = shocked.by_month("list_value") / plain.by_month("list_value") / purchases
    assert factor.std() > 0.1 and priced.std() > 0.02, "nothing much befell them"
    np.testing.assert_allclose(purchases, factor, rtol=0.03)
    np.testing.assert_allclose(mean, priced, rtol=0.03)


def test_they_are_luck_with_the_parameters_at_their_means() -> None:
    totals = [befallen({"purchases": {"level": 0.2}}, 300, seed, horizon__months=3).total("purchases") for seed in range(150)]
    own = [befallen({}, 300, seed, horizon__months=3).total("purchases") for seed in range(150)]
    expected = np.hypot(0.2, np.log(own).std())
    assert np.log(totals).std() == pytest.approx(expected, rel=0.2)
    s = scenario(population__shocks={"purchases": {"level": 0.2}})
    figure = compare([s], members=300, replications=10).measures["plain"]["purchases_per_member"]
    assert figure.luck_sd is not None and figure.luck_sd > 0.1 * figure.value


@pytest.fixture(scope="module")
def short() -> Calibration:
    """40 weeks, every other one of them with 0.6 of the purchases."""
    rng = np.random.default_rng(8)
    frame = simulated_panel(rng, members=1500, days=280, rate=0.05, shape=1.5, present=True)
    busy = (frame["date"].dt.day_of_year // 7) % 2 == 0
    rows = FrameSource(frame[busy | (rng.random(len(frame)) < 0.6)], "weeks")
    return calibrate(rows, member="member", date="date", value="value")


def test_calibration_carries_what_its_own_interval_holds(short: Calibration) -> None:
    """Weeks of the calendar of two levels, 1 and 0.6, lie a quarter of their mean off it; those of the fit begin on another day
    and have a part of both. A season not seen may lie as far."""
    doubt, found = short.report["uncertainty"], short.population.shocks
    assert 0.1 < found.purchases.week < 0.25
    assert found.purchases.week == pytest.approx(doubt["weekly_rate_shock"], abs=1e-4)
    assert found.purchases.quarter == found.purchases.week
    assert found.baskets.week == pytest.approx(doubt["weekly_basket_shock"], abs=1e-4)
    missed = doubt["past_forecast_error"]["purchases"]
    freedoms = [stats.t.ppf(0.9, f) / stats.norm.ppf(0.9) for f in (1, 2, 3)]
    assert any(found.purchases.level == pytest.approx(min(1.0, missed * few), rel=1e-2, abs=1e-3) for few in freedoms)


@pytest.mark.parametrize(
    ("days", "season", "level", "quarter"),
    [(280, None, 0.0, 0.2), (400, (1.0,) * 53, 0.1, None), (400, None, 0.0, None), (600, (1.0,) * 53, 0.0, None)],
)
def test_what_a_fit_leaves_open(days: int, season: tuple[float, ...] | None, level: float, quarter: float | None) -> None:
    """Below a year its weeks tell how far an unseen quarter may lie off; below a year and a half a year of growth may pass for
    season. What two past forecasts missed by 3 % of purchases and 5 % of value widens the level as Student's t does."""
    fit = types.SimpleNamespace(
        clock=types.SimpleNamespace(season=season, last=days - 1), candidate=types.SimpleNamespace(growth=False)
    )
    error = ModelError({"purchases": 0.03, "active_members": 0.01, "value": 0.05}, 2)
    found = common_shocks(fit, Weekly(0.2, 0.0), error)
    few = 1.885618 / 1.281552
    assert found["purchases"] == pytest.approx(
        {"level": np.hypot(level, few * 0.03), "week": 0.2} | ({"quarter": quarter} if quarter else {}), rel=1e-3
    )
    assert found["baskets"] == pytest.approx({"level": few * 0.04}, rel=1e-3)
