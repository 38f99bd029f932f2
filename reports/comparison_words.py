"""Units, names and sentences of a comparison as a reader wants them."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.drivers import Driver
from scenarios.numerals import listed, significant


def in_units(unit: str, currency: str) -> str:
    """The unit of a measure as printed: money/member -> CNY a member; shares carry their own mark."""
    if unit in ("share", "ratio"):
        return ""
    return unit.replace("money", currency).replace("/", " a ")


def readable(parameter: str) -> str:
    """goal_gradient.strength -> goal gradient: strength; population.leaving.a -> leaving: a."""
    effect, _, name = parameter.removeprefix("population.").partition(".")
    return f"{effect}: {name}".replace("_", " ")


def break_even(drivers: Sequence[Driver], leader: str) -> str:
    """Which of the numbers that drive the gain of the design `leader` decides by itself whether there is one, and where."""
    found = [f"{readable(d.parameter)} {_turns(d)}" for d in drivers if d.break_even]
    if not found:
        return f"No number by itself, between its 10 % and its 90 % point, decides whether {leader} gains."
    return f"With all other numbers at their mean, {leader} gains only with {listed(found, 'or')}."


def _turns(driver: Driver) -> str:
    ends = [significant(value, 2) for value in driver.break_even]
    if len(ends) == 1:
        return f"{'above' if driver.at_high > driver.at_low else 'below'} {ends[0]}"
    return f"{'between' if driver.at_mean > 0 else 'not between'} {' and '.join(ends)}"
