"""How members come into a run: born into it, with the history of those who are customers at its start, or from another run."""

from __future__ import annotations

import math

from sim import tally
from sim.compiled import rare, rule
from sim.member import LONG_AGO, NEVER
from sim.rules.life import cell_of
from sim.rules.moments import begin
from sim.rules.numbers import exp, log
from sim.rules.response import appetite
from sim.rules.time import SHARE, base_gap, extra_gap, later, next_back
from sim.rules.words import (
    AHEAD,
    AWARE,
    BIRTH,
    BORN,
    DAY,
    FLEXIBLE,
    HISTORY,
    JOIN,
    LEARNING,
    LEAVE,
    LEAVING,
    MEDIAN,
    MONTH,
    PATIENCE,
    RATE,
    RESUME,
    SEGMENT,
    normal,
    place,
    uniforms,
)  # fmt: skip
from sim.standing_tables import RATES
from sim.tables import SCORES

_SCORE_LOW = float(SCORES[0])
_SCORE_STEP = float(SCORES[1] - SCORES[0])
_LAST = len(SCORES) - 1
_RATE_LOW = float(RATES[0])
_RATE_STEP = float(RATES[1] - RATES[0])
_LAST_RATE = len(RATES) - 1


@rule
def tabulated(table, row, score):
    """Value of a table at a normal score, linear between points, in one of its rows that lie one after another."""
    x = (score - _SCORE_LOW) / _SCORE_STEP
    k = min(max(int(x), 0), _LAST - 1)
    at = row * (_LAST + 1) + k
    return table[at] + (table[at + 1] - table[at]) * (x - k)


@rule
def quantile(table, score):
    """exp of the tabulated log quantile at a normal score."""
    return exp(tabulated(table, 0, score))


@rule
def standing_leave(table, rate, score):
    """Score of the leaving probability among joiners, of a member there before the data, by that of their rate."""
    x = (rate - _RATE_LOW) / _RATE_STEP
    row = min(max(int(x), 0), _LAST_RATE - 1)
    below = tabulated(table, row, score)
    return below + (tabulated(table, row + 1, score) - below) * (x - row)


@rule
def stood(s, p, key, k):
    """Whether member number `key`, drawn in column k, was there before the data."""
    return key < p.first_new and s.born[HISTORY, k] < p.standing_share


