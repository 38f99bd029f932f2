"""What members of a live programme did: the table that a backtest reads, checked cell by cell."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scenarios.finance.cells import Cells
from scenarios.numerals import money
from scenarios.sources import Where, first_row, open_source, require
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Columns:
    """Names of the columns of an activity table."""

    member: str
    date: str
    """of days (2017-03-14) or months (2017-03); `year,month` for two columns"""
    value: str
    """list value of the purchases of the row, currency units"""
    points_earned: str | None = None
    points_redeemed: str | None = None
    cost: str | None = None
    """what the benefits of the row cost the company, currency units"""
    tier: str | None = None
    """the member's tier after the row"""
    purchases: str | None = None
    """number of purchases that the row stands for"""

    def named(self) -> dict[str, str]:
        """Columns that the table must have, and what for."""
        pairs = {self.member: "the member", **dict.fromkeys(self.dates, "the date"), self.value: "the value"}
        for name in ("points_earned", "points_redeemed", "cost", "tier", "purchases"):
            column = getattr(self, name)
            if column is not None:
                pairs[column] = name.replace("_", " ")
        return pairs

    @property
    def dates(self) -> list[str]:
        """One column, or two for year and month."""
        return [part.strip() for part in self.date.split(",")]


@dataclass(frozen=True)
class Rule:
    """One rule by which the table was read, and to how many rows it applied."""

    text: str
    count: int


@dataclass(frozen=True)
class Activity:
    """Activity by member and day, in this order, a member's rows of one day (or month) added up."""

    name: str
    who: Array
    """(members,) ids as text, sorted"""
    member: Ints
    """(rows,) index in `who`"""
    day: Ints
    """(rows,) days since 1970; in a table by month a day of the month drawn from the id"""
    purchases: Ints
    """(rows,) 0 where points were redeemed without a purchase"""
    value: Floats
    earned: Ints
    redeemed: Ints
    cost: Ints
    """(rows,) minor units"""
    tier: Ints
    """(rows,) tier after the row, -1 where not known"""
    has: frozenset[str]
    """which of points_earned, points_redeemed, cost, tier and purchases the table tells"""
    by_month: bool
    start: dt.date
    """first of the month with the first row"""
    end: dt.date
    """last day of the last whole month"""
    rules: tuple[Rule, ...]

    @property
    def months(self) -> int:
        """Whole months from start to end."""
        return month_number(self.end) - month_number(self.start) + 1

    @property
    def begins_late(self) -> bool:
        """Whether the first month is not whole."""
        return not self.by_month and int(self.day.min()) > (self.start - dt.date(1970, 1, 1)).days + 2

    @property
    def month(self) -> Ints:
        """(rows,) month of each row, counted from the start."""
        return np.asarray(month_of(self.day) - month_number(self.start))

    def before(self, date: dt.date) -> Activity:
        """What the table held at the start of `date`, of the members seen by then."""
        return self._kept(self.day < (date - dt.date(1970, 1, 1)).days, date - dt.timedelta(days=1))

    def _kept(self, rows: Array, end: dt.date) -> Activity:
        seen, member = np.unique(self.member[rows], return_inverse=True)
        parts = {name: getattr(self, name)[rows] for name in ("day", "purchases", "value", "earned", "redeemed", "cost", "tier")}
        return replace(self, who=self.who[seen], member=member.astype(np.int64), end=end, **parts)

    def by_months(self, values: Array, rows: Array | None = None) -> Floats:
        """(months,) sums of `values` (one a row) over the rows where `rows` holds (default: all)."""
        inside = (self.month < self.months) & (True if rows is None else rows)
        return np.bincount(self.month[inside], weights=values[inside], minlength=self.months).astype(float)


def read_activity(where: Where, columns: Columns, scenario: Scenario) -> Activity:
    """Read what members did from a file, a database URL or a data frame (scenarios.sources).

    A row is a purchase, or all that a member did in a month. Raises InputError with a sentence for each cell that cannot be
    read (row, column, found, allowed), at most cells.MOST_TOLD of them, and for columns that are missing.
    """
    source = open_source(where)
    wanted = columns.named()
    if len(wanted) < len(columns.dates) + 2 + sum(getattr(columns, n) is not None for n in _OPTIONAL):
        raise InputError(f"{source.name}: every option must name a column of its own, found {', '.join(wanted)}")
    if len(columns.dates) > 2:
        raise InputError(f"--date: found {columns.date!r}, allowed is one column, or two as year,month")
    require(source, wanted)
    blocks = [block.to_pandas(ignore_metadata=True) for block in source.blocks(list(wanted))]
    if not blocks:
        raise InputError(f"{source.name}: has no rows; give one row a purchase, or one a member and month")
    cells = Cells(source.name, first_row(source), pd.concat(blocks, ignore_index=True))
    ids = cells.ids(columns.member)
    days, by_month = cells.dates(columns.dates)
    value = cells.numbers(columns.value, negative=True)
    given = [name for name in ("points_earned", "points_redeemed", "cost", "purchases") if getattr(columns, name) is not None]
    more = {name: cells.numbers(getattr(columns, name), empty_is_0=True) for name in given}
    for name in ("points_earned", "points_redeemed", "purchases"):
        if name in more:
            cells.whole(getattr(columns, name), more[name])
    tier = None if columns.tier is None else cells.tiers(columns.tier, scenario)
    cells.refuse()
    written = tuple(Rule(f"{column}: {way.words}", way.cells) for column, way in cells.told.items())
    found = _built(source.name, ids, days, by_month, value, more, tier)
    return _with_points(replace(found, rules=(*written, *found.rules)), scenario)


