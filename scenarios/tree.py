"""A YAML 1.2 file as a tree in which every value knows the file and line where it was written."""

from __future__ import annotations

import datetime as dt
import math
import pathlib
import re
import warnings
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from sim.errors import InputError
from sim.typing import Path

_WHOLE = re.compile(r"[-+]?\d+(\.\d+)?[eE]\+?\d+")
_EXACT = 2**53
_DEEPEST, _MOST = 30, 200_000
_PLAINER = {
    "found character '\\t' that cannot start any token": "found a tab; allowed are spaces to indent",
    "mapping values are not allowed here": "found a second ': ' in a value; put text with a colon in quotes",
    "found unexpected end of stream": "a quote is opened and never closed",
    "but found another document": "found a second document ('---'), allowed is one a file",
}


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Problem:
    """One sentence on what is wrong at a place; line 0 stands for the file as a whole."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def refusal(problems: list[Problem]) -> InputError:
    """All problems as one mistake, each once, by file and line."""
    return InputError(*(str(problem) for problem in dict.fromkeys(sorted(problems))))


@dataclass
class Node:
    """A value (scalar, list of nodes or dict of nodes) and where its key or item is written."""

    value: Any
    place: Place
    label: str | None = None
    """name under which a row was changed or added"""
    near: str | None = None
    """existing row that an added one may have meant"""
    bad: bool = False
    """already reported; what follows from it is not"""
    whole: bool = False
    """replaces what it extends as a whole"""


def read(path: pathlib.Path, shown: str, problems: list[Problem]) -> Node | None:
    """The mapping in `path`, called `shown` in messages; None where it cannot be read, and `problems` says why."""
    whole = Place(shown, 0)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problems.append(Problem(whole, "found no such file, allowed is a scenario file (.yaml)"))
        return None
    except IsADirectoryError:
        problems.append(Problem(whole, "found a folder, allowed is a scenario file (.yaml)"))
        return None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        problems.append(Problem(Place(shown, line), f"found the byte 0x{byte:02X}, allowed is UTF-8 text"))
        return None
    except OSError as error:
        problems.append(Problem(whole, f"cannot be read ({error.strerror})"))
        return None
    try:
        with warnings.catch_warnings():  # an anchor that is given twice is valid YAML
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = YAML(typ="rt").compose(text)
    except YAMLError as error:
        problems.append(_broken(error, shown, text))
        return None
    except RecursionError:
        problems.append(Problem(whole, "found values nested too deep, allowed are a few levels"))
        return None
    except ValueError as error:
        problems.append(Problem(whole, f"is not YAML that can be read ({type(error).__name__})"))
        return None
    if root is None:
        problems.append(Problem(whole, "found an empty file, allowed is a mapping of keys to values"))
        return None
    try:
        tree = _Builder(shown, problems).build(root, root.start_mark.line + 1, "", 0)
    except _EndlessError as error:
        said = "found values nested or repeated without end, allowed are a few levels"
        problems.append(Problem(Place(shown, error.line), said))
        return None
    if not isinstance(tree.value, dict):
        problems.append(Problem(tree.place, f"found {found(tree.value)}, allowed is a mapping of keys to values"))
        return None
    return tree


def plain(node: Node) -> Any:
    """The tree as builtin values."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def walk(tree: Node, path: Path) -> list[Node]:
    """The nodes from `tree` on along `path`, as far as it goes."""
    trail = [tree]
    for step in path:
        inner = trail[-1].value
        known = (isinstance(inner, dict) and step in inner) or (isinstance(inner, list) and step in range(len(inner)))
        if not known:
            break
        trail.append(inner[step])
    return trail


def dotted(tree: Node, path: Path) -> str:
    """The path as people write it: programme.tiers[1].price; a row changed by name goes by its name."""
    words, trail = "", walk(tree, path)
    for k, step in enumerate(path):
        label = trail[k + 1].label if k + 1 < len(trail) else None
        if isinstance(step, int) and label is None:
            words += f"[{step}]"
        else:
            words += ("." if words else "") + str(label if isinstance(step, int) else step)
    return words


