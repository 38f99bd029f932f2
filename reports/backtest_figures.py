"""Figures of a backtest: each line month by month beside what happened, and what explains the cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from reports.page import COLOURS, figure, figure_svg, panels
from reports.statement import month_name
from scenarios.finance.backtest.whole import Backtest
from scenarios.numerals import integer

PARTS = {"volume": COLOURS[5], "mix": COLOURS[4], "behaviour": COLOURS[0], "rate": COLOURS[3]}
SHOWN = 12
"""months before the forecast that a figure shows"""


def months(b: Backtest) -> Markup:
    """Main lines: what was before, the band, the middle, what happened, and the last value carried on."""
    fig, axes = panels(len(b.main), height=2.5)
    for ax, m in zip(axes, b.main, strict=True):
        past = m.past[-SHOWN:]
        before: Any = b.before[-len(past) :]
        ahead: Any = b.months
        ax.plot(before, past, color=COLOURS[6], linewidth=1.2, marker="o", markersize=3, label="actual")
        ax.plot(ahead, m.actual, color=COLOURS[6], linewidth=1.2, marker="o", markersize=3)
        ax.fill_between(ahead, m.band[:, 0], m.band[:, 2], color=COLOURS[0], alpha=0.2, linewidth=0, label="P10 to P90")
        ax.plot(ahead, m.band[:, 1], color=COLOURS[0], marker="_", label="forecast, P50")
        ax.plot(ahead, m.simple["last_value"], color=COLOURS[1], linestyle=":", label="last value")
        if "chain_ladder" in m.simple:
            ax.plot(ahead, m.simple["chain_ladder"], color=COLOURS[2], linestyle="--", label="chain ladder")
        ax.axvline(before[-1], color="#777777", linewidth=0.8)
        ax.set_ylim(bottom=0)
        unit = b.currency if m.line.unit == "money" else m.line.unit.split(" a ")[0]
        ax.set_title(m.line.title if unit in m.line.title.lower() else f"{m.line.title}, {unit}", loc="left")
        ax.yaxis.set_major_formatter(lambda value, _: integer(value))
        shown: Any = [*before, *ahead][:: -(-len([*before, *ahead]) // 6)]
        ax.set_xticks(shown, [f"{day:%b %y}" for day in shown])
    rich = next((ax for ax, m in zip(axes, b.main, strict=True) if "chain_ladder" in m.simple), axes[0])
    handles, labels = rich.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=5, frameon=False)
    said = "; ".join(f"{m.line.title.lower()} {integer(m.whole[1])} forecast, {integer(m.whole_actual)} actual" for m in b.main)
    return figure_svg(fig, f"Forecast and actual by month: {said}.")


def variance(b: Backtest) -> Markup | None:
    """Parts of actual less plan by month, up and down from 0; None without a cost."""
    if not b.variances:
        return None
    fig, ax = figure(7.2, 3.0)
    at = np.arange(len(b.months))
    up, down = np.zeros(len(at)), np.zeros(len(at))
    for part, shade in PARTS.items():
        values = np.array([getattr(v, part) / 100 for v in b.variances])
        ax.bar(at, values, bottom=np.where(values >= 0, up, down), width=0.7, color=shade, label=part)
        up, down = up + np.maximum(values, 0), down + np.minimum(values, 0)
    whole = [v.difference / 100 for v in b.variances]
    ax.plot(at, whole, color=COLOURS[6], marker="D", linestyle="", markersize=5, label="difference")
    ax.axhline(0, color="#555555", linewidth=0.8)
    step = -(-len(at) // 6)
    ax.set_xticks(at[::step], [f"{day:%b %y}" for day in b.months[::step]])
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(f"actual less plan, {b.currency}")
    ax.yaxis.set_major_formatter(lambda value, _: integer(value))
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=5, frameon=False)
    said = f"What explains actual less plan, {integer(sum(whole))} over the period to {month_name(b.months[-1])}."
    return figure_svg(fig, said)
