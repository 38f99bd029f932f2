"""What a fit says about itself, as plain data: parameters with intervals, candidates with scores, the
textbook model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.calibration.baskets import Baskets
from scenarios.calibration.before import before_words, share_before
from scenarios.calibration.bgnbd import JOINED, Model
from scenarios.calibration.candidates import Candidate, Fit, at_the_top, fit_candidate
from scenarios.calibration.choice import JOINING_GAIN, RETURNING_GAIN, Choice
from scenarios.calibration.forecast import MEASURES
from scenarios.calibration.panel import Panel
from sim.population import MEANING

_Z80 = 1.2815515655446004


def parameter_summary(data: dict[str, Any], fit: Fit, baskets: Baskets) -> dict[str, dict[str, Any]]:
    """Each parameter that the posterior names, with an 80 % interval, its unit and its meaning; then those that are not `drawn`:
    every run takes them as they are.
    """
    posterior = data["posterior"]
    result: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(posterior["parameters"]):
        part, leaf = name.split(".")
        value, error = float(data[part][leaf]), float(np.sqrt(posterior["covariance"][i][i]))
        unit, meaning = MEANING[name]
        result[name] = {
            "value": value,
            "low": float(f"{value * np.exp(-_Z80 * error):.6g}"),
            "high": float(f"{value * np.exp(_Z80 * error):.6g}"),
            "unit": unit,
            "meaning": meaning,
            "drawn": True,
        }

    def fixed(name: str, value: float, unit: str, meaning: str, error: float = 0.0) -> None:
        between(name, value, unit, meaning, (value - _Z80 * error, value + _Z80 * error))

    def between(name: str, value: float, unit: str, meaning: str, interval: tuple[float, float]) -> None:
        low, high = (float(f"{end:.6g}") for end in interval)
        result[name] = {"value": value, "low": low, "high": high, "unit": unit, "meaning": meaning, "drawn": False}

    correlation = data["basket"]["rate_correlation"]
    likely = baskets.correlation_between(_Z80) if baskets.correlation_error else (correlation, correlation)
    between("basket.rate_correlation", correlation, "", "whether frequent buyers buy more at a time", likely)
    fixed("regularity", data["regularity"], "", "order of the gaps: 1 = random, more = more regular")
    if not fit.candidate.model.leaving:
        fixed("leaving.probability", 0.0, "a purchase", "chance of leaving after a purchase")
    if JOINED[0] in fit.candidate.names:
        at = fit.candidate.names.index(JOINED[0])
        share = 1 - share_before(fit)
        spread = share * (1 - share) * (float(np.sqrt(fit.covariance[at, at])) if fit.covariance is not None else 0.0)
        fixed("joined.share", round(share, 4), "of members", "who joined while the data ran; the others were there", spread)
    error = fit.growth_error * (1 + data["growth"])
    fixed("growth", data["growth"], "a year", "change of every member's purchase rate", error)
    return result


def choice_summary(choice: Choice, fit: Fit) -> dict[str, Any]:
    """All candidates with their scores on the inner splits, the one chosen, and why in words."""
    rows = [
        {
            "label": s.candidate.label + (", held" if s.held else ""),
            "origin": s.candidate.model.origin,
            "leaving": s.candidate.model.leaving,
            "order": s.candidate.model.order,
            "growth": s.candidate.growth,
            "season": s.candidate.season,
            "held": s.held,
            "assumes": s.candidate.size,
            "miss": round(s.miss, 5),
            "errors": {m: [round(float(e), 5) for e in s.errors[:, i]] for i, m in enumerate(MEASURES)},
            "deviance_a_member": round(s.deviance, 5),
            "chosen": s is choice.own,
        }
        for s in choice.scores
    ]
    least = min((s for s in choice.scores if s.held == choice.own.held), key=lambda s: s.miss)
    own_miss, margin = choice.own.miss, choice.tolerance
    days = ", ".join(str(o) for o in choice.origins)
    reason = (
        f"{len(rows)} models were each fitted to the first {days} days and forecast the "
        f"{choice.window} days after; the root mean square error of total purchases and active members of "
        f"the model chosen was {100 * own_miss:.1f} %"
    )
    if least is choice.own:
        reason += ", the lowest of all."
    elif least.miss + margin >= own_miss:
        reason += (
            f"; the lowest was {100 * least.miss:.1f} %, a difference that luck alone would make (up to "
            f"{100 * margin:.1f} %), and the model chosen says more of single members or assumes less."
        )
    else:
        reason += (
            f"; the lowest was {100 * least.miss:.1f} %, with growth, which is only taken when it lowers the "
            f"error by more than {200 * margin:.1f} %, because it is carried on into the future."
        )
    drawn = choice.members < len(fit.data.row)
    likelihood = f"log-likelihood of the {choice.members:,} members drawn" if drawn else "log-likelihood"
    if drawn:
        reason += (
            f" Models were tried on {choice.members:,} of the {len(fit.data.row):,} members, drawn at random; the one chosen was "
            "fitted to all of them, and forecasts all of them."
        )
    if choice.chosen.model.by_day > choice.own.candidate.model.by_day:
        reason += " Models were compared as if purchases had moments; the one chosen was fitted to days, each with one at most."
    return {
        "model": choice.chosen.label,
        "reason": reason,
        "members": choice.members,
        "season": choice.season_reason,
        "joining": _joining(choice, likelihood),
        "returning": _returning(choice, likelihood),
        "before": before_words(choice.before, choice.chosen.model),
        "inner_fit_days": list(choice.origins),
        "inner_forecast_days": choice.window,
        "tolerance": round(choice.tolerance, 5),
        "log_likelihood": round(fit.log_likelihood, 2),
        "candidates": rows,
    }


def _joining(choice: Choice, likelihood: str) -> str:
    if choice.before == "none":
        return "as told, all members joined while the data ran"
    asked = f"that raises the {likelihood} by {max(choice.joining_gain, 0.0):.1f}, and {JOINING_GAIN:g} is asked for"
    tried = "tried" if choice.joining_gain > JOINING_GAIN else "not tried"
    return f"models in which some members joined while the data ran and the others were there before were {tried}: {asked}"


def _returning(choice: Choice, likelihood: str) -> str:
    """What came of the question whether lapsed members return. Said after `returns of lapsed members: `."""
    gains = choice.returning
    if gains is None:
        return "not asked, for members who were there before the data may have been away when they began"
    rivals = {"members were there before the data": gains.waiting, "gaps are uneven at members' own pace": gains.uneven}
    rival, gain = max(rivals.items(), key=lambda other: other[1])
    likelier = f"; if lapsed members return, the {likelihood} is {max(gains.returns, 0.0):.1f} higher"
    if min(gain, gains.returns) > RETURNING_GAIN:
        likelier += f", and {gain:.1f} higher if {rival}"
    likelier += f"; {RETURNING_GAIN:g} more than by any other explanation is asked for"
    if not gains.asked_for:
        return "none" + likelier
    return ("found" if choice.chosen.model.returning else "tried, and another model was better") + likelier


def textbook_summary(panel: Panel) -> dict[str, float]:
    """The BG/NBD model of Fader, Hardie, Lee (2005) on the same data, whatever was chosen: r, alpha, a, b.

    `alpha_weeks` and `log_likelihood_weeks` are in the paper's unit of time.
    """
    fit = at_the_top(fit_candidate(panel, Candidate(Model("first purchase", True, 1, by_day=False))))
    mean, shape, a, b = np.exp(fit.theta)
    gaps = float(fit.data.count @ fit.data.gaps)
    values = {
        "r": shape,
        "alpha_days": shape / mean,
        "alpha_weeks": shape / mean / 7,
        "a": a,
        "b": b,
        "log_likelihood_days": fit.log_likelihood,
        "log_likelihood_weeks": fit.log_likelihood + gaps * np.log(7),
    }
    return {name: float(f"{value:.8g}") for name, value in values.items()}
