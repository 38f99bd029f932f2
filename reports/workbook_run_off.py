"""The sheet of a programme that closes: points, cost and deferred revenue until nothing is left."""

from __future__ import annotations

from reports.what_if import RunOff
from reports.workbook_checks import Checks
from reports.workbook_sheet import Book, near

_FIRST = 4
_HEADS = (
    "Month", "Opening points", "Redeemed", "Expired or clawed back", "Points left", "Left, as simulated", "Left: P10", "P50",
    "P90", "Benefit cost, mean", "P10", "P90", "Cost so far, mean", "Deferred revenue, mean", "P10", "P50", "P90",
)  # fmt: skip


def run_off_sheet(book: Book, run: RunOff, checks: Checks) -> None:
    """Means by month; opening, points left and cost so far are formulas. Below, what ends at the closing and what goes on."""
    f = run.statement.forecast
    sheet = book.sheet("Run-off", f"The programme closed on {f.provenance['start']}: nothing more is earned or given; "
                       f"{f.currency}, mean of {len(f.values)} replications.")  # fmt: skip
    sheet.head(_FIRST - 1, _HEADS, [13, *[15] * (len(_HEADS) - 1)])
    sheet.ws.set_row(_FIRST - 1, 30)
    left, cost, owed = run.points("points_outstanding"), run.cost(), run.deferred()
    redeemed, expired, clawed = (run.points(name)[:, 3] for name in ("points_redeemed", "points_expired", "points_clawed_back"))
    gone = [-redeemed, -expired - clawed]
    last = _FIRST + len(f.months) - 1
    so_far = 0.0
    for m, month in enumerate(f.months):
        row = _FIRST + m
        sheet.write((row, 0), month, "month")
        if m:
            sheet.formula((row, 1), f"={near((row - 1, 4))}", sheet.number((row - 1, 4)), "count")
        else:
            sheet.write((row, 1), run.opening, "count")
        sheet.row(row, [float(values[m]) for values in gone], "count", 2)
        sheet.total((row, 4), (row, 1), (row, 3), "count")
        sheet.row(row, [float(x) for x in left[m, [3, 0, 1, 2]]], "count", 5)
        sheet.row(row, [float(x) for x in cost[m, [3, 0, 2]]], "money", 9)
        so_far += float(cost[m, 3])
        sheet.formula((row, 12), f"={near((row - 1, 12)) + '+' if m else ''}{near((row, 9))}", so_far)
        if owed is not None:
            sheet.row(row, [float(x) for x in owed[m, [3, 0, 1, 2]]], "money", 13)
    end = last + 1
    sheet.write((end, 0), "Whole period", "label total")
    for col in (2, 3):
        sheet.total((end, col), (_FIRST, col), (last, col), "count total")
    sheet.total((end, 9), (_FIRST, 9), (last, 9))
    ours, simulated = sheet.area((_FIRST, 4), (last, 4)), sheet.area((_FIRST, 5), (last, 5))
    checks.same("Run-off: points", "Opening - redeemed - expired or clawed back = points left as simulated, every month", ours,
                simulated, tolerance=1e-4)  # fmt: skip
    taken = sheet.number((end, 2)) + sheet.number((end, 3))
    checks.equal(
        "Run-off: whole period", "Points at the start = redeemed + expired or clawed back + left at the end",
        f"={sheet.ref((_FIRST, 1))}", sheet.number((_FIRST, 1)),
        f"=-{sheet.ref((end, 2))}-{sheet.ref((end, 3))}+{sheet.ref((last, 5))}", sheet.number((last, 5)) - taken, tolerance=1e-4,
    )  # fmt: skip
    for k, sentence in enumerate(run.notes):
        row = end + 2 + k
        sheet.ws.set_row(row, 15 * (1 + len(sentence) // 190))
        sheet.merge((row, 0), (row, 12), sentence, "wrap")
    chart = book.book.add_chart({"type": "line"})
    for name, col, dash in (("P10", 6, "dash"), ("P50", 7, "solid"), ("P90", 8, "dash")):
        chart.add_series(
            {
                "name": name, "categories": [sheet.name, _FIRST, 0, last, 0], "values": [sheet.name, _FIRST, col, last, col],
                "line": {"color": "#0072B2", "width": 1.75, "dash_type": dash},
            }
        )  # fmt: skip
    chart.set_title({"name": "Points left after closing", "name_font": {"size": 12}})
    chart.set_x_axis({"num_format": "mmm yy"})
    chart.set_y_axis({"num_format": "#,##0"})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 620, "height": 320})
    sheet.ws.insert_chart(end + 3 + len(run.notes), 0, chart)
