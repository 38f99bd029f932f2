"""What a check found, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.check_document import Comparison, JointComparison
from experiments.discrepancy import POWER, Discrepancy, MembersNeeded, side
from experiments.documents import Prediction, Readout
from experiments.effect_words import effect_text, p_text, size_text, stated_text
from experiments.joint import Joint
from experiments.parity import Matched, label
from experiments.records import Estimate
from scenarios.numerals import integer, number, percent


def comparison_sentence(
    live: Estimate, unit: str, found: Discrepancy, margin: float | None, members: int, needed: MembersNeeded | None
) -> str:
    """One row: what was predicted, what was seen, and what follows; unit: of the effects, in words."""
    unit = f" {unit}" if unit else ""
    low, high, predicted, observed = (
        effect_text(value, live.scale) for value in (*found.interval, found.predicted, found.observed)
    )
    seen = (
        f"{label(live)}: predicted {predicted}{unit}, so that a live result between {low} and {high} was to be "
        f"expected; observed {observed}."
    )
    if margin is None:
        word = "differs from" if found.p_difference < found.alpha else "cannot be told from"
        return f"{seen} The result {word} the prediction ({p_text(found.p_difference)}); without a margin this is no verdict."
    off = f"{size_text(abs(found.difference), live.scale)}{unit}"
    allowed = f"the margin of {stated_text(margin, live.scale)}{unit}"
    match found.verdict:
        case "confirmed":
            says = f"Confirmed: the simulation is off by less than {allowed}."
        case "refuted":
            says = f"Refuted: the simulation is off by {off}, more than chance allows"
            says += "." if abs(found.difference) >= margin else f"; that it is right within {allowed} is not shown."
        case "different but trivial":
            says = f"Different but trivial: off by {off}, beyond chance, but within {allowed}."
        case _:
            says = (
                f"Inconclusive: the simulation may be right, and may be off by more than {allowed}. The "
                f"smallest margin that would pass is {size_text(found.smallest_margin, live.scale)}{unit}. "
                + _members(live, found, members, needed)
            )
    return f"{seen} {says}"


def joint_sentence(group: str, found: Joint, rows: Sequence[Comparison], alpha: float) -> str:
    """All rows of a group at once."""
    if found.method == "bonferroni":
        how = f"smallest p-value times {found.metrics} (the read-out states no covariance): {p_text(found.p)}"
    else:
        second = integer(found.df[1]) if np.isfinite(found.df[1]) else "infinite"
        how = f"F = {number(found.statistic, 2)} on {integer(found.df[0])} and {second} df, {p_text(found.p)}"
    says = (
        "together they differ from the prediction more than chance allows"
        if found.p < alpha
        else "together they show no difference beyond chance, which is no proof of agreement"
    )
    outside = [_short(row) for row in rows if row.outside_band]
    named = f"; outside the bands for all at once: {', '.join(outside)}" if outside else ""
    return f"{group[0].upper()}{group[1:]}: {says} ({how}){named}."


def answer(rows: Sequence[Comparison], joints: Sequence[JointComparison], alpha: float) -> str:
    """The outcome for the reader in a hurry: the direction for each metric, then the joint test."""
    overall = [row for row in rows if row.segment is None and row.week is None]
    arms = list(dict.fromkeys(row.arm for row in overall))
    parts = []
    for arm in arms:
        words = ", ".join(f"{row.metric} {row.direction}" for row in overall if row.arm == arm)
        parts.append(f"{arm}: {words}" if len(arms) > 1 else words)
    text = "; ".join(parts)
    together = [joint for joint in joints if joint.group == "all metrics" and joint.rows > 1]
    if together:
        verb = "refutes" if together[0].p < alpha else "does not refute"
        text += f". Taken together, the result {verb} the simulation ({p_text(together[0].p)})"
    return text[0].upper() + text[1:] + "."


def caveats(prediction: Prediction, readout: Readout, matched: Matched, margins: Mapping[str, float]) -> list[str]:
    """Everything that weakens the check, one sentence each."""
    out = []
    if prediction.made_after_start:
        out.append(
            f"The prediction was frozen on {prediction.frozen_at.date()}, after the experiment had started: "
            "it is no forecast, and the track record leaves it out."
        )
    if prediction.digest is None:
        out.append("The prediction is hand-made: it carries no digest that shows it was not changed since.")
    if prediction.experiment != readout.experiment:
        out.append(f"The prediction is about {prediction.experiment!r}, the read-out about {readout.experiment!r}.")
    plans = [document.provenance.get("plan_digest") for document in (prediction, readout)]
    if all(plans) and plans[0] != plans[1]:
        out.append("The plan was changed between prediction and read-out; what a metric's words do not tell may differ.")
    out += [f"{sentence}." for sentence in matched.unverified]
    early = prediction.provenance.get("days_arms_differ_before_window")
    if isinstance(early, int) and early > 0:
        out.append(
            f"In the simulation the arms differ from {early} days before the window on: date the changes, or "
            "let the simulated period start with the window."
        )
    lacking = prediction.provenance.get("not simulated")
    if lacking:
        out.append(f"The simulated estimator lacks {lacking}; the live noise took the place of the simulated.")
    live = [readout.rows[number] for _, number in matched.pairs]
    if prediction.includes_live_noise and prediction.luck_sd is None:
        for row in live:
            for arm, count in row.n.items():
                planned = prediction.n.get(arm)
                if row.overall and planned and not 0.9 <= count / planned <= 1.1:
                    out.append(
                        f"{row.metric}: {arm} had {integer(count)} members live and {integer(planned)} in the simulation, "
                        "whose sampling noise is therefore of another size."
                    )
    without = dict.fromkeys(row.metric for row in live if row.week is None and row.metric not in margins)
    if without:
        out.append(f"No margin was planned for {', '.join(without)}: no verdict there.")
    if matched.unmatched:
        shown = "; ".join(matched.unmatched[:5])
        more = len(matched.unmatched) - 5
        out.append(f"Not compared: {shown}" + (f"; and {more} more." if more > 0 else "."))
    failed = [gate for gate in readout.gates if not gate.passed and not gate.blocks]
    out += [f"Warning of the read-out: {gate.sentence}" for gate in failed]
    return out


def plain_direction(found: Discrepancy) -> str:
    """Direction without a margin: only a difference beyond chance has one."""
    return "undecided" if found.p_difference >= found.alpha else side(found)


def _members(live: Estimate, found: Discrepancy, members: int, needed: MembersNeeded | None) -> str:
    if needed is None:
        return ""
    number, would = (needed.to_refute, "refute") if needed.to_confirm is None else (needed.to_confirm, "confirm")
    if number is not None:
        few = " The simulated experiments are few, too: more of them, or larger ones, would narrow the check."
        return (
            f"If the difference stays as it is, about {_count(number)} members in both arms ({_count(number - members)} more) "
            f"would {would} it with probability {percent(POWER, 0)}." + (few if found.spread.vague else "")
        )
    if found.spread.vague:
        return (
            "How many members would settle it cannot be said: the simulated experiments are too few to tell the simulation's own "
            "uncertainty from their luck. Simulate more of them, or larger ones."
        )
    return (
        f"If the difference stays as it is, no number of members would settle it with probability {percent(POWER, 0)}: the "
        f"simulation's own uncertainty ({size_text(found.spread.parameters, live.scale)}) is too large for this margin."
    )


def _count(number: int) -> str:
    digits = max(0, len(str(number)) - 3)
    rounded = -(-number // 10**digits) * 10**digits
    return integer(rounded)


def _short(row: Comparison) -> str:
    parts = (row.metric, row.arm, row.segment, f"week {row.week}" if row.week else None)
    return " ".join(part for part in parts if part)
