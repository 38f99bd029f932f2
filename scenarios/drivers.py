"""What drives the answer: one uncertain number at a time, at its 10 % and its 90 % point, all else at its mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy import stats

from sim.measures import BY_NAME
from sim.outcome import simulate
from sim.population import MEANING, Population
from sim.scenario import Scenario

Z = float(stats.norm.ppf(0.9))


@dataclass(frozen=True)
class Driver:
    """Net margin gained per member with one parameter at its 10 % point (`at_low`) and its 90 % point (`at_high`)."""

    parameter: str
    unit: str
    low: float
    high: float
    at_low: float
    at_high: float
    at_mean: float
    source: str

    @property
    def swing(self) -> float:
        """How far the parameter moves the gain."""
        return abs(self.at_high - self.at_low)


def drivers(
    scenario: Scenario, *, members: int, seed: int, progress: Callable[[int, int, str], None] | None = None
) -> list[Driver]:
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
        values = scenario.behaviour.values(score={name: -Z}), scenario.behaviour.values(score={name: Z})
        if progress is not None:
            progress(len(found) + 1, total, f"what drives {scenario.name}")
        at_low, at_high = gain(scenario, {name: -Z}), gain(scenario, {name: Z})
        found.append(Driver(name, unit, values[0][name], values[1][name], at_low, at_high, middle, source))
    for k, name in enumerate(names):
        if progress is not None:
            progress(len(found) + 1, total, f"what drives {scenario.name}")
        low, high = (_moved(scenario, k, z) for z in (-Z, Z))
        unit = next((words for words in MEANING.get(name, ()) if words), "as in population")
        found.append(
            Driver(
                f"population.{name}", unit, _value(low.population, name), _value(high.population, name), gain(low), gain(high),
                middle, scenario.population.source,
            )
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
