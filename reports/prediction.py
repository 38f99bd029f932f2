"""The report of a frozen prediction as one HTML page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from markupsafe import Markup
from scipy import stats

from experiments.check import planned_level, planned_margins
from experiments.documents import Prediction
from experiments.effect_words import effect_text, probability_text, stated_text
from experiments.prediction import foreseen
from experiments.records import Estimate
from experiments.track_record import primary_metric
from reports.page import COLOURS, figure, figure_svg, legend_above, render
from reports.prediction_numbers import drawn_numbers
from scenarios.numerals import NONE, integer, percent


def prediction_files(found: Prediction) -> dict[str, str]:
    """The folder of a prediction: document and page, by name."""
    return {"prediction.json": found.to_json(), "prediction.html": prediction_report(found)}


def prediction_report(found: Prediction) -> str:
    """The page: what the live read-out is expected to show, why it is uncertain, and what it can find."""
    draws = np.array(found.draws)
    overall = [k for k, row in enumerate(found.rows) if row.overall]
    weeks = [k for k, row in enumerate(found.rows) if row.week is not None and row.segment is None]
    segments = [k for k, row in enumerate(found.rows) if row.week is None and row.segment is not None]
    first = primary_metric(found)
    overall.sort(key=lambda k: found.rows[k].metric != first)
    by_metric: dict[str, list[int]] = {}
    for k in overall:
        by_metric.setdefault(found.rows[k].metric, []).append(k)
    by_arm: dict[str, list[int]] = {}
    for k in weeks:
        by_arm.setdefault(f"{found.rows[k].metric}, {found.rows[k].arm}", []).append(k)
    return render(
        "prediction.html",
        title=f"Prediction of {found.experiment}",
        provenance={
            "prediction": found.sealed().digest,
            "frozen at": found.frozen_at.isoformat(),
            "simulated by": f"loyalsim {found.software}",
            "seed": found.seed,
            "scenarios": ", ".join(f"{arm}: {name}" for arm, name in found.scenarios.items()),
            "members": ", ".join(f"{arm}: {integer(n)}" for arm, n in found.n.items()),
        },
        found=found,
        count=len(draws),
        level=_level(found),
        vague=math.ceil(200 * math.sqrt(2 / (len(draws) - 1))),  # two standard errors of a share of variance, in points
        table=[_line(found, k, draws[:, k]) for k in overall],
        corrected=[text for k in overall if (text := _corrected(found, found.rows[k]))],
        estimands=found.estimands,
        numbers=drawn_numbers(found),
        effects=[
            effect_figure([found.rows[k] for k in places], [draws[:, k] for k in places])
            for places in by_metric.values()
        ],
        fans=[(name, fan_figure(found, draws, places)) for name, places in by_arm.items()],
        segments=[_line(found, k, draws[:, k]) for k in segments],
        caveats=caveats(found),
        decisions=decisions(found),
        eligible=eligible(found),
    )


def summary(found: Prediction) -> list[str]:
    """What the prediction says of each metric, and what weakens it, one sentence each."""
    draws = np.array(found.draws)
    first = primary_metric(found)
    places = sorted((k for k, row in enumerate(found.rows) if row.overall), key=lambda k: found.rows[k].metric != first)
    out = []
    for k in places:
        line = _line(found, k, draws[:, k])
        unit = f" {line['unit']}" if line["unit"] else ""
        verb = "the guardrail is held" if line["guardrail"] else "found better or worse"
        power = "" if line["power"] is None else f"; {verb} in {line['power']} of the simulated experiments"
        out.append(
            f"{line['metric']}, {line['who']}: {line['mean']}{unit} expected, {_level(found)} of read-outs between {line['low']} "
            f"and {line['high']}{power}."
        )
    return decisions(found) + out + eligible(found) + caveats(found)


def eligible(found: Prediction) -> list[str]:
    """Who of the simulated members took part, where the plan does not take all of them."""
    share = found.provenance.get("eligible_share")
    if share is None:
        return []
    return [
        f"Simulated members took part where {found.provenance['eligible']} as the window began: {percent(float(share))} of them "
        "at the parameters' means; as many were simulated as the live size needs."
    ]


def decisions(found: Prediction) -> list[str]:
    """What the plan's rules would conclude, one sentence an arm: the share of the simulated experiments by decision."""
    out = []
    for arm in found.scenarios:
        start = f"decision.{arm}."
        shares = {key.removeprefix(start): share for key, share in found.provenance.items() if key.startswith(start)}
        parts = [f"{verdict} in {probability_text(float(share or 0), len(found.draws))}" for verdict, share in shares.items()]
        if parts:
            out.append(f"{arm}: by the rules of the plan, {', '.join(parts)} of the simulated experiments.")
    return out


