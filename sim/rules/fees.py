"""The fee of a paid membership: on joining and at each renewal, by members who are active customers then."""

from __future__ import annotations

from sim import tally
from sim.compiled import rare
from sim.member import NEVER
from sim.rules.wallet import watched
from sim.state import W_FEES


@rare
def pay_fee(m, i, s, t, now, cell):
    """The member pays; the term that is paid for begins."""
    p = t.p[0]
    s.cube[cell, tally.FEES] += p.fee
    watched(s, t, i, now, W_FEES, p.fee)
    m.fee_until = now + p.fee_days


@rare
def renew(m, i, s, t, now, cell):
    """The paid term ends: who is an active customer pays for the next; who has lapsed pays when they buy again."""
    if m.alive == 1:
        pay_fee(m, i, s, t, now, cell)
    else:
        m.fee_until = NEVER