_OPTIONAL = ("points_earned", "points_redeemed", "cost", "tier", "purchases")


def _built(
    name: str, ids: Array, days: Ints, by_month: bool, value: Floats, more: dict[str, Floats], tier: Ints | None
) -> Activity:
    n = len(ids)
    none = np.zeros(n)
    has = frozenset([*more, *([] if tier is None else ["tier"])])
    rules = []
    refund = value < 0
    if refund.any():
        refunded = money(value[refund].sum(), digits=2)
        rules.append(Rule(f"negative value: taken as refunds and left out (sum {refunded})", int(refund.sum())))
    redeemed, cost = more.get("points_redeemed", none), np.floor(more.get("cost", none) * 100 + 0.5)
    bought = more.get("purchases", (value > 0).astype(float))
    idle = ~refund & (bought == 0) & (value == 0) & (more.get("points_earned", none) == 0) & (redeemed == 0) & (cost == 0)
    if idle.any():
        rules.append(Rule("nothing in any column: no purchase, left out", int(idle.sum())))
    keep = ~refund & ~idle
    if not keep.any():
        raise InputError(f"{name}: none of its {n:,} rows has a purchase or points")
    who, member = np.unique(ids[keep].astype(str), return_inverse=True)
    key = member * 10**6 + days[keep]
    first, where = np.unique(key, return_inverse=True)
    merged = int(keep.sum()) - len(first)
    unit = "month" if by_month else "day"
    rules.append(Rule(f"a member's rows of one {unit} are added up to one", merged))

    def total(values: Array) -> Floats:
        return np.bincount(where, weights=values[keep], minlength=len(first)).astype(float)

    count = total(bought)
    alone = int((count == 0).sum())
    if alone:
        rules.append(Rule("points or cost without a purchase: counted, no purchase", alone))
    last = np.zeros(len(first), np.int64) - 1
    if tier is not None:
        last[where] = tier[keep]  # of several rows of a day the last one holds
    day = first % 10**6
    if by_month:
        day = _drawn_days(who[first // 10**6], day)
    low, high = (dt.date(1970, 1, 1) + dt.timedelta(days=int(d)) for d in (day.min(), day.max()))
    start, end = low.replace(day=1), high.replace(day=calendar.monthrange(high.year, high.month)[1])
    if not by_month and (end - high).days > 2:
        late = int((day >= (high.replace(day=1) - dt.date(1970, 1, 1)).days).sum())
        end = high.replace(day=1) - dt.timedelta(days=1)
        rules.append(Rule(f"rows after {end}, whose month is not whole, are not scored", late))
    return Activity(
        name=name, who=who, member=(first // 10**6).astype(np.int64), day=day.astype(np.int64), purchases=count.astype(np.int64),
        value=total(value), earned=total(more.get("points_earned", none)).astype(np.int64),
        redeemed=total(redeemed).astype(np.int64), cost=total(cost).astype(np.int64), tier=last, has=has, by_month=by_month,
        start=start, end=end, rules=tuple(rules),
    )  # fmt: skip


def _with_points(a: Activity, scenario: Scenario) -> Activity:
    """Points earned by the programme's rule, where the table does not tell them."""
    earning = scenario.programme.earning
    if "points_earned" in a.has or earning is None:
        return a
    tiers = np.array([tier.earning for tier in scenario.programme.tiers])
    exact = a.value * earning.points_per_unit * tiers[np.maximum(a.tier, 0)]
    earned = np.floor(exact + (0.5 if earning.rounding == "nearest" else 1e-9)).astype(np.int64)
    rule = Rule("points earned are not in the table: value x programme.earning of the tier", int((earned > 0).sum()))
    return replace(a, earned=earned, rules=(*a.rules, rule))


def month_number(date: dt.date) -> int:
    """Months since 1970."""
    return (date.year - 1970) * 12 + date.month - 1


def month_of(days: Array) -> Ints:
    """Months since 1970 of days since 1970."""
    return np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _drawn_days(ids: Array, days: Ints) -> Ints:
    """A day of the month for each member and month, the same whatever else is in the table."""
    month = days.astype("datetime64[D]").astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    names = pd.Series(ids.astype(str)) + "/" + pd.Series(month.astype(str))
    mark = pd.util.hash_pandas_object(names, index=False).to_numpy()
    return np.asarray(month.astype("datetime64[D]").astype(np.int64) + (mark % length.astype(np.uint64)).astype(np.int64))
