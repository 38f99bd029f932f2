"""Short tables for the terminal, out of what summary.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SHORT = (
    "margin_per_member",
    "incremental_net_margin",
    "roi",
    "revenue_per_member",
    "benefit_cost_share",
    "active_rate",
    "retention",
    "points_redemption_rate",
)
"""Measures of the short table; the report has all of them."""


def print_answer(answer: str, files: Mapping[str, str | bytes]) -> None:
    """The answer in a sentence, and the short table of the scenarios in files["summary.json"]."""
    from rich.console import Console
    from rich.table import Table

    from sim.measures import describe

    console = Console()
    console.print(answer, highlight=False, markup=False, soft_wrap=True)
    scenarios: dict[str, Any] = json.loads(files["summary.json"])["scenarios"]
    table = Table(show_edge=False, pad_edge=False, header_style="bold", show_lines=True)
    table.add_column("")
    for name in scenarios:
        table.add_column(name, justify="right", overflow="fold")
    for measure in SHORT:
        found = [entry["measures"].get(measure) for entry in scenarios.values()]
        if any(cell is not None and cell.get("value") is not None for cell in found):
            title, unit, _ = describe(measure)
            table.add_row(f"{title} ({unit})" if unit not in ("share", "ratio") else title, *map(_cell, found))
    console.print(table)


def _cell(found: dict[str, Any] | None) -> str:
    """The value, and its interval on a line below."""
    from scenarios.numerals import number

    if found is None or found.get("value") is None:
        return "-"
    scale = 100.0 if found.get("unit") == "share" else 1.0
    digits = 1 if scale == 100.0 else 0 if abs(found["value"]) >= 100 else 2
    value, low, high = found["value"], found.get("low"), found.get("high")
    text = number(scale * value, digits) + (" %" if scale == 100.0 else "")
    if low is None or high is None or low == high:
        return text
    return f"{text}\n{number(scale * low, digits)} to {number(scale * high, digits)}"


__all__ = ["SHORT", "print_answer"]
