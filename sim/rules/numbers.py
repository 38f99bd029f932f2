"""exp and log in plain arithmetic: the same bits compiled and uncompiled, on every machine, and many at a time where rules loop.

A system's own differ in the last bit from one machine to the next, and a compiler cannot do several of them at once.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from sim.compiled import bits, of_bits, rule

_LN2_HIGH = 6.93147180369123816490e-01  # the upper 32 bits of log 2, so that a whole number times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_WHOLE = 6755399441055744.0  # 1.5 x 2^52: added to x, the sum's last bits are x rounded to a whole number
_WHOLE_BITS = bits(_WHOLE)
_ROOT_HALF = bits(0.5**0.5)
_2, _3, _4, _5 = 1 / 2, 1 / 6, 1 / 24, 1 / 120
_STEPS = 64 * 1.4426950408889634
_STEP_HIGH, _STEP_LOW = _LN2_HIGH / 64, _LN2_LOW / 64
ROOTS = np.array([float(Decimal(2) ** (Decimal(k) / 64)) for k in range(64)])
"""2^(k / 64), rounded correctly"""
_L1, _L2, _L3, _L4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
_L5, _L6, _L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01


@rule
def exp(x):
    """e^x for x <= 709, 3e-308 from -708 down; within 1 unit in the last place.

    2^(k / 64) from a table times the Taylor series of the rest, |r| < 0.0055, to r^5.
    """
    bounded = max(x, -708.0)
    shifted = bounded * _STEPS + _WHOLE
    k = shifted - _WHOLE
    r = (bounded - k * _STEP_HIGH) - k * _STEP_LOW
    r2 = r * r
    more = (r + r2 * _2) + (r2 * r) * (_3 + r * _4 + r2 * _5)
    steps = bits(shifted) - _WHOLE_BITS
    power = ROOTS[steps & 63]
    return of_bits(bits(power + power * more) + ((steps >> 6) << 52))


@rule
def log(x):
    """Natural logarithm of x > 2e-308, within 1 unit in the last place (series and coefficients: K. C. Ng, fdlibm, 1993)."""
    k = (bits(x) - _ROOT_HALF) >> 52
    f = of_bits(bits(x) - (k << 52)) - 1.0
    twos = of_bits(_WHOLE_BITS + k) - _WHOLE
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (_L2 + w * (_L4 + w * _L6)) + z * (_L1 + w * (_L3 + w * (_L5 + w * _L7)))
    half = 0.5 * f * f
    return twos * _LN2_HIGH - ((half - (s * (half + odd) + twos * _LN2_LOW)) - f)
