"""The arrays of one chunk of members."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim import tally
from sim.member import MEMBER, QUALIFYING, REFUND, WALLET
from sim.rules.words import AHEAD, BORN, LUCK
from sim.tables import Tables
from sim.typing import Array, Floats, Ints


class Chunk(NamedTuple):
    """State and tallies of `n` members; rules read and write it by name."""

    members: Array
    """(n,) of MEMBER"""
    lots: Ints
    """(n, slots) open points by month of credit modulo slots"""
    pend: Ints
    """(n, pending_days + 1) pending points by due day modulo that"""
    lot_tiers: Ints
    """(n or 0, slots * tiers) the points of `lots` by the tier at which they were earned, tiers of a lot side by side; no row
    where cohorts are not kept"""
    pend_tiers: Ints
    """(n or 0, (pending_days + 1) * tiers) those of `pend` likewise"""
    quals: Array
    """(n, months of a rolling window or 1) of QUALIFYING, by month modulo that"""
    wallet: Array
    """(n, incentives or 1) of WALLET"""
    refunds: Array
    """(n or 0, days + 1) of REFUND by day of return modulo that; no row where no purchase is returned"""
    cube: Ints
    """(months * tiers * segments, tallies)"""
    survival: Ints
    """(cohorts, months, 2) members not lapsed at month end: with the programme, without"""
    cohorts: Ints
    """(past months + months + 1, months, tiers, 4) points by month of credit, month and tier of earning: issued, redeemed,
    expired, clawed back; the last row is credited after the run. Size 0 where cohorts are not kept"""
    migration: Ints
    """(tiers, tiers) members from the tier in the middle of the run to the tier at its end"""
    repurchase: Ints
    """(2,) members whose first purchase in the run is at least 30 days before its end; of those, a second within 30 days"""
    watch: Ints
    """(n or 0, periods, watched) what single members did in each watched period; see WATCHED"""
    spent_at: Floats
    """(capacity,) grants of budgeted incentives since the last meeting point: moment"""
    spent: Ints
    """(capacity, 3) of the same: place of the member, incentive, minor units"""
    n_spent: Ints
    """(1,) how many; above the capacity nothing more is noted, and the window is run again with more room"""
    ahead: Floats
    """(1 or n, luck, AHEAD) luck of candidates of the baseline, drawn ahead for the member that is being visited, or for every
    one; see words.place"""
    above: Floats
    """(1 or n, 2, 2 x AHEAD) the same of candidates above the baseline; see words.place_above"""
    ahead_of: Ints
    """(1 or n, streams, 2) of which member and of which of their candidates that is"""
    born: Floats
    """(born, AHEAD) members drawn ahead; see words.BORN"""
    born_of: Ints
    """(1,) which AHEAD members that are"""

    def copy(self) -> Chunk:
        """A snapshot."""
        copied: list[Any] = [array.copy() for array in self]
        return Chunk(*copied)

    def emptied(self, n: int) -> Chunk:
        """Room for `n` new members in the memory of this chunk, which has at least as many."""
        for name, array in zip(self._fields, self, strict=True):
            plain = array if array.dtype.names is None else array.view(np.int64)
            plain.fill(-1 if name in ("ahead_of", "born_of") else 0)
        return self._replace(**{name: getattr(self, name)[:n] for name in (*STATE, "watch")})

    def restore(self, snapshot: Chunk) -> None:
        """Put everything back as it was at the snapshot, in place; the notes of budgeted grants start afresh."""
        for name, mine, theirs in zip(self._fields, self, snapshot, strict=True):
            if name not in ("spent", "spent_at"):
                mine[...] = theirs


STATE = ("members", "lots", "pend", "lot_tiers", "pend_tiers", "quals", "wallet", "refunds")
"""arrays of a chunk that say where its members stand, a row each"""

C_ISSUED, C_REDEEMED, C_EXPIRED, C_CLAWED_BACK = range(4)

WATCHED = ("purchases", "paid", "list_value", "benefit_cost", "redemptions", "points_redeemed", "messages", "fees")
(W_PURCHASES, W_PAID, W_LIST, W_COST, W_REDEMPTIONS, W_POINTS, W_MESSAGES, W_FEES) = range(len(WATCHED))

LAYOUT = {
    "members": (MEMBER, "*"), "lots": (np.int64, "**"), "pend": (np.int64, "**"),
    "lot_tiers": (np.int64, "**"), "pend_tiers": (np.int64, "**"), "quals": (QUALIFYING, "**"),
    "wallet": (WALLET, "**"), "refunds": (REFUND, "**"),
    "cube": (np.int64, ("*", tally.SIZE)), "survival": (np.int64, ("*", "*", 2)),
    "cohorts": (np.int64, ("*", "*", "*", 4)),
    "migration": (np.int64, "**"), "repurchase": (np.int64, "*"),
    "watch": (np.int64, ("*", "*", len(WATCHED))), "spent_at": (np.float64, "*"), "spent": (np.int64, ("*", 3)),
    "n_spent": (np.int64, "*"), "ahead": (np.float64, ("*", len(LUCK), "*")),
    "above": (np.float64, ("*", 2, "*")), "ahead_of": (np.int64, ("*", 2, 2)),
    "born": (np.float64, (len(BORN), "*")), "born_of": (np.int64, "*"),
}  # fmt: skip
"""dtype and shape of every array of a Chunk"""


def empty_chunk(t: Tables, n: int, capacity: int = 0, visits: int = 1) -> Chunk:
    """Room for `n` members under the tables `t` and `capacity` budgeted grants; visits: members that are visited in turn."""
    p = t.p[0]
    rolling = int(p["window_months"]) if p["window"] == 2 else 1
    return Chunk(
        members=np.zeros(n, MEMBER),
        lots=np.zeros((n, int(p["slots"])), np.int64),
        pend=np.zeros((n, int(p["pending_days"]) + 1), np.int64),
        lot_tiers=np.zeros((n if p["cohorts"] else 0, int(p["slots"]) * len(t.tiers)), np.int64),
        pend_tiers=np.zeros((n if p["cohorts"] else 0, (int(p["pending_days"]) + 1) * len(t.tiers)), np.int64),
        quals=np.zeros((n, rolling), QUALIFYING),
        wallet=np.zeros((n, max(1, len(t.incentives))), WALLET),
        refunds=np.zeros((n if p["has_refunds"] else 0, int(p["refund_slots"])), REFUND),
        cube=np.zeros((len(t.months) * len(t.tiers) * len(t.segments), tally.SIZE), np.int64),
        survival=np.zeros((len(t.months) + 1, len(t.months), 2), np.int64),
        cohorts=np.zeros(_cohorts(t) if p["cohorts"] else (0, 0, 0, 4), np.int64),
        migration=np.zeros((len(t.tiers), len(t.tiers)), np.int64),
        repurchase=np.zeros(2, np.int64),
        watch=np.zeros((n if p["watch_periods"] else 0, max(1, int(p["watch_periods"])), len(WATCHED)), np.int64),
        spent_at=np.zeros(capacity, np.float64),
        spent=np.zeros((capacity, 3), np.int64),
        n_spent=np.zeros(1, np.int64),
        ahead=np.zeros((visits, len(LUCK), AHEAD), np.float64),
        above=np.zeros((visits, 2, 2 * AHEAD), np.float64),
        ahead_of=np.full((visits, 2, 2), -1, np.int64),
        born=np.zeros((len(BORN), AHEAD), np.float64),
        born_of=np.full(1, -1, np.int64),
    )


def _cohorts(t: Tables) -> tuple[int, int, int, int]:
    return int(t.p["past"][0]) + len(t.months) + 1, len(t.months), len(t.tiers), 4
