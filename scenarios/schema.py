"""JSON Schema of scenario files, with which editors complete keys and mark mistakes.

It describes files as they are written, which may extend others: outside of lists no key is required, a part
may be the name of a file, rows may be changed by name, and null takes a key away. What a file must have in
the end is checked on loading.
"""

from __future__ import annotations

from typing import Any

from scenarios.composing import PARTS, ROWS
from sim.scenario import Scenario

_ROWS = {rows for _, rows in ROWS}
_CHANGE = "Change"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file."""
    whole = Scenario.model_json_schema()
    found: dict[str, Any] = {}
    for name, definition in whole["$defs"].items():
        found[name] = _cleaned(definition)
        found[name + _CHANGE] = _change(_cleaned(definition))
    properties: dict[str, Any] = {
        "extends": {
            "type": "string",
            "description": "file (relative to this one) or library scenario on which this one builds",
        }
    }
    for key, entry in _cleaned(whole)["properties"].items():
        properties[key] = _change_of(key, entry)
        if key in PARTS:
            as_file = {"type": "string", "pattern": r"\.ya?ml$", "description": "file that holds this part"}
            properties[key] = {
                "description": entry.get("description", found[_target(entry)].get("description", "")),
                "anyOf": [properties[key], as_file],
            }
    properties["name"]["description"] = "name in reports; without it, the file's name"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "loyalsim scenario",
        "description": "One loyalty programme design with the members, market and horizon it is run on.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "anyOf": [{"required": ["extends"]}, {"required": ["population"]}],
        "$defs": found,
    }


def _cleaned(schema: Any) -> Any:
    """Without titles, which only repeat the keys, and with descriptions on one line."""
    if isinstance(schema, list):
        return [_cleaned(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _cleaned(entry) for name, entry in value.items()}
        elif key == "description":
            made[key] = " ".join(str(value).split())
        elif key != "title" and not (key == "default" and isinstance(value, dict | list)):
            made[key] = _cleaned(value)
    return {**made, "additionalProperties": False} if "patternProperties" in made else made


def _change(definition: dict[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in definition.items() if key != "required"}
    made["properties"] = {key: _change_of(key, entry) for key, entry in definition["properties"].items()}
    return made


def _change_of(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """How a key may stand in a file that extends another: in part, by name, or null."""
    told = {k: v for k, v in entry.items() if k in ("description", "default")}
    rest = {k: v for k, v in entry.items() if k not in told}
    if key in _ROWS and rest.get("type") == "array" and "$ref" in rest["items"]:
        row = {"anyOf": [{"$ref": rest["items"]["$ref"] + _CHANGE}, {"type": "null"}]}
        says = "rows by name: change, add, or take away (null)"
        by_name = {"type": "object", "additionalProperties": row, "description": says}
        return {**told, "anyOf": [rest, by_name, {"type": "null"}]}
    branches = rest.get("anyOf", [rest])
    made = [_in_part(b) for b in branches]
    return {**told, "anyOf": [*made, *([] if {"type": "null"} in made else [{"type": "null"}])]}


def _in_part(entry: dict[str, Any]) -> dict[str, Any]:
    """What stands by name in a mapping may be changed in part, or taken away."""
    if "$ref" in entry:
        return {"$ref": entry["$ref"] + _CHANGE}
    if "patternProperties" not in entry:
        return entry
    named = {
        pattern: {"anyOf": [{"$ref": inner["$ref"] + _CHANGE}, {"type": "null"}]}
        for pattern, inner in entry["patternProperties"].items()
    }
    return {**entry, "patternProperties": named}


def _target(entry: dict[str, Any]) -> str:
    ref = entry.get("$ref") or entry["allOf"][0]["$ref"]
    return str(ref).rsplit("/", 1)[-1]


__all__ = ["json_schema"]
