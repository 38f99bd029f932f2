"""The commands of a live experiment, in the order of its life: plan, predict, assign, read, check, recalibrate, record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loyalsim.options import Seed
from sim.errors import InputError
from sim.limits import MOST_MEMBERS

if TYPE_CHECKING:
    from experiments.documents import Readout
    from scenarios.output import Target

app = typer.Typer(
    name="experiment",
    help="Plan a live experiment, freeze what the simulation says of it, read it out, check one against the other.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Plan = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", help="The plan of the experiment.")]
PlanOption = Annotated[Path | None, typer.Option("--plan", metavar="EXPERIMENT.yaml", help="The plan of the experiment.")]
Predicted = Annotated[Path, typer.Argument(metavar="P", help="Folder of predict, or a prediction as JSON.")]
Live = Annotated[Path, typer.Argument(metavar="R", help="Folder of read, or a read-out as JSON, also of another platform.")]
Out = Annotated[Path, typer.Option(help="Folder for the result; written whole or not at all.")]
MaybeOut = Annotated[Path | None, typer.Option(help="Folder for the result; without it, only the terminal.")]


@app.command()
def plan(
    experiment: Plan,
    out: MaybeOut = None,
    repeats: Annotated[
        int, typer.Option(min=0, help="Simulated experiments behind the power by simulation; 0 = by formula only.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated experiments.")] = 0,
) -> None:
    """Work out a plan: what it can find, how long it takes, when it is looked at."""
    from experiments.commands import plan_command
    from loyalsim.progress import Waiting
    from reports.plan import plan_files, simulated_sentence

    target = _target(out, "plan.json", "plan.html")
    with Waiting("simulating") as waiting:
        if repeats:
            waiting.compiling("simulating")
        found = plan_command(experiment, repeats, seed, lambda done, of: waiting.step(done, of, "power by simulation"))
        waiting.say("writing the page")
        files = plan_files(found) if out is not None else {}
    roles = {name: role for name, role in found.roles.items() if role != "secondary"}
    for one in (one for name in roles for one in found.power if one.metric == name):
        _say(f"{one.metric}, {one.arm} ({roles[one.metric]}): {' '.join(one.sentences)}")
    for found_by in found.simulated:
        _say(f"{found_by.metric}, {found_by.arm}: {simulated_sentence(found, found_by)}")
    silent = [name for name in roles if not any(one.metric == name for one in found.power)]
    for name in silent:
        _say(f"{name} ({roles[name]}): the plan has no planning values for it, so it cannot be said what this can find.")
    for sentence in found.warnings:
        _say(f"Warning: {sentence}")
    _written(target, files, "plan.html")


@app.command()
def predict(
    experiment: Plan,
    out: Out,
    draws: Annotated[int, typer.Option(min=20, help="Simulated experiments; recalibration wants 400 or more.")] = 400,
    seed: Seed = 0,
    members: Annotated[
        int | None, typer.Option(min=4, max=MOST_MEMBERS, help="Members of all arms; default: the plan's sizing.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder of a track record, by which the forecasts are corrected.")
    ] = None,
) -> None:
    """Simulate an experiment before it starts and freeze what its read-out will say."""
    from experiments.check_commands import predict_command
    from loyalsim.progress import Waiting
    from reports.prediction import prediction_files, summary

    if (out / "prediction.json").exists():
        raise InputError(
            f"{out}: already holds a prediction, which is frozen; give another folder, or remove this one yourself"
        )
    target = _target(out, "prediction.json", "prediction.html")
    with Waiting("simulating") as waiting:
        waiting.compiling("simulating")
        found = predict_command(
            experiment, draws=draws, seed=seed, members=members, record=record,
            progress=lambda done: waiting.step(done, draws, "simulating the experiment"),
        )  # fmt: skip
        waiting.say("writing the page")
        files = prediction_files(found)
    for sentence in summary(found):
        _say(sentence)
    _written(target, files, "prediction.html")


@app.command()
def assign(
    members: Annotated[
        str, typer.Argument(metavar="MEMBERS", help="Members' table: CSV, Parquet, DuckDB file or database URL, with #table.")
    ],
    experiment: Plan,
    out: Out,
) -> None:
    """Allocate members to arms, the same for everybody who computes it."""
    from experiments.commands import assign_command
    from loyalsim.progress import Waiting
    from reports.assignment import assignment_files

    target = _target(out, "assignment.json", "assignment.html", "assignment.csv", "assignment.parquet")
    with Waiting("allocating"):
        table, found = assign_command(members, experiment)
        files = assignment_files(table, found)
    counts = ", ".join(f"{arm} {n:,}" for arm, n in found.members.items())
    _say(f"{found.eligible:,} of {found.rows:,} members are eligible and allocated: {counts}.")
    _written(target, files, "assignment.html")
    _say(f"The allocation: {out / next(iter(table))}")


@app.command()
def read(
    live: Annotated[
        str, typer.Argument(metavar="LIVE", help="Live data, one row a member: CSV, Parquet, DuckDB file or database URL.")
    ],
    experiment: Annotated[Path | None, typer.Argument(metavar="[EXPERIMENT.yaml]", help="The plan; or give --plan.")] = None,
    *,
    out: Out,
    plan: PlanOption = None,
    look: Annotated[int | None, typer.Option(min=1, help="Number of the planned look; default: the last.")] = None,
    events: Annotated[
        str | None, typer.Option(help="Table of events (member, date, values) from which the metrics are made.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day that the data hold; default: that of the "
                     "last event, or without events the end of the window."),
    ] = None,
    information: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the planned information at this look and, before it, at each earlier one (give the option once "
            "for each); for Lan-DeMets spending; default: as planned.",
        ),
    ] = None,
) -> None:
    """Analyse the live result: checks of the data first, then effects and decisions."""
    from experiments.commands import read_command
    from loyalsim.progress import Waiting
    from reports.readout import readout_files

    if experiment is not None and plan is not None and experiment != plan:
        raise InputError(f"two plans are given, {experiment} and {plan}; give one")
    stated = experiment or plan
    if stated is None:
        raise InputError("the plan is missing: loyalsim experiment read LIVE EXPERIMENT.yaml --out R")
    target = _target(out, "readout.json", "readout.html")
    with Waiting("reading"):
        until = None if as_of is None else as_of.date()
        found = read_command(live, stated, look, events, until, information or ())
        files = readout_files(found)
    for sentence in _readout_lines(found):
        _say(sentence)
    end = max(estimand.window_end for estimand in found.estimands)
    if "as_of" not in found.provenance and date.today() <= end:
        _say(f"Warning: by the clock of this machine the window, to {end}, is not over; say with --as-of where the data end.")
    _written(target, files, "readout.html")


@app.command()
def check(
    prediction: Predicted,
    readout: Live,
    out: MaybeOut = None,
    plan: PlanOption = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder of a track record: earlier effects to compare the forecast with.")
    ] = None,
) -> None:
    """Did the experiment do what the simulation said it would?"""
    from experiments.check_commands import check_command
    from reports.check import check_files

    target = _target(out, "check.json", "check.html")
    found = check_command(_inside(prediction, "prediction.json"), _inside(readout, "readout.json"), plan, record)
    _say(found.answer)
    for row in found.overall:
        _say(f"- {row.sentence}")
    for sentence in [*(f"{refusal}." for refusal in found.refused), *found.caveats]:
        _say(f"Note: {sentence}")
    _written(target, check_files(found) if out is not None else {}, "check.html")


@app.command()
def recalibrate(
    prediction: Predicted,
    readout: Live,
    out: MaybeOut = None,
    decision: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Metric that the launch decision rests on; default: the primary.")
    ] = None,
) -> None:
    """What we now believe: the parameters behind the prediction, weighed by the result, as a scenario."""
    from experiments.check_commands import recalibrate_command
    from reports.recalibration import belief_text, recalibration_files, short

    target = _target(out, "recalibration.json", "recalibration.html", "recalibrated.yaml")
    found = recalibrate_command(_inside(prediction, "prediction.json"), _inside(readout, "readout.json"), decision)
    _say(found.decision.sentence)
    moved = sorted((move for move in found.parameters if move.moved), key=lambda move: -abs(move.shift))
    for move in moved[:5]:
        _say(f"- {short(move.name)}: {belief_text(move.before)} before, {belief_text(move.after)} now")
    if not moved:
        _say("No parameter moved beyond the error of the computation: the result taught nothing about them.")
    _written(target, recalibration_files(found) if out is not None else {}, "recalibration.html")
    if out is not None:
        _say(f"The scenario: {out / 'recalibrated.yaml'}")


@app.command()
def record(
    prediction: Predicted,
    readout: Live,
    out: Annotated[Path, typer.Option(help="Folder of the track record, new or to be added to.")],
    plan: PlanOption = None,
) -> None:
    """Add an experiment to the track record of the simulation."""
    from experiments.check_commands import record_command
    from reports.track_record import summary, track_record_files

    target = _target(out, "track_record.json", "track_record.html")
    found = record_command(_inside(prediction, "prediction.json"), _inside(readout, "readout.json"), out, plan)
    _say(summary(found))
    _written(target, track_record_files(found), "track_record.html")


def _readout_lines(found: Readout) -> Iterable[str]:
    arms = [one.sentence for one in found.decisions if one.metric is None]
    yield from arms
    if not found.blocked:
        told = [gate.metric for gate in found.withheld if any(gate.sentence in said for said in arms)]
        yield from (f"- {one.sentence}" for one in found.decisions if one.metric is not None and one.metric not in told)
    for gate in found.gates:
        if not gate.passed and not gate.blocks:
            yield f"Warning: {gate.sentence}"


def _inside(path: Path, name: str) -> Path:
    """The document in a folder that a step wrote, or the file itself."""
    if not path.is_dir():
        return path
    if not (path / name).exists():
        raise InputError(f"{path}: holds no {name}; give the folder that the step before wrote, or the JSON file itself")
    return path / name


def _target(out: Path | None, *names: str) -> Target | None:
    """Where to write, found writable before the work; nothing without a folder."""
    from scenarios.output import Target

    return None if out is None else Target(out, *names)


def _written(target: Target | None, files: Mapping[str, str | bytes], page: str) -> None:
    if target is not None:
        target.write(files)
        _say(f"Report: {target.directory / page}")


def _say(sentence: str) -> None:
    typer.echo(sentence)
