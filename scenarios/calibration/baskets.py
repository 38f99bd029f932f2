"""Value of a purchase: lognormal within a member, medians lognormal over members, seen through few
purchases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.panel import Panel
from sim.typing import Floats

_MOST_CORRELATION = 0.9
_LEAST_TO_COMPARE = 20


@dataclass(frozen=True)
class Baskets:
    """Log value of a purchase = level + member's effect + rest; the spreads are standard deviations of logs.

    The effect of a member whose purchase rate has normal score z is N(correlation between z, (1 - correlation^2) between^2) a
    priori. `score` is the expected z of each member, `purchases` and `mean_log` are each member's priced purchases and their
    mean log over `level`. `ratios` are value over expected value of every purchase (zeros included, mean 1), so that money
    adds up whatever the shape of the distribution; `scale` brings expected to actual money in the fit, `scale_error` is its
    relative error; `errors` are standard errors of (log median, log within, log between), `correlation_error` is that of the
    correlation, 0 where none is seen; `first_factor` is a first purchase over a later one of the same member; `mean` is the
    mean value of a purchase at the level of later ones.
    """

    level: float
    within: float
    between: float
    correlation: float
    score: Floats
    purchases: Floats
    mean_log: Floats
    ratios: Floats
    scale: float
    scale_error: float
    errors: tuple[float, float, float]
    correlation_error: float
    first_factor: float
    mean: float

    def effects(self, score: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of each member's effect, given the normal score of their
        rate.
        """
        prior = self.correlation * self.between * score
        room = max(self.between**2 * (1 - self.correlation**2), 1e-12)
        noise = max(self.within**2, 1e-12)
        pull = room * self.purchases / (room * self.purchases + noise)
        return prior + pull * (self.mean_log - prior), np.sqrt(room * (1 - pull))

    def expected(self, score: Floats) -> Floats:
        """Expected value of one purchase of each member, in currency units, given the normal score of
        their rate.
        """
        mean, spread = self.effects(score)
        return self.scale * np.exp(mean + spread**2 / 2)

    def correlation_between(self, normal: float) -> tuple[float, float]:
        """The interval of the correlation at `normal` standard errors, by Fisher's z (1915): the inverse hyperbolic tangent of a
        correlation is close to normal, with the correlation's standard error over 1 - correlation^2.
        """
        z, error = np.arctanh(self.correlation), self.correlation_error / (1 - self.correlation**2)
        return float(np.tanh(z - normal * error)), float(np.tanh(z + normal * error))

    def lognormal_spreads(self) -> tuple[float, float]:
        """Spreads (within, between) with which a lognormal of this median has the panel's mean value.

        Real values are no exact lognormals; both spreads are scaled alike so that simulated money agrees. The mean is that of
        purchases, of which members with a high rate make more: where their baskets differ, that is part of it.
        """
        rest = self.within**2 + self.between**2 * (1 - self.correlation**2)
        factor = 1.0
        for _ in range(50):
            tilt = np.exp(factor * self.correlation * self.between * self.score)
            weighted = float(self.purchases @ tilt / self.purchases.sum())
            log_rest = np.log(max(self.mean, 1e-9)) - self.level - np.log(weighted)
            factor = float(np.sqrt(max(2 * log_rest, 0.02 * rest) / rest))
        return float(self.within * factor), float(self.between * factor)


