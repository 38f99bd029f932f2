"""A programme under changed terms, as a person writes them: expiry.months=12, tiers.gold.requires.spend=3000."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scenarios.changes import load_changed, nested
from scenarios.composing import ROWS, guess
from scenarios.files import load
from sim.errors import InputError
from sim.scenario import Scenario

_NEXT = re.compile(r",\s*(?=[A-Za-z_][^=,\[{]*=)")
"""A comma before the next KEY=; commas inside a value stay"""


def changed_terms(spec: str | Path, said: str, *, population: Path | None = None) -> Scenario:
    """The scenario that `spec` means with the terms in `said`: KEY=VALUE, or several with commas between.

    KEY: a key of the programme as in a scenario file, dotted, rows by their name; VALUE: as in a scenario file; null takes a key
    or row away. The scenario is called by its name and the change. population: as in scenarios.files.load.
    Raises InputError for a key or row that the programme's scenario file cannot have, with the nearest spelling, and for a value
    that is not allowed there.
    """
    place = f"--change {said}"
    changes = {f"programme.{key}": value for key, value in _settings(said, place)}
    scenario = load(spec, population=population)
    _known_rows(nested(changes), scenario, place)
    return load_changed(spec, changes, name=f"{scenario.name}: {said}", said=place, population=population)


def _settings(said: str, place: str) -> Iterator[tuple[str, Any]]:
    for part in _NEXT.split(said):
        key, sign, text = part.partition("=")
        if not sign or not key.strip() or not text.strip():
            raise InputError(f"{place}: found {part!r}, allowed is KEY=VALUE such as expiry.months=12")
        try:
            yield key.strip(), YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            raise InputError(f"{place}: found the value {text.strip()!r}, allowed is one as in a scenario file") from None


def _known_rows(changes: dict[str, Any], scenario: Scenario, place: str) -> None:
    """A change of a row that is not there would add one: it is a name mistyped."""
    for part, rows in ROWS:
        named = changes.get(part, {}).get(rows) if part == "programme" else None
        if isinstance(named, dict):
            there = [row.name for row in getattr(scenario.programme, rows)]
            for name in named:
                if name not in there:
                    raise InputError(
                        f"{place}: programme.{rows}: found the name {name!r}, "
                        f"allowed is one of {', '.join(there) or '(there is none)'}{guess(name, there)}"
                    )
