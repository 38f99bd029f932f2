"""How willing members are to redeem: some never do, the others do at a chance, each member judged by the own record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlog1py, xlogy

from scenarios.finance.snapshot_members import Snapshot
from sim.behaviour import Behaviour
from sim.opening import Opening
from sim.scenario import Scenario
from sim.typing import Floats, Ints

CLEARLY = 3.84
"""twice the gain in log-likelihood from which some members are taken never to redeem (1 in 20, chi-square)"""


@dataclass(frozen=True)
class Willingness:
    """A share of the members redeems, with the same chance each time the balance affords a reward; the others never do."""

    share: float
    chance: float
    trials: Ints
    """(members,) purchases at which the balance afforded a reward"""
    used: Ints
    """(members,) of those with a redemption"""

    def redeems(self) -> Floats:
        """(members,) probability that a member is one of those who redeem, given the own record."""
        still = self.share * (1 - self.chance) ** self.trials
        return np.asarray(np.where(self.used > 0, 1.0, still / (still + 1 - self.share) if self.share < 1 else 1.0))

    def put(self, behaviour: Behaviour) -> Behaviour:
        """The behaviour of the forecast: no effect but that who does not know the programme does not redeem."""
        redeeming = behaviour.redeeming.model_copy(update={"probability": self.chance})
        kind = type(behaviour.effects)
        effects: dict[str, dict[str, bool | float]] = {name: {"on": name == "awareness"} for name in kind.model_fields}
        effects["awareness"] |= {"share": self.share, "learns": 0.0}
        return behaviour.model_copy(
            update={
                "all_effects": self.share < 1, "redeeming": redeeming, "effects": kind.model_validate(effects), "own_effects": [],
            }
        )


def willingness(trials: Ints, used: Ints) -> Willingness:
    """Maximum likelihood of a binomial with extra zeros, by expectation and maximisation (Hall 2000); the plain binomial where
    the zeros are not clearly more than it has."""
    plain = float(used.sum() / max(1, trials.sum()))
    share, chance = 0.5, min(0.99, 2 * plain)
    for _ in range(500):
        still = share * (1 - chance) ** trials
        known = np.where(used > 0, 1.0, still / (still + 1 - share))
        before = share, chance
        told = trials > 0
        share = float(known[told].mean()) if told.any() else 1.0
        chance = float(used.sum() / max(1e-9, (known * trials).sum()))
        if max(abs(share - before[0]), abs(chance - before[1])) < 1e-9 or not 0 < chance < 1 or share >= 1:
            break
    gain = 2 * (_log_likelihood(trials, used, share, chance) - _log_likelihood(trials, used, 1.0, plain))
    if not gain > CLEARLY:
        share, chance = 1.0, plain
    return Willingness(share, chance, trials, used)


def _log_likelihood(trials: Ints, used: Ints, share: float, chance: float) -> float:
    """Without the binomial coefficients, which are the same for all."""
    some = xlogy(used, chance) + xlog1py(trials - used, -chance) + xlogy(1.0, share)
    with np.errstate(divide="ignore"):
        none = np.log(share * (1 - chance) ** trials + 1 - share)
    return float(np.where(used > 0, some, none).sum())


@dataclass(frozen=True)
class Recorded:
    """A snapshot of which it is known how members redeemed: where a forecast starts (scenarios.finance.forecast.Start)."""

    snapshot: Snapshot
    redeems: Floats
    """(members,) probability that a member redeems at all"""

    @property
    def day(self) -> dt.date:
        """The first day of the forecast."""
        return self.snapshot.day

    @property
    def size(self) -> int:
        """Members."""
        return self.snapshot.size

    @property
    def label(self) -> str:
        """Where it comes from."""
        return self.snapshot.label

    @property
    def notes(self) -> list[str]:
        """What was assumed."""
        return self.snapshot.notes

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The snapshot's members; who knows the programme is drawn by the own record."""
        found = self.snapshot.opening(scenario, seed=seed, draw=draw)
        members = found.members.copy()
        rng = np.random.Generator(np.random.Philox([seed, 13]))
        members["aware"] = rng.random(len(members)) < self.redeems
        return replace(found, members=members)
