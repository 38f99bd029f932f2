"""Sheets of the forecast: cost, sales and margin by month, their spread, the budget."""

from __future__ import annotations

from collections.abc import Sequence

from reports.statement import TITLES, Statement, by_line
from reports.workbook_checks import Checks
from reports.workbook_sheet import Book, Sheet, near
from scenarios.finance.forecast_document import DEFINITIONS, LINES, SPREAD
from sim.tally import COST_LINES, TALLIES

SPREAD_TITLES = ("P10", "P50", "P90", "Mean", "Spread from luck (sd)", "Spread from parameters (sd)")
_FIRST = 4
"""Row of the first month, below title, note, an empty row and the heads"""
PLAIN = ("points_earned_at_expected_cost", "gross_sales", "returned_sales", "refunds", "net_sales", "gross_margin", "fee_income")
"""Lines of money that no formula makes"""
_COLUMNS = (*COST_LINES, "benefit_cost", "fixed_cost", "cost", *PLAIN, "net_margin", "incremental_margin", "cost_share")
COLUMN = {name: 1 + k for k, name in enumerate(_COLUMNS)}
"""Column of each line on the sheet Forecast"""


def forecast_sheet(book: Book, statement: Statement) -> Sheet:
    """Means by month and line; benefit cost, cost, net margin, totals and shares are formulas."""
    f = statement.forecast
    sheet = book.sheet("Forecast", f"Mean of {len(f.values)} replications, {f.currency}, each cell rounded to the minor unit; "
                       "totals are formulas, sums of the rounded cells.")  # fmt: skip
    names = {**TITLES, "cost": "Cost (benefit and fixed)", "cost_share": "Cost, share of gross sales"}
    sheet.head(_FIRST - 1, ["Month", *(names[c] for c in _COLUMNS)], [11, *[14] * len(_COLUMNS)])
    sheet.ws.set_row(_FIRST - 1, 42)
    at = COLUMN
    means = {line: f.of(line).mean(axis=0) for line in LINES}
    last = _FIRST + len(f.months) - 1
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        for name in (*COST_LINES, "fixed_cost", *PLAIN, "incremental_margin"):
            sheet.write((row, at[name]), round(float(means[name][m]), statement.digits), "money")
        sheet.total((row, at["benefit_cost"]), (row, at[COST_LINES[0]]), (row, at[COST_LINES[-1]]), "money")
        _derived(sheet, row, at, "money", "share")
    end = last + 1
    sheet.write((end, 0), "Whole period", "label total")
    for name in (*COST_LINES, "benefit_cost", "fixed_cost", *PLAIN, "incremental_margin"):
        sheet.total((end, at[name]), (_FIRST, at[name]), (last, at[name]))
    _derived(sheet, end, at, "money total", "share total")
    _chart_lines(book, sheet, statement, at, last)
    return sheet


def _derived(sheet: Sheet, row: int, at: dict[str, int], money: str, share: str) -> None:
    def cell(name: str) -> str:
        return near((row, at[name]))

    def number(name: str) -> float:
        return sheet.number((row, at[name]))

    cost = round(number("benefit_cost") + number("fixed_cost"), 6)
    sheet.formula((row, at["cost"]), f"={cell('benefit_cost')}+{cell('fixed_cost')}", cost, money)
    net = round(number("gross_margin") + number("fee_income") - cost, 6)
    sheet.formula((row, at["net_margin"]), f"={cell('gross_margin')}+{cell('fee_income')}-{cell('cost')}", net, money)
    sales = number("gross_sales")
    formula = f"=IF({cell('gross_sales')}=0,0,{cell('cost')}/{cell('gross_sales')})"
    sheet.formula((row, at["cost_share"]), formula, cost / sales if sales else 0.0, share)


