"""Several designs on the same members with the same luck: what differs, how sure, and what drives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import inf
from typing import Any

import pandas as pd

from scenarios.answer import COST, DECIDES, Leader, Verdict, above, answer, notes
from scenarios.digest import scenario_digest
from scenarios.drivers import Driver, drivers
from scenarios.figure import LEVEL, Figure, bounds_of, figure
from scenarios.needed_margin import NeededMargin, needed_margin
from scenarios.numerals import percent
from scenarios.replications import Progress, Replication, replications_of, run_seed
from scenarios.tree import found as in_words
from sim.errors import InputError
from sim.measures import describe, measure_run
from sim.months import monthly
from sim.outcome import simulate
from sim.programme import is_programme
from sim.scenario import Scenario

SHARED: Any = {"horizon": True, "population": True, "market": True, "economics": {"gross_margin"}}
"""what designs that are compared have in common"""
SAME = "designs are compared on the same members, in the same market and period, at the same gross margin"


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
    reruns: pd.DataFrame
    """the same of the first replications lived again: each with its luck, and the parameters at their means"""
    months: pd.DataFrame
    """scenario, replication, month, group, measure, value"""
    measures: dict[str, dict[str, Figure]]
    """scenario -> measure -> figure"""
    differences: dict[str, dict[str, Figure]]
    """scenario -> measure -> figure, against the baseline, replication by replication"""
    costs: dict[str, Figure]
    """design -> everything it costs, currency units a member"""
    best_share: dict[str, float]
    """share of the replications in which a design has the highest net margin gained; of equals, each has its part"""
    positive_share: dict[str, float]
    """share of the replications in which a design gains anything at all after its cost"""
    leader: str | None
    """the design that gains most, of those that surely gain where there are any; or loses least"""
    verdict: Verdict | None
    """whether to launch; None where no design gives anything, or there is nothing to choose between"""
    winner: str | None
    """the design to launch; None = none of them, or open"""
    equals: list[str]
    """designs to launch as well as the winner: what lies between them and it may be nothing"""
    needed_margins: dict[str, NeededMargin]
    """by design, where its gross margin is above 0"""
    drivers: list[Driver]
    """what moves the leader's gain most"""
    answer: str
    """the same in sentences"""
    notes: list[str]
    """what differs between the designs besides the programme, in sentences"""
    provenance: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        return {
            "answer": self.answer,
            "notes": self.notes,
            "verdict": self.verdict,
            "launch": self.winner,
            "launch_as_well": self.equals,
            "interval": f"{percent(LEVEL, 0)} of what one run could bring, luck and parameters together",
            "scenarios": {
                name: {"measures": {m: f.as_dict() for m, f in figures.items()}} for name, figures in self.measures.items()
            },
            "differences": {
                name: {m: f.as_dict() for m, f in figures.items()} for name, figures in self.differences.items()
            },
            "costs": {name: f.as_dict() for name, f in self.costs.items()},
            "best_share": self.best_share,
            "positive_share": self.positive_share,
            "needed_margins": {name: m.as_dict() for name, m in self.needed_margins.items()},
            "drivers": [d.as_dict() for d in self.drivers],
            "provenance": self.provenance,
        }


