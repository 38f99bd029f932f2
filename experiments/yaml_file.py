"""A YAML file as plain values, with the line of every key: the scenarios' own reader, seen from an
experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scenarios.tree import Problem, plain, read, walk
from sim.errors import InputError

Line = Callable[[tuple[Any, ...]], int | None]


def read_yaml(path: Path) -> tuple[dict[str, Any], Line]:
    """The mapping in `path` as builtin values, and a function from a location (keys and indices) to its line.

    Raises InputError for a file that is not there, not YAML, not a mapping, or that has a key twice.
    """
    problems: list[Problem] = []
    tree = read(path, str(path), problems)
    if tree is None or problems:
        raise InputError(*(str(problem) for problem in sorted(problems)))

    def line(location: tuple[Any, ...]) -> int | None:
        return walk(tree, location)[-1].place.line or None

    return plain(tree), line
