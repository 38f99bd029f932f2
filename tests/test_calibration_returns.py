"""Returns of lapsed members: likelihoods agree with integration, states with brute force, and only real returns are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel
from scipy.stats import beta, gamma

from reports.fit import fit_files
from scenarios.calibration import Calibration, calibrate
from scenarios.calibration.bgnbd import Model, histories, log_likelihood
from scenarios.calibration.calendar import Clock
from scenarios.calibration.candidates import Candidate, Fit, fit_candidate, with_posterior
from scenarios.calibration.expectations import expectation
from scenarios.calibration.lives import purchases, states_given
from scenarios.calibration.panel import Panel, clean
from scenarios.calibration.records import records
from scenarios.calibration.uneven import log_likelihood_of, uneven_gain

RETURNING = Model(returning=True)
MUSIC: dict[str, Any] = {"rate": 0.0158, "shape": 0.5, "leaving": (0.8, 2.4)}
SHOP: dict[str, Any] = {"rate": 0.06, "shape": 0.9, "leaving": (1.0, 8.0)}
OPTIONS = {"member": "member", "date": "date", "value": "value"}


def cohort(seed: int, **process: Any) -> pd.DataFrame:
    """Members who join with a purchase in the first 84 days."""
    return simulated_panel(np.random.default_rng([31, seed]), joining_days=84, **process)


def panel_of(frame: pd.DataFrame) -> Panel:
    return clean(frame, member="member", date="date", value="value")


def panel_at(*days: int, length: int) -> Panel:
    """One member who bought on `days`."""
    when = np.array(days, dtype=np.int64)
    start = pd.Timestamp("2015-01-01").date()
    return Panel(np.zeros(len(when), dtype=np.int64), when, np.ones(len(when)), start, length)


@pytest.mark.parametrize("days", [(3,), (3, 10), (3, 8, 120, 126), (3, 5, 9, 12, 200)])
@pytest.mark.parametrize("back", [0.0005, 0.01])
def test_likelihood_agrees_with_integration(days: tuple[int, ...], back: float) -> None:
    """A gap is active time, or absence and active time, but for half a day of the purchase that ends it; both densities are
    summed on fine grids of rate and chance.
    """
    mean, shape, a, b, length = 0.05, 0.7, 0.8, 2.5, 260
    z = np.linspace(np.log(1e-7), np.log(5), 3000)
    rate, chance = np.exp(z)[:, None], (np.arange(2000) + 0.5) / 2000
    prior = gamma(shape, scale=mean / shape).pdf(rate) * rate * (z[1] - z[0]) * beta(a, b).pdf(chance) / 2000
    value = np.ones_like(prior)
    for number, gap in enumerate(np.diff(days) - 0.5):
        active, away = rate * np.exp(-rate * gap), rate * back / (rate - back) * (np.exp(-back * gap) - np.exp(-rate * gap))
        value *= active if number == 0 else (1 - chance) * active + chance * away
    last = length - 1 - days[-1]
    silent = back / (rate - back) * (np.exp(-back * last) - np.exp(-rate * last)) + np.exp(-back * last)
    value *= np.exp(-rate * last) if len(days) == 1 else (1 - chance) * np.exp(-rate * last) + chance * silent
    fit = fit_at(panel_at(*days, length=length), np.log([mean, shape, a, b, back]))
    assert fit == pytest.approx(float(np.log((prior * value).sum() / prior.sum())), abs=0.01)


def fit_at(panel: Panel, theta: Any) -> float:
    return log_likelihood(RETURNING, theta, histories(records(panel), RETURNING, Clock(panel.start, panel.days - 1)))


def test_without_returns_it_is_the_closed_form_of_bg_nbd() -> None:
    panel = panel_of(cohort(1, members=600, days=270, **MUSIC))
    fit = fit_candidate(panel, Candidate(Model()))
    assert fit_at(panel, np.append(fit.theta, np.log(1e-9))) == pytest.approx(fit.log_likelihood, abs=0.2)


def test_a_return_rate_is_found_with_an_interval_that_holds_it() -> None:
    panel = panel_of(cohort(2, members=1500, days=400, returning=0.004, **MUSIC))
    fit = with_posterior(fit_candidate(panel, Candidate(RETURNING)))
    assert fit.covariance is not None
    miss = (fit.theta - np.log([0.0158, 0.5, 0.8, 2.4, 0.004])) / np.sqrt(np.diag(fit.covariance))
    assert np.abs(miss).max() < 3.5
    assert fit.covariance[4, 4] < 0.5**2


def test_expectations_are_those_of_lives_drawn_forward() -> None:
    """Purchases and active members of the next 150 days, in closed form given the state, and one purchase after the other."""
    panel = panel_of(cohort(3, members=800, days=300, returning=0.004, **MUSIC))
    fit = fit_candidate(panel, Candidate(RETURNING))
    rng = np.random.default_rng(4)
    bought, active, _ = expectation(fit, panel, 150, rng, draws=40)
    total, some = 0, 0
    for _ in range(40):
        rounds = list(purchases(RETURNING, states_given(RETURNING, fit.theta, fit.data, rng), 0.0, 150.0, rng))
        assert all(np.all(time < 150) for _, time in rounds)
        total += sum(len(who) for who, _ in rounds)
        some += len({int(i) for who, _ in rounds for i in who})
    assert bought.sum() == pytest.approx(total / 40, rel=0.02)
    assert active.sum() == pytest.approx(some / 40, rel=0.02)


@pytest.mark.parametrize("days", [(3,), (3, 10), (3, 8, 120, 126), (3, 5, 9, 12, 200)])
def test_likelihood_of_uneven_gaps_agrees_with_integration(days: tuple[int, ...]) -> None:
    """A gap is fast or, one in four, at 0.3 times the rate, but for half a day of the purchase that ends it; rate and chance of
    leaving are summed on fine grids.
    """
    mean, shape, a, b, length, slow, pace = 0.05, 0.7, 0.8, 2.5, 260, 0.25, 0.3
    z = np.linspace(np.log(1e-7), np.log(5), 3000)
    rate, chance = np.exp(z)[:, None], (np.arange(2000) + 0.5) / 2000
    value = gamma(shape, scale=mean / shape).pdf(rate) * rate * (z[1] - z[0]) * beta(a, b).pdf(chance) / 2000
    whole = value.sum()
    for number, gap in enumerate(np.diff(days) - 0.5):
        value = value * ((1 - slow) * rate * np.exp(-rate * gap) + slow * pace * rate * np.exp(-pace * rate * gap))
        value *= 1.0 if number == 0 else 1 - chance
    last = length - 1 - days[-1]
    silent = (1 - slow) * np.exp(-rate * last) + slow * np.exp(-pace * rate * last)
    value = value * (silent if len(days) == 1 else (1 - chance) * silent + chance)
    panel = panel_at(*days, length=length)
    fit = Fit(Candidate(Model()), records(panel), Clock(panel.start, length - 1), np.log([mean, shape, a, b]))
    found = log_likelihood_of(fit)(np.append(fit.theta, [np.log(slow / (1 - slow)), np.log(pace)]))
    assert found == pytest.approx(float(np.log(value.sum() / whole)), abs=0.01)


@pytest.mark.parametrize("process", [{"returning": 0.003}, {"bursts": 4.0}, {"returning": 0.003, "season": 0.3}, {}])
def test_returns_and_uneven_gaps_are_told_apart(process: dict[str, float]) -> None:
    panel = panel_of(cohort(6, members=900, days=300, **SHOP, **process))
    without, back = (fit_candidate(panel, Candidate(Model(returning=returns))) for returns in (False, True))
    returns, uneven = back.log_likelihood - without.log_likelihood, uneven_gain(without)
    assert (returns > 3.0) == bool(process)
    assert (returns > uneven + 3.0) == ("returning" in process)


@pytest.fixture(scope="module")
def shop() -> Calibration:
    return calibrate(cohort(7, members=800, days=300, returning=0.002, **SHOP), **OPTIONS)


def test_returns_are_taken_where_they_are(shop: Calibration) -> None:
    assert 0.001 < shop.population.leaving.return_rate < 0.004
    assert shop.population.posterior is not None
    assert "leaving.return_rate" in shop.population.posterior.parameters
    drawn = [shop.population.drawn(np.random.default_rng(i)).leaving.return_rate for i in range(2)]
    assert len({*drawn, shop.population.leaving.return_rate}) == 3


def test_the_fit_says_why_returns_are_in_it(shop: Calibration) -> None:
    assert shop.report["choice"]["returning"].startswith("found; ")
    assert f"return_rate: {shop.population.leaving.return_rate}" in shop.document
    page = str(fit_files(shop)["fit.html"])
    assert "leaving and returning" in page and "leaving.return_rate" in page
    assert "whether some are gone for good" in page and "count as a rare buyer" not in page


@pytest.mark.parametrize("process", [{}, {"bursts": 4.0}])
def test_returns_are_taken_nowhere_else(process: dict[str, float]) -> None:
    fit = calibrate(cohort(5, members=600, days=300, **SHOP, **process), **OPTIONS)
    assert fit.population.leaving.return_rate == 0.0
    assert "leaving.return_rate" not in fit.report["parameters"]
    assert fit.report["choice"]["returning"].startswith("none; ")
    assert ("gaps are uneven" in fit.report["choice"]["returning"]) == bool(process)
    assert "count as a rare buyer" in str(fit_files(fit)["fit.html"])


def test_who_was_there_before_the_data_is_no_return() -> None:
    """Members who come late in the data may have been away, or have waited: nothing tells, where waiting says more."""
    process = {"rate": 0.05, "shape": 1.2, "leaving": (1.0, 8.0), "returning": 0.02}
    there = simulated_panel(np.random.default_rng(12), members=400, days=240, present=True, **process)
    choice = calibrate(there, **OPTIONS).report["choice"]
    assert "higher if members were there before" in choice["returning"]
    assert choice["returning"].startswith("none; ") and "returning" not in choice["model"]
