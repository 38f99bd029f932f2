"""The JSON documents that the steps of an experiment hand to each other, sealed by a digest."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from experiments.document_checks import check_covariance, check_facts, check_keys, check_rows
from experiments.hand_made import UNSTATED as UNSTATED
from scenarios.digest import digest_of
from sim.part import Part
from sim.typing import Floats

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


class ParameterDraws(Record):
    """Parameters behind each simulated experiment: M draws of P named parameters."""

    names: list[str]
    values: list[list[Finite]]
    """M rows of P numbers, in the order of `names`"""

    @model_validator(mode="after")
    def _shaped(self) -> ParameterDraws:
        for name in self.names:
            if self.names.count(name) > 1:
                raise ValueError(f"parameter_draws.names has {name!r} twice; each parameter must occur once")
        check_rows(self.values, len(self.names), "parameter_draws.values", "names")
        return self


class Document(Record):
    """Base of the documents: kind, version of the format, digest. `kind_name` is what `kind` must say."""

    kind_name: ClassVar[str] = ""
    version: Literal[1] = 1
    """version of this format"""
    digest: str | None = None
    """sha256 over the canonical JSON of everything else; none = hand-made, not sealed"""

    def sealed(self) -> Self:
        """The same document with its digest set."""
        return self.model_copy(update={"digest": digest_of(self.model_dump(mode="json"))})

    def to_json(self) -> str:
        """The document as JSON text, sealed, keys in the order of the format."""
        return json.dumps(self.sealed().model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"


class Readout(Document):
    """The live result: effects, what they are effects on, gates and decisions."""

    kind_name: ClassVar[str] = "readout"
    kind: Literal["readout"] = "readout"
    experiment: str
    arms: Annotated[list[str], Field(min_length=2)]
    control: str
    estimands: Annotated[list[Estimand], Field(min_length=1)]
    """one a metric"""
    rows: Annotated[list[Estimate], Field(min_length=1)]
    covariance: list[list[Finite]] | None = None
    """covariance of the effects of the overall rows (no segment, no week), in the order of the rows"""
    gates: list[Gate] = []
    decisions: list[Decision] = []
    provenance: dict[str, Fact] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Readout:
        check_keys(self.rows, self.estimands, self.arms, self.control)
        if self.covariance is not None:
            overall = [row for row in self.rows if row.overall]
            check_rows(self.covariance, len(overall), "covariance", "overall rows", square=True)
            check_covariance(self.covariance, overall)
        return self

    @property
    def blocked(self) -> list[Gate]:
        """The failed gates that leave no verdict at all."""
        return [gate for gate in self.withheld if gate.metric is None]

    @property
    def withheld(self) -> list[Gate]:
        """The failed gates that leave no verdict, at all or on their metric."""
        return [gate for gate in self.gates if gate.blocks and not gate.passed]

    def covariance_of(self, rows: Sequence[int]) -> Floats | None:
        """(K, K) covariance of the effects of K overall rows, by their places in `rows`; None where none is stated."""
        if self.covariance is None:
            return None
        overall = [number for number, row in enumerate(self.rows) if row.overall]
        order = [overall.index(number) for number in rows]
        return np.array(self.covariance, dtype=float)[np.ix_(order, order)]

    def estimand(self, metric: str) -> Estimand:
        """The estimand of one metric; KeyError for another."""
        return _estimand(self.estimands, metric)


class Prediction(Document):
    """What the simulation said, frozen: draws of the effects that the live experiment will estimate."""

    kind_name: ClassVar[str] = "prediction"
    kind: Literal["prediction"] = "prediction"
    experiment: str
    frozen_at: dt.datetime
    """moment of freezing, with its offset from UTC"""
    made_after_start: bool
    """true: frozen after the first day of the window, so no forecast"""
    scenarios: dict[str, str]
    """scenario behind each arm: arm -> name"""
    control: str
    seed: int
    software: str
    """version of loyalsim that simulated it"""
    n: dict[str, Annotated[int, Field(ge=1)]]
    """live size, members an arm"""
    estimands: Annotated[list[Estimand], Field(min_length=1)]
    rows: Annotated[list[Estimate], Field(min_length=1)]
    """same keys as the read-out's rows; effect = mean of the draws, se = their spread"""
    draws: list[list[Size]]
    """M rows of K simulated effects, K in the order of `rows`; luck and parameters jointly"""
    includes_live_noise: bool
    """true: each draw is the estimate of one simulated experiment of the live size `n`, with its sampling
    noise; false: the effect itself, without the noise of an experiment"""
    luck_sd: list[Error] | None = None
    """K numbers, one a row: the part of the spread of its draws that luck alone makes, parameters held"""
    parameter_draws: ParameterDraws | None = None
    """the parameters behind each of the M draws"""
    provenance: dict[str, Fact] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Prediction:
        check_keys(self.rows, self.estimands, list(self.scenarios), self.control)
        check_rows(self.draws, len(self.rows), "draws", "rows")
        check_facts(self.provenance)
        if not self.draws:
            raise ValueError("draws is empty; at least one simulated experiment is needed")
        if self.luck_sd is not None and len(self.luck_sd) != len(self.rows):
            raise ValueError(
                f"luck_sd has {len(self.luck_sd)} numbers; it must have {len(self.rows)}, one a row"
            )
        if self.parameter_draws is not None and len(self.parameter_draws.values) != len(self.draws):
            raise ValueError(
                f"parameter_draws has {len(self.parameter_draws.values)} rows, draws has {len(self.draws)}; "
                "they must be as many"
            )
        if self.frozen_at.tzinfo is None:
            raise ValueError("frozen_at needs its offset from UTC, such as 2026-01-31T12:00:00+00:00")
        return self

    def estimand(self, metric: str) -> Estimand:
        """The estimand of one metric; KeyError for another."""
        return _estimand(self.estimands, metric)


def _estimand(estimands: list[Estimand], metric: str) -> Estimand:
    for estimand in estimands:
        if estimand.metric == metric:
            return estimand
    raise KeyError(metric)
