"""Which arm to launch, going by what the parameter draws say it is worth, before the result and after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.documents import Prediction
from experiments.effect_words import probability_text
from experiments.recalibration_document import LaunchDecision, Option
from experiments.records import Estimate
from experiments.reweighting import belief
from sim.errors import InputError
from sim.typing import Floats


def launch_decision(
    worth: Mapping[str, Floats], weights: Floats, value: str, control: str = "control"
) -> LaunchDecision:
    """Which arm to launch before and after: the largest expected worth, the control counting 0.

    worth: arm -> (M,) worth beyond the control's, larger is better; weights: (M,); value: `worth` in words.
    """
    names = [control, *worth]
    table = np.column_stack([np.zeros(len(weights)), *worth.values()])
    best = table.argmax(axis=1)
    equal = np.full(len(weights), 1 / len(weights))
    options = [
        Option(
            arm=name,
            before=belief(table[:, k]),
            after=belief(table[:, k], weights),
            best_before=float(equal @ (best == k)),
            best_after=float(weights @ (best == k)),
        )
        for k, name in enumerate(names)
    ]
    before = max(options, key=lambda option: option.before.mean)
    after = max(options, key=lambda option: option.after.mean)
    changed = before.arm != after.arm
    verb = "The decision changes" if changed else "The decision stands"
    sentence = (
        f"{verb}, going by the {value}: before the test {before.arm} was worth most (the best with probability "
        f"{probability_text(before.best_before)}); now {after.arm} is (probability "
        f"{probability_text(after.best_after)})."
    )
    return LaunchDecision(
        value=value,
        options=options,
        choice_before=before.arm,
        choice_after=after.arm,
        changed=changed,
        sentence=sentence,
    )


def effect_of(
    prediction: Prediction, decision: str | None, rows: list[Estimate], effects: Floats
) -> tuple[str, dict[str, Floats]]:
    """(what, arm -> (M,) worth): the effect on one metric under each draw, larger being better.

    decision: the metric; none = the prediction's primary, or its first; rows: of the K effects in `effects`, (M, K). Raises
    InputError for a metric without an effect.
    """
    stated = prediction.provenance.get("primary")
    metric = decision or (stated if isinstance(stated, str) else rows[0].metric)
    sign = -1.0 if prediction.provenance.get(f"better.{metric}") == "lower" else 1.0
    worth = {row.arm: sign * effects[:, k] for k, row in enumerate(rows) if row.metric == metric}
    if not worth:
        known = ", ".join(dict.fromkeys(row.metric for row in rows))
        raise InputError(f"the decision rests on {metric!r}; both documents have effects on {known}")
    return f"effect on {metric}" + (" (lower is better)" if sign < 0 else ""), worth


def otherwise(
    prediction: Prediction, chosen: LaunchDecision, rows: list[Estimate], effects: Floats, weights: Floats
) -> list[str]:
    """A sentence for each metric of a plan by which another arm than `chosen` is worth most; arguments as in `effect_of`."""
    out = []
    for metric in dict.fromkeys(row.metric for row in rows if "primary" in prediction.provenance):
        words, worth = effect_of(prediction, metric, rows, effects)
        other = launch_decision(worth, weights, words, prediction.control)
        best = next(option.best_after for option in other.options if option.arm == other.choice_after)
        if other.choice_after != chosen.choice_after:
            likely = probability_text(best)
            out.append(f"Going by the {words}, {other.choice_after} would be worth most now (probability {likely}).")
    return out
