"""The finance reader's page and files: what the programme costs, what is owed, and how wrong that can be."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import forecast_figures as figures
from reports.comparison import measures_parquet
from reports.forecast_tables import (
    BAND,
    cause_rows,
    cost_rows,
    overrun_rows,
    rate_rows,
    roll_rows,
    scenario_rows,
    third_rows,
    total_rows,
)
from reports.forecast_words import accrued_sentence, answer, left_out
from reports.page import render
from reports.points_owed import owed_rows, owed_sentence, owed_spread
from reports.statement import COST_TITLES, ROLL_TITLES, THIRD_TITLES, Statement, month_name, provenance
from reports.what_if import RunOff, Variant, run_off_answer, run_off_rows, variant_rows
from reports.what_if_figures import by_cause, owed_differences, run_off_fans
from reports.workbook import workbook
from scenarios.finance.forecast_document import LINES, Forecast
from scenarios.numerals import integer, money
from sim.typing import Floats

NAMES = ("forecast.html", "forecast.xlsx", "summary.json", "lines.parquet", "runs.parquet", "reruns.parquet")
"""What `loyalsim forecast` writes"""


def forecast_files(
    statements: Sequence[Statement], variants: Sequence[Variant] = (), run: RunOff | None = None
) -> dict[str, str | bytes]:
    """The files of NAMES: page, workbook and runs of all; summary and lines of the first statement.

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
        "runs.parquet": measures_parquet(pd.concat([_by_run(s.forecast, s.forecast.values) for s in statements])),
        "reruns.parquet": measures_parquet(pd.concat([_by_run(s.forecast, s.forecast.luck_values) for s in statements])),
    }


def _by_run(forecast: Forecast, values: Floats) -> pd.DataFrame:
    """What `measures_parquet` takes, of (replications, months, lines)."""
    replication, month, line = (axis.ravel() for axis in np.indices(values.shape))
    measure = np.array(LINES, dtype=object)[line]
    columns = {"replication": replication, "month": month, "group": "all", "measure": measure, "value": values.ravel()}
    return pd.DataFrame({"scenario": forecast.name, **columns})


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
        "notes": run.notes,
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
        run_off_notes=[] if run is None else run.notes,
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


def _last(spread: Floats | None) -> dict[str, float | None] | None:
    """The last row of (months, 4) BAND."""
    return None if spread is None else {name: _plain(x) for name, x in zip(BAND, spread[-1], strict=True)}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
