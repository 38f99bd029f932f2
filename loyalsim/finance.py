"""The finance commands: what a programme costs, what is owed for its points, and how wrong that can be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scenarios.finance.snapshot import Snapshot
    from sim.scenario import Scenario

_TABLE = "CSV or Parquet file, or database table (URL#table)"
Lots = Annotated[str | None, typer.Option(metavar="LOTS", help=f"Open points by month of earning and expiry: {_TABLE}.")]
Coupons = Annotated[str | None, typer.Option(metavar="COUPONS", help=f"Open coupons: {_TABLE}.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day of a month, at whose end the tables stand; "
                 "default: the day before the scenario starts."),
]  # fmt: skip


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
        str | None, typer.Option("--from", metavar="MEMBERS", help=f"Members of the live programme to start from: {_TABLE}.")
    ] = None,
    lots: Lots = None,
    coupons: Coupons = None,
    as_of: AsOf = None,
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
    from scenarios.output import Target
    from sim.errors import InputError

    value = None
    if point_value is not None:
        value = exact(point_value)
        if value <= 0:
            raise InputError(f"--point-value: found {point_value}, a redeemed point is worth more than 0")
    if from_ is None and (lots is not None or coupons is not None or as_of is not None):
        raise InputError("--lots, --coupons and --as-of belong to a start from a live programme: give its members with --from")
    designs = load_many(scenarios)
    target = Target(out, "forecast.html", "forecast.xlsx", "summary.json", "lines.parquet")
    with Waiting("compiling the simulation") as waiting:
        statements = []
        for design in designs:
            start = None if from_ is None else _read(from_, lots, coupons, design, as_of)
            ahead = min(120, months + run_off) if design.programme.earning is not None else months
            found, longer = None, None
            for length in dict.fromkeys((ahead, months)):
                longer = found
                found = forecast_of(
                    design, snapshot=start, months=length, members=members, replications=replications, seed=seed,
                    budget=budget if length == months else None, progress=waiting.step,
                )  # fmt: skip
            assert found is not None
            waiting.say("keeping the books")
            statements.append(statement_of(found, design, value, longer))
        waiting.say("writing the report")
        target.write(forecast_files(statements))
    print(answer(statements[0]))
    print(f"Report: {out / 'forecast.html'}; workbook: {out / 'forecast.xlsx'}")


def snapshot(
    scenario: Annotated[str, typer.Argument(help="Scenario file, or library name: whose programme it is.")],
    members: Annotated[str, typer.Argument(metavar="MEMBERS", help=f"One row a member: {_TABLE}.")],
    lots: Lots = None,
    coupons: Coupons = None,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the list of what does not add up.")] = None,
) -> None:
    """Check the tables of a live programme: what does not add up, and what a forecast from them does about it."""
    from scenarios.files import load
    from scenarios.output import write_whole

    found = _read(members, lots, coupons, load(scenario), as_of)
    report = found.reconciliation
    if out is not None:
        rows = [d.rows.assign(kind=d.kind, done=d.done).to_csv(index=False) for d in report.differences]
        write_whole(out, {"differences.csv": report.table().to_csv(index=False), "notes.txt": "\n".join(found.notes) + "\n"}
                    | {f"rows-{k + 1}.csv": text for k, text in enumerate(rows)})  # fmt: skip
    print(f"{found.label}: {found.outstanding:,} points outstanding.")
    if report.adds_up:
        print(f"Everything compared adds up: {', '.join(report.checked)}.")
    for note in found.notes:
        print(f"- {note}")
    if out is not None:
        print(f"What does not add up: {out / 'differences.csv'}")


def _read(members: str, lots: str | None, coupons: str | None, scenario: Scenario, as_of: datetime | None) -> Snapshot:
    from scenarios.finance.snapshot import snapshot as read

    return read(members, lots, coupons, scenario=scenario, as_of=None if as_of is None else as_of.date())
