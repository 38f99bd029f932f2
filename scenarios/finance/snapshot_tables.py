"""Tables of a live programme, read and checked cell by cell."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scenarios.composing import guess
from scenarios.finance.cells import MOST_TOLD, Told, countable, days_of, is_empty, looks_personal, numbers_of, too_early
from scenarios.sources import INDEX, Where, first_row, label, missing, open_source, whole
from sim.errors import InputError
from sim.limits import FIRST_YEAR, MOST_AMOUNT
from sim.typing import Array

PERSONAL = re.compile(
    r"(^|_)(name|names|surname|firstname|lastname|fullname|mail|email|phone|mobile|telephone|tel|msisdn|address|street|postcode|"
    r"zip|zipcode|iban|ssn|passport|dob|birthdate|birthday|ip)($|_)"
)
MONTHS_BACK = 120
"""Months before the start from which lots and reviews can be."""


@dataclass(frozen=True)
class Column:
    """A column that a table may have."""

    kind: str
    """text, date, whole, money, flag"""
    says: str
    needed: bool = False
    negative: bool = False
    """numbers below 0 are possible"""


MEMBERS = {
    "member": Column("text", "pseudonymous id, once", needed=True),
    "joined": Column("date", "day on which they joined the programme", needed=True),
    "tier": Column("text", "name of a tier of the scenario; needed where it has more than one"),
    "failed_since": Column("date", "review at which they were first found not to qualify; empty: they do"),
    "tier_until": Column("date", "day to which the tier is kept at least; instead of failed_since"),
    "last_purchase": Column("date", "empty: never bought"),
    "window_purchases": Column("whole", "purchases in the qualification window in which the day of the snapshot lies"),
    "window_spend": Column("money", "spend in it, on the base that the programme names"),
    "window_points": Column("whole", "points earned by purchases in it"),
    "balance": Column("whole", "points that can be spent", negative=True),
    "pending": Column("whole", "points that cannot yet"),
    "first_purchase": Column(
        "date", "the one that made them a customer; with purchases: history, from which their rate is drawn"
    ),
    "purchases": Column("whole", "all purchases from first_purchase on, that one included"),
    "spend": Column("money", "list value of those purchases"),
    "segment": Column("text", "name of a segment of the scenario"),
    "birth_month": Column("whole", "1 to 12"),
    "consent": Column("flag", "may get messages: true or false; default true"),
}
LOTS = {
    "member": Column("text", "id from the members table", needed=True),
    "points": Column("whole", "open points", needed=True),
    "earned": Column("date", "day on which they became spendable", needed=True),
    "expires": Column("date", "last day on which they can be spent; checked against the programme's rule"),
}
COUPONS = {
    "member": Column("text", "id from the members table", needed=True),
    "incentive": Column("text", "incentive of the scenario that issued it", needed=True),
    "valid_until": Column("date", "last day on which it can be used", needed=True),
}
DAY_ZERO = np.datetime64("1970-01-01")


@dataclass
class Table:
    """One table: columns as arrays, dates as days since 1970 with NaN for none, money in minor units."""

    name: str
    """for messages"""
    label: str
    """for results: without the folder"""
    first_row: int
    """number of the first row for messages: 2 in a CSV file, whose header is line 1, else 1"""
    columns: dict[str, Array]
    rows: int
    problems: list[str] = field(default_factory=list)
    told: Told = field(default_factory=dict)

    def has(self, column: str) -> bool:
        """Whether the table has the column."""
        return column in self.columns

    def wrong(self, rows: Array, column: str, says: Callable[[int], str]) -> None:
        """Note a problem for each row number (from 0) in `rows`."""
        for row in np.asarray(rows)[:MOST_TOLD]:
            self.problems.append(f"{self.name}: row {int(row) + self.first_row}, column {column}: {says(int(row))}")


def read_table(where: Where, wanted: dict[str, Column], what: str) -> Table:
    """Read and check a table of the columns `wanted` (where: see scenarios.sources).

    Raises InputError for what cannot be read, lacks a needed column or has one that is not allowed; wrong cells are gathered in
    Table.problems.
    """
    source = open_source(where)
    name, names = source.name, [c for c in source.columns() if not c.startswith(INDEX)]
    for column in names:
        if PERSONAL.search(column.lower().replace("-", "_").replace(" ", "_")) and column not in wanted:
            raise InputError(
                f"{name}: column {column!r} looks like personal data; a snapshot takes pseudonymous ids only: remove the column"
            )
    allowed = ", ".join(wanted)
    unknown = [
        f"{name}: column {c!r} is not known; a {what} table may have {allowed}{guess(c, list(wanted))}"
        for c in names
        if c not in wanted
    ]
    problems = unknown + missing(name, names, {c: column.says for c, column in wanted.items() if column.needed})
    if problems:
        raise InputError(*problems)
    frame = whole(source)
    if not len(frame):
        raise InputError(f"{name}: has no rows")
    table = Table(name, label(source), first_row(source), {}, len(frame))
    for column in names:
        table.columns[column] = _READERS[wanted[column].kind](table, column, frame[column], wanted[column])
    return table


def _text(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    found = values.astype(str).str.strip().to_numpy(dtype=object)
    if column == "member":
        table.wrong(np.flatnonzero(is_empty(values)), column, lambda r: "is empty; every row needs a member id")
        personal = looks_personal(found)
        if personal is not None:
            row, kind = personal
            raise InputError(
                f"{table.name}: row {row + table.first_row}, column member: looks like {kind}; a snapshot takes pseudonymous ids "
                "only: replace it"
            )
    return np.where(is_empty(values), "", found)


def _date(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    empty = is_empty(values)
    if what.needed:
        table.wrong(np.flatnonzero(empty), column, lambda r: f"is empty; needed: {what.says}")
    parsed = days_of(values, table.name, column, table.told, table.first_row)
    bad = np.flatnonzero(np.asarray(parsed.isna()) & ~empty)
    table.wrong(bad, column, lambda r: f"found {values.iloc[r]!r}, a date is written like 2027-01-31")
    early = np.flatnonzero(too_early(parsed))
    table.wrong(early, column, lambda r: f"found {values.iloc[r]!r}, allowed is a date from {FIRST_YEAR} on")
    days = (parsed.to_numpy(dtype="datetime64[D]") - DAY_ZERO).astype(float)
    return np.where(np.asarray(parsed.isna()), np.nan, days)


def _number(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    empty = is_empty(values)
    parsed = np.where(empty, 0.0, numbers_of(values, table.name, column, table.told, table.first_row))
    strange = np.flatnonzero(np.isnan(parsed))
    table.wrong(strange, column, lambda r: f"found {values.iloc[r]!r}, allowed is a number like 120.50")
    large = np.flatnonzero(np.abs(parsed) > MOST_AMOUNT)
    table.wrong(large, column, lambda r: f"found {values.iloc[r]}, allowed is {MOST_AMOUNT:,} at most")
    if not what.negative:
        table.wrong(np.flatnonzero(parsed < 0), column, lambda r: f"found {values.iloc[r]}, allowed is 0 or more")
    if what.needed:
        table.wrong(np.flatnonzero(empty), column, lambda r: f"is empty; needed: {what.says}")
    return countable(parsed, table.name, column, table.problems)


def _whole(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    parsed = _number(table, column, values, what)
    broken = np.flatnonzero(parsed != np.floor(parsed))
    table.wrong(broken, column, lambda r: f"found {values.iloc[r]}, allowed is a whole number")
    return np.asarray(parsed, dtype=np.int64)


def _money(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    return np.asarray(np.floor(_number(table, column, values, what) * 100 + 0.5), dtype=np.int64)


def _flag(table: Table, column: str, values: pd.Series[Any], what: Column) -> Array:
    words = values.astype(str).str.strip().str.lower()
    known = words.isin(["true", "false", "1", "0", "", "nan", "none"])
    table.wrong(np.flatnonzero(~known), column, lambda r: f"found {values.iloc[r]!r}, allowed is true or false")
    return np.asarray(~words.isin(["false", "0"]))


_READERS: dict[str, Callable[[Table, str, Any, Column], Array]] = {
    "text": _text, "date": _date, "whole": _whole, "money": _money, "flag": _flag,
}  # fmt: skip


def day_number(date: dt.date) -> int:
    """Days since 1970."""
    return (date - dt.date(1970, 1, 1)).days
