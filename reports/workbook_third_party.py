"""The sheet of points that a third party stands behind."""

from __future__ import annotations

from reports.statement import THIRD_TITLES, Statement
from reports.workbook_checks import Checks
from reports.workbook_sheet import Book, near
from scenarios.finance.third_party import ThirdParty

_FIRST = 4


def third_party_sheet(book: Book, statement: Statement, third: ThirdParty, checks: Checks) -> None:
    """What is shown so far at each month end; the last column adds up where the allocation went."""
    f = statement.forecast
    sheet = book.sheet("Third party", f"{f.currency}, points earned in the forecast as those of a third party, the company as "
                       f"{third.role}; in place of the roll-forward of its own points.")  # fmt: skip
    agent = third.role == "agent"
    whole = "Revenue + deferred + due" if agent else "Revenue + deferred"
    heads = ["Month", *THIRD_TITLES.values(), whole]
    sheet.head(_FIRST - 1, heads, [13, *[20] * (len(heads) - 1)])
    sheet.ws.set_row(_FIRST - 1, 30)
    at = {name: 1 + k for k, name in enumerate(THIRD_TITLES)}
    parts = ["revenue", "deferred", *(["owed_to_partner"] if agent else [])]
    last = _FIRST + len(f.months) - 1
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        sheet.row(row, [int(getattr(third, name)[m]) / statement.unit for name in THIRD_TITLES], "money", 1)
        cells = [(row, at[name]) for name in parts]
        formula = "=" + "+".join(near(cell) for cell in cells)
        sheet.formula((row, 6), formula, sum(sheet.number(cell) for cell in cells))
    ours, theirs = sheet.area((_FIRST, 6), (last, 6)), sheet.area((_FIRST, 1), (last, 1))
    gap = sum(abs(sheet.number((r, 6)) - sheet.number((r, 1))) for r in range(_FIRST, last + 1))
    checks.equal(
        "Third party", f"{whole} = allocated to points, every month (sum of absolute differences)",
        f"=SUMPRODUCT(ABS({ours}-{theirs}))", gap, "", 0.0, tolerance=1e-4,
    )  # fmt: skip
