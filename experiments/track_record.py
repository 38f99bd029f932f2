"""The track record: every prediction that was frozen in time, beside what its experiment found."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from experiments.check_document import Check, Comparison
from experiments.documents import Document, Prediction, Readout
from experiments.records import Fact, Record
from experiments.scores import crps_gaussian
from sim.errors import InputError


class Entry(Record):
    """One effect on everybody: predicted, then observed. Effects are in the metric's unit."""

    experiment: str
    metric: str
    arm: str
    unit: str
    scale: Literal["absolute", "relative"]
    frozen_at: dt.datetime
    """moment the prediction was frozen"""
    known_from: dt.date
    """first day on which the result could be known: the day after the window"""
    made_after_start: bool
    """true: no forecast; listed, never scored"""
    primary: bool
    predicted: float
    predictive_sd: float
    """standard deviation of what the live experiment would show, its sampling noise included"""
    df: float | None
    """degrees of freedom of `predictive_sd`; none = normal"""
    observed: float
    observed_se: float
    pit: float
    crps: float
    crps_no_effect: float
    """score of the forecast that there is no effect"""
    verdict: str | None
    prediction_digest: str
    readout_digest: str

    @model_validator(mode="after")
    def _positive(self) -> Entry:
        if not self.predictive_sd > 0:
            raise ValueError(f"predictive_sd is {self.predictive_sd:g}; it must be above 0")
        if not 0 <= self.pit <= 1:
            raise ValueError(f"pit is {self.pit:g}; it must be between 0 and 1")
        return self


class TrackRecord(Document):
    """All entries, in the order in which the predictions were frozen."""

    kind_name: ClassVar[str] = "track_record"
    kind: Literal["track_record"] = "track_record"
    entries: list[Entry] = Field(default=[])
    provenance: dict[str, Fact] = Field(default={})

    @property
    def experiments(self) -> list[str]:
        """Names of the experiments, in the order of their predictions."""
        return list(dict.fromkeys(entry.experiment for entry in self.entries))

    def history(self, prediction: Prediction) -> dict[str, list[float]]:
        """Metric -> effects that were known when `prediction` was frozen, one an experiment, same scale."""
        scales = {estimand.metric: estimand.scale for estimand in prediction.estimands}
        out: dict[str, list[float]] = {}
        for entry in once_an_experiment(self.entries):
            known = entry.known_from <= prediction.frozen_at.date()
            if known and scales.get(entry.metric) == entry.scale:
                out.setdefault(entry.metric, []).append(entry.observed)
        return out


def add(record: TrackRecord, checked: Check, prediction: Prediction, readout: Readout) -> TrackRecord:
    """The record with one more experiment; the same record where this very check is in it already.

    Raises InputError where the record holds another prediction or result of the same experiment: a record
    that lets the better one of two replace the other is none.
    """
    earlier = [entry for entry in record.entries if entry.experiment == checked.experiment]
    if earlier:
        digests = (earlier[0].prediction_digest, earlier[0].readout_digest)
        if digests == (checked.prediction_digest, checked.readout_digest):
            return record
        raise InputError(
            f"the track record already has the experiment {checked.experiment!r} with another prediction or "
            "result; the first one counts"
        )
    entries = [_entry(row, checked, prediction, readout) for row in checked.overall]
    ordered = sorted([*record.entries, *entries], key=lambda entry: entry.frozen_at)
    return record.model_copy(update={"entries": ordered, "digest": None})


def once_an_experiment(entries: list[Entry]) -> list[Entry]:
    """The first arm of each experiment and metric: arms share a control and are no two witnesses."""
    seen: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        seen.setdefault((entry.experiment, entry.metric), entry)
    return list(seen.values())


def primary_metric(prediction: Prediction) -> str:
    """The primary metric that was frozen with a prediction; its first metric where none was."""
    stated = prediction.provenance.get("primary")
    names = [estimand.metric for estimand in prediction.estimands]
    return stated if isinstance(stated, str) and stated in names else names[0]


def _entry(row: Comparison, checked: Check, prediction: Prediction, readout: Readout) -> Entry:
    estimand = readout.estimand(row.metric)
    noise = row.observed_se if row.observed_se > 0 else row.difference_se
    return Entry(
        experiment=checked.experiment,
        metric=row.metric,
        arm=row.arm,
        unit=row.unit,
        scale=estimand.scale,
        frozen_at=prediction.frozen_at,
        known_from=estimand.window_end + dt.timedelta(days=1),
        made_after_start=prediction.made_after_start or prediction.frozen_at.date() > estimand.window_start,
        primary=row.metric == primary_metric(prediction),
        predicted=row.predicted,
        predictive_sd=row.difference_se,
        df=row.df,
        observed=row.observed,
        observed_se=row.observed_se,
        pit=row.pit,
        crps=row.crps,
        crps_no_effect=float(crps_gaussian(row.observed, 0.0, noise)),
        verdict=row.verdict,
        prediction_digest=checked.prediction_digest,
        readout_digest=checked.readout_digest,
    )


def columns(entries: list[Entry]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(predicted, observed, predictive_sd), each (k,)."""
    table = np.array([(e.predicted, e.observed, e.predictive_sd) for e in entries], dtype=float)
    return table[:, 0], table[:, 1], table[:, 2]
