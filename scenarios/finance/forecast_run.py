"""What is kept of one replication of a forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scenarios.finance.earning import by_earning
from scenarios.finance.forecast_document import LINES, POINT_FLOWS
from sim import tally
from sim.margin import benefit_cost_by_month, fixed_cost_by_month, net_margin_by_month
from sim.opening import Opening
from sim.outcome import Outcome
from sim.typing import Floats, Ints


@dataclass(frozen=True)
class Run:
    """What is kept of one replication."""

    members: int
    past: int
    lines: Floats
    """(months, lines)"""
    points: Ints
    """(point lines, months)"""
    cohorts: Ints
    """(past + months, months, tiers, 4) by month of earning"""
    opening: Ints
    """(past + months, tiers)"""
    tiers: Ints
    """(6, tiers, months)"""
    tiers_opening: Ints

    def first(self, months: int) -> Run:
        """The same run as it stood after so many months."""
        rows = self.past + months
        return replace(
            self, lines=self.lines[:months], points=self.points[:, :months], cohorts=self.cohorts[:rows, :months],
            opening=self.opening[:rows], tiers=self.tiers[..., :months],
        )  # fmt: skip


def run_of(o: Outcome, opening: Opening | None) -> Run:
    """What is kept of an outcome that began with `opening`, None for a programme's first day."""
    pending = o.by_month("pending")
    levels = (o.by_month("outstanding") + pending, pending, o.by_month("owed"))
    past = int(o.tables.p["past"][0])
    cohorts, held = by_earning(o.cohorts, _by_lot(opening, o), past)
    names = ("points_issued", "points_redeemed", "points_expired", "points_clawed_back", "outstanding", "pending")
    tiers_opening = np.zeros(len(o.tables.tiers), np.int64)
    if opening is not None:
        np.add.at(tiers_opening, opening.members["tier"], opening.members["balance"] + opening.members["pending"])
    return Run(
        members=int(o.tables.p["n_start"][0]),
        past=past,
        lines=lines_of(o),
        points=np.stack([*(o.by_month(name) for name in POINT_FLOWS), *levels]),
        cohorts=cohorts,
        opening=held,
        tiers=np.stack([o.cube[..., tally.NAMES.index(name)].sum(axis=2).T for name in names]),
        tiers_opening=tiers_opening,
    )


def lines_of(o: Outcome) -> Floats:
    """(months, lines) of LINES."""
    economics = o.scenario.economics
    money: dict[str, Floats] = {line: o.by_month(line) / 100.0 for line in tally.COST_LINES}
    net = net_margin_by_month(o)
    money |= {
        "benefit_cost": benefit_cost_by_month(o),
        "fixed_cost": fixed_cost_by_month(o),
        "points_earned_at_expected_cost": np.asarray(o.by_month("points_issued") * economics.cost_per_point),
        "gross_sales": (o.by_month("list_value") + o.by_month("refunded_list")) / 100.0,
        "returned_sales": o.by_month("refunded_list") / 100.0,
        "refunds": o.by_month("refunded_paid") / 100.0,
        "net_sales": o.by_month("paid") / 100.0,
        "gross_margin": np.asarray(economics.gross_margin * o.by_month("list_value") / 100.0),
        "fee_income": o.by_month("fees") / 100.0,
        "net_margin": net,
        "incremental_margin": np.asarray(net - economics.gross_margin * o.by_month("base_list") / 100.0),
    }
    return np.stack([money[line] for line in LINES], axis=1)


def _by_lot(opening: Opening | None, o: Outcome) -> Ints:
    """(past + months + 1, tiers) points open at the start by month of credit and tier of earning."""
    found = np.zeros((len(o.cohorts), len(o.tables.tiers)), np.int64)
    if opening is not None:
        lots, pend = opening.by_tier()
        found[: opening.past] = lots.sum(axis=0)
        ends = o.tables.months["end"]
        for day in range(pend.shape[1]):
            found[opening.past + int(np.searchsorted(ends, day, side="right"))] += pend[:, day].sum(axis=0)
    return found
