"""Figures of changed terms, of the run-off of a closed programme, and of a spread by its causes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from reports.forecast_figures import SPLIT, above, fan, variance_shares
from reports.page import figure_svg, panels
from reports.statement import TITLES, Statement
from reports.what_if import RunOff, Variant
from scenarios.finance.closing import spread_by_cause
from scenarios.numerals import integer, money, number

CAUSES = {"luck_sd": "luck", "parameter_sd": "not knowing the parameters", "scenario_sd": "which scenario holds"}


def owed_differences(variants: Sequence[Variant]) -> Markup | None:
    """What is owed for points under each change less that without it, at month ends; None without books."""
    shown = [(v, owed) for v in variants if (owed := v.owed) is not None]
    if not shown:
        return None
    fig, axes = panels(len(shown), height=2.3)
    for ax, (v, owed) in zip(axes, shown, strict=True):
        fan(ax, v.before.forecast.months, owed[["p10", "p50", "p90", "mean"]].to_numpy(float), v.said)
        ax.axhline(0, color="#555555", linewidth=0.8)
        ax.set_ylabel(f"{v.before.forecast.currency} more owed")
        above(ax)
    last = "; ".join(f"{v.said}: {money(float(owed['p50'].iloc[-1]))}" for v, owed in shown)
    return figure_svg(fig, f"What is owed for points under changed terms less that without the change; at the end (P50) {last}.")


def run_off_fans(run: RunOff) -> Markup:
    """Points left and what is deferred for them (or, without books, cost so far) after the programme has closed."""
    f, owed = run.statement.forecast, run.deferred()
    fig, (points, amount) = panels(2, height=2.3)
    fan(points, f.months, run.points("points_outstanding"), "points left")
    points.set_ylabel("points")
    shown, what = (run.cost(cumulative=True), "cost so far") if owed is None else (owed, "deferred revenue")
    fan(amount, f.months, shown, what)
    amount.set_ylabel(f"{f.currency} at month end")
    for ax in (points, amount):
        ax.set_ylim(bottom=0)
        above(ax)
    return figure_svg(fig, f"Run-off of {integer(run.opening)} points after closing.")


def by_cause(statements: Sequence[Statement]) -> Markup | None:
    """Shares of the variance of main lines by cause, each scenario as likely as the other; None of one, or without a spread."""
    if len(statements) < 2 or any(len(s.forecast.values) < 2 for s in statements):
        return None
    table: pd.DataFrame = spread_by_cause([s.forecast for s in statements]).set_index("line")
    lines = [line for line in SPLIT if float(table.loc[line, "total_sd"]) > 0]  # type: ignore[arg-type]
    if not lines:
        return None
    parts = np.nan_to_num(table.loc[lines, list(CAUSES)].to_numpy(float))
    shares = 100 * parts[0] ** 2 / (parts[0] ** 2).sum()
    said = ", ".join(f"{number(share, 0)} % {name}" for share, name in zip(shares, CAUSES.values(), strict=True))
    return variance_shares(
        [TITLES[line] for line in lines], parts, table.loc[lines, "total_sd"].to_numpy(float), list(CAUSES.values()),
        f"Spread of {TITLES[lines[0]].lower()} by cause: {said}.",
    )  # fmt: skip
