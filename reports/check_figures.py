"""Figures of a check: forest of predicted against observed, fan of the weeks, power of the check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from experiments.check_document import Comparison
from experiments.discrepancy import Spread, power_of_check
from experiments.effect_words import effect_text, size_text
from reports.page import COLOURS, figure, figure_svg, legend_above
from scenarios.numerals import percent

PREDICTED, OBSERVED, NEUTRAL = COLOURS[0], COLOURS[1], "#555555"


def forest(rows: Sequence[Comparison], alpha: float) -> Markup:
    """One metric: what was to be expected (bars) and what was seen (points), a line an arm or segment."""
    fig, ax = figure(7.2, 1.5 + 0.55 * len(rows))
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        low, high = row.interval
        ax.barh(place + 0.12, high - low, left=low, height=0.2, color=PREDICTED, alpha=0.25)
        ax.barh(
            place + 0.12,
            row.predicted_80[1] - row.predicted_80[0],
            left=row.predicted_80[0],
            height=0.2,
            color=PREDICTED,
            alpha=0.45,
        )
        ax.plot(row.predicted, place + 0.12, "|", color=PREDICTED, markersize=11, markeredgewidth=2)
        ax.errorbar(
            row.observed, place - 0.18, xerr=1.96 * row.observed_se, fmt="o", color=OBSERVED, capsize=3
        )
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    ax.use_sticky_edges = False  # a bar that begins at the axis would look cut off
    ax.set_yticks(places, [_name(row) for row in rows])
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"effect on {rows[0].metric}" + (f", {rows[0].unit}" if rows[0].unit else ""))
    ax.plot(
        [],
        [],
        color=PREDICTED,
        linewidth=6,
        alpha=0.45,
        label=f"expected live result, 80 % and {percent(1 - alpha, 0)}",
    )
    ax.plot([], [], "o", color=OBSERVED, label="observed, 95 %")
    legend_above(ax, 2)
    said = "; ".join(
        f"{_name(row)}: predicted {effect_text(row.predicted, row.scale)}, observed {effect_text(row.observed, row.scale)}"
        for row in rows
    )
    return figure_svg(fig, f"Forest plot of the effect on {rows[0].metric}. {said}.")


def fan(rows: Sequence[Comparison], alpha: float) -> Markup:
    """One metric by week: the predicted fan, and the observed line in it."""
    ordered = sorted(rows, key=lambda row: row.week or 0)
    weeks = [row.week or 0 for row in ordered]
    fig, ax = figure(7.2, 3.6)
    for bounds, shade in (
        ([row.interval for row in ordered], 0.18),
        ([row.predicted_80 for row in ordered], 0.3),
    ):
        low, high = np.array(bounds).T
        ax.fill_between(weeks, low, high, color=PREDICTED, alpha=shade, linewidth=0)
    ax.plot(weeks, [row.predicted for row in ordered], color=PREDICTED, label="predicted, with 80 % and "
            f"{percent(1 - alpha, 0)} of what was to be expected")  # fmt: skip
    if all(row.band for row in ordered):
        low, high = np.array([row.band for row in ordered]).T
        ax.plot(weeks, low, ":", color=PREDICTED, linewidth=1)
        ax.plot(
            weeks, high, ":", color=PREDICTED, linewidth=1, label=f"{percent(1 - alpha, 0)} for all weeks at once"
        )
    ax.plot(weeks, [row.observed for row in ordered], "o-", color=OBSERVED, label="observed")
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_xticks(weeks if len(weeks) <= 16 else weeks[:: len(weeks) // 12 + 1])
    ax.set_xlabel("week of the experiment")
    ax.set_ylabel("effect" + (f", {ordered[0].unit}" if ordered[0].unit else ""))
    legend_above(ax, 1)
    outside = [str(row.week) for row in ordered if row.outside_band]
    where = f"outside the band in week {', '.join(outside)}" if outside else "inside the band in every week"
    alt = f"Effect on {ordered[0].metric} of {ordered[0].arm} by week: the observed line is {where}."
    return figure_svg(fig, alt)


def power_curve(rows: Sequence[Comparison], alpha: float) -> Markup:
    """How likely this check was to find a simulator that is off, by how far off it is; a curve a metric.

    Metrics with a margin are drawn against the bias as a share of it, others are left out.
    """
    fig, ax = figure(7.2, 3.4)
    shown = [row for row in rows if row.margin]
    reach = 1.5 * max([1.0, *(row.detectable_bias / (row.margin or 1.0) for row in shown)])
    x = np.linspace(0, min(reach, 6.0), 121)
    for row, colour, style in zip(shown, COLOURS * 2, ["-"] * 8 + ["--"] * 8, strict=False):
        both = spread_of(row)
        power = [power_of_check(bias * (row.margin or 1.0), both, alpha) for bias in x]
        ax.plot(x, power, style, color=colour, label=f"{row.metric}, {row.arm}")
    ax.axhline(0.8, color=NEUTRAL, linewidth=0.8, linestyle="--")
    ax.axvline(1.0, color=NEUTRAL, linewidth=0.8)
    ax.annotate("the margin", (1.0, 1.02), ha="center", va="bottom", fontsize=9, color=NEUTRAL)
    ax.set_ylim(0, 1)
    ax.set_xlim(0, x[-1])
    ax.set_xlabel("bias of the simulation, as a multiple of the margin")
    ax.set_ylabel("probability of finding it")
    legend_above(ax, 2)
    said = "; ".join(
        f"{row.metric} of {row.arm}: a bias of {size_text(row.detectable_bias, row.scale)} is found in 4 of 5"
        for row in shown
    )
    return figure_svg(fig, f"Power of the check. {said}.")


def spread_of(row: Comparison) -> Spread:
    """The spread of a row, as `power_of_check` needs it."""
    df = np.inf if row.df is None else row.df
    return Spread(row.parameters_sd, row.observed_se, row.difference_se, df, False)


def _name(row: Comparison) -> str:
    return row.arm if row.segment is None else f"{row.arm}, {row.segment}"
