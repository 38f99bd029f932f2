"""Which candidate forecasts best, judged on periods inside the fit that each candidate has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from scenarios.calibration.before import Before, check_before
from scenarios.calibration.bgnbd import Model, Origin, log_pace
from scenarios.calibration.calendar import Clock
from scenarios.calibration.candidates import GROWTH_DAYS, SEASON_DAYS, Candidate, Fit, best_order, fit_candidate, with_posterior
from scenarios.calibration.expectations import baskets_of, expectation
from scenarios.calibration.forecast import MEASURES, ModelError, actual, draw_futures
from scenarios.calibration.panel import Panel
from scenarios.calibration.shocks import Shocks
from scenarios.calibration.uneven import uneven_gain
from sim.typing import Floats

Progress = Callable[[str], None]

ORIGINS = 3
_INNER_DRAWS = 40
_SAME_DEVIANCE = 0.005
JOINING_GAIN = 3.0  # a likelihood ratio of 2 degrees of freedom, 95 %
RETURNING_GAIN = 3.0  # a likelihood ratio of 1 degree of freedom at its bound, 99 %
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
    held: bool
    """whether season and growth of the whole fit were known to it: good to tell structures apart alone"""
    fits: tuple[Fit, ...]
    """at each origin"""

    @property
    def miss(self) -> float:
        """Root mean square of the log errors of total purchases and active members."""
        return float(np.sqrt((self.errors[:, :2] ** 2).mean()))


@dataclass(frozen=True)
class Returning:
    """Log-likelihood gained over BG/NBD: by lapsed members returning, and by what looks like it."""

    returns: float
    waiting: float
    """by some having been there before the data, and waited"""
    uneven: float
    """by gaps that are uneven at members' own pace; 0 where the others decide"""

    @property
    def asked_for(self) -> bool:
        """Whether returns gain more than luck, over nothing and over either."""
        return self.returns - max(self.waiting, self.uneven, 0.0) > RETURNING_GAIN


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, how all did, and by how much its own past forecasts missed beyond luck."""

    chosen: Candidate
    own: Score
    """of the one chosen, or, where season and growth could not be tested, of its model with these held"""
    scores: tuple[Score, ...]
    origins: tuple[int, ...]
    window: int
    tolerance: float
    error: ModelError
    season_reason: str
    joining_gain: float
    """log-likelihood gained by members joining while the data ran, over their all having been there"""
    before: Before
    """the user's answer, whether members were there before"""
    returning: Returning | None
    """None where it was not asked: every member was there before, or may have been"""
    members: int
    """on whose purchases all this was found out"""


