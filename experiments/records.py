"""What the documents of an experiment are made of: effects, what they are effects on, gates, decisions."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiments.hand_made import UNSTATED
from sim.part import Part

Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=-1e50, le=1e50)]
"""an effect: its fourth power, which the error of an error needs, is still a number"""
Error = Annotated[float, Field(ge=0, le=1e50)]
"""a standard error"""
Scale = Literal["absolute", "relative"]
Fact = str | int | float | bool | None


class Record(Part):
    """Base of every part of a document, as strict as a part of a scenario."""


class Estimate(Record):
    """One effect: `arm` less `control` on one metric; for everybody or a segment, the window or a week."""

    metric: str
    arm: str
    control: str
    segment: str | None = None
    """as `variable=value`; none = everybody"""
    week: Annotated[int, Field(ge=1)] | None = None
    """week of the window, from 1; none = the whole window"""
    effect: Size
    """in `unit`: a difference (absolute), or difference / |level of the control| (relative; .05 = +5 %)"""
    se: Error
    """standard error of `effect`, same unit"""
    n: dict[str, Annotated[int, Field(ge=1)]]
    """members behind the row, by arm"""
    scale: Scale = "absolute"
    unit: str = ""
    """unit of the effect, such as `currency units a member`"""
    low: Finite | None = None
    """lower end of the interval at the plan's level (repeated or anytime-valid where it is sequential)"""
    high: Finite | None = None
    """upper end of the same interval"""
    df: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """degrees of freedom of the t reference; none = normal"""
    p: Annotated[float, Field(ge=0, le=1)] | None = None
    """two-sided p-value of no effect, before any multiplicity adjustment"""
    base: Finite | None = None
    """level of the control arm, in the metric's unit"""
    relative: Finite | None = None
    """effect / |base|; none where refused because the base is within 3 standard errors of 0"""
    relative_low: Finite | None = None
    relative_high: Finite | None = None
    shrunk: Finite | None = None
    """segment rows: the effect drawn towards the mean of the segments (empirical Bayes)"""
    shrunk_se: NotNegative | None = None

    @property
    def key(self) -> tuple[str, str, str, str | None, int | None]:
        """(metric, arm, control, segment, week): the same in a prediction and a read-out."""
        return (self.metric, self.arm, self.control, self.segment, self.week)

    @property
    def overall(self) -> bool:
        """True for a row about everybody and the whole window."""
        return self.segment is None and self.week is None


class Estimand(Record):
    """What a metric's effect is an effect on; two documents can be compared only where these agree."""

    metric: str
    population: str
    window_start: dt.date
    """first day counted"""
    window_end: dt.date
    """last day counted"""
    capping: str = UNSTATED
    """`none`, or how values were winsorised"""
    estimator: str = UNSTATED
    """such as `difference in means` or `ratio of means`, with the adjustment"""
    scale: Scale = "absolute"

    @model_validator(mode="after")
    def _ordered(self) -> Estimand:
        if self.window_end < self.window_start:
            raise ValueError(f"window_end {self.window_end} is before window_start {self.window_start}")
        return self


class Gate(Record):
    """One check of the data that must hold before a verdict means anything."""

    name: str
    passed: bool
    blocks: bool = True
    """a failed gate that blocks leaves no verdict; the others are warnings"""
    metric: str | None = None
    """the one metric that it leaves without a verdict; none = all of them"""
    segment: str | None = None
    statistic: Finite | None = None
    p: Annotated[float, Field(ge=0, le=1)] | None = None
    threshold: Finite | None = None
    """the gate fails where `p` is below it"""
    sentence: str
    """what was found, for the reader"""

    @property
    def words(self) -> str:
        """Its name, and the metric or segment that it is about."""
        about = self.segment or self.metric
        return f"{self.name} of {about}" if about else self.name


class Decision(Record):
    """A verdict on one metric of one arm, or (metric none) on the arm as a whole."""

    metric: str | None = None
    arm: str
    verdict: str
    rule: str
    """the rule of the plan that led to it"""
    sentence: str
    p: Annotated[float, Field(ge=0, le=1)] | None = None
    """the p-value that the rule used, adjusted for multiplicity where the plan says so"""
