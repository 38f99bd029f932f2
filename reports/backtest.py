"""The page of a backtest: would the forecast have been trusted, line by line, and what explains the difference."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from reports import backtest_figures as figures
from reports.page import render
from reports.statement import month_name
from scenarios.finance.backtest.habits import ASKED, COVERAGE, MATTERS, OUTCOMES, Effect
from scenarios.finance.backtest.planned import totals
from scenarios.finance.backtest.scored import BY_NAME, CLOSE, LINES, Measure
from scenarios.finance.backtest.whole import Backtest
from scenarios.finance.forecast_document import SPREAD
from scenarios.numerals import NONE, integer, listed, money, number, percent, signed, significant

SIMPLE = {"last_value": "last value", "same_month_last_year": "same month last year", "chain_ladder": "chain ladder"}
NAMES = ("backtest.html", "backtest.json", "months.csv", "plan_against_actual.csv")
"""What `loyalsim backtest` writes; the last only where the table tells a cost"""
_TRUST = {
    "yes": "Yes, you could have trusted it",
    "part": "You could have trusted it in part",
    "no": "No, you could not have trusted it",
}
_PARTS = ("plan", "actual", "difference", "volume", "mix", "behaviour", "rate")


def backtest_files(b: Backtest) -> dict[str, str | bytes]:
    """Page, data and tables of a backtest, by name (NAMES)."""
    files: dict[str, str | bytes] = {
        "backtest.html": backtest_page(b),
        "backtest.json": json.dumps(document(b), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "months.csv": _csv(month_rows(b)),
    }
    if b.variances:
        rows = [{"month": m.isoformat(), **{p: f"{getattr(v, p) / 100:.2f}" for p in _PARTS}}
                for m, v in zip(b.months, b.variances, strict=True)]  # fmt: skip
        files["plan_against_actual.csv"] = _csv(rows)
    return files


def answer(b: Backtest) -> str:
    """Whether the forecast would have been trusted, in a few sentences."""
    held, failed = ([m for m in b.main if m.held == yes] for yes in (True, False))
    said = [f"{_TRUST[b.trust]}: made on {b.provenance['forecast_from']} for {_months(len(b.months))},"]
    if held:
        said.append(f"it held for {listed(_miss(m) for m in held)}" + ("," if failed else "."))
    if failed:
        said.append(("but " if held else "it ") + f"did not hold for {listed(_miss(m) for m in failed)}.")
    said += [f"{BY_NAME[a].title} are one series with {BY_NAME[c].title.lower()} here, and count once." for a, c in
             b.one_series.items()]  # fmt: skip
    inside, of = b.inside
    bands = "its bands were too narrow" if b.too_narrow else "its bands were not shown to be too narrow"
    said.append(f"Of {of} monthly figures {inside} lay between P10 and P90, where {percent(0.8, 0)} are promised: {bands}.")
    beaten = [f"{m.line.title.lower()} by {listed(SIMPLE[n] for n in m.beaten)}" for m in b.main if m.beaten]
    said.append(f"Month by month it was beaten for {listed(beaten)}." if beaten else
                "Month by month it beat every simple forecast on every main line that was scored.")  # fmt: skip
    unseen = [line.title.lower() for line in LINES if line.main and line.name not in b.measures]
    if unseen:
        said.append(f"Not scored: {listed(unseen)}.")
    return " ".join(said)


def habits_answer(b: Backtest) -> str:
    """What was found of members' habits, in a sentence."""
    asked = [e for e in b.habits if e.verdict != "not asked"]
    found = [e for e in asked if e.verdict == "found"]
    if not asked:
        return "Nothing could be asked of these rows."
    if not found:
        return (
            "No effect found: neither buying nor redeeming was seen to depend on "
            f"{listed(dict.fromkeys(e.asked for e in asked))}, in {len(asked)} questions."
        )
    return "Found: " + "; ".join(f"{e.outcome} depends on {e.asked} ({_change(e)})" for e in found) + "."


