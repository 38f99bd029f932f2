"""An event table (member, date, values) with a table of members and exposures, as a table of one row a
member."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from experiments.plan_file import Plan
from experiments.values import dates, ids, numbers
from scenarios.sources import Source, arrow_reader, first_row, quoted, require
from sim.errors import InputError


@dataclass(frozen=True)
class EventSource:
    """Members with the sums of their events: a Source whose metric columns are made from the events.

    Offers every column of the members' table and, for a column c of the events: `c` (sum over the window,
    from exposure on), `c#count`, `c#any`, the same by week as `c@3`, `c#count@3`, `c#any@3` (week 3 of the
    window), and `pre_c` (sum over the plan's pre_days before exposure, or before the start where there is no
    exposure date). A member without events has 0. Events of others than the members are left out and counted.
    """

    members: Source
    events: Source
    plan: Plan
    left_out: dict[str, int] = field(default_factory=dict)
    """of the events read last: their `rows`, those of `others` than the members, and `empty` values, which count as 0"""

    @property
    def name(self) -> str:
        return f"{self.members.name} with {self.events.name}"

    @property
    def first_row(self) -> int:
        return first_row(self.members)

    def columns(self) -> list[str]:
        reserved = {self.plan.columns.member, self.plan.columns.date}
        values = [column for column in self.events.columns() if column not in reserved]
        forms = [column + form for column in values for form in ("", "#count", "#any")]
        weekly = [f"{form}@{week}" for form in forms for week in range(1, self.plan.weeks + 1)]
        before = [f"pre_{column}" for column in values] if self.plan.pre_days else []
        return list(dict.fromkeys([*self.members.columns(), *forms, *weekly, *before]))

    def check_known_before(self) -> None:
        """Raise InputError for a covariate that is made of the events from exposure on."""
        made = set(self.columns()) - set(self.members.columns())
        for metric in self.plan.metrics:
            for column in metric.covariates:
                if column in made and _parsed(column)[0] != "pre":
                    raise InputError(
                        f"{self.events.name}: column {column!r} (covariate of metric {metric.name}) is made of the events from "
                        f"exposure on; a covariate is known before: pre_{_parsed(column)[1]}, with pre_days in the plan"
                    )

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        import duckdb

        with (
            tempfile.TemporaryDirectory(prefix="loyalsim-") as folder,
            duckdb.connect(str(Path(folder) / "events.duckdb")) as connection,
        ):
            own = set(self.members.columns())
            made = [column for column in columns if column not in own]
            self._load_members(connection, [column for column in columns if column in own])
            self._load_events(connection, sorted({_parsed(column)[1] for column in made}))
            for batch in arrow_reader(connection.sql(self._query(columns, made))):
                if len(batch):
                    yield pa.Table.from_batches([batch])

    def last_day(self) -> dt.date | None:
        """Date of the last event; none where there is no event."""
        column, row, last = self.plan.columns.date, first_row(self.events), None
        require(self.events, {column: "the date of the event"})
        for block in self.events.blocks([column]):
            days = dates(block[column], f"{self.events.name}: column {column!r}", row)
            known = days[~np.isnat(days)]
            if len(known):
                last = known.max() if last is None else max(last, known.max())
            row += len(block)
        return None if last is None else last.astype(dt.date)

    def _load_members(self, connection: Any, columns: Sequence[str]) -> None:
        roles = self.plan.columns
        kept = list(dict.fromkeys([roles.member, *columns, *([roles.exposed] if roles.exposed else [])]))
        row, made = self.first_row, False
        for block in self.members.blocks(kept):
            start = np.full(len(block), np.datetime64(self.plan.start, "D"))
            if roles.exposed:
                exposed = dates(block[roles.exposed], f"{self.members.name}: column {roles.exposed!r}", row)
                start = np.where(np.isnat(exposed), start, np.maximum(exposed, start))
            part = block.append_column("__from", pa.array(start))
            part = part.append_column("__row", pa.array(np.arange(row, row + len(block))))
            part = part.append_column("__id", ids(block[roles.member]))
            _insert(connection, "members", part, made)
            row, made = row + len(block), True
        if not made:
            raise InputError(f"{self.members.name}: has 0 rows; at least 2 members an arm are needed")

    def _load_events(self, connection: Any, values: Sequence[str]) -> None:
        roles, plan = self.plan.columns, self.plan
        require(self.events, {roles.member: "the member", roles.date: "the date of the event"})
        row, outside, example, made, empty = first_row(self.events), 0, "", False, 0
        first = np.datetime64(plan.start, "D") - plan.pre_days
        last = np.datetime64(plan.end, "D")
        for block in self.events.blocks([roles.member, roles.date, *values]):
            day = dates(block[roles.date], f"{self.events.name}: column {roles.date!r}", row)
            wrong = np.flatnonzero(np.isnat(day) | (day < first) | (day > last))
            if len(wrong) and not outside:
                example = f"row {row + wrong[0]} has {'no date' if np.isnat(day[wrong[0]]) else day[wrong[0]]}"
            outside += len(wrong)
            arrays: dict[str, Any] = {"__id": ids(block[roles.member]), "__date": pa.array(day)}
            for value in values:
                number = numbers(block[value], f"{self.events.name}: column {value!r}", row)
                empty += int(np.isnan(number).sum())
                arrays[value] = pa.array(np.nan_to_num(number))
            _insert(connection, "events", pa.table(arrays), made)
            row, made = row + len(block), True
        if outside:
            span = f"{first} to {last}" + (" (pre_days included)" if plan.pre_days else "")
            raise InputError(
                f"{self.events.name}: {outside} events are dated outside the window {span}; "
                f"the first: {example}"
            )
        if not made:
            raise InputError(f"{self.events.name}: has 0 rows; there is nothing to read")
        self._count(connection, row - first_row(self.events), empty)

    def _count(self, connection: Any, rows: int, empty: int) -> None:
        """Note which of the `rows` loaded are of no member; InputError where none is."""
        lost = "from events e where not exists (select 1 from members m where m.__id = e.__id)"
        ((others, theirs),) = connection.execute(f"select count(*), any_value(e.__id) {lost}").fetchall()
        if others == rows:
            ((ours,),) = connection.execute("select any_value(__id) from members").fetchall()
            raise InputError(
                f"{self.events.name}: no event is of a member of {self.members.name}: the members' ids are such as {ours!r}, "
                f"the events' such as {theirs!r}"
            )
        self.left_out.update(rows=rows, others=others, empty=empty)

    def _query(self, columns: Sequence[str], made: Sequence[str]) -> str:
        start, days = self.plan.start, self.plan.pre_days
        parts = []
        for column in made:
            form, value, week = _parsed(column)
            if form == "pre":
                when = f"e.__date < m.__from and e.__date >= m.__from - {days}"
            else:
                when = "e.__date >= m.__from" + (
                    f" and (e.__date - date '{start}') // 7 = {week - 1}" if week else ""
                )
            what = f"e.{quoted(value)}" if form in ("sum", "pre") else "1"
            total = f"sum(case when {when} then {what} else 0 end)"
            total = f"least({total}, 1)" if form == "any" else total
            parts.append(f"coalesce({total}, 0)::double as {quoted(column)}")
        sums = ", ".join(["m.__row", *parts])
        names = ", ".join(("s." if column in made else "m.") + quoted(column) for column in columns)
        return (
            f"with s as (select {sums} from members m left join events e on e.__id = m.__id "
            "group by m.__row) "
            f"select {names} from members m join s on s.__row = m.__row order by m.__row"
        )


def _parsed(column: str) -> tuple[str, str, int | None]:
    """(form, column of the events, week) of a made column."""
    body, at, week = column.rpartition("@")
    if not at or not week.isdigit():
        body, week = column, ""
    name, _, form = body.partition("#")
    if name.startswith("pre_") and not form and not week:
        return "pre", name.removeprefix("pre_"), None
    return form or "sum", name, int(week) if week else None


def _insert(connection: Any, table: str, part: pa.Table, exists: bool) -> None:
    connection.register("part", part)
    connection.execute(
        f"insert into {table} select * from part" if exists else f"create table {table} as select * from part"
    )
    connection.unregister("part")
