"""A recalibration as changes to a scenario: what the parameters now are, ready to be merged or to be run."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from experiments.recalibration_document import Recalibration

EFFECTS = "behaviour.effects."
POPULATION = "population."


def scenario_changes(found: Recalibration) -> dict[str, Any]:
    """The part of a scenario that the experiment changed, nested as in a scenario file.

    Parameters are named by their place: `behaviour.effects.<effect>.<parameter>` becomes {mean, sd} on its
    own scale; `population.<...>` becomes the exponential of the mean log, with the covariance of the logs as
    the population's posterior, all population parameters together. What did not move beyond Monte-Carlo error
    is left out, so that the base scenario's value stands. Correlations between effects are not carried over.
    """
    out: dict[str, Any] = {}
    for move in found.parameters:
        if move.name.startswith(EFFECTS) and move.moved:
            _put(out, move.name, {"mean": move.after.mean, "sd": move.after.sd})
    population = [move for move in found.parameters if move.name.startswith(POPULATION)]
    positive = [move for move in population if move.log_mean is not None]
    if any(move.moved for move in positive):
        for move in positive:
            assert move.log_mean is not None
            _put(out, move.name, float(np.exp(move.log_mean)))
        places = [found.log_names.index(move.name) for move in positive]
        covariance = np.array(found.log_covariance)[np.ix_(places, places)]
        out["population"]["posterior"] = {
            "parameters": [move.name.removeprefix(POPULATION) for move in positive],
            "covariance": covariance.tolist(),
        }
        out["population"]["source"] = f"recalibrated by the experiment {found.experiment!r}"
    return out


def scenario_text(found: Recalibration) -> str:
    """`scenario_changes` as YAML, with a heading that says where it comes from."""
    changes = scenario_changes(found)
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.dump(changes, stream)
    heading = (
        f"# What the experiment {found.experiment!r} changed in the scenario that predicted it.\n"
        f"# Prediction {found.prediction_digest[:12]}, read-out {found.readout_digest[:12]}, "
        f"{found.effective_draws:.0f} effective draws of {found.draws}.\n"
    )
    return heading + (stream.getvalue() if changes else "{}\n")


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    *path, leaf = name.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
    tree[leaf] = value
