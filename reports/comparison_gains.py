"""Figures of a comparison's answer: where the gain comes from, what drives it, how sure it is, what was given away."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Patch

from reports.comparison_figures import colours
from reports.comparison_tables import driven, moving
from reports.comparison_words import readable
from reports.page import figure, figure_svg, panels
from scenarios.answer import DECIDES
from scenarios.comparison import Comparison
from scenarios.figure import Figure, cell
from scenarios.numerals import listed, number, percent, significant
from sim.measures import AT_PURCHASES

NEUTRAL = "#555555"
STEPS = (
    ("gain_from_attrition", "retention", 1),
    ("gain_from_frequency", "frequency", 1),
    ("gain_from_basket", "basket", 1),
    ("fee_income", "membership fees", 1),
    ("benefit_cost", "benefit cost", -1),
    ("fixed_cost", "fixed cost", -1),
    ("provision", "open points", -1),
)
"""Steps from nothing to the net margin gained: measure, name, sign."""


def sources(comparison: Comparison, designs: list[str]) -> Markup | None:
    """A waterfall a design: gross margin gained through retention, frequency, basket; less cost; what is left. None where
    no design gains or costs anything."""
    if not any(comparison.measures[n][m].value for n in designs for m, _, _ in STEPS):
        return None
    shade = colours(comparison, designs)
    currency = comparison.scenarios[0].market.currency
    fig, axes = panels(len(designs), height=2.4)
    paid = any(comparison.measures[n]["fee_income"].value for n in designs)
    taken = [step for step in STEPS if step[0] != "fee_income" or paid]
    spans = {n: _steps(comparison, n, taken) for n in designs}
    widths = {n: max(max(a, b) for a, b in s) - min(min(a, b) for a, b in s) for n, s in spans.items()}
    common = min(widths.values()) > 0 and max(widths.values()) <= 4 * min(widths.values())
    said = []
    for ax, name in zip(axes, designs, strict=True):
        figures = comparison.measures[name]
        values = [sign * figures[m].value for m, _, sign in taken] + [figures[DECIDES].value]
        texts = [_text(figures[m], sign) for m, _, sign in [*taken, (DECIDES, "", 1)]]
        for row, ((start, end), value, text) in enumerate(zip(spans[name], values, texts, strict=True)):
            last = row == len(taken)
            hatch = None if value >= 0 or last else "////"
            face = shade[name] if value >= 0 or last else "white"
            ax.barh(
                row, end - start, left=start, height=0.7, color=face, edgecolor=shade[name], hatch=hatch,
                linewidth=1.6 if last else 0.8, alpha=1.0 if last else 0.75,
            )  # fmt: skip
            ax.annotate(
                text, (max(start, end), row), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=9, fontweight="bold" if last else "normal",
            )  # fmt: skip
        ax.set_yticks(range(len(values)), [*(label for _, label, _ in taken), "net margin gained"])
        ax.invert_yaxis()
        ax.axvline(0, color=NEUTRAL, linewidth=0.8)
        ax.grid(axis="y", visible=False)
        ax.set_title(name, loc="left", fontweight="bold")
        ax.use_sticky_edges = False
        ax.margins(x=0.18)
        said.append(f"{name}: " + ", ".join(f"{t} {text}" for (_, t, _), text in zip(taken, texts, strict=False)))
    if common:
        low, high = (pick(ax.get_xlim()[k] for ax in axes) for k, pick in ((0, min), (1, max)))
        for ax in axes:
            ax.set_xlim(low, high)
    own = "" if common or len(designs) == 1 else "; each panel has its own scale"
    axes[-1].set_xlabel(f"{currency} a member over the run{own}")
    return figure_svg(fig, f"Where the gain comes from, {currency} a member. {'; '.join(said)}.")


def tornado(comparison: Comparison, leader: str) -> Markup | None:
    """The gain with one parameter at its 10 % and its 90 % point, the strongest on top; None where nothing moves it."""
    rows = moving(comparison)
    if not rows:
        return None
    currency = comparison.scenarios[0].market.currency
    shade = colours(comparison, list(comparison.best_share))[leader]
    fig, ax = figure(7.2, 1.3 + 0.42 * len(rows))
    middle = rows[0].at_mean
    for place, d in enumerate(rows):
        bars = sorted(((d.at_low, d.low, "white"), (d.at_high, d.high, shade)), key=lambda bar: bar[0])
        for end, _, face in sorted(bars, key=lambda bar: -abs(bar[0] - middle)):  # where both go one way, the shorter on top
            ax.barh(place, end - middle, left=middle, height=0.62, color=face, edgecolor=shade, linewidth=0.9)
        for (end, value, _), side in zip(bars, (-1, 1), strict=True):
            ax.annotate(
                significant(value, 2), (side * max(side * end, side * middle), place), xytext=(4 * side, 0),
                textcoords="offset points", va="center", ha="left" if side > 0 else "right", fontsize=8.5, color="#333333",
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            )  # fmt: skip
    ax.axvline(middle, color=NEUTRAL, linewidth=1)
    low, high = ax.get_xlim()
    if low < 0 < high or min(abs(low), abs(high)) < 0.3 * (high - low):
        ax.axvline(0, color="#000000", linewidth=1.2, linestyle=":")
    ax.set_yticks(range(len(rows)), [readable(d.parameter) for d in rows])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.28)  # room for the values beside the bars, on a phone too
    ax.set_xlabel(f"net margin gained with {leader}, {currency} a member")
    looks = (("white", "at its 10 % point (value beside the bar)"), (shade, "at its 90 % point"))
    _legend(fig, [Patch(facecolor=face, edgecolor=shade, label=label) for face, label in looks])
    ends = [[driven(comparison, gain) for gain in (d.at_low, d.at_high)] for d in rows[:5]]
    said = "; ".join(f"{readable(d.parameter)} {a} to {b}" for d, (a, b) in zip(rows, ends, strict=False))
    return figure_svg(fig, f"What drives the net margin gained with {leader}, {currency} a member: {said}.")


def given_away(comparison: Comparison, designs: list[str]) -> Markup | None:
    """Of each design's benefit cost: given to purchases that come anyway, to induced ones, and outside purchases."""
    parts = [(n, *_given(comparison, n)) for n in designs]
    parts = [p for p in parts if sum(p[1:]) > 0]
    if not parts:
        return None
    fig, ax = figure(7.2, 1.2 + 0.55 * len(parts))
    looks = ((NEUTRAL, "", "at purchases that come anyway"), ("#c8c8c8", "", "at purchases the programme brought"),
             ("white", "////", "not at a purchase"))  # fmt: skip
    said = []
    for place, (name, *amounts) in enumerate(parts):
        whole, left = sum(amounts), 0.0
        for (face, hatch, _), amount in zip(looks, amounts, strict=True):
            width = 100 * amount / whole
            ax.barh(place, width, left=left, height=0.6, color=face, hatch=hatch, edgecolor=NEUTRAL, linewidth=0.6)
            if width > 10:
                ax.annotate(
                    f"{number(width, 0)} %", (left + width / 2, place), ha="center", va="center", fontsize=9,
                    color="white" if face == NEUTRAL else "black",
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"} if hatch else None,
                )  # fmt: skip
            left += width
        said.append(f"{name} {percent(amounts[0] / whole, 0)}")
    ax.set_yticks(range(len(parts)), [p[0] for p in parts])
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("% of the benefit cost")
    _legend(fig, [Patch(facecolor=face, hatch=hatch, edgecolor=NEUTRAL, label=label) for face, hatch, label in looks])
    return figure_svg(fig, f"Share of the benefit cost at purchases that would have happened anyway: {listed(said)}.")


