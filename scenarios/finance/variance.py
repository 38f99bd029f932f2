"""Plan against actual: a difference of cost split, without rest, into volume, mix, rate and behaviour.

    cost = sum over segments of volume x mix x behaviour x rate

volume: members; mix: a segment's share of them; behaviour: events (purchases, redemptions) a member; rate: cost an event.
Each part is its average effect over all orders in which the four could have changed (the Shapley value), so no order is favoured
and the parts add up to the difference exactly. Source: Shorrocks (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.rounding import largest_remainder
from sim.errors import InputError

PARTS = ("volume", "mix", "behaviour", "rate")


@dataclass(frozen=True)
class Activity:
    """What a period had of one cost line, by segment (tier or member group, each member in one); whole numbers of 0 or more."""

    members: Sequence[int]
    events: Sequence[int]
    cost: Sequence[int]
    """minor units"""


@dataclass(frozen=True)
class Variance:
    """Actual less plan, minor units; the four parts add up to `difference`."""

    plan: int
    actual: int
    volume: int
    """more or fewer members in all"""
    mix: int
    """members in dearer or cheaper segments"""
    behaviour: int
    """more or fewer events a member"""
    rate: int
    """a dearer or cheaper event"""

    @property
    def difference(self) -> int:
        """Actual - plan."""
        return self.actual - self.plan


def variance(plan: Activity, actual: Activity) -> Variance:
    """Split actual less plan into its parts, rounded to minor units by largest remainder.

    A segment without members or events on one side takes behaviour or rate from the other side, where it has them: its whole cost
    is then mix, or behaviour, and no change of a rate that was never observed is claimed.
    Raises InputError where the two have other segments, numbers are not whole or negative, or there is cost without events or
    events without members.
    """
    before, after = _checked("plan", plan), _checked("actual", actual)
    if len(before) != len(after):
        raise InputError(f"the plan has {len(before)} segments, actual has {len(after)}; they must be the same")
    sides = [_factors(before, after), _factors(after, before)]

    def cost(changed: frozenset[str]) -> Fraction:
        volume, mix, behaviour, rate = (sides[part in changed][k] for k, part in enumerate(PARTS))
        return sum((volume[s] * mix[s] * behaviour[s] * rate[s] for s in range(len(before))), Fraction(0))

    exact = {part: _shapley(part, cost) for part in PARTS}
    totals = [sum(row[2] for row in side) for side in (before, after)]
    parts = largest_remainder(list(exact.values()), totals[1] - totals[0])
    return Variance(*totals, *parts)


def monthly_variance(plan: Sequence[Activity], actual: Sequence[Activity]) -> list[Variance]:
    """variance of each month; the months' parts add up to the differences of their sum."""
    if len(plan) != len(actual):
        raise InputError(f"the plan has {len(plan)} months, actual has {len(actual)}")
    return [variance(p, a) for p, a in zip(plan, actual, strict=True)]


_Rows = list[tuple[int, int, int]]


def _checked(side: str, given: Activity) -> _Rows:
    """(members, events, cost) of each segment, as Python integers."""
    columns = [_whole(side, name, getattr(given, name)) for name in ("members", "events", "cost")]
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        raise InputError(f"{side}: members, events and cost must have the same segments, at least one")
    rows = list(zip(*columns, strict=True))
    for s, (members, events, money) in enumerate(rows):
        if (events and not members) or (money and not events):
            raise InputError(
                f"{side}, segment {s}: {members} members, {events} events, {money} cost; cost needs events, events need members"
            )
    return rows


def _whole(side: str, name: str, values: ArrayLike) -> list[int]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise InputError(f"{side}: {name} must be a row of whole numbers of 0 or more, one a segment")
    return [int(value) for value in array]


def _factors(own: _Rows, other: _Rows) -> list[list[Fraction]]:
    """volume, mix, behaviour and rate of one side, each by segment."""
    whole = sum(members for members, _, _ in own)
    known: list[list[Fraction]] = [[Fraction(whole)] * len(own), [], [], []]
    shares = own if whole else other
    of = sum(members for members, _, _ in shares)
    for (members, events, money), (members2, events2, money2), (share, _, _) in zip(own, other, shares, strict=True):
        known[1].append(Fraction(share, of) if of else Fraction(0))
        known[2].append(Fraction(events, members) if members else Fraction(events2, members2) if members2 else Fraction(0))
        known[3].append(Fraction(money, events) if events else Fraction(money2, events2) if events2 else Fraction(0))
    return known


def _shapley(part: str, cost: Callable[[frozenset[str]], Fraction]) -> Fraction:
    others = [p for p in PARTS if p != part]
    n, total = len(PARTS), Fraction(0)
    for size in range(n):
        weight = Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
        for chosen in combinations(others, size):
            total += weight * (cost(frozenset((*chosen, part))) - cost(frozenset(chosen)))
    return total
