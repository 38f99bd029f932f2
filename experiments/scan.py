"""The pass over the live data: labels, features, aggregates, and what the gates need to know."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from experiments.aggregates import Accumulator, Aggregate, Codes, Key
from experiments.features import Feature, Features, Reader
from experiments.outliers import Extremes
from experiments.plan_file import Plan
from experiments.values import Labels, clusters, dates, ids, joined
from scenarios.sources import Source, first_row
from sim.errors import InputError
from sim.typing import Floats


@dataclass(frozen=True)
class Scan:
    """What one pass found. Cells are labelled (arm, stratum), and the cluster third where the unit is one."""

    rows: int
    overall: Aggregate
    segments: dict[str, Aggregate]
    """by segment column; the value is the last label of a cell"""
    weekly: dict[str, Aggregate]
    """by metric"""
    duplicated: int
    """members that are listed more than once"""
    in_two_arms: int
    """of these, those listed in more than one arm"""
    exposed_early: int
    """members exposed before they were assigned"""
    extremes: dict[str, dict[Key, Floats]]
    """by metric that is no share and no quantile: features of its most extreme rows, by cell, shape (k, p)"""


@dataclass
class _Group:
    """Cells of one combination of labels, as they turn up."""

    columns: list[str]
    keys: list[Key] = field(default_factory=list)
    code: dict[tuple[int, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accumulator = Accumulator(self.columns)

    def cells(self, codes: list[Codes], names: list[list[str]]) -> Codes:
        """The cell of each row from the codes of its labels."""
        flat = np.zeros(len(codes[0]), dtype=np.int64)
        for one, known in zip(codes, names, strict=True):
            flat = flat * max(len(known), 1) + one
        where, found = pd.factorize(flat)
        table = np.empty(len(found), dtype=np.int32)
        for i, value in enumerate(found.tolist()):
            parts = []
            for known in reversed(names):
                value, part = divmod(value, max(len(known), 1))
                parts.append(part)
            key = tuple(reversed(parts))
            if key not in self.code:
                self.code[key] = len(self.keys)
                self.keys.append(tuple(known[part] for known, part in zip(names, key, strict=True)))
            table[i] = self.code[key]
        return table[where]

    def add(self, cells: Codes, values: dict[str, Floats]) -> None:
        """Add the rows of a block; values: (rows,) by feature."""
        self.accumulator.add(cells, [values[name] for name in self.columns], len(self.keys))

    def result(self) -> Aggregate:
        """The sums of all blocks, cells in the order of their labels."""
        return self.accumulator.result(self.keys).sorted()


def scan(source: Source, plan: Plan, features: Features) -> Scan:
    """One pass over `source`.

    Raises InputError for 0 rows, an unknown arm, values that are no numbers, dates outside the window.
    """
    cluster = plan.cluster_column
    names = [one.name for one in features.overall]
    overall = _Group(names)
    segments = {column: _Group(names) for column in plan.segments}
    weekly = {metric: Accumulator([one.name for one in group]) for metric, group in features.weekly.items()}
    reader = Reader(
        [*features.overall, *(f for group in features.weekly.values() for f in group)], source.name
    )
    labels = {column: Labels() for column in [*plan.strata, *plan.segments, *([cluster] if cluster else [])]}
    arms = Labels(tuple(plan.arms))
    strata = Labels(() if plan.strata else ("all",))
    hashes: list[NDArray[np.uint64]] = []
    arm_of: list[NDArray[np.int8]] = []
    kept = [Extremes(one.name) for one in plan.metrics if one.kind not in ("proportion", "quantile")]
    rows, early, first = 0, 0, first_row(source)
    for block in source.blocks(needed(plan, features)):
        arm = arm_codes(block, plan, arms, source.name, first + rows)
        codes = {column: known.encode(block[column]) for column, known in labels.items() if column != cluster}
        if cluster:
            codes[cluster] = clusters(block[cluster], labels[cluster], f"{source.name}: column {cluster!r}", first + rows)
        values = reader.values(block, arm, first + rows)
        base = [arm, _stratum(plan, codes, labels, strata, len(block))]
        known = [arms.names, strata.names]
        if cluster:
            base.append(codes[cluster])
            known.append(labels[cluster].names)
        cells = overall.cells(base, known)
        overall.add(cells, values)
        for column, group in segments.items():
            group.add(group.cells([*base, codes[column]], [*known, labels[column].names]), values)
        for accumulator in weekly.values():
            accumulator.add(cells, [values[name] for name in accumulator.columns], len(overall.keys))
        early += _early(block, plan, source.name, first + rows)
        hashes.append(_hashes(block[plan.columns.member], f"{source.name}: column {plan.columns.member!r}", first + rows))
        arm_of.append(arm.astype(np.int8))
        for extremes in kept:
            extremes.add(cells, values)
        rows += len(block)
    if not rows:
        raise InputError(f"{source.name}: has 0 rows; there is nothing to read")
    duplicated, two = _duplicates(np.concatenate(hashes), np.concatenate(arm_of))
    whole = overall.result()
    return Scan(
        rows=rows,
        overall=whole,
        segments={column: group.result() for column, group in segments.items()},
        weekly={metric: one.result(overall.keys).sorted() for metric, one in weekly.items()},
        duplicated=duplicated,
        in_two_arms=two,
        exposed_early=early,
        extremes={extremes.name: extremes.by_cell(overall.keys, whole) for extremes in kept},
    )


def needed(plan: Plan, features: Features) -> list[str]:
    """Columns that the pass reads."""
    return list(dict.fromkeys([*label_columns(plan), *features.columns()]))


def label_columns(plan: Plan) -> dict[str, str]:
    """Columns that are no numbers, with their use."""
    roles = plan.columns
    out = {roles.member: "the member", roles.arm: "the arm"}
    if plan.cluster_column:
        out[plan.cluster_column] = "the cluster"
    out |= dict.fromkeys(plan.strata, "stratum") | dict.fromkeys(plan.segments, "segment")
    if roles.assigned:
        out[roles.assigned] = "date of assignment"
    if roles.exposed:
        out[roles.exposed] = "date of exposure"
    return out


def arm_codes(block: pa.Table, plan: Plan, arms: Labels, place: str, first_row: int) -> Codes:
    """The arm of each row; InputError for one that the plan does not know."""
    column = plan.columns.arm
    codes = arms.encode(block[column])
    unknown = codes >= len(plan.arms)
    if unknown.any():
        at = int(np.flatnonzero(unknown)[0])
        raise InputError(
            f"{place}: column {column!r}: row {first_row + at}: found arm {arms.names[codes[at]]!r}; "
            f"the plan's arms are {', '.join(plan.arms)}"
        )
    return codes


def collect(
    source: Source, plan: Plan, wanted: list[Feature], clusters: bool
) -> tuple[dict[str, Floats], Codes, Codes]:
    """Whole columns in memory, for quantiles: features by name, arm codes, cluster codes (zeros without)."""
    reader = Reader(wanted, source.name)
    arms, known = Labels(tuple(plan.arms)), Labels()
    roles = plan.columns
    extra = [roles.cluster] if clusters and roles.cluster else []
    parts: dict[str, list[Floats]] = {one.name: [] for one in wanted}
    arm_parts, cluster_parts, row = [], [], first_row(source)
    for block in source.blocks(list(dict.fromkeys([roles.arm, *extra, *(one.column for one in wanted)]))):
        arm = arm_codes(block, plan, arms, source.name, row)
        for name, values in reader.values(block, arm, row).items():
            parts[name].append(values)
        arm_parts.append(arm)
        cluster_parts.append(known.encode(block[extra[0]]) if extra else np.zeros(len(block), np.int32))
        row += len(block)
    if not arm_parts:
        raise InputError(f"{source.name}: has 0 rows; there is nothing to read")
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    return whole, np.concatenate(arm_parts), np.concatenate(cluster_parts)


def _stratum(
    plan: Plan, codes: dict[str, Codes], labels: dict[str, Labels], strata: Labels, size: int
) -> Codes:
    if not plan.strata:
        return np.zeros(size, dtype=np.int32)
    group = _Group([])
    cells = group.cells([codes[c] for c in plan.strata], [labels[c].names for c in plan.strata])
    names = pa.chunked_array([pa.array([joined(key) for key in group.keys])])
    return strata.encode(names)[cells]


def _early(block: pa.Table, plan: Plan, place: str, first_row: int) -> int:
    """Rows exposed before they were assigned; InputError for an exposure outside the window, or who was assigned after it."""
    roles = plan.columns
    assigned = None
    if roles.assigned:
        assigned = dates(block[roles.assigned], f"{place}: column {roles.assigned!r}", first_row)
        late = np.flatnonzero(assigned > np.datetime64(plan.end))
        if len(late):
            raise InputError(
                f"{place}: column {roles.assigned!r}: row {first_row + late[0]}: found {assigned[late[0]]}; "
                f"must not lie after the window {plan.start} to {plan.end}"
            )
    if not roles.exposed:
        return 0
    exposed = dates(block[roles.exposed], f"{place}: column {roles.exposed!r}", first_row)
    outside = (exposed < np.datetime64(plan.start)) | (exposed > np.datetime64(plan.end))
    if outside.any():
        at = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"{place}: column {roles.exposed!r}: row {first_row + at}: found {exposed[at]}; "
            f"must lie in the window {plan.start} to {plan.end}"
        )
    return 0 if assigned is None else int((exposed < assigned).sum())


def _hashes(column: pa.ChunkedArray, place: str, first_row: int) -> NDArray[np.uint64]:
    known = column if pa.types.is_integer(column.type) else ids(column)
    if known.null_count:
        at = int(np.flatnonzero(known.is_null().to_numpy())[0])
        raise InputError(f"{place}: row {first_row + at}: is empty; every row needs its member")
    return np.asarray(pd.util.hash_array(known.to_numpy()))


def _duplicates(ids: NDArray[np.uint64], arms: NDArray[np.int8]) -> tuple[int, int]:
    again = pd.Series(ids).duplicated(keep=False).to_numpy()
    if not again.any():
        return 0, 0
    table = pd.DataFrame({"id": ids[again], "arm": arms[again]}).groupby("id")["arm"].nunique()
    return len(table), int((table > 1).sum())
