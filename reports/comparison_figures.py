"""Figures of a comparison over time: survival, cost by line, tier mix. A design has one colour on the whole page."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.axes import Axes

from reports.page import COLOURS, figure, figure_svg, legend_above, panels
from scenarios.comparison import Comparison
from scenarios.figure import LEVEL, cell
from scenarios.figure import figure as figure_of
from scenarios.numerals import listed, number
from scenarios.quantiles import prediction_quantile
from sim.measures import LINE_TITLES
from sim.tally import COST_LINES
from sim.typing import Floats

WITHOUT = "#444444"
"""The same members without a programme."""
LINE_COLOURS = dict(
    zip(
        COST_LINES,
        ("#332288", "#88CCEE", "#CC6677", "#DDCC77", "#117733", "#AA4499", "#44AA99", "#999933", "#882255",
         "#661100", "#6699CC"),
        strict=True,
    )
)
"""Colours of the cost lines (Tol 2021, muted), none of them a design's."""


def colours(comparison: Comparison, designs: list[str]) -> dict[str, str]:
    """Colour of every scenario: the baseline's without a programme is grey, designs take the page's colours in order."""
    given = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(designs)}
    return {s.name: given.get(s.name, WITHOUT) for s in comparison.scenarios}


def monthly(comparison: Comparison, scenario: str, measure: str, group: str = "all") -> Floats:
    """(replications, months) of a measure, months in order; nothing where it was not recorded."""
    m = comparison.months
    rows = m[(m["scenario"] == scenario) & (m["measure"] == measure) & (m["group"] == group)]
    return np.asarray(rows.pivot(index="replication", columns="month", values="value").to_numpy(dtype=float))


