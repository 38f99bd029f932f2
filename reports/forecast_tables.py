"""The tables of the finance reader's page, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reports.redemption import methods
from reports.statement import OWED_TITLES, THIRD_TITLES, TITLES, Statement, by_line, month_name
from scenarios.finance.closing import spread_by_cause
from scenarios.finance.cost_view import LINES as COST
from scenarios.finance.forecast_document import DEFINITIONS, LINES
from scenarios.finance.roll_forward import LINES as ROLL
from scenarios.numerals import NONE, integer, money, percent
from sim.tally import TALLIES
from sim.typing import Ints

WHOLE = "Whole period"
BAND = ("p10", "p50", "p90", "mean")


def total_rows(statement: Statement) -> list[dict[str, str]]:
    """Every line of the whole period: P10, P50, P90, mean, present value; all-zero lines left out."""
    f = statement.forecast
    totals, present = by_line(f.totals), by_line(f.present_value)
    found = []
    for line in LINES:
        if not f.of(line).any():
            continue
        row = {name: money(totals[line][name]) for name in BAND}
        says = DEFINITIONS.get(line) or TALLIES.get(line, "").replace("_", " ")
        if says in (line.replace("_", " "), TITLES[line].lower()):
            says = ""  # no more than the name
        found.append({"title": TITLES[line], "says": says, "worth": money(present[line]["mean"]), **row})
        if line == "fixed_cost":
            cost = dict(zip(BAND, map(money, statement.whole_cost()), strict=False))
            worth = money(sum(present[part]["mean"] for part in ("benefit_cost", "fixed_cost")))
            found.append({"title": "Cost", "says": "benefit and fixed cost", "worth": worth, **cost})
    share = {name: percent(totals["cost_share"][name]) for name in BAND}
    says = "benefit and fixed cost / gross sales"
    return [*found, {"title": "Cost, share of gross sales", "says": says, "worth": "", **share}]


def overrun_rows(statement: Statement) -> list[dict[str, str]]:
    """Budget so far, cost so far and the chance of an overrun at every third month end and the last."""
    f, risk = statement.forecast, statement.forecast.budget
    if risk is None:
        return []
    so_far, plan = statement.cost_spread(cumulative=True), statement.budget_so_far()
    last = len(f.months) - 1
    return [
        {
            "month": month_name(f.months[m]),
            "budget": money(float(plan[m])),
            "p50": money(float(so_far[m, 1])),
            "p90": money(float(so_far[m, 2])),
            "chance": percent(float(risk.overrun[m]), 0),
        }
        for m in range(len(f.months))
        if m % 3 == 2 or m == last
    ]


def roll_rows(statement: Statement) -> list[dict[str, Any]]:
    """The roll-forward by quarter of the forecast; the whole period by tier of earning, where there are several, and in all."""
    if statement.roll is None or statement.as_agent:
        return []
    total, tiers = statement.roll.total(), statement.roll.by_tier()
    *quarters, whole = _moves(statement, total, ROLL)
    by_tier = [
        _move(statement, f"Earned at {tier}", {name: values[:, k] for name, values in tiers.items()}, ROLL)
        for k, tier in enumerate(statement.tiers)
    ]
    return [*quarters, *(by_tier if len(by_tier) > 1 else []), whole]


def cost_rows(statement: Statement) -> list[dict[str, Any]]:
    """The incremental-cost view by quarter of the forecast, and the whole period; nothing where a point has no cost."""
    return [] if statement.cost is None else _moves(statement, statement.cost.total(), COST)


def _moves(statement: Statement, lines: dict[str, Ints], signs: dict[str, int]) -> list[dict[str, Any]]:
    """A roll-forward by quarter, where there are several, and of the whole period."""
    months = statement.forecast.months
    spans = [(start, min(start + 3, len(months))) for start in range(0, len(months), 3)]
    quarters = [
        _move(statement, f"to {months[end - 1]:%b %Y}", {name: values[start:end] for name, values in lines.items()}, signs)
        for start, end in spans
    ]
    return [*(quarters if len(quarters) > 1 else []), _move(statement, WHOLE, lines, signs)]


def _move(statement: Statement, when: str, lines: dict[str, Ints], signs: dict[str, int]) -> dict[str, Any]:
    """One row: opening of the first month, sums of what moves the balance, closing of the last."""
    cells = []
    for name, sign in signs.items():
        part = lines[name]
        minor = int(part[0] if name == "opening" else part[-1] if name == "closing" else sign * part.sum())
        cells.append(money(minor / statement.unit, digits=statement.digits))
    return {"when": when, "cells": cells, "strong": when == WHOLE}


def third_rows(statement: Statement) -> list[dict[str, Any]]:
    """Every third month end and the last: what is shown so far where the points are a third party's."""
    third, months = statement.third, statement.forecast.months
    if third is None:
        return []
    last = len(months) - 1
    return [
        {
            "when": month_name(months[m]),
            "cells": [
                integer(int(third.points[m])),
                *(money(int(getattr(third, n)[m]) / statement.unit, digits=statement.digits) for n in list(THIRD_TITLES)[1:]),
            ],
        }
        for m in range(len(months))
        if m % 3 == 2 or m == last
    ]


def rate_rows(statement: Statement) -> list[dict[str, str]]:
    """What each method says of the points ever redeemed."""
    rows = []
    for m in methods(statement):
        error = f" ± {integer(m.se)}" if math.isfinite(m.se) else ""
        rows.append(
            {
                "name": m.name,
                "says": m.says,
                "rate": percent(m.rate),
                "to_come": integer(m.to_come) + error,
                "outstanding": percent(m.outstanding_rate),
                "bias": percent(m.bias),
                "error": percent(m.error),
            }
        )
    return rows


def scenario_rows(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    """Totals side by side: mean, and P10 to P90."""
    rows = []
    totals = [by_line(s.forecast.totals) for s in statements]
    for line in LINES:
        cells = []
        for s, found in zip(statements, (total[line] for total in totals), strict=True):
            band = f"{money(found['p10'])} to {money(found['p90'])}" if math.isfinite(found["p10"]) else ""
            cells.append((money(found["mean"]), band) if s.forecast.of(line).any() else (NONE, ""))
        if any(s.forecast.of(line).any() for s in statements):
            rows.append({"title": TITLES[line], "cells": cells})
    owed = []
    for s in statements:
        spread = s.closing_spread()
        low, _, high, mean = (math.nan,) * 4 if spread is None else spread[-1]
        band = f"{money(float(low))} to {money(float(high))}" if math.isfinite(low) else ""
        owed.append((money(float(mean)) if math.isfinite(mean) else NONE, band))
    return [*rows, {"title": OWED_TITLES[statements[0].owed], "cells": owed}]


def cause_rows(statements: Sequence[Statement]) -> list[dict[str, str]]:
    """Spread of the main lines where it is open which scenario will hold, each as likely as the other; nothing of one alone."""
    if len(statements) < 2:
        return []
    table = spread_by_cause([s.forecast for s in statements])
    shown = table[table["line"].isin(["gross_sales", "benefit_cost", "net_margin", "incremental_margin"])]
    names = ("mean", "luck_sd", "parameter_sd", "scenario_sd", "total_sd")
    columns = [shown["line"].tolist(), *(shown[name].tolist() for name in names)]
    rows = zip(*columns, strict=True)
    return [{"title": TITLES[line], **dict(zip(names, map(money, values), strict=True))} for line, *values in rows]
