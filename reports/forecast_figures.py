"""Figures of a forecast: fans by month, cost by line, what moves the liability, redemption by cohort age, luck and parameters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import matplotlib.dates as mdates
import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.comparison_figures import LINE_COLOURS
from reports.page import COLOURS, figure, figure_svg, panels
from reports.statement import OWED_TITLES, ROLL_TITLES, TITLES, Statement, month_name
from scenarios.finance.forecast_document import LINES, spread_of
from scenarios.finance.roll_forward import LINES as ROLL
from scenarios.numerals import integer, money
from sim.tally import COST_LINES
from sim.typing import Floats

FIXED = "#bbbbbb"
SPLIT = ("gross_sales", "benefit_cost", "net_margin", "incremental_margin")
"""Lines whose spread is split, the cost of the whole period apart"""


def cost_fans(statement: Statement) -> Markup:
    """Cost of each month, and so far with the budget: the middle, and the band from P10 to P90."""
    f, currency = statement.forecast, statement.forecast.currency
    fig, (each, so_far) = panels(2, height=2.9)
    fan(each, f.months, statement.cost_spread(), "cost a month")
    cumulative = statement.cost_spread(cumulative=True)
    fan(so_far, f.months, cumulative, "cost so far")
    said = ""
    if f.budget is not None:
        plan = statement.budget_so_far()
        so_far.plot(on_axis(f.months), plan, color=COLOURS[1], linestyle="--", label="budget so far")
        if f.budget.early_warning is not None:
            day = f.months[f.budget.early_warning]
            at = on_axis([day])[0]
            so_far.axvline(at, color=COLOURS[1], linewidth=1, linestyle=":")
            so_far.annotate(
                "warning", (at, 0.96), xycoords=("data", "axes fraction"), xytext=(4, 0),
                textcoords="offset points", color=COLOURS[1], va="top", fontsize=9,
            )  # fmt: skip
        said = f" against a budget of {money(float(plan[-1]), currency)}"
    for ax, what in ((each, "a month"), (so_far, "so far")):
        ax.set_ylabel(f"{currency} {what}")
        ax.set_ylim(bottom=min(0.0, float(ax.get_ylim()[0])))
        above(ax)
    return figure_svg(fig, f"Cost by month and so far; in the end {money(float(cumulative[-1, 1]), currency)} (P50){said}.")


def cost_by_line(statement: Statement) -> Markup:
    """Mean cost of each month, stacked by line."""
    f = statement.forecast
    fig, ax = figure(7.2, 3.4)
    bottom, days = np.zeros(len(f.months)), np.arange(len(f.months))
    for line in (*COST_LINES, "fixed_cost"):
        values = f.of(line).mean(axis=0)
        if values.any():
            shade = LINE_COLOURS.get(line, FIXED)
            base = np.where(values > 0, bottom, 0.0)  # what partners pay back hangs below
            ax.bar(days, values, bottom=base, width=0.85, color=shade, edgecolor="white", linewidth=0.3, label=TITLES[line])
            bottom = bottom + values.clip(0)
    shown = labelled(f.months)
    ax.set_xticks(shown, [f"{f.months[k]:%b %y}" for k in shown])
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(f"{f.currency} a month, mean")
    thousands(ax)
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        fig.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False)
    return figure_svg(fig, f"Cost a month by line, mean; the dearest month is {month_name(f.peak_month)}.")


def liability_fan(statement: Statement) -> Markup | None:
    """What is owed for points at month ends over all replications; None without books of all."""
    spread = statement.closing_spread()
    if spread is None:
        return None
    f = statement.forecast
    fig, ax = figure(7.2, 2.9)
    name = OWED_TITLES[statement.owed].removesuffix(" at the end")
    fan(ax, f.months, spread, f"{name[0].lower()}{name[1:]}")
    ax.plot(on_axis(f.months), statement.closing(), color=COLOURS[1], linewidth=1.1, linestyle="--", label="the books shown")
    ax.set_ylabel(f"{f.currency} at month end")
    ax.set_ylim(bottom=0)
    above(ax)
    return figure_svg(fig, f"{name} at month ends; {money(float(spread[-1, 1]), f.currency)} at the end (P50).")


def waterfall(statement: Statement) -> Markup | None:
    """From the opening to the closing balance of the books, the whole period; None without points."""
    if statement.roll is None:
        return None
    total, unit = statement.roll.total(), statement.unit
    fig, ax = figure(7.2, 3.2)
    running, labels = 0.0, list[str]()
    for name, sign in ROLL.items():
        if name == "clawed_back" and not total[name].any():
            continue
        ends = {"opening": total[name][0], "closing": total[name][-1]}
        amount = float(ends.get(name, total[name].sum() * sign)) / unit
        at = len(labels)
        bottom = 0.0 if sign == 0 else running
        colour = COLOURS[0] if sign == 0 else COLOURS[1] if amount >= 0 else COLOURS[2]
        ax.bar(at, amount, bottom=bottom, width=0.7, color=colour)
        running = amount if sign == 0 else running + amount
        ax.annotate(
            integer(amount), (at, max(bottom, running)), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom",
            fontsize=9,
        )  # fmt: skip
        labels.append(ROLL_TITLES[name].replace(" on ", "\non ").replace("Recognised breakage", "Recognised\nbreakage")
                      .replace("Change of ", "Change of\n"))  # fmt: skip
    ax.set_xticks(range(len(labels)), labels)
    ax.grid(axis="x", visible=False)
    ax.axhline(0, color="#555555", linewidth=0.8)
    ax.margins(y=0.12)
    ax.set_ylabel(statement.forecast.currency)
    thousands(ax)
    return figure_svg(fig, f"What moves deferred revenue over the whole period, to {integer(running)} at the end.")


def heat_map(statement: Statement) -> Markup | None:
    """Share of a cohort's points redeemed at each age, mean over replications; None where nothing is redeemed."""
    cohorts = statement.forecast.cohorts
    months = len(cohorts.months)
    past = len(cohorts.earned) - months
    issued = cohorts.issued[:, past:].sum(axis=(2, 3)).mean(axis=0)
    redeemed = cohorts.redeemed[:, past:].sum(axis=3).mean(axis=0)
    if not redeemed.any():
        return None
    ages = np.full((months, months), np.nan)
    for c in range(months):
        if issued[c]:
            ages[c, : months - c] = 100 * redeemed[c, c:] / issued[c]
    fig, ax = figure(7.2, 3.9)
    image = ax.imshow(ages, aspect="auto", cmap=colormaps["viridis"], interpolation="nearest", vmin=0)
    bar = fig.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label("% of the cohort's points\nredeemed in the month")
    step = max(1, months // 9)
    rows = np.arange(0, months, step)
    ax.set_yticks(rows, [cohorts.months[k].strftime("%b %Y") for k in rows])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("age: months since the points were earned")
    ax.set_ylabel("month of earning")
    ax.grid(visible=False)
    peak = np.nanargmax(np.nanmean(np.where(np.isnan(ages), np.nan, ages), axis=0))
    return figure_svg(fig, f"Points redeemed by month of earning and age; most are redeemed at an age of {peak} months.")


def split(statement: Statement) -> Markup | None:
    """How much of the spread of the whole period is luck and how much is not knowing the parameters; None without a spread."""
    f = statement.forecast
    rows = [("Cost", statement.whole_cost())]
    for line in SPLIT:
        k = LINES.index(line)
        rows.append((TITLES[line], spread_of(f.values.sum(axis=1)[:, k], f.luck_values.sum(axis=1)[:, k])))
    rows = [(name, found) for name, found in rows if np.isfinite(found[4]) and found[4] + found[5] > 0]
    if not rows:
        return None
    parts = np.array([found[4:6] for _, found in rows])
    said = f"Spread of {rows[0][0].lower()}: sd {integer(parts[0, 0])} luck, {integer(parts[0, 1])} parameters."
    return variance_shares([name for name, _ in rows], parts, np.hypot(*parts.T), ["luck", "not knowing the parameters"], said)


def variance_shares(names: Sequence[str], parts: Floats, whole: Floats, causes: Sequence[str], said: str) -> Markup:
    """Shares of the variance by cause, by line. parts: (lines, causes) standard deviations; whole: (lines,) of all causes."""
    fig, ax = figure(7.2, 0.9 + 0.42 * len(names))
    shares = 100 * parts**2 / (parts**2).sum(axis=1, keepdims=True)
    left = np.zeros(len(names))
    for share, cause, colour in zip(shares.T, causes, (COLOURS[5], COLOURS[3], COLOURS[4]), strict=False):
        ax.barh(range(len(names)), share, left=left, color=colour, height=0.65, label=cause)
        left = left + share
    for at, sd in enumerate(whole):
        ax.annotate(f"sd {integer(float(sd))}", (101, at), va="center", fontsize=9, annotation_clip=False)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.set_xlabel("% of the variance over the whole period")
    ax.grid(axis="y", visible=False)
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=len(causes), frameon=False)
    return figure_svg(fig, said)


