"""A transaction panel, cleaned by stated rules: who bought on which day for how much."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.source_dates import dates_of
from scenarios.source_numbers import absent, as_written
from sim.errors import InputError
from sim.typing import Floats, Ints

MIN_MEMBERS = 50
MIN_REPEATERS = 20
MIN_DAYS = 28
MIN_PRICED = 20
_STRAY_GAP_DAYS = 92
_LONGEST_HOLE_DAYS = 366
_STRAY_SHARE = 0.001
_STRAY_TIMES = 100
_BUSY_SHARE = 0.05
_BUSY_TIMES = 20
BUSY = "one busy member"


@dataclass(frozen=True)
class Rule:
    """One cleaning rule, what it did and to how many rows (or members)."""

    name: str
    text: str
    count: int
    unit: str = "rows"
    places: tuple[int, ...] = ()
    """first few rows to which it applied, as a person counts: lines of a file, whose header is line 1"""
    left_out: bool = False
    """whether these rows are in no part of the fit"""


@dataclass(frozen=True)
class Panel:
    """Purchase occasions of members over a period of whole days.

    One entry of `member`, `day` and `value` per occasion, sorted by member, then day; a member has at most
    one occasion a day. `member` counts from 0 without a hole, `day` in days from `start` (day 0), `value`
    in currency units. The period is the days 0 .. `days` - 1.
    """

    member: Ints
    day: Ints
    value: Floats
    start: dt.date
    days: int
    rules: tuple[Rule, ...] = field(default=())

    @property
    def members(self) -> int:
        """Number of members."""
        return int(self.member[-1]) + 1 if len(self.member) else 0

    @property
    def end(self) -> dt.date:
        """Last day of the period."""
        return self.start + dt.timedelta(days=self.days - 1)

    def before(self, day: int) -> Panel:
        """What was known at the start of `day`: the occasions before it, of the members seen before it."""
        keep = self.day < day
        _, member = np.unique(self.member[keep], return_inverse=True)
        return replace(
            self, member=member.astype(np.int64), day=self.day[keep], value=self.value[keep], days=day
        )

    def after(self, day: int, days: int) -> Panel:
        """The occasions of `days` days from `day` on, of the members seen before it, numbered as in `before`.

        Days still count from `start`; members without an occasion there are simply absent.
        """
        seen = np.unique(self.member[self.day < day])
        keep = (self.day >= day) & (self.day < day + days) & np.isin(self.member, seen)
        member = np.searchsorted(seen, self.member[keep])
        return replace(self, member=member, day=self.day[keep], value=self.value[keep], days=day + days)

    def sample(self, most: int, seed: int) -> Panel:
        """At most `most` of the members, drawn at random, with all their occasions."""
        if self.members <= most:
            return self
        drawn = np.sort(np.random.default_rng([seed, 4]).choice(self.members, most, replace=False))
        keep = np.isin(self.member, drawn)
        return replace(self, member=np.searchsorted(drawn, self.member[keep]), day=self.day[keep], value=self.value[keep])

    def firsts(self) -> Ints:
        """Entry of each member's first occasion."""
        return np.flatnonzero(np.diff(self.member, prepend=-1)).astype(np.int64)

    def purchases(self) -> Ints:
        """Occasions of each member."""
        return np.bincount(self.member, minlength=self.members)


