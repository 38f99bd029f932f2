"""Every figure of a single month, with ONE definition, as sim.measures has those of the whole run.

A name that begins with `total.` is a sum over all members of the run in the month; whole runs are told per member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim import tally
from sim.margin import benefit_cost_by_month, fixed_cost_by_month, net_margin_by_month
from sim.measures import LINE_TITLES
from sim.outcome import Outcome
from sim.tally import COST_LINES
from sim.typing import Floats

Rows = Iterable[tuple[str, int, Floats]]
"""(group, first month, values from there on). Groups: all, tier:<name>, cohort:<k> (0 = there at the start, k = joined in month
k - 1)"""


@dataclass(frozen=True)
class Monthly:
    """A figure of single months."""

    name: str
    unit: str
    definition: str
    rows: Callable[[Outcome], Rows]


def _of_all(name: str, unit: str, definition: str, values: Callable[[Outcome], Floats]) -> Monthly:
    return Monthly(name, unit, definition, lambda o: [("all", 0, np.asarray(values(o), np.float64))])


def _tallied(name: str, unit: str, definition: str, *tallies: str, scale: float = 1.0) -> Monthly:
    return _of_all(name, unit, definition, lambda o: np.sum([o.by_month(t) for t in tallies], axis=0) * scale)


def _share(name: str, definition: str, tallied: str) -> Monthly:
    return _of_all(name, "share", definition, lambda o: o.by_month(tallied) / o.by_month("members"))


def _tiers(o: Outcome) -> Iterator[tuple[str, int, Floats]]:
    for k, tier in enumerate(o.scenario.programme.tiers):
        yield f"tier:{tier.name}", 0, o.cube[:, k, :, tally.MEMBERS].sum(axis=1) / o.by_month("members")


def _survival(column: int) -> Callable[[Outcome], Rows]:
    def rows(o: Outcome) -> Iterator[tuple[str, int, Floats]]:
        for cohort in range(len(o.survival)):
            size = o.total("active_at_start") if cohort == 0 else int(o.tables.p["new_per_month"][0])
            if size:
                first = max(0, cohort - 1)
                yield f"cohort:{cohort}", first, o.survival[cohort, first:, column] / size

    return rows


ALL = "all members, in the month"
SIZE = "members of the cohort, those who were active at the start or all who joined in one month"

MONTHLY: tuple[Monthly, ...] = (
    _tallied("members", "members", "members at the month's end, lapsed ones included", "members"),
    _tallied("joined", "members", "members who joined the programme in the month; at a launch also those there at the start",
             "joined"),
    _tallied("lapses", "lapses", f"times that a member lapsed; {ALL}", "lapses"),
    _share("active_rate", "members with at least one purchase in the month / members at the month's end", "active"),
    _share("alive_share", "members who have not lapsed / members, both at the month's end", "alive"),
    _share("alive_share_without", "members who would not have lapsed without a programme / members, both at the month's end",
           "alive0"),
    Monthly("survival", "share", f"members of the cohort who have not lapsed at the month's end / {SIZE}", _survival(0)),
    Monthly("survival_without", "share",
            f"members of the cohort who would not have lapsed at the month's end without a programme / {SIZE}", _survival(1)),
    Monthly("tier_share", "share", "members in the tier / members, both at the month's end, lapsed ones included", _tiers),
    _tallied("total.purchases", "purchases", f"purchases, those returned later included; {ALL}", "purchases"),
    _tallied("total.refunds", "purchases", f"purchases returned; {ALL}", "refunds"),
    _tallied("total.messages", "messages", f"messages sent; {ALL}", "messages"),
    _tallied("total.list_value", "money", f"list value of purchases, less that of purchases returned; {ALL}", "list_value",
             scale=0.01),
    _tallied("total.list_value_without", "money", f"the same had there been no programme; {ALL}", "base_list", scale=0.01),
    _tallied("total.revenue", "money", f"paid for purchases, after discounts, coupons and vouchers, less refunds; {ALL}", "paid",
             scale=0.01),
    _tallied("total.fee_income", "money", f"membership fees paid; {ALL}", "fees", scale=0.01),
    *(_tallied(f"total.cost.{line}", "money", f"benefit cost, line {LINE_TITLES[line]}; {ALL}", line, scale=0.01)
      for line in COST_LINES),
    _of_all("total.benefit_cost", "money", f"sum of the benefit cost lines; {ALL}", benefit_cost_by_month),
    _of_all("total.fixed_cost", "money", "set-up, running and catalogue cost of the programme in the month, the part of it that "
            "simulated members bear: at the start / population.members", fixed_cost_by_month),
    _of_all("total.net_margin", "money", "gross margin on list value plus membership fees less benefit cost and fixed cost, "
            f"before the provision for open points; {ALL}", net_margin_by_month),
    _tallied("total.points_issued", "points", f"points credited or pending, bonuses included; {ALL}", "points_issued"),
    _tallied("total.points_redeemed", "points", f"points spent on rewards; {ALL}", "points_redeemed"),
    _tallied("total.points_expired", "points", f"points that lapsed; {ALL}", "points_expired"),
    _tallied("total.points_clawed_back", "points", f"points taken back for purchases returned, when they are taken; {ALL}",
             "points_clawed_back"),
    _tallied("total.points_outstanding", "points", "balance and pending points of all members at the month's end", "outstanding",
             "pending"),
)  # fmt: skip


def monthly(o: Outcome) -> pd.DataFrame:
    """Every figure of MONTHLY by month: month (0 ..), group, measure, value; see Rows."""
    parts = [
        pd.DataFrame({"month": np.arange(first, first + len(values)), "group": group, "measure": m.name, "value": values})
        for m in MONTHLY
        for group, first, values in m.rows(o)
    ]
    return pd.concat(parts, ignore_index=True)
