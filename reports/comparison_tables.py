"""Tables of a comparison: what matters first, differences, cost by line, tiers, and every measure with its definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.comparison_words import in_units
from scenarios.answer import DECIDES
from scenarios.comparison import Comparison
from scenarios.drivers import Driver
from scenarios.figure import GAINS, NOTHING, RISES, Cell, cell
from scenarios.finance.rounding import exact
from scenarios.finance.value import break_even_uplift
from scenarios.numerals import NONE, number, percent, signed, significant
from sim.measures import LINE_TITLES, MEASURES, describe
from sim.tally import COST_LINES

FIRST = (
    "incremental_net_margin", "roi", "margin_per_member", "lifetime_value", "retention", "active_rate", "repurchase_30",
    "purchases_per_member", "basket", "refund_share", "revenue_per_member", "fee_income", "benefit_cost", "fixed_cost",
    "provision", "benefit_cost_of_revenue", "anyway_share", "points_redemption_rate", "redeemer_share", "redemption_cost",
    "points_outstanding",
)  # fmt: skip
"""What a reader must see before all else, in this order."""
WHERE_ANY = ("refund_share", "fee_income")
"""Of these, those that are left out where no design has any."""
AGAINST_NONE = ("incremental_net_margin", "roi")
"""Against the same members without any programme by definition: a difference of them against the baseline would be one of two
such differences, which the difference of net margin says more plainly."""


@dataclass(frozen=True)
class Row:
    """One measure and its figure in every column."""

    name: str
    title: str
    unit: str
    definition: str
    cells: list[Cell]


def first_rows(comparison: Comparison) -> list[Row]:
    """The measures of FIRST for every design."""
    return rows_of(comparison, _first(comparison))


def rows_of(comparison: Comparison, names: Sequence[str]) -> list[Row]:
    """Some measures for every design; one that is defined for none is left out."""
    return _rows(comparison, names, comparison.measures, difference=False)


def difference_rows(comparison: Comparison) -> list[Row]:
    """The measures of FIRST against the baseline, replication by replication; those of which it has none stand above already,
    as does the net margin gained where it has no programme."""
    if comparison.baseline is None:
        return []
    base = comparison.measures[comparison.baseline]
    named = [*AGAINST_NONE, "fixed_cost"] + (["margin_per_member"] if comparison.baseline not in comparison.best_share else [])
    names = [m for m in _first(comparison) if m not in named and base[m].value and cell(base[m]) != NOTHING]
    return _rows(comparison, names, comparison.differences, difference=True)


def all_rows(comparison: Comparison) -> list[Row]:
    """Every measure with its definition, also those that no design defines; tiers where a design has several; incentives."""
    every = [s.name for s in comparison.scenarios]
    tiered = [s.name for s in comparison.scenarios if len(s.programme.tiers) > 1]
    names = [m.name for m in MEASURES]
    names += [f"cost.{line}" for line in COST_LINES]
    for kind in ("tier_share.", RISES, "migration.", "grants."):
        designs = every if kind in (RISES, "grants.") else tiered
        found = [m for name in designs for m in comparison.measures[name] if m.startswith(kind)]
        names += list(dict.fromkeys(found))
    return _rows(comparison, names, comparison.measures, difference=False, empty=True)


def cost_rows(comparison: Comparison, designs: list[str]) -> list[dict[str, Any]]:
    """Benefit cost by line and together, fixed cost, the provision for open points, and the whole with the share of each."""
    currency = comparison.scenarios[0].market.currency
    whole = comparison.costs
    rows = []
    lines = [(f"cost.{line}", LINE_TITLES[line]) for line in COST_LINES]
    for name, title in [*lines, ("benefit_cost", "Benefits together"), ("fixed_cost", "Set-up, running, catalogue"),
                        ("provision", "Provision for open points"), ("cost", "Everything")]:  # fmt: skip
        figures = [whole[n] if name == "cost" else comparison.measures[n][name] for n in designs]
        if not any(f.value for f in figures):
            continue
        shares = [_share(f.value, whole[n].value) for f, n in zip(figures, designs, strict=True)]
        cells = [cell(f) if f.value else NOTHING for f in figures]
        rows.append({
            "name": name, "title": title, "unit": in_units("money/member", currency), "strong": name in ("benefit_cost", "cost"),
            "cells": list(zip(cells, shares, strict=True)),
        })  # fmt: skip
    return rows


def _share(part: float, whole: float) -> str:
    """Of the whole, in percent; what there is of it is never 0 %."""
    if not whole:
        return NONE
    return "<\u00a01\u00a0%" if 0 < part < 0.005 * whole else percent(part / whole, 0)


def migration_tables(comparison: Comparison, designs: list[str]) -> list[dict[str, Any]]:
    """For each design with tiers, where the members of each tier in the middle of the run are at its end."""
    tables = []
    for scenario in comparison.scenarios:
        tiers = [t.name for t in scenario.programme.tiers]
        figures = comparison.measures[scenario.name]
        if scenario.name not in designs or len(tiers) < 2:
            continue
        rows = [{"tier": a, "cells": [cell(figures[f"migration.{a}.{b}"]) for b in tiers]} for a in tiers]
        shares = [cell(figures[f"tier_share.{t}"]) for t in tiers]
        tables.append({"design": scenario.name, "tiers": tiers, "rows": rows, "shares": shares})
    return tables


def price_tables(comparison: Comparison, designs: list[str]) -> list[dict[str, Any]]:
    """For each design with member prices: what each price takes off, how much more its members must buy for the margin to be
    kept, and how much more they do."""
    tables = []
    for scenario in comparison.scenarios:
        priced = [tier for tier in scenario.programme.tiers if tier.price < 1]
        if scenario.name not in designs or not priced:
            continue
        margin, figures = str(scenario.economics.gross_margin), comparison.measures[scenario.name]
        rows = []
        for tier in priced:
            cut = 1 - exact(str(tier.price))
            needed = float(break_even_uplift(margin, cut)) if cut < exact(margin) else None
            name = f"{RISES}{tier.name}"
            runs = comparison.runs[(comparison.runs["scenario"] == scenario.name) & (comparison.runs["measure"] == name)]["value"]
            kept = 0 if needed is None else int((runs >= needed).sum())
            rows.append({
                "tier": tier.name, "cut": percent(float(cut)), "found": [cell(figures[name], gain=True)],
                "needed": "no rise is enough" if needed is None else signed(percent(needed, 0)),
                "kept": f"{kept} of {comparison.replications}",
            })  # fmt: skip
        tables.append({"design": scenario.name, "margin": percent(scenario.economics.gross_margin), "rows": rows})
    return tables


def margin_rows(comparison: Comparison, designs: list[str]) -> list[dict[str, str]]:
    """Which gross margin each design has, and from which it pays."""
    found = [(name, comparison.needed_margins[name]) for name in designs if name in comparison.needed_margins]
    return [
        {
            "design": name, "stated": percent(m.stated),
            "on_average": _margins(m.on_average, m.on_average_until), "surely": _margins(m.surely, m.surely_until),
        }
        for name, m in found
    ]  # fmt: skip


def _margins(lowest: float | None, highest: float | None) -> str:
    if lowest is None:
        return "at none"
    return percent(lowest) if highest is None else f"{percent(lowest)} to {percent(highest)}"


def joined_rows(comparison: Comparison, designs: list[str]) -> dict[str, Any] | None:
    """Share of new members who have not lapsed some months after joining, by when they joined; None where nobody joins."""
    months = comparison.months
    joined = months[months["group"].str.startswith("cohort:") & (months["group"] != "cohort:0")]
    horizon = comparison.scenarios[0].horizon.months
    after = 6 if horizon > 12 else 3
    if joined.empty or horizon <= after:
        return None
    first = joined["group"].str.removeprefix("cohort:").astype(int) - 1
    there = joined[joined["month"] == first + after].assign(block=(first // after)[joined["month"] == first + after])
    mean = there.groupby(["block", "scenario", "measure"])["value"].mean()
    rows = []
    for block in sorted(there["block"].unique()):
        last = int(first[joined["month"] == first + after][there["block"] == block].max()) + 1
        cells = [float(mean[block, designs[0], "survival_without"]), *(float(mean[block, n, "survival"]) for n in designs)]
        when = f"{block * after + 1} to {last}" if last > block * after + 1 else f"{last}"
        rows.append({"when": when, "cells": [percent(c, 0) for c in cells]})
    return {"after": after, "rows": rows}


def odds_rows(comparison: Comparison, designs: list[str]) -> dict[str, Any]:
    """In how many replications each design gains anything, is the best, and none of them gains."""
    n = comparison.replications
    gains = comparison.runs[comparison.runs["measure"] == DECIDES]
    gains = gains[gains["scenario"].isin(designs)].pivot(index="replication", columns="scenario", values="value")
    none = int((gains.max(axis=1) <= 0).sum())
    rows = [
        {
            "name": d,
            "positive": comparison.positive_share[d],
            "best": comparison.best_share[d],
            "text": f"{round(comparison.positive_share[d] * n)} of {n}",
            "best_text": f"{round(comparison.best_share[d] * n)} of {n}",
        }
        for d in designs
    ]
    return {"rows": rows, "none": f"{none} of {n}", "none_share": none / n}


def driver_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Drivers that move the gain visibly, with the gain at both ends."""
    calibrated = comparison.scenarios[0].population.source
    return [
        {
            "parameter": d.parameter, "unit": d.unit, "low": significant(d.low, 2), "high": significant(d.high, 2),
            "source": "the calibration of the members, below" if d.source == calibrated else d.source,
            "at_low": driven(comparison, d.at_low), "at_high": driven(comparison, d.at_high),
            "break_even": " and ".join(significant(value, 2) for value in d.break_even) or NONE,
        }
        for d in moving(comparison)
    ]  # fmt: skip