@rule
def cradle(s, t, key):
    """Column of `s.born` with what member `key` is drawn as: AHEAD members are drawn at a time, as candidates are."""
    if s.born_of[0] != key // AHEAD:
        draw_members(s, t, key // AHEAD)
    return key % AHEAD


@rare
def draw_members(s, t, block):
    """Fill `s.born` with AHEAD members of neighbouring keys."""
    p = t.p[0]
    s.born_of[0] = block
    n = s.born.shape[1]  # AHEAD, which the compiler must not know (see words.draw_ahead)
    first = block * n
    for four in range(len(BORN) // 4):
        for k in range(n):
            u0, u1, u2, u3 = uniforms(p.seed, first + k, 0, BIRTH, four)
            s.born[4 * four, k] = u0
            s.born[4 * four + 1, k] = u1
            s.born[4 * four + 2, k] = u2
            s.born[4 * four + 3, k] = u3
    rho = p.rate_correlation
    rest = math.sqrt(1.0 - rho * rho)
    for k in range(n):
        s.born[RATE, k] = normal(s.born[RATE, k])
    for k in range(n):
        s.born[LEAVE, k] = normal(s.born[LEAVE, k])
    if p.standing_share > 0.0:
        for k in range(n):
            if stood(s, p, first + k, k):
                s.born[RATE, k] = tabulated(t.standing_rates, 0, s.born[RATE, k])
                s.born[LEAVE, k] = standing_leave(t.standing_leaving, s.born[RATE, k], s.born[LEAVE, k])
    for k in range(n):
        between = rho * s.born[RATE, k] + rest * normal(s.born[MEDIAN, k])
        s.born[MEDIAN, k] = 100.0 * exp(p.ln_median + p.sigma_between * between)
    for k in range(n):
        s.born[RATE, k] = quantile(t.rates, s.born[RATE, k])
    for k in range(n):
        s.born[LEAVE, k] = min(1.0, quantile(t.leaving, s.born[LEAVE, k]))


@rule
def bear_messages(m, s, k):
    """How far a member is from knowing the programme by its messages, and from having had enough of them; k: their column."""
    m.learning = 1.0 / s.born[LEARNING, k]
    m.patience = 1.0 / s.born[PATIENCE, k]


@rare
def be_born(m, i, s, t, key):
    """Make member number `key`: those below first_new are customers at the start, the others join month by month.

    Customers from before the start live their history on the baseline stream alone.
    """
    p = t.p[0]
    b = t.b[0]
    k = cradle(s, t, key)
    m.key = key
    while m.segment + 1 < len(t.segments) and s.born[SEGMENT, k] >= t.segments[m.segment].upto:
        m.segment += 1
    m.rate = s.born[RATE, k] * t.segments[m.segment].rate
    m.gap = 1.0 / m.rate
    m.leave = s.born[LEAVE, k]
    m.median = s.born[MEDIAN, k] * t.segments[m.segment].basket
    m.usual = m.rate * m.median * p.mean_to_median
    m.resp = 1.0
    if b.responsiveness_exponent > 0.0:
        m.resp = min(2.0, max(1.0 / 3.0, (m.rate / p.mean_rate) ** (-b.responsiveness_exponent)))
    m.appetite = appetite(m, t)
    bear_messages(m, s, k)
    m.birth_month = 1 + int(s.born[MONTH, k] * 12.0)
    m.birth_day = 1 + int(s.born[DAY, k] * 28.0)
    m.aware = 1 if s.born[AWARE, k] < b.awareness_share else 0
    m.flexible = 1 if s.born[FLEXIBLE, k] < b.expiry_pressure_flexible else 0
    m.alive = 1
    m.alive0 = 1
    m.t_extra = NEVER
    m.month_bought = -1
    m.failed = -1
    m.tier0 = -1
    m.first_buy = NEVER
    m.second_gap = NEVER
    m.pend_day = NEVER
    m.refund_day = NEVER
    m.card_until = NEVER
    m.fee_until = NEVER
    m.reward_at = LONG_AGO
    m.demoted_at = LONG_AGO
    m.pull_until = NEVER
    for j in range(len(t.incentives)):
        s.wallet[i, j].period = -1
        s.wallet[i, j].next = NEVER
        s.wallet[i, j].mark = -1.0
    if key < p.first_new:
        m.joined = 0.0
        since = -p.standing_since
        if not stood(s, p, key, k):
            u = (s.born[HISTORY, k] - p.standing_share) / (1.0 - p.standing_share)
            since = -(p.history_from + (p.history_to - p.history_from) * u)
    else:
        month = (key - p.first_new) // p.new_per_month
        m.cohort = month + 1
        start = t.months[month].start
        since = start + (t.months[month].end - start) * s.born[JOIN, k]
        m.joined = since
    m.last_buy = since
    m.due = m.joined
    m.t_back = NEVER
    if p.return_rate > 0.0:
        m.t_back = since
        next_back(m, t, since)
    if key >= p.first_new and p.buys_on_joining == 1:
        m.t_base = since
    else:
        m.t_base = later(t, since, base_gap(m, i, s, t, 0))
        m.n_base = 1
    while m.t_base < 0.0:
        now = m.t_base
        row, column = place(m, i, s, t, m.n_base)
        if m.alive == 1 or m.t_back <= now:
            m.last_buy = now
            m.alive = 0 if s.ahead[row, LEAVING, column] < m.leave else 1
        next_back(m, t, now)
        m.t_base = later(t, now, base_gap(m, i, s, t, m.n_base))
        m.n_base += 1
        if m.alive == 0 and p.may_return == 0:
            m.t_base = NEVER
    m.alive0 = m.alive
    if p.calm == 0 and (m.alive == 1 or p.may_return == 1):
        m.n_extra = 1
        m.t_extra = later(t, m.joined, extra_gap(m, i, s, t, 0))


@rare
def resume(m, i, s, t):
    """Let a member who comes from another run, or from a live programme, go on: what depends on the calendar of this one."""
    p = t.p[0]
    u_base, u_extra, u_back, _ = uniforms(p.seed, m.key, 0, RESUME, 0)
    if m.patience == 0.0:  # they come from a live programme
        bear_messages(m, s, cradle(s, t, m.key))
    m.gap = 1.0 / m.rate
    m.appetite = appetite(m, t)
    here = m.alive == 1 or p.may_return == 1
    if m.t_base >= NEVER and (here or m.alive0 == 1):
        m.t_base = later(t, 0.0, -log(u_base) * m.gap)
    if p.calm == 0 and m.t_extra >= NEVER and here:
        m.t_extra = later(t, 0.0, -log(u_extra) * m.gap * SHARE)
    if p.return_rate > 0.0 and m.t_back >= NEVER:
        m.t_back = later(t, 0.0, -log(u_back) / p.return_rate)
    s.cube[cell_of(m, t, 0), tally.ACTIVE_AT_START] += m.alive
    begin(m, i, s, t)
