"""The finance commands: what a programme costs, what is owed for its points, and how wrong that can be."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loyalsim.options import TABLE, Members, Population, Seed
from sim.errors import InputError
from sim.limits import MOST_AMOUNT

if TYPE_CHECKING:
    from reports.bookkeeper import Terms


class Role(StrEnum):
    """What a company is for the points of a third party."""

    agent = "agent"
    principal = "principal"


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
    population: Population = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the forecast.")] = 36,
    members: Members = None,
    replications: Annotated[int, typer.Option(min=1, help="Runs with other luck and parameters.")] = 20,
    seed: Seed = 0,
    budget: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT|FILE", help="Budget for benefit and fixed cost: one amount for the whole period, in which "
                     "fixed cost counts in its months and the rest is spread evenly; or a CSV file with month and amount."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Terms of the first scenario to change, such as expiry.months=12; several with "
                     "commas between are one change; give the option again for another."),
    ] = None,
    closing: Annotated[
        bool, typer.Option("--closing", help="Also the run-off if the programme closed where the forecast starts (--from).")
    ] = False,
    run_off: Annotated[
        int, typer.Option(min=0, help="Further months to simulate, from which the books know how points end; 0 = quicker.")
    ] = 24,
    deferred: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Deferred revenue in your books where the forecast starts (--from); "
                                 "default: what a sale of the first month allocates to such points.")
    ] = None,
    third_party: Annotated[
        Role | None, typer.Option(help="The points are those of a third party, the company being agent or principal.")
    ] = None,
    payable: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What the third party is paid for a point (0.01).")
    ] = None,
    point_value: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What a redeemed point is worth (0.01); default: what the rewards give.")
    ] = None,
) -> None:  # fmt: skip
    """Forecast cost by month and line, what is owed for points, and the risk to a budget."""
    from loyalsim.progress import Waiting
    from reports.bookkeeper import Bookkeeper
    from reports.forecast import NAMES, forecast_files
    from reports.forecast_words import answer
    from reports.what_if import Variant, run_off_answer
    from scenarios.files import load_many
    from scenarios.finance.budget_file import budget_of
    from scenarios.finance.changed_terms import changed_terms
    from scenarios.finance.closing import check_side_by_side
    from scenarios.finance.forecast import placed
    from scenarios.finance.forecast_assembled import months_of
    from scenarios.finance.snapshot import snapshot_of
    from scenarios.finance.snapshot_store import load_snapshot
    from scenarios.output import Target

    terms = _terms(point_value, deferred, third_party, payable, from_)
    if closing and from_ is None:
        raise InputError("--closing needs --from: on day 0 of a programme nothing is owed that could run off")
    designs = load_many(scenarios, population=population)
    check_side_by_side(designs, same_start=from_ is not None)
    changes = [(said, changed_terms(scenarios[0], said, population=population)) for said in change or ()]
    tables = None if from_ is None else load_snapshot(from_)
    everything = [*designs, *(design for _, design in changes)]
    starts = [None if tables is None else snapshot_of(tables, design, designs[0]) for design in everything]
    if terms.deferred and starts[0] is not None and not starts[0].outstanding:
        raise InputError(f"--deferred: found {deferred}, but the members of {from_} hold no points that could carry it")
    plan = None if budget is None else budget_of(budget, months_of(placed(designs[0], starts[0], months)))
    target = Target(out, *NAMES)
    with Waiting("simulating") as waiting:
        waiting.compiling("simulating")
        keeper = Bookkeeper(terms, members, replications, seed, waiting.step, waiting.say)
        pairs = zip(designs, starts, strict=False)
        statements = [keeper.statement(d, s, months, run_off, budget=plan, valued=d is designs[0]) for d, s in pairs]
        first = statements[0]
        under = zip(changes, starts[len(designs) :], strict=True)
        variants = [Variant(said, first, keeper.statement(d, s, months, run_off, before=first)) for (said, d), s in under]
        run = keeper.run_off(designs[0], starts[0], months, run_off, first) if closing else None
        waiting.say("writing the report")
        target.write(forecast_files(statements, variants, run))
    print(answer(first))
    for variant in variants:
        print(variant.sentence)
    if run is not None:
        print(run_off_answer(run))
    print(f"Report: {out / 'forecast.html'}; workbook: {out / 'forecast.xlsx'}")


def _terms(
    point_value: str | None, deferred: str | None, third_party: Role | None, payable: str | None, from_: Path | None
) -> Terms:
    """What the options say of the books; InputError where they cannot be or do not go together."""
    from reports.bookkeeper import Terms
    from scenarios.finance.rounding import exact, minor_units

    value = None if point_value is None else exact(point_value)
    if value is not None and not 0 < value <= 1_000_000:
        raise InputError(f"--point-value: found {point_value}, a redeemed point is worth more than 0, and 1,000,000 at most")
    opening = None if deferred is None else minor_units(deferred)
    if opening is not None and (not 0 <= opening <= minor_units(MOST_AMOUNT) or from_ is None):
        allowed = f", allowed is 0 to {MOST_AMOUNT:,}" if from_ else "; it needs --from"
        raise InputError(f"--deferred: found {deferred}{allowed}")
    if (third_party is None) != (payable is None):
        raise InputError("--third-party and --payable belong together: the role, and what the third party is paid for a point")
    if opening is not None and third_party is Role.agent:
        raise InputError(f"--deferred: found {deferred}, but as agent for a third party the company defers nothing")
    if payable is not None and not 0 <= exact(payable) <= 1_000_000:
        raise InputError(f"--payable: found {payable}, allowed is 0 to 1,000,000 for a point")
    return Terms(value, opening, None if third_party is None else third_party.value, exact(payable or 0))


def snapshot(
    members: Annotated[str, typer.Argument(metavar="MEMBERS", help=f"One row a member: {TABLE}.")],
    lots: Annotated[
        str, typer.Argument(metavar="[LOTS]", help=f"Open points by month of earning and expiry: {TABLE}; - = none.")
    ] = "-",
    coupons: Annotated[str, typer.Argument(metavar="[COUPONS]", help=f"Open coupons: {TABLE}; - = none.")] = "-",
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
    for note in [*(tables.held.reconciliation.notes if found is None else found.reconciliation.notes), *unsaid(tables, found)]:
        print(f"- {note}")
    if out is not None:
        print(f"What does not add up: {out / 'reconciliation.html'}; forecast from here: loyalsim forecast SCENARIO --from {out}")