def backtest_page(b: Backtest) -> str:
    """The backtest as one self-contained HTML page."""
    p = b.provenance
    calibration = b.fitted.calibration
    return render(
        "backtest.html",
        title=f"Backtest of {b.name}, {month_name(b.months[0])} to {month_name(b.months[-1])}",
        b=b,
        answer=answer(b),
        close=percent(CLOSE, 0),
        wholes=[_whole_row(b, m) for m in b.measures.values()],
        simple=[name for name in SIMPLE if any(name in m.simple for m in b.measures.values())],
        simple_titles=SIMPLE,
        scores=[_score_row(b, m) for m in b.measures.values()],
        against=[_against_row(m) for m in b.measures.values()],
        months=figures.months(b),
        variance=figures.variance(b),
        variances=_variance_rows(b),
        habits_answer=habits_answer(b),
        habits=[_habit_row(e) for e in b.habits],
        questions=sum(e.verdict != "not asked" for e in b.habits),
        one_series=[(BY_NAME[a].title, BY_NAME[c].title.lower()) for a, c in b.one_series.items()],
        matters=percent(MATTERS, 0),
        sure=percent(COVERAGE, 0),
        numbers=[{"name": n.name, "value": significant(n.value), "unit": n.unit, "says": n.says} for n in b.fitted.numbers],
        parameters=_parameters(calibration, b.currency),
        model=None if calibration is None else calibration["choice"]["model"],
        provenance={
            "Activity": p["activity"],
            "Fitted": f"{p['fitted_from']} to {p['fitted_to']}, {integer(p['rows_before'])} member days or months",
            "Held out": f"{p['forecast_from']} to {p['forecast_to']}, {integer(p['rows_after'])} member days or months",
            "SHA-256 of the fitted rows": p["digest_before"],
            "Scenario": p["scenario"],
            "Members at the start": integer(p["members"]),
            "Replications": str(p["replications"]),
            "Seed": str(p["seed"]),
            "loyalsim": p["version"],
        },
    )


def month_rows(b: Backtest) -> list[dict[str, Any]]:
    """A row a line and month: actual, band, simple forecasts."""
    rows = []
    for m in b.measures.values():
        for k, month in enumerate(b.months):
            low, middle, high, mean = m.band[k, :4]
            rows.append(
                {
                    "line": m.line.name, "month": month.isoformat(), "actual": _plain(m.actual[k]), "p10": _plain(low),
                    "p50": _plain(middle), "p90": _plain(high), "mean": _plain(mean),
                    **{name: _plain(m.simple[name][k]) if name in m.simple else None for name in SIMPLE},
                }
            )  # fmt: skip
    return rows


def document(b: Backtest) -> dict[str, Any]:
    """Everything that the page says, as plain data."""
    lines = {
        name: {
            "title": m.line.title,
            "whole_period": {
                "is": m.line.whole, "actual": _plain(m.whole_actual),
                **dict(zip(SPREAD[:4], map(_plain, m.whole[:4]), strict=True)),
                "off": _plain(m.off), "inside": m.inside, "held": m.held,
                **{other: _plain(value) for other, value in m.whole_simple.items()},
            },
            "score": _tree(asdict(m.score)),
            "beaten_by": m.beaten,
            "counted_as": b.one_series.get(name, name) if m.line.main else None,
            "past": [_plain(x) for x in m.past],
        }
        for name, m in b.measures.items()
    }  # fmt: skip
    variances = [
        {"month": m.isoformat(), **{p: getattr(v, p) for p in _PARTS}} for m, v in zip(b.months, b.variances, strict=False)
    ]
    return {
        "answer": answer(b),
        "trust": b.trust,
        "provenance": b.provenance,
        "lines": lines,
        "months": month_rows(b),
        "plan_against_actual": {"unit": f"0.01 {b.currency}", "event": b.event, "months": variances},
        "habits": _tree([asdict(e) for e in b.habits]),
        "fitted": {
            "numbers": _tree([asdict(n) for n in b.fitted.numbers]),
            "population": b.fitted.scenario.population.model_dump(),
        },
        "rules": [asdict(r) for r in b.rules],
        "notes": b.notes,
        "not_possible": b.missing,
    }


def _whole_row(b: Backtest, m: Measure) -> dict[str, Any]:
    show, unit = _shown(b, m), f"\u00a0{b.currency}"
    return {
        "title": m.line.title, "note": _WHOLE[m.line.whole] + _counts(b, m),
        "middle": show(m.whole[1]),
        "band": f"{show(m.whole[0]).removesuffix(unit)} to {show(m.whole[2])}", "actual": show(m.whole_actual),
        "off": _signed(m.off),
        "inside": "inside" if m.inside else "outside", "held": "yes" if m.held else "no",
    }  # fmt: skip


