"""Did the live test do what the simulation said it would: a prediction against a read-out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.check_document import Check, Comparison, JointComparison
from experiments.check_words import answer, caveats, comparison_sentence, joint_sentence, plain_direction
from experiments.discrepancy import Spread, direction, discrepancy, expected_interval, members_needed, spread
from experiments.documents import Prediction, Readout
from experiments.joint import joint_test
from experiments.parity import Matched, match
from experiments.records import Estimate
from experiments.scores import crps_ensemble, crps_gaussian, monte_carlo_p, pit
from scenarios.digest import digest_of
from sim.errors import InputError
from sim.typing import Floats

LEAST_DRAWS = 20
"""fewer simulated experiments say too little about the spread"""
LEAST_HISTORY = 5
"""fewer earlier effects are no forecast to compare with"""


def check(
    prediction: Prediction,
    readout: Readout,
    margins: Mapping[str, float] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    alpha: float = 0.05,
) -> Check:
    """Compare a frozen prediction with a live result.

    margins: metric -> margin within which the simulation counts as right, in the metric's unit; metrics not
    named take `margin.<metric>` of the prediction's provenance, and get no verdict where that is missing too.
    history: metric -> effects that earlier experiments found, for the skill against history.
    Raises InputError where the documents cannot be compared, see `parity.match`, or the draws are too few.
    """
    matched = match(prediction, readout)
    draws = np.array(prediction.draws, dtype=float)
    if len(draws) < LEAST_DRAWS:
        raise InputError(f"the prediction has {len(draws)} draws; a check needs at least {LEAST_DRAWS}")
    sealed = digest_of(prediction.model_dump(mode="json"))
    known = {**planned_margins(prediction), **(margins or {})}
    for metric, margin in known.items():
        if not (np.isfinite(margin) and margin > 0):
            raise InputError(f"the margin of {metric} is {margin:g}; it must be a number above 0")
    rows = [
        _compare(prediction, sealed, ours, draws[:, ours], readout.rows[live], known, history or {}, alpha)
        for ours, live in matched.pairs
    ]
    joints: list[JointComparison] = []
    untested: list[str] = []
    for group, places in _groups(rows).items():
        try:
            joint, rows = _jointly(group, places, rows, prediction, readout, draws, matched, alpha)
            joints.append(joint)
        except ValueError as problem:
            untested.append(f"Not tested together: {group}, because {problem}.")
    return Check(
        experiment=readout.experiment,
        prediction_digest=sealed,
        readout_digest=digest_of(readout.model_dump(mode="json")),
        made_after_start=prediction.made_after_start,
        alpha=alpha,
        rows=rows,
        joint=joints,
        answer=answer(rows, joints, alpha),
        refused=matched.refused,
        caveats=caveats(prediction, readout, matched, known) + untested,
        provenance={
            "prediction frozen at": prediction.frozen_at.isoformat(),
            "simulated by": f"loyalsim {prediction.software}",
            "seed": prediction.seed,
            "simulated experiments": len(draws),
        },
    )


def planned_margins(prediction: Prediction) -> dict[str, float]:
    """The margins that were frozen with the prediction: metric -> margin in the metric's unit."""
    return {
        name.removeprefix("margin."): float(value or 0)
        for name, value in prediction.provenance.items()
        if name.startswith("margin.")
    }


def planned_level(prediction: Prediction) -> float:
    """The error level of the plan that was frozen with the prediction, .05 where none was."""
    return float(prediction.provenance.get("alpha") or 0.05)


def row_spread(prediction: Prediction, row: int, sd: float, live: Estimate) -> Spread:
    """Standard error of the discrepancy of one row, see `discrepancy.spread`."""
    luck = None if prediction.luck_sd is None else prediction.luck_sd[row]
    df = np.inf if live.df is None else live.df
    return spread(live.se, sd, len(prediction.draws), df, prediction.includes_live_noise, luck)


def forecast(prediction: Prediction, x: Floats, both: Spread) -> tuple[Floats, float]:
    """Draws of what the live experiment would measure, as (M,) draws and the noise still to be added.

    Draws that include noise of another size than the live one are stretched about their mean to fit it.
    """
    if not prediction.includes_live_noise:
        return x, both.live
    predictive = float(x.std(ddof=1)) * np.sqrt(1 + 1 / len(x))
    stretch = both.total / predictive if predictive > 0 else 1.0
    return x.mean() + (x - x.mean()) * stretch, 0.0


def tie_breaker(digest: str, live: Estimate) -> float:
    """A number in (0, 1) that depends on the prediction and the row only, to break ties among the draws."""
    found = hashlib.sha256((digest + repr(live.key)).encode()).digest()
    return (int.from_bytes(found[:7], "big") + 0.5) / 2**56


