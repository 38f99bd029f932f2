"""Looking more than once: group-sequential boundaries and anytime-valid intervals.

Boundaries come from the exact joint distribution of the standardised statistics at the looks, by recursive
numerical integration (Armitage, McPherson, Rowe 1969; Jennison, Turnbull 2000, ch. 19). Increments of the
score S_k = Z_k sqrt(t_k) are independent normal with variance t_k - t_{k-1} and mean drift x (t_k -
t_{k-1}).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from scipy import optimize, special

from sim.typing import Floats

Boundary = Literal["obrien-fleming", "pocock", "lan-demets-obrien-fleming", "lan-demets-pocock"]

_REACH = 9.0
_NODES_PER_STEP = 8.0


def crossing_probabilities(
    bounds: Sequence[float] | Floats, fractions: Sequence[float] | Floats, drift: float = 0.0
) -> Floats:
    """Probability that |Z| first reaches its bound at each look.

    bounds: K two-sided bounds on Z (inf: no stopping at that look); fractions: K increasing shares of the
    information, the last need not be 1; drift: mean of Z at information 1. Returns K probabilities; their
    sum is the error (drift 0) or the power.
    """
    times = _times(fractions)
    if len(bounds) != len(times):
        raise ValueError(f"{len(bounds)} bounds for {len(times)} looks")
    walk = _Walk(times, drift)
    return np.array([walk.step(bound, time) for bound, time in zip(bounds, times, strict=True)])


def boundary(method: Boundary, fractions: Sequence[float] | Floats, alpha: float = 0.05) -> Floats:
    """Two-sided bounds on Z at the looks, with error `alpha` over all of them.

    `obrien-fleming`: c / sqrt(t_k / t_K) (O'Brien, Fleming 1979); `pocock`: the same bound at each look
    (Pocock 1977); `lan-demets-...`: by an error-spending function of t, which must not exceed 1 (Lan, DeMets
    1983).
    """
    return np.array(_boundary(method, tuple(float(t) for t in fractions), alpha))


def spent(method: Boundary, fraction: float, alpha: float = 0.05) -> float:
    """Error that a Lan-DeMets spending function has spent at `fraction` of the information.

    O'Brien-Fleming type 2 - 2 Phi(z_{alpha/2} / sqrt t), each tail with alpha / 2 taken separately (4 - 4
    Phi of z_{alpha/4}); Pocock type alpha ln(1 + (e - 1) t).
    """
    t = min(fraction, 1.0)
    if t <= 0:
        return 0.0
    if method == "lan-demets-pocock":
        return alpha * math.log1p((math.e - 1) * t)
    return float(4 * special.ndtr(special.ndtri(alpha / 4) / math.sqrt(t)))


def inflation(
    method: Boundary, fractions: Sequence[float] | Floats, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Factor on the fixed-horizon sample size that gives `power` at the last look (Jennison, Turnbull
    2000)."""
    times = _times(fractions)
    bounds = boundary(method, times, alpha)
    fixed = float(special.ndtri(1 - alpha / 2) + special.ndtri(power))

    def lack(drift: float) -> float:
        return float(crossing_probabilities(bounds, times, drift).sum()) - power

    return float(optimize.brentq(lack, 0.5 * fixed, 3 * fixed, xtol=1e-8) / fixed) ** 2


def anytime_factor(n: float, planned: float, alpha: float = 0.05) -> float:
    """Half-width of an asymptotic confidence sequence, in standard errors, after `n` of `planned` units.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024, Annals of Statistics 52, eq. 1.4 and appendix B): with
    r = n rho^2, sqrt(2 (r + 1) / r log(sqrt(r + 1) / alpha)); rho makes it tightest at `planned`. It may be
    looked at after every unit. Valid for large n.
    """
    r = n * _rho2(planned, alpha)
    return math.sqrt(2 * (r + 1) / r * math.log(math.sqrt(r + 1) / alpha))


def anytime_p(z: float, n: float, planned: float, alpha: float = 0.05) -> float:
    """p-value that may be looked at after every unit: the level at which the confidence sequence just
    touches 0."""
    r = n * _rho2(planned, alpha)
    return float(min(1.0, math.sqrt(r + 1) * math.exp(-0.5 * z * z * r / (r + 1))))


def _rho2(planned: float, alpha: float) -> float:
    return float((-special.lambertw(-(alpha**2) / math.e, -1).real - 1) / planned)


