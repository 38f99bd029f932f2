"""Budget at risk: by how much, how likely and how soon costs overrun their budget, from simulated months."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scenarios.quantiles import prediction_quantile
from sim.errors import InputError
from sim.typing import Floats


@dataclass(frozen=True)
class BudgetAtRisk:
    """Money in the unit of the costs given; months counted from 0."""

    plan: Floats
    """(months,) budget of each month"""
    spread: bool
    """whether the plan is one number spread over the months"""
    expected: float
    """mean of the total cost over replications"""
    at_risk: float
    """quantile `level` of the total cost, less the budget; negative: so much is left even then"""
    level: float
    overrun: Floats
    """(months,) probability that cumulative cost exceeds cumulative budget at month end"""
    exhausted: Floats
    """(months,) probability that the whole budget is spent by month end and more"""
    early_warning: int | None
    """first month at whose end the probability of an overrun is at least `alarm`; None: never"""
    alarm: float
    peak: int
    """month of the highest mean cost"""

    @property
    def budget(self) -> float:
        """Of all months."""
        return float(self.plan.cumsum()[-1])

    @property
    def ahead_until(self) -> int | None:
        """Last month at whose end the probability of an overrun is at least `alarm`; None: never."""
        warned = np.flatnonzero(self.overrun >= self.alarm)
        return int(warned[-1]) if len(warned) else None

    @property
    def probability(self) -> float:
        """That the total cost exceeds the whole budget."""
        return float(self.overrun[-1])


def budget_at_risk(
    costs: ArrayLike, budget: ArrayLike, *, fixed: ArrayLike | None = None, level: float = 0.95, alarm: float = 0.2
) -> BudgetAtRisk:
    """Compare simulated costs with a budget.

    costs: (replications, months); budget: (months,), or one number for the whole; fixed: (months,) the part of the costs that is
    known beforehand, default none: one number covers it in its months, and the rest is spread evenly, so that set-up cost is no
    overrun; where it is less than the fixed cost it is spread as that is. level: of the quantile (scenarios.quantiles); alarm:
    probability. Raises InputError for shapes that do not fit, numbers not finite, or a level or alarm outside 0 to 1.
    """
    amounts = np.asarray(costs, np.float64)
    if amounts.ndim != 2 or not amounts.size or not np.isfinite(amounts).all():
        raise InputError("costs must be finite numbers of shape (replications, months)")
    months = amounts.shape[1]
    plan = np.asarray(budget, np.float64)
    spread = plan.ndim == 0
    if spread:
        known = np.zeros(months) if fixed is None else np.asarray(fixed, np.float64)
        rest = float(plan - known.sum())
        plan = known + rest / months if rest >= 0 else known * (float(plan) / known.sum())
    if plan.shape != (months,) or not np.isfinite(plan).all():
        raise InputError(f"the budget has shape {plan.shape}; for these costs it is one number or {months} monthly numbers")
    if not (0 < level < 1 and 0 < alarm <= 1):
        raise InputError(f"level {level:g} and alarm {alarm:g} must be probabilities above 0, the level below 1")
    spent, allowed = amounts.cumsum(axis=1), plan.cumsum()
    whole = float(allowed[-1])
    slack = 1e-9 * np.maximum(np.abs(allowed), 1e-300)  # a sum of floats may pass its own total in the last digit
    overrun = (spent > allowed + slack).mean(axis=0)
    warned = np.flatnonzero(overrun >= alarm)
    return BudgetAtRisk(
        plan=plan,
        spread=spread,
        expected=float(spent[:, -1].mean()),
        at_risk=float(prediction_quantile(spent[:, -1], level)) - whole,
        level=level,
        overrun=overrun,
        exhausted=(spent > whole + slack[-1]).mean(axis=0),
        early_warning=int(warned[0]) if len(warned) else None,
        alarm=alarm,
        peak=int(amounts.mean(axis=0).argmax()),
    )
