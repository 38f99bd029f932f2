"""The nearest valid value in place of a wrong one, so that the rest of a broken scenario can be looked at."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from scenarios.allowed import Field, Words, choices, field_of, info_of, limits_of, models_of
from scenarios.composing import nearest
from sim.part import Part
from sim.typing import Path


def repair(data: Any, path: Path, kind: str, model: type[Part]) -> bool:
    """Mend `data` in place at `path` for pydantic's error type `kind`; False where nothing fits there."""
    if not path:
        return False
    owner = data
    for step in path[:-1]:
        owner = owner[step]
    last = path[-1]
    if kind == "extra_forbidden":
        above = field_of(model, path[:-1]) if len(path) > 1 else Field(model)
        keys = [key for m in models_of(above or Field(None)) for key in m.model_fields]
        meant = nearest(str(last), keys)
        value = owner.pop(last)
        if meant is not None and meant not in owner:
            owner[meant] = value
        return True
    field = field_of(model, path)
    if field is None:
        return False
    value = _nearest_value(field, owner[last]) if kind != "missing" else None
    if value is not None:
        owner[last] = value
        return True
    info = info_of(model, path) if isinstance(last, str) else None
    if info is not None and not info.is_required() and isinstance(owner, dict):
        owner.pop(last, None)
        return True
    if isinstance(owner, list) and isinstance(last, int):
        return False
    stand_in = _any_value(field, path)
    if stand_in is not None:
        owner[last] = stand_in
    return stand_in is not None


def _nearest_value(field: Field, value: Any) -> Any:
    for choice in choices(field):
        if isinstance(choice, Words) and isinstance(value, str):
            return nearest(value, list(choice.words))
        if choice in (int, float) and not isinstance(value, bool) and isinstance(value, int | float | str):
            try:
                return _inside(field, float(value), choice is int)
            except (ValueError, OverflowError):
                return None
        if choice is bool and isinstance(value, str):
            return value.lower() in ("yes", "on", "y")
        if choice is str and isinstance(value, bool | int | float | dt.date):
            return str(value)
    return None


def _inside(field: Field, value: float, whole: bool) -> float | int | None:
    low, above, high, below = limits_of(field)
    if not math.isfinite(value):
        return None
    if low is not None and (value < low or (above and value == low)):
        value = low + (1 if whole else 1e-6 if high is None else (high - low) / 1000) if above else low
    if high is not None and (value > high or (below and value == high)):
        value = high - (high - (low or 0.0)) / 1000 if below else high
    return int(value) if whole else value


def _any_value(field: Field, path: Path) -> Any:
    for choice in choices(field):
        if choice in (int, float):
            return _inside(field, 1.0, choice is int)
        if choice is str:
            return f"({path})"
    return None
