"""The finance commands: what a programme costs, what is owed for its points, and how wrong that can be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(forecast)


def forecast(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="SCENARIO...", help="Scenario files or library names; the first is told in full.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for report, workbook and data; written whole or not at all.")],
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the forecast.")] = 36,
    members: Annotated[int | None, typer.Option(min=1, help="Members at the start; default: the population's.")] = None,
    replications: Annotated[int, typer.Option(min=1, help="Runs with other luck and parameters.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all luck; the same seed gives the same result.")] = 0,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="Budget for benefit and fixed cost of the whole period, spread evenly.")
    ] = None,
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
    from scenarios.output import write_whole
    from sim.errors import InputError

    value = None
    if point_value is not None:
        value = exact(point_value)
        if value <= 0:
            raise InputError(f"--point-value: found {point_value}, a redeemed point is worth more than 0")
    designs = load_many(scenarios)
    with Waiting("compiling the simulation") as waiting:
        statements = []
        for design in designs:
            found = forecast_of(
                design, months=months, members=members, replications=replications, seed=seed, budget=budget,
                progress=waiting.step,
            )  # fmt: skip
            waiting.say("keeping the books")
            statements.append(statement_of(found, design, value))
        waiting.say("writing the report")
        write_whole(out, forecast_files(statements))
    print(answer(statements[0]))
    print(f"Report: {out / 'forecast.html'}; workbook: {out / 'forecast.xlsx'}")