@cache
def _boundary(method: Boundary, fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    times = _times(fractions)
    if method in ("obrien-fleming", "pocock"):
        shape = np.sqrt(times[-1] / times) if method == "obrien-fleming" else np.ones(len(times))

        def excess(constant: float) -> float:
            return float(crossing_probabilities(constant * shape, times).sum()) - alpha

        least = float(special.ndtri(1 - alpha / 2))
        constant = least if len(times) == 1 else optimize.brentq(excess, 0.99 * least, least + 3, xtol=1e-10)
        return tuple(float(bound) for bound in constant * shape)
    if times[-1] > 1 + 1e-9:
        raise ValueError(f"the information is {times[-1]:g} of what was planned; spending ends at 1")
    walk = _Walk(times)
    bounds: list[float] = []
    before = 0.0
    for time in times:
        upto = spent(method, float(time), alpha)
        bounds.append(walk.solve(upto - before, float(time)))
        before = upto
    return tuple(bounds)


def spending_bound(
    method: Boundary, information: Sequence[float] | Floats, alpha: float = 0.05, last: bool = False
) -> float:
    """The two-sided bound on Z at the newest of the looks that came at `information` (shares of what was planned).

    Only for lan-demets-...: the error to be spent depends on the information alone, not on how many looks were
    planned, so that looks may come earlier or later than planned. last: no look follows, all that is left of
    alpha is spent, whatever the information (Lan, DeMets 1983; DeMets, Lan 1994).
    """
    if not method.startswith("lan-demets"):
        raise ValueError(f"{method} knows no other looks than those planned")
    times = _times(information)
    walk = _Walk(times)
    before, bound = 0.0, math.inf
    for number, time in enumerate(times.tolist(), start=1):
        upto = alpha if last and number == len(times) else spent(method, time, alpha)
        # what is left may be nothing, where an earlier look already had all the information
        bound = walk.solve(max(upto - before, 0.0), time)
        before = upto
    return bound


class _Walk:
    """The density of the score among the experiments that have not stopped yet, on Gauss-Legendre nodes."""

    def __init__(self, times: Floats, drift: float = 0.0) -> None:
        self.drift = drift
        self.finest = math.sqrt(float(np.diff(times, prepend=0.0).min()))
        self.time = 0.0
        self.nodes: Floats = np.zeros(1)
        self.mass: Floats = np.ones(1)

    def crossing(self, bound: float, time: float) -> float:
        """Probability to reach the bound at `time`, not having stopped before."""
        sd = math.sqrt(time - self.time)
        mean = self.nodes + self.drift * (time - self.time)
        limit = bound * math.sqrt(time)
        return float(self.mass @ (special.ndtr((-limit - mean) / sd) + special.ndtr((mean - limit) / sd)))

    def step(self, bound: float, time: float) -> float:
        """The same, and move on to `time`."""
        crossed = self.crossing(bound, time)
        sd = math.sqrt(time - self.time)
        reach = _REACH * math.sqrt(time) + abs(self.drift) * time
        limit = min(bound * math.sqrt(time), reach)
        x, weight = _legendre(int(min(2000, max(120, _NODES_PER_STEP * limit / self.finest))))
        nodes = limit * x
        mean = self.nodes + self.drift * (time - self.time)
        density = (
            np.exp(-0.5 * ((nodes[:, None] - mean) / sd) ** 2) @ self.mass / (sd * math.sqrt(2 * math.pi))
        )
        self.nodes, self.mass, self.time = nodes, density * weight * limit, time
        return crossed

    def solve(self, probability: float, time: float) -> float:
        """The bound that is reached at `time` with `probability`, and move on."""

        def excess(bound: float) -> float:
            return math.log(max(self.crossing(bound, time), 1e-320) / probability)

        bound = math.inf if probability < 1e-300 else float(optimize.brentq(excess, 0.0, 38.0, xtol=1e-10))
        self.step(bound, time)
        return bound


@cache
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    x, weight = np.polynomial.legendre.leggauss(nodes)
    return np.asarray(x), np.asarray(weight)


def _times(fractions: Sequence[float] | Floats) -> Floats:
    times = np.asarray(fractions, dtype=float)
    if times.ndim != 1 or not len(times) or times[0] <= 0 or np.any(np.diff(times) <= 0):
        raise ValueError(f"the looks are {list(fractions)}; they must be positive and increase")
    return times
