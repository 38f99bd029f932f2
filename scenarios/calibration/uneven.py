"""Likelihood of purchase histories whose gaps are uneven at the member's own pace: what may pass for lapsing and returning.

As BG/NBD from the first purchase on, but some gaps, by one chance for all, are slow: drawn at the same share of each member's
own rate (a hyperexponential gap; a tenth of the rate at the least). A lapsed member who returns is away for days, whatever their
rate; an uneven buyer pauses for so many of their own gaps. The engine has no such members: the model is never chosen, it says how
much of the likelihood that returns seem to raise is told by uneven gaps alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit

from scenarios.calibration.candidates import Fit
from scenarios.calibration.returns import day_nodes, rate_grid, rate_weights, weights_between
from sim.typing import Floats

_BEGIN = (-1.5, -1.5)
_LOW = np.array([-14.0, -5.0, -7.0, -7.0, -6.0, np.log(0.1)])
_HIGH = np.array([3.0, 5.0, 9.0, 9.0, 6.0, 0.0])


def uneven_gain(fit: Fit) -> float:
    """Log-likelihood gained over `fit`, a BG/NBD from the first purchase on, by gaps of two paces; 0 where none does better."""
    value, members = log_likelihood_of(fit), len(fit.data.row)

    def loss(theta: Floats) -> float:
        kept = np.clip(theta, _LOW, _HIGH)
        return -value(kept) / members + float(((theta - kept) ** 2).sum())

    found = minimize(loss, np.append(fit.theta, _BEGIN), method="BFGS", options={"gtol": 5e-5, "maxiter": 100})
    return max(0.0, value(np.clip(found.x, _LOW, _HIGH)) - fit.log_likelihood)


def log_likelihood_of(fit: Fit) -> Callable[[Floats], float]:
    """Log-likelihood of the members of `fit`, in days, as a function of its parameters (logs of rate a day, shape, a and b), the
    log odds of a slow gap and the log of its pace beside the member's rate.
    """
    data, seen = fit.data, fit.seen
    elapsed = fit.clock.elapsed(data.days - 1)
    length = elapsed[seen.late] - elapsed[seen.early]
    gaps, last = data.gaps[data.row], (data.age - data.recency)[data.row]
    nodes = day_nodes(max(float(last.max()), float(length.max(initial=1.0))))
    full = weights_between(nodes, length, seen.whose, len(gaps))
    ended = weights_between(nodes, last, np.arange(len(gaps)), len(gaps))
    log_rate = rate_grid(float(gaps.max()), float(data.age.max()))
    active, passed = np.outer(gaps, log_rate), np.outer(nodes, np.exp(log_rate))
    between = np.outer(np.maximum(nodes - data.half, nodes / 2), np.exp(log_rate))
    left = gaps > 0

    def value(theta: Floats) -> float:
        a, b = np.exp(theta[2:4])
        slow, log_pace = expit(theta[4]), theta[5]
        gap, silence = (
            np.logaddexp(np.log(slow) + log_density - np.exp(log_pace) * time, np.log1p(-slow) - time)
            for time, log_density in ((between, log_pace), (passed, 0.0))
        )
        bought = active + full @ gap + rate_weights(theta, log_rate)
        stays = betaln(a, b + gaps)[:, None] + ended @ silence
        leaves = np.where(left, betaln(a + 1, b + gaps - left), -np.inf)[:, None]
        log = bought + np.logaddexp(stays, leaves) - betaln(a, b)
        most = log.max(axis=1)
        return float((most + np.log(np.exp(log - most[:, None]).sum(axis=1))).sum()) + data.log_weights

    return value
