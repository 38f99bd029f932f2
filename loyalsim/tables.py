"""Short tables for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.comparison import Comparison

SHORT = (
    "incremental_net_margin",
    "roi",
    "margin_per_member",
    "revenue_per_member",
    "benefit_cost_of_revenue",
    "active_rate",
    "retention",
    "points_redemption_rate",
)
"""Measures of the short table; the report has all of them."""
_TITLE, _NAME, _GAP = 16, 14, 2
"""letters of the column of titles, of a line of a design's name, between columns: four designs are 80 letters wide"""
_PERCENT = "\u00a0%"


def print_answer(found: Comparison) -> None:
    """The answer in sentences, what must be known of the designs, and the short table of the scenarios, figures printed as in the
    report. Designs that do not fit beside each other follow below."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from reports.comparison_tables import rows_of

    console = Console()
    for sentence in (found.answer, *(f"Note: {note}." for note in found.notes)):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    rows = rows_of(found, SHORT)
    columns = []
    for at, name in enumerate(found.measures):
        shown = [row.cells[at] for row in rows]
        cells = [f"{cell.value}\n{cell.interval.removesuffix(_PERCENT)}".rstrip() for cell in shown]
        columns.append([_lines(name), *cells])
    for block in _blocks(columns, console.width - _TITLE):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold", show_edge=False)
        table.add_column("", width=_TITLE)
        for heading, *_ in block:
            table.add_column(heading, justify="right", no_wrap=True)
        for k, row in enumerate(rows, 1):
            title = f"{row.title} ({row.unit})" if row.unit else row.title
            table.add_row(title, *(column[k] for column in block), end_section=True)
        console.print(table, "")


def _blocks(columns: Sequence[list[str]], room: int) -> Iterator[list[list[str]]]:
    """The columns in as many blocks as fit `room` letters."""
    block: list[list[str]] = []
    left = room
    for column in columns:
        width = _GAP + max(len(line) for cell in column for line in cell.split("\n"))
        if block and width > left:
            yield block
            block, left = [], room
        block.append(column)
        left -= width
    yield block


def _lines(name: str) -> str:
    """A name in lines, broken after a hyphen, an underscore or a space where there is one."""
    lines = [""]
    for piece in re.findall(rf"[^-_ ]{{1,{_NAME - 1}}}[-_ ]?|[-_ ]", name):
        if lines[-1] and len(lines[-1] + piece.rstrip()) > _NAME:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


__all__ = ["SHORT", "print_answer"]
