"""The level that one look of a plan may use, and p-values that count all looks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize, special

from experiments.plan_file import Plan
from experiments.sequential import anytime_factor, anytime_p, boundary, spending_bound
from sim.errors import InputError

_LEAST = 1e-15


@dataclass(frozen=True)
class Look:
    """One look at the data: number `at` of `planned`, at `fraction` of the information."""

    plan: Plan
    at: int
    """1 is the first"""
    units: float
    """randomised units so far"""
    information: tuple[float, ...] = ()
    """share of the planned information at each look up to this one, as it came out; empty = as planned"""

    @property
    def fraction(self) -> float:
        """Share of the planned information."""
        return self.information[-1] if self.information else self.plan.fractions[self.at - 1]

    @property
    def last(self) -> bool:
        """Whether nothing is planned after it."""
        return self.at == len(self.plan.looks)

    def level(self, alpha: float | None = None) -> float:
        """Two-sided level of this look alone when all looks together have `alpha` (the plan's)."""
        alpha = self.plan.alpha if alpha is None else alpha
        method = self.plan.sequential
        if method == "fixed":
            return alpha
        if method == "anytime":
            bound = anytime_factor(self.units, float(self.plan.expected_units or 0), alpha)
        elif self.information:
            bound = spending_bound(method, self.information, alpha, self.last)
        else:
            bound = float(boundary(method, self.plan.fractions, alpha)[self.at - 1])
        return max(float(2 * special.ndtr(-bound)), _LEAST)

    def p(self, nominal: float) -> float:
        """The p-value with all looks counted: the least alpha at which `nominal` would be enough.

        Group-sequential p-values above .5 are given as 1.
        """
        method = self.plan.sequential
        if method == "fixed":
            return nominal
        if method == "anytime":
            z = -float(special.ndtri(max(nominal, 1e-300) / 2))
            return anytime_p(z, self.units, float(self.plan.expected_units or 0), self.plan.alpha)
        low, high = 1e-10, 0.5
        if nominal >= self.level(high):
            return 1.0
        if nominal <= self.level(low):
            return low
        return float(
            optimize.brentq(lambda alpha: self.level(alpha) - nominal, low, high, xtol=1e-9, rtol=1e-7)
        )


def look_of(plan: Plan, look: int | None, units: float, information: Sequence[float] = ()) -> Look:
    """Look number `look` (none: the last planned) with `units` randomised units.

    information: the share of the planned information at this look and each before it, where they came out
    otherwise than planned. Raises InputError for a look that is not planned, and for shares that do not fit.
    """
    at = len(plan.looks) if look is None else look
    if not 1 <= at <= len(plan.looks):
        raise InputError(f"look {at} is not planned; the plan has looks 1 to {len(plan.looks)}")
    if information:
        if not plan.sequential.startswith("lan-demets"):
            raise InputError(
                f"sequential is {plan.sequential}: its looks hold as planned; only lan-demets-obrien-fleming and "
                "lan-demets-pocock take the information that came in"
            )
        if len(information) != at:
            raise InputError(f"look {at} needs {at} shares of information, one for each look so far; found {len(information)}")
        if any(not a < b for a, b in itertools.pairwise((0.0, *information, math.inf))):
            raise InputError(f"information: found {', '.join(f'{x:g}' for x in information)}; must be positive and increase")
    return Look(plan, at, units, tuple(information))
