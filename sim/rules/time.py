"""Clock time and operational time (see sim.calendar)."""

from __future__ import annotations

from sim.compiled import rare, rule
from sim.rules.numbers import log
from sim.rules.words import BACK, GAP, place, place_above, uniforms
from sim.tables import BOUND

SHARE = 1.0 / (BOUND - 1.0)  # of the mean gap between purchases, the mean gap between candidates above the baseline


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
def base_gap(m, i, s, t, ordinal):
    """Operational days from one baseline candidate to the next: Erlang of the population's order, mean 1 / rate."""
    row, k = place(m, i, s, t, ordinal)
    return s.ahead[row, GAP, k] * (m.gap * t.p[0].stage)


@rule
def extra_gap(m, i, s, t, ordinal):
    """Operational days from one candidate above the baseline to the next."""
    row, k = place_above(m, i, s, t, ordinal)
    return gap_above(m, s, row, k)


@rule
def gap_above(m, s, row, k):
    """The same of the candidate whose luck lies at `row`, `k` of `s.above`."""
    return s.above[row, GAP, k] * (m.gap * SHARE)


@rule
def next_extra(m, i, s, t):
    """On to the next candidate above the baseline."""
    m.t_extra = later(t, m.t_extra, extra_gap(m, i, s, t, m.n_extra))
    m.n_extra += 1


@rare
def next_back(m, t, now):
    """On to the first moment after `now` that brings a lapsed member back: a Poisson stream of the member's own, in operational
    time as purchases are, that goes on while they are active. Of a member who lapses, the rate at which they return."""
    p = t.p[0]
    while m.t_back <= now:
        u, _, _, _ = uniforms(p.seed, m.key, m.n_back, BACK, 0)
        m.t_back = later(t, m.t_back, -log(u) / p.return_rate)
        m.n_back += 1


@rare
def skip_to(m, i, s, t, now):
    """Let the candidates above the baseline before `now` go by, at which the member had lapsed."""
    while m.t_extra < now:
        next_extra(m, i, s, t)
