"""Season, growth, joining and leaving are told from one another on panels of which all four are known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel

from scenarios.calibration.bgnbd import Model
from scenarios.calibration.candidates import Candidate, fit_candidate, with_posterior
from scenarios.calibration.choice import choose
from scenarios.calibration.expectations import expectation
from scenarios.calibration.lives import joiners
from scenarios.calibration.panel import Panel, clean
from sim.population import week_of_year

WEEKS = (np.arange(53) + 0.5) * 7 / 365.25
MEMBER = {"rate": 0.06, "shape": 1.2, "leaving": (1.0, 15.0)}
AHEAD = 120


def growing(seed: int, days: int, *, season: float = 0.0, growth: float = 0.0) -> Panel:
    """400 members there from the start, and as many who join at a steady pace while the data run."""
    rng = np.random.default_rng([seed, 31])
    options: dict[str, Any] = {"members": 400, "days": days, "season": season, "growth": growth, **MEMBER}
    there = simulated_panel(rng, present=True, **options)
    came = simulated_panel(rng, joining_days=days, **options)
    return clean(pd.concat([there, came.assign(member=came["member"] + 400)]), member="member", date="date", value="value")


def test_members_who_join_are_told_from_members_who_wait() -> None:
    panel = growing(1, 300)
    fit = fit_candidate(panel, Candidate(Model("either")))
    late = panel.day[panel.firsts()] >= 150  # of those who waited half of the days few are left
    came = joiners(fit.candidate.model, fit.theta, fit.data)
    assert came.sum() == pytest.approx(400, rel=0.2)
    assert came[late].mean() > 0.9 and came[~late].mean() < 0.65
    mean, shape, a, b = np.exp(fit.theta[:4])
    assert (mean, shape) == (pytest.approx(MEMBER["rate"], rel=0.15), pytest.approx(MEMBER["shape"], rel=0.25))
    assert a / (a + b) == pytest.approx(1 / 16, rel=0.35)


def test_a_year_in_which_members_join_has_no_season_and_forecasts_what_follows() -> None:
    """Counted from the start of the data alone, late members would be rare buyers and their coming a season."""
    misses = []
    for seed in range(4):
        panel = growing(seed, 365 + AHEAD)
        known, after = panel.before(365), panel.after(365, AHEAD)
        fit = fit_candidate(known, Candidate(Model("either"), season=True))
        assert fit.clock.season is not None and np.ptp(fit.clock.season) < 0.25
        bought, active, _ = expectation(fit, known, AHEAD, np.random.default_rng(1))
        misses.append([np.log(bought.sum() / len(after.day)), np.log(active.sum() / len(np.unique(after.member)))])
    assert np.abs(np.mean(misses, axis=0)).max() < 0.06


def test_a_season_is_found_while_members_join() -> None:
    for seed in range(2):
        fit = fit_candidate(growing(seed, 365, season=0.3), Candidate(Model("either"), season=True))
        truth = 1 + 0.3 * np.sin(2 * np.pi * WEEKS)
        assert np.sqrt(np.mean(np.log(np.asarray(fit.clock.season) / truth) ** 2)) < 0.08


def test_growth_of_rates_is_found_beside_season_and_joining_where_weeks_are_seen_twice() -> None:
    candidate = Candidate(Model("either"), True, True)
    fits = [with_posterior(fit_candidate(growing(seed, 640, season=0.3, growth=0.3), candidate)) for seed in (3, 4, 5)]
    error = float(np.mean([fit.growth_error for fit in fits]))
    assert 0.02 < error < 0.1
    assert np.mean([fit.clock.growth for fit in fits]) == pytest.approx(0.3, abs=2 * error / 3**0.5)


def test_joining_is_asked_of_the_likelihood() -> None:
    rng = np.random.default_rng(4)
    still = simulated_panel(rng, members=400, days=200, present=True, **MEMBER)
    waiting = choose(clean(still, member="member", date="date", value="value"), 60, 0, lambda text: None)
    assert waiting.joining_gain < 3
    found = choose(growing(5, 200), 60, 0, lambda text: None)
    assert found.joining_gain > 20
    assert found.chosen.model.origin == "either"


def test_weeks_of_the_year_are_counted_from_new_year() -> None:
    """53 of them; the last has one day, or two in a leap year, and days before the start are counted back."""
    assert week_of_year(dt.date(2027, 1, 1), np.array([0, 6, 7, 363, 364, 365])).tolist() == [0, 0, 1, 51, 52, 0]
    assert week_of_year(dt.date(2028, 12, 30), np.array([-1, 0, 1, 2])).tolist() == [51, 52, 52, 0]
