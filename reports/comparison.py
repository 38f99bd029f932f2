"""The strategist's report: which design to launch, what it costs, what that answer rests on."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reports import comparison_assumptions as assumptions
from reports import comparison_figures as figures
from reports import comparison_gains as gains
from reports import comparison_tables as tables
from reports.comparison_words import break_even, readable
from reports.page import render
from scenarios.answer import DECIDES
from scenarios.comparison import Comparison
from scenarios.figure import LEVEL, NOTHING, cell, figure
from scenarios.files import resolved_yaml
from scenarios.numerals import integer, listed, percent, significant
from scenarios.quantiles import least_replications
from sim.months import MONTHLY
from sim.programme import is_programme
from sim.unmet import UNMET

ENOUGH = least_replications((1 + LEVEL) / 2)
"""Replications from which on an interval needs no Student t."""


def comparison_files(comparison: Comparison) -> dict[str, str | bytes]:
    """What `loyalsim compare` and `run` write, by name: report.html, summary.json, measures.parquet, reruns.parquet,
    scenarios/<name>.yaml."""
    whole, lived_again = (runs.assign(month=-1, group="all") for runs in (comparison.runs, comparison.reruns))
    return {
        "report.html": comparison_page(comparison),
        "summary.json": json.dumps(comparison.summary(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "measures.parquet": measures_parquet(pd.concat([whole[_MEASURES], comparison.months[_MEASURES]], ignore_index=True)),
        "reruns.parquet": measures_parquet(lived_again),
        **scenario_files(comparison),
    }


_MEASURES = ["scenario", "replication", "month", "group", "measure", "value"]


def measures_parquet(frame: pd.DataFrame) -> bytes:
    """Measures of runs: scenario, replication, month (null = the whole run; -1 in `frame`), group, measure, value.

    A figure that is not defined (0 / 0) is null.
    """
    months = frame["month"].astype("Int32")
    schema = pa.schema(
        [
            ("scenario", pa.string()), ("replication", pa.int32()), ("month", pa.int32()), ("group", pa.string()),
            ("measure", pa.string()), ("value", pa.float64()),
        ]
    )  # fmt: skip
    return _parquet(frame[_MEASURES].assign(month=months.mask(months < 0)), schema)


def events_parquet(log: pd.DataFrame) -> bytes:
    """What single members did when, an entry a row; see sim.log.member_log."""
    words = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            ("member", pa.int64()), ("at", pa.float64()), ("date", pa.date32()), ("month", pa.int32()), ("tier", words),
            ("segment", words), ("what", words), ("amount", pa.int64()), ("unit", words), ("tier_after", words),
            ("points_after", pa.int64()),
        ]
    )  # fmt: skip
    return _parquet(log, schema)


def _parquet(frame: pd.DataFrame, schema: pa.Schema) -> bytes:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def scenario_files(comparison: Comparison) -> dict[str, str | bytes]:
    """The scenarios as they were run, one file each, headed by version, seed and digest."""
    rests, files = comparison.provenance, dict[str, str | bytes]()
    for scenario in comparison.scenarios:
        stem = re.sub(r"[^\w.-]+", "-", scenario.name).strip(".-") or "scenario"
        name, again = f"scenarios/{stem}.yaml", 1
        while name in files:
            again += 1
            name = f"scenarios/{stem}-{again}.yaml"
        files[name] = (
            f"# {' '.join(scenario.name.split())}, as run: loyalsim {rests['version']}, seed {comparison.seed}, "
            f"{integer(comparison.members)} members, {comparison.replications} replications.\n"
            f"# SHA-256 of the scenario: {rests['scenario_digests'][scenario.name]}\n" + resolved_yaml(scenario)
        )
    return files


def comparison_page(comparison: Comparison) -> str:
    """The report as one self-contained HTML page."""
    designs = [s.name for s in comparison.scenarios if is_programme(s.programme)]
    leader = comparison.leader
    chances = tables.odds_rows(comparison, designs) if designs else None
    single = len(comparison.scenarios) == 1
    title = f"What {comparison.scenarios[0].name} brings" if single else "Which programme to launch"
    return render(
        "comparison.html",
        title=title,
        answer=comparison.answer,
        notes=comparison.notes,
        c=comparison,
        level=percent(LEVEL, 0),
        coarse=comparison.replications < ENOUGH,
        currency=comparison.scenarios[0].market.currency,
        months=comparison.scenarios[0].horizon.months,
        single=single,
        designs=designs,
        leader=leader,
        shade=figures.colours(comparison, designs),
        rests=rests_on(comparison, leader),
        owed=[owed(comparison, n) for n in designs if comparison.measures[n]["provision"].value > 0],
        first=tables.first_rows(comparison),
        differences=tables.difference_rows(comparison),
        every=tables.all_rows(comparison),
        by_month=MONTHLY,
        costs=tables.cost_rows(comparison, designs),
        migration=tables.migration_tables(comparison, designs),
        prices=tables.price_tables(comparison, designs),
        joined=tables.joined_rows(comparison, designs) if designs else None,
        chances=chances,
        margins=tables.margin_rows(comparison, designs),
        drivers=tables.driver_rows(comparison),
        middle=tables.driven(comparison, comparison.drivers[0].at_mean) if comparison.drivers else "",
        posterior=comparison.scenarios[0].population.posterior is not None,
        break_even=break_even(tables.moving(comparison), leader) if leader and comparison.drivers else "",
        turning=any(d.break_even for d in tables.moving(comparison)),
        still=[readable(p) for p in tables.still(comparison)],
        readable=readable,
        anyway=anyway(comparison, designs),
        survival=figures.survival(comparison, designs) if designs else None,
        survival_joined=figures.survival_joined(comparison, designs) if designs else None,
        cost_over_time=figures.cost_over_time(comparison, designs) if designs else None,
        tier_mix=figures.tier_mix(comparison, designs) if designs else None,
        sources=gains.sources(comparison, designs) if designs else None,
        tornado=gains.tornado(comparison, leader) if leader else None,
        odds=gains.odds(comparison, designs, chances["none_share"]) if chances and comparison.replications > 1 else None,
        given_away=gains.given_away(comparison, designs) if designs else None,
        effects=assumptions.effects(comparison, designs),
        members=assumptions.members(comparison),
        economics=assumptions.economics(comparison),
        engine=assumptions.engine(),
        stated=assumptions.stated(comparison),
        unmet=UNMET,
        provenance=provenance(comparison),
    )


def rests_on(comparison: Comparison, leader: str | None) -> list[str]:
    """Two or three sentences under the answer: against what, for how many members, and where the uncertainty comes from."""
    s, n = comparison.scenarios[0], comparison.replications
    joining = s.population.new_members_per_month
    start = str(s.horizon.start).replace("-", "\u2011")
    sentences = [
        "The gain is gross margin won less everything the programme costs, points still open included, against the same members "
        f"without any programme, over {s.horizon.months} months from {start}: {integer(comparison.members)} simulated "
        "members at the start"
        + (f", {percent(joining)} more joining each month." if joining else ".")
    ]
    if n == 1:
        sentences.append("One replication shows no spread, so no figure here has an interval: do not decide on it.")
        return sentences
    shared = "" if len(comparison.scenarios) == 1 else ", the same for every design"
    sentences.append(f"{n} replications, each with its own luck and its own draw of the uncertain parameters{shared}.")
    if n < ENOUGH:
        rough = "Student t, drawn in where no figure can be"
        sentences.append(f"So few give rough intervals ({rough}); take {ENOUGH} or more to decide.")
    if leader is not None and (text := dominates(comparison, leader)):
        sentences.append(text)
    return sentences


def dominates(comparison: Comparison, leader: str) -> str:
    """Whether luck or not knowing the parameters makes the leader's gain uncertain."""
    f, currency = comparison.measures[leader][DECIDES], comparison.scenarios[0].market.currency
    if f.luck_sd is None or f.parameter_sd is None or f.luck_sd + f.parameter_sd == 0:
        return ""
    share = f.parameter_sd**2 / (f.parameter_sd**2 + f.luck_sd**2)
    spreads = (
        f"(standard deviation {significant(f.parameter_sd, 2)} from the parameters, {significant(f.luck_sd, 2)} from luck, "
        f"{currency} a member)"
    )
    if share >= 0.6:
        return (
            f"What makes the gain of {leader} uncertain is mostly not knowing how members react {spreads}: more simulated "
            "members would not narrow it, an experiment would."
        )
    if share <= 0.4:
        some = ", but for what befalls all members at once" if comparison.scenarios[0].population.shocks.stated() else ""
        return f"What makes the gain of {leader} uncertain is mostly luck {spreads}: more members would narrow it{some}."
    return f"Luck and not knowing how members react make the gain of {leader} about equally uncertain {spreads}."


