"""Several designs on the same members with the same luck: what differs, how sure, and what drives it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scenarios.drivers import Driver, drivers
from sim.errors import InputError
from sim.measures import BY_NAME, describe, is_programme, measure_run, monthly
from sim.outcome import simulate
from sim.scenario import Scenario
from sim.typing import Floats

LEVEL = 0.90
"""Intervals of a comparison cover so much of what one run of the real world could bring."""
DECIDES = "incremental_net_margin"
"""The measure by which designs are ranked."""
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Figure:
    """A figure with its 90 % interval; None where one replication shows no spread."""

    value: float
    low: float | None
    high: float | None
    unit: str
    luck_sd: float | None
    """spread from luck alone, every parameter at its mean"""
    parameter_sd: float | None
    """further spread from not knowing the parameters"""

    def as_dict(self) -> dict[str, Any]:
        """For summary.json; a figure that is not defined (0 / 0) is null."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in self.__dict__.items()}


@dataclass(frozen=True)
class Comparison:
    """What `compare` found."""

    scenarios: list[Scenario]
    baseline: str | None
    members: int
    replications: int
    seed: int
    runs: pd.DataFrame
    """scenario, replication, measure, value of whole runs; replication = parameter draw and luck together"""
    months: pd.DataFrame
    """scenario, replication, month, group, measure, value"""
    measures: dict[str, dict[str, Figure]]
    """scenario -> measure -> figure"""
    differences: dict[str, dict[str, Figure]]
    """scenario -> measure -> figure, against the baseline, replication by replication"""
    best_share: dict[str, float]
    """share of the replications in which a design has the highest net margin gained"""
    positive_share: dict[str, float]
    """share of the replications in which a design gains anything at all after its cost"""
    winner: str | None
    """the design to launch; None = none of them"""
    drivers: list[Driver]
    """what moves the winner's (or else the best loser's) gain most"""
    answer: str
    notes: list[str]
    """what differs between the designs besides the programme, in sentences"""
    provenance: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        return {
            "answer": self.answer,
            "notes": self.notes,
            "launch": self.winner,
            "interval": f"{LEVEL:.0%} of what one run could bring, luck and parameters together",
            "scenarios": {
                name: {"measures": {m: f.as_dict() for m, f in figures.items()}} for name, figures in self.measures.items()
            },
            "differences": {
                name: {m: f.as_dict() for m, f in figures.items()} for name, figures in self.differences.items()
            },
            "best_share": self.best_share,
            "positive_share": self.positive_share,
            "drivers": [d.__dict__ for d in self.drivers],
            "provenance": self.provenance,
        }


