"""Random words by address: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), no state, no order.

Contract. Key = (run seed, member key); counter = (ordinal of the event in its stream, stream * 16 + block). A decision
owns one word of one block for ever; a new decision takes a new word and shifts no other. So a member's luck depends on
nothing but seed and member: not on order, threads, windows, other members or the programme.
"""

from __future__ import annotations

import numpy as np

from sim.compiled import rare, rule
from sim.rules.numbers import exp, log

BASE = 0  # candidates of the baseline stream; block 0: gap, leaving, basket, redeeming; 1: accept, -, category, refund
EXTRA = 1  # candidates above the baseline;     block 0: gap, mark, of two candidates;   1: basket, redeeming, category, refund
BIRTH = 2  # once a member; words by BORN
MOMENT = 3  # a win-back message, ordinal = day, third word of the counter = the incentive's; return, wake
# such days are counted from the start of the first run, so that a run that goes on meets the same luck
TASK = 4  # a member's tasks of one incentive, ordinal = number of the task, third word as above; gap
RESUME = 5  # once a member whose run goes on without a next candidate or a next call back, ordinal 0; baseline, extra, back
BACK = 6  # what would bring a lapsed member back, ordinal = number of the moment; gap
AHEAD = 8  # candidates of the baseline whose luck is drawn at a time; of those above it, most of which come to nothing, 16
LUCK = ("gap", "leaving", "basket", "redeem")  # what is drawn ahead for a candidate of the baseline:
# - log of the product of the gap's uniforms; word 1; basket / median basket by word 2; word 3
GAP, LEAVING, BASKET, REDEEM = range(len(LUCK))
MARK = 1  # for a candidate above the baseline: - log of the gap's uniform (GAP); the other word
STAGES = 8  # first block of the further stages of a regular buyer's gap (stream BASE)
BORN = (
    "rate", "leave", "median", "join", "segment", "month", "day", "aware", "flexible", "history", "learning", "patience",
)  # fmt: skip
"""What is drawn of a member at birth: purchase rate and leaving probability before the segment's factor, median basket likewise
in minor units; else uniforms. In the order of their blocks, four a block"""
RATE, LEAVE, MEDIAN, JOIN, SEGMENT, MONTH, DAY, AWARE, FLEXIBLE, HISTORY, LEARNING, PATIENCE = range(len(BORN))

_P0, _P1, _P2, _P3 = 2.50662827463582087, 1.20808117953776358, 0.315182385587748205, 0.057978919779759836
_P4, _P5, _P6 = 7.91435171582526447e-3, 8.20281637878092755e-4, 6.55204549959786195e-5
_P7, _P8, _P9 = 4.12370749723114125e-6, 2.17347056882197487e-7, 1.92536410638201912e-9
_Q1, _Q2, _Q3 = 0.220155273009118292, 0.0550710254897030237, 8.47849676667159302e-3
_Q4, _Q5, _Q6 = 9.44565686834947943e-4, 9.38048632243054995e-5, 5.69206562613922979e-6
_Q7, _Q8, _Q9 = 4.00413112966862279e-7, 9.66574370029711153e-9, 2.07641941798507591e-11
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


