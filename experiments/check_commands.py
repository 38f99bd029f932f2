"""Predict, check, recalibrate and record from files: what the command line calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiments.arms import arm_scenarios
from experiments.check import check, planned_level, planned_margins
from experiments.check_document import Check
from experiments.document_file import AnyDocument, load_document
from experiments.documents import Prediction, Readout
from experiments.plan_file import load_plan
from experiments.prediction import DRAWS, predict
from experiments.recalibration import recalibrate
from experiments.recalibration_document import Recalibration
from experiments.track_record import TrackRecord, add
from sim.errors import InputError

RECORD = "track_record.json"


def predict_command(
    plan: Path | str,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    members: int | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    record: Path | str | None = None,
) -> Prediction:
    """The prediction for EXPERIMENT.yaml, whose scenarios are seen from its folder; see `predict`.

    record: folder of a track record, by which the forecasts are corrected.
    """
    stated = load_plan(plan)
    scenarios = arm_scenarios(stated, Path(plan).parent)
    known = None if record is None else _known(record)
    return predict(
        stated, scenarios, draws=draws, seed=seed, members=members, threads=threads, progress=progress, record=known
    )


def check_command(
    prediction: Path | str,
    readout: Path | str,
    plan: Path | str | None = None,
    record: Path | str | None = None,
) -> Check:
    """The check of two files.

    plan: EXPERIMENT.yaml, whose margins serve a hand-made prediction that carries none; record: folder of a
    track record, whose earlier effects are the history to compare the forecast with.
    Raises InputError for broken files, and where the plan's margins are not those frozen with the prediction.
    """
    predicted, live = _documents(prediction, readout)
    margins, alpha = _planned(predicted, prediction, plan)
    history = _known(record).history(predicted) if record is not None else None
    return check(predicted, live, margins, history, alpha)


def recalibrate_command(
    prediction: Path | str, readout: Path | str, decision: str | None = None
) -> Recalibration:
    """The recalibration by two files; decision: the metric that the launch decision rests on."""
    predicted, live = _documents(prediction, readout)
    return recalibrate(predicted, live, decision)


def record_command(
    prediction: Path | str, readout: Path | str, record: Path | str, plan: Path | str | None = None
) -> TrackRecord:
    """The track record in the folder `record` (empty where there is none yet) with this experiment added."""
    predicted, live = _documents(prediction, readout)
    known = load_record(record)
    margins, alpha = _planned(predicted, prediction, plan)
    found = check(predicted, live, margins, known.history(predicted), alpha)
    return add(known, found, predicted, live)


def load_record(folder: Path | str) -> TrackRecord:
    """The track record in a folder; an empty one where the folder has none."""
    path = Path(folder) / RECORD
    return load_document(path, TrackRecord) if path.exists() else TrackRecord()


def _known(folder: Path | str) -> TrackRecord:
    """The track record in a folder that must hold one."""
    if not (Path(folder) / RECORD).exists():
        raise InputError(f"{folder}: holds no {RECORD}; give the folder that record wrote")
    return load_record(folder)


def _documents(prediction: Path | str, readout: Path | str) -> tuple[Prediction, Readout]:
    """Both documents; the problems of both at once."""
    problems: list[str] = []
    predicted = _load(prediction, Prediction, problems)
    live = _load(readout, Readout, problems)
    if predicted is None or live is None:
        raise InputError(*problems)
    return predicted, live


def _load(path: Path | str, model: type[AnyDocument], problems: list[str]) -> AnyDocument | None:
    try:
        return load_document(path, model)
    except InputError as error:
        problems += error.problems
        return None


def _planned(
    prediction: Prediction, name: Path | str, plan: Path | str | None
) -> tuple[dict[str, float], float]:
    """Margins and level: those frozen with the prediction, else the plan's."""
    alpha, frozen = planned_level(prediction), planned_margins(prediction)
    if plan is None:
        return frozen, alpha
    stated = load_plan(plan)
    margins = {m.name: m.simulation_margin for m in stated.metrics if m.simulation_margin is not None}
    changed = [
        f"{plan}: metric {metric}: simulation_margin is {margins[metric]:g}; {frozen[metric]:g} was frozen "
        f"with the prediction {name}, and a margin must not change after that"
        for metric in frozen
        if metric in margins and margins[metric] != frozen[metric]
    ]
    if changed:
        raise InputError(*changed)
    return {**margins, **frozen}, alpha if frozen else stated.alpha
