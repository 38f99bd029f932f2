"""The plan of an experiment as one HTML page."""

from __future__ import annotations

from markupsafe import Markup

from experiments.effect_words import probability_text, stated_text
from experiments.plan_document import FoundPower, PlanDocument, PlannedPower
from reports.page import COLOURS, figure, figure_svg, render
from scenarios.numerals import integer, percent, significant


def plan_files(plan: PlanDocument) -> dict[str, str]:
    """What the plan step writes: plan.json and plan.html, by name."""
    return {"plan.json": plan.to_json(), "plan.html": plan_page(plan)}


def plan_page(plan: PlanDocument) -> str:
    """The page: whether the plan can answer its question, what it can find, when it is looked at, what
    follows."""
    primary = next(name for name, role in plan.roles.items() if role == "primary")
    return render(
        "plan.html",
        title=f"Plan of {plan.experiment}",
        provenance={**plan.provenance, "plan": plan.plan_digest, "digest": plan.sealed().digest},
        plan=plan,
        stated=stated_text,
        probability=probability_text,
        answer=[one for one in plan.power if one.metric == primary],
        simulated=[(one, simulated_sentence(plan, one)) for one in plan.simulated],
        simulated_answer=[simulated_sentence(plan, one) for one in plan.simulated if one.metric == primary],
        curves=[_curve(plan, one) for one in plan.power],
        days=(plan.end - plan.start).days + 1,
    )


def simulated_sentence(plan: PlanDocument, one: FoundPower) -> str:
    """What the simulated experiments found on one metric."""
    share = f"{percent(one.power, 0)} (± {percent(2 * one.error, 0)}) of {integer(one.repeats)} simulated experiments"
    by = f"by simulation, {integer(one.members)} members, {one.estimator}"
    covariates = f"; the covariates take away {percent(one.explained, 0)} of the variance" if one.explained else ""
    if plan.roles[one.metric] == "guardrail":
        return f"Where nothing is lost, {share} exclude the margin ({by}{covariates})."
    effect = next(p.minimum_effect for p in plan.power if (p.metric, p.arm) == (one.metric, one.arm))
    unit = f" {plan.units[one.metric]}" if plan.units.get(one.metric) else ""
    return (
        f"{share} find an effect of {stated_text(effect)}{unit}; effects from {significant(one.detectable)} on are found with "
        f"{percent(float(plan.provenance.get('power') or 0.8), 0)} ({by}{covariates})."
    )


def _curve(plan: PlanDocument, one: PlannedPower) -> Markup:
    """Power for the minimum effect, or a guardrail's margin, against members in the two arms."""
    wanted = float(plan.provenance.get("power") or 0.8)
    guards, unit = plan.roles[one.metric] == "guardrail", plan.units.get(one.metric, "")
    aim = f"{'excluding a loss of' if guards else 'finding'} {stated_text(one.minimum_effect)} {unit}".rstrip()
    fig, axes = figure(7.2, 3.0)
    members = [point[0] for point in one.curve]
    axes.plot(members, [point[1] for point in one.curve], color=COLOURS[0])
    axes.axhline(wanted, color="#999999", linewidth=1, linestyle="--")
    if one.members_planned:
        axes.axvline(one.members_planned, color=COLOURS[1], linewidth=1.4)
        axes.annotate(
            "planned",
            (one.members_planned, 0.03),
            xytext=(4, 0),
            textcoords="offset points",
            color=COLOURS[1],
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.set_xlabel("members in the two arms")
    axes.set_ylabel("power")
    axes.set_title(f"{one.metric}, {one.arm}: {aim}", loc="left")
    alt = (
        f"Power of {aim} on {one.metric} against members; "
        f"{percent(wanted, 0)} is reached at {integer(one.members_needed)}."
    )
    return figure_svg(fig, alt)