def survival(comparison: Comparison, designs: list[str]) -> Markup | None:
    """Members there at the start: the share not lapsed with each design and without any, and the difference with its band; None
    where nobody is active then."""
    without = monthly(comparison, comparison.scenarios[0].name, "survival_without", "cohort:0")
    if not without.size:
        return None
    shade = colours(comparison, designs)
    fig, (level, gain) = panels(2, height=2.9)
    months = np.arange(1, without.shape[1] + 1)
    level.plot(months, 100 * without.mean(axis=0), color=WITHOUT, linestyle="--", label="without a programme")
    said = [f"without a programme {_at_end(without)}"]
    for name, style in zip(designs, _styles(len(designs)), strict=True):
        kept = monthly(comparison, name, "survival", "cohort:0")
        level.plot(months, 100 * kept.mean(axis=0), color=shade[name], linestyle=style, label=name)
        difference = 100 * (kept - without)
        gain.plot(months, difference.mean(axis=0), color=shade[name], linestyle=style)
        if len(kept) > 1:
            low, high = (prediction_quantile(difference, level) for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
            gain.fill_between(months, low, high, color=shade[name], alpha=0.15, linewidth=0)
        said.append(f"{name} {_at_end(kept)}")
    level.set_ylabel("not lapsed, % of\nmembers at the start")
    gain.axhline(0, color=WITHOUT, linestyle="--", linewidth=1)
    gain.set_ylabel("difference,\npercentage points")
    gain.set_xlabel("end of month")
    for ax in (level, gain):
        _by_month(ax, 1, len(months))
    lowest = level.dataLim.ymin
    level.set_ylim(max(0, 20 * ((lowest - 5) // 20)), 100)  # curves near the top are told apart
    legend_above(level)
    return figure_svg(fig, f"Survival of the members at the start after {len(months)} months: {listed(said)}.")


def survival_joined(comparison: Comparison, designs: list[str]) -> Markup | None:
    """Members who join: the share not lapsed by months since joining, all joining cohorts together; None where nobody joins."""
    without = _since_joining(comparison, comparison.scenarios[0].name, "survival_without")
    if without is None:
        return None
    shade = colours(comparison, designs)
    fig, ax = figure(7.2, 3.0)
    months = np.arange(len(without))
    ax.plot(months, 100 * without, color=WITHOUT, linestyle="--", label="without a programme")
    for name, style in zip(designs, _styles(len(designs)), strict=True):
        with_ = _since_joining(comparison, name, "survival")
        assert with_ is not None
        ax.plot(months, 100 * with_, color=shade[name], linestyle=style, label=name)
    ax.set_ylabel("not lapsed, % of\nmembers who joined")
    ax.set_xlabel("months since the end of the month of joining")
    _by_month(ax, 0, len(months) - 1)
    ax.set_ylim(0, 100)
    legend_above(ax)
    return figure_svg(fig, "Survival of the members who joined during the run, by months since joining.")


def cost_over_time(comparison: Comparison, designs: list[str]) -> Markup | None:
    """Benefit cost a member and month by line, stacked, a panel a design; None where none of them costs anything."""
    stacks = {n: _cost_lines(comparison, n) for n in designs}
    stacks = {n: found for n, found in stacks.items() if found}
    if not stacks:
        return None
    currency = comparison.scenarios[0].market.currency
    fig, axes = panels(len(stacks), height=2.5)
    tops = {n: float(np.clip(list(found.values()), 0, None).sum(axis=0).max()) for n, found in stacks.items()}
    common = max(tops.values()) <= 4 * min(tops.values())
    used: list[str] = []
    for ax, (name, found) in zip(axes, stacks.items(), strict=True):
        used += [line for line in found if line not in used]
        months = np.arange(1, len(next(iter(found.values()))) + 1)
        bottom = np.zeros(len(months))
        for line, values in found.items():
            base = np.where(values > 0, bottom, 0.0)  # what partners pay back hangs below
            ax.bar(months, values, bottom=base, width=0.82, color=LINE_COLOURS[line], edgecolor="white", linewidth=0.3)
            bottom = bottom + values.clip(0)
        ax.set_title(name, loc="left", fontweight="bold")
        ax.set_ylabel(f"{currency} a member\nand month")
        low = float(np.clip(list(found.values()), None, 0).sum(axis=0).min())
        ax.set_ylim(1.05 * low, 1.05 * (max(tops.values()) if common else tops[name]))
        ax.grid(axis="x", visible=False)
        ax.set_xlim(0.4, len(months) + 0.6)
    axes[-1].set_xlabel("month of the run")
    order = [line for line in COST_LINES if line in used]
    marks = [axes[0].bar([0], [0], color=LINE_COLOURS[line], label=LINE_TITLES[line]) for line in order]
    fig.legend(handles=marks, loc="outside upper left", ncols=min(4, len(order)), frameon=False)
    peak = listed([f"{n} up to {number(tops[n], 2)} {currency}" for n in stacks])
    return figure_svg(fig, f"Benefit cost a member and month by line: {peak}.")


def tier_mix(comparison: Comparison, designs: list[str]) -> Markup | None:
    """Share of members in each tier month by month, a panel a design with tiers; None where no design has any."""
    tiered = [s for s in comparison.scenarios if s.name in designs and len(s.programme.tiers) > 1]
    if not tiered:
        return None
    fig, axes = panels(len(tiered), height=2.3)
    said = []
    for ax, s in zip(axes, tiered, strict=True):
        names = [t.name for t in s.programme.tiers]
        runs = [monthly(comparison, s.name, "tier_share", f"tier:{t}") for t in names]
        shares = [found.mean(axis=0) for found in runs]
        months = np.arange(1, len(shares[0]) + 1)
        map_ = colormaps["YlOrBr"]
        bottom = np.zeros(len(months))
        for k, (tier, share) in enumerate(zip(names, shares, strict=True)):
            tint = map_(0.15 + 0.75 * k / max(1, len(names) - 1))
            ax.bar(months, 100 * share, bottom=bottom, width=1.0, color=tint, edgecolor="white", linewidth=0.2, label=tier)
            bottom = bottom + 100 * share
        ax.set_title(s.name, loc="left", fontweight="bold")
        ax.set_ylabel("% of members")
        ax.set_ylim(0, 100)
        ax.set_xlim(0.5, len(months) + 0.5)
        ax.grid(axis="x", visible=False)
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True, frameon=False)
        said.append(f"{s.name} {listed([f'{t} {_at_end(x)}' for t, x in zip(names, runs, strict=True)])}")
    axes[-1].set_xlabel("month of the run")
    return figure_svg(fig, f"Tier mix at month ends; at the end {'; '.join(said)}.")


def _cost_lines(comparison: Comparison, name: str) -> dict[str, Floats]:
    members = monthly(comparison, name, "members")
    found = {}
    for line in COST_LINES:
        by_month = (monthly(comparison, name, f"total.cost.{line}") / members).mean(axis=0)
        if by_month.any():
            found[line] = by_month
    return found


def _since_joining(comparison: Comparison, name: str, measure: str) -> Floats | None:
    """(months since joining,) mean of the replications and of the cohorts that were there so long."""
    m = comparison.months
    rows = m[(m["scenario"] == name) & (m["measure"] == measure) & (m["group"] != "cohort:0")]
    if rows.empty:
        return None
    age = rows["month"] - (rows["group"].str.removeprefix("cohort:").astype(int) - 1)
    return np.asarray(rows.groupby(age)["value"].mean().to_numpy(dtype=float))


def _at_end(shares: Floats) -> str:
    """The last of (replications, months), as the tables print it."""
    return cell(figure_of(shares[:, -1], None, "share", (0.0, 1.0))).value


def _styles(count: int) -> list[str | tuple[int, tuple[int, ...]]]:
    """Solid lines, then others, so that curves that lie on each other are told apart."""
    styles: list[str | tuple[int, tuple[int, ...]]] = ["-", (0, (5, 2)), (0, (1, 1)), "-."]
    return [styles[k % len(styles)] for k in range(count)]


def _by_month(ax: Axes, first: int, last: int) -> None:
    ax.set_xlim(first, max(last, first + 1))
    step = 1 if last <= 12 else 3 if last <= 36 else 12
    ax.set_xticks([m for m in range(last + 1) if m >= first and m % step == 0])
