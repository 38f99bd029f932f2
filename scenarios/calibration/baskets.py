"""Value of a purchase: lognormal within a member, medians lognormal over members, seen through few purchases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.panel import Panel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Baskets:
    """Log value of a purchase = level + member effect + rest; the spreads are standard deviations of logs.

    `effect` and `effect_error`: each member's posterior mean and standard deviation (shrunk towards 0 the more, the
    fewer the purchases); `ratios`: value over expected value of every purchase, zeros included, mean 1 over all
    value, so that money adds up whatever the true shape of the distribution; `covariance`: of (log of the
    median, log within, log between).
    """

    level: float
    within: float
    between: float
    effect: Floats
    effect_error: Floats
    ratios: Floats
    scale: float
    scale_error: float
    covariance: Floats
    first_factor: float = 1.0
    """a first purchase over a later one of the same member, where first purchases are told apart"""
    mean: float = 0.0
    """mean value of a purchase, first purchases brought to the level of later ones"""

    def expected(self) -> Floats:
        """Expected value of one purchase of each member, in currency units."""
        return self.scale * np.exp(self.effect + self.effect_error**2 / 2)


def fit_baskets(panel: Panel, later: NDArray[np.bool_] | None = None) -> Baskets:
    """Variance components by the unbalanced analysis of variance (Searle, Casella, McCulloch 1992, ch. 3).

    Members are pooled with weights n / (1 + n between / within), so that frequent buyers do not settle the median.
    `later` marks the purchases that the forecast is about; where the others (first purchases) differ in size for the
    same member, they are brought to the level of the later ones first (Fader, Hardie, Lee 2005b leave them out).
    """
    value = panel.value
    first_factor = 1.0 if later is None else _first_factor(panel, later)
    if later is not None and first_factor != 1.0:
        value = np.where(later, value, value / first_factor)
    priced = value > 0
    member, log = panel.member[priced], np.log(value[priced])
    count = np.bincount(member, minlength=panel.members).astype(float)
    total = np.bincount(member, weights=log, minlength=panel.members)
    seen = count > 0
    mean = np.divide(total, count, out=np.zeros_like(total), where=seen)
    groups, n = int(seen.sum()), float(count.sum())
    within_ss = float(((log - mean[member]) ** 2).sum())
    free = max(n - groups, 1.0)
    within2 = max(within_ss / free, 1e-6) if n > groups else float(log.var()) or 1e-6
    grand = float(log.mean())
    between_ss = float((count * (mean - grand) ** 2)[seen].sum())
    per_group = (n - float((count**2).sum()) / n) / max(groups - 1, 1)
    between2 = max(0.0, (between_ss / max(groups - 1, 1) - within2) / per_group)
    weight = np.where(seen, count / (count * between2 + within2), 0.0)
    level = float((weight * mean).sum() / weight.sum())
    error2 = 1 / (count / within2 + (1 / between2 if between2 > 1e-9 else 1e9))
    effect = np.where(seen, error2 * count / within2 * (mean - level), 0.0)
    guess = np.exp(effect + error2 / 2)[panel.member]
    scale = float(value.sum() / guess.sum())
    ratios = value / (scale * guess)
    ratios = ratios / ratios.mean()
    spread = np.bincount(panel.member, weights=value - scale * guess, minlength=panel.members)
    scale_error = float(np.sqrt((spread**2).sum()) / value.sum())
    if between2 > 0:
        shrink = between2 + within2 / np.maximum(count, 1e-9)
        information = float((between2 / shrink[seen]) ** 2 @ np.ones(groups))
        log_between = 1 / (2 * max(information, 1.0))
    else:
        log_between = 0.0
    covariance = np.diag([1 / float(weight.sum()), 1 / (2 * free), log_between])
    return Baskets(
        level, float(np.sqrt(within2)), float(np.sqrt(between2)), effect, np.sqrt(error2), ratios, scale, scale_error, covariance,
        first_factor, float(value.mean())
    )


def _first_factor(panel: Panel, later: NDArray[np.bool_]) -> float:
    size = panel.members
    times = np.bincount(panel.member[later], minlength=size)
    mean = np.bincount(panel.member[later], weights=panel.value[later], minlength=size) / np.maximum(times, 1)
    firsts = np.bincount(panel.member[~later], weights=panel.value[~later], minlength=size)
    both = (times > 0) & (np.bincount(panel.member[~later], minlength=size) > 0)
    if both.sum() < 20 or mean[both].sum() <= 0:
        return 1.0
    return float(np.clip(firsts[both].sum() / mean[both].sum(), 0.2, 5.0))
