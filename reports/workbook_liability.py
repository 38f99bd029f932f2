"""Sheets of what is owed: the roll-forward by tier and in total, the points ledger."""

from __future__ import annotations

import numpy as np

from reports.statement import ROLL_TITLES, Statement
from reports.workbook_checks import Checks
from reports.workbook_sheet import Area, Book, Sheet, near
from scenarios.finance.forecast_document import POINT_FLOWS
from scenarios.finance.roll_forward import LINES, RollForward

_FIRST = 4
_MOVES = tuple(name for name, sign in LINES.items() if sign)
_FORECAST = {
    "issued": "Forecast: issued", "redeemed": "Forecast: redeemed", "expired": "Forecast: expired",
    "clawed_back": "Forecast: clawed back", "outstanding": "Forecast: outstanding", "pending": "Of it not yet spendable",
    "owed": "Owed after returns (in no balance)",
}  # fmt: skip
_AT = {name: 8 + k for k, name in enumerate(_FORECAST)}
"""Columns of the forecast's points on the sheet of the points ledger"""
_CENT = 1e-6
"""Numbers are whole minor units; this much is the dust of binary fractions in one, and _DUST in a sum."""
_DUST = 1e-4


def tiers_sheet(book: Book, statement: Statement, roll: RollForward, checks: Checks) -> dict[str, Area]:
    """Posted entries by tier and month; opening and closing are formulas. The columns, by line."""
    f = statement.forecast
    sheet = book.sheet("Roll-forward by tier", f"{f.currency}, posted entries by the tier of earning. Opening and "
                       "closing are formulas; the last column is the balance of the books.")  # fmt: skip
    heads = ["Month", "Tier", *ROLL_TITLES.values(), "Closing in the books"]
    sheet.head(_FIRST - 1, heads, [11, 18, *[17] * 8], freeze=2)
    sheet.ws.set_row(_FIRST - 1, 30)
    lines, row = roll.by_tier(), _FIRST
    for k, tier in enumerate(statement.tiers):
        for m, month in enumerate(f.months):
            sheet.row(row, [month, tier], ["month", "text"])
            if m:
                sheet.formula((row, 2), f"={near((row - 1, 8))}", sheet.number((row - 1, 8)))
            else:
                sheet.write((row, 2), int(lines["opening"][0, k]) / statement.unit, "money")
            for j, name in enumerate(_MOVES):
                sheet.write((row, 3 + j), LINES[name] * int(lines[name][m, k]) / statement.unit, "money")
            sheet.total((row, 8), (row, 2), (row, 7), "money")
            sheet.write((row, 9), int(lines["closing"][m, k]) / statement.unit, "money")
            row += 1
    last = row - 1
    sheet.ws.autofilter(_FIRST - 1, 0, last, 9)
    closing, posted = sheet.area((_FIRST, 8), (last, 8)), sheet.area((_FIRST, 9), (last, 9))
    checks.same("Roll-forward balances", "Opening + movements = closing in the books, every tier and month", closing, posted,
                tolerance=_CENT * len(f.months))  # fmt: skip
    columns = {name: sheet.area((_FIRST, 2 + k), (last, 2 + k)) for k, name in enumerate(LINES)}
    return {"month": sheet.area((_FIRST, 0), (last, 0)), **columns}


def total_sheet(book: Book, statement: Statement, roll: RollForward, by_tier: dict[str, Area], checks: Checks) -> Sheet:
    """The roll-forward in total, all formulas over the tiers."""
    f, total = statement.forecast, roll.total()
    sheet = book.sheet("Roll-forward", f"Deferred revenue for points (IFRS 15 / ASC 606), {f.currency}; formulas over that by "
                       "tier. Negative = reduces what is owed.")  # fmt: skip
    heads = ["Month", *ROLL_TITLES.values(), "Recognised as revenue", "Closing in the books"]
    spread = statement.closing_spread()
    heads += [f"Closing, {name} of all replications" for name in ("P10", "P50", "P90")] if spread is not None else []
    sheet.head(_FIRST - 1, heads, [13, *[17] * (len(heads) - 1)])
    sheet.ws.set_row(_FIRST - 1, 42)
    last = _FIRST + len(f.months) - 1
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        for k, name in enumerate(LINES):
            at = (row, 1 + k)
            sign = LINES[name] or 1
            if name == "closing":
                sheet.total(at, (row, 1), (row, k), "money")
            elif name == "opening" and m:
                sheet.formula(at, f"={near((row - 1, 7))}", sheet.number((row - 1, 7)))
            else:
                value = sign * int(total[name][m]) / statement.unit
                sheet.formula(at, f"=SUMIFS({by_tier[name]},{by_tier['month']},{near((row, 0))})", value)
        revenue = -sheet.number((row, 3)) - sheet.number((row, 4)) - sheet.number((row, 5))
        sheet.formula((row, 8), f"=-{near((row, 3))}-{near((row, 4))}-{near((row, 5))}", round(revenue, 6))
        sheet.write((row, 9), int(total["closing"][m]) / statement.unit, "money")
        if spread is not None:
            sheet.row(row, spread[m, :3].tolist(), "money", 10)
    end = last + 1
    sheet.write((end, 0), "Whole period", "label total")
    sheet.formula((end, 1), f"={near((_FIRST, 1))}", sheet.number((_FIRST, 1)), "money total")
    for col in (*range(2, 7), 8):
        sheet.total((end, col), (_FIRST, col), (last, col))
    sheet.total((end, 7), (end, 1), (end, 6))
    _total_checks(sheet, by_tier, checks, last)
    _waterfall(book, sheet, end, f.currency)
    _closing_line(book, sheet, last, f.currency)
    return sheet


