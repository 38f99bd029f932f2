"""The sheet of the incremental-cost view: what the points still expected to be redeemed will cost, month by month."""

from __future__ import annotations

from reports.statement import COST_TITLES, Statement
from reports.workbook_checks import Checks
from reports.workbook_sheet import Book, near
from scenarios.finance.cost_view import LINES, CostView

_FIRST = 4
_HEADS = (
    "Month", *COST_TITLES.values(), "Closing in the books", "Points expected to be redeemed", "Cost of a point",
    "The two multiplied", "Closing, P10 of all replications", "P50", "P90",
)  # fmt: skip


def cost_view_sheet(book: Book, statement: Statement, cost: CostView, checks: Checks) -> None:
    """Posted entries by month; opening, closing and the cost of the points still to come are formulas."""
    f, lines = statement.forecast, cost.total()
    note = "accrued cost of the points still expected to be redeemed, measured as a provision (IAS 37)"
    also = "another measure of the points of the roll-forward, never to be added to it."
    sheet = book.sheet("Incremental cost", f"{f.currency}, {note}: {also}")
    sheet.head(_FIRST - 1, _HEADS, [13, *[16] * (len(_HEADS) - 1)])
    sheet.ws.set_row(_FIRST - 1, 42)
    last, spread = _FIRST + len(f.months) - 1, statement.accrued_spread()
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        if m:
            sheet.formula((row, 1), f"={near((row - 1, 6))}", sheet.number((row - 1, 6)))
        else:
            sheet.write((row, 1), int(lines["opening"][0]) / statement.unit, "money")
        moved = [sign * int(lines[name][m]) / statement.unit for name, sign in LINES.items() if sign]
        sheet.row(row, moved, "money", 2)
        sheet.total((row, 6), (row, 1), (row, 5), "money")
        sheet.write((row, 7), int(lines["closing"][m]) / statement.unit, "money")
        sheet.write((row, 8), float(cost.to_come[m]), "count")
        sheet.write((row, 9), float(cost.cost_per_point[m]) / statement.unit, "factor")
        sheet.formula((row, 10), f"={near((row, 8))}*{near((row, 9))}", sheet.number((row, 8)) * sheet.number((row, 9)))
        if spread is not None:
            sheet.row(row, spread[m, :3].tolist(), "money", 11)
    end = last + 1
    sheet.write((end, 0), "Whole period", "label total")
    sheet.formula((end, 1), f"={near((_FIRST, 1))}", sheet.number((_FIRST, 1)), "money total")
    for col in range(2, 6):
        sheet.total((end, col), (_FIRST, col), (last, col))
    sheet.total((end, 6), (end, 1), (end, 5))
    rounding = 0.5 / statement.unit * cost.opening.shape[0] * cost.opening.shape[2] * len(f.months)
    worth = "Points expected to be redeemed x cost of a point = closing, but for half a minor unit a month and tier of earning"
    for name, says, columns, allowed in (
        ("Incremental cost balances", "Opening + movements = closing in the books", (6, 7), 1e-4),
        ("Incremental cost of points", worth, (10, 7), rounding + 1e-4),
    ):
        one, other = (sheet.area((_FIRST, col), (last, col)) for col in columns)
        checks.same(name, f"{says}, every month", one, other, tolerance=allowed)
