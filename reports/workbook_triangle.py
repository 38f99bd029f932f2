"""Sheets of redemption by earning cohort: the triangle with its chain ladder as formulas, and other methods beside it."""

from __future__ import annotations

from reports.redemption import methods
from reports.statement import Statement
from reports.workbook_sheet import Area, Book, Sheet, near
from scenarios.finance.chain_ladder import Mack
from sim.typing import Ints

_FIRST = 4
SIMULATED = ("Rate of the cohort, simulated: P10", "Mean", "P90", "Of the mean, beyond the simulated months")


def triangle_sheet(book: Book, statement: Statement) -> None:
    """Cumulative redemption by earning cohort and age; factors, ultimates and rates are formulas."""
    found = statement.ladder()
    sheet = book.sheet("Cohort triangle", "Points redeemed so far by month of earning and age in months, at the end; "
                       "factors, ultimates and rates by chain ladder are formulas.")  # fmt: skip
    if isinstance(found, str):
        sheet.write((3, 0), f"No chain ladder: {found}", "text")
        return
    assert statement.roll is not None
    known = found.development.triangle
    rows, ages = known.cumulative.shape
    kept, points = statement.cohort_rows(), statement.roll.points
    months = [statement.forecast.months[points.earned[c]] for c in kept]
    outstanding: Ints = points.outstanding()[kept, -1].sum(axis=1)
    right = 2 + ages
    heads = ["Earned in", "Issued", *(f"Age {a}" for a in range(ages)), "Redeemed so far", "Redeemed in the end",
             "Rate of the cohort", "To come", "Standard error (Mack)", "Outstanding",
             *SIMULATED]  # fmt: skip
    sheet.head(_FIRST - 1, heads, [24, 13, *[11] * ages, *[14] * 10], freeze=2)
    last = _FIRST + rows - 1
    factor, ultimate = last + 2, last + 3
    sheet.write((factor, 0), "Factor to the next age", "label")
    sheet.write((ultimate, 0), "Factor to the last age", "label")
    for r in range(rows):
        sheet.row(_FIRST + r, [months[r], float(known.issued[r])], ["month", "count"])
        for a in range(int(known.latest_age[r]) + 1):
            sheet.write((_FIRST + r, 2 + a), float(known.cumulative[r, a]), "count")
    for a in range(ages - 1, -1, -1):
        col = 2 + a
        if a == ages - 1:
            sheet.write((ultimate, col), 1.0, "factor")
            continue
        seen = _FIRST + int((known.latest_age > a).sum()) - 1
        one, two = (sheet.area((_FIRST, c), (seen, c)) for c in (col, col + 1))
        value = two.sum() / one.sum()
        sheet.formula((factor, col), f"=SUM({_local(two)})/SUM({_local(one)})", value, "factor")
        whole = value * sheet.number((ultimate, col + 1))
        sheet.formula((ultimate, col), f"={near((factor, col))}*{near((ultimate, col + 1))}", whole, "factor")
    for r in range(rows):
        row, col = _FIRST + r, 2 + int(known.latest_age[r])
        now, whole = sheet.number((row, col)), sheet.number((row, col)) * sheet.number((ultimate, col))
        sheet.formula((row, right), f"={near((row, col))}", now, "count")
        sheet.formula((row, right + 1), f"={near((row, right))}*{near((ultimate, col))}", whole, "count")
        issued = sheet.number((row, 1))
        sheet.formula((row, right + 2), f"={near((row, right + 1))}/{near((row, 1))}", whole / issued, "share")
        sheet.formula((row, right + 3), f"={near((row, right + 1))}-{near((row, right))}", whole - now, "count")
        sheet.row(row, [float(found.se[r]), int(outstanding[r])], "count", right + 4)
        if statement.liability is not None:
            rates = statement.liability.rates.iloc[kept[r]]
            sheet.row(row, [float(rates[name]) for name in ("p10", "mean", "p90", "completed")], "share", right + 6)
    _triangle_totals(sheet, found, right, last)


def methods_sheet(book: Book, statement: Statement) -> None:
    """What each method says of the points ever redeemed, with its backtest."""
    sheet = book.sheet("Redemption methods", "Points earned during the forecast, as it stands at its end. The rate of the "
                       "cohorts is never the rate of the balance.")  # fmt: skip
    heads = ["Method", "What it is", "Rate of the cohorts", "Points still to be redeemed", "Standard error",
             "Rate of the balance", "Backtest: bias", "Backtest: error of the total"]  # fmt: skip
    sheet.head(_FIRST - 1, heads, [26, 74, *[18] * 6])
    looks = ["label", "wrap", "share", "count", "count", "share", "share", "share"]
    for k, m in enumerate(methods(statement)):
        row = [m.name, m.says, m.rate, m.to_come, m.se, m.outstanding_rate, m.bias, m.error]
        sheet.row(_FIRST + k, row, looks)


def _triangle_totals(sheet: Sheet, found: Mack, right: int, last: int) -> None:
    end = last + 1
    sheet.write((end, 0), "All cohorts", "label total")
    for col in (1, right, right + 1, right + 3, right + 5):
        sheet.total((end, col), (_FIRST, col), (last, col), "count total")
    issued, whole = sheet.number((end, 1)), sheet.number((end, right + 1))
    sheet.formula((end, right + 2), f"={near((end, right + 1))}/{near((end, 1))}", whole / issued, "share total")
    sheet.write((end, right + 4), found.total_se, "count total")
    held, come = sheet.number((end, right + 5)), sheet.number((end, right + 3))
    sheet.write((end + 4, 0), "Rate of the outstanding balance", "label")
    sheet.formula(
        (end + 4, 2), f"=IF({near((end, right + 5))}=0,0,{near((end, right + 3))}/{near((end, right + 5))})",
        come / held if held else 0.0, "share",
    )  # fmt: skip
    sheet.write((end + 4, 3), "of the points outstanding will be redeemed by this method; never the rate of the cohorts", "text")


def _local(area: Area) -> str:
    return str(area).partition("!")[2]