def _chart_lines(book: Book, sheet: Sheet, statement: Statement, at: dict[str, int], last: int) -> None:
    chart = book.book.add_chart({"type": "column", "subtype": "stacked"})
    for name in (*COST_LINES, "fixed_cost"):
        if not sheet.number((last + 1, at[name])):
            continue
        chart.add_series(
            {
                "name": TITLES[name],
                "categories": [sheet.name, _FIRST, 0, last, 0],
                "values": [sheet.name, _FIRST, at[name], last, at[name]],
                "gap": 30,
            }
        )
    if not chart.series:
        return
    chart.set_title({"name": "Cost by line, mean", "name_font": {"size": 12}})
    chart.set_x_axis({"num_format": "mmm yy", "date_axis": False})
    chart.set_y_axis({"name": statement.forecast.currency, "num_format": "#,##0"})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 860, "height": 360})
    sheet.ws.insert_chart(last + 4, 1, chart)


def spread_sheet(book: Book, statement: Statement, forecast: Sheet, checks: Checks) -> None:
    """Every month and line with its spread, unrounded; the forecast sheet must agree with it."""
    f = statement.forecast
    sheet = book.sheet("Spread", f"Each month and line, {f.currency}: quantiles and mean of the replications as simulated; "
                       "quantiles of lines do not add up, means do.", landscape=False)  # fmt: skip
    sheet.head(_FIRST - 1, ["Month", "Line", "Line, in words", *SPREAD_TITLES], [11, 30, 34, *[15] * 6], freeze=2)
    rows = f.lines
    count = len(rows)
    columns = [rows[name].tolist() for name in ("month", "line", *SPREAD)]
    for k, (month, line, *values) in enumerate(zip(*columns, strict=True)):
        sheet.row(_FIRST + k, [month, line, TITLES[line], *values], ["month", "text", "text", *["money"] * 6])
    last = _FIRST + count - 1
    sheet.ws.autofilter(_FIRST - 1, 0, last, 2 + len(SPREAD))
    lines, means = sheet.area((_FIRST, 1), (last, 1)), sheet.area((_FIRST, 6), (last, 6))
    end = _FIRST + len(f.months)
    half = 0.5 / statement.unit
    for name in LINES:
        simulated = float(rows.loc[rows["line"] == name, "mean"].sum())
        at = (end, COLUMN[name])
        cells = len(f.months) * (len(COST_LINES) if name == "benefit_cost" else 1 + len(LINES) * (name == "net_margin"))
        checks.equal(
            f"Forecast: {TITLES[name]}",
            "Sum of the sheet's rounded cells = simulated mean of the whole period, but for half a minor unit a cell",
            f"={forecast.ref(at)}", forecast.number(at), f'=SUMIFS({means},{lines},"{name}")', simulated,
            tolerance=half * cells + 1e-6,
        )  # fmt: skip


def totals_sheet(book: Book, statement: Statement, checks: Checks) -> None:
    """The whole period by line with its spread, its present value, and what each line means."""
    f = statement.forecast
    sheet = book.sheet("Totals", f"The whole period, {f.currency}; present value: discounted to the start.")
    heads = ["Line", *SPREAD_TITLES, "Present value, mean", "What it is"]
    sheet.head(_FIRST - 1, heads, [36, *[16] * 7, 70])
    totals, present = by_line(f.totals), by_line(f.present_value)
    for k, line in enumerate(LINES):
        row = _FIRST + k
        sheet.row(row, [TITLES[line], *totals[line].values()], ["label", *["money"] * 6])
        sheet.write((row, 7), present[line]["mean"], "money")
        sheet.write((row, 8), DEFINITIONS.get(line) or TALLIES.get(line, "").replace("_", " "), "text")
    row = _FIRST + len(LINES)
    sheet.row(row, ["Cost, share of gross sales", *totals["cost_share"].values()], ["label", *["share"] * 6])
    first, net = (_FIRST + LINES.index(name) for name in (COST_LINES[0], "net_margin"))
    parts = (("gross_margin", ""), ("fee_income", "+"), ("benefit_cost", "-"), ("fixed_cost", "-"))
    benefit = _FIRST + LINES.index("benefit_cost")
    at = {name: (_FIRST + LINES.index(name), 4) for name, _ in parts}
    left = sum((-1 if sign == "-" else 1) * sheet.number(at[name]) for name, sign in parts)
    area = sheet.area((first, 4), (first + len(COST_LINES) - 1, 4))
    checks.equal(
        "Totals: cost lines", "Means of the cost lines add up to the mean benefit cost",
        f"=SUM({area})", area.sum(), f"={sheet.ref((benefit, 4))}", sheet.number((benefit, 4)), tolerance=0.01,
    )  # fmt: skip
    checks.equal(
        "Totals: net margin", "Gross margin + fee income - benefit cost - fixed cost = net margin, means",
        "=" + "".join(sign + sheet.ref(at[name]) for name, sign in parts), left,
        f"={sheet.ref((net, 4))}", sheet.number((net, 4)), tolerance=0.01,
    )  # fmt: skip


