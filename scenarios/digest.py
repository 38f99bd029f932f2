"""The digest that a document carries, so that a later change shows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from sim.scenario import Scenario


def digest_of(content: dict[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON of `content` less its `digest`: sorted keys, no blanks, UTF-8."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def scenario_digest(scenario: Scenario) -> str:
    """sha256 (hex) over the JSON of a scenario with every default filled in, keys sorted."""
    return hashlib.sha256(json.dumps(scenario.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def file_digest(path: Path | str) -> str:
    """sha256 (hex) of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
