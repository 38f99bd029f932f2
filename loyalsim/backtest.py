"""The command that asks how a forecast of the programme's own past would have done."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from loyalsim.options import TABLE, MembersBefore, Seed


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(backtest)


def backtest(
    scenario: Annotated[str, typer.Argument(help="Scenario file, or library name: whose programme it is.")],
    activity: Annotated[str, typer.Argument(metavar="ACTIVITY", help=f"One row a purchase, or a member and month: {TABLE}.")],
    member: Annotated[str, typer.Option(help="Column with the member.")],
    date: Annotated[str, typer.Option(help="Column with the day or month; two columns as year,month.")],
    value: Annotated[str, typer.Option(help="Column with the list value of the row's purchases.")],
    from_: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="First day of the forecast, the first of a month."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for backtest.html and the data; written whole or not at all.")],
    points_earned: Annotated[str | None, typer.Option(help="Column with points earned; default: the scenario's rule.")] = None,
    points_redeemed: Annotated[str | None, typer.Option(help="Column with points redeemed.")] = None,
    cost: Annotated[str | None, typer.Option(help="Column with what the row's benefits cost.")] = None,
    tier: Annotated[str | None, typer.Option(help="Column with the member's tier after the row.")] = None,
    purchases: Annotated[str | None, typer.Option(help="Column with the number of purchases of the row; default: one.")] = None,
    members: Annotated[
        str | None,
        typer.Option(metavar="MEMBERS", help=f"One row a member: member, joined, tier, balance before the first row; {TABLE}."),
    ] = None,
    new_members: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="New members a month as a share of members; default: as before the date."),
    ] = None,
    members_before: MembersBefore = "unknown",
    replications: Annotated[int, typer.Option(min=2, help="Runs with other luck and parameters.")] = 40,
    seed: Seed = 0,
) -> None:
    """Forecast a programme's own past from an earlier day and compare with what happened."""
    from loyalsim.progress import Waiting
    from reports.backtest import NAMES, answer, backtest_files, habits_answer
    from scenarios.files import load
    from scenarios.finance.backtest import Columns
    from scenarios.finance.backtest import backtest as backtest_of
    from scenarios.output import Target

    columns = Columns(member, date, value, points_earned, points_redeemed, cost, tier, purchases)
    design = load(scenario)
    target = Target(out, *NAMES)
    with Waiting("reading") as waiting:
        waiting.compiling("reading")
        found = backtest_of(
            activity, columns, design, from_.date(), members=members, joining=new_members,
            members_before=members_before, replications=replications, seed=seed, say=waiting.say, progress=waiting.step,
        )  # fmt: skip
        waiting.say("writing the report")
        target.write(backtest_files(found))
    print(answer(found))
    print(habits_answer(found))
    print(f"Report: {out / 'backtest.html'}; months: {out / 'months.csv'}")
