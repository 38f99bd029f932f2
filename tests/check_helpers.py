"""Predictions and read-outs made by hand, for the tests of check, recalibration and track record."""

import datetime as dt

import numpy as np

from experiments.documents import ParameterDraws, Prediction, Readout
from experiments.records import Estimand, Estimate

START, END = dt.date(2026, 3, 2), dt.date(2026, 3, 29)


def estimand(metric, **changes):
    stated = {
        "metric": metric,
        "population": "all active members",
        "window_start": START,
        "window_end": END,
        "capping": "none",
        "estimator": "difference in means",
        "scale": "absolute",
    }
    return Estimand(**{**stated, **changes})


def row(metric, effect, se, arm="offer", n=5000, **rest):
    return Estimate(
        metric=metric, arm=arm, control="control", effect=effect, se=se, n={"control": n, arm: n}, **rest
    )


def prediction(columns, noise=True, keys=None, luck=None, parameters=None, margins=None, **changes):
    """columns: {metric: (M,) draws}; keys: {metric: fields of the row} where the name is not enough."""
    keys = keys or {}
    rows = [
        row(keys.get(name, {}).get("metric", name), float(np.mean(x)), float(np.std(x, ddof=1)),
            **{k: v for k, v in keys.get(name, {}).items() if k != "metric"})
        for name, x in columns.items()
    ]  # fmt: skip
    metrics = dict.fromkeys(r.metric for r in rows)
    arms = dict.fromkeys(["control", *(r.arm for r in rows)])
    stated = {
        "experiment": "spring offer",
        "frozen_at": dt.datetime(2026, 2, 20, 12, tzinfo=dt.UTC),
        "made_after_start": False,
        "scenarios": {arm: arm for arm in arms},
        "control": "control",
        "seed": 1,
        "software": "0.1.0",
        "n": dict.fromkeys(arms, 5000),
        "estimands": [estimand(metric) for metric in metrics],
        "rows": rows,
        "draws": np.column_stack(list(columns.values())).tolist(),
        "includes_live_noise": noise,
        "luck_sd": luck,
        "parameter_draws": None
        if parameters is None
        else ParameterDraws(
            names=list(parameters), values=np.column_stack(list(parameters.values())).tolist()
        ),
        "provenance": {f"margin.{name}": margin for name, margin in (margins or {}).items()},
    }
    return Prediction(**{**stated, **changes}).sealed()


def readout(rows, covariance=None, **changes):
    metrics = dict.fromkeys(r.metric for r in rows)
    arms = list(dict.fromkeys(["control", *(r.arm for r in rows)]))
    stated = {
        "experiment": "spring offer",
        "arms": arms,
        "control": "control",
        "estimands": [estimand(metric) for metric in metrics],
        "rows": rows,
        "covariance": covariance,
    }
    return Readout(**{**stated, **changes}).sealed()