def fan(ax: Axes, months: list[dt.date], spread: Floats, label: str) -> None:
    """The middle of each month and the band from P10 to P90; spread: (months, 3 or more) of scenarios.finance SPREAD."""
    days = on_axis(months)
    if np.isfinite(spread[:, 0]).all():
        ax.fill_between(days, spread[:, 0], spread[:, 2], color=COLOURS[0], alpha=0.2, linewidth=0, label="P10 to P90")
    ax.plot(days, spread[:, 1], color=COLOURS[0], label=f"{label}, P50")
    shown = [months[k] for k in labelled(months)]
    ax.set_xticks(on_axis(shown), [f"{month:%b %y}" for month in shown])  # of the month that ends there
    thousands(ax)


def labelled(months: list[dt.date]) -> range:
    """Places of the months that an axis names: ten at most, for which there is room."""
    return range(0, len(months), next(step for step in (1, 2, 3, 6, 12) if len(months) <= 10 * step))


def above(ax: Axes) -> None:
    """The legend above the axes."""
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, frameon=False)


def on_axis(months: list[dt.date]) -> Floats:
    """Places of days on an axis of dates."""
    return np.asarray(mdates.date2num(months), np.float64)  # type: ignore[no-untyped-call]


def thousands(ax: Axes) -> None:
    """Numbers of the y axis with their thousands set off."""
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: integer(value) if float(value).is_integer() else f"{value:g}"))