def clean(frame: pd.DataFrame, *, member: str, date: str, value: str, where: str = "data", first: int = 2) -> Panel:
    """The panel in `frame`, one row a purchase, by the rules that the panel then lists with their counts; `first` is the number
    of the first row.

    Raises InputError when a column holds next to nothing of its kind, no purchase is left, or a year lies between two of them.
    """
    frame = frame.reset_index(drop=True)
    rules: list[Rule] = []
    lines = np.arange(first, len(frame) + first)
    total = len(frame)

    def drop(bad: NDArray[np.bool_], name: str, text: str) -> None:
        nonlocal frame, lines
        rules.append(Rule(name, text, int(bad.sum()), "rows", tuple(int(n) for n in lines[bad][:5]), left_out=True))
        frame, lines = frame[~bad], lines[~bad]

    drop(frame.duplicated().to_numpy(), "duplicate rows", "rows equal in every column: the first is kept")
    for role, column in (("member", member), ("date", date), ("value", value)):
        drop(absent(frame[column]), f"missing {role}", f"no {role} in column {column!r}: left out")
    found = dates_of(frame[date], f"{where}: column {date!r}", lines)
    rules.append(Rule("day or month first", found.words, found.cells))
    dates = found.days
    _mostly(dates.notna().to_numpy(), frame[date], where, date, "dates such as 2017-09-30")
    drop(dates.isna().to_numpy(), "unreadable date", f"column {date!r} holds no date: left out")
    dates = dates.loc[frame.index]
    numbers, way = as_written(frame[value], f"{where}: column {value!r}", lines)
    values = pd.Series(numbers, frame.index)
    rules.append(Rule("thousands and decimals", way.words, way.cells))
    _mostly(values.notna().to_numpy(), frame[value], where, value, "numbers such as 12.50")
    drop(values.isna().to_numpy(), "not a number", f"column {value!r} holds no finite number: left out")
    values = values.loc[frame.index]
    refunds = (values < 0).to_numpy()
    lost = float(values[refunds].sum())
    drop(
        refunds,
        "negative value",
        f"taken as refunds and left out, not set against purchases (sum {lost:,.2f})",
    )
    values = values.loc[frame.index]
    far = "a hundred times above what 999 of 1,000 rows stay below: left out"
    drop(_beyond(np.asarray(values, np.float64)), "stray value", far)
    values, dates = values.loc[frame.index], dates.loc[frame.index]
    if frame.empty:
        raise InputError(
            f"{where}: none of its {total} rows is a purchase that can be used; " + _counts(rules)
        )
    day: Ints = np.asarray((dates - pd.Timestamp("1970-01-01")).dt.days, dtype=np.int64)
    alone = _stray(day)
    drop(alone, "stray date", "three months or more away from all the rest, under 0.1 % of rows: left out")
    day = day[~alone]
    _no_hole(day, where)
    amount: Floats = np.asarray(values, dtype=np.float64)[~alone]
    rules.append(
        Rule("zero value", "kept as a purchase, left out when the basket is fitted", int((amount == 0).sum()))
    )
    codes, ids = pd.factorize(_names(frame[member], f"{where}: column {member!r}", lines))
    codes = _ranks(ids)[codes]
    busy = _busy(codes)
    text = "a twentieth of all rows or more: kept; if the id stands for customers who are not known, leave its rows out"
    rules.append(Rule(BUSY, text, int(busy.sum()), "rows", tuple(int(n) for n in lines[busy][:5])))
    unordered = int((np.diff(day[np.argsort(codes, kind="stable")])[np.diff(np.sort(codes)) == 0] < 0).sum())
    rules.append(Rule("unordered dates", "earlier than the member's row before it: sorted", unordered))
    begin = int(day.min())
    panel = _occasions(codes, day - begin, amount, dt.date(1970, 1, 1) + dt.timedelta(days=begin))
    merged = len(codes) - len(panel.member)
    rules.append(Rule("same day", "a member's rows of one day are one purchase, values added", merged))
    once = int((panel.purchases() == 1).sum())
    rules.append(Rule("one purchase only", "kept: they tell how many never come back", once, "members"))
    return replace(panel, rules=tuple(rules))


def check_enough(panel: Panel, where: str) -> None:
    """Raise InputError when `panel` is too small to fit."""
    repeaters = int((panel.purchases() > 1).sum())
    for found, least, what in (
        (panel.members, MIN_MEMBERS, "members"),
        (repeaters, MIN_REPEATERS, "members with two purchases or more"),
        (panel.days, MIN_DAYS, "days"),
        (int((panel.value > 0).sum()), MIN_PRICED, "purchases with a value above 0"),
    ):
        if found < least:
            raise InputError(f"{where}: has {found} {what} in the period to fit; at least {least} are needed")


