"""exp and log in plain arithmetic: the same bits compiled and uncompiled, on every machine, and many at a time where rules loop.

A system's own differ in the last bit from one machine to the next, and a compiler cannot do several of them at once.
"""

from __future__ import annotations

from sim.compiled import bits, of_bits, rule

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # the upper 32 bits of log 2, so that a whole number times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_WHOLE = 6755399441055744.0  # 1.5 x 2^52: added to x, the sum's last bits are x rounded to a whole number
_WHOLE_BITS = bits(_WHOLE)
_ROOT_HALF = bits(0.5**0.5)
_2, _3, _4, _5, _6, _7 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040
_8, _9, _10, _11, _12, _13 = 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800
_L1, _L2, _L3, _L4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
_L5, _L6, _L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01


@rule
def exp(x):
    """e^x for x <= 709, 0 from -708 down; within 2 units in the last place. 2^k times the Taylor series of the rest, to r^13."""
    shifted = max(x, -708.0) * _LOG2_E + _WHOLE
    k = shifted - _WHOLE
    r = (max(x, -708.0) - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (_2 + r * _3) + r4 * ((_4 + r * _5) + r2 * (_6 + r * _7))
    high = ((_8 + r * _9) + r2 * (_10 + r * _11)) + r4 * (_12 + r * _13)
    power = of_bits(bits(low + r4 * r4 * high) + ((bits(shifted) - _WHOLE_BITS) << 52))
    return power if x > -708.0 else 0.0


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
