"""A plan of two equal arms, to which tests add metrics."""

from __future__ import annotations

import json
from typing import Any

from experiments.plan_file import Plan

TWO_ARMS: dict[str, Any] = {
    "experiment": "x",
    "population": "all",
    "arms": {"control": {"share": 0.5}, "trial": {"share": 0.5}},
    "control": "control",
    "start": "2026-01-01",
    "end": "2026-01-28",
}


def two_arms(**more: Any) -> Plan:
    """The plan with further keys, as a file has them."""
    return Plan.model_validate_json(json.dumps(TWO_ARMS | more))
