"""Which rows of a prediction and a read-out are about the same thing, and why the others are not compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.documents import Prediction, Readout
from experiments.hand_made import UNSTATED
from experiments.records import Estimand, Estimate
from sim.errors import InputError

_FIELDS = {
    "population": "population",
    "window_start": "first day of the window",
    "window_end": "last day of the window",
    "capping": "capping",
    "estimator": "estimator",
    "scale": "scale",
}


@dataclass(frozen=True)
class Matched:
    """Rows of both documents about the same estimand, and what could not be matched."""

    pairs: list[tuple[int, int]]
    """(row of the prediction, row of the read-out), in the order of the read-out"""
    refused: list[str] = field(default_factory=list)
    """one sentence a metric that both documents have and that mean different things"""
    unverified: list[str] = field(default_factory=list)
    """one sentence a metric of which a hand-made document does not say how it was measured"""
    unmatched: list[str] = field(default_factory=list)
    """rows that only one of the documents has, in words"""


def match(prediction: Prediction, readout: Readout) -> Matched:
    """Pair the rows of two documents by metric, arms, segment and week, after their estimands were compared.

    Population, window, capping, estimator, scale and unit must be the same, or the metric is refused. What a
    hand-made document leaves unstated cannot be compared and is reported as unverified.
    A metric that a gate of the read-out left without a verdict is refused too.
    Raises InputError where the gates leave none, the controls differ, or nothing is left.
    """
    silent = {gate.metric: gate for gate in readout.withheld}
    if readout.blocked or silent.keys() >= {estimand.metric for estimand in readout.estimands}:
        reasons = [f"gate {gate.name} failed: {gate.sentence}" for gate in readout.withheld]
        raise InputError(f"the read-out of {readout.experiment} allows no verdict", *reasons)
    if prediction.control != readout.control:
        raise InputError(
            f"the prediction compares with {prediction.control!r}, the read-out with {readout.control!r}; "
            "both must have the same control arm"
        )
    refused, unverified, comparable, dropped = [], [], set(), set()
    theirs = {estimand.metric: estimand for estimand in readout.estimands}
    units = [{row.metric for row in rows if row.unit} for rows in (prediction.rows, readout.rows)]
    for estimand in prediction.estimands:
        if estimand.metric in silent:
            gate = silent[estimand.metric]
            refused.append(f"{estimand.metric} is not compared: gate {gate.name} failed: {gate.sentence.removesuffix('.')}")
            dropped.add(estimand.metric)
        elif estimand.metric in theirs:
            different, unstated = _compare(estimand, theirs[estimand.metric])
            if different:
                refused.append(f"{estimand.metric} is not compared: " + "; ".join(different))
                dropped.add(estimand.metric)
                continue
            comparable.add(estimand.metric)
            if estimand.metric in units[0] ^ units[1]:
                unstated.append("unit")
            if unstated:
                unverified.append(f"{estimand.metric}: {' and '.join(unstated)} not stated, so not verified")
    ours = {row.key: number for number, row in enumerate(prediction.rows)}
    pairs = []
    for number, row in enumerate(readout.rows):
        if row.metric in comparable and row.key in ours:
            predicted = prediction.rows[ours[row.key]]
            problem = _apart(predicted, row)
            if problem:
                refused.append(problem)
                dropped.add(row.metric)
            else:
                pairs.append((ours[row.key], number))
    if not any(readout.rows[live].overall for _, live in pairs):
        raise InputError(
            "no effect on everybody over the whole window is in both documents: the prediction has "
            f"{_listed(prediction.rows)}; the read-out has {_listed(readout.rows)}",
            *refused,
        )
    both = {readout.rows[live].key for _, live in pairs}
    unmatched = [
        f"{label(row)}: only in the {where}"
        for where, rows in (("prediction", prediction.rows), ("read-out", readout.rows))
        for row in rows
        if row.key not in both and row.metric not in dropped
    ]
    return Matched(pairs, refused, unverified, unmatched)


def label(row: Estimate) -> str:
    """The row in words: metric, arm, and the segment or week if it is about one."""
    parts = [row.metric, row.arm]
    if row.segment is not None:
        parts.append(row.segment)
    if row.week is not None:
        parts.append(f"week {row.week}")
    return ", ".join(parts)


def _compare(predicted: Estimand, live: Estimand) -> tuple[list[str], list[str]]:
    different, unstated = [], []
    for name, words in _FIELDS.items():
        a, b = getattr(predicted, name), getattr(live, name)
        if UNSTATED in (a, b):
            unstated.append(words)
        elif (a.strip() if isinstance(a, str) else a) != (b.strip() if isinstance(b, str) else b):
            different.append(f"{words} is {str(a)!r} in the prediction and {str(b)!r} in the read-out")
    return different, unstated


def _apart(predicted: Estimate, live: Estimate) -> str | None:
    """Why two rows of one name are not about the same, in words; none = they are."""
    if not live.se > 0:
        return f"{label(live)} is not compared: its standard error is 0 in the read-out"
    if predicted.scale != live.scale:
        return (
            f"{label(live)} is not compared: {predicted.scale} in the prediction, "
            f"{live.scale} in the read-out"
        )
    if predicted.unit and live.unit and predicted.unit != live.unit:
        return (
            f"{label(live)} is not compared: unit {predicted.unit!r} in the prediction, "
            f"{live.unit!r} in the read-out"
        )
    return None


def _listed(rows: list[Estimate]) -> str:
    overall = [f"{row.metric} of {row.arm}" for row in rows if row.overall]
    return ", ".join(overall[:6]) + (" and more" if len(overall) > 6 else "") if overall else "none"
