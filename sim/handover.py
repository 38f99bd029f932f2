"""From the end of a run to the opening of the next: every moment, day and month as seen from there."""

from __future__ import annotations

import datetime as dt

import numpy as np

from sim.member import LONG_AGO, NEVER, REFUND
from sim.opening import Opening
from sim.scenario import Scenario
from sim.state import Chunk
from sim.tables import Tables
from sim.typing import Array, Ints

MOMENTS = (
    "task", "due", "joined", "last_buy", "first_buy", "pend_day", "refund_day", "card_until", "fee_until", "reward_at",
    "demoted_at", "benefit_at", "pulled_at", "sent_at", "pull_until",
)  # fmt: skip
"""Fields of MEMBER that are moments of the clock; t_base, t_extra and t_back are operational (sim.calendar)."""


def opening_after(scenario: Scenario, t: Tables, everybody: Chunk, left: dict[int, int]) -> Opening:
    """The opening of a run that begins where this one ended.

    everybody: all members of the run at its end; left: minor units left of each budgeted incentive, by its number.
    """
    p = t.p[0]
    days, months = int(p["end"]), len(t.months)
    members = _members_after(t, everybody.members)
    lots = _lots_after(everybody, members, months)
    known = len(everybody.lot_tiers) > 0
    turned = (days + np.arange(everybody.pend.shape[1])) % everybody.pend.shape[1]
    budget = t.incentives["budget"].astype(np.int64)
    for j, amount in left.items():
        budget[j] = amount
    names = tuple(x.name for x in scenario.programme.incentives)
    q = scenario.programme.qualification
    return Opening(
        start=scenario.horizon.start + dt.timedelta(days=days),
        origin=scenario.horizon.start - dt.timedelta(days=int(p["day_zero"])),
        day_zero=int(p["day_zero"]) + days,
        month_zero=int(p["month_zero"]) + months,
        level_days=float(p["level_days"]) + days,
        members=members,
        lots=lots.sum(axis=2),
        pend=everybody.pend[:, turned],
        lot_tiers=lots if known else None,
        pend_tiers=everybody.pend_tiers.reshape(len(members), len(turned), -1)[:, turned] if known else None,
        quals=np.roll(everybody.quals, -months, axis=1),
        wallet=_wallet_after(t, everybody, members)[:, : len(names)],
        refunds=_refunds_after(t, everybody),
        tiers=tuple(tier.name for tier in scenario.programme.tiers),
        incentives=names,
        budget_left=budget,
        used_up=tuple(name for j, name in enumerate(names) if t.closes[j] <= p["end"]),
        window=(q.window, q.months),
        base=int(p["base"]),
        next_key=int(p["first_new"]) + int(p["new_per_month"]) * months,
    )


def _members_after(t: Tables, members: Array) -> Array:
    """(n,) of MEMBER as seen from the end of the run."""
    p = t.p[0]
    days, months = int(p["end"]), len(t.months)
    m = members.copy()
    for field in MOMENTS:
        m[field] = _shifted(m[field], days)
    for field in ("t_base", "t_extra", "t_back"):
        m[field] = _operational(t, m[field])
    m["t_back"] = np.where(m["t_back"] < NEVER / 2, m["t_back"] * p["return_rate"], NEVER)  # at a rate of 1, whatever the next is
    m["month_bought"] -= months
    m["oldest"] = np.where(m["balance"] > 0, m["oldest"] - months, 0)
    m["card_until"] = _idle(members["card_until"][:, None], np.array([[p["card_days"]]]), members, m, days)[:, 0]
    return m


def _lots_after(everybody: Chunk, members: Array, months: int) -> Ints:
    """(n, past, tiers) open points by month of credit, the last being the month before the end, and by tier of earning; one tier
    where that is not kept. members: as seen from the end."""
    n, slots = everybody.lots.shape
    lots = everybody.lot_tiers.reshape(n, slots, -1) if len(everybody.lot_tiers) else everybody.lots[:, :, None]
    past = max(1, -int(members["oldest"].min(initial=-1)))
    found = np.zeros((n, past, lots.shape[2]), np.int64)
    everyone = np.arange(n)
    for step in range(min(slots, past)):
        month = members["oldest"] + step  # of the lot that lies so many months after the oldest
        there = (members["balance"] > 0) & (month < 0)
        points = np.where(there[:, None], lots[everyone, (month + months) % slots], 0)
        found[everyone, np.where(month < 0, month + past, 0)] += points
    return found


def _refunds_after(t: Tables, everybody: Chunk) -> Array:
    """(n, days) of REFUND by the day from the end on which purchases are returned. The month of a day that lay beyond the end of
    an earlier run is known by now."""
    days, months = int(t.p["end"][0]), len(t.months)
    width = everybody.refunds.shape[1] if len(everybody.refunds) else 0
    found = np.zeros((len(everybody.members), width), REFUND)
    for day in range(width):
        found[:, day] = everybody.refunds[:, (days + day) % width]
    inside = (found["spendable"] >= 0.0) & (found["spendable"] < days)
    found["lot"][inside] = t.days["month"][found["spendable"][inside].astype(np.int64)]
    for field, passed in (("spendable", days), ("lot", months), ("month", months)):
        found[field] -= passed
    return found


def _wallet_after(t: Tables, everybody: Chunk, members: Array) -> Array:
    """(n, incentives or 1) of WALLET as seen from the end of the run, as `members` are."""
    p = t.p[0]
    days = int(p["end"])
    found, before = everybody.wallet.copy(), everybody.members
    found["until"] = np.maximum(0.0, _shifted(found["until"], days))  # 0 = none
    found["next"] = _shifted(found["next"], days)
    found["mark"] = _idle(found["mark"], 30.0 * (p["expiry_months"] + before["longer"][:, None]), before, members, days)
    return found


def _shifted(moments: Array, days: int) -> Array:
    """Moments as seen from `days` later; those that never come or never were stay."""
    ever = (moments > LONG_AGO / 2) & (moments < NEVER / 2)
    return np.where(ever, moments - days, moments)


def _idle(moments: Array, span: Array, before: Array, after: Array, days: int) -> Array:
    """(n, k) moments as seen from `days` later; those that lie `span` (n or 1, 1) days after the member's last purchase (dates of
    lapse that were announced, the end of the card) to the bit as the engine computes them from the shifted moments."""
    idle, idle_after = (np.maximum(m["last_buy"], m["joined"])[:, None] + span for m in (before, after))
    return np.where(moments == idle, idle_after, _shifted(moments, days))


def _operational(t: Tables, moments: Array) -> Array:
    """Operational days from the end of the run to moments of its clock, which beyond the end, and before day 0, is such time."""
    op_end, end = float(t.p["op_end"][0]), float(t.p["end"][0])
    if t.p["steady"][0]:
        return _shifted(moments, int(end))
    k = np.clip(moments, 0.0, end - 1.0).astype(np.int64)
    inside = t.days["op"][k] + (moments - k) * t.days["speed"][k] - op_end
    passed = np.where(moments < 0.0, moments - op_end, inside)  # candidates that nobody was there for lie behind
    return np.where(moments >= NEVER / 2, moments, np.where(moments >= end, moments - end, passed))
