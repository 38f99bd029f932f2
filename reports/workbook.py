"""The workbook of a forecast: what an auditor reads, recomputes and files."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

from reports.forecast_words import answer, left_out
from reports.statement import OWED_TITLES, Statement, months_long, provenance
from reports.what_if import RunOff, Variant
from reports.workbook_changes import changes_sheets
from reports.workbook_checks import Checks
from reports.workbook_cost_view import cost_view_sheet
from reports.workbook_forecast import COLUMN, cost_sheet, forecast_sheet, spread_sheet, totals_sheet
from reports.workbook_liability import points_sheet, tiers_sheet, total_sheet
from reports.workbook_run_off import run_off_sheet
from reports.workbook_scenarios import scenarios_sheet
from reports.workbook_sheet import Book, Sheet
from reports.workbook_third_party import THIRD, third_party_sheet
from reports.workbook_tiers import tier_points_sheet
from reports.workbook_triangle import methods_sheet, triangle_sheet
from scenarios.finance.rounding import RULES

CREATED = dt.datetime(2000, 1, 1)
"""Written into every workbook, so that the same forecast gives the same bytes."""


def workbook(statements: Sequence[Statement], variants: Sequence[Variant] = (), run: RunOff | None = None) -> bytes:
    """The workbook of the first statement, with the others, what changes of its terms do, and its run-off on sheets of their own.

    Every formula carries the value that it has, so that readers that do not recalculate see it too.
    """
    first = statements[0]
    target, checks = io.BytesIO(), Checks()
    book = Book(target, f"Forecast of {first.forecast.name}", CREATED)
    summary = book.sheet("Summary", "What the programme costs, how far that can run, and what is owed.", landscape=False)
    _assumptions(book, statements)
    monthly = forecast_sheet(book, first)
    spread_sheet(book, first, monthly, checks)
    totals_sheet(book, first, checks)
    cost = cost_sheet(book, first, checks)
    rolled = third = None
    if first.roll is not None:
        if not first.as_agent:  # who defers nothing has no balance to roll forward
            by_tier = tiers_sheet(book, first, first.roll, checks)
            rolled = total_sheet(book, first, first.roll, by_tier, checks)
        if first.third is not None:
            third = third_party_sheet(book, first, first.third, rolled, checks)
        if first.cost is not None:
            cost_view_sheet(book, first, first.cost, checks)
        points_sheet(book, first, first.roll, rolled, checks)
        tier_points_sheet(book, first, checks)
        triangle_sheet(book, first)
        methods_sheet(book, first)
    if len(statements) > 1:
        scenarios_sheet(book, statements)
    if variants:
        changes_sheets(book, variants, checks)
    if run is not None:
        run_off_sheet(book, run, checks)
    checked = checks.write(book)
    _provenance(book, statements)
    owed = [sheet for sheet in (rolled, third) if sheet is not None]
    _summary(summary, first, monthly, cost, owed, checked, all(check.holds for check in checks.all))
    summary.ws.activate()
    book.book.close()
    return target.getvalue()


def _summary(
    sheet: Sheet, statement: Statement, monthly: Sheet, cost: Sheet, books: Sequence[Sheet], checked: Sheet, held: bool
) -> None:
    """The answer in words, then its numbers, which are references to the sheets they come from."""
    f = statement.forecast
    sheet.ws.set_column(0, 0, 46)
    sheet.ws.set_column(1, 1, 22)
    sheet.ws.set_column(2, 2, 40)
    sheet.ws.set_row(3, 92)
    sheet.merge((3, 0), (3, 2), answer(statement), "answer")
    last = 3 + len(f.months)
    rows: list[tuple[str, str, Any, str, str]] = [
        (f"Cost over {months_long(f)}, mean", f"={cost.ref((last, 8))}", cost.number((last, 8)), "money", "Cost and budget"),
    ]
    if len(f.values) > 1:
        rows += [
            (f"Cost, {name}", f"={cost.ref((last, col))}", cost.number((last, col)), "money", "Cost and budget")
            for name, col in (("P10", 5), ("P90", 7))
        ]
    net, won, share = ((last + 1, COLUMN[name]) for name in ("net_margin", "incremental_margin", "cost_share"))
    for name, at, look in (("Net margin, mean", net, "money"), ("Incremental margin, mean", won, "money"),
                           ("Cost, share of gross sales", share, "share")):  # fmt: skip
        rows.append((name, f"={monthly.ref(at)}", monthly.number(at), look, "Forecast"))
    if f.budget is not None:
        over = cost.ref((last, 7)), cost.ref((last, 10))
        value = cost.number((last, 7)) - cost.number((last, 10))
        rows.append(("P90 of cost less budget", f"={over[0]}-{over[1]}", value, "money", "Cost and budget"))
        chance = cost.number((last, 12))
        rows.append(("Chance to overrun the budget", f"={cost.ref((last, 12))}", chance, "share", "Cost and budget"))
    for held_by in books:  # in both the last row of months is of the end, and its column 7 what is owed then
        name = OWED_TITLES["due_to_third_party" if held_by.name == THIRD else "deferred_revenue"]
        rows.append((name, f"={held_by.ref((last, 7))}", held_by.number((last, 7)), "money", held_by.name))
    reads = f'=IF({checked.ref((3, 1))},"TRUE","FALSE")'  # a truth itself is printed as 1 here by LibreOffice
    rows.append(("All checks hold", reads, str(held).upper(), "check", "Checks"))
    sheet.row(5, ["Figure", f"Value ({f.currency})", "Sheet"], "head")
    for k, (name, formula, value, look, where) in enumerate(rows):
        sheet.write((6 + k, 0), name, "label")
        sheet.formula((6 + k, 1), formula, value, look)
        sheet.write((6 + k, 2), where)
    row = 8 + len(rows)
    sheet.write((row, 0), "What is left out, and what to know", "label")
    for sentence in left_out(statement):
        row += 1
        sheet.ws.set_row(row, 15 * (1 + len(sentence) // 110))
        sheet.merge((row, 0), (row, 2), sentence, "wrap")


def _assumptions(book: Book, statements: Sequence[Statement]) -> None:
    """Every number that the forecasts rest on."""
    note = "Every number that somebody could doubt, with its unit and source. In brackets: its 10 % and its 90 % point."
    sheet = book.sheet("Assumptions", note)
    sheet.head(3, ["Scenario", "Assumption", "Value", "Unit", "Source"], [22, 44, 22, 44, 80], freeze=2)
    row = 4
    for statement in statements:
        for a in statement.forecast.assumptions:
            shown = [statement.forecast.name, a.name, a.value, a.unit, a.source]
            sheet.row(row, shown, ["text", "label", "text", "wrap", "wrap"])
            row += 1
    sheet.ws.autofilter(3, 0, row - 1, 4)


def _provenance(book: Book, statements: Sequence[Statement]) -> None:
    """What the numbers were made from."""
    sheet = book.sheet("Provenance", "The same version, scenario, seed and snapshot give the same workbook, byte for byte.")
    sheet.head(3, ["Scenario", "What", "Value"], [24, 28, 100])
    row = 4
    for statement in statements:
        facts = provenance(statement)
        if statement.roll is not None:
            facts |= {"Books kept for": statement.basis}
        facts |= {"Rounding of posted entries": RULES["half_up"] + "; an entry is the difference of two rounded balances"}
        for name, value in facts.items():
            sheet.row(row, [statement.forecast.name, name, value], ["text", "label", "wrap"])
            row += 1
