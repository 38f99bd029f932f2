"""The finance commands: what a programme costs, what is owed for its points, and how wrong that can be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

_TABLE = "CSV, Parquet or DuckDB file, or database table (URL#table)"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(forecast)
    app.command()(snapshot)


def forecast(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="SCENARIO...", help="Scenario files or library names; the first is told in full.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for report, workbook and data; written whole or not at all.")],
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="SNAPSHOT", help="Folder that `loyalsim snapshot` wrote; default: day 0.")
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the forecast.")] = 36,
    members: Annotated[int | None, typer.Option(min=1, help="Members at the start; default: the population's.")] = None,
    replications: Annotated[int, typer.Option(min=1, help="Runs with other luck and parameters.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all luck; the same seed gives the same result.")] = 0,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="Budget for benefit and fixed cost of the whole period, spread evenly.")
    ] = None,
    run_off: Annotated[
        int, typer.Option(min=0, help="Further months to simulate, from which the books know how points end; 0 = quicker.")
    ] = 24,
    point_value: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What a redeemed point is worth (0.01); default: what the rewards give.")
    ] = None,
) -> None:
    """Forecast cost by month and line, what is owed for points, and the risk to a budget."""
    from loyalsim.progress import Waiting
    from reports.books import statement_of
    from reports.forecast import forecast_files
    from reports.statement import answer
    from scenarios.files import load_many
    from scenarios.finance.forecast import forecast as forecast_of
    from scenarios.finance.rounding import exact
    from scenarios.finance.snapshot import snapshot_of
    from scenarios.finance.snapshot_store import load_snapshot
    from scenarios.output import Target
    from sim.errors import InputError

    value = None
    if point_value is not None:
        value = exact(point_value)
        if value <= 0:
            raise InputError(f"--point-value: found {point_value}, a redeemed point is worth more than 0")
    designs = load_many(scenarios)
    tables = None if from_ is None else load_snapshot(from_)
    starts = [None if tables is None else snapshot_of(tables, design) for design in designs]
    target = Target(out, "forecast.html", "forecast.xlsx", "summary.json", "lines.parquet")
    with Waiting("compiling the simulation") as waiting:
        statements = []
        for design, start in zip(designs, starts, strict=True):
            found = forecast_of(
                design, snapshot=start, months=months, members=members, replications=replications, seed=seed, budget=budget,
                beyond=run_off if design.programme.earning is not None else 0, progress=waiting.step,
            )  # fmt: skip
            waiting.say("keeping the books")
            statements.append(statement_of(found, design, value))
        waiting.say("writing the report")
        target.write(forecast_files(statements))
    print(answer(statements[0]))
    print(f"Report: {out / 'forecast.html'}; workbook: {out / 'forecast.xlsx'}")


def snapshot(
    members: Annotated[str, typer.Argument(metavar="MEMBERS", help=f"One row a member: {_TABLE}.")],
    lots: Annotated[
        str, typer.Argument(metavar="[LOTS]", help=f"Open points by month of earning and expiry: {_TABLE}; - = none.")
    ] = "-",
    coupons: Annotated[str, typer.Argument(metavar="[COUPONS]", help=f"Open coupons: {_TABLE}; - = none.")] = "-",
    scenario: Annotated[
        str | None, typer.Option(help="Scenario file or library name: whose programme it is, to compare tiers and validity with.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day of a month, at whose end the tables stand; "
                     "default: the day before the scenario starts."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the snapshot and what does not add up; written whole.")] = None,
) -> None:  # fmt: skip
    """Check the tables of a live programme and keep them as a snapshot, from which forecasts start."""
    from reports.reconciliation import NAMES, reconciliation_files, said, unsaid
    from scenarios.files import load
    from scenarios.finance.live_tables import live_tables
    from scenarios.finance.snapshot import snapshot_of
    from scenarios.finance.snapshot_store import DOCUMENT, stored
    from scenarios.output import Target

    whose = None if scenario is None else load(scenario)
    parts = ("members.parquet", "lots.parquet", "coupons.parquet")
    target = None if out is None else Target(out, DOCUMENT, *parts, *NAMES)
    others = (None if where == "-" else where for where in (lots, coupons))
    tables = live_tables(members, *others, as_of=None if as_of is None else as_of.date(), scenario=whose)
    found = None if whose is None else snapshot_of(tables, whose)
    if target is not None:
        target.write({**stored(tables), **reconciliation_files(tables, found)})
    print(said(tables, found))
    for note in [*(tables.held().reconciliation.notes if found is None else found.reconciliation.notes), *unsaid(tables, found)]:
        print(f"- {note}")
    if out is not None:
        print(f"What does not add up: {out / 'reconciliation.html'}; forecast from here: loyalsim forecast SCENARIO --from {out}")
