"""Short tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.comparison import Comparison

SHORT = (
    "incremental_net_margin",
    "roi",
    "margin_per_member",
    "revenue_per_member",
    "benefit_cost_share",
    "active_rate",
    "retention",
    "points_redemption_rate",
)
"""Measures of the short table; the report has all of them."""


def print_answer(found: Comparison) -> None:
    """The answer in sentences, and the short table of the scenarios, figures printed as in the report."""
    from rich.console import Console
    from rich.table import Table

    from reports.comparison_tables import rows_of

    console = Console()
    console.print(found.answer, highlight=False, markup=False, soft_wrap=True)
    table = Table(show_edge=False, pad_edge=False, header_style="bold", show_lines=True)
    table.add_column("")
    for name in found.measures:
        table.add_column(name, justify="right", overflow="fold")
    for row in rows_of(found, SHORT):
        intervals = [cell.interval.removesuffix("\u00a0%") for cell in row.cells]
        cells = [f"{cell.value}\n{interval}".rstrip() for cell, interval in zip(row.cells, intervals, strict=True)]
        table.add_row(f"{row.title} ({row.unit})" if row.unit else row.title, *cells)
    console.print(table)


__all__ = ["SHORT", "print_answer"]