def _compare(
    prediction: Prediction,
    sealed: str,
    row: int,
    x: Floats,
    live: Estimate,
    margins: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
    alpha: float,
) -> Comparison:
    """One row of both documents.

    sealed: digest of the prediction; row: its number there; x: (M,) its draws; live: the effect found; margins, history: by
    metric.
    """
    both = row_spread(prediction, row, float(x.std(ddof=1)), live)
    margin = margins.get(live.metric) if live.week is None else None
    found = discrepancy(live.effect, float(x.mean()), both, margin or np.inf, alpha)
    measured, noise = forecast(prediction, x, both)
    score = float(crps_ensemble(measured, live.effect, fair=True, noise_sd=noise))
    past = np.asarray(history.get(live.metric, ()), dtype=float) if live.overall else np.empty(0)
    base = float(crps_ensemble(past, live.effect, fair=True)) if len(past) >= LEAST_HISTORY else 0.0
    members = sum(live.n.values())
    unit = live.unit or prediction.rows[row].unit
    needed = members_needed(found, members) if found.verdict == "inconclusive" and margin else None
    nothing = float(crps_gaussian(live.effect, 0.0, live.se))
    return Comparison(
        metric=live.metric,
        arm=live.arm,
        control=live.control,
        segment=live.segment,
        week=live.week,
        unit=unit,
        scale=live.scale,
        observed=live.effect,
        observed_se=live.se,
        predicted=found.predicted,
        predicted_sd=float(x.std(ddof=1)),
        predicted_80=expected_interval(found.predicted, both, 0.2),
        interval=found.interval,
        difference=found.difference,
        difference_se=both.total,
        parameters_sd=both.parameters,
        df=both.df if np.isfinite(both.df) else None,
        p_difference=found.p_difference,
        monte_carlo_p=float(monte_carlo_p(measured, live.effect, noise)),
        pit=float(pit(measured, live.effect, tie_breaker(sealed, live), noise)),
        crps=score,
        skill_no_effect=1 - score / nothing,
        skill_history=1 - score / base if base > 0 else None,
        margin=margin,
        p_equivalence=found.p_equivalence if margin else None,
        verdict=found.verdict if margin else None,
        direction=direction(found) if margin else plain_direction(found),
        smallest_margin=found.smallest_margin,
        detectable_bias=found.detectable_bias,
        members=members,
        members_to_confirm=needed.to_confirm if needed else None,
        members_to_refute=needed.to_refute if needed else None,
        sentence=comparison_sentence(live, unit, found, margin, members, needed),
    )


def _groups(rows: list[Comparison]) -> dict[str, list[int]]:
    """Rows to be tested together: group in words -> places in `rows`; groups of one row are left out."""
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.segment is None and row.week is None:
            name = "all metrics"
        elif row.week is None:
            assert row.segment is not None
            name = f"{row.metric} of {row.arm} by {row.segment.split('=')[0]}"
        else:
            name = f"{row.metric} of {row.arm} by week" + (f" in {row.segment}" if row.segment else "")
        groups.setdefault(name, []).append(place)
    return {name: places for name, places in groups.items() if len(places) > 1 or name == "all metrics"}


def _jointly(
    group: str,
    places: list[int],
    rows: list[Comparison],
    prediction: Prediction,
    readout: Readout,
    draws: Floats,
    matched: Matched,
    alpha: float,
) -> tuple[JointComparison, list[Comparison]]:
    """The joint test of a group, and all rows with their bands; ValueError where the draws are too few."""
    ours, live = zip(*(matched.pairs[place] for place in places), strict=True)
    estimates = [readout.rows[number] for number in live]
    stated = readout.covariance_of(live) if all(row.overall for row in estimates) else None
    disjoint = all(row.segment is not None and row.week is None for row in estimates)
    luck = None if prediction.luck_sd is None else np.array([prediction.luck_sd[k] for k in ours])
    dfs = [row.df for row in estimates if row.df is not None]
    found = joint_test(
        np.array([row.effect for row in estimates]),
        np.diag([row.se**2 for row in estimates]) if stated is None else stated,
        draws[:, list(ours)],
        noise_included=prediction.includes_live_noise,
        luck_sd=luck,
        correlation_known=disjoint or stated is not None,
        df_live=min(dfs) if dfs else np.inf,
        alpha=alpha,
    )
    out = list(rows)
    for place, band, outside in zip(places, found.band, found.outside, strict=True):
        out[place] = rows[place].model_copy(update={"band": band, "outside_band": outside})
    joint = JointComparison(
        group=group,
        method=found.method,
        rows=found.metrics,
        rank=found.rank,
        statistic=found.statistic,
        df1=found.df[0],
        df2=found.df[1] if np.isfinite(found.df[1]) else None,
        p=found.p,
        energy=found.energy,
        energy_skill=found.energy_skill,
        sentence=joint_sentence(group, found, [out[place] for place in places], alpha),
    )
    return joint, out
