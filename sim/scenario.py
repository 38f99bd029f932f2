"""A scenario: everything that a run needs, in six parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import PrivateAttr

from sim.behaviour import Behaviour
from sim.limits import MOST_AMOUNT
from sim.part import Part
from sim.population import Population
from sim.programme import Programme
from sim.setting import Economics, Horizon, Market


@dataclass(frozen=True)
class _Written:
    """Where keys are written, by path, rows by name; a scenario is no other one for having been written elsewhere."""

    places: Mapping[tuple[str, ...], str] = field(default_factory=dict, compare=False)


class Scenario(Part):
    """One design to run."""

    name: str
    description: str = ""
    assumptions: list[str] = []
    """what is assumed that no source says, in words; printed in the reports"""
    population: Population
    programme: Programme = Programme()
    behaviour: Behaviour = Behaviour()
    market: Market = Market()
    economics: Economics = Economics()
    horizon: Horizon = Horizon()
    _written: _Written = PrivateAttr(default_factory=_Written)

    def written(self, places: Mapping[tuple[str, ...], str]) -> Scenario:
        """The scenario, knowing where its keys are written: file and line by path, rows by name."""
        self._written = _Written(places)
        return self

    def told(self, path: Sequence[str], said: str) -> str:
        """A sentence on the key at `path` (rows by name) for who mends it: the file and line of what is written nearest above
        it, where there are files, the scenario, and what is said."""
        above = [tuple(path[:k]) for k in range(len(path), 0, -1)]
        place = next((f"{self._written.places[key]}: " for key in above if key in self._written.places), "")
        return f"{place}scenario {self.name}: {'.'.join(path)}: {said}"

    def check(self) -> None:
        segments = [s.name for s in self.population.segments]
        categories = [c.name for c in self.market.categories]
        for incentive in self.programme.incentives:
            for name in incentive.only.segments:
                if name not in segments:
                    raise ValueError(
                        f"programme.incentives: {incentive.name} names the segment {name!r}, "
                        f"population has {', '.join(segments) or 'none'}"
                    )
            if incentive.only.category is not None and incentive.only.category not in categories:
                raise ValueError(
                    f"programme.incentives: {incentive.name} names the category {incentive.only.category!r}, "
                    f"market has {', '.join(categories) or 'none'}"
                )
            counted = incentive.give.points * self.economics.cost_per_point
            if incentive.budget and not (counted or incentive.give.coupon or incentive.give.gift):
                raise ValueError(
                    f"programme.incentives: {incentive.name} has a budget, which counts points at economics.cost_per_point: "
                    "found 0, allowed is more than 0"
                )
            if incentive.budget and counted > MOST_AMOUNT:
                raise ValueError(
                    f"programme.incentives: {incentive.name} gives points that take {counted:g} currency units from its budget "
                    f"(economics.cost_per_point), at most {MOST_AMOUNT:,} are possible"
                )
        for effect in self.behaviour.own_effects:
            effect.check_names([tier.name for tier in self.programme.tiers], segments)
