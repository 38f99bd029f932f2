"""The finance reader's page and files: what the programme costs, what is owed, and how wrong that can be."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reports import forecast_figures as figures
from reports.forecast_words import accrued_sentence, answer, left_out
from reports.page import render
from reports.points_owed import owed_rows, owed_sentence, owed_spread
from reports.redemption import methods
from reports.statement import (
    COST_TITLES,
    OWED_TITLES,
    ROLL_TITLES,
    THIRD_TITLES,
    TITLES,
    Statement,
    by_line,
    month_name,
    provenance,
)
from reports.what_if import RUSH, RunOff, Variant, run_off_answer, run_off_rows, variant_rows
from reports.what_if_figures import by_cause, owed_differences, run_off_fans
from reports.workbook import workbook
from scenarios.finance.closing import spread_by_cause
from scenarios.finance.cost_view import LINES as COST
from scenarios.finance.forecast_document import DEFINITIONS, LINES, spread_of
from scenarios.finance.roll_forward import LINES as ROLL
from scenarios.numerals import integer, money, percent
from sim.tally import TALLIES
from sim.typing import Floats, Ints

WHOLE = "Whole period"
BAND = ("p10", "p50", "p90", "mean")


NAMES = ("forecast.html", "forecast.xlsx", "summary.json", "lines.parquet")
"""What `loyalsim forecast` writes"""


def forecast_files(
    statements: Sequence[Statement], variants: Sequence[Variant] = (), run: RunOff | None = None
) -> dict[str, str | bytes]:
    """The files of NAMES: page and workbook of all; summary and lines of the first statement.

    variants: the first under changed terms; run: its programme closed where it starts.
    """
    first = statements[0]
    buffer = io.BytesIO()
    first.forecast.lines.to_parquet(buffer, index=False, compression="zstd")
    return {
        "forecast.html": forecast_page(statements, variants, run),
        "forecast.xlsx": workbook(statements, variants, run),
        "summary.json": json.dumps(summary(first, variants, run), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "lines.parquet": buffer.getvalue(),
    }


def summary(statement: Statement, variants: Sequence[Variant] = (), run: RunOff | None = None) -> dict[str, Any]:
    """The main figures as data; differences of variants are paired, by line of the whole period."""
    f, risk = statement.forecast, statement.forecast.budget
    p10, p50, p90, mean, luck, parameters = (_plain(x) for x in statement.whole_cost())
    third = statement.third
    deferred = 0.0 if statement.as_agent or statement.roll is None else float(statement.closing()[-1])
    return {
        "answer": answer(statement),
        "currency": f.currency,
        "months": len(f.months),
        "cost": {"mean": mean, "p10": p10, "p50": p50, "p90": p90, "luck_sd": luck, "parameter_sd": parameters},
        "peak_month": f.peak_month.isoformat(),
        "budget": None
        if risk is None
        else {
            "budget": risk.budget,
            "by_month": risk.plan.tolist(),
            "at_risk": risk.at_risk,
            "level": risk.level,
            "overrun": risk.probability,
            "early_warning": None if risk.early_warning is None else f.months[risk.early_warning].isoformat(),
        },
        "deferred_revenue": None if statement.roll is None else deferred,
        "deferred_revenue_band": _last(np.zeros((1, 4)) if statement.as_agent else statement.closing_spread()),
        "points_owed_by_members": _last(owed_spread(statement)),
        "accrued_cost": None if statement.cost is None else float(statement.cost.total()["closing"][-1]) / statement.unit,
        "accrued_cost_band": _last(statement.accrued_spread()),
        "due_to_third_party": None if third is None else float(third.owed_to_partner[-1]) / statement.unit,
        "due_to_third_party_band": _last(statement.due_spread()),
        "changes": {v.said: {line: {n: _plain(found[n]) for n in BAND} for line, found in v.whole.items()} for v in variants},
        "run_off": None if run is None else _run_off(run),
        "left_out": left_out(statement),
        "provenance": f.provenance,
    }


def _run_off(run: RunOff) -> dict[str, Any]:
    redeemed, cost = run.points("points_redeemed", cumulative=True)[-1], run.cost(cumulative=True)[-1]
    return {
        "answer": run_off_answer(run),
        "months": len(run.statement.forecast.months),
        "opening_points": run.opening,
        "deferred_revenue": run.owed,
        "due_to_third_party": _last(run.statement.due_spread()),
        "points_redeemed": {n: _plain(x) for n, x in zip(BAND, redeemed[:4], strict=True)},
        "cost": {n: _plain(x) for n, x in zip(BAND, cost[:4], strict=True)},
    }


def forecast_page(statements: Sequence[Statement], variants: Sequence[Variant] = (), run: RunOff | None = None) -> str:
    """The report as one self-contained HTML page, of the first statement; the others stand beside it in one table."""
    s = statements[0]
    f = s.forecast
    return render(
        "forecast.html",
        title=f"What {f.name} costs and what is owed",
        answer=answer(s),
        f=f,
        rests=rests_on(s),
        cost_fans=figures.cost_fans(s),
        cost_by_line=figures.cost_by_line(s),
        liability_fan=figures.liability_fan(s),
        waterfall=None if s.as_agent else figures.waterfall(s),
        heat_map=figures.heat_map(s),
        split=figures.split(s),
        single=len(f.values) == 1,
        peak=month_name(f.peak_month),
        totals=total_rows(s),
        overruns=overrun_rows(s),
        spread_budget=f.budget is not None and f.budget.spread,
        years=roll_rows(s),
        roll_titles=list(ROLL_TITLES.values()),
        rates=rate_rows(s),
        basis=s.basis,
        names=[x.forecast.name for x in statements],
        scenarios=scenario_rows(statements) if len(statements) > 1 else [],
        causes=cause_rows(statements),
        by_cause=by_cause(statements),
        changes=[v.said for v in variants],
        change_rows=variant_rows(variants),
        owed_differences=owed_differences(variants),
        run_off=None if run is None else run_off_answer(run),
        run_off_fans=None if run is None else run_off_fans(run),
        run_off_rows=[] if run is None else run_off_rows(run),
        run_off_worth=None if run is None else money(run.worth, f.currency),
        rush=RUSH,
        accrued=accrued_sentence(s),
        cost_titles=list(COST_TITLES.values()),
        cost_rows=cost_rows(s),
        points_owed=owed_sentence(s),
        points_owed_rows=owed_rows(s),
        third=None if s.third is None else s.third.role,
        third_titles=list(THIRD_TITLES.values()),
        third_rows=third_rows(s),
        left_out=left_out(s),
        provenance=provenance(s),
    )


def rests_on(statement: Statement) -> str:
    """Whom and how often was simulated."""
    f = statement.forecast
    text = f"{integer(f.members)} members at the start, {integer(len(f.values))} replications, "
    text += f"{month_name(f.months[0])} to {month_name(f.months[-1])}; amounts in {f.currency} for all members together."
    return text + (" One replication shows no spread: no band on this page." if len(f.values) == 1 else "")


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
        found.append({"title": TITLES[line], "says": says, "worth": money(present[line]["mean"]), **row})
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
    for line in LINES:
        cells = []
        for s in statements:
            values = s.forecast.of(line).sum(axis=1)
            low, _, high, mean, *_ = spread_of(values, values[:0])
            band = f"{money(float(low))} to {money(float(high))}" if math.isfinite(low) else ""
            cells.append((money(float(mean)), band) if values.any() else ("–", ""))
        if any(s.forecast.of(line).any() for s in statements):
            rows.append({"title": TITLES[line], "cells": cells})
    owed = []
    for s in statements:
        spread = s.closing_spread()
        low, _, high, mean = (math.nan,) * 4 if spread is None else spread[-1]
        band = f"{money(float(low))} to {money(float(high))}" if math.isfinite(low) else ""
        owed.append((money(float(mean)) if math.isfinite(mean) else "–", band))
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


def _last(spread: Floats | None) -> dict[str, float | None] | None:
    """The last row of (months, 4) BAND."""
    return None if spread is None else {name: _plain(x) for name, x in zip(BAND, spread[-1], strict=True)}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