def found(value: Any) -> str:
    """What stands there, in words."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return str(value)


class _EndlessError(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


class _Builder:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file, self.problems = file, problems
        self.built = 0

    def say(self, line: int, key: str, text: str) -> None:
        self.problems.append(Problem(Place(self.file, line), f"{key}: {text}" if key else text))

    def build(self, node: Any, line: int, key: str, depth: int) -> Node:
        place = Place(self.file, line)
        self.built += 1
        if depth > _DEEPEST or self.built > _MOST:  # anchors can nest without end, and multiply
            raise _EndlessError(line)
        if isinstance(node, ScalarNode):
            before = len(self.problems)
            value = self.scalar(node, line, key)
            return Node(value, place, bad=len(self.problems) > before)
        if not str(node.tag).startswith("tag:yaml.org,2002:"):
            self.say(line, key, f"found the tag {node.tag}, allowed are plain values without tags")
        if isinstance(node, SequenceNode):
            items = [self.build(item, item.start_mark.line + 1, f"{key}[{k}]", depth + 1) for k, item in enumerate(node.value)]
            return Node(items, place)
        return Node(self.mapping(node, key, depth), place)

    def mapping(self, node: MappingNode, key: str, depth: int) -> dict[str, Node]:
        made: dict[str, Node] = {}
        for name, child in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, ScalarNode):
                self.say(line, key, "found a list or mapping as a key, allowed is text")
                continue
            path = f"{key}.{name.value}" if key else name.value
            if name.tag == "tag:yaml.org,2002:merge":
                self.say(line, key, "found the merge key <<, allowed is extends to build on another file")
                continue
            before = next(reversed(made), None)
            if name.value.isdigit() and _is_empty(child) and before is not None and _is_whole(made[before].value):  # {a: 40,50}
                said = f"found {made[before].value},{name.value}, allowed is a point before decimals and no mark in thousands"
                self.say(line, f"{path.removesuffix(name.value)}{before}", said)
                made[before].bad = True
                continue
            value = self.build(child, line, path, depth + 1)
            if name.value in made:
                first = made[name.value].place.line
                self.say(line, path, f"found the key a second time, allowed is once (first in line {first})")
                continue
            made[name.value] = value
        return made

    def scalar(self, node: ScalarNode, line: int, key: str) -> Any:
        text, tag = node.value, str(node.tag)
        kind = tag.removeprefix("tag:yaml.org,2002:")
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() == "true"
            if kind == "int":
                return _whole(text)
            if kind == "float":
                return self.number(text, line, key)
            if kind == "timestamp":
                return _date(text)
        except ValueError:
            likely = "a date such as 2027-01-31" if kind == "timestamp" else "a number such as 12 or 0.5"
            self.say(line, key, f"found {text!r}, allowed is {likely}")
            return None
        if kind != "str":
            self.say(line, key, f"found the tag {tag}, allowed are plain values without tags")
        return text.replace("\a", "") if node.style == ">" else text  # the reader's own mark of where a text was folded

    def number(self, text: str, line: int, key: str) -> float | int:
        value = float(text.replace("_", "").replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(value):
            self.say(line, key, f"found {text}, allowed is a finite number")
            return 1.0  # never used: the node is bad
        return int(value) if _WHOLE.fullmatch(text) and value == int(value) and abs(value) < _EXACT else value


def _is_empty(node: Any) -> bool:
    return isinstance(node, ScalarNode) and node.value == "" and node.style is None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    return int(digits, 0) if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(digits)


def _date(text: str) -> dt.date:
    if len(text) > 10:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    year, month, day = (int(part) for part in text.split("-"))
    return dt.date(year, month, day)


def _broken(error: YAMLError, file: str, text: str) -> Problem:
    if not isinstance(error, MarkedYAMLError):
        position = getattr(error, "position", None)
        line = text[:position].count("\n") + 1 if isinstance(position, int) else 0
        return Problem(Place(file, line), f"is not YAML: {str(error).splitlines()[0]}")
    said = str(error.problem or error).splitlines()[0]
    mark = error.problem_mark
    opened = error.context_mark is not None and ("flow" in str(error.context) or "quoted" in str(error.context))
    if opened and (mark is None or mark.line >= text.count("\n")):
        mark = error.context_mark
    line = mark.line + 1 if mark is not None else 0
    if opened and "flow" in str(error.context):
        said = f"the bracket opened in line {error.context_mark.line + 1} is not closed where it must be: {said}"
    return Problem(Place(file, line), f"is not YAML: {_PLAINER.get(said, said)}")


__all__ = ["Node", "Path", "Place", "Problem", "dotted", "found", "plain", "read", "walk"]
