"""Forecasts hit held-out periods: panels of known parameters cover at their rate, both real panels are
covered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_simulator import simulated_panel
from test_calibration_model import cdnow_sample

from scenarios.calibration import Calibration, calibrate
from scenarios.calibration.choice import inner_origins

DATA = Path(__file__).parents[2] / "shared" / "data"
MEASURES = ("purchases", "active_members", "value")

PROCESSES: dict[str, dict[str, Any]] = {
    "leaving": {
        "members": 700,
        "days": 330,
        "rate": 0.06,
        "shape": 0.9,
        "leaving": (1.0, 8.0),
        "joining_days": 90,
    },
    "random, long there": {"members": 400, "days": 330, "rate": 0.06, "shape": 1.2, "present": True},
    "regular, long there": {
        "members": 300,
        "days": 330,
        "rate": 0.1,
        "shape": 1.5,
        "order": 3,
        "present": True,
    },
    "season": {"members": 350, "days": 790, "rate": 0.03, "shape": 1.2, "present": True, "season": 0.3},
}
PANELS_EACH = 6
HELD_OUT_DAYS = 60


def forecast_of(frame: Any, days: int) -> Calibration:
    start = np.datetime64("2015-01-01") + days - HELD_OUT_DAYS
    return calibrate(frame, member="member", date="date", value="value", holdout_from=str(start))


@pytest.fixture(scope="module")
def simulated() -> dict[str, list[dict[str, Any]]]:
    """Reports of six panels of each process."""
    reports: dict[str, list[dict[str, Any]]] = {}
    for number, (name, process) in enumerate(PROCESSES.items()):
        for seed in range(PANELS_EACH):
            frame = simulated_panel(np.random.default_rng([number, seed, 21]), **process)
            reports.setdefault(name, []).append(forecast_of(frame, process["days"]).report)
    return reports


@pytest.fixture(scope="module")
def groceries() -> Calibration:
    path = DATA / "cj_baskets.parquet"
    if not path.is_file():
        pytest.skip("the Complete Journey panel is not here")
    return calibrate(path, member="household_id", date="ts", value="sales_value", holdout_from="2017-10-01")


@pytest.fixture(scope="module")
def music() -> Calibration:
    return calibrate(cdnow_sample(), member="member", date="date", value="value", holdout_from="1997-10-01")


def covered(measure: dict[str, float]) -> bool:
    return measure["low"] <= measure["actual"] <= measure["high"]


def error(measure: dict[str, float]) -> float:
    return measure["forecast"] / measure["actual"] - 1


def test_80_percent_intervals_cover_on_panels_of_known_parameters(
    simulated: dict[str, list[dict[str, Any]]],
) -> None:
    """Over 24 panels; the three measures of a panel go together, so that the standard error is about 7 %."""
    inside = np.array(
        [[covered(r["holdout"][m]) for m in MEASURES] for reports in simulated.values() for r in reports]
    )
    assert inside.shape == (24, 3)
    assert 0.65 <= inside.mean() <= 0.97
    assert inside.mean(axis=0).min() >= 0.6


@pytest.mark.parametrize("measure", MEASURES)
def test_held_out_totals_are_right_on_average(
    simulated: dict[str, list[dict[str, Any]]], measure: str
) -> None:
    for name, reports in simulated.items():
        misses = [error(r["holdout"][measure]) for r in reports]
        assert abs(np.mean(misses)) < 0.06, name  # luck of one panel 5 %, of the mean of six 2 %


def test_the_structure_of_the_process_is_found(simulated: dict[str, list[dict[str, Any]]]) -> None:
    def share(name: str, word: str) -> float:
        return float(np.mean([word in r["choice"]["model"] for r in simulated[name]]))

    assert share("leaving", ", leaving") >= 0.8
    assert share("random, long there", "start of the data") >= 0.8
    assert share("regular, long there", "order 3") >= 0.6
    assert share("season", "season") >= 0.8


def test_known_parameters_are_found(simulated: dict[str, list[dict[str, Any]]]) -> None:
    for name, reports in simulated.items():
        rates = [r["parameters"]["purchase_rate.mean"]["value"] for r in reports]
        assert np.median(rates) == pytest.approx(PROCESSES[name]["rate"], rel=0.12), name
        median = np.median([r["parameters"]["basket.median"]["value"] for r in reports])
        assert median == pytest.approx(30, rel=0.05), name


def test_groceries_are_forecast_within_5_percent_and_covered(groceries: Calibration) -> None:
    held_out = groceries.report["holdout"]
    for measure in MEASURES:
        assert abs(error(held_out[measure])) < 0.05, measure
        assert covered(held_out[measure]), measure
    assert (held_out["purchases"]["high"] - held_out["purchases"]["low"]) / held_out["purchases"][
        "forecast"
    ] < 0.12


def test_music_is_forecast_with_returns_and_covered_though_its_level_changes(music: Calibration) -> None:
    """The published sample, 39 weeks ahead: without returns 12 % too few purchases and 10 % too few active members."""
    held_out = music.report["holdout"]
    for measure in MEASURES:
        assert covered(held_out[measure]), measure
    assert abs(error(held_out["purchases"])) < 0.08
    assert abs(error(held_out["active_members"])) < 0.098
    assert ", leaving and returning" in music.report["choice"]["model"]


def test_the_held_out_days_reach_no_number_of_the_fit() -> None:
    frame = simulated_panel(
        np.random.default_rng(8),
        members=250,
        days=240,
        rate=0.06,
        shape=1.0,
        leaving=(1.0, 8.0),
        joining_days=60,
    )
    spoiled = frame.copy()
    late = spoiled["date"] >= "2015-07-01"
    spoiled.loc[late, "value"] *= 50
    spoiled = spoiled[~late | (spoiled["member"] % 2 == 0)]
    options = {"member": "member", "date": "date", "value": "value", "holdout_from": "2015-07-01"}
    one, two = calibrate(frame, **options), calibrate(spoiled, **options)
    for key in ("parameters", "choice", "uncertainty", "frequency", "gaps"):
        assert one.report[key] == two.report[key], key
    assert one.report["holdout"]["value"]["actual"] != two.report["holdout"]["value"]["actual"]


def test_inner_fits_have_half_of_the_days_and_end_before_what_they_forecast() -> None:
    for days, horizon in ((273, 92), (273, 273), (60, 30), (800, 400), (28, 90)):
        origins, window = inner_origins(days, horizon)
        assert all(days // 2 <= o or o >= 14 for o in origins)
        assert all(o + window <= days for o in origins)
        assert window <= max(horizon, 7)
