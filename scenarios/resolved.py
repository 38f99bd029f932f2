"""A scenario written out in full: what was run, as a file that loads back to the same scenario."""

from __future__ import annotations

import io
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from sim.effects import EFFECTS
from sim.incentive import When
from sim.scenario import Scenario


def resolved_yaml(scenario: Scenario) -> str:
    """The scenario with every default written out, as YAML with a header that names the version.

    What a scenario leaves open (null) is left out; the priors that then hold for an effect stand beside it.
    The same scenario gives the same text.
    """
    tree = _tree(scenario)
    _tell_priors(tree["behaviour"]["effects"], scenario)
    yaml = YAML(typ="rt")
    yaml.width, yaml.allow_unicode = 110, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(tree, stream)
    header = (
        f"# Scenario resolved by loyalsim {_version()}: what it extends and every default is written out.\n"
        "# It loads back to the scenario that was run. Money in the currency of market, rates a day.\n\n"
    )
    return header + stream.getvalue()


def _version() -> str:
    try:
        return version("loyalsim")
    except PackageNotFoundError:
        return "(not installed)"


def _tree(value: Any) -> Any:
    if isinstance(value, BaseModel):
        made = CommentedMap()
        keys = value.keys if isinstance(value, When) else frozenset(type(value).model_fields)
        for key in type(value).model_fields:
            inner = getattr(value, key)
            if key in keys and inner is not None:
                made[key] = _tree(inner)
        return made
    if isinstance(value, dict):
        return CommentedMap({key: _tree(inner) for key, inner in value.items()})
    if isinstance(value, list):
        items = CommentedSeq([_tree(item) for item in value])
        if not any(isinstance(item, CommentedMap | CommentedSeq) for item in items):
            items.fa.set_flow_style()
        return items
    return value


def _tell_priors(effects: CommentedMap, scenario: Scenario) -> None:
    for effect in EFFECTS:
        entry = effects[effect.name]
        open_ = [p for p in effect.parameters if p.name not in entry]
        if open_ and scenario.behaviour.is_on(effect.name):
            told = ", ".join(f"{p.name} {p.mean:g}" + (f" +/- {p.sd:g}" if p.sd else "") for p in open_)
            entry.yaml_add_eol_comment(f"prior: {told}", "on", column=0)


__all__ = ["resolved_yaml"]
