"""The sheet of points by tier of the member: they take their points along when they move, which no ledger by cohort shows."""

from __future__ import annotations

from reports.statement import Statement
from reports.workbook_checks import Checks
from reports.workbook_sheet import Book, near

_FIRST = 4
_MOVES = ("Issued", "Redeemed", "Expired", "Clawed back", "Moved in from other tiers")


def tier_points_sheet(book: Book, statement: Statement, checks: Checks) -> None:
    """Points of the replication of the books by tier and month; opening and closing are formulas."""
    f, t, k = statement.forecast, statement.forecast.tiers, statement.replication
    note = (
        "Points by the tier that members are in, of the replication of the books; pending ones included. Opening and closing are "
        "formulas. Points of a purchase that lifts its member are here at the tier before it, in the roll-forward at that after."
    )
    sheet = book.sheet("Points by tier", note)
    heads = ["Month", "Tier", "Opening", *_MOVES, "Closing", "Closing of the forecast"]
    sheet.head(_FIRST - 1, heads, [11, 18, *[17] * 8], freeze=2)
    sheet.ws.set_row(_FIRST - 1, 30)
    moved, row = t.moved()[k], _FIRST
    for j, tier in enumerate(t.names):
        for m, month in enumerate(f.months):
            sheet.row(row, [month, tier], ["month", "text"])
            if m:
                sheet.formula((row, 2), f"={near((row - 1, 8))}", sheet.number((row - 1, 8)), "count")
            else:
                sheet.write((row, 2), int(t.opening[j]), "count")
            gone = [-int(flow[k, j, m]) for flow in (t.redeemed, t.expired, t.clawed_back)]
            sheet.row(row, [int(t.issued[k, j, m]), *gone, int(moved[j, m])], "count", 3)
            sheet.total((row, 8), (row, 2), (row, 7), "count")
            sheet.write((row, 9), int(t.closing[k, j, m]), "count")
            row += 1
    last = row - 1
    sheet.ws.autofilter(_FIRST - 1, 0, last, 9)
    closing, told = sheet.area((_FIRST, 8), (last, 8)), sheet.area((_FIRST, 9), (last, 9))
    checks.same("Points by tier", "Opening + movements = closing of the forecast, every tier and month", closing, told)
    inside = sheet.area((_FIRST, 7), (last, 7))
    says = "What comes in from other tiers adds up to 0"
    checks.equal("Points moved between tiers", says, f"=SUM({inside})", inside.sum(), "", 0.0)
    ends = [_FIRST + len(f.months) * (j + 1) - 1 for j in range(len(t.names))]
    formula = "=" + "+".join(sheet.ref((r, 8)) for r in ends)
    held = float(statement.point_moves()["outstanding"][-1])
    checks.equal(
        "Tiers hold all points", "Closing of all tiers in the last month = points outstanding of the forecast",
        formula, sum(sheet.number((r, 8)) for r in ends), "", held,
    )  # fmt: skip
