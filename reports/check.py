"""The report of a check as one HTML page."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from experiments.check_document import Check, Comparison
from experiments.effect_words import effect_text, p_value, size_text, stated_text
from reports.check_figures import fan, forest, power_curve
from reports.page import render
from scenarios.numerals import NONE, number, percent, signed


def check_report(found: Check) -> str:
    """The page: the answer, verdict by metric, figures, joint tests, and how sharp the check was."""
    overall = found.overall
    segments = [row for row in found.rows if row.segment is not None and row.week is None]
    weeks = [row for row in found.rows if row.segment is None and row.week is not None]
    return render(
        "check.html",
        title=f"Check of {found.experiment}",
        provenance={
            **found.provenance,
            "prediction": found.prediction_digest,
            "read-out": found.readout_digest,
        },
        found=found,
        level=percent(1 - found.alpha, 0),
        table=[_line(row) for row in overall],
        sentences=[row.sentence for row in overall],
        forests=[forest(list(rows), found.alpha) for _, rows in _by_metric(overall)],
        segment_forests=[
            (f"{metric} by {_variable(rows[0])}", forest(rows, found.alpha))
            for metric, rows in _by_variable(segments)
        ],
        segment_table=[_line(row) for row in segments],
        fans=[
            (f"{key[0]}, {key[1]}", fan(list(rows), found.alpha))
            for key, rows in groupby(
                sorted(weeks, key=lambda r: (r.metric, r.arm)), key=lambda r: (r.metric, r.arm)
            )
        ],
        power=power_curve(overall, found.alpha) if any(row.margin for row in overall) else None,
        sharpness=[_sharpness(row) for row in overall],
        scores=[_scores(row) for row in overall],
    )


def check_files(found: Check) -> dict[str, str]:
    """The folder of a check: document and page, by name."""
    return {"check.json": found.to_json(), "check.html": check_report(found)}


def _line(row: Comparison) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "who": row.arm if row.segment is None else f"{row.arm}, {row.segment}",
        "unit": row.unit,
        "predicted": effect_text(row.predicted, row.scale),
        "low": effect_text(row.interval[0], row.scale),
        "high": effect_text(row.interval[1], row.scale),
        "observed": effect_text(row.observed, row.scale),
        "se": size_text(row.observed_se, row.scale, 2),
        "verdict": row.verdict or "no verdict",
        "direction": row.direction,
        "margin": stated_text(row.margin, row.scale) if row.margin else NONE,
    }


def _sharpness(row: Comparison) -> dict[str, str]:
    return {
        "metric": row.metric,
        "who": row.arm,
        "bias": size_text(row.detectable_bias, row.scale, 2),
        "margin": stated_text(row.margin, row.scale) if row.margin else NONE,
        "smallest": size_text(row.smallest_margin, row.scale),
        "share": percent((row.parameters_sd / row.difference_se) ** 2, 0),
    }


def _scores(row: Comparison) -> dict[str, str]:
    return {
        "metric": row.metric,
        "who": row.arm,
        "pit": number(row.pit, 2),
        "p": p_value(row.monte_carlo_p),
        "crps": size_text(row.crps, row.scale, 2),
        "no_effect": signed(percent(row.skill_no_effect, 0)),
        "history": NONE if row.skill_history is None else signed(percent(row.skill_history, 0)),
    }


def _by_metric(rows: list[Comparison]) -> list[tuple[str, list[Comparison]]]:
    names = dict.fromkeys(row.metric for row in rows)
    return [(name, [row for row in rows if row.metric == name]) for name in names]


def _by_variable(rows: list[Comparison]) -> list[tuple[str, list[Comparison]]]:
    keys = dict.fromkeys((row.metric, _variable(row)) for row in rows)
    return [(key[0], [row for row in rows if (row.metric, _variable(row)) == key]) for key in keys]


def _variable(row: Comparison) -> str:
    return (row.segment or "").split("=")[0]