def holdout_day(panel: Panel, holdout_from: str | dt.date, where: str) -> int:
    """Day number of the held-out period's first day; InputError when it is no date or leaves nothing to
    fit or check.
    """
    try:
        start = dt.datetime.strptime(holdout_from, "%Y-%m-%d") if isinstance(holdout_from, str) else holdout_from
        start = start.date() if isinstance(start, dt.datetime) else start
    except ValueError as problem:
        raise InputError(
            f"--holdout-from: found {holdout_from!r}; give a date with the year first, such as 2017-10-01"
        ) from problem
    earliest = panel.start + dt.timedelta(days=MIN_DAYS)
    if earliest > panel.end:
        raise InputError(f"{where}: has {panel.days} days; at least {MIN_DAYS + 1} are needed to hold any out")
    if not earliest <= start <= panel.end:
        raise InputError(
            f"{where}: --holdout-from {start} is outside the data; allowed is {earliest} to {panel.end} "
            f"(the data run from {panel.start} to {panel.end})"
        )
    return (start - panel.start).days


def _occasions(codes: Ints, day: Ints, amount: Floats, start: dt.date) -> Panel:
    span = int(day.max()) + 1
    key, inverse = np.unique(codes * span + day, return_inverse=True)
    value: Floats = np.bincount(inverse, weights=amount).astype(np.float64)
    return Panel(key // span, key % span, value, start, span)


def _mostly(good: NDArray[np.bool_], column: pd.Series[Any], where: str, name: str, kind: str) -> None:
    if len(good) and good.mean() < 0.5:
        example = str(column[~good].iloc[0])
        raise InputError(
            f"{where}: column {name!r} has {kind} in {int(good.sum())} of {len(good)} rows "
            f"(found {example!r}); at least half of the rows must have them"
        )


def _stray(day: Ints) -> NDArray[np.bool_]:
    order = np.argsort(day, kind="stable")
    gaps = np.flatnonzero(np.diff(day[order]) >= _STRAY_GAP_DAYS)
    bad = np.zeros(len(day), dtype=bool)
    for gap in gaps:
        for part in (order[: gap + 1], order[gap + 1 :]):
            if len(part) < _STRAY_SHARE * len(day):
                bad[part] = True
    return bad


def _beyond(amount: Floats) -> NDArray[np.bool_]:
    """Amounts a hundred times above what 999 of 1,000 rows stay below."""
    usual = np.sort(amount)[max(0, int(len(amount) * (1 - _STRAY_SHARE)) - 1)] if len(amount) else 0.0
    return np.asarray((amount > _STRAY_TIMES * usual) & (usual > 0))


def _busy(codes: Ints) -> NDArray[np.bool_]:
    """Rows of a member who has a twentieth of all or more, and twenty times as many as the median member."""
    rows = np.bincount(codes)
    return np.asarray((codes == rows.argmax()) & (rows.max() >= max(_BUSY_SHARE * len(codes), _BUSY_TIMES * np.median(rows))))


def _no_hole(day: Ints, where: str) -> None:
    at = np.unique(day)
    hole = int(np.diff(at).argmax()) if len(at) > 1 else 0
    if len(at) > 1 and at[hole + 1] - at[hole] >= _LONGEST_HOLE_DAYS:
        last, following = (dt.date(1970, 1, 1) + dt.timedelta(days=int(d)) for d in at[hole : hole + 2])
        raise InputError(
            f"{where}: has no purchase between {last} and {following}; at most a year may lie between two purchases: "
            "give the rows of one side"
        )


def _ranks(ids: pd.Index[Any]) -> Ints:
    """Place of each id by its text: a member's luck goes by it, the same of 12 and '12'."""
    if pd.api.types.is_float_dtype(ids) and np.isfinite(ids).all() and bool((ids == ids.astype(np.int64)).all()):
        ids = ids.astype(np.int64)
    return np.argsort(np.argsort(ids.astype(str))).astype(np.int64)


def _names(column: pd.Series[Any], place: str, rows: Ints) -> pd.Series[Any]:
    """Who each row is of: numbers, or trimmed text, in which 12.0 is 12; InputError for ids that a spreadsheet has rounded."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.astype(str).str.strip()
    rounded = np.flatnonzero(text.str.fullmatch(r"[0-9]\.[0-9]+[eE]\+[0-9]+"))
    if len(rounded):
        raise InputError(
            f"{place} has ids as a spreadsheet rounds them (found {text.iloc[int(rounded[0])]!r} in row {rows[rounded[0]]}): "
            "members with long ids would be taken for one; write ids in full"
        )
    return text.str.replace(r"^([0-9]+)\.0$", r"\1", regex=True)


def _counts(rules: list[Rule]) -> str:
    return "; ".join(f"{r.name}: {r.count}" for r in rules if r.count) or "no row was left out"