def cost_sheet(book: Book, statement: Statement, checks: Checks) -> Sheet:
    """Cost of each month and so far, with its band, the budget, and the chance to overrun it."""
    f, risk = statement.forecast, statement.forecast.budget
    sheet = book.sheet("Cost and budget", f"Benefit and fixed cost, {f.currency}. Quantiles of a sum are not sums of quantiles.")
    heads = ["Month", "P10", "P50", "P90", "Mean", "So far: P10", "So far: P50", "So far: P90", "So far: mean"]
    heads += ["Budget", "Budget so far", "Mean over budget so far", "Chance of overrun"] if risk is not None else []
    sheet.head(_FIRST - 1, heads, [11, *[16] * (len(heads) - 1)])
    sheet.ws.set_row(_FIRST - 1, 30)
    each, so_far = statement.cost_spread(), statement.cost_spread(cumulative=True)
    before = 0.0
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.row(row, [month, *each[m, :4].tolist(), *so_far[m, :3].tolist()], ["month", *["money"] * 7])
        before = before + float(each[m, 3])
        above = "" if m == 0 else f"{near((row - 1, 8))}+"
        sheet.formula((row, 8), f"={above}{near((row, 4))}", before)
        if risk is not None:
            sheet.write((row, 9), float(risk.plan[m]), "money")
            above, planned = (f"{near((row - 1, 10))}+", sheet.number((row - 1, 10))) if m else ("", 0.0)
            sheet.formula((row, 10), f"={above}{near((row, 9))}", planned + float(risk.plan[m]))
            sheet.formula((row, 11), f"={near((row, 8))}-{near((row, 10))}", before - sheet.number((row, 10)))
            sheet.write((row, 12), float(risk.overrun[m]), "share")
    last = _FIRST + len(f.months) - 1
    checks.equal(
        "Cost so far", "Running sum of the monthly means = mean of the simulated cost of the whole period",
        f"={sheet.ref((last, 8))}", before, "", float(so_far[-1, 3]), tolerance=0.01,
    )  # fmt: skip
    each_month = [("P10", 1, "dash"), ("P50", 2, "solid"), ("P90", 3, "dash")]
    series = [("P10", 5, "dash"), ("P50", 6, "solid"), ("P90", 7, "dash")]
    series += [("Budget", 10, "solid")] if risk is not None else []
    _lines(book, sheet, each_month, last, "Cost a month", last + 3, 0, f.currency)
    _lines(book, sheet, series, last, "Cost so far", last + 3, 6, f.currency)
    return sheet


def _lines(
    book: Book, sheet: Sheet, series: Sequence[tuple[str, int, str]], last: int, title: str, row: int, col: int, currency: str
) -> None:
    chart = book.book.add_chart({"type": "line"})
    for name, at, dash in series:
        colour = "#D55E00" if name == "Budget" else "#0072B2"
        chart.add_series(
            {
                "name": name,
                "categories": [sheet.name, _FIRST, 0, last, 0],
                "values": [sheet.name, _FIRST, at, last, at],
                "line": {"color": colour, "width": 1.75, "dash_type": dash},
            }
        )
    chart.set_title({"name": title, "name_font": {"size": 12}})
    chart.set_x_axis({"num_format": "mmm yy"})
    chart.set_y_axis({"name": currency, "num_format": "#,##0"})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 620, "height": 320})
    sheet.ws.insert_chart(row, col, chart)
