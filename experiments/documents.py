"""The JSON documents that the steps of an experiment hand to each other, sealed by a digest."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from experiments.document_checks import check_covariance, check_facts, check_keys, check_rows
from experiments.records import Decision, Error, Estimand, Estimate, Fact, Finite, Gate, Record, Size
from scenarios.digest import digest_of
from sim.typing import Floats


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
