"""What rewards, and gifts for goals reached, are worth to members, as rules read it.

A benefit of v minor units draws a member by w = min(1, (v / median basket)^power), power being that of the effect reward_worth:
one as good as a basket draws whole, as those of the studies did. Tables hold v^power, a member median^-power
(`sim.rules.response.draws` is their product); where the effect is off, power is 0 and everything draws whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.behaviour import Behaviour
from sim.incentive import Give
from sim.programme import Reward
from sim.typing import Array

WHOLE = 1e300
"""Worth of what draws whole whoever gets it."""


def value_of_point(rewards: Sequence[Reward]) -> float:
    """Currency units that a point buys at best, by the rewards that state a value; 0 where none does."""
    return max((reward.value / reward.points for reward in rewards), default=0.0)


def value_of_reward(reward: Reward, of_point: float) -> float | None:
    """Worth to the member, currency units: as stated, else by its points as if they bought the best of the others; None where
    none has a value."""
    return reward.value or (reward.points * of_point or None)


def worth_counts(behaviour: Behaviour) -> bool:
    """Whether what rewards are worth to members moves them."""
    felt = ("goal_gradient", "endowed_progress", "reward_afterglow")
    return behaviour.is_on("reward_worth") and any(behaviour.is_on(name) for name in felt)


def powered(value: float | None, power: float) -> float:
    """v^power for a value in currency units."""
    if power == 0.0:
        return 1.0
    return WHOLE if value is None else (value * 100.0) ** power


def rewards_worth(found: Array, ranked: Sequence[Reward], power: float) -> None:
    """Fill the columns `worth` and `step` of rewards, which are in the order of their points. step: of what a reward is worth
    above the best that costs less, so that many steps draw no more than a few."""
    of_point = value_of_point(ranked)

    def best(points: int) -> float:
        return max((value_of_reward(x, of_point) or 0.0 for x in ranked if x.points <= points), default=0.0)

    for row, reward in zip(found, ranked, strict=True):
        value = value_of_reward(reward, of_point)
        row["worth"] = powered(value, power)
        step = None if value is None else best(reward.points) - best(reward.points - 1)
        row["step"] = powered(step, power)


def gift_worth(give: Give, rewards: Sequence[Reward], power: float) -> tuple[float, float]:
    """v^power of what an incentive gives at once, without its coupon and with it; a tier draws whole, as on the way to a tier."""
    if give.tier is not None:
        return powered(None, power), powered(None, power)
    bare = give.points * value_of_point(rewards) + (give.gift.value if give.gift else 0.0)
    return powered(bare, power), powered(bare + (give.coupon.value if give.coupon else 0.0), power)
