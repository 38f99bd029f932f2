"""The fit report: how well the calibrated members match the transactions they came from."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from markupsafe import Markup

from reports.page import COLOURS, figure, figure_svg, render
from scenarios.calibration import Calibration
from scenarios.calibration.panel import BUSY
from scenarios.numerals import integer, percent

ACTUAL, FITTED = COLOURS[6], COLOURS[0]
_MEASURES = {
    "purchases": ("Purchases", "one a member and day"),
    "active_members": ("Active members", "with at least one purchase"),
    "value": ("Value", "in the currency of the data"),
}


def fit_files(calibration: Calibration) -> dict[str, str | bytes]:
    """What `loyalsim calibrate` writes: population.yaml, fit.html and fit.json, by name."""
    return {
        "population.yaml": calibration.document,
        "fit.html": fit_page(calibration.report),
        "fit.json": json.dumps(calibration.report, indent=1, ensure_ascii=False) + "\n",
    }


def fit_page(report: dict[str, Any]) -> str:
    """The fit report as one self-contained HTML page; `report` is the content of fit.json."""
    source, period = report["source"], report["period"]
    return render(
        "fit.html",
        title=f"Fit of {source['file']}",
        report=report,
        answer=answer(report),
        measures=[
            {"name": name, "note": note, **report["holdout"][key], **_verdict(report["holdout"][key])}
            for key, (name, note) in _MEASURES.items()
        ]
        if "holdout" in report
        else [],
        candidates=sorted(report["choice"]["candidates"], key=lambda c: c["miss"]),
        weekly=_weekly(report),
        frequency=_bars(report["frequency"], "purchases in the fitted period", "members"),
        gaps=_bars(report["gaps"], "days between two purchases of a member", "gaps"),
        season=_season(report),
        provenance={
            "Data": f"{source['file']}, {integer(source['rows'])} rows",
            "SHA-256": source["sha256"],
            "Columns": ", ".join(f"{role}: {name}" for role, name in source["columns"].items()),
            "Fitted period": f"{period['start']} to {period['end']}",
            "Members before the rows": source["members_before"],
            "Seed": source["seed"],
        },
    )


def answer(report: dict[str, Any]) -> str:
    """The page in a sentence or two, how many rows were left out where they are more than one in a hundred, and that one member
    has many of them.
    """
    lost = {r["name"]: r["count"] for r in report["rules"] if r["left_out"] and r["count"]}
    rows, said = report["source"]["rows"], _found(report)
    if sum(lost.values()) > 0.01 * rows:
        what = ", ".join(f"{name} {integer(count)}" for name, count in lost.items())
        said += f" {percent(sum(lost.values()) / rows)} of the rows were left out: {what}."
    busy = sum(r["count"] for r in report["rules"] if r["name"] == BUSY)
    if busy:
        said += f" One member has {percent(busy / rows)} of the rows: leave them out if the id stands for customers not known."
    return said


def _found(report: dict[str, Any]) -> str:
    period = report["period"]
    start = (
        f"{integer(period['members'])} members and {integer(period['purchases'])} purchases from "
        f"{period['start']} to {period['end']} were described by the model: {report['choice']['model']}."
    )
    if "holdout" not in report:
        return start + " No period was held out, so how well it forecasts was judged inside the data only."
    purchases = report["holdout"]["purchases"]
    inside = [k for k in _MEASURES if _verdict(report["holdout"][k])["inside"]]
    names = {"purchases": "purchases", "active_members": "active members", "value": "value"}
    covered = (
        "All three measures lie inside their 80 % intervals."
        if len(inside) == len(_MEASURES)
        else "Outside its 80 % interval: " + ", ".join(names[k] for k in _MEASURES if k not in inside) + "."
    )
    return (
        f"{start} For the {report['holdout']['days']} days held out it forecast "
        f"{integer(purchases['forecast'])} "
        f"purchases ({integer(purchases['low'])} to {integer(purchases['high'])}); there were "
        f"{integer(purchases['actual'])}, so the forecast was off by {percent(_verdict(purchases)['miss'])}. "
        f"{covered}"
    )


def _verdict(measure: dict[str, float]) -> dict[str, Any]:
    miss = measure["forecast"] / measure["actual"] - 1 if measure["actual"] else float("nan")
    return {"miss": miss, "inside": measure["low"] <= measure["actual"] <= measure["high"]}


def _weekly(report: dict[str, Any]) -> Markup:
    weekly, period = report["weekly"], report["period"]
    start = dt.date.fromisoformat(period["start"])
    whole = len(weekly["actual"])
    past: Any = [start + dt.timedelta(days=7 * w) for w in range(whole)]
    cut = start + dt.timedelta(days=weekly["forecast_from_day"])
    full = weekly["forecast_days"] // 7
    ahead: Any = [cut + dt.timedelta(days=7 * w) for w in range(full)]
    fig, axes = figure(7.2, 3.8)
    axes.plot(past, weekly["actual"], color=ACTUAL, linewidth=1.2, marker="o", markersize=2.5, label="actual")
    axes.plot(past, weekly["fitted"], color=FITTED, label="fitted")
    axes.fill_between(
        ahead,
        weekly["low"][:full],
        weekly["high"][:full],
        color=FITTED,
        alpha=0.18,
        linewidth=0,
        label="80 % interval",
    )
    axes.plot(ahead, weekly["forecast"][:full], color=FITTED, linestyle="--", label="forecast")
    if "after" in weekly:
        axes.plot(ahead, weekly["after"][:full], color=ACTUAL, linewidth=1.2, marker="o", markersize=2.5)
    axes.axvline(ahead[0], color="#777777", linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("purchases a week")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return figure_svg(
        fig,
        f"Purchases in each week: actual and fitted from {period['start']}, and from {cut} on the forecast "
        "with its 80 % interval",
    )


def _bars(data: dict[str, Any], xlabel: str, ylabel: str) -> Markup:
    fig, axes = figure(7.2, 3.4)
    places = range(len(data["labels"]))
    axes.bar([p - 0.2 for p in places], data["actual"], width=0.4, color=ACTUAL, alpha=0.75, label="actual")
    axes.bar([p + 0.2 for p in places], data["fitted"], width=0.4, color=FITTED, label="fitted")
    axes.set_xticks(list(places), data["labels"], rotation=45 if len(data["labels"]) > 10 else 0, ha="right")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper right")
    return figure_svg(fig, f"{ylabel} by {xlabel}, actual beside fitted")


def _season(report: dict[str, Any]) -> Markup | None:
    factors = report["population"]["season"]
    if factors is None:
        return None
    fig, axes = figure(7.2, 2.8)
    axes.bar(range(1, 54), [f - 1 for f in factors], bottom=1, color=FITTED, width=0.8)
    axes.axhline(1, color="#555555", linewidth=0.8)
    axes.set_xlabel("week of the year")
    axes.set_ylabel("factor on purchases")
    return figure_svg(fig, "Season: factor on the purchase rate by week of the year")
