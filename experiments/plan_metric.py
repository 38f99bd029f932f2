"""A metric in EXPERIMENT.yaml: what it measures, how it is estimated, and what is expected of it before the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiments.records import Record

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class Planning(Record):
    """What is expected of a metric before the test, for its size; in the metric's unit."""

    baseline: Annotated[float, Field(allow_inf_nan=False)]
    """level of the control arm; for a proportion the share"""
    sd: Positive | None = None
    """standard deviation over members; for a ratio, of (y - R x) / mean x; a proportion needs none"""
    minimum_effect: Positive
    """smallest effect worth finding, absolute"""
    covariate_correlation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """correlation of the metric with its covariates; variance falls by its square"""
    icc: Annotated[float, Field(ge=0, le=1)] = 0.0
    """intraclass correlation within a cluster"""


class Metric(Record):
    """One metric, how it is estimated, and what is concluded from it."""

    name: Name
    role: Literal["primary", "guardrail", "secondary"]
    kind: Literal["mean", "proportion", "ratio", "quantile"] = "mean"
    column: Name
    """column of the live data: the value; for a ratio the numerator"""
    denominator: Name | None = None
    """ratio: column of the denominator; the metric is sum of column / sum of denominator"""
    quantile: Share | None = None
    """quantile: which one, .5 = median"""
    events: Literal["sum", "count", "any"] = "sum"
    """event tables: the member's value is the sum of `column`, the number of events, or 1 if any"""
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    scale: Literal["absolute", "relative"] = "absolute"
    """scale of the effect and of all margins: a difference, or a difference / |level of the control|"""
    measure: str | None = None
    """name of the simulation's measure of the same quantity; none = the metric's name"""
    simulation_margin: Positive | None = None
    """the simulation counts as right where it is within this margin of the live effect"""
    noninferiority_margin: Positive | None = None
    """guardrail: the loss that is still acceptable"""
    equivalence_margin: Positive | None = None
    """an effect within +- this margin does not matter"""
    covariates: list[str] = Field(default=[])
    """pre-period columns; event tables offer `pre_` + column; missing values are imputed with an indicator"""
    adjustment: Literal["none", "cuped", "lin"] = "none"
    """how the covariates are used: one coefficient for all arms, or one an arm (Lin 2013)"""
    winsor: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=2, max_length=2)] | None = (
        None
    )
    """quantiles of all arms together at which values are cut off below and above; .0 and 1. cut nothing"""
    caps: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """values at which the metric is cut off below and above, instead of quantiles"""
    missing: Literal["refuse", "zero"] = "refuse"
    """an empty value of the metric is an error, or counts as zero"""
    weekly: Name | None = None
    """member tables: columns by week, with {week} for its number, such as spend_w{week}"""
    weekly_denominator: Name | None = None
    """the same for the denominator of a ratio"""
    planning: Planning | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Metric:
        name = self.name
        if not name.isprintable():
            raise ValueError(f"metric {name!r}: a name is one line of printable characters")
        if (self.kind == "ratio") != (self.denominator is not None):
            raise ValueError(f"metric {name}: a ratio, and only a ratio, needs a denominator")
        if (self.kind == "quantile") != (self.quantile is not None):
            raise ValueError(f"metric {name}: kind quantile, and only it, needs the key quantile")
        if self.role == "guardrail" and self.noninferiority_margin is None:
            raise ValueError(f"metric {name}: a guardrail needs a noninferiority_margin")
        if (self.adjustment == "none") == bool(self.covariates):
            raise ValueError(f"metric {name}: covariates and adjustment (cuped or lin) go together")
        own = {self.column, self.denominator} & set(self.covariates)
        if own:
            raise ValueError(f"metric {name}: {own.pop()} is what it measures; a covariate is known before")
        if self.kind == "quantile" and (self.covariates or self.weekly):
            raise ValueError(f"metric {name}: a quantile takes no covariates and no weekly columns")
        if self.kind == "proportion" and self.planning is not None:
            before = self.planning.baseline
            after = before + self.planning.minimum_effect * (1 if self.better == "higher" else -1)
            if not 0 < before < 1:
                raise ValueError(f"metric {name}: planning.baseline is {before:g}; a proportion lies between 0 and 1")
            if self.role != "guardrail" and not 0 <= after <= 1:
                raise ValueError(f"metric {name}: baseline and minimum_effect make {after:g}; a proportion lies between 0 and 1")
        if self.kind == "proportion" and (self.winsor or self.caps):
            raise ValueError(f"metric {name}: a proportion cannot be cut off; remove winsor or caps")
        if self.winsor and self.caps:
            raise ValueError(f"metric {name}: give either winsor or caps")
        for key, pair in (("winsor", self.winsor), ("caps", self.caps)):
            if pair and not pair[0] < pair[1]:
                raise ValueError(f"metric {name}: {key} is {pair}; the first must be below the second")
        for key, pattern in (("weekly", self.weekly), ("weekly_denominator", self.weekly_denominator)):
            if pattern and "{week}" not in pattern:
                raise ValueError(f"metric {name}: {key} is {pattern!r}; it needs {{week}} for the number")
        if self.weekly and (self.kind == "ratio") != (self.weekly_denominator is not None):
            raise ValueError(
                f"metric {name}: weekly_denominator goes with weekly for a ratio, and only there"
            )
        return self

    @property
    def capping(self) -> str:
        """How values are cut off, in words, for the estimand."""
        if self.winsor:
            return f"winsorised at quantiles {self.winsor[0]:g} and {self.winsor[1]:g} of all arms"
        return f"cut off at {self.caps[0]:g} and {self.caps[1]:g}" if self.caps else "none"

    @property
    def aim(self) -> float:
        """The difference that is planned for, absolute: the smallest worth finding, or a guardrail's margin."""
        assert self.planning is not None
        if self.role != "guardrail" or self.noninferiority_margin is None:
            return self.planning.minimum_effect
        return self.noninferiority_margin * (abs(self.planning.baseline) if self.scale == "relative" else 1.0)


def check_known_before(metrics: Sequence[Metric], weeks: int, labels: Mapping[str, str]) -> None:
    """Raise ValueError where a covariate or label is what a metric measures in the window; labels: column -> what for."""
    measured: dict[str, str] = {}
    for metric in metrics:
        patterns = [metric.column, metric.denominator, metric.weekly, metric.weekly_denominator]
        for column in (pattern.replace("{week}", str(week)) for pattern in patterns if pattern for week in range(1, weeks + 1)):
            measured.setdefault(column, metric.name)
    wanted = [(column, f"covariate of metric {metric.name}") for metric in metrics for column in metric.covariates]
    for column, use in [*wanted, *labels.items()]:
        if column in measured:
            raise ValueError(
                f"{column} ({use}) is what metric {measured[column]} measures in the window; it must be known before the start"
            )
