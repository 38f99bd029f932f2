"""A few members who decide: the most extreme rows of a metric, and its effects with and without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.aggregates import Aggregate, Codes, Key
from experiments.decisions import noninferiority
from experiments.effect_words import effect_text, p_text
from experiments.estimators import Effect, Undefined
from experiments.plan_metric import Metric
from experiments.records import Gate
from scenarios.numerals import significant
from sim.typing import Floats

KEPT = 10
"""rows kept at each end of a metric"""
DECIDES = 1.5
"""Standard errors by which a few members must move an effect to have decided it"""


class Extremes:
    """The KEPT lowest and highest rows of one feature, whatever the order of the rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kept: list[tuple[float, int, Floats]] = []

    def add(self, cells: Codes, values: Mapping[str, Floats]) -> None:
        """Look through a block: the cell of each row, and its features by name."""
        watched = values[self.name]
        at = np.arange(len(watched))
        if len(self._kept) == 2 * KEPT:
            at = np.flatnonzero((watched < self._kept[KEPT - 1][0]) | (watched > self._kept[KEPT][0]))
        if len(at) > 2 * KEPT:
            order = np.argpartition(watched[at], (KEPT - 1, len(at) - KEPT))
            at = at[np.concatenate([order[:KEPT], order[-KEPT:]])]
        rows = np.column_stack([column[at] for column in values.values()])
        self._kept += [(float(watched[i]), int(cells[i]), row) for i, row in zip(at.tolist(), rows, strict=True)]
        self._kept.sort(key=lambda item: item[0])
        if len(self._kept) > 2 * KEPT:
            self._kept = self._kept[:KEPT] + self._kept[-KEPT:]

    def by_cell(self, keys: Sequence[Key], whole: Aggregate) -> dict[Key, Floats]:
        """Features (k, p) of the rows kept that lie farthest from the mean: one in a thousand, 1 to KEPT of them."""
        centre, total = _centre(whole, self.name), whole.n.sum()
        count = int(min(KEPT, max(1, total // 1000)))
        far = sorted(self._kept, key=lambda item: -abs(item[0] - centre))[:count]
        out: dict[Key, list[Floats]] = {}
        for _, cell, row in far:
            out.setdefault(keys[cell], []).append(row[: len(whole.columns)])
        return {key: np.array(rows) for key, rows in out.items()}


def outlier_gate(
    metric: Metric,
    overall: Aggregate,
    extremes: Mapping[Key, Floats],
    before: Sequence[Effect],
    estimate: Callable[[Aggregate], list[Effect]],
    alpha: float,
) -> Gate | None:
    """Do a few members decide? The metric's effects with and without its most extreme rows, cut off as the plan cuts them off.

    Without: the one in a thousand (1 to KEPT rows) that lie farthest from the mean of all. Fails where an effect changes
    between significant and not, or its sign while significant (a guardrail: between held, broken and open), and moves by more
    than `DECIDES` standard errors of the effect without them: then the result is theirs, and the metric has no verdict. An
    assumption of ours, between long tails, which are no fault, and slips: of 600 simulated tests of 2,000 to 20,000 members with
    lognormal spend (sigma 1.3 a purchase) it stops 0.7 % (half a standard error with them: 8 %); where one amount was a thousand
    times too large it stops 49 % (50 %), of the rest the decision is the same without it.

    None where the metric is a share or a quantile, or nothing is left without them.
    """
    if metric.kind in ("proportion", "quantile"):
        return None
    reduced, gone = overall, []
    for key, rows in extremes.items():
        if reduced.n[reduced.keys.index(key)] - len(rows) >= 2:
            reduced = reduced.less(key, rows)
            gone += rows[:, overall.columns.index(metric.name)].tolist()
    try:
        after = estimate(reduced) if gone else []
    except Undefined:
        return None
    if not after:
        return None
    pairs = list(zip(before, after, strict=True))
    fragile = [
        (one, other)
        for one, other in pairs
        if abs(one.effect - other.effect) > DECIDES * other.se and _finding(metric, one, alpha) != _finding(metric, other, alpha)
    ]
    one, other = (fragile or pairs)[0]
    name = metric.name if metric.capping == "none" else f"{metric.name}, {metric.capping}"
    who = f"{len(gone)} most extreme members" if len(gone) > 1 else "most extreme member"
    sentence = f"{name}: {_shown(metric, one, alpha)} with and {_shown(metric, other, alpha)} without the {who}"
    if fragile:
        centre = _centre(overall, metric.name)
        farthest = max(gone, key=lambda value: abs(value - centre))
        further = "winsorise" if metric.capping == "none" else "cut off lower"
        value, decide = significant(farthest, 4), "decide" if len(gone) > 1 else "decides"
        sentence += (
            f" ({'up to ' if len(gone) > 1 else ''}{value}), which {decide} the result. See whether there is an error in the "
            "table. The effect without was not preregistered: it is a sensitivity analysis and decides nothing. "
            f"Let the next plan {further}"
        )
    return Gate(
        name="outliers",
        metric=metric.name,
        passed=not fragile,
        statistic=(one.effect - other.effect) / one.se if one.se > 0 else 0.0,
        sentence=f"{sentence}.",
    )


def _finding(metric: Metric, one: Effect, alpha: float) -> str:
    """What the effect alone would be taken for."""
    if metric.role != "guardrail" or metric.noninferiority_margin is None:
        return "open" if one.p >= alpha else "higher" if one.effect > 0 else "lower"
    relative = metric.scale == "relative"
    low, high = (one.relative_low, one.relative_high) if relative else (one.low, one.high)
    return noninferiority(low, high, metric.noninferiority_margin, metric.better)


def _shown(metric: Metric, one: Effect, alpha: float) -> str:
    return f"{effect_text(one.effect)} ({_finding(metric, one, alpha) if metric.role == 'guardrail' else p_text(one.p)})"


def _centre(whole: Aggregate, name: str) -> float:
    return float(whole.n @ whole.mean[:, whole.columns.index(name)] / whole.n.sum())
