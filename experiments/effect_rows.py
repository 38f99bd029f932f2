"""Effects of the arms of a plan as rows of a read-out, overall or in a part of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.arm_means import ArmMeans
from experiments.estimators import Effect, Target, effect, levels
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.records import Estimate


@dataclass(frozen=True)
class EffectRows:
    """What every row of one read-out shares."""

    plan: Plan
    level: float
    """1 - coverage of the intervals at this look"""

    def effects(self, means: ArmMeans, target: Target) -> list[Effect]:
        """Effect of each treatment against the control, in the plan's order. Raises Undefined where there is none."""
        of, arms = levels(means, target), list(self.plan.arms)
        control = arms.index(self.plan.control)
        return [effect(means, of, arms.index(arm), control, self.level) for arm in self.plan.treatments]

    def row(
        self,
        metric: Metric,
        arm: str,
        one: Effect,
        means: ArmMeans,
        relative: bool,
        segment: str | None = None,
        week: int | None = None,
    ) -> Estimate:
        """`one` as a row; means: those it comes from; relative: on the scale relative to the control."""
        value, se, low, high = one.effect, one.se, one.low, one.high
        if relative:
            assert one.relative is not None and one.relative_se is not None
            assert one.relative_low is not None and one.relative_high is not None
            value, se, low, high = one.relative, one.relative_se, one.relative_low, one.relative_high
        arms = list(self.plan.arms)
        return Estimate(
            metric=metric.name,
            arm=arm,
            control=self.plan.control,
            segment=segment,
            week=week,
            effect=value,
            se=se,
            n={name: int(means.members[arms.index(name)]) for name in (arm, self.plan.control)},
            scale="relative" if relative else "absolute",
            unit="" if relative else metric.unit,
            low=_finite(low),
            high=_finite(high),
            df=_finite(one.df),
            p=min(one.p, 1.0),
            base=one.base,
            relative=_finite(one.relative),
            relative_low=_finite(one.relative_low),
            relative_high=_finite(one.relative_high),
        )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
