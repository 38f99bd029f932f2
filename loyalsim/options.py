"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.limits import MOST_MEMBERS

TABLE = "CSV, Parquet or DuckDB file, or database table (URL#table)"
"""what may hold a table, in words of help"""
Members = Annotated[
    int | None, typer.Option(min=1, max=MOST_MEMBERS, help="Members at the start; default: the population's.")
]
Population = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own members, as calibrate writes them, in every design.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all luck; the same seed gives the same result.")]
MembersBefore = Annotated[
    str,
    typer.Option(
        metavar="ANSWER",
        help="What no row says: were members there before the rows begin? none: no, a member's first row is their first "
        "purchase. launch: yes, they had joined just then. steady: yes, they had come at a steady pace.",
    ),
]
