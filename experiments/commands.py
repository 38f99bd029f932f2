"""Plan, assign and read from files: what the command line calls.

`reports.plan.plan_files`, `reports.assignment.assignment_files` and `reports.readout.readout_files` turn
what these give into the files of a result folder, page included.
"""

from __future__ import annotations

import io
from pathlib import Path

from experiments.assignment import assign
from experiments.documents import Readout
from experiments.plan_document import AssignmentDocument, PlanDocument, assignment_document, plan_document
from experiments.plan_file import load_plan
from experiments.readout import Table, read
from experiments.sources import open_source


def plan_command(path: Path | str) -> PlanDocument:
    """The plan in EXPERIMENT.yaml worked out; InputError for a broken file."""
    return plan_document(load_plan(path))


def assign_command(members: Table, path: Path | str) -> tuple[dict[str, bytes], AssignmentDocument]:
    """Allocate the members' table by the plan in `path`: the allocation as a file by name, and its record.

    The file is assignment.csv, or assignment.parquet for a Parquet table; it holds member, arm, and where
    the plan has them cluster and strata, one row an eligible member.
    """
    import pyarrow.csv
    import pyarrow.parquet

    allocation = assign(open_source(members), load_plan(path))
    parquet = isinstance(members, (str, Path)) and str(members).endswith((".parquet", ".pq"))
    sink, writer = io.BytesIO(), None
    for block in allocation.blocks():
        if writer is None:
            kind = pyarrow.parquet.ParquetWriter if parquet else pyarrow.csv.CSVWriter
            writer = kind(sink, block.schema)
        writer.write_table(block)
    if writer is not None:
        writer.close()
    name = "assignment.parquet" if parquet else "assignment.csv"
    return {name: sink.getvalue()}, assignment_document(allocation)


def read_command(
    live: Table, path: Path | str, look: int | None = None, events: Table | None = None
) -> Readout:
    """The read-out of `live` (and its event table) by the plan in `path`; see `read`."""
    return read(live, load_plan(path), look, events)
