"""A scenario with some of its keys changed, checked as a file that extends it would be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.composing import compose, find, over
from scenarios.problems import check
from scenarios.tree import Node, Place, Problem, refusal
from sim.errors import InputError
from sim.scenario import Scenario


def load_changed(
    spec: str | Path, changes: Mapping[str, Any], *, name: str, said: str, population: Path | None = None
) -> Scenario:
    """The scenario that `spec` means, called `name`, with `changes`: key -> value, as a file that extends it writes them.

    Mappings are merged, rows with a name too, everything else replaces, None takes a key away; a key may be dotted
    (programme.expiry.months). said: what messages call the changes, in place of a file; population: as in
    scenarios.files.load.
    Raises InputError with every problem, one sentence each.
    """
    target = Path(spec) if isinstance(spec, Path) else find(spec, Path())
    if isinstance(target, str):
        raise InputError(f"{spec}: {target}")
    problems: list[Problem] = []
    base = compose(target, problems, population)
    own = _node({**nested(changes), "name": name}, Place(said, 0))
    scenario = None if base is None else check(over(base, own, problems), problems)
    if scenario is None:
        raise refusal(problems)
    return scenario


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys taken apart: {"a.b": 1} -> {"a": {"b": 1}}."""
    out: dict[str, Any] = {}
    for key, value in changes.items():
        *path, leaf = key.split(".")
        tree = out
        for step in path:
            tree = tree.setdefault(step, {})
        if isinstance(value, Mapping):
            tree.setdefault(leaf, {}).update(nested(value))
        else:
            tree[leaf] = value
    return out


def _node(value: Any, place: Place) -> Node:
    if isinstance(value, Mapping):
        return Node({key: _node(child, place) for key, child in value.items()}, place)
    if isinstance(value, list):
        return Node([_node(item, place) for item in value], place)
    return Node(value, place)