def odds(comparison: Comparison, designs: list[str], none_share: float) -> Markup:
    """Share of the replications in which a design is the best of them, and in which it gains anything."""
    shade = colours(comparison, designs)
    fig, ax = figure(7.2, 1.3 + 0.55 * (len(designs) + 1))
    for place, name in enumerate(designs):
        best, positive = 100 * comparison.best_share[name], 100 * comparison.positive_share[name]
        ax.barh(place - 0.17, positive, height=0.3, color="white", edgecolor=shade[name], hatch="////", linewidth=0.8)
        shown = [(-0.17, positive)]
        if len(designs) > 1:
            ax.barh(place + 0.17, best, height=0.3, color=shade[name], edgecolor=shade[name], linewidth=0.8)
            shown.append((0.17, best))
        for shift, value in shown:
            ax.annotate(f"{number(value, 0)} %", (value, place + shift), xytext=(4, 0), textcoords="offset points", va="center",
                        fontsize=8.5)  # fmt: skip
    ax.barh(len(designs), 100 * none_share, height=0.3, color=NEUTRAL)
    ax.annotate(f"{number(100 * none_share, 0)} %", (100 * none_share, len(designs)), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
    ax.set_yticks(range(len(designs) + 1), [*designs, "no design gains"])
    ax.invert_yaxis()
    ax.set_xlim(0, 112)
    ax.set_xticks(range(0, 101, 20))
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("% of the replications")
    marks = [Patch(facecolor="white", edgecolor=NEUTRAL, hatch="////", label="gains anything after its cost")]
    if len(designs) > 1:
        marks.append(Patch(facecolor=NEUTRAL, label="the best of the designs"))
    _legend(fig, marks)
    gains, tops = (
        listed([f"{n} {percent(of[n], 0)}" for n in designs]) for of in (comparison.positive_share, comparison.best_share)
    )
    said = f"Share of the replications in which a design gains anything: {gains}"
    return figure_svg(fig, f"{said}; in which it is the best: {tops}." if len(designs) > 1 else f"{said}.")


def _legend(fig: MatplotlibFigure, marks: list[Patch]) -> None:
    fig.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)


def _steps(comparison: Comparison, name: str, taken: list[tuple[str, str, int]]) -> list[tuple[float, float]]:
    """Start and end of each bar of the waterfall, the last from 0 to the net margin gained."""
    figures = comparison.measures[name]
    ends = np.cumsum([0.0] + [sign * figures[m].value for m, _, sign in taken])
    return [*((float(a), float(b)) for a, b in pairwise(ends)), (0.0, figures[DECIDES].value)]


def _text(figure: Figure, sign: int) -> str:
    """The figure as in the tables, cost with a minus."""
    low, high = (None if end is None else sign * end for end in (figure.low, figure.high)[::sign])
    return cell(replace(figure, value=sign * figure.value, low=low, high=high), gain=True).value


def _given(comparison: Comparison, name: str) -> tuple[float, float, float]:
    figures = comparison.measures[name]
    at_purchases = sum(figures[f"cost.{line}"].value for line in AT_PURCHASES)
    share = figures["anyway_share"].value
    anyway = at_purchases * share if np.isfinite(share) else 0.0
    return anyway, at_purchases - anyway, max(0.0, figures["benefit_cost"].value - at_purchases)
