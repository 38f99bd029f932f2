"""What we believe after a live test: the parameter draws behind a prediction, reweighted by the result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.documents import ParameterDraws, Prediction, Readout
from experiments.launch import effect_of, launch_decision, otherwise
from experiments.parity import match
from experiments.recalibration_document import EffectMove, ParameterMove, Recalibration
from experiments.records import Estimate
from experiments.reweighting import (
    Culprit,
    Weights,
    belief,
    culprit,
    emulate,
    reweight,
    weighted_moments,
)
from scenarios.digest import digest_of
from scenarios.numerals import integer, listed, number, percent, signed, significant
from sim.errors import InputError
from sim.typing import Bools, Floats

LEAST_EFFECTIVE_DRAWS = 100
"""fewer effective draws describe no posterior"""
_MONTE_CARLO_ERRORS = 3.0
_FARTHEST = 100
"""prior standard deviations beyond which a move explains nothing"""


def recalibrate(
    prediction: Prediction,
    readout: Readout,
    decision: str | None = None,
    decision_values: Mapping[str, Floats] | None = None,
) -> Recalibration:
    """Weigh the parameter draws of `prediction` by the likelihood of the live effects on everybody.

    decision: metric whose effect the launch decision rests on; none = the prediction's primary, or its first.
    decision_values: arm -> (M,) worth of launching it under each draw, instead of that metric's effect.
    Draws that include sampling noise are first regressed on their parameters, see `reweighting.emulate`.
    Raises InputError without parameter draws, where the effective draws are below 100, or where no draw
    explains the result; then it names the parameter that would have to move.
    """
    if prediction.parameter_draws is None:
        raise InputError("the prediction carries no parameter_draws, so there is nothing to recalibrate")
    matched = match(prediction, readout)
    pairs = [(ours, live) for ours, live in matched.pairs if readout.rows[live].overall]
    ours = [pair[0] for pair in pairs]
    rows = [readout.rows[pair[1]] for pair in pairs]
    values = np.array(prediction.parameter_draws.values, dtype=float)
    simulated = np.array(prediction.draws, dtype=float)[:, ours]
    observed = np.array([row.effect for row in rows])
    _check_spread(prediction, values, simulated, rows)
    try:
        effects, covariance, caveats = _noise_free(prediction, readout, values, simulated, pairs)
        found = reweight(effects, observed, covariance)
    except ValueError as problem:
        raise InputError(f"{readout.experiment}: {problem}") from None
    if found.conflict or found.effective_draws < LEAST_EFFECTIVE_DRAWS:
        blamed = culprit(values, effects, observed, covariance)
        raise InputError(_refusal(found, blamed, prediction.parameter_draws, len(values)))
    worth = decision_values
    if worth is None:
        decision, worth = effect_of(prediction, decision, rows, effects)
    chosen = launch_decision(worth, found.weights, decision or "worth of launching", prediction.control)
    if decision_values is None:
        caveats += otherwise(prediction, chosen, rows, effects, found.weights)
    moves = [_move(name, values[:, k], found) for k, name in enumerate(prediction.parameter_draws.names)]
    positive = [k for k in range(values.shape[1]) if np.all(values[:, k] > 0)]
    return Recalibration(
        experiment=readout.experiment,
        prediction_digest=digest_of(prediction.model_dump(mode="json")),
        readout_digest=digest_of(readout.model_dump(mode="json")),
        draws=len(values),
        effective_draws=found.effective_draws,
        parameters=moves,
        covariance=weighted_moments(values, found.weights)[1].tolist(),
        log_names=[prediction.parameter_draws.names[k] for k in positive],
        log_covariance=weighted_moments(np.log(values[:, positive]), found.weights)[1].tolist(),
        effects=_effect_moves(rows, effects, found.weights),
        decision=chosen,
        weights=found.weights.tolist(),
        caveats=caveats + [f"{sentence}." for sentence in matched.refused + matched.unverified],
        provenance={
            "prediction frozen at": prediction.frozen_at.isoformat(),
            "simulated by": f"loyalsim {prediction.software}",
            "seed": prediction.seed,
            "base": prediction.provenance.get("base"),
        },
    )


def _effect_moves(rows: list[Estimate], effects: Floats, weights: Floats) -> list[EffectMove]:
    return [
        EffectMove(
            metric=row.metric,
            arm=row.arm,
            unit=row.unit,
            scale=row.scale,
            observed=row.effect,
            observed_se=row.se,
            before=belief(effects[:, k]),
            after=belief(effects[:, k], weights),
        )
        for k, row in enumerate(rows)
    ]


def _check_spread(prediction: Prediction, values: Floats, simulated: Floats, rows: list[Estimate]) -> None:
    """Raise InputError where the draws are the same again and again, so that no result can tell them apart."""
    if not _varies(values).any():
        raise InputError(
            f"the prediction of {prediction.experiment}: all {len(values)} parameter_draws are the same; a result can only tell "
            "draws apart that differ"
        )
    same = [row for row, varies in zip(rows, _varies(simulated), strict=True) if not varies]
    if same and (prediction.includes_live_noise or len(same) == len(rows)):
        names = listed(f"{row.metric} of {row.arm}" for row in same)
        noise = "sampling noise, which they are said to include, would make them differ"
        why = noise if prediction.includes_live_noise else "no parameter moves them"
        raise InputError(f"the prediction of {prediction.experiment}: all {len(values)} draws of {names} are the same; {why}")


def _varies(columns: Floats) -> Bools:
    """(K,) whether the numbers of a column differ by more than rounding; columns: (M, K)."""
    return np.asarray(np.ptp(columns, axis=0) > 1e-12 * np.abs(columns).max(axis=0))


def _noise_free(
    prediction: Prediction, readout: Readout, values: Floats, simulated: Floats, pairs: list[tuple[int, int]]
) -> tuple[Floats, Floats, list[str]]:
    """Effects implied by each draw's parameters, covariance of the live effects around them, caveats."""
    rows = [readout.rows[live] for _, live in pairs]
    se = np.array([row.se for row in rows])
    caveats = []
    emulator = emulate(values, simulated) if prediction.includes_live_noise else None
    stated = readout.covariance_of([live for _, live in pairs])
    if stated is not None:
        covariance = stated
    elif emulator is not None:
        sd = np.sqrt(np.diag(emulator.noise))
        if (sd <= 1e-9 * simulated.std(axis=0)).any():
            raise ValueError(
                "the parameters explain the simulated effects to the last digit, yet the draws are said to include sampling "
                "noise; draws without it say includes_live_noise: false"
            )
        covariance = emulator.noise * np.outer(se / sd, se / sd)
        if len(rows) > 1:
            caveats.append("The read-out states no covariance: the simulated one of the noise was used.")
    else:
        covariance = np.diag(se**2)
        if len(rows) > 1:
            caveats.append(
                "The read-out states no covariance: the metrics were taken as independent, which makes the "
                "result look more certain than it is where they move together."
            )
    if emulator is None:
        return simulated, covariance, caveats
    extra = emulator.leverage * emulator.noise
    if prediction.luck_sd is not None:
        luck = np.array([prediction.luck_sd[ours] for ours, _ in pairs])
        extra = extra + np.diag(np.clip(np.diag(emulator.noise) - luck**2, 0, None))
    shares = ", ".join(
        f"{row.metric} of {row.arm} {percent(share, 0)}" for row, share in zip(rows, emulator.explained, strict=True)
    )
    caveats.append(
        "The draws include sampling noise, which a regression on the parameters took out; the parameters "
        f"explain of the variance of the draws: {shares}."
    )
    return emulator.effects, covariance + extra, caveats