def fit_baskets(panel: Panel, later: NDArray[np.bool_], score: Floats) -> Baskets:
    """Variance components by the unbalanced analysis of variance (Searle, Casella, McCulloch 1992, ch. 3).

    `later` marks the purchases that a forecast is about; where the others (first purchases) differ in size
    for the same member by more than chance, they are brought to the level of the later ones (Fader, Hardie, Lee 2005b, J.
    Marketing Research 42, leave them out). `score` is the expected normal score of each member's purchase
    rate.
    """
    size = panel.members
    first_factor = _first_factor(panel, later)
    value = np.where(later, panel.value, panel.value / first_factor)
    priced = value > 0
    member, log = panel.member[priced], np.log(value[priced])
    count = np.bincount(member, minlength=size).astype(float)
    seen = count > 0
    mean = np.divide(np.bincount(member, weights=log, minlength=size), count, out=np.zeros(size), where=seen)
    groups, n = int(seen.sum()), float(count.sum())
    free = max(n - groups, 1.0)
    within2 = (
        max(float(((log - mean[member]) ** 2).sum()) / free, 1e-6)
        if n > groups
        else max(float(log.var()), 1e-6)
    )
    between_mean = float((count * (mean - log.mean()) ** 2)[seen].sum()) / max(groups - 1, 1)
    per_group = (n - float((count**2).sum()) / n) / max(groups - 1, 1)
    between2 = max(0.0, (between_mean - within2) / per_group)
    weight = np.where(seen, count / (count * between2 + within2), 0.0)
    level, slope = _line(score, mean, weight)
    between = float(np.sqrt(between2))
    correlation = (
        float(np.clip(slope / between, -_MOST_CORRELATION, _MOST_CORRELATION)) if between > 1e-6 else 0.0
    )
    if correlation == 0.0:
        level = float(weight @ mean / weight.sum())
    shrink = between2 * count / (between2 * count + within2)
    errors = (
        float(1 / np.sqrt(weight.sum())),
        float(1 / np.sqrt(2 * free)),
        float(1 / np.sqrt(2 * max(float((shrink**2).sum()), 1.0))) if between2 > 0 else 0.0,
    )
    raw = Baskets(
        level=level,
        within=float(np.sqrt(within2)),
        between=between,
        correlation=correlation,
        score=score,
        purchases=count,
        mean_log=np.where(seen, mean - level, 0.0),
        ratios=np.ones(1),
        scale=1.0,
        scale_error=0.0,
        errors=errors,
        correlation_error=_correlation_error(score, mean - level, count, weight, within2, between2, free) if correlation else 0.0,
        first_factor=first_factor,
        mean=float(value.mean()),
    )
    guess = raw.expected(score)[panel.member]
    scale = float(value.sum() / guess.sum())
    ratios = value / (scale * guess)
    residual = np.bincount(panel.member, weights=value - scale * guess, minlength=size)
    error = float(np.sqrt((residual**2).sum()) / value.sum())
    return replace(raw, ratios=ratios / ratios.mean(), scale=scale, scale_error=error)


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    total = weight.sum()
    x_mean, y_mean = float(weight @ x / total), float(weight @ y / total)
    bend = float(weight @ (x - x_mean) ** 2)
    slope = float(weight @ ((x - x_mean) * (y - y_mean))) / bend if bend > 1e-9 else 0.0
    return y_mean - slope * x_mean, slope


def _correlation_error(
    score: Floats, mean: Floats, count: Floats, weight: Floats, within2: float, between2: float, free: float
) -> float:
    """Standard error of slope over the spread between members: root of the sum of squared influences (infinitesimal jackknife;
    Jaeckel 1972, Efron 1982, ch. 6).

    It is no plain correlation, whose error would be (1 - correlation^2) / sqrt(n): members' medians are seen through few
    purchases, and their rates through their history. `mean` is over the level. A member moves the slope by the product of the
    weight, the score and the residual, the variance between members by what the member's squared mean has beyond its
    expectation; the variance within members adds its own error, 2 within^4 / `free`.
    """
    between, total = np.sqrt(between2), count.sum()
    apart = score - float(weight @ score / weight.sum())
    bend = float(weight @ apart**2)
    slope = float(weight @ (apart * mean)) / bend
    of_slope = weight * apart * (mean - slope * score) / bend
    size = total - float(count @ count) / total
    centred = mean - float(count @ mean) / total
    of_between2 = (count * centred**2 - count * between2 - within2) * (count > 0) / size
    half = slope / between / (2 * between2)
    own = half * float((count > 0).sum()) / size * within2 * np.sqrt(2 / free)
    return float(np.hypot(np.sqrt(float(((of_slope / between - half * of_between2) ** 2).sum())), own))


def _first_factor(panel: Panel, later: NDArray[np.bool_]) -> float:
    size = panel.members
    times = np.bincount(panel.member[later], minlength=size)
    mean = np.bincount(panel.member[later], weights=panel.value[later], minlength=size) / np.maximum(times, 1)
    firsts = np.bincount(panel.member[~later], weights=panel.value[~later], minlength=size)
    both = (times > 0) & (np.bincount(panel.member[~later], minlength=size) > 0)
    if both.sum() < _LEAST_TO_COMPARE or mean[both].sum() <= 0 or firsts[both].sum() <= 0:
        return 1.0
    ratio = float(np.clip(firsts[both].sum() / mean[both].sum(), 0.2, 5.0))
    error = float(np.sqrt(((firsts - ratio * mean)[both] ** 2).sum()) / firsts[both].sum())
    effect = float(np.log(ratio))
    return float(np.exp(effect * max(0.0, 1 - error**2 / max(effect**2, 1e-30))))
