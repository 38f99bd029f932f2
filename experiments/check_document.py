"""The outcome of a check as a JSON document."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from experiments.documents import Document
from experiments.records import Fact, Record


class Comparison(Record):
    """One live effect beside its prediction. Effects are in the metric's unit, or relative to the control."""

    metric: str
    arm: str
    control: str
    segment: str | None
    week: int | None
    unit: str
    scale: Literal["absolute", "relative"] = "absolute"
    observed: float
    observed_se: float
    predicted: float
    predicted_sd: float
    """spread of the draws"""
    predicted_80: tuple[float, float]
    """central 80 % of what an experiment like this one would show if the simulation is right"""
    interval: tuple[float, float]
    """the same at level 1 - alpha"""
    band: tuple[float, float] | None = None
    """the same for all rows of its group at once"""
    outside_band: bool | None = None
    difference: float
    """observed - predicted"""
    difference_se: float
    parameters_sd: float
    """the part of `difference_se` that more members would not remove"""
    df: float | None = None
    """degrees of freedom of `difference_se`; none = normal"""
    p_difference: float
    monte_carlo_p: float
    pit: float
    crps: float
    """fair continuous ranked probability score"""
    skill_no_effect: float
    """1 - crps / crps of a forecast of no effect"""
    skill_history: float | None = None
    """1 - crps / crps of the effects of earlier experiments; none = fewer than 5 of them"""
    margin: float | None = None
    p_equivalence: float | None = None
    verdict: Literal["confirmed", "refuted", "different but trivial", "inconclusive"] | None = None
    """none where the plan states no margin, and for weeks"""
    direction: str
    smallest_margin: float
    detectable_bias: float
    members: int
    members_to_confirm: int | None = None
    members_to_refute: int | None = None
    sentence: str


class JointComparison(Record):
    """All rows of a group at once: everything, the segments of a variable, or the weeks of the window."""

    group: str
    method: Literal["hotelling", "bonferroni"]
    rows: int
    rank: int
    statistic: float
    df1: float
    df2: float | None = None
    """none = infinite"""
    p: float
    energy: float
    energy_skill: float
    sentence: str


class Check(Document):
    """The outcome of one check."""

    kind_name: ClassVar[str] = "check"
    kind: Literal["check"] = "check"
    experiment: str
    prediction_digest: str
    readout_digest: str
    made_after_start: bool
    alpha: float
    rows: list[Comparison]
    joint: list[JointComparison]
    answer: str
    """the outcome in one or two sentences"""
    refused: list[str] = Field(default=[])
    caveats: list[str] = Field(default=[])
    provenance: dict[str, Fact] = Field(default={})

    @property
    def overall(self) -> list[Comparison]:
        """The rows about everybody and the whole window."""
        return [row for row in self.rows if row.segment is None and row.week is None]
