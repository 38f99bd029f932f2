"""Who is in which arm: a salted hash, the same for everybody who computes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.plan_condition import Condition
from experiments.plan_file import Plan
from experiments.values import EMPTY, Labels, clusters, dates, joined, numbers
from scenarios.source_numbers import NumberSource
from scenarios.sources import Source, first_row, require
from sim.errors import InputError
from sim.typing import Bools, Floats


def position(salt: str, unit: str) -> int:
    """Place of a unit on the circle of 2^64: the first 8 bytes, big end first, of sha256(salt + "/" +
    unit)."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{unit}".encode()).digest()[:8], "big")


def arm_of(salt: str, unit: str, shares: dict[str, float]) -> str:
    """The arm of one unit where nothing is stratified: the share of [0, 1) that its position falls into."""
    at, upto = position(salt, unit) / 2**64, 0.0
    for arm, share in shares.items():
        upto += share
        if at < upto:
            return arm
    return list(shares)[-1]


@dataclass(frozen=True)
class Allocation:
    """Arms of the eligible rows of a members' table, in the order of the table."""

    source: Source
    plan: Plan
    rows: int
    """rows of the table"""
    eligible: Bools
    """shape (rows,)"""
    arm: NDArray[np.int8]
    """index of the arm, -1 where not eligible, shape (rows,)"""
    units: dict[str, int] = field(default_factory=dict)
    """randomised units by arm"""
    written: tuple[str, ...] = ()
    """a sentence for each column of numbers that is not plain"""

    @property
    def counts(self) -> dict[str, int]:
        """Members by arm."""
        found = np.bincount(self.arm[self.arm >= 0], minlength=len(self.plan.arms))
        return {name: int(n) for name, n in zip(self.plan.arms, found, strict=True)}

    def blocks(self) -> Iterator[pa.Table]:
        """The eligible members with their arm, and stratum and cluster where the plan has them, in blocks."""
        roles, plan = self.plan.columns, self.plan
        kept = _kept(plan)
        names = np.array(list(plan.arms), dtype=object)
        start = 0
        for block in self.source.blocks(kept):
            stop = start + len(block)
            mask = self.eligible[start:stop]
            part = block.select(kept).filter(pa.array(mask))
            arm = pa.array(names[self.arm[start:stop][mask]], type=pa.string())
            yield part.add_column(kept.index(roles.member) + 1, roles.arm, arm)
            start = stop


def assign(source: Source, plan: Plan) -> Allocation:
    """Allocate the eligible members of `source`.

    Members without strata: each by their own hash (`arm_of`), whoever else is in the table. With strata, or
    with clusters as units: within a stratum the units are ranked by their hash and dealt out in the exact
    proportions, so that arms differ by less than one unit from their share; this depends on which units are
    in the table, not on their order.

    Raises InputError for a missing column, 0 rows, a member listed twice, a cluster in two strata, an arm
    left empty.
    """
    require(source, _uses(plan))
    table = NumberSource(source, frozenset(one.column for one in plan.eligibility if one.compares_numbers))
    read = _read(table, plan, source)
    first = _first_stratum(read, plan, source.name)
    arm_by_unit = _arm_by_unit(read, first, plan)
    arm = np.where(read.eligible, arm_by_unit[read.unit], -1).astype(np.int8)
    counted = np.bincount(arm_by_unit[arm_by_unit >= 0], minlength=len(plan.arms))
    units = dict(zip(plan.arms, counted.tolist(), strict=True))
    for name, n in units.items():
        if n == 0:
            what = "clusters" if plan.cluster_column else "members"
            raise InputError(f"{source.name}: {len(first)} eligible {what} leave arm {name!r} empty")
    return Allocation(source, plan, len(arm), read.eligible, arm, units, tuple(table.told()))


@dataclass(frozen=True)
class _Rows:
    """What is read of a members' table; arrays of (rows,)."""

    eligible: Bools
    unit: NDArray[np.int32]
    """code of the randomised unit, a place in `units`"""
    stratum: NDArray[np.int32]
    """code of its stratum, a place in `strata`"""
    units: list[str]
    strata: list[str]


def _read(table: NumberSource, plan: Plan, source: Source) -> _Rows:
    member, cluster = plan.columns.member, plan.cluster_column
    members, clusters_, strata = Labels(), Labels(), Labels()
    eligible, member_codes, cluster_codes, stratum_codes, rows = [], [], [], [], 0
    for block in table.blocks(list(_uses(plan))):
        first = first_row(source) + rows
        mask = np.ones(len(block), dtype=bool)
        for condition in plan.eligibility:
            mask &= _holds(block, condition, source.name, first)
        eligible.append(mask)
        if cluster:
            cluster_codes.append(clusters(block[cluster], clusters_, f"{source.name}: column {cluster!r}", first))
        member_codes.append(members.encode(block[member]))
        stratum_codes.append(strata.encode(_joined(block, plan.strata)))
        rows += len(block)
    if not rows:
        raise InputError(f"{source.name}: has 0 rows; there is nobody to assign")
    mask, codes = np.concatenate(eligible), np.concatenate(member_codes)
    if not mask.any():
        words = " and ".join(condition.words for condition in plan.eligibility)
        raise InputError(f"{source.name}: none of {rows:,} members is eligible ({words})")
    _check_once(codes, mask, members.names, source)
    unit, names = (np.concatenate(cluster_codes), clusters_.names) if cluster else (codes, members.names)
    return _Rows(mask, unit, np.concatenate(stratum_codes), names, strata.names)


