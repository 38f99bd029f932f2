"""The sheet of several scenarios: side by side, and how much of the spread is not knowing which of them will hold."""

from __future__ import annotations

from collections.abc import Sequence

from reports.statement import OWED_TITLES, TITLES, Statement, by_line
from reports.workbook_sheet import Book, Sheet, near
from scenarios.finance.closing import spread_by_cause
from scenarios.finance.forecast_document import LINES

_FIRST = 4


def scenarios_sheet(book: Book, statements: Sequence[Statement]) -> None:
    """Totals of several scenarios side by side, and by how much each differs from the first."""
    first = statements[0].forecast
    sheet = book.sheet("Scenarios", f"The whole period, {first.currency}: mean, P10 and P90 of each scenario; the same seed, so "
                       "the same members with the same luck.")  # fmt: skip
    heads, widths = ["Line"], [38.0]
    for k, s in enumerate(statements):
        heads += [f"{s.forecast.name}: {what}" for what in ("mean", "P10", "P90")]
        heads += [f"{s.forecast.name}: mean less {first.name}"] if k else []
    widths += [17.0] * (len(heads) - 1)
    sheet.head(_FIRST - 1, heads, widths)
    sheet.ws.set_row(_FIRST - 1, 42)
    totals = [by_line(s.forecast.totals) for s in statements]
    for r, line in enumerate(LINES):
        row, col = _FIRST + r, 1
        sheet.write((row, 0), TITLES[line], "label")
        for k, total in enumerate(totals):
            sheet.row(row, [total[line][name] for name in ("mean", "p10", "p90")], "money", col)
            if k:
                gap = sheet.number((row, col)) - sheet.number((row, 1))
                sheet.formula((row, col + 3), f"={near((row, col))}-{near((row, 1))}", gap)
            col += 3 + (k > 0)
    row, col = _FIRST + len(LINES), 1
    sheet.write((row, 0), OWED_TITLES[statements[0].owed], "label")
    for k, s in enumerate(statements):
        spread = s.closing_spread()
        p10, _, p90, mean = (0.0,) * 4 if spread is None else spread[-1].tolist()
        sheet.row(row, [mean, p10, p90], "money", col)
        if k:
            gap = sheet.number((row, col)) - sheet.number((row, 1))
            sheet.formula((row, col + 3), f"={near((row, col))}-{near((row, 1))}", gap)
        col += 3 + (k > 0)
    _causes(sheet, statements)


def _causes(sheet: Sheet, statements: Sequence[Statement]) -> None:
    """Below the scenarios: standard deviations by cause where it is open which will hold, each as likely; totals are formulas."""
    table = spread_by_cause([s.forecast for s in statements])
    top = _FIRST + len(LINES) + 3
    sheet.write((top - 1, 0), "Spread by cause, whole period, standard deviations; each scenario as likely as the other", "label")
    sheet.row(top, ["Line", "Mean", "Luck", "Parameters", "Scenario", "All"], "head")
    columns = [table[name].tolist() for name in ("line", "mean", "luck_sd", "parameter_sd", "scenario_sd", "total_sd")]
    for k, (line, *parts, whole) in enumerate(zip(*columns, strict=True)):
        row = top + 1 + k
        sheet.write((row, 0), TITLES[line], "label")
        sheet.row(row, parts, "money", 1)
        sheet.formula((row, 5), f"=SQRT(SUMSQ({near((row, 2))}:{near((row, 4))}))", whole)
