"""A recalibration as changes to a scenario: what the parameters now are, ready to be merged or to be run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from experiments.recalibration_document import Recalibration

BEHAVIOUR = "behaviour."
POPULATION = "population."


def scenario_changes(found: Recalibration) -> dict[str, Any]:
    """The part of a scenario that the experiment changed, nested as in a scenario file.

    Parameters are named by their place: `behaviour.effects.<effect>.<parameter>`, or of a user's own effect
    `behaviour.own_effects.<effect>.parameters.<parameter>`, becomes {mean, sd} on its own scale; `population.<...>`
    becomes the exponential of the mean log, with the covariance of the logs as the population's posterior, all
    population parameters together. What did not move beyond Monte-Carlo error
    is left out, so that the base scenario's value stands. Correlations between effects are not carried over.
    """
    out: dict[str, Any] = {}
    for move in found.parameters:
        if move.name.startswith(BEHAVIOUR) and move.moved:
            _put(out, move.name, {"mean": _rounded(move.after.mean), "sd": _rounded(move.after.sd)})
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
    """A scenario file with these changes; it extends the base scenario of the plan where that is known."""
    base = found.provenance.get("base")
    content: dict[str, Any] = {"extends": base} if isinstance(base, str) else {}
    content["name"] = f"recalibrated by {found.experiment}"
    heading = (
        f"# What the experiment {found.experiment!r} changed in the scenario that predicted it.\n"
        f"# Prediction {found.prediction_digest[:12]}, read-out {found.readout_digest[:12]}, "
        f"{found.effective_draws:.0f} effective draws of {found.draws}.\n"
    )
    if base and str(base).endswith((".yaml", ".yml")):
        heading += f"# {base} is seen from the folder of this file: put this one beside the plan.\n"
    return heading + _yaml_text({**content, **scenario_changes(found)})


def _rounded(value: float) -> float:
    """Six figures: more than the draws can know, few enough to read."""
    return float(f"{value:.6g}")


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    *path, leaf = name.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
    tree[leaf] = value


def _yaml_text(content: Mapping[str, Any]) -> str:
    """`content` as the text of a scenario file, keys in their order."""
    yaml = YAML(typ="rt")
    yaml.width = 110
    stream = io.StringIO()
    yaml.dump(dict(content), stream)
    return stream.getvalue()