def caveats(found: Prediction) -> list[str]:
    """What a reader must know of how the prediction was made."""
    out = []
    if found.made_after_start:
        out.append(
            f"This was frozen on {found.frozen_at.date()}, after the experiment had started: it is no forecast, and the track "
            "record leaves it out."
        )
    early = found.provenance.get("days_arms_differ_before_window")
    if early:
        out.append(
            f"In the simulation the arms differ from {early} days before the window on: date the changes, or let the simulated "
            "period start with the window."
        )
    lacking = found.provenance.get("not simulated")
    if lacking:
        out.append(
            f"The simulated estimator lacks {lacking}. The check puts the live noise in the place of the simulated."
        )
    return out


def effect_figure(rows: list[Estimate], draws: list[np.ndarray]) -> Markup:
    """One metric: the simulated read-outs of each arm as histograms."""
    fig, ax = figure(7.2, 2.8)
    edges = np.histogram_bin_edges(np.concatenate(draws), bins=min(40, max(10, len(draws[0]) // 10)))
    for row, x, colour in zip(rows, draws, COLOURS * 2, strict=False):
        ax.hist(x, bins=edges.tolist(), color=colour, alpha=0.55, label=row.arm)
        ax.axvline(float(x.mean()), color=colour)
    ax.axvline(0, color="#555555", linewidth=0.8)
    ax.set_xlabel(f"effect on {rows[0].metric}" + (f", {rows[0].unit}" if rows[0].unit else ""))
    ax.set_ylabel("simulated experiments")
    legend_above(ax, 3)
    said = "; ".join(f"{row.arm}: mean {effect_text(row.effect, row.scale)}" for row in rows)
    return figure_svg(fig, f"Simulated read-outs of the effect on {rows[0].metric}. {said}.")


def fan_figure(found: Prediction, draws: np.ndarray, places: list[int]) -> Markup:
    """One metric of one arm by week: mean, and where 80 % and the plan's level of read-outs are expected."""
    ordered = sorted(places, key=lambda k: found.rows[k].week or 0)
    weeks = [found.rows[k].week or 0 for k in ordered]
    fig, ax = figure(7.2, 3.2)
    for level, shade in ((1 - planned_level(found), 0.18), (0.8, 0.3)):
        low, high = np.transpose([_foreseen(found, k, draws[:, k], 1 - level) for k in ordered])
        ax.fill_between(weeks, low, high, color=COLOURS[0], alpha=shade, linewidth=0)
    ax.plot(weeks, draws[:, ordered].mean(axis=0), "o-", color=COLOURS[0])
    ax.axhline(0, color="#555555", linewidth=0.8)
    ax.set_xticks(weeks if len(weeks) <= 16 else weeks[:: len(weeks) // 12 + 1])
    ax.set_xlabel("week of the experiment")
    unit = found.rows[ordered[0]].unit
    ax.set_ylabel("effect" + (f", {unit}" if unit else ""))
    row = found.rows[ordered[0]]
    return figure_svg(fig, f"Predicted effect on {row.metric} of {row.arm} by week.")


def _corrected(found: Prediction, row: Estimate) -> str | None:
    """The forecast after the track record, in words."""
    names = ("mean", "scale", "df", "experiments")
    facts = [found.provenance.get(f"corrected.{name}.{row.metric}.{row.arm}") for name in names]
    if any(fact is None for fact in facts):
        return None
    mean, scale, df, count = (float(fact or 0.0) for fact in facts)
    ends = stats.t.interval(1 - planned_level(found), df, mean, scale)
    middle, low, high = (effect_text(float(x), row.scale) for x in (mean, *ends))
    return (
        f"{row.metric}, {row.arm}: {middle}, and {_level(found)} of read-outs between {low} and {high}, "
        f"going by {integer(count)} earlier experiments."
    )


def _level(found: Prediction) -> str:
    return percent(1 - planned_level(found), 0)


def _foreseen(found: Prediction, place: int, x: np.ndarray, alpha: float) -> tuple[float, float]:
    luck = None if found.luck_sd is None else found.luck_sd[place]
    return foreseen(x, luck, alpha, found.includes_live_noise)


def _line(found: Prediction, place: int, x: np.ndarray) -> dict[str, Any]:
    row = found.rows[place]
    low, high = _foreseen(found, place, x, planned_level(found))
    luck = None if found.luck_sd is None else found.luck_sd[place]
    total = float(x.std(ddof=1))
    power = found.provenance.get(f"power.{row.metric}.{row.arm}") if row.overall else None
    margin = planned_margins(found).get(row.metric)
    share = None
    if luck is not None and total > 0:
        share = max(0.0, 1 - (luck / total) ** 2) if found.includes_live_noise else 1.0
    return {
        "metric": row.metric,
        "unit": row.unit,
        "who": row.arm if row.segment is None else f"{row.arm}, {row.segment}",
        "mean": effect_text(float(x.mean()), row.scale),
        "low": effect_text(low, row.scale),
        "high": effect_text(high, row.scale),
        "above": probability_text(float((x > 0).mean()), len(x)),
        "parameters": share,
        "guardrail": f"guardrail.{row.metric}" in found.provenance,
        "power": probability_text(power, len(x)) if isinstance(power, float) else None,
        "margin": NONE if margin is None else stated_text(margin, row.scale),
    }