def _score_row(b: Backtest, m: Measure) -> dict[str, Any]:
    s, show = m.score, _shown(b, m)
    crps, pinball = (number(loss) if m.line.unit != "money" and loss < 100 else show(loss) for loss in (s.crps, s.pinball))
    low, high = s.coverage_interval
    return {
        "title": m.line.title, "error": percent(s.relative_error), "bias": _signed(s.mean_error / _size(m)),
        "coverage": f"{round(s.coverage * len(m.actual))} of {len(m.actual)}",
        "chance": f"{percent(low, 0)} to {percent(high, 0)}", "width": percent(s.relative_width),
        "widths": f"{percent(s.width_interval[0] / _size(m))} to {percent(s.width_interval[1] / _size(m))}",
        "crps": crps, "pinball": pinball,
    }  # fmt: skip


def _against_row(m: Measure) -> dict[str, Any]:
    def shares(skill: dict[str, float]) -> dict[str, str]:
        return {name: percent(skill[name], 0) if name in skill else NONE for name in SIMPLE}

    return {"title": m.line.title, "middle": shares(m.score.skill_of_middle), "skill": shares(m.score.skill)}


def _variance_rows(b: Backtest) -> list[dict[str, Any]]:
    def cells(values: dict[str, int]) -> list[str]:
        return [money(values[part] / 100, digits=0) for part in _PARTS]

    rows = [
        {"when": month_name(month), "cells": cells({p: getattr(v, p) for p in _PARTS}), "strong": False}
        for month, v in zip(b.months, b.variances, strict=False)
    ]
    return [*rows, {"when": "Whole period", "cells": cells(totals(b.variances)), "strong": True}] if rows else []


def _habit_row(e: Effect) -> dict[str, str]:
    words = {"none": "no effect found", "found": "found", "too small": "too small to matter", "not asked": "not asked"}
    known = math.isfinite(e.estimate)
    return {
        "outcome": OUTCOMES[e.outcome], "asked": ASKED[e.asked], "estimate": _signed(e.estimate) if known else NONE,
        "interval": f"{_signed(e.low)} to {_signed(e.high)}" if known else NONE, "members": integer(e.members),
        "verdict": words[e.verdict], "says": e.says if e.verdict == "not asked" or e.says.startswith("between") else "",
    }  # fmt: skip


def _parameters(report: dict[str, Any] | None, currency: str) -> list[dict[str, str]]:
    if report is None:
        return []
    return [
        {"name": name, "value": significant(p["value"]), "says": p["meaning"],
         "unit": p["unit"].replace("currency units", currency) or NONE,
         "band": f"{significant(p['low'])} to {significant(p['high'])}" if p["low"] != p["high"] else NONE}
        for name, p in report["parameters"].items()
    ]  # fmt: skip


_WHOLE = {"sum": "sum of the months", "mean": "mean of the months", "last": "at the end"}


def _counts(b: Backtest, m: Measure) -> str:
    """Whether trust is judged by the line."""
    if m.line.name in b.one_series:
        return f", one series with {BY_NAME[b.one_series[m.line.name]].title.lower()}, counted there"
    return ", a main line" if m.line.main else ""


def _miss(m: Measure) -> str:
    if not math.isfinite(m.off):
        return f"{m.line.title.lower()} (nothing happened)"
    way = "too high" if m.off > 0 else "too low"
    return f"{m.line.title.lower()} ({percent(abs(m.off))} {way}, {'inside' if m.inside else 'outside'} its band)"


def _shown(b: Backtest, m: Measure) -> Any:
    return (lambda x: money(float(x), b.currency)) if m.line.unit == "money" else (lambda x: integer(float(x)))


def _size(m: Measure) -> float:
    return float(abs(m.actual).mean()) or float("nan")


def _change(e: Effect) -> str:
    return f"{_signed(e.estimate)}, {_signed(e.low)} to {_signed(e.high)}"


def _signed(value: float) -> str:
    return signed(percent(value))


def _months(count: int) -> str:
    return "one month" if count == 1 else f"{number(count, 0)} months"


def _csv(rows: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    pd.DataFrame(rows).to_csv(buffer, index=False)
    return buffer.getvalue()


def _plain(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _tree(found: Any) -> Any:
    """Data without numbers that JSON does not have."""
    if isinstance(found, dict):
        return {name: _tree(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [_tree(value) for value in found]
    return _plain(found) if isinstance(found, float) else found
