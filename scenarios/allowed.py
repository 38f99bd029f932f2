"""What a key of a scenario allows, in words, read off the model's own types."""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as at
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from sim.behaviour import WORD
from sim.part import Part
from sim.typing import Path

_PATTERNS = {
    "^[A-Z]{3}$": "three capital letters such as EUR",
    "^[^.]+$": "text without a dot",
    WORD: "a word of small letters, digits and _, at most 24 of them, such as pay_day",
}


@dataclass(frozen=True)
class Field:
    """A type of the model with its constraints."""

    kind: Any
    limits: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Named:
    """The limit of a key that the user chooses."""

    pattern: str


@dataclass(frozen=True)
class Words:
    """The fixed words of a Literal."""

    words: tuple[str, ...]


def field_of(model: type[Part], path: Path) -> Field | None:
    """The type at `path` below `model`; None for the model itself and for what it does not know."""
    here: Field | None = None
    models: list[type[Part]] = [model]
    for step in path:
        if isinstance(step, int):
            item = next((c for c in branches(here) if get_origin(c.kind) is list), None) if here else None
            if item is None:
                return None
            here = field_of_type(get_args(item.kind)[0], ())
        else:
            named = next((c for c in branches(here) if get_origin(c.kind) is dict), None) if here else None
            info = next((m.model_fields[step] for m in models if step in m.model_fields), None)
            if info is not None:
                here = field_of_type(info.annotation, tuple(info.metadata))
            elif named is not None:
                here = field_of_type(get_args(named.kind)[1], ())
            else:
                return None
        models = models_of(here)
    return here


def models_of(field: Field) -> list[type[Part]]:
    """The mappings among the choices of a field."""
    return [c for c in choices(field) if isinstance(c, type) and issubclass(c, Part)]


def info_of(model: type[Part], path: Path) -> FieldInfo | None:
    """The field at `path`, where its last step is a key."""
    owner = field_of(model, path[:-1]) if len(path) > 1 else Field(model)
    models = models_of(owner) if owner is not None else []
    return next((m.model_fields[str(path[-1])] for m in models if path[-1] in m.model_fields), None)


def choices(field: Field) -> list[Any]:
    """The types that a field allows: classes, `Words`, or `list`."""
    made: list[Any] = []
    for branch in branches(field):
        if get_origin(branch.kind) is Literal:
            made.append(Words(get_args(branch.kind)))
        elif get_origin(branch.kind) in (list, dict):
            made.append(get_origin(branch.kind))
        else:
            made.append(branch.kind)
    return made


def limits_of(field: Field) -> tuple[float | None, bool, float | None, bool]:
    """(lowest, whether it is itself excluded, highest, excluded) of the number that the field allows."""
    low: Any = None
    high: Any = None
    above = below = False
    for branch in branches(field):
        for limit in branch.limits:
            if isinstance(limit, at.Gt | at.Ge):
                low, above = (limit.gt, True) if isinstance(limit, at.Gt) else (limit.ge, False)
            if isinstance(limit, at.Lt | at.Le):
                high, below = (limit.lt, True) if isinstance(limit, at.Lt) else (limit.le, False)
    return low, above, high, below


def allowed(field: Field) -> str:
    """In words, as the end of a sentence `allowed is ...`."""
    parts = [_words(branch) for branch in branches(field)]
    return ", or ".join(parts)


def _words(field: Field) -> str:
    kind, limits = field.kind, field.limits
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(word) for word in get_args(kind))
    if get_origin(kind) is list:
        size = next((limit.min_length for limit in limits if isinstance(limit, at.MinLen)), None)
        inner = allowed(field_of_type(get_args(kind)[0], ()))
        return f"a list of {size} items, each {inner}" if size else f"a list, each item {inner}"
    if isinstance(kind, type) and issubclass(kind, Part):
        return "a mapping with keys among " + ", ".join(kind.model_fields)
    if get_origin(kind) is dict:
        return f"a mapping from names to {allowed(field_of_type(get_args(kind)[1], ()))}"
    if kind is str:
        if any(isinstance(limit, BeforeValidator) for limit in limits):  # sim.behaviour.Formula
            return "a formula such as 0.2 * (tier > 0)"
        if any(isinstance(limit, at.MinLen) for limit in limits):
            return "text that is not empty"
        pattern = next((p for limit in limits if (p := getattr(limit, "pattern", None)) is not None), None)
        return "text" if pattern is None else _PATTERNS.get(str(pattern), f"text that matches {pattern}")
    if kind is dt.date:
        return "a date such as 2027-01-31"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _bounds(field)
    return str(kind)


def _bounds(field: Field) -> str:
    low, above, high, below = limits_of(field)
    if low is not None and high is not None and not above and not below:
        return f" from {_n(low)} to {_n(high)}"
    words = []
    if low is not None:
        words.append(f"greater than {_n(low)}" if above else f"of at least {_n(low)}")
    if high is not None:
        words.append(f"less than {_n(high)}" if below else f"at most {_n(high)}")
    return " " + " and ".join(words) if words else ""


def _n(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:g}"


def field_of_type(annotation: Any, metadata: Sequence[Any] = ()) -> Field:
    """A type as it is annotated, with further constraints."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [limit for m in more for limit in (m.metadata if isinstance(m, FieldInfo) else [m])]
        return field_of_type(inner, (*metadata, *flat))
    return Field(annotation, tuple(metadata))


def branches(field: Field) -> list[Field]:
    """The types among which a field lets choose."""
    if get_origin(field.kind) in (Union, types.UnionType):
        made = [field_of_type(kind, field.limits) for kind in get_args(field.kind) if kind is not type(None)]
        return [b for branch in made for b in branches(branch)]
    return [field]