def inner_origins(days: int, horizon: int) -> tuple[tuple[int, ...], int]:
    """Days at which inner fits end, latest first, and the days that each then forecasts.

    The window is as long as the period to be forecast but at most a third of the fit; every inner fit has
    at least half of it.
    """
    window = max(7, min(horizon, days // 3, _LONGEST_INNER))
    latest, earliest = days - window, max(days // 2, 14)
    return tuple(round(latest - (latest - earliest) * i / (ORIGINS - 1)) for i in range(ORIGINS)), window


def choose(panel: Panel, horizon: int, seed: int, progress: Progress, before: Before = "unknown", where: str = "") -> Choice:
    """Choose for forecasts of `horizon` days by the inner splits of `panel`, which ends where the fit
    ends.

    Whether members joined while the data ran or had only waited is asked first, by likelihood, for one is a case of the other.
    What the user says of it in `before` is taken, and is an InputError of the table `where` if its rows say otherwise.
    Then every structure is tried, and growth and season on the best of them. From a year of data on, season and growth of the
    whole fit are held while structures are tried, so that neither passes for leaving or joining. Growth must lower the
    miss by more than the luck of a total, because it is carried on into the future; a season must lower
    it. Candidates that miss the totals by no more than half the luck of a total above the best are as good
    as it; of these the one is taken that says best what each member does, and of those alike in that (to
    0.5 %) the one that assumes least.

    That a day has one purchase at most is said of random gaps where none but these are likely: members with regular gaps do not
    come twice a day. Where the user told nothing, models are compared by moments, and the one chosen is fitted to days: compared
    by days, which of them all joined or had waited was found out worse.

    Whether lapsed members return is asked by likelihood too, of members counted from their first purchase: it must rise beyond
    luck over BG/NBD, over some having waited, and over uneven gaps. Then the model with returns takes the place of the one
    without.
    """
    origins, window = inner_origins(panel.days, horizon)
    splits = [(panel.before(o), panel.after(o, window)) for o in origins]
    luck = float(np.sqrt(np.mean([1 / max(len(after.day), 1) for _, after in splits])))
    progress("trying: season, growth and joining")
    yearly = panel.days >= SEASON_DAYS
    by_day = before != "unknown"
    order = best_order(panel, Model("panel start", leaving=False, by_day=by_day))
    grows = panel.days >= GROWTH_DAYS
    joining = fit_candidate(panel, Candidate(Model("either", order=order, by_day=by_day), growth=grows, season=yearly))
    held = joining.clock if yearly else None
    come = fit_candidate(panel, Candidate(Model(order=order, by_day=by_day)), joining, held)
    waited = joining.log_likelihood - come.log_likelihood - _joining_days(come)
    check_before(before, joining, come, where)
    if before == "steady":
        joining = fit_candidate(panel, replace(joining.candidate, model=replace(joining.candidate.model, steady=True)), joining)
        held = joining.clock if yearly else None
    mixed = joining.candidate.model
    waiting = fit_candidate(panel, Candidate(replace(mixed, origin="panel start")), joining, held)
    gain = joining.log_likelihood - waiting.log_likelihood
    scores, orders = list[Score](), dict[tuple[Origin, bool], int]()
    tried = _origins(before, gain, waited, yearly)
    if before != "unknown" and len(tried) > 1 and order == 1 and _behind(waiting, joining, panel):
        tried = ("either",)
    returning = None
    if "first purchase" in tried:
        progress("trying: returns")
        returning = _returning(panel, Model(by_day=by_day), held, waited if before == "unknown" else 0.0)
    for origin in tried:
        for leaving in (False, True):
            regular = orders[origin, leaving] = best_order(splits[0][0], Model(origin, leaving, by_day=by_day), held)
            for k in sorted({1, regular}):
                model = Model(origin, leaving, k, by_day=by_day and regular == 1, steady=mixed.steady)
                if returning and returning.asked_for and leaving and k == 1:
                    if origin == "first purchase":
                        model = replace(model, returning=True)
                    elif origin == "either" and waited <= JOINING_GAIN:
                        continue  # BG/NBD by another name
                progress(f"trying: {Candidate(model).label}")
                scores.append(_score(Candidate(model), splits, window, seed, held))
    chosen = _best(scores, luck / 2)
    own = next(s for s in scores if s.candidate == chosen)
    if held is None or origins[-1] >= SEASON_DAYS:
        progress("trying: growth and season")
        clocks = [Candidate(chosen.model, growth=True)]
        if held is not None:
            both = ((False, False), (False, True), (True, True))
            clocks += [Candidate(chosen.model, growth, season) for growth, season in both]
        clocked = [_score(c, splits, window, seed, None) for c in clocks]
        scores += clocked
        own = min([own] * (held is None) + clocked, key=lambda s: s.miss + luck * s.candidate.growth)
        chosen = own.candidate
    if held is None:
        season_reason = (
            f"the fit period of {panel.days} days is shorter than {SEASON_DAYS} days, a season cannot be seen"
        )
    elif origins[-1] >= SEASON_DAYS:
        season_reason = "the inner forecasts were " + ("better" if chosen.season else "no better") + " with it"
    else:
        chosen = Candidate(chosen.model, growth=grows, season=True)
        season_reason = "the data hold less than two years, so it could not be tested on a period not seen; " + (
            "it is told from growth by the weeks seen twice, and both are drawn towards none"
            if grows
            else "nothing tells it from growth of members' own rates, which is taken to be none, and widens the interval"
        )
    model = chosen.model
    chosen = replace(chosen, model=replace(model, by_day=orders[model.origin, model.leaving] == 1))
    progress("measuring the error of past forecasts")
    error = _model_error(own, splits, window, horizon, seed, held if own.held else None)
    found = (window, luck / 2, error, season_reason, gain, before, returning, panel.members)
    return Choice(chosen, own, tuple(scores), origins, *found)


def _returning(panel: Panel, model: Model, held: Clock | None, waited: float) -> Returning:
    without, back = (fit_candidate(panel, Candidate(replace(model, returning=back)), held=held) for back in (False, True))
    gain = back.log_likelihood - without.log_likelihood
    decided = gain - max(waited, 0.0) <= RETURNING_GAIN
    return Returning(gain, waited, 0.0 if decided else uneven_gain(without))


def _origins(before: Before, joined: float, waited: float, yearly: bool) -> tuple[Origin, ...]:
    """Clocks to try, from the answer of the user and the log-likelihood gained by some having joined, over none, and by some
    having waited, over none.

    Below a year a season not yet seen can look like joining or waiting: there the inner forecasts have the last word.
    """
    if before == "none":
        return ("first purchase",)
    if not yearly:
        there: tuple[Origin, ...] = ("panel start", "either") if joined > JOINING_GAIN else ("panel start",)
        return ("first purchase", *there) if before == "unknown" else there
    likelier: Origin = "either" if joined > JOINING_GAIN else "panel start"
    return (likelier,) if waited > JOINING_GAIN or before != "unknown" else ("first purchase", likelier)


def _behind(alone: Fit, likeliest: Fit, panel: Panel) -> bool:
    """Whether that all waited is less likely than `likeliest`, whatever the season that was not seen yet."""

    def behind(fit: Fit) -> bool:
        return likeliest.log_likelihood - fit.log_likelihood > JOINING_GAIN

    return behind(alone) and behind(fit_candidate(panel, Candidate(alone.candidate.model, season=True)))


def _joining_days(fit: Fit) -> float:
    """Log-likelihood of the days of all first purchases, if every one of them is a joining."""

    def loss(fall: float) -> float:
        return -float(fit.data.count @ log_pace(fit.data, fall))

    return -float(minimize_scalar(loss, bounds=(-5.0, 50.0), method="bounded").fun)


def _best(scores: list[Score], tolerance: float) -> Candidate:
    least = min(s.miss for s in scores)
    good = [s for s in scores if s.miss <= least + tolerance]
    sharpest = min(s.deviance for s in good)
    alike = [s for s in good if s.deviance <= (1 + _SAME_DEVIANCE) * sharpest]
    return min(alike, key=lambda s: (s.candidate.size, s.miss)).candidate


def _score(
    candidate: Candidate, splits: list[tuple[Panel, Panel]], window: int, seed: int, held: Clock | None
) -> Score:
    errors, deviance = [], 0.0
    fits: list[Fit] = []
    for before, after in splits:
        fit = fit_candidate(before, candidate, fits[-1] if fits else None, held)
        fits.append(fit)
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
    return Score(candidate, np.array(errors), deviance / len(splits), held is not None, tuple(fits))


def _model_error(
    own: Score, splits: list[tuple[Panel, Panel]], window: int, horizon: int, seed: int, held: Clock | None
) -> ModelError:
    """Mean square of past log errors less what luck and parameters explain, grown with the square root of
    time.

    A level that wanders like a random walk errs in proportion to the square root of the time ahead.
    """
    explained = []
    for (before, _), found in zip(splits, own.fits, strict=True):
        rng = np.random.default_rng([seed, 2])
        fit = with_posterior(found)
        futures = draw_futures(fit, baskets_of(before, fit, rng), Shocks(0.0, 0.0), window, _INNER_DRAWS, rng)
        explained.append(np.log(np.maximum(futures.totals, 0.5)).var(axis=0))
    beyond = np.maximum((own.errors**2).mean(axis=0) - np.mean(explained, axis=0), 0.0)
    growth = np.sqrt(max(horizon / window, 1.0))
    return ModelError(
        {m: float(np.sqrt(b) * growth) for m, b in zip(MEASURES, beyond, strict=True)}, len(splits)
    )
