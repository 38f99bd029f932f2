"""Names: no two rows of a list share one, and the incentive table uses only those that are there."""

from __future__ import annotations

import re

from scenarios.composing import ROWS, guess
from scenarios.tree import Node, Problem, dotted, plain, walk
from sim.behaviour import MOVED
from sim.formula import compared
from sim.typing import Path

TOLD_HERE = re.compile(r" names the (tier|segment|category) |: found the (tier|segment) '|two (segments )?have the same name")
"""How the model itself says what is told here: it stops at the first, here all are told."""

_USES = (
    ("tiers", ("only", "tiers")),
    ("tiers", ("when", "tier")),
    ("tiers", ("give", "tier")),
    ("segments", ("only", "segments")),
    ("categories", ("only", "category")),
)


def references(tree: Node, problems: list[Problem]) -> None:
    """Add a problem for every name that is used twice, and for every one that the scenario does not know."""
    for part, rows in ROWS:
        _twins(tree, (part, rows), problems)
    if tree.bad:
        return
    known = {rows: _names(tree, (part, rows)) for part, rows in ROWS}
    _formulas(tree, known, problems)
    table: Path = ("programme", "incentives")
    incentives = _at(tree, table)
    if incentives is None or not isinstance(incentives.value, list):
        return
    for k in range(len(incentives.value)):
        for rows, where in _USES:
            path = (*table, k, *where)
            node, names = _at(tree, path), known[rows]
            if node is None or names is None:
                continue
            listed = [((*path, n), item) for n, item in enumerate(node.value)] if isinstance(node.value, list) else []
            for at, item in listed or [(path, node)]:
                if isinstance(item.value, str) and item.value not in names:
                    problems.append(_unknown(tree, at, item.value, rows, names))


def _unknown(tree: Node, path: Path, name: str, rows: str, names: list[str]) -> Problem:
    there = f"allowed is one of {', '.join(names)}" if names else f"but there are no {rows}"
    return Problem(walk(tree, path)[-1].place, f"{dotted(tree, path)}: found {name!r}, {there}{guess(name, names)}")


def _formulas(tree: Node, known: dict[str, list[str] | None], problems: list[Problem]) -> None:
    """Names of tiers and segments in the formulas of own effects."""
    effects = _at(tree, ("behaviour", "own_effects"))
    for k in range(len(effects.value) if effects is not None and isinstance(effects.value, list) else 0):
        for key in MOVED:
            path: Path = ("behaviour", "own_effects", k, key)
            formula = _at(tree, path)
            try:
                named = compared(formula.value) if formula is not None and isinstance(formula.value, str) else []
            except ValueError:  # told by the model
                continue
            for subject, name in named:
                names = known[f"{subject}s"]
                if names is not None and name not in names:
                    problems.append(_unknown(tree, path, name, f"{subject}s", names))


def _twins(tree: Node, path: Path, problems: list[Problem]) -> None:
    node = _at(tree, path)
    first: dict[str, Node] = {}
    for k, row in enumerate(node.value if node is not None and isinstance(node.value, list) else []):
        name = row.value.get("name") if isinstance(row.value, dict) else None
        if name is None or not isinstance(name.value, str):
            continue
        if name.value in first:
            where = first[name.value].place.line
            said = f"found the name {name.value!r} a second time, allowed is once (first in line {where})"
            problems.append(Problem(name.place, f"{dotted(tree, (*path, k, 'name'))}: {said}"))
        first.setdefault(name.value, name)


def _at(tree: Node, path: Path) -> Node | None:
    trail = walk(tree, path)
    return trail[-1] if len(trail) == len(path) + 1 else None


def _names(tree: Node, path: Path) -> list[str] | None:
    """Names of the rows at `path`; None where they cannot be known."""
    trail = walk(tree, path)
    if any(node.bad for node in trail):
        return None
    rows = trail[-1].value if len(trail) == len(path) + 1 else []
    if not isinstance(rows, list):
        return None
    names = [str(plain(row).get("name")) for row in rows if isinstance(row.value, dict)]
    return names or (["member"] if path[-1] == "tiers" else [])
