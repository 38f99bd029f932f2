"""What the tables of a live programme hold, and what in them does not add up: the page and the lists of a snapshot."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from markupsafe import Markup

from reports.page import COLOURS, figure, figure_svg, render
from scenarios.finance.live_tables import LiveTables
from scenarios.finance.reconciliation import SHOWN, Reconciliation
from scenarios.finance.snapshot import Snapshot
from scenarios.finance.snapshot_tables import COUPONS, LOTS, MEMBERS
from scenarios.numerals import as_stated, integer
from sim.typing import Ints

NAMES = ("reconciliation.html", "differences.csv", "rows.csv")
_COLUMNS = {"members": MEMBERS, "lots": LOTS, "coupons": COUPONS}


def reconciliation_files(tables: LiveTables, found: Snapshot | None) -> dict[str, str | bytes]:
    """The page and, as CSV, the kinds of differences and the first rows of each; found: None where no programme was asked."""
    report = _report(tables, found)
    return {
        "reconciliation.html": reconciliation_page(tables, found),
        "differences.csv": report.table().to_csv(index=False),
        "rows.csv": report.listed().to_csv(index=False),
    }


def reconciliation_page(tables: LiveTables, found: Snapshot | None) -> str:
    """The page: what the tables hold, what was compared, what differs and what a forecast does about it."""
    report = _report(tables, found)
    return render(
        "reconciliation.html",
        title=f"What the tables of {tables.as_of:%d %B %Y} hold",
        answer=said(tables, found),
        facts=_facts(tables),
        by_month=_by_month(tables),
        checked=report.checked,
        asked=found is not None,
        differences=[
            {
                "kind": d.kind, "members": integer(d.members), "points": integer(d.amount) if d.amount else "", "done": d.done,
                "rows": [[str(member), *map(_shown, values)] for member, *values in d.rows.itertuples(index=False)],
            }
            for d in report.differences
        ],
        shown=SHOWN,
        notes=unsaid(tables, found),
        provenance={
            "Version": version("loyalsim"), "Tables": tables.label,
            **({} if tables.terms is None else {"Programme": f"{tables.terms.scenario}: {tables.terms}"}),
        },
    )  # fmt: skip


def said(tables: LiveTables, found: Snapshot | None) -> str:
    """The answer in a sentence or two."""
    report = _report(tables, found)
    held = _points(tables)
    text = f"On {tables.as_of}, {integer(tables.members.rows)} members hold {integer(held)} points that can be spent."
    if report.adds_up:
        return f"{text} Everything that was compared adds up: {', '.join(report.checked) or 'nothing could be'}."
    kinds = len(report.differences)
    return f"{text} {kinds} kind{'s' if kinds > 1 else ''} of difference {'were' if kinds > 1 else 'was'} found."


def unsaid(tables: LiveTables, found: Snapshot | None) -> list[str]:
    """What the tables do not say, and what a forecast puts in its place."""
    if found is None:
        return [
            "Against the rules of a programme nothing was compared: tiers, segments, coupons, validity and thresholds are "
            "checked by the forecast that starts here, or now with --scenario."
        ]
    about = set(found.reconciliation.notes)
    return [note for note in found.notes if note not in about]


def _shown(value: Any) -> str:
    """A cell of the tables: a number as everywhere, text and dates as they stand there."""
    return as_stated(float(value)) if isinstance(value, int | float | np.number) else str(value)


def _report(tables: LiveTables, found: Snapshot | None) -> Reconciliation:
    return tables.held.reconciliation if found is None else found.reconciliation


def _points(tables: LiveTables) -> int:
    return int(tables.held.balance.sum())


def _facts(tables: LiveTables) -> list[dict[str, str]]:
    rows = []
    for name, table in tables.all.items():
        columns = ", ".join(table.columns)
        columns += "".join(f"; {column}: {way.words} ({integer(way.cells)})" for column, way in table.told.items())
        absent = ", ".join(column for column in _COLUMNS[name] if not table.has(column))
        rows.append({"table": name, "from": table.label, "rows": integer(table.rows), "columns": columns, "absent": absent})
    return rows


def _by_month(tables: LiveTables) -> Markup | None:
    """Points that can be spent by the month in which they became so; None without lots."""
    lots: Ints | None = tables.held.lots
    if lots is None or not lots.any():
        return None
    held = lots.sum(axis=0)
    end = np.datetime64(tables.as_of, "M")
    months = [str(end - (len(held) - 1 - k)) for k in range(len(held))]
    fig, ax = figure(7.2, 2.6)
    ax.bar(range(len(held)), held, color=COLOURS[0], width=0.85)
    step = max(1, -(-len(held) // 8))
    ax.set_xticks(range(0, len(held), step), months[::step])
    ax.grid(axis="x", visible=False)
    ax.set_ylabel("points open")
    ax.yaxis.set_major_formatter(lambda value, _: integer(value))
    oldest = months[int((held > 0).argmax())]
    return figure_svg(fig, f"Points that can be spent by the month in which they became so; the oldest are of {oldest}.")