def _arm_by_unit(read: _Rows, first: dict[int, int], plan: Plan) -> NDArray[np.int8]:
    """(units,) index of the arm, -1 for those of whom nobody is eligible; first: stratum of each of the others."""
    salt = plan.salt or plan.experiment
    chosen = np.array(sorted(first), dtype=np.intp)
    place = np.array([position(salt, read.units[code]) for code in chosen.tolist()], dtype=np.uint64)
    shares = np.array(list(plan.shares.values()))
    found = np.full(len(read.units), -1, dtype=np.int8)
    if plan.strata or plan.cluster_column:
        groups = np.array([first[code] for code in chosen.tolist()])
        for group in np.unique(groups):
            at = np.flatnonzero(groups == group)
            ordered = at[np.lexsort((chosen[at], place[at]))]
            found[chosen[ordered]] = _dealt(len(ordered), shares, position(salt, read.strata[group]))
    else:
        found[chosen] = np.minimum(np.searchsorted(np.cumsum(shares), place / 2.0**64, side="right"), len(shares) - 1)
    return found


def _dealt(count: int, shares: Floats, start: int) -> NDArray[np.int8]:
    """Arms for `count` ranked units in exact proportion; where it does not come out even, by a start of its
    own."""
    offset = start / 2.0**64
    edges = np.cumsum(shares)
    at = ((np.arange(count) + offset) / count) % 1.0 if count else np.zeros(0)
    return np.minimum(np.searchsorted(edges, at, side="right"), len(shares) - 1).astype(np.int8)


def _uses(plan: Plan) -> dict[str, str]:
    roles = plan.columns
    out = {roles.member: "the member"}
    if plan.cluster_column:
        out[plan.cluster_column] = "the cluster"
    out |= dict.fromkeys(plan.strata, "stratum")
    for condition in plan.eligibility:
        out.setdefault(condition.column, "eligibility")
    return out


def _kept(plan: Plan) -> list[str]:
    extra = [plan.cluster_column] if plan.cluster_column else []
    return list(dict.fromkeys([plan.columns.member, *extra, *plan.strata]))


def _holds(block: pa.Table, condition: Condition, source: str, first_row: int) -> Bools:
    column, place = block[condition.column], f"{source}: column {condition.column!r}"
    mask = np.ones(len(block), dtype=bool)
    if condition.one_of is not None:
        labels = Labels()
        codes = labels.encode(column)
        mask &= np.isin(codes, [i for i, name in enumerate(labels.names) if name in condition.one_of])
    for bound, least in ((condition.at_least, True), (condition.at_most, False)):
        if bound is None:
            continue
        if isinstance(bound, float):
            values, limit = numbers(column, place, first_row), np.float64(bound)
        else:
            values, limit = dates(column, place, first_row), np.datetime64(bound, "D")  # type: ignore[assignment]
        mask &= values >= limit if least else values <= limit
    return mask


def _joined(block: pa.Table, strata: Sequence[str]) -> pa.ChunkedArray:
    if not strata:
        return pa.chunked_array([pa.array(["all"] * len(block))])
    parts = []
    for column in strata:
        labels = Labels()
        codes = labels.encode(block[column])
        parts.append(np.array(labels.names, dtype=object)[codes])
    return pa.chunked_array([pa.array([joined(row) for row in zip(*parts, strict=True)])])


def _check_once(codes: NDArray[np.int32], mask: Bools, names: list[str], source: Source) -> None:
    counts = np.bincount(codes[mask], minlength=len(names))
    if EMPTY in names and counts[names.index(EMPTY)]:
        at = int(np.flatnonzero(mask & (codes == names.index(EMPTY)))[0]) + first_row(source)
        raise InputError(f"{source.name}: row {at}: the member's id is empty; every row needs one")
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        raise InputError(
            f"{source.name}: {len(twice):,} members are listed more than once, the first is {names[twice[0]]!r}; "
            "each must be listed once"
        )


def _first_stratum(read: _Rows, plan: Plan, source: str) -> dict[int, int]:
    """Stratum of each unit with eligible members, by their codes."""
    pairs = np.unique(np.stack([read.unit, read.stratum], axis=1)[read.eligible], axis=0)
    first: dict[int, int] = {}
    for code, group in pairs.tolist():
        if code in first:
            raise InputError(
                f"{source}: {plan.cluster_column or plan.columns.member} {read.units[code]!r} lies in two strata, "
                f"{read.strata[first[code]]!r} and {read.strata[group]!r}; strata must be properties of the unit"
            )
        first[code] = group
    return first
