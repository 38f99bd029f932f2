"""Clock time and operational time (see sim.calendar)."""

from __future__ import annotations

import math

from sim.compiled import rule
from sim.rules.words import BASE, STAGES, uniforms


@rule
def later(t, now, op_gap):
    """The moment `op_gap` operational days after `now`. Before day 0 and beyond the end of the run there is no season: what is
    left of a gap at the end can be read off, and another run can go on with it."""
    p = t.p[0]
    if p.steady == 1:
        return now + op_gap
    if now < 0.0:
        if now + op_gap < 0.0:
            return now + op_gap
        op = now + op_gap
    else:
        day = t.days[int(min(now, p.end))]
        op = day.op + (now - int(now)) * day.speed + op_gap
    if op >= p.op_end:
        return p.end + (op - p.op_end)
    k = t.day_of_op[int(op)]
    while t.days[k + 1].op <= op:
        k += 1
    return k + (op - t.days[k].op) / t.days[k].speed


@rule
def base_gap(m, t, u):
    """Operational days from one baseline candidate to the next: Erlang of the population's order, mean 1 / rate."""
    p = t.p[0]
    if p.regular == 1:
        return -math.log(u) / m.rate
    product = u
    block = STAGES
    left = p.regular - 1
    while left > 0:
        u0, u1, u2, u3 = uniforms(p.seed, m.key, m.n_base, BASE, block)
        product *= u0
        if left > 1:
            product *= u1
        if left > 2:
            product *= u2
        if left > 3:
            product *= u3
        left -= 4
        block += 1
    return -math.log(product) / (p.regular * m.rate)
