"""A YAML file as plain values, with the line of every key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sim.errors import InputError

Line = Callable[[tuple[Any, ...]], int | None]


def read_yaml(path: Path) -> tuple[dict[str, Any], Line]:
    """The mapping in `path` as builtin values, and a function from a location (keys and indices) to its line.

    Raises InputError for a file that is not there, not YAML, not a mapping, or that has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: cannot be read as text ({problem})") from None
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f": line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{where}: is not YAML: {str(problem.problem).splitlines()[0]}") from None
    except YAMLError as problem:
        raise InputError(f"{path}: is not YAML: {str(problem).splitlines()[0]}") from None
    if not isinstance(tree, dict):
        raise InputError(f"{path}: found {type(tree).__name__}; the file must be a mapping of keys to values")

    def line(location: tuple[Any, ...]) -> int | None:
        node, found = tree, None
        for part in location:
            try:
                position = node.lc.item(part) if isinstance(part, int) else node.lc.key(part)
            except (AttributeError, KeyError, IndexError, TypeError):
                break
            if position is None:
                break
            found = position[0] + 1
            try:
                node = node[part]
            except (KeyError, IndexError):
                break
        return found

    return _plain(tree), line


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None or isinstance(node, dt.date):
        return node
    for builtin in (int, float, str):
        if isinstance(node, builtin):
            return builtin(node)
    return node
