"""Plan, assign and read from files: what the command line calls.

`reports.plan.plan_files`, `reports.assignment.assignment_files` and `reports.readout.readout_files` turn
what these give into the files of a result folder, page included.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from pathlib import Path

from experiments.arms import arm_scenarios
from experiments.assignment import assign
from experiments.documents import Readout
from experiments.plan_document import AssignmentDocument, PlanDocument, assignment_document, plan_document
from experiments.plan_file import load_plan
from experiments.prediction import differ_early
from experiments.readout import Table, read
from experiments.simulated_power import Progress, simulated_power
from experiments.traits import TRAITS, unpredicted
from scenarios.sources import open_source


def plan_command(
    path: Path | str, repeats: int = 0, seed: int = 0, progress: Progress = lambda done, of: None
) -> PlanDocument:
    """The plan in EXPERIMENT.yaml worked out, its scenarios seen from its folder; InputError for a broken file.

    repeats: simulated experiments a metric behind the power by simulation; 0 = by formula only.
    """
    plan = load_plan(path)
    stated = plan.base is not None or any(arm.scenario for arm in plan.arms.values())
    if not stated:
        return plan_document(plan, (), ["The plan names no base scenario: it can be run, but nothing can be predicted."])
    scenarios = arm_scenarios(plan, Path(path).parent)
    warnings = []
    first = (plan.start - next(iter(scenarios.values())).horizon.start).days
    if first > 0 and differ_early(plan, scenarios):
        warnings.append(
            f"In the simulation the arms differ from {first} days before the window on"
            + (
                ": without warm_up they do from the first day of the base scenario. Give warm_up, or let its horizon.start be "
                f"{plan.start.replace(day=1)}."
                if plan.warm_up is None
                else ", by more than incentives that begin with it: only incentives have dates."
            )
        )
    if others := unpredicted(plan):
        warnings.append(
            f"The prediction will say nothing of effects by {', '.join(others)}: simulated members have only a "
            f"{' and a '.join(TRAITS)}."
        )
    if not repeats:
        return plan_document(plan, (), warnings)
    found, lacking = simulated_power(plan, scenarios, repeats, seed, progress)
    return plan_document(plan, found, warnings + lacking)


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
    live: Table,
    path: Path | str,
    look: int | None = None,
    events: Table | None = None,
    as_of: dt.date | None = None,
    information: Sequence[float] = (),
) -> Readout:
    """The read-out of `live` (and its event table) by the plan in `path`; see `read`."""
    return read(live, load_plan(path), look, events, as_of, information)
