"""Which candidate forecasts best, judged on periods inside the fit that each candidate has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.bgnbd import Model
from scenarios.calibration.candidates import (
    SEASON_DAYS,
    Candidate,
    baskets_of,
    best_order,
    expectation,
    fit_candidate,
    with_posterior,
)
from scenarios.calibration.forecast import MEASURES, ModelError, actual, draw_futures
from scenarios.calibration.panel import Panel
from scenarios.calibration.shocks import Shocks

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

ORIGINS = 3
_INNER_DRAWS = 40
_SAME_DEVIANCE = 0.005
_LONGEST_INNER = 182


@dataclass(frozen=True)
class Score:
    """How one candidate did: log(actual / forecast) at each origin, one row an origin, columns as
    MEASURES.
    """

    candidate: Candidate
    errors: Floats
    deviance: float
    """Poisson deviance of members' purchases from what was expected of each, a member (lower is better)"""

    @property
    def miss(self) -> float:
        """Root mean square of the log errors of total purchases and active members."""
        return float(np.sqrt((self.errors[:, :2] ** 2).mean()))


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, how all did, and by how much its own past forecasts missed beyond luck."""

    chosen: Candidate
    scores: tuple[Score, ...]
    origins: tuple[int, ...]
    window: int
    tolerance: float
    error: ModelError
    season_reason: str


def inner_origins(days: int, horizon: int) -> tuple[tuple[int, ...], int]:
    """Days at which inner fits end, latest first, and the days that each then forecasts.

    The window is as long as the period to be forecast but at most a third of the fit; every inner fit has
    at least half of it.
    """
    window = max(7, min(horizon, days // 3, _LONGEST_INNER))
    latest, earliest = days - window, max(days // 2, 14)
    return tuple(round(latest - (latest - earliest) * i / (ORIGINS - 1)) for i in range(ORIGINS)), window


def choose(panel: Panel, horizon: int, seed: int, progress: Progress) -> Choice:
    """Choose for forecasts of `horizon` days by the inner splits of `panel`, which ends where the fit
    ends.

    Every structure is tried first; growth and season are tried on the best of them. Growth must lower the
    miss by more than the luck of a total, because it is carried on into the future; a season must lower
    it. Candidates that miss the totals by no more than half the luck of a total above the best are as good
    as it; of these the one is taken that says best what each member does, and of those alike in that (to
    0.5 %) the one that assumes least.
    """
    origins, window = inner_origins(panel.days, horizon)
    splits = [(panel.before(o), panel.after(o, window)) for o in origins]
    luck = float(np.sqrt(np.mean([1 / max(len(after.day), 1) for _, after in splits])))
    scores: list[Score] = []
    for origin in ("first purchase", "panel start"):
        for leaving in (False, True):
            model = Model(origin, leaving)
            for order in sorted({1, best_order(splits[0][0], model)}):
                candidate = Candidate(Model(origin, leaving, order))
                progress(f"trying: {candidate.label}")
                scores.append(_score(candidate, splits, window, seed))
    chosen = _best(scores, luck / 2)
    progress("trying: growth")
    plain = next(s for s in scores if s.candidate == chosen)
    grown = _score(Candidate(chosen.model, growth=True), splits, window, seed)
    scores.append(grown)
    if grown.miss + luck < plain.miss:
        chosen, plain = grown.candidate, grown
    season_reason = (
        f"the fit period of {panel.days} days is shorter than {SEASON_DAYS} days, a season cannot be seen"
    )
    if origins[-1] >= SEASON_DAYS:
        progress("trying: season")
        seasonal = _score(Candidate(chosen.model, chosen.growth, season=True), splits, window, seed)
        scores.append(seasonal)
        better = seasonal.miss < plain.miss
        chosen = seasonal.candidate if better else chosen
        season_reason = "the inner forecasts were " + ("better" if better else "no better") + " with it"
    elif panel.days >= SEASON_DAYS:
        chosen = Candidate(chosen.model, chosen.growth, season=True)
        season_reason = (
            "the data hold about one year, so it could not be tested on a period not seen; its factors are "
            "shrunk towards 1 by the noise of the weekly counts"
        )
    progress("measuring the error of past forecasts")
    own = chosen if any(s.candidate == chosen for s in scores) else Candidate(chosen.model, chosen.growth)
    errors = next(s.errors for s in scores if s.candidate == own)
    error = _model_error(own, errors, splits, window, horizon, seed)
    return Choice(chosen, tuple(scores), origins, window, luck / 2, error, season_reason)


def _best(scores: list[Score], tolerance: float) -> Candidate:
    least = min(s.miss for s in scores)
    good = [s for s in scores if s.miss <= least + tolerance]
    sharpest = min(s.deviance for s in good)
    alike = [s for s in good if s.deviance <= (1 + _SAME_DEVIANCE) * sharpest]
    return min(alike, key=lambda s: (s.candidate.size, s.miss)).candidate


def _score(candidate: Candidate, splits: list[tuple[Panel, Panel]], window: int, seed: int) -> Score:
    errors, deviance = [], 0.0
    near: Floats | None = None
    for before, after in splits:
        fit = fit_candidate(before, candidate, near)
        near = fit.theta
        bought, active, value = expectation(fit, before, window, np.random.default_rng([seed, 1]))
        truth = actual(after)
        forecast = (bought.sum(), active.sum(), value.sum())
        errors.append(
            [np.log(max(truth[m], 0.5) / max(f, 0.5)) for m, f in zip(MEASURES, forecast, strict=True)]
        )
        seen = np.bincount(after.member, minlength=before.members).astype(float)
        mean = np.maximum(bought, 1e-6)
        gain = np.where(seen > 0, seen * np.log(np.maximum(seen, 1) / mean), 0.0)
        deviance += float(2 * (gain - (seen - mean)).sum()) / before.members
    return Score(candidate, np.array(errors), deviance / len(splits))


def _model_error(
    candidate: Candidate,
    errors: Floats,
    splits: list[tuple[Panel, Panel]],
    window: int,
    horizon: int,
    seed: int,
) -> ModelError:
    """Mean square of past log errors less what luck and parameters explain, grown with the square root of
    time.

    A level that wanders like a random walk errs in proportion to the square root of the time ahead.
    """
    explained = []
    for before, _ in splits:
        rng = np.random.default_rng([seed, 2])
        fit = with_posterior(fit_candidate(before, candidate), before)
        futures = draw_futures(fit, baskets_of(before, fit, rng), Shocks(0.0, 0.0), window, _INNER_DRAWS, rng)
        explained.append(np.log(np.maximum(futures.totals, 0.5)).var(axis=0))
    beyond = np.maximum((errors**2).mean(axis=0) - np.mean(explained, axis=0), 0.0)
    growth = np.sqrt(max(horizon / window, 1.0))
    return ModelError(
        {m: float(np.sqrt(b) * growth) for m, b in zip(MEASURES, beyond, strict=True)}, len(splits)
    )
