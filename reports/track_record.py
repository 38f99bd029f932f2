"""The report of a track record as one HTML page."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from experiments.effect_words import effect_text, size_text
from experiments.record_assessment import Assessment, Coverage, Histogram, MetricRecord, assess
from experiments.track_record import TrackRecord, columns, once_an_experiment
from reports.page import COLOURS, figure, figure_svg, render
from scenarios.numerals import percent, signed, significant

FEWEST = 3
"""experiments below which shares and ranks are not drawn: the table says as much"""


def track_record_report(record: TrackRecord) -> str:
    """The page: coverage, calibration, ranks, skill, and what a later forecast should make of it."""
    found = assess(record)
    return render(
        "track_record.html",
        title="Track record of the simulation",
        provenance={**record.provenance, "record": record.sealed().digest, "experiments": found.experiments},
        found=found,
        answer=_answer(found),
        first_arms=first_arms(found),
        coverage=coverage_figure(found.coverage) if found.experiments >= FEWEST else None,
        ranks=rank_figure(found.histogram) if found.histogram and found.experiments >= FEWEST else None,
        metrics=[(_line(metric), calibration_figure(record, metric)) for metric in found.metrics],
        entries=[
            {
                "experiment": entry.experiment,
                "metric": entry.metric,
                "arm": entry.arm,
                "frozen": entry.frozen_at.date().isoformat(),
                "predicted": f"{effect_text(entry.predicted, entry.scale)} ± {size_text(entry.predictive_sd, entry.scale, 2)}",
                "observed": f"{effect_text(entry.observed, entry.scale)} ± {size_text(entry.observed_se, entry.scale, 2)}",
                "verdict": "late, no forecast" if entry.made_after_start else entry.verdict or "no verdict",
                "counts": found.first_arms.get(entry.experiment, entry.arm) == entry.arm and not entry.made_after_start,
            }
            for entry in record.entries
        ],
    )


def track_record_files(record: TrackRecord) -> dict[str, str]:
    """The folder of a track record: document and page, by name."""
    return {"track_record.json": record.to_json(), "track_record.html": track_record_report(record)}


def summary(record: TrackRecord) -> str:
    """What the record says of the simulation's forecasts, in a few sentences."""
    found = assess(record)
    return " ".join([_answer(found), *first_arms(found)])


def first_arms(found: Assessment) -> list[str]:
    """Which arm counts of the experiments that have several."""
    if not found.first_arms:
        return []
    named = "; ".join(f"{experiment}: {arm}" for experiment, arm in found.first_arms.items())
    return [f"Arms of one experiment share a control and are no two witnesses, so the first of the plan counts ({named})."]


def coverage_figure(found: tuple[Coverage, ...]) -> Markup:
    """How often the intervals held the result, against how often they promised to."""
    fig, ax = figure(5.2, 3.6)
    ax.plot([0, 1], [0, 1], color="#555555", linewidth=0.8, label="as promised")
    for part in found:
        ax.plot([part.level] * 2, [part.low, part.high], color=COLOURS[0], linewidth=3)
        ax.plot(part.level, part.share, "o", color=COLOURS[0])
    ax.plot([], [], "o-", color=COLOURS[0], label="seen, with 95 % interval")
    ax.set_xlim(0.4, 1)
    ax.set_ylim(0, 1.02)
    ax.set_xticks([part.level for part in found], [percent(part.level, 0) for part in found])
    ax.set_xlabel("interval of the forecast")
    ax.set_ylabel("share of results inside")
    ax.legend(loc="lower right", frameon=False)
    said = "; ".join(f"{percent(part.level, 0)} interval: {part.hits} of {part.experiments}" for part in found)
    return figure_svg(fig, f"Coverage of the forecasts. {said}.")


def rank_figure(found: Histogram) -> Markup:
    """Where the results fell among the simulated ones, with the band of an honest forecaster."""
    fig, ax = figure(5.2, 3.2)
    edges = np.linspace(0, 1, len(found.counts) + 1)
    ax.bar(edges[:-1], found.counts, width=np.diff(edges), align="edge", color=COLOURS[0], edgecolor="white")
    ax.axhspan(found.low, found.high, color=COLOURS[1], alpha=0.18, label="honest forecasts, 95 %")
    ax.set_xlim(0, 1)
    ax.set_xlabel("rank of the result among the simulated ones (PIT)")
    ax.set_ylabel("experiments")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.02), borderaxespad=0, frameon=False)
    counts = ", ".join(str(count) for count in found.counts)
    return figure_svg(
        fig, f"Histogram of ranks: {counts}; an honest forecaster has {found.low} to {found.high}."
    )


