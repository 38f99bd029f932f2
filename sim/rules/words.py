"""Random words by address: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), no state, no order.

Contract. Key = (run seed, member key); counter = (ordinal of the event in its stream, stream * 16 + block). A decision
owns one word of one block for ever; a new decision takes a new word and shifts no other. So a member's luck depends on
nothing but seed and member: not on order, threads, windows, other members or the programme.
"""

from __future__ import annotations

import math

import numpy as np

from sim.compiled import rare, rule

BASE = 0  # candidates of the baseline stream; block 0: gap, leaving, basket, redeeming; 1: accept, return, category, refund
EXTRA = 1  # candidates above the baseline;     block 0: gap, mark, basket, redeeming;   1: -, -, category, refund
BIRTH = 2  # once a member
MOMENT = 3  # an incentive's moments, ordinal = day, third word of the counter = the incentive's; learn, opt out, return, wake
MONTH = 4  # month ends, ordinal = month, third word as above; tasks
# days and months of an ordinal are counted from the start of the first run, so that a run that goes on meets the same luck
RESUME = 5  # once a member whose run goes on without a next candidate, ordinal 0; block 0: baseline, extra
AHEAD = 4  # candidates whose luck is drawn at a time
LUCK = ("gap", "second", "score", "redeem", "spare")  # what is drawn ahead for a candidate of the streams BASE and EXTRA:
# - log of the product of the gap's uniforms; word 1; normal score of word 2 (EXTRA: the uniform); word 3
GAP, SECOND, SCORE, REDEEM, SPARE = range(len(LUCK))
STAGES = 8  # first block of the further stages of a regular buyer's gap (stream BASE)

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
def uniforms(seed, key, ordinal, stream, block):
    """Four uniforms in (0, 1) of one block."""
    w0, w1, w2, w3 = philox(
        np.uint64(seed) & _LOW,
        np.uint64(key) & _LOW,
        np.uint64(ordinal) & _LOW,
        np.uint64(stream * 16 + block) & _LOW,
        np.uint64(0),
        np.uint64(0),
    )
    return uniform(w0), uniform(w1), uniform(w2), uniform(w3)


@rare
def incentive_uniforms(seed, key, ordinal, stream, luck):
    """Four uniforms in (0, 1) for one incentive, told apart by its name (`luck`) and not by its place in the table."""
    w0, w1, w2, w3 = philox(
        np.uint64(seed) & _LOW,
        np.uint64(key) & _LOW,
        np.uint64(ordinal) & _LOW,
        np.uint64(stream * 16) & _LOW,
        np.uint64(luck) & _LOW,
        np.uint64(0),
    )
    return uniform(w0), uniform(w1), uniform(w2), uniform(w3)


@rule
def place(m, i, s, t, ordinal, stream):
    """Where the luck of candidate `ordinal` lies in `s.ahead` (row, column): it is drawn for AHEAD candidates at a time.

    Several cost little more than one, for nothing in one waits for another.
    """
    row = i if s.ahead_of.shape[0] > 1 else 0
    block = ordinal // AHEAD
    if s.ahead_of[row, stream, 0] != m.key or s.ahead_of[row, stream, 1] != block:
        draw_ahead(s, t, row, m.key, block, stream)
    return row, ordinal % AHEAD


@rare
def draw_ahead(s, t, row, key, block, stream):
    """Fill the row of a stream with the luck of AHEAD candidates."""
    p = t.p[0]
    s.ahead_of[row, stream, 0] = key
    s.ahead_of[row, stream, 1] = block
    first = block * AHEAD
    for k in range(AHEAD):
        w0, w1, w2, w3 = philox(
            np.uint64(p.seed) & _LOW, np.uint64(key) & _LOW, np.uint64(first + k) & _LOW, np.uint64(stream * 16),
            np.uint64(0), np.uint64(0),
        )  # fmt: skip
        s.ahead[row, stream, GAP, k] = uniform(w0)
        s.ahead[row, stream, SECOND, k] = uniform(w1)
        s.ahead[row, stream, SCORE, k] = uniform(w2)
        s.ahead[row, stream, REDEEM, k] = uniform(w3)
    if stream == BASE:
        stage = 1
        while stage < p.regular:
            for k in range(AHEAD):
                u0, u1, u2, u3 = uniforms(p.seed, key, first + k, BASE, STAGES + (stage - 1) // 4)
                product = s.ahead[row, stream, GAP, k] * u0
                if stage + 1 < p.regular:
                    product *= u1
                if stage + 2 < p.regular:
                    product *= u2
                if stage + 3 < p.regular:
                    product *= u3
                s.ahead[row, stream, GAP, k] = product
            stage += 4
    for k in range(AHEAD):
        s.ahead[row, stream, GAP, k] = -math.log(s.ahead[row, stream, GAP, k])
    if stream == BASE:
        for k in range(AHEAD):
            s.ahead[row, stream, SPARE, k] = central(s.ahead[row, stream, SCORE, k] - 0.5)
        for k in range(AHEAD):
            u = s.ahead[row, stream, SCORE, k]
            s.ahead[row, stream, SCORE, k] = s.ahead[row, stream, SPARE, k] if abs(u - 0.5) <= 0.425 else normal(u)


@rule
def uniform(word):
    """The middle of the word's cell of (0, 1)."""
    return (float(np.int64(word)) + 0.5) * 2.3283064365386963e-10


@rule
def central(q):
    """Normal quantile of 0.5 + q, for abs(q) <= 0.425."""
    r = 0.180625 - q * q
    top = (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
        + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r
        + 133.14166789178437745) * r + 3.387132872796366608)  # fmt: skip
    low = (((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
        + 21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r
        + 42.313330701600911252) * r + 1.0)  # fmt: skip
    return q * top / low


@rule
def normal(u):
    """Normal quantile of u in (0, 1), relative error about 1e-16 (AS 241; Wichura 1988)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return central(q)
    r = u if q < 0 else 1.0 - u
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r = r - 1.6
        top = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
            + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r
            + 4.6303378461565452959) * r + 1.42343711074968357734)  # fmt: skip
        low = (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
            + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r
            + 2.05319162663775882187) * r + 1.0)  # fmt: skip
    else:
        r = r - 5.0
        top = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
            + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r
            + 5.4637849111641143699) * r + 6.6579046435011037772)  # fmt: skip
        low = (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
            + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r
            + 0.59983220655588793769) * r + 1.0)  # fmt: skip
    return -top / low if q < 0 else top / low
