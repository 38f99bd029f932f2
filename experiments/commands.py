"""The steps plan, assign and read as plain functions that give the files of a result folder.

Pages for readers are added by reports.plan and reports.readout, which know these documents.
"""

from __future__ import annotations

import io
from pathlib import Path

from experiments.assignment import assign
from experiments.plan_document import PlanDocument, assignment_document, plan_document
from experiments.plan_file import Plan, load_plan
from experiments.readout import Table, read
from experiments.sources import open_source


def plan_command(path: Path | str) -> tuple[Plan, PlanDocument]:
    """The plan in the file `path`, and what it amounts to."""
    plan = load_plan(path)
    return plan, plan_document(plan)


def assign_command(members: Table, path: Path | str) -> dict[str, str | bytes]:
    """Allocate the members' table by the plan in `path`: assignment.csv (.parquet, as the table) and .json.

    assignment holds member, arm, and where the plan has them cluster and strata, for the eligible members.
    """
    import pyarrow.csv
    import pyarrow.parquet

    plan = load_plan(path)
    allocation = assign(open_source(members), plan)
    parquet = str(members).endswith((".parquet", ".pq")) if isinstance(members, (str, Path)) else False
    sink, writer = io.BytesIO(), None
    for block in allocation.blocks():
        if writer is None:
            kind = pyarrow.parquet.ParquetWriter if parquet else pyarrow.csv.CSVWriter
            writer = kind(sink, block.schema)
        writer.write_table(block.cast(writer.schema) if parquet else block)
    if writer is not None:
        writer.close()
    name = "assignment.parquet" if parquet else "assignment.csv"
    return {name: sink.getvalue(), "assignment.json": assignment_document(allocation).to_json()}


def read_command(
    live: Table, path: Path | str, look: int | None = None, events: Table | None = None
) -> dict[str, str | bytes]:
    """The read-out of `live` (and its event table) by the plan in `path`: readout.json."""
    return {"readout.json": read(live, load_plan(path), look, events).to_json()}