def driven(comparison: Comparison, gain: float) -> str:
    """A gain with one number moved, as printed in table and drawing: two digits of the strongest driver's half swing."""
    swing = comparison.drivers[0].swing
    return signed(number(gain, max(0, 1 - math.floor(math.log10(swing / 2))) if swing else 1))


def moving(comparison: Comparison) -> list[Driver]:
    """Drivers worth showing: at least a hundredth of the strongest one's swing; twelve at most."""
    found = comparison.drivers
    if not found or found[0].swing == 0:
        return []
    return [d for d in found if d.swing >= 0.01 * found[0].swing][:12]


def still(comparison: Comparison) -> list[str]:
    """Parameters that do not move the gain at all."""
    return [d.parameter for d in comparison.drivers if d.swing == 0]


def _first(comparison: Comparison) -> list[str]:
    found = comparison.measures.values()
    return [name for name in FIRST if name not in WHERE_ANY or any(figures[name].value for figures in found)]


def _rows(
    comparison: Comparison, names: Sequence[str], columns: dict[str, Any], *, difference: bool, empty: bool = False
) -> list[Row]:
    currency = comparison.scenarios[0].market.currency
    rows = []
    for name in names:
        gain = name in GAINS or name.startswith(RISES)
        cells = [cell(figures.get(name), difference=difference, gain=gain) for figures in columns.values()]
        if empty or any(c != NOTHING for c in cells):
            title, unit, definition = describe(name)
            rows.append(Row(name, title, in_units(unit, currency), definition, cells))
    return rows


