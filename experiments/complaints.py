"""What pydantic finds wrong with a file, as sentences for the person who wrote it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import BaseModel, ValidationError


def complaints(error: ValidationError, file: str, model: type[BaseModel], line: Any = None) -> list[str]:
    """One sentence a problem: file, line where `line(location)` knows it, key, found, allowed."""
    sentences = []
    for problem in error.errors():
        location = tuple(part for part in problem["loc"] if not str(part).startswith(("function-", "list[")))
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        number = line(location) if line else None
        place = file + (f", line {number}" if number else "") + (f": {where}" if where else "")
        match problem["type"]:
            case "extra_forbidden":
                allowed = ", ".join(_fields_at(model, location[:-1]))
                sentences.append(f"{place}: unknown key" + (f"; allowed: {allowed}" if allowed else ""))
            case "missing":
                sentences.append(f"{place}: is missing")
            case "too_short":
                least, found = problem["ctx"]["min_length"], problem["ctx"]["actual_length"]
                sentences.append(f"{place}: found {found}; at least {least} must be there")
            case "value_error":
                sentences.append(f"{place}: {problem['ctx']['error']}")
            case _:
                allowed = problem["msg"].replace("Input should be", "must be").replace("should", "must")
                sentences.append(f"{place}: found {shown(problem['input'])}; {allowed}")
    return sentences


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys allowed at a location, found by walking the JSON Schema; empty where it cannot be told."""
    schema = model.model_json_schema()
    defs = schema.get("$defs", {})
    nodes = [schema]
    for part in location:
        following = []
        for node in _resolved(nodes, defs):
            if isinstance(part, int):
                following.append(node.get("items", {}))
            elif part in node.get("properties", {}):
                following.append(node["properties"][part])
            elif isinstance(node.get("additionalProperties"), dict):
                following.append(node["additionalProperties"])
        nodes = following
    keys = [key for node in _resolved(nodes, defs) for key in node.get("properties", {})]
    return list(dict.fromkeys(keys))


def _resolved(nodes: list[dict[str, Any]], defs: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for node in nodes:
        if "$ref" in node:
            out += _resolved([defs[node["$ref"].split("/")[-1]]], defs)
        elif "anyOf" in node or "oneOf" in node:
            out += _resolved(node.get("anyOf", []) + node.get("oneOf", []), defs)
        else:
            out.append(node)
    return out


def shown(value: Any) -> str:
    """A value as it is quoted in a message, cut at 60 characters."""
    text = str(value) if isinstance(value, dt.date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
