"""Checks of how the values of a mapping go together, each made though others fail: pydantic stops at the innermost."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from scenarios.allowed import Field, branches, field_of_type, models_of
from sim.errors import InputError
from sim.part import Part
from sim.typing import Path


def inconsistent(model: type[Part], data: dict[str, Any], told: Set[Path]) -> list[tuple[Path, str]]:
    """(path, what is wrong) of every mapping in `data` whose values do not go together, the innermost first.

    told: where something is known to be wrong; of such a mapping, and of such a row in what is around it, nothing is said.
    """
    found: list[tuple[Path, str]] = []
    _built(Field(model), data, (), told, found)
    rows = {row for path in (*told, *(path for path, _ in found)) for row in _rows(data, path)}
    return [(path, said) for path, said in found if not _is_about(path, said, rows)]


def _built(field: Field, value: Any, path: Path, told: Set[Path], found: list[tuple[Path, str]]) -> Any:
    """`value` as the model has it, not checked; what its models say of it is added to `found`."""
    models = models_of(field)
    if isinstance(value, dict) and models:
        fields = {key: info for key, info in models[0].model_fields.items() if key in value}
        types = {key: field_of_type(info.annotation, info.metadata) for key, info in fields.items()}
        made = models[0].model_construct(**{k: _built(types[k], value[k], (*path, k), told, found) for k in types})
        if not told & {path, *((*path, key) for key, kind in types.items() if not models_of(kind))}:
            found += [(path, said) for said in _mistakes(made)]
        return made
    for branch in branches(field):
        if isinstance(value, list) and get_origin(branch.kind) is list:
            item = field_of_type(get_args(branch.kind)[0])
            return [_built(item, one, (*path, k), told, found) for k, one in enumerate(value)]
        if isinstance(value, dict) and get_origin(branch.kind) is dict:
            item = field_of_type(get_args(branch.kind)[1])
            return {key: _built(item, one, (*path, key), told, found) for key, one in value.items()}
    kind: Any = Annotated[field.kind, *field.limits, None]
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return value


def _mistakes(made: Part) -> list[str]:
    try:
        made.check()
    except InputError as mistake:
        return list(mistake.problems)
    except ValueError as mistake:
        return [str(mistake)]
    return []


def _rows(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """(path of the list, name) of each row that `path` leads through."""
    for k, step in enumerate(path):
        within = data if isinstance(data, dict) else dict(enumerate(data if isinstance(data, list) else ()))
        data = within.get(step)  # None: it was mended away
        if isinstance(step, int) and isinstance(data, dict):
            yield path[:k], str(data.get("name"))


def _is_about(path: Path, said: str, rows: Set[tuple[Path, str]]) -> bool:
    """Whether what is said of the mapping at `path` is about one of the rows."""
    head, _, rest = said.partition(": ")
    return any((*path, *head.split(".")) == where and rest.startswith(f"{name} ") for where, name in rows)