def calibration_figure(record: TrackRecord, metric: MetricRecord) -> Markup:
    """Observed on predicted effects of one metric, the line of perfect forecasts and the fitted one."""
    entries = [
        entry
        for entry in once_an_experiment([e for e in record.entries if not e.made_after_start])
        if (entry.metric, entry.scale) == (metric.metric, metric.scale)
    ]
    predicted, observed, sd = columns(entries)
    fig, ax = figure(5.6, 4.2)
    ax.errorbar(predicted, observed, yerr=1.96 * sd, fmt="o", color=COLOURS[0], elinewidth=1, alpha=0.85)
    low, high = float(predicted.min()), float(predicted.max())
    room = 0.08 * (high - low) or max(abs(high), 1e-9)
    x = np.linspace(low - room, high + room, 50)
    ax.plot(x, x, color="#555555", linewidth=0.9, label="perfect forecasts")
    said = "too few experiments for a line"
    if metric.line is not None:
        a, b = metric.line.coefficients
        mean = a + b * x
        slope = np.column_stack([np.ones_like(x), x])
        error = np.sqrt(np.einsum("ij,jk,ik->i", slope, metric.line.covariance, slope))
        reach = (metric.line.interval()[0, 1] - a) / metric.line.standard_errors[0] * error
        ax.plot(x, mean, color=COLOURS[1], label="fitted")
        ax.fill_between(x, mean - reach, mean + reach, color=COLOURS[1], alpha=0.18, linewidth=0)
        said = f"fitted line: observed = {size_text(float(a), metric.scale)} + {significant(float(b))} x predicted"
    ax.axhline(0, color="#bbbbbb", linewidth=0.6)
    unit = f", {metric.unit}" if metric.unit else ""
    ax.set_xlabel(f"predicted effect{unit}")
    ax.set_ylabel(f"observed effect{unit}")
    ax.legend(loc="upper left", frameon=False)
    return figure_svg(
        fig, f"Observed on predicted effects on {metric.metric}, {metric.experiments} experiments; {said}."
    )


def _line(metric: MetricRecord) -> dict[str, Any]:
    line = {
        "metric": metric.metric,
        "experiments": metric.experiments,
        "coverage": [(percent(p.level, 0), f"{p.hits} of {p.experiments}") for p in metric.coverage],
        "no_effect": signed(percent(metric.skill_no_effect, 0)),
        "history": None if metric.skill_history is None else signed(percent(metric.skill_history, 0)),
        "words": None,
        "corrected": None,
    }
    if metric.line is not None:
        (a_low, a_high), (b_low, b_high) = metric.line.interval()
        a, b = (float(c) for c in metric.line.coefficients)
        line["words"] = (
            f"observed = {significant(a)} ({significant(float(a_low))} to {significant(float(a_high))}) + "
            f"{significant(b)} ({significant(float(b_low))} to {significant(float(b_high))}) × predicted, "
            f"with {_scatter(metric.line.tau2)} beyond what the forecasts admit. "
            f"{_meaning(float(b_low), float(b_high))}"
        )
    if metric.corrected is not None:
        gain = metric.corrected.gain
        better = f"{percent(abs(gain), 0)} {'closer' if gain >= 0 else 'further off'}"
        line["corrected"] = (
            f"Corrected by the experiments known before them, {metric.corrected.experiments} later forecasts "
            f"were {better} than as they stood."
        )
    return line


def _scatter(tau2: float) -> str:
    return f"a scatter of {significant(float(np.sqrt(tau2)), 2)}" if tau2 > 0 else "no scatter"


def _meaning(low: float, high: float) -> str:
    if low > 1:
        return "Effects are larger than predicted, in proportion."
    if high < 1:
        return "Effects are smaller than predicted, in proportion: forecasts promise too much."
    return "A slope of 1, which an honest forecast has, is within the interval."


def _answer(found: Assessment) -> str:
    if not found.experiments:
        return "No experiment was predicted before it started, so that there is no track record yet."
    if not found.coverage:
        return "No experiment could be compared on its primary metric so far; the others below say how their forecasts did."
    ninety_five = found.coverage[-1]
    if found.experiments == 1:
        where = "inside" if ninety_five.hits else "outside"
        return f"One experiment so far; its result fell {where} the 95 % interval of its forecast. One proves nothing either way."
    text = (
        f"Over {found.experiments} experiments, {ninety_five.hits} of {ninety_five.experiments} results fell "
        "into their 95 % interval."
    )
    if found.skill is not None:
        word = "closer than" if found.skill >= 0 else "further off than"
        text += f" Forecasts were {percent(abs(found.skill), 0)} {word} the forecast of no effect."
    narrow = [part for part in found.coverage if part.high < part.level]
    wide = [part for part in found.coverage if part.low > part.level]
    if narrow:
        text += " The intervals are too narrow: the simulation is surer than it should be."
    elif wide:
        text += " The intervals are wider than they need to be."
    elif found.histogram is not None and max(found.histogram.counts) > found.histogram.high:
        text += _lean(found.histogram)
    elif found.experiments < 10:
        text += " So few experiments can neither prove nor disprove the intervals."
    else:
        text += " The intervals keep what they promise, as far as these experiments can tell."
    return text


def _lean(ranks: Histogram) -> str:
    low, high = ranks.counts[0] > ranks.high, ranks.counts[-1] > ranks.high
    if low and not high:
        return " Results come out lower than predicted more often than chance allows."
    if high and not low:
        return " Results come out higher than predicted more often than chance allows."
    return " Results do not spread over their forecasts as they would for an honest forecaster."