def compare(
    scenarios: Sequence[Scenario], *, baseline: str | None = None, members: int | None = None, replications: int = 20,
    seed: int = 0, threads: int | None = None, progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Run designs on the same members with the same luck.

    baseline: name of the scenario to compare with (default: the first without a programme, else the first); members: simulated
    members at the start (default: population.members of the first); replications: joint draws of luck and parameters, each the
    same for all designs; as many again (at most 10) with the parameters at their means show luck alone.

    Raises InputError for designs that cannot be compared: equal names, other horizon, currency or population.
    """
    chosen = list(scenarios)
    _comparable(chosen, baseline, replications)
    reference = _baseline(chosen, baseline)
    n = members or chosen[0].population.members
    lucky = min(replications, 10) if replications > 1 else 0
    steps = _Steps(progress, len(chosen) * (replications + lucky))
    whole, month_by_month, luck = [], [], []
    for replication in range(replications):
        for scenario in chosen:
            outcome = simulate(
                scenario, members=n, seed=run_seed(seed, replication), draw=run_seed(seed, replication), threads=threads
            )
            whole.append(_long(scenario.name, replication, measure_run(outcome)))
            month_by_month.append(monthly(outcome).assign(scenario=scenario.name, replication=replication))
            steps.done(scenario.name)
    for replication in range(lucky):
        for scenario in chosen:
            outcome = simulate(scenario, members=n, seed=run_seed(seed, replication), threads=threads)
            luck.append(_long(scenario.name, replication, measure_run(outcome)))
            steps.done(scenario.name)
    runs = pd.concat(whole, ignore_index=True)
    lucks = pd.concat(luck, ignore_index=True) if luck else runs.iloc[:0]
    table, lucky_table = _wide(runs), _wide(lucks)
    measures = {s.name: _figures(table[s.name], lucky_table.get(s.name)) for s in chosen}
    differences = {} if reference is None else _differences(chosen, reference, table, lucky_table)
    designs = [s for s in chosen if is_programme(s.programme)]
    best, positive = _odds(table, designs)
    leader = max(designs, key=lambda s: measures[s.name][DECIDES].value) if designs else None
    winner = leader.name if leader and measures[leader.name][DECIDES].value > 0 and len(chosen) > 1 else None
    found = drivers(leader, members=min(n, 20_000), seed=run_seed(seed, 0), progress=progress) if leader else []
    return Comparison(
        scenarios=chosen,
        baseline=reference,
        members=n,
        replications=replications,
        seed=seed,
        runs=runs,
        months=pd.concat(month_by_month, ignore_index=True),
        measures=measures,
        differences=differences,
        best_share=best,
        positive_share=positive,
        winner=winner,
        drivers=found,
        answer=_answer(chosen, leader, winner, measures, best, positive),
        notes=_notes(designs),
        provenance=_provenance(chosen, n, replications, seed),
    )


@dataclass
class _Steps:
    progress: Progress | None
    total: int
    finished: int = 0

    def done(self, label: str) -> None:
        self.finished += 1
        if self.progress is not None:
            self.progress(self.finished, self.total, label)


def _comparable(scenarios: list[Scenario], baseline: str | None, replications: int) -> None:
    if not scenarios:
        raise InputError("nothing to compare: name at least one scenario")
    if replications < 1:
        raise InputError(f"replications: found {replications}, allowed is a whole number from 1 on")
    first = scenarios[0]
    names = [s.name for s in scenarios]
    problems = [f"two scenarios are called {name!r}: give each its own name" for name in {n for n in names if names.count(n) > 1}]
    for other in scenarios[1:]:
        for part, what in (("horizon", "horizon"), ("population", "population"), ("market", "market")):
            if getattr(other, part) != getattr(first, part):
                problems.append(
                    f"{other.name} and {first.name} have a different {what}: designs are compared on the same members, market "
                    f"and period"
                )
        if other.economics.gross_margin != first.economics.gross_margin:
            problems.append(f"{other.name} and {first.name} have a different economics.gross_margin, which is the market's")
    if baseline is not None and baseline not in names:
        problems.append(f"baseline: found {baseline!r}, allowed is one of {', '.join(names)}")
    if problems:
        raise InputError(*problems)


def _baseline(scenarios: list[Scenario], name: str | None) -> str | None:
    if name is not None:
        return name
    if len(scenarios) < 2:
        return None
    plain = [s.name for s in scenarios if not is_programme(s.programme)]
    return plain[0] if plain else scenarios[0].name


def run_seed(seed: int, replication: int) -> int:
    """Run seeds of 32 bits, far apart for every seed and replication."""
    digest = hashlib.sha256(f"{seed}/{replication}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


def _long(scenario: str, replication: int, found: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"scenario": scenario, "replication": replication, "measure": list(found), "value": list(found.values())}
    )


def _wide(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scenario -> table of replications by measures, measures in their own order."""
    return {
        str(name): rows.pivot(index="replication", columns="measure", values="value")[rows["measure"].unique()]
        for name, rows in runs.groupby("scenario", sort=False)
    }


def _figures(table: pd.DataFrame, luck: pd.DataFrame | None, *, whole: bool = True) -> dict[str, Figure]:
    """whole: figures of a design and no differences, so that a share lies between 0 and 1."""
    found = {}
    for m in table:
        made = figure(table[m].to_numpy(), None if luck is None else luck[m].to_numpy(), describe(str(m))[1])
        if whole and made.unit == "share" and made.low is not None and made.high is not None and np.isfinite(made.value):
            made = replace(made, low=max(0.0, made.low), high=min(1.0, made.high))
        found[str(m)] = made
    return found


def figure(values: Floats, luck: Floats | None, unit: str) -> Figure:
    """Mean and 90 % interval for one further run: of 20 or more replications the quantiles at i / (n + 1) (Weibull 1939), which
    cover what they say for any distribution; of fewer, a Student t prediction interval. Replications in which the figure is
    not defined (0 / 0) are left out."""
    if luck is not None:
        luck = luck[np.isfinite(luck)]
    values = values[np.isfinite(values)] if np.isfinite(values).any() else values
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Figure(mean, None, None, unit, None, None)
    sd = float(np.std(values, ddof=1))
    tail = (1 - LEVEL) / 2
    if n >= 20:
        low, high = (float(x) for x in np.quantile(values, [tail, 1 - tail], method="weibull"))
    else:
        half = float(stats.t.ppf(1 - tail, n - 1)) * sd * float(np.sqrt(1 + 1 / n))
        low, high = mean - half, mean + half
    luck_sd = float(np.std(luck, ddof=1)) if luck is not None and len(luck) > 1 else None
    parameter_sd = None if luck_sd is None else float(np.sqrt(max(0.0, sd**2 - luck_sd**2)))
    return Figure(mean, low, high, unit, luck_sd, parameter_sd)


def _differences(
    scenarios: list[Scenario], reference: str, table: dict[str, pd.DataFrame], luck: dict[str, pd.DataFrame]
) -> dict[str, dict[str, Figure]]:
    found = {}
    for s in scenarios:
        if s.name == reference:
            continue
        shared = [m for m in table[s.name] if m in table[reference]]
        mine = table[s.name][shared] - table[reference][shared]
        lucky = luck[s.name][shared] - luck[reference][shared] if s.name in luck else None
        found[s.name] = _figures(mine, lucky, whole=False)
    return found


def _odds(table: dict[str, pd.DataFrame], designs: list[Scenario]) -> tuple[dict[str, float], dict[str, float]]:
    if not designs:
        return {}, {}
    gains = pd.DataFrame({s.name: table[s.name][DECIDES] for s in designs})
    top = gains.idxmax(axis=1)
    return (
        {s.name: float((top == s.name).mean()) for s in designs},
        {s.name: float((gains[s.name] > 0).mean()) for s in designs},
    )


def _answer(
    scenarios: list[Scenario], leader: Scenario | None, winner: str | None, measures: dict[str, dict[str, Figure]],
    best: dict[str, float], positive: dict[str, float],
) -> str:  # fmt: skip
    first = scenarios[0]
    currency, months = first.market.currency, first.horizon.months
    if leader is None:
        return f"No design gives anything, so there is nothing to gain or to lose over {months} months."
    gain = measures[leader.name][DECIDES]
    span = "" if gain.low is None else f" (90 % interval {_money(gain.low, gain)} to {_money(gain.high, gain)})"
    cost = sum(measures[leader.name][line].value for line in ("benefit_cost", "fixed_cost", "provision"))
    if cost == 0 and gain.value == 0:
        return f"{leader.name}: costs nothing and changes nothing over {months} months."
    roi = measures[leader.name]["roi"].value
    money = f"{_money(gain.value, gain, '+')} {currency} a member{span} over {months} months"
    money += f", after a cost of {_money(cost, gain)}"
    if np.isfinite(roi):
        money += f"; ROI {roi:+.0%}".replace("-", "\N{MINUS SIGN}")
    sure = ""
    if gain.low is not None:
        sure = f"; better than no programme in {positive[leader.name]:.0%} of the replications"
        if len([s for s in scenarios if is_programme(s.programme)]) > 1:
            sure += f", the best of the designs in {best[leader.name]:.0%}"
    if len(scenarios) == 1:
        return f"{leader.name}: {money}{sure}."
    if winner is None:
        return f"Launch none of these designs: the best of them, {leader.name}, brings {money}{sure}."
    doubt = "Launch" if positive[winner] >= 0.8 else "On balance launch"
    return f"{doubt} {winner}: {money}{sure}."


def _notes(designs: list[Scenario]) -> list[str]:
    """What a reader must know of the designs: a fee whose effect on joining is open; members who are assumed to react
    differently, so that a part of a difference is that assumption."""
    found = [
        f"{s.name} has a membership fee; who would not join, or would leave, because of it is not modelled"
        for s in designs
        if s.programme.fee is not None
    ]
    for other in designs[1:]:
        first = designs[0]
        pairs = [("redeeming.probability", first.behaviour.redeeming.probability, other.behaviour.redeeming.probability)]
        mine, theirs = first.behaviour.values(), other.behaviour.values()
        pairs += [(name, mine[name], theirs[name]) for name in mine]
        for name, one, two in pairs:
            if one != two:
                found.append(
                    f"{other.name} and {first.name} differ in behaviour, not only in the programme: {name} is {two:g} against "
                    f"{one:g}; part of what lies between them is this assumption"
                )
    return found


def _money(value: float | None, scale: Figure, sign: str = "") -> str:
    """An amount in the digits that the interval of `scale` supports."""
    if value is None:
        return ""
    width = (scale.high or 0.0) - (scale.low or 0.0) if scale.low is not None else abs(scale.value)
    digits = 2 if width < 1 else 1 if width < 20 else 0
    return f"{value:{sign},.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _provenance(scenarios: list[Scenario], members: int, replications: int, seed: int) -> dict[str, Any]:
    first = scenarios[0].horizon
    digests = {
        s.name: hashlib.sha256(json.dumps(s.model_dump(mode="json"), sort_keys=True).encode()).hexdigest() for s in scenarios
    }
    return {
        "version": version("loyalsim"),
        "seed": seed,
        "members": members,
        "replications": replications,
        "scenario_digests": digests,
        "population_source": scenarios[0].population.source,
        "start": first.start.isoformat(),
        "end": (pd.Timestamp(first.start) + pd.DateOffset(months=first.months)).date().isoformat(),
    }


__all__ = ["BY_NAME", "Comparison", "Figure", "compare", "figure"]
