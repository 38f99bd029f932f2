"""Clock time and operational time (see sim.calendar)."""

from __future__ import annotations

from sim.compiled import rule
from sim.member import NEVER
from sim.rules.words import BASE, EXTRA, GAP, place
from sim.tables import BOUND


@rule
def later(t, now, op_gap):
    """The moment `op_gap` operational days after `now`; NEVER beyond the end of the run. Before day 0 there is no season."""
    p = t.p[0]
    if p.steady == 1:
        moment = now + op_gap
        return moment if moment <= p.end else NEVER
    if now < 0.0:
        if now + op_gap < 0.0:
            return now + op_gap
        op = now + op_gap
    else:
        day = t.days[min(int(now), len(t.days) - 1)]
        op = day.op + (now - int(now)) * day.speed + op_gap
    if op >= p.op_end:
        return NEVER
    k = t.day_of_op[int(op)]
    while t.days[k + 1].op <= op:
        k += 1
    return k + (op - t.days[k].op) / t.days[k].speed


@rule
def base_gap(m, i, s, t, ordinal):
    """Operational days from one baseline candidate to the next: Erlang of the population's order, mean 1 / rate."""
    row, k = place(m, i, s, t, ordinal, BASE)
    return s.ahead[row, BASE, GAP, k] / (t.p[0].regular * m.rate)


@rule
def extra_gap(m, i, s, t, ordinal):
    """Operational days from one candidate above the baseline to the next."""
    row, k = place(m, i, s, t, ordinal, EXTRA)
    return s.ahead[row, EXTRA, GAP, k] / (m.rate * (BOUND - 1.0))
