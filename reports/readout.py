"""The read-out of a live experiment as one HTML page."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from experiments.decisions import NO_VERDICT
from experiments.documents import Readout
from experiments.effect_words import effect_text, p_value
from experiments.records import Decision, Estimate, Fact
from reports.page import COLOURS, figure, figure_svg, render
from reports.together import together
from scenarios.numerals import NONE, integer, listed, percent, significant

EFFECT, QUIET = COLOURS[0], "#999999"


def readout_files(found: Readout) -> dict[str, str]:
    """What the read-out step writes: readout.json and readout.html, by name."""
    return {"readout.json": found.to_json(), "readout.html": readout_page(found)}


def readout_page(found: Readout) -> str:
    """The page: the decision, the gates, effects by metric, week and segment, and what they rest on."""
    overall = [row for row in found.rows if row.overall]
    weekly = [row for row in found.rows if row.week is not None]
    segments = [row for row in found.rows if row.segment is not None]
    counts = {arm: max((row.n.get(arm, 0) for row in overall), default=0) for arm in found.arms}
    lines = [_line(row, found.decisions) for row in overall]
    return render(
        "readout.html",
        title=f"Read-out of {found.experiment}",
        provenance=_rests_on(found),
        found=found,
        decisions=_answers(found),
        withheld=found.withheld,
        blocked=bool(found.blocked),
        warnings=[gate for gate in found.gates if not gate.passed and not gate.blocks],
        gates=[(gate, NONE if gate.p is None else p_value(gate.p)) for gate in found.gates],
        together=_together(overall, found),
        counts=", ".join(f"{arm} {integer(n)}" for arm, n in counts.items()),
        lines=lines,
        adjusted=any(line["adjusted"] for line in lines),
        forests=[
            _forest(list(rows), margin=found.provenance.get(f"guardrail.{name[0]}")) for name, rows in _groups(overall)
        ],
        weeks=[_fan(list(rows)) for _, rows in _groups(weekly, by_arm=True)],
        segment_tables=[
            {"name": name, "lines": [_line(row, []) for row in rows], "svg": _forest(rows, by_segment=True)}
            for name, rows in _by_variable(segments)
        ],
        level=percent(1 - float(found.provenance.get("level_of_this_look") or 0.05), 1),
    )


def _together(overall: list[Estimate], found: Readout) -> list[str]:
    several = len({row.arm for row in overall}) > 1
    names = [f"{row.metric} of {row.arm}" if several else row.metric for row in overall]
    return together(names, found.covariance) if found.covariance else []


def _rests_on(found: Readout) -> dict[str, Fact]:
    """The facts of the footer in words; margins stand in the sentences."""
    facts = {name.replace("_", " "): fact for name, fact in found.provenance.items() if not name.startswith("guardrail.")}
    if how := facts.pop("as of is", None):
        facts["as of"] = f"{facts['as of']} ({how})"
    if rows := facts.get("rows"):
        facts["rows"] = integer(float(rows))
    return {**facts, "digest": found.sealed().digest}


def _answers(found: Readout) -> list[str]:
    """One sentence an arm: its decision, or that there is none; why stands below it, once."""
    out = []
    for one in found.decisions:
        if one.metric is None:
            why = dict.fromkeys(gate.words for gate in found.withheld if gate.sentence in one.sentence)
            out.append(f"{one.arm}: no verdict, because of {listed(why)}." if why else one.sentence)
    return out


def _line(row: Estimate, decisions: list[Decision]) -> dict[str, Any]:
    verdict = next((one for one in decisions if one.metric == row.metric and one.arm == row.arm), None)
    relative = row.relative is not None
    return {
        "metric": row.metric,
        "arm": row.arm,
        "segment": row.segment or "",
        "unit": "relative" if row.scale == "relative" else row.unit,
        "base": significant(row.base, 4) if row.base is not None else NONE,
        "effect": effect_text(row.effect, row.scale),
        "interval": _between(row, row.low, row.high),
        "relative": effect_text(row.relative, "relative") if row.relative is not None else "refused: base near 0",
        "relative_interval": f"{effect_text(row.relative_low, 'relative')} to {effect_text(row.relative_high, 'relative')}"
        if relative and row.relative_low is not None and row.relative_high is not None
        else NONE,
        "p": NONE if row.p is None else p_value(row.p),
        "adjusted": _adjusted(row, verdict),
        "n": " / ".join(integer(row.n[arm]) for arm in (row.arm, row.control)),
        "shrunk": effect_text(row.shrunk, row.scale) if row.shrunk is not None else NONE,
        "verdict": verdict.verdict if verdict else "",
        "sentence": verdict.sentence if verdict and verdict.verdict != NO_VERDICT else "",
        "rule": verdict.rule if verdict else "",
    }


def _adjusted(row: Estimate, verdict: Decision | None) -> str:
    """The p-value that the verdict rests on, where looks or other metrics and arms make it another."""
    if verdict is None or verdict.p is None or row.p is None or verdict.verdict == "equivalent":
        return ""
    return "" if p_value(verdict.p) == p_value(row.p) else f"adjusted {p_value(verdict.p)}"


def _forest(rows: list[Estimate], by_segment: bool = False, margin: Fact = None) -> Markup:
    """Effects with their intervals, one line an arm or a segment; zero and the loss a guardrail allows marked."""
    fig, axes = figure(7.2, 1.0 + 0.38 * len(rows))
    for y, row in enumerate(reversed(rows)):
        low = row.effect if row.low is None else row.low
        high = row.effect if row.high is None else row.high
        axes.plot([low, high], [y, y], color=EFFECT, linewidth=2.2, solid_capstyle="butt")
        axes.plot([row.effect], [y], "o", color=EFFECT, markersize=6)
        if by_segment and row.shrunk is not None:
            axes.plot([row.shrunk], [y - 0.18], "D", color=COLOURS[1], markersize=4)
    axes.axvline(0, color=QUIET, linewidth=1)
    if isinstance(margin, float):
        axes.axvline(margin, color=COLOURS[1], linewidth=1.4, linestyle="--")
        axes.annotate(
            "loss allowed", (margin, 1), xycoords=("data", "axes fraction"), xytext=(3, -10), textcoords="offset points",
            color=COLOURS[1], fontsize="small",
        )  # fmt: skip
    names = [f"{row.arm}, {(row.segment or '').partition('=')[2]}" if by_segment else row.arm for row in rows]
    axes.set_yticks(range(len(rows)), names[::-1])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"{rows[0].metric}: effect against {rows[0].control}{_unit(rows[0])}")
    words = "; ".join(f"{name} {effect_text(row.effect, row.scale)}" for name, row in zip(names, rows, strict=True))
    return figure_svg(fig, f"Effects on {rows[0].metric} with intervals: {words}.")


def _fan(rows: list[Estimate]) -> dict[str, Any]:
    """Effect by week with its interval."""
    rows = sorted(rows, key=lambda row: row.week or 0)
    fig, axes = figure(7.2, 3.0)
    weeks = [row.week or 0 for row in rows]
    low = [row.effect if row.low is None else row.low for row in rows]
    high = [row.effect if row.high is None else row.high for row in rows]
    axes.fill_between(weeks, low, high, color=EFFECT, alpha=0.18, linewidth=0)
    axes.plot(weeks, [row.effect for row in rows], "o-", color=EFFECT, markersize=4)
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.set_xlabel("week of the window")
    axes.set_ylabel(f"effect{_unit(rows[0])}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    first, last = rows[0], rows[-1]
    alt = (
        f"Effect on {first.metric} of {first.arm} by week, from {effect_text(first.effect, first.scale)} in week "
        f"{first.week} to {effect_text(last.effect, last.scale)} in week {last.week}."
    )
    return {"name": f"{first.metric}, {first.arm}", "svg": figure_svg(fig, alt)}


def _groups(rows: list[Estimate], by_arm: bool = False) -> list[tuple[tuple[str, str], list[Estimate]]]:
    def key(row: Estimate) -> tuple[str, str]:
        return (row.metric, row.arm if by_arm else "")

    order = {name: i for i, name in enumerate(dict.fromkeys(key(row) for row in rows))}
    ordered = sorted(rows, key=lambda row: order[key(row)])
    return [(name, list(group)) for name, group in groupby(ordered, key=key)]


def _by_variable(rows: list[Estimate]) -> list[tuple[str, list[Estimate]]]:
    out: dict[str, list[Estimate]] = {}
    for row in rows:
        variable = (row.segment or "").partition("=")[0]
        out.setdefault(f"{row.metric} by {variable}", []).append(row)
    return list(out.items())


def _between(row: Estimate, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "unbounded"
    return f"{effect_text(low, row.scale)} to {effect_text(high, row.scale)}"


def _unit(row: Estimate) -> str:
    unit = "relative" if row.scale == "relative" else row.unit
    return f" ({unit})" if unit else ""
