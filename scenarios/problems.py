"""What is wrong with a composed scenario: every problem once, in plain words, where it was written."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from scenarios.allowed import Field, Named, allowed, choices, field_of, models_of
from scenarios.composing import PARTS, guess
from scenarios.consistency import inconsistent
from scenarios.references import TOLD_HERE, references
from scenarios.repair import repair
from scenarios.tree import Node, Place, Problem, dotted, found, plain, walk
from sim.errors import InputError
from sim.idle import idle
from sim.scenario import Scenario
from sim.typing import Path

_ROUNDS = 4


def check(tree: Node, problems: list[Problem]) -> Scenario | None:
    """The scenario in `tree`, or None; what is wrong is added to `problems`.

    A model checks its own consistency only where all its values are valid. So wrong values are replaced by
    the nearest valid ones and the rest is looked at again, at last every mapping by itself, and all problems are
    reported at once.
    """
    data, mended = plain(tree), set[Path]()
    scenario = None
    for turn in range(_ROUNDS):
        try:
            scenario = Scenario.model_validate(data)
            break
        except ValidationError as error:
            errors = [(_path(item, data), item) for item in error.errors(include_url=False)]
        data = copy.deepcopy(data)
        for path, item in errors:
            # after a repair, a value or mapping that was mended is no longer what was written
            if path is not None and (turn == 0 or (_consistent(item) and path not in mended)):
                _report(tree, path, item, problems)
        wrong = {path: str(item["type"]) for path, item in errors if path is not None and not _consistent(item)}
        if not wrong:
            told = mended | {path for path, _ in errors if path is not None}
            for path, said in inconsistent(Scenario, data, told):  # around a mapping that is not consistent nothing was checked
                _report(tree, path, {"type": "value_error", "loc": path, "ctx": {"error": said}}, problems)
        if not wrong or not all(repair(data, path, kind, Scenario) for path, kind in wrong.items()):
            break
        mended |= {place for path in wrong for place in (path, path[:-1], _row_of(path))}
    references(tree, problems)
    if scenario is not None and not problems:
        scenario = _without_idle(tree, scenario, data, problems).written(dict(_places(tree, ())))
    return scenario if not problems else None


def _places(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """File and line of every key below `node`, by path; rows by name."""
    if path:
        yield path, str(node.place)
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from _places(child, (*path, key))
    elif isinstance(node.value, list):
        for row in node.value:
            if isinstance(row.value, dict) and "name" in row.value:
                yield from _places(row, (*path, str(row.value["name"].value)))


def _without_idle(tree: Node, scenario: Scenario, data: Any, problems: list[Problem]) -> Scenario:
    """`scenario`, from `data`, without keys and rewards of the programme that do nothing: a problem where the file that writes
    the programme writes them, taken away where it leaves those without a use that it extends."""
    found_idle = {**idle(scenario.programme), **_without_rule(data.get("programme"))}
    for path, why in sorted(found_idle.items(), reverse=True):  # of a list from its end, so that what is before keeps its number
        trail = walk(tree, ("programme", *path))
        if trail[-1].place.file == trail[1].place.file:
            said = f"{dotted(tree, ('programme', *path))}: found {found(trail[-1].value)}, which does nothing: {why}"
            problems.append(Problem(trail[-1].place, f"{said}, or leave it out"))
            continue
        owner = data["programme"]
        for step in path[:-1]:
            owner = owner[step]
        del owner[path[-1]]
    return Scenario.model_validate(data) if found_idle else scenario


_RULES = {
    "expiry": ("rule", "points never lapse; give rule rolling, fixed_date or inactivity"),
    "qualification": ("window", "a cumulative window has no end; give window rolling or calendar"),
}
"""parts of a programme -> the key that says what their months mean, and what holds without it"""


def _without_rule(programme: Any) -> dict[Path, str]:
    """Months without the rule that they belong to; 12 are their default, and would not be seen as idle."""
    found: dict[Path, str] = {}
    for part, (rule, why) in _RULES.items():
        stated = programme.get(part) if isinstance(programme, dict) else None
        if isinstance(stated, dict) and rule not in stated:
            found |= {(part, key): why for key in ("months", "month") if key in stated}
    return found


def _row_of(path: Path) -> Path:
    """The innermost row of a list that `path` leads through, or `path`."""
    return path[: max((k + 1 for k, step in enumerate(path) if isinstance(step, int)), default=len(path))]


def _consistent(item: Any) -> bool:
    """Whether the error is about how the values of a mapping go together."""
    return bool(item["type"] == "value_error")


def _path(item: Any, data: Any) -> Path | None:
    """Where an error is, without the names that pydantic gives to the branches of a union, in which that of a model stands.

    None for the error of a branch that was not meant: where a mapping stands, the mapping is meant.
    """
    loc, kind = item["loc"], item["type"]
    path: Path = ()
    node = data
    for k, step in enumerate(loc):
        if step == "[key]":
            return path
        by_key = k == len(loc) - 1 and kind in ("missing", "extra_forbidden")
        if isinstance(node, dict) and (step in node or by_key):
            path, node = (*path, step), node.get(step)
        elif isinstance(node, list) and isinstance(step, int):
            path, node = (*path, step), node[step]
        else:
            field = field_of(Scenario, path)
            models = models_of(field) if field is not None else []
            if models and isinstance(node, dict) != any(m.__name__ in str(step) for m in models):
                return None
    return path


def _report(tree: Node, path: Path, item: Any, problems: list[Problem]) -> None:
    kind, trail = str(item["type"]), walk(tree, path)
    if any(n.bad for n in trail[1:]) or (tree.bad and kind in ("missing", "value_error")):
        return
    node, words, field = trail[-1], dotted(tree, path), field_of(Scenario, path)
    place = node.place
    if kind == "value_error":
        mistake = item["ctx"]["error"]
        if isinstance(mistake, InputError) and len(mistake.problems) > 1:
            for one in mistake.problems:
                _report(tree, path, {**item, "ctx": {"error": InputError(one)}}, problems)
            return
        said = str(mistake)
        if TOLD_HERE.search(said):
            return  # told by references(), all of them and with the nearest spelling
        place, text = _consistency(node, words, said)
        text += _meant(trail)
        if place.file != tree.place.file:
            inner = walk(node, tuple(said.partition(": ")[0].split(".")))[-1]
            text += f" (together with {tree.place.file}{_own_line(inner, tree.place.file)})"
    elif kind == "missing":
        text = f"{words}: is missing" + (f", needed is {allowed(field)}" if field else "") + _meant(trail)
    elif kind == "extra_forbidden":
        keys = _keys(path[:-1])
        text = f"{words}: found an unknown key, allowed are {', '.join(keys)}{guess(str(path[-1]), keys) or _home(path)}"
    elif item["loc"][-1] == "[key]":
        text = f"{words}: found the name {path[-1]!r}, allowed is {allowed(Field(str, (Named(item['ctx']['pattern']),)))}"
    else:
        text = f"{words}: found {found(plain(node))}, allowed is {allowed(field) if field else 'something else'}"
        if field is not None and isinstance(node.value, str):
            text += guess(node.value, [str(w) for c in choices(field) for w in getattr(c, "words", ())])
            text += "; write it without quotes" if _quoted(node.value, choices(field)) else ""
            text += _of_a_hundred(node.value, choices(field), path[-1] == "price")
    problem = Problem(place, text)
    if problem not in problems:
        problems.append(problem)


def _home(path: Path) -> str:
    """Below which part a key of the file belongs, as the end of a sentence."""
    homes = [part for part in PARTS if len(path) == 1 and path[0] in _keys((part,))]
    return f"; it is a key of {' and of '.join(homes)}: indent it below" if homes else ""


def _of_a_hundred(text: str, kinds: list[Any], price: bool) -> str:
    """What 88% is as a number, as the end of a sentence; of a price also what 88% off is."""
    percent = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if not percent or float not in kinds:
        return ""
    share = float(percent[1]) / 100
    off = f", and {text} off is {1 - share:g}" if price and share < 1 else ""
    return f"; {text} is {share:g}{off}"


def _quoted(text: str, kinds: list[Any]) -> bool:
    """Whether `text` would be what is allowed, if it were not text."""
    for kind, read in ((float, float), (int, int), (dt.date, dt.date.fromisoformat)):
        try:
            if kind in kinds and read(text) is not None:
                return True
        except ValueError:
            continue
    return False


def _own_line(node: Node, file: str) -> str:
    """The first line of `file` in what goes together in `node`."""
    inner = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    own = f", line {node.place.line}" if node.place.file == file else ""
    return next((line for child in inner if (line := _own_line(child, file))), own)


def _meant(trail: list[Node]) -> str:
    for node in trail:
        if node.near is not None:
            return f" (there was no row called {node.label} to change; did you mean {node.near}?)"
    return ""


def _keys(path: Path) -> list[str]:
    if not path:
        return ["extends", *Scenario.model_fields]
    field = field_of(Scenario, path)
    return [key for model in models_of(field or Field(None)) for key in model.model_fields]


def _consistency(node: Node, words: str, said: str) -> tuple[Place, str]:
    """Place and sentence of a mapping's own check: the row or key that the message names, or the mapping."""
    head, colon, rest = said.partition(": ")
    if colon and re.fullmatch(r"[a-z_.]+", head):
        inner = walk(node, tuple(head.split(".")))[-1]
        return _row(inner, rest).place, f"{words}.{said}" if words else said
    text = f"{words}: {said}" if words else said
    named = re.search(r"the key (\w+)$", said)
    for word in ([named[1]] if named else []) + re.findall(r"\w+", said):
        if isinstance(node.value, dict) and word in node.value:
            return node.value[word].place, text
    return node.place, text


def _row(rows: Node, said: str) -> Node:
    """The row whose name begins the message, or the list."""
    if not isinstance(rows.value, list):
        return rows
    names = [str(plain(row).get("name")) if isinstance(row.value, dict) else "" for row in rows.value]
    fits = [k for k, name in enumerate(names) if name and said.startswith(f"{name} ")]
    return rows.value[max(fits, key=lambda k: len(names[k]))] if fits else rows


__all__ = ["check"]