def _move(name: str, values: Floats, found: Weights) -> ParameterMove:
    before, after = belief(values), belief(values, found.weights)
    error = float(np.sqrt(np.sum((found.weights * (values - after.mean)) ** 2)))
    spread_error = 1 / np.sqrt(2 * found.effective_draws)
    ratio = after.sd / before.sd if before.sd > 0 else 1.0
    logs = np.log(values) if np.all(values > 0) else None
    return ParameterMove(
        name=name,
        before=before,
        after=after,
        shift=(after.mean - before.mean) / before.sd if before.sd > 0 else 0.0,
        monte_carlo_error=error,
        moved=bool(
            abs(after.mean - before.mean) > _MONTE_CARLO_ERRORS * error
            or abs(ratio - 1) > _MONTE_CARLO_ERRORS * spread_error
        )
        and before.sd > 0,
        log_mean=None if logs is None else float(found.weights @ logs),
        log_sd=None if logs is None else belief(logs, found.weights).sd,
    )


def _refusal(found: Weights, blamed: Culprit | None, parameters: ParameterDraws, draws: int) -> str:
    move = ""
    if blamed is not None and abs(blamed.standard_deviations) <= _FARTHEST:
        move = (
            f"{parameters.names[blamed.parameter]} would have to move by {signed(number(blamed.standard_deviations))} of its "
            f"prior standard deviations, to {significant(blamed.value, 4)}"
        )
        if not blamed.suffices:
            move += ", and that alone would not explain it"
    if found.conflict:
        return (
            "recalibration is refused: prediction and result conflict beyond what any of the "
            f"{integer(draws)} draws explains (distance {number(found.best_misfit)}, allowed {number(found.threshold)}); "
            + (move or "no parameter moves these effects so far, so that the model itself would have to change")
        )
    wanted = int(np.ceil(draws * LEAST_EFFECTIVE_DRAWS / found.effective_draws / 100) * 100)
    return (
        f"recalibration is refused: only {integer(found.effective_draws)} of {integer(draws)} draws effectively explain "
        f"the result, {LEAST_EFFECTIVE_DRAWS} are needed; predict again with about {integer(wanted)} draws"
        + (f", or with a wider prior ({move})" if move else "")
    )
