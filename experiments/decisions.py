"""Verdicts: a line for each metric and arm, and one for each arm from the rules written in the plan."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats

from experiments.effect_words import effect_text, p_text, stated_text
from experiments.looks import Look
from experiments.multiplicity import adjusted
from experiments.plan_file import Plan, Rule
from experiments.plan_metric import Metric
from experiments.records import Decision, Estimate, Gate
from scenarios.numerals import as_stated

NO_VERDICT = "no verdict"
FIRST = "gates come first"


def decide(plan: Plan, rows: Sequence[Estimate], gates: Sequence[Gate], look: Look) -> list[Decision]:
    """Decisions on the overall `rows`, first by metric, then one an arm (metric none).

    A failed gate that blocks leaves every verdict at `no verdict` and says why; one of a single metric that metric's, and the
    arm's where the plan's rules ask for it.
    """
    failed = [gate for gate in gates if gate.blocks and not gate.passed]
    overall = [row for row in rows if row.overall]
    tested = [row for row in overall if plan.metric(row.metric).role != "guardrail"]
    silent = {gate.metric for gate in failed}
    p_values = adjusted(
        [1.0 if row.p is None or row.metric in silent else look.p(row.p) for row in tested], plan.multiplicity
    )
    by_key = {row.key: p for row, p in zip(tested, p_values, strict=True)}
    lines = []
    for row in overall:
        metric = plan.metric(row.metric)
        if metric.role == "guardrail":
            line = _guardrail(metric, row)
        else:
            line = _superiority(plan, metric, row, by_key[row.key], look)
        if why := " ".join(gate.sentence for gate in failed if gate.metric in (None, metric.name)):
            said = f"{metric.name}: {NO_VERDICT}. {why}"
            line = line.model_copy(update={"verdict": NO_VERDICT, "rule": FIRST, "p": None, "sentence": said})
        lines.append(line)
    return lines + [
        _arm(plan, arm, [line for line in lines if line.arm == arm], failed, look) for arm in plan.treatments
    ]


def tost(effect: float, se: float, df: float | None, margin: float) -> float:
    """p-value of two one-sided tests that |effect| is below `margin` (Schuirmann 1987)."""
    reference = stats.norm if df is None else stats.t(df)
    if se == 0:
        return float(abs(effect) >= margin)
    return float(max(reference.sf((effect + margin) / se), reference.cdf((effect - margin) / se)))


def noninferiority(low: float | None, high: float | None, margin: float, better: str) -> str:
    """`held` where the interval lies above the margin of loss, `broken` where it lies below, else `open`."""
    if low is None or high is None:
        return "open"
    worst, best = (low, high) if better == "higher" else (-high, -low)
    if worst > -margin:
        return "held"
    return "broken" if best < -margin else "open"


def _superiority(plan: Plan, metric: Metric, row: Estimate, p: float, look: Look) -> Decision:
    level = look.level()
    found = _found(metric, row)
    if metric.equivalence_margin is not None:
        within = stated_text(metric.equivalence_margin, row.scale)
        both = tost(row.effect, row.se, row.df, metric.equivalence_margin)
        if both < level:
            return Decision(
                metric=metric.name,
                arm=row.arm,
                verdict="equivalent",
                rule=f"equivalence within {within}, two one-sided tests at {as_stated(round(level, 4))}",
                sentence=f"{found}: within the {within} that do not matter.",
                p=min(both, 1.0),
            )
    rule = f"superiority, two-sided {as_stated(plan.alpha)}"
    rule += "" if plan.sequential == "fixed" else f", {plan.sequential} look {look.at} of {len(plan.looks)}"
    rule += "" if plan.multiplicity == "none" else f", {plan.multiplicity} over metrics and arms"
    verdict = "better" if (row.effect > 0) == (metric.better == "higher") else "worse"
    if p < plan.alpha and row.effect != 0:
        return Decision(
            metric=metric.name, arm=row.arm, verdict=verdict, rule=rule, p=p, sentence=f"{found}: {verdict}."
        )
    says = "neither better nor worse is shown; the whole interval fits the data."
    if row.low is not None and row.high is not None and not row.low <= 0 <= row.high:
        says = f"{verdict} if it were the only question; among all metrics and arms chance may do as much ({p_text(p)})."
    return Decision(
        metric=metric.name, arm=row.arm, verdict="inconclusive", rule=rule, p=p, sentence=f"{found}: {says}"
    )


def _guardrail(metric: Metric, row: Estimate) -> Decision:
    assert metric.noninferiority_margin is not None
    margin = stated_text(metric.noninferiority_margin, row.scale)
    verdict = noninferiority(row.low, row.high, metric.noninferiority_margin, metric.better)
    end = row.high if metric.better == "higher" else row.low
    lost = verdict == "held" and end is not None and (end < 0 if metric.better == "higher" else end > 0)
    words = {
        "held": "a loss beyond the margin of {} is excluded",
        "broken": "the loss is beyond the margin of {}",
        "open": "a loss beyond the margin of {} is neither shown nor excluded",
    }
    return Decision(
        metric=metric.name,
        arm=row.arm,
        verdict=verdict,
        rule=f"non-inferiority, margin {margin}",
        sentence=f"{_found(metric, row)}: {words[verdict].format(margin)}{', a smaller one is shown' if lost else ''}.",
    )


def _arm(plan: Plan, arm: str, lines: list[Decision], failed: list[Gate], look: Look) -> Decision:
    asked = {None, *(metric.name for metric in plan.metrics if metric.role != "secondary")}
    failed = [gate for gate in failed if gate.metric in asked]
    if failed:
        names = ", ".join(dict.fromkeys(gate.words for gate in failed))
        return Decision(
            arm=arm,
            verdict=NO_VERDICT,
            rule=FIRST,
            sentence=f"{arm}: no verdict, because of {names}. " + " ".join(gate.sentence for gate in failed),
        )
    verdicts = {line.metric: line.verdict for line in lines}
    primary = verdicts.get(plan.primary.name, "inconclusive")
    guardrails = [verdicts.get(metric.name, "open") for metric in plan.metrics if metric.role == "guardrail"]
    for rule in plan.rules:
        if _fits(rule, primary, guardrails):
            break
    else:
        rule = Rule(then="undecided")
    state = f"{plan.primary.name} {primary}"
    if guardrails:
        state += f", guardrails {', '.join(guardrails)}"
    more = "" if look.last else f" Look {look.at} of {len(plan.looks)}; the next is at {plan.looks[look.at]}."
    return Decision(
        arm=arm, verdict=rule.then, rule=rule.words, sentence=f"{arm}: {rule.then} ({state}).{more}"
    )


def _fits(rule: Rule, primary: str, guardrails: list[str]) -> bool:
    if rule.primary is not None and primary not in rule.primary:
        return False
    match rule.guardrails:
        case "all held":
            return all(verdict == "held" for verdict in guardrails)
        case "any broken":
            return "broken" in guardrails
        case "any open":
            return "open" in guardrails
        case _:
            return True


def _found(metric: Metric, row: Estimate) -> str:
    unit = f" {metric.unit}" if metric.unit and row.scale == "absolute" else ""
    reach = (
        ""
        if row.low is None or row.high is None
        else f" ({effect_text(row.low, row.scale)} to {effect_text(row.high, row.scale)})"
    )
    return f"{metric.name}, {row.arm} against {row.control}: {effect_text(row.effect, row.scale)}{unit}{reach}"