def _total_checks(sheet: Sheet, by_tier: dict[str, Area], checks: Checks, last: int) -> None:
    end = last + 1
    closing, posted = sheet.area((_FIRST, 7), (last, 7)), sheet.area((_FIRST, 9), (last, 9))
    checks.same("Roll-forward in total", "Opening + movements = closing in the books, every month", closing, posted,
                tolerance=_CENT * (end - _FIRST))  # fmt: skip
    checks.equal(
        "Roll-forward, whole period", "Opening + all movements = closing of the last month",
        f"={sheet.ref((end, 7))}", sheet.number((end, 7)), f"={sheet.ref((last, 7))}", sheet.number((last, 7)), tolerance=_DUST,
    )  # fmt: skip
    for k, name in enumerate(LINES):
        if name in _MOVES:
            whole = by_tier[name]
            checks.equal(
                f"Tiers add up: {ROLL_TITLES[name].lower()}", "Sum over tiers and months = total of the roll-forward",
                f"=SUM({whole})", whole.sum(), f"={sheet.ref((end, 1 + k))}", sheet.number((end, 1 + k)), tolerance=_DUST,
            )  # fmt: skip


def _waterfall(book: Book, sheet: Sheet, end: int, currency: str) -> None:
    """From opening to closing over the whole period: an unseen base under rises and falls, all formulas."""
    top = end + 3
    sheet.row(top, ["Waterfall", "Base", "Balance", "Rise", "Fall"], "head")
    running = 0.0
    for k, (name, title) in enumerate(ROLL_TITLES.items()):
        row, source = top + 1 + k, near((end, 1 + k))
        value = sheet.number((end, 1 + k))
        sheet.write((row, 0), title, "text")
        if LINES[name] == 0:
            sheet.formula((row, 2), f"={source}", value)
            sheet.write((row, 1), 0.0, "money")
            running = value
            continue
        so_far = f"SUM({near((end, 1))}:{near((end, k))})"
        sheet.formula((row, 1), f"=MIN({so_far},{so_far}+{source})", min(running, running + value))
        sheet.formula((row, 3), f"=MAX({source},0)", max(value, 0.0))
        sheet.formula((row, 4), f"=MAX(-{source},0)", max(-value, 0.0))
        running += value
    bottom = top + len(ROLL_TITLES)
    chart = book.book.add_chart({"type": "column", "subtype": "stacked"})
    for col, name, colour in ((1, "Base", None), (2, "Balance", "#0072B2"), (3, "Rise", "#D55E00"), (4, "Fall", "#009E73")):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet.name, top + 1, 0, bottom, 0],
                "values": [sheet.name, top + 1, col, bottom, col],
                "fill": {"none": True} if colour is None else {"color": colour},
                "border": {"none": True},
                "gap": 40,
            }
        )
    chart.set_title({"name": "What moves the liability, whole period", "name_font": {"size": 12}})
    chart.set_legend({"position": "bottom", "delete_series": [0]})
    chart.set_y_axis({"name": currency, "num_format": "#,##0"})
    chart.set_size({"width": 760, "height": 340})
    sheet.ws.insert_chart(bottom + 2, 0, chart)


