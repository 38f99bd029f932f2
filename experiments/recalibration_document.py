"""The posterior after one experiment as a JSON document."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from experiments.documents import Document
from experiments.records import Fact, Record


class Belief(Record):
    """A quantity before or after the result: mean, standard deviation and central 90 %."""

    mean: float
    sd: float
    low: float
    high: float


class ParameterMove(Record):
    """One parameter before and after, on its own scale."""

    name: str
    before: Belief
    after: Belief
    shift: float
    """change of the mean, in standard deviations before"""
    monte_carlo_error: float
    """standard error of the mean after, from the finite number of draws"""
    moved: bool
    """whether mean or spread changed beyond Monte-Carlo error; the others stay as they were"""
    log_mean: float | None = None
    """mean of the natural log after; none where some draw is not positive"""
    log_sd: float | None = None


class EffectMove(Record):
    """One effect that the simulation implies, free of sampling noise, before and after."""

    metric: str
    arm: str
    unit: str
    scale: Literal["absolute", "relative"] = "absolute"
    observed: float
    observed_se: float
    before: Belief
    after: Belief


class Option(Record):
    """One arm in the launch decision; the control is worth 0."""

    arm: str
    before: Belief
    after: Belief
    best_before: float
    """probability that it is worth most"""
    best_after: float


class LaunchDecision(Record):
    """How the result changed which arm to launch."""

    value: str
    """what is compared"""
    options: list[Option]
    choice_before: str
    choice_after: str
    changed: bool
    sentence: str


class Recalibration(Document):
    """The posterior of the parameters after one experiment."""

    kind_name: ClassVar[str] = "recalibration"
    kind: Literal["recalibration"] = "recalibration"
    experiment: str
    prediction_digest: str
    readout_digest: str
    draws: int
    effective_draws: float
    parameters: list[ParameterMove]
    covariance: list[list[float]]
    """covariance of the parameters after, own scale, in the order of `parameters`"""
    log_names: list[str]
    """the parameters of which every draw is positive"""
    log_covariance: list[list[float]]
    """covariance of their natural logs after"""
    effects: list[EffectMove]
    decision: LaunchDecision
    weights: list[float]
    """of the draws of the prediction, adding to 1: reweights anything else that was simulated with them"""
    caveats: list[str] = Field(default=[])
    provenance: dict[str, Fact] = Field(default={})
