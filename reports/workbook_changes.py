"""Sheets of changed terms: what each change does, paired, over the whole period and month by month."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.statement import OWED_TITLES, POINT_TITLES, TITLES
from reports.what_if import CHANGE_TITLES, Variant
from reports.workbook_checks import Checks
from reports.workbook_forecast import PLAIN, SPREAD_TITLES
from reports.workbook_sheet import Book, Sheet, near
from scenarios.finance.forecast_document import LINES, POINT_LEVELS, POINT_LINES, SPREAD
from sim.tally import COST_LINES

_FIRST = 4
_MONEY = (*COST_LINES, "benefit_cost", "fixed_cost", "cost", *PLAIN, "net_margin", "incremental_margin")
_AT = {name: 2 + k for k, name in enumerate((*_MONEY, *POINT_LINES, "owed before", "owed after", "owed"))}
"""Column of each line on the sheet of months"""


def changes_sheets(book: Book, variants: Sequence[Variant], checks: Checks) -> None:
    """Two sheets: every line of the whole period with its spread, and the means by month that add up to it."""
    whole = _whole_sheet(book, variants)
    monthly = _monthly_sheet(book, variants)
    _tie(whole, monthly, variants, checks)


def _whole_sheet(book: Book, variants: Sequence[Variant]) -> Sheet:
    currency = variants[0].before.forecast.currency
    sheet = book.sheet("Changed terms", f"What each change does over the whole period, {currency} and points: forecast under the "
                       "change less forecast without it, replication by replication.")  # fmt: skip
    heads = ["Change", "Line", *SPREAD_TITLES, "Mean: sum of the months"]
    sheet.head(_FIRST - 1, heads, [34, 38, *[16] * 7], freeze=2)
    sheet.ws.set_row(_FIRST - 1, 30)
    row = _FIRST
    for v in variants:
        found = v.whole
        for line in (line for line in CHANGE_TITLES if line in found):
            look = "count" if line in POINT_LINES else "money"
            sheet.row(row, [v.said, CHANGE_TITLES[line], *(found[line][name] for name in SPREAD)], ["text", "label", *[look] * 6])
            row += 1
    sheet.ws.autofilter(_FIRST - 1, 0, row - 1, len(heads) - 1)
    return sheet


def _monthly_sheet(book: Book, variants: Sequence[Variant]) -> Sheet:
    sheet = book.sheet("Changed terms by month", "Mean difference of each month; benefit cost, cost, net margin and the "
                       "difference of what is owed are formulas. P10 to P90 are of that difference.")  # fmt: skip
    names = {**TITLES, **POINT_TITLES, "cost": "Cost (benefit and fixed)", "points_outstanding": "Points outstanding"}
    owed = OWED_TITLES[variants[0].before.owed].removesuffix(" at the end")
    names |= {"owed before": f"{owed}, as it is", "owed after": f"{owed}, changed", "owed": "Difference"}
    heads = ["Change", "Month", *(names[name] for name in _AT), "Difference, P10", "P50", "P90"]
    sheet.head(_FIRST - 1, heads, [34, 11, *[14] * (len(heads) - 2)], freeze=2)
    sheet.ws.set_row(_FIRST - 1, 42)
    sheet.ws.repeat_columns(0, 1)
    sheet.ws.fit_to_pages(2, 0)
    for k, v in enumerate(variants):
        for m in range(len(v.before.forecast.months)):
            _month(sheet, _FIRST + k * len(v.before.forecast.months) + m, v, m)
    return sheet


def _month(sheet: Sheet, row: int, v: Variant, m: int) -> None:
    one, two = v.before.forecast, v.after.forecast
    sheet.row(row, [v.said, one.months[m]], ["text", "month"])
    for name in (*COST_LINES, "fixed_cost", *PLAIN, "incremental_margin"):
        sheet.write((row, _AT[name]), float((two.of(name) - one.of(name))[:, m].mean()), "money")
    sheet.total((row, _AT["benefit_cost"]), (row, _AT[COST_LINES[0]]), (row, _AT[COST_LINES[-1]]), "money")
    _sum(sheet, row, "cost", {"benefit_cost": 1, "fixed_cost": 1})
    _sum(sheet, row, "net_margin", {"gross_margin": 1, "fee_income": 1, "cost": -1})
    for k, name in enumerate(POINT_LINES):
        sheet.write((row, _AT[name]), float((two.point_values - one.point_values)[:, m, k].mean()), "count")
    owed = v.owed
    if owed is None:
        return
    for name, side in (("owed before", v.before), ("owed after", v.after)):
        spread = side.closing_spread()
        assert spread is not None
        sheet.write((row, _AT[name]), float(spread[m, 3]), "money")
    _sum(sheet, row, "owed", {"owed after": 1, "owed before": -1})
    sheet.row(row, owed[["p10", "p50", "p90"]].to_numpy(float)[m].tolist(), "money", _AT["owed"] + 1)


def _sum(sheet: Sheet, row: int, name: str, parts: dict[str, int]) -> None:
    """A line as the sum of others, each with its sign."""
    at = {part: (row, _AT[part]) for part in parts}
    value = sum(sign * sheet.number(at[part]) for part, sign in parts.items())
    formula = "".join(f"{'+' if sign > 0 else '-'}{near(at[part])}" for part, sign in parts.items())
    sheet.formula((row, _AT[name]), f"={formula.lstrip('+')}", value)


def _tie(whole: Sheet, monthly: Sheet, variants: Sequence[Variant], checks: Checks) -> None:
    """The sum of the months beside the simulated mean of the whole period, and a check a change that they are the same."""
    months = len(variants[0].before.forecast.months)
    row = _FIRST
    for k, v in enumerate(variants):
        top, end = _FIRST + k * months, _FIRST + (k + 1) * months - 1
        begun = row
        for line in (line for line in CHANGE_TITLES if line in v.whole):
            at = _AT["owed" if line in OWED_TITLES else line]
            look = "count" if line in POINT_LINES else "money"
            if line in (*OWED_TITLES, *POINT_LEVELS):
                whole.formula((row, 8), f"={monthly.ref((end, at))}", monthly.number((end, at)), look)
            else:
                area = monthly.area((top, at), (end, at))
                whole.formula((row, 8), f"=SUM({area})", area.sum(), look)
            row += 1
        left, right = whole.area((begun, 8), (row - 1, 8)), whole.area((begun, 5), (row - 1, 5))
        checks.same(f"Changed terms: {v.said}", "Sum of the months = mean of the whole period, every line", left, right,
                    tolerance=0.01 * len(LINES) * float(np.sqrt(months)))  # fmt: skip
