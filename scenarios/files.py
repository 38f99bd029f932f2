"""Scenario files: loading one by path or library name, checked in full before anything runs.

The form of a file is told in docs/scenario-files.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenarios.composing import LIBRARY, compose, find, library_names
from scenarios.problems import check
from scenarios.resolved import resolved_yaml
from scenarios.schema import json_schema
from scenarios.tree import Place, Problem, read, refusal
from sim.scenario import Scenario


def load(spec: str | Path, *, population: Path | None = None) -> Scenario:
    """The scenario that `spec` means: the path of a file, or the name of a library scenario; population: file whose members take
    the place of its own, as `loyalsim calibrate` writes it.

    Text that ends in .yaml or .yml or has a slash is a path; other text is a library name first. Raises
    InputError with every problem of the file and of the files it extends, one sentence each with file, line,
    key, what was found and what is allowed, sorted by file and line.
    """
    scenario, problems = _loaded(spec, population)
    if scenario is None:
        raise refusal(problems)
    return scenario


def load_many(specs: Sequence[str | Path], *, population: Path | None = None) -> list[Scenario]:
    """All of them, in order, each as `load` has it; raises InputError with the problems of all, and where two have the same
    name."""
    problems: list[Problem] = []
    loaded: list[Scenario] = []
    for spec in specs:
        scenario, wrong = _loaded(spec, population)
        problems += wrong
        if scenario is None:
            continue
        twin = next((k for k, other in enumerate(loaded) if other.name == scenario.name), None)
        if twin is not None:
            said = f"found a second scenario called {scenario.name!r}, allowed are different names (key name)"
            problems.append(Problem(Place(str(spec), 0), said))
        loaded.append(scenario)
    if problems:
        raise refusal(problems)
    return loaded


def library() -> dict[str, str]:
    """Name and one-line description of every library scenario."""
    found: dict[str, str] = {}
    for name in library_names():
        tree = read(LIBRARY / f"{name}.yaml", name, [])
        node = tree.value.get("description") if tree is not None else None
        found[name] = " ".join(str(node.value).split()) if node is not None else ""
    return found


def _loaded(spec: str | Path, population: Path | None) -> tuple[Scenario | None, list[Problem]]:
    target = Path(spec) if isinstance(spec, Path) else find(spec, Path())
    if isinstance(target, str):
        return None, [Problem(Place(str(spec), 0), target)]
    problems: list[Problem] = []
    tree = compose(target, problems, population)
    scenario = check(tree, problems) if tree is not None else None
    return scenario, problems


__all__ = ["json_schema", "library", "load", "load_many", "resolved_yaml"]