def _closing_line(book: Book, sheet: Sheet, last: int, currency: str) -> None:
    chart = book.book.add_chart({"type": "line"})
    chart.add_series(
        {
            "name": "Deferred revenue",
            "categories": [sheet.name, _FIRST, 0, last, 0],
            "values": [sheet.name, _FIRST, 7, last, 7],
            "line": {"color": "#0072B2"},
        }
    )
    chart.set_title({"name": "Deferred revenue at month end", "name_font": {"size": 12}})
    chart.set_x_axis({"num_format": "mmm yy"})
    chart.set_y_axis({"name": currency, "num_format": "#,##0"})
    chart.set_legend({"none": True})
    chart.set_size({"width": 520, "height": 340})
    sheet.ws.insert_chart(last + 13, 6, chart)


def points_sheet(book: Book, statement: Statement, roll: RollForward, liability: Sheet | None, checks: Checks) -> None:
    """The points ledger of the books, month by month, beside the points of the forecast."""
    f, moves = statement.forecast, roll.points.movements()
    theirs = statement.point_moves()
    sheet = book.sheet("Points ledger", f"Points of the books ({statement.basis}) and of the forecast. Closing is a formula.")
    heads = ["Month", "Opening", "Issued", "Redeemed", "Expired", "Clawed back", "Closing", "Closing of the ledger",
             *_FORECAST.values(), "Owed, at the value of a redeemed point",
             *(["Deferred revenue a point outstanding"] if liability else [])]  # fmt: skip
    sheet.head(_FIRST - 1, heads, [13, *[15] * (len(heads) - 1)])
    sheet.ws.set_row(_FIRST - 1, 42)
    last = _FIRST + len(f.months) - 1
    worth = (last + 3, 3)
    sheet.write((last + 3, 0), "Value of a redeemed point", "label")
    sheet.write(worth, None if statement.liability is None else float(statement.liability.value) / statement.unit, "factor")
    names = (("issued", 1), ("redeemed", -1), ("expired", -1), ("clawed_back", -1))
    whole = {name: np.asarray(values).sum(axis=1) for name, values in moves.items()}
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        if m:
            sheet.formula((row, 1), f"={near((row - 1, 6))}", sheet.number((row - 1, 6)), "count")
        else:
            sheet.write((row, 1), int(whole["opening"][0]), "count")
        for k, (name, sign) in enumerate(names):
            sheet.write((row, 2 + k), sign * int(whole[name][m]), "count")
        sheet.total((row, 6), (row, 1), (row, 5), "count")
        sheet.write((row, 7), int(whole["closing"][m]), "count")
        sheet.row(row, [int(theirs[name][m]) for name in _FORECAST], "count", 8)
        at, value = _AT["owed"], sheet.number((row, _AT["owed"])) * sheet.number(worth)
        sheet.formula((row, at + 1), f"={near((row, at))}*{sheet.ref(worth)}", value)
        if liability is None:
            continue
        held, owed = sheet.number((row, 6)), liability.number((row, 7))
        formula = f"=IF({near((row, 6))}=0,0,{liability.ref((row, 7))}/{near((row, 6))})"
        sheet.formula((row, at + 2), formula, owed / held if held else 0.0, "factor")
    end = last + 1
    sheet.write((end, 0), "Whole period", "label total")
    flows = [at for name, at in _AT.items() if f"points_{name}" in POINT_FLOWS]
    for col in (*range(2, 6), *flows):
        sheet.total((end, col), (_FIRST, col), (last, col), "count total")
    ours, posted = sheet.area((_FIRST, 6), (last, 6)), sheet.area((_FIRST, 7), (last, 7))
    checks.same("Points ledger ties", "Opening + issued - redeemed - expired - clawed back = points outstanding, every month",
                ours, posted, tolerance=_CENT)  # fmt: skip
    _ties(sheet, last, checks)


def _ties(sheet: Sheet, last: int, checks: Checks) -> None:
    """Points of the books against those of the forecast."""
    end = last + 1
    for k, (name, sign) in enumerate((("issued", ""), ("redeemed", "-"), ("expired", "-"), ("clawed_back", "-"))):
        says, ours, theirs = name.replace("_", " "), (end, 2 + k), (end, _AT[name])
        checks.equal(
            f"Forecast ties: points {says}", f"{says.capitalize()} in the books = {says} in the forecast, whole period",
            f"={sign}{sheet.ref(ours)}", abs(sheet.number(ours)), f"={sheet.ref(theirs)}", sheet.number(theirs),
        )  # fmt: skip
    held, told = (sheet.area((_FIRST, col), (last, col)) for col in (6, _AT["outstanding"]))
    checks.same("Forecast ties: points outstanding", "Points of the books = outstanding in the forecast, every month", held, told)
