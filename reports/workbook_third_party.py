"""The sheet of points that a third party stands behind."""

from __future__ import annotations

from reports.statement import THIRD_TITLES, Statement
from reports.workbook_checks import Checks
from reports.workbook_sheet import Area, Book, Sheet, near
from scenarios.finance.third_party import ThirdParty

THIRD = "Third party"
_FIRST = 4
_TITLES = {name: THIRD_TITLES[name] for name in ("points", "allocated", "revenue", "cost", "deferred")}
_DUE = len(_TITLES) + 2


def third_party_sheet(
    book: Book, statement: Statement, third: ThirdParty, rolled: Sheet | None, checks: Checks
) -> Sheet:
    """What is shown so far at each month end. What is due is a formula of the points; another adds up where the allocation went.

    rolled: the roll-forward, whose balance a principal defers.
    """
    f, agent = statement.forecast, third.role == "agent"
    sheet = book.sheet(THIRD, f"{f.currency}, points of a third party, the company as {third.role}: " + (
        "its sales of the forecast, what it keeps of them, and what is due for the points issued." if agent
        else "revenue as in the roll-forward, and what is due for the points redeemed."))  # fmt: skip
    whole = "Revenue + deferred + due" if agent else "Revenue + deferred"
    bands = [f"Due so far, {name} of all replications" for name in ("P10", "P50", "P90")]
    heads = ["Month", *_TITLES.values(), "Points x amount a point", THIRD_TITLES["owed_to_partner"], whole, *bands]
    sheet.head(_FIRST - 1, heads, [13, *[19] * (len(heads) - 1)])
    sheet.ws.set_row(_FIRST - 1, 42)
    last, price, at = _FIRST + len(f.months) - 1, float(third.payable) / statement.unit, {n: 1 + k for k, n in enumerate(_TITLES)}
    sheet.write((last + 2, 0), "A point", "label")
    sheet.write((last + 2, 1), price, "factor")
    spread = statement.due_spread()
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        sheet.write((row, at["points"]), int(third.points[m]), "count")
        amounts = [int(getattr(third, name)[m]) / statement.unit for name in (*list(_TITLES)[1:], "owed_to_partner")]
        sheet.row(row, amounts[:-1], "money", 2)
        formula = f"={near((row, at['points']))}*{sheet.ref((last + 2, 1))}"
        sheet.formula((row, _DUE - 1), formula, int(third.points[m]) * price)
        sheet.write((row, _DUE), amounts[-1], "money")
        cells = [(row, at["revenue"]), (row, at["deferred"]), *([(row, _DUE)] if agent else [])]
        sheet.formula((row, _DUE + 1), "=" + "+".join(map(near, cells)), sum(map(sheet.number, cells)))
        if spread is not None:
            sheet.row(row, spread[m, :3].tolist(), "money", _DUE + 2)

    def column(at: int, where: Sheet = sheet) -> Area:
        return where.area((_FIRST, at), (last, at))

    checks.same(THIRD, f"{whole} = allocated to points, every month", column(_DUE + 1), column(at["allocated"]), tolerance=1e-4)
    checks.same(f"{THIRD}: due", "Points x amount a point = due, but for half a minor unit, every month", column(_DUE - 1),
                column(_DUE), tolerance=0.5 / statement.unit * len(f.months) + 1e-4)  # fmt: skip
    if rolled is not None:
        checks.same(f"{THIRD}: deferred", "Deferred as principal = closing of the roll-forward, every month",
                    column(at["deferred"]), column(7, rolled), tolerance=1e-4)  # fmt: skip
    return sheet