def compare(
    scenarios: Sequence[Scenario], *, baseline: str | None = None, members: int | None = None, replications: int = 20,
    seed: int = 0, threads: int | None = None, progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Run designs on the same members with the same luck.

    baseline: name of the scenario to compare with (default: the first without a programme, else the first); members: simulated
    members at the start (default: population.members of the first); replications: joint draws of luck and parameters, each the
    same for all designs; as many again (10 at most) with the parameters at their means show luck alone.

    Raises InputError for designs that cannot be compared: equal names, other horizon, currency or population.
    """
    chosen = list(scenarios)
    _comparable(chosen, baseline)
    reference = _baseline(chosen, baseline)
    n = members or chosen[0].population.members
    runs, reruns, months = _simulated(chosen, replications_of(replications, seed), n, threads, progress)
    table, lucky_table = _wide(runs), _wide(reruns)
    measures = {s.name: _figures(table[s.name], lucky_table.get(s.name)) for s in chosen}
    differences = {} if reference is None else _differences(chosen, reference, table, lucky_table)
    designs = [s for s in chosen if is_programme(s.programme)]
    best, positive = _odds(table, designs)
    costs = {s.name: figure(table[s.name][list(COST)].sum(axis=1).to_numpy(), None, "money/member", (0.0, inf)) for s in designs}
    needed = {s.name: needed_margin(table[s.name], s.economics.gross_margin) for s in designs}
    first = _first(designs, measures)
    found = drivers(first, members=min(n, 20_000), seed=run_seed(seed, 0), progress=progress) if first else []
    leader = None
    if first is not None:
        name = first.name
        other = (str(reference), differences[name]["margin_per_member"]) if name in differences and reference in best else None
        rest = [s.name for s in designs if s.name != name]
        apart = {r: figure((table[name][DECIDES] - table[r][DECIDES]).to_numpy(), None, "money/member") for r in rest}
        gains = {r: measures[r][DECIDES] for r in rest}
        leader = Leader(name, measures[name], costs[name], best[name], positive[name], other, gains, apart)
    verdict = leader.verdict if leader is not None and len(chosen) > 1 else None
    return Comparison(
        scenarios=chosen,
        baseline=reference,
        members=n,
        replications=replications,
        seed=seed,
        runs=runs,
        reruns=reruns,
        months=months,
        measures=measures,
        differences=differences,
        costs=costs,
        best_share=best,
        positive_share=positive,
        leader=None if leader is None else leader.name,
        verdict=verdict,
        winner=leader.name if leader and verdict == "launch" else None,
        equals=leader.equals if leader and verdict == "launch" else [],
        needed_margins={name: margin for name, margin in needed.items() if margin is not None},
        drivers=found,
        answer=answer(chosen, leader),
        notes=notes(designs),
        provenance=_provenance(chosen, n, replications, seed),
    )


def _simulated(
    scenarios: list[Scenario], planned: list[Replication], members: int, threads: int | None, progress: Progress | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The tables `runs`, `reruns` and `months` of Comparison."""
    whole, again, by_month = [], [], []
    tasks = [(replication, scenario) for replication in planned for scenario in scenarios]
    for done, (replication, scenario) in enumerate(tasks, 1):
        outcome = simulate(scenario, members=members, seed=replication.seed, draw=replication.draw, threads=threads)
        measured = _long(scenario.name, replication.number, measure_run(outcome))
        if replication.draw is None:
            again.append(measured)
        else:
            whole.append(measured)
            by_month.append(monthly(outcome).assign(scenario=scenario.name, replication=replication.number))
        if progress is not None:
            progress(done, len(tasks), scenario.name)
    runs = pd.concat(whole, ignore_index=True)
    reruns = pd.concat(again, ignore_index=True) if again else runs.iloc[:0]
    return runs, reruns, pd.concat(by_month, ignore_index=True)


def _comparable(scenarios: list[Scenario], baseline: str | None) -> None:
    if not scenarios:
        raise InputError("nothing to compare: name at least one scenario")
    first = scenarios[0]
    names = [s.name for s in scenarios]
    problems = [
        other.told(path, f"found {in_words(one)}, allowed is {in_words(two)}, as in {first.name}")
        for other in scenarios[1:]
        for path, one, two in _apart(other.model_dump(include=SHARED), first.model_dump(include=SHARED))
    ]
    problems += [SAME] if problems else []
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    problems += [f"two scenarios are called {name!r}: give each its own name" for name in twice]
    if baseline is not None and baseline not in names:
        problems.append(f"baseline: found {baseline!r}, allowed is one of {', '.join(names)}")
    if problems:
        raise InputError(*problems)


def _apart(one: Any, two: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(path, one, two) of each key in which two mappings differ."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in dict.fromkeys([*one, *two]):
            yield from _apart(one.get(key), two.get(key), (*path, str(key)))
    elif one != two:
        yield path, one, two


def _baseline(scenarios: list[Scenario], name: str | None) -> str | None:
    if name is not None:
        return name
    if len(scenarios) < 2:
        return None
    plain = [s.name for s in scenarios if not is_programme(s.programme)]
    return plain[0] if plain else scenarios[0].name


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
    """whole: figures of a design and no differences, so that they have bounds."""
    found = {}
    for m in map(str, table):
        unit = describe(m)[1]
        bounds = (bounds_of(m, unit),) if whole else ()
        found[m] = figure(table[m].to_numpy(), None if luck is None else luck[m].to_numpy(), unit, *bounds)
    return found


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
    top = gains.eq(gains.max(axis=1), axis=0)
    parts = top.div(top.sum(axis=1), axis=0)
    return (
        {s.name: float(parts[s.name].mean()) for s in designs},
        {s.name: float((gains[s.name] > 0).mean()) for s in designs},
    )


def _first(designs: list[Scenario], measures: dict[str, dict[str, Figure]]) -> Scenario | None:
    """The design to speak of: of those that surely gain, else of all, the one that gains most on average."""
    gains = {s.name: measures[s.name][DECIDES] for s in designs}
    return max(designs, key=lambda s: (above(gains[s.name]), gains[s.name].value), default=None)


def _provenance(scenarios: list[Scenario], members: int, replications: int, seed: int) -> dict[str, Any]:
    first = scenarios[0].horizon
    return {
        "version": version("loyalsim"),
        "seed": seed,
        "members": members,
        "replications": replications,
        "scenario_digests": {s.name: scenario_digest(s) for s in scenarios},
        "population_source": scenarios[0].population.source,
        "start": first.start.isoformat(),
        "end": first.end.isoformat(),
    }