def owed(comparison: Comparison, design: str) -> dict[str, Any]:
    """What is set aside for the points open at the end, and what would be left of the gain if nobody let any lapse."""
    m, currency = comparison.measures[design], comparison.scenarios[0].market.currency
    economics = next(s.economics for s in comparison.scenarios if s.name == design)
    runs = comparison.runs[comparison.runs["scenario"] == design].pivot(index="replication", columns="measure", values="value")
    redeemed = runs["points_redeemed"]
    a_point = (runs["redemption_cost"] / redeemed).where(redeemed > 0, economics.cost_per_point)
    cost = runs["points_outstanding"] * a_point
    left = runs[DECIDES] - (cost - runs["provision"]).clip(lower=0)
    whole = figure(cost.to_numpy(), None, "money/member", (0.0, math.inf))
    rest = figure(left.to_numpy(), None, "money/member")
    return {
        "design": design,
        "points": cell(m["points_outstanding"]).value,
        "a_point": f"{significant(float(a_point.mean()), 2)} {currency}",
        "cost": cell(whole).value,
        "provision": cell(m["provision"]).value,
        "gain": cell(m[DECIDES], gain=True).value,
        "left": cell(rest, gain=True).value,
        "turns": m[DECIDES].value > 0 > rest.value,
    }


def anyway(comparison: Comparison, designs: list[str]) -> str:
    """How much of what is handed over at purchases goes to those that come anyway, in words; nothing where nothing is."""
    said = []
    for design in designs:
        share = cell(comparison.measures[design]["anyway_share"])
        if share != NOTHING:
            said.append(f"{share.value}{f' ({share.interval})' if share.interval else ''} with {design}")
    if not said:
        return ""
    return (
        "Of what is handed over at purchases, so much goes to purchases that the same members would have made without a "
        f"programme: {listed(said)}."
    )


def provenance(comparison: Comparison) -> dict[str, str]:
    """The footer."""
    rests = comparison.provenance
    found = {
        "Version": f"loyalsim {rests['version']}",
        "Seed": str(comparison.seed),
        "Members, replications": f"{integer(comparison.members)} at the start, {comparison.replications}",
        "Period": f"{rests['start']} to {rests['end']}",
        "Population": str(rests["population_source"]),
    }
    for name, digest in rests["scenario_digests"].items():
        found[f"Scenario {name}, SHA-256"] = str(digest)
    found["Beside this page"] = (
        "summary.json (these figures), measures.parquet (every replication and month), reruns.parquet (the same luck with the "
        "parameters at their means), scenarios/ (what was run, in full)"
    )
    return found


