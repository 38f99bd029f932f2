"""What drives the answer: one uncertain number at a time, at its 10 % and its 90 % point, all else at its mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scipy import stats

from scenarios.replications import Progress
from sim.measures import BY_NAME
from sim.outcome import simulate
from sim.population import MEANING, Population
from sim.scenario import Scenario

Z = float(stats.norm.ppf(0.9))


@dataclass(frozen=True)
class Driver:
    """Net margin gained per member with one parameter at its 10 % point (`at_low`), its mean and its 90 % point (`at_high`).

    low, mean, high: the parameter's values there, in `unit`.
    """

    parameter: str
    unit: str
    low: float
    mean: float
    high: float
    at_low: float
    at_mean: float
    at_high: float
    source: str

    @property
    def swing(self) -> float:
        """How far the parameter moves the gain."""
        return abs(self.at_high - self.at_low)

    @property
    def break_even(self) -> list[float]:
        """Values of the parameter, between its 10 % and its 90 % point, at which the gain is 0: on straight lines between the
        three that were simulated. None, one or two."""
        values, gains = (self.low, self.mean, self.high), (self.at_low, self.at_mean, self.at_high)
        return [
            a + (b - a) * gain / (gain - then)
            for (a, b), (gain, then) in zip(pairwise(values), pairwise(gains), strict=True)
            if (gain < 0.0) != (then < 0.0)
        ]

    def as_dict(self) -> dict[str, Any]:
        """The driver as it stands in summary.json."""
        return {**self.__dict__, "break_even": self.break_even}


def drivers(scenario: Scenario, *, members: int, seed: int, progress: Progress | None = None) -> list[Driver]:
    """Drivers of a design's net margin gained, the strongest first; the same members and luck in every run, so that two runs
    differ by the parameter alone (of a calibrated posterior, by it and what the data tie to it). Effects that are off and
    numbers that are known are left out."""

    def gain(which: Scenario, score: dict[str, float] | None = None) -> float:
        outcome = simulate(which, members=members, seed=seed, score=score)
        return BY_NAME["incremental_net_margin"].compute(outcome)

    middle = gain(scenario)
    found: list[Driver] = []
    tasks = _effect_tasks(scenario)
    posterior = scenario.population.posterior
    names = posterior.parameters if posterior else []
    total = len(tasks) + len(names)
    for name, unit, source in tasks:
        low, mean, high = (scenario.behaviour.values(score={name: z})[name] for z in (-Z, 0.0, Z))
        if progress is not None:
            progress(len(found) + 1, total, f"what drives {scenario.name}")
        at_low, at_high = gain(scenario, {name: -Z}), gain(scenario, {name: Z})
        found.append(Driver(name, unit, low, mean, high, at_low, middle, at_high, source))
    for k, name in enumerate(names):
        if progress is not None:
            progress(len(found) + 1, total, f"what drives {scenario.name}")
        moved = [_moved(scenario, k, z) for z in (-Z, Z)]
        unit = next((words for words in MEANING.get(name, ()) if words), "as in population")
        low, mean, high = (_value(which.population, name) for which in (moved[0], scenario, moved[1]))
        at_low, at_high = (gain(which) for which in moved)
        found.append(
            Driver(f"population.{name}", unit, low, mean, high, at_low, middle, at_high, scenario.population.source)
        )
    return sorted(found, key=lambda d: -d.swing)


def _effect_tasks(scenario: Scenario) -> list[tuple[str, str, str]]:
    found = []
    for effect in scenario.behaviour.known():
        if not scenario.behaviour.is_on(effect.name):
            continue
        for p in effect.parameters:
            stated = scenario.behaviour.stated(effect.name, p.name)
            if stated.sd > 0:
                found.append((f"{effect.name}.{p.name}", p.unit, effect.source))
    return found


def _moved(scenario: Scenario, k: int, z: float) -> Scenario:
    """The posterior's parameter number `k` moved by `z` standard deviations of its log, the others to their means given that:
    parameters that the data tie to each other move together, as they do in the draws."""
    posterior = scenario.population.posterior
    if posterior is None:
        return scenario
    sd = math.sqrt(posterior.covariance[k][k])
    data: dict[str, Any] = scenario.population.model_dump()
    for name, covariance in zip(posterior.parameters, posterior.covariance[k], strict=True):
        *path, leaf = name.split(".")
        node = data
        for step in path:
            node = node[step]
        node[leaf] = node[leaf] * math.exp(z * covariance / sd)
    return scenario.model_copy(update={"population": Population.model_validate(data)})


def _value(population: Population, name: str) -> float:
    part: Any = population
    for step in name.split("."):
        part = getattr(part, step)
    return float(part)