@rule
def philox(k0, k1, c0, c1, c2, c3):
    """Four words of 32 bits (as uint64) for a key of two and a counter of four words (uint64)."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@rule
def _uniforms(seed, key, ordinal, decision, luck):
    """Four uniforms in (0, 1) of one address."""
    w0, w1, w2, w3 = philox(
        np.uint64(seed) & _LOW,
        np.uint64(key) & _LOW,
        np.uint64(ordinal) & _LOW,
        np.uint64(decision) & _LOW,
        np.uint64(luck) & _LOW,
        np.uint64(0),
    )
    return uniform(w0), uniform(w1), uniform(w2), uniform(w3)


@rule
def uniforms(seed, key, ordinal, stream, block):
    """Four uniforms in (0, 1) of one block."""
    return _uniforms(seed, key, ordinal, stream * 16 + block, 0)


@rare
def incentive_uniforms(seed, key, ordinal, stream, luck):
    """Four uniforms in (0, 1) for one incentive, told apart by its name (`luck`) and not by its place in the table."""
    return _uniforms(seed, key, ordinal, stream * 16, luck)


@rule
def place(m, i, s, t, ordinal):
    """Where the luck of candidate `ordinal` of the baseline lies in `s.ahead` (row, column): it is drawn for AHEAD at a time.

    Several cost little more than one, for nothing in one waits for another.
    """
    row = i if s.ahead_of.shape[0] > 1 else 0
    block = ordinal // AHEAD
    if s.ahead_of[row, BASE, 0] != m.key or s.ahead_of[row, BASE, 1] != block:
        draw_ahead(s, t, row, m.key, block)
    return row, ordinal % AHEAD


@rule
def place_above(m, i, s, t, ordinal):
    """The same of a candidate above the baseline, in `s.above`."""
    row = i if s.ahead_of.shape[0] > 1 else 0
    block = ordinal // (2 * AHEAD)
    if s.ahead_of[row, EXTRA, 0] != m.key or s.ahead_of[row, EXTRA, 1] != block:
        draw_above(s, t, row, m.key, block)
    return row, ordinal % (2 * AHEAD)


@rare
def draw_ahead(s, t, row, key, block):
    """Fill the row with the luck of AHEAD candidates of the baseline."""
    p = t.p[0]
    s.ahead_of[row, BASE, 0] = key
    s.ahead_of[row, BASE, 1] = block
    n = s.ahead.shape[2]  # AHEAD, which the compiler must not know: it would unroll the loops instead of doing several at once
    first = block * n
    for k in range(n):
        u0, u1, u2, u3 = uniforms(p.seed, key, first + k, BASE, 0)
        s.ahead[row, GAP, k] = u0
        s.ahead[row, LEAVING, k] = u1
        s.ahead[row, BASKET, k] = u2
        s.ahead[row, REDEEM, k] = u3
    stage = 1
    while stage < p.regular:
        for k in range(n):
            u0, u1, u2, u3 = uniforms(p.seed, key, first + k, BASE, STAGES + (stage - 1) // 4)
            product = s.ahead[row, GAP, k] * u0
            if stage + 1 < p.regular:
                product *= u1
            if stage + 2 < p.regular:
                product *= u2
            if stage + 3 < p.regular:
                product *= u3
            s.ahead[row, GAP, k] = product
        stage += 4
    for k in range(n):
        s.ahead[row, GAP, k] = -log(s.ahead[row, GAP, k])
    for k in range(n):
        s.ahead[row, BASKET, k] = exp(p.sigma * normal(s.ahead[row, BASKET, k]))


@rare
def draw_above(s, t, row, key, block):
    """Fill the row with gaps and marks of 2 x AHEAD candidates above the baseline: one block of words has those of two, which
    stand AHEAD apart."""
    s.ahead_of[row, EXTRA, 0] = key
    s.ahead_of[row, EXTRA, 1] = block
    n = s.above.shape[2] // 2
    first = block * n
    for k in range(n):
        u0, u1, u2, u3 = uniforms(t.p[0].seed, key, first + k, EXTRA, 0)
        s.above[row, GAP, k] = u0
        s.above[row, MARK, k] = u1
        s.above[row, GAP, n + k] = u2
        s.above[row, MARK, n + k] = u3
    for k in range(2 * n):
        s.above[row, GAP, k] = -log(s.above[row, GAP, k])


@rule
def uniform(word):
    """The middle of the word's cell of (0, 1)."""
    return (float(np.int64(word)) + 0.5) * 2.3283064365386963e-10


@rule
def normal(u):
    """Normal quantile of a uniform u, relative error below 2e-12; one formula for all u, so that many are done at once.

    It is u - 1/2 times a smooth function of w = -log(4 u (1 - u)), the variable of Giles (2011); here a ratio of two polynomials,
    our own fit of least relative error for w up to 21.6, which no word of 32 bits exceeds.
    """
    w = -log(4.0 * u * (1.0 - u))
    top = ((((((((_P9 * w + _P8) * w + _P7) * w + _P6) * w + _P5) * w + _P4) * w + _P3) * w + _P2) * w + _P1) * w + _P0
    low = ((((((((_Q9 * w + _Q8) * w + _Q7) * w + _Q6) * w + _Q5) * w + _Q4) * w + _Q3) * w + _Q2) * w + _Q1) * w + 1.0
    return (u - 0.5) * top / low
