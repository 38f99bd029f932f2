# mypy: disable-error-code="untyped-decorator, call-arg"
"""Effects that users wrote, where the rules ask them: a call through the address of their compiled formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from sim import tally
from sim.compiled import rule
from sim.rules.numbers import exp, log

FORMULAS: dict[int, Callable[..., float]] = {}
"""By address: the same formulas as plain Python, for the reference driver. sim.own_effects puts them here."""


def formula(address, m, i, s, t, now):
    """What the formulas at an address say at `now`."""
    return FORMULAS[int(address)](m, i, s, t, now)


@intrinsic
def _formula(typing_context: Any, address: Any, m: Any, i: Any, s: Any, t: Any, now: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in sig.args[1:]]
        shape = ir.FunctionType(ir.DoubleType(), kinds)
        return builder.call(builder.inttoptr(args[0], shape.as_pointer()), args[1:])

    return types.float64(address, m, i, s, t, now), generate


overload(formula)(lambda address, m, i, s, t, now: lambda address, m, i, s, t, now: _formula(address, m, i, s, t, now))


@rule
def own(address, m, i, s, t, now):
    """The same, 0 where there are no formulas. That something was no number is counted, in whatever cell, and fails the run."""
    if address == 0:
        return 0.0
    found = formula(address, m, i, s, t, now)
    return found if found == found else missing(s)


# ---- what formulas call (sim.formula), with floats. What has no value is counted where it is asked: a comparison could hide it


@rule
def missing(s):
    """A number that is none."""
    s.cube[0, tally.NO_NUMBER] += 1
    return 0.0


@rule
def divided(s, x, y):
    """x / y for y other than 0."""
    return x / y if y != 0 else missing(s)


@rule
def exponential(s, x):
    """e^x, at most e^700."""
    return exp(min(x, 700.0))


@rule
def logarithm(s, x):
    """log x for x > 0."""
    return log(x) if x > 0 else missing(s)


@rule
def root(s, x):
    """The square root of x >= 0."""
    return math.sqrt(x) if x >= 0 else missing(s)


@rule
def lesser(s, x, y):
    """The smaller."""
    return x if x < y else y


@rule
def greater(s, x, y):
    """The larger."""
    return x if x > y else y


@rule
def size(s, x):
    """x without its sign."""
    return abs(x)


@rule
def truth(holds):
    """1 for what holds, 0 for what does not."""
    return 1.0 if holds else 0.0


@rule
def bounded(x, low, high):
    """x within the bounds; what is no number stays none."""
    return low if x < low else (high if x > high else x)
