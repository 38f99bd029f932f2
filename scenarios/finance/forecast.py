"""What the benefits of a programme will cost, month by month and line by line, and how wrong that can be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from scenarios.finance.forecast_assembled import assembled
from scenarios.finance.forecast_document import Forecast
from scenarios.finance.forecast_run import Run, lines_of, run_of
from scenarios.replications import Progress, replications_of
from sim.errors import InputError
from sim.opening import Opening
from sim.outcome import Outcome, simulate
from sim.scenario import Scenario
from sim.typing import Floats


class Start(Protocol):
    """Where a forecast can start other than at day 0 of a programme; see scenarios.finance.snapshot."""

    @property
    def day(self) -> dt.date:
        """The first day of the forecast."""
        ...

    @property
    def size(self) -> int:
        """Members of the programme."""
        ...

    @property
    def label(self) -> str:
        """Where it comes from, for the provenance."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was done about what did not add up; sentences."""
        ...

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The members, for one replication of luck and parameters."""
        ...


@dataclass(frozen=True)
class At:
    """A start from the end of a simulated run (Outcome.state): the same members in every replication."""

    state: Opening
    label: str = "the end of a simulated run"
    notes: list[str] = field(default_factory=list)

    @property
    def day(self) -> dt.date:
        """The first day of the forecast."""
        return self.state.start

    @property
    def size(self) -> int:
        """Members of the programme."""
        return self.state.n

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The members; who they are is known here, so neither luck nor parameters change it."""
        return self.state


def forecast(
    scenario: Scenario, *, snapshot: Start | Opening | None = None, months: int = 36, members: int | None = None,
    replications: int = 20, seed: int = 0, budget: float | Sequence[float] | None = None, threads: int | None = None,
    progress: Progress | None = None, seen: Callable[[Outcome], None] | None = None, beyond: int = 0,
) -> Forecast:  # fmt: skip
    """Forecast a programme's cost, sales, margin and points.

    snapshot: members to start from (scenarios.finance.snapshot, or Outcome.state of a run), None for new ones; months: length;
    members: simulated members of a start without snapshot (default: population.members; fixed costs and everything else are for
    that many); replications: joint draws of luck and parameters; as many again, at most 10, show luck alone; budget: currency
    units for the whole period (fixed cost in its months, the rest evenly) or one number a month, against benefit and fixed cost;
    threads: default all cores;
    progress: called as progress(done, total, label); seen: called with the outcome of each joint replication, in their order;
    beyond: further months that are simulated (up to 120 in all), in Forecast.longer, from which the books know how points end.

    The same seed gives the same members and luck for every scenario, so two forecasts differ replication by replication only by
    what their scenarios differ in. Raises InputError for months or replications out of range, members given with a snapshot, or a
    scenario that cannot go on from the snapshot.
    """
    start = At(snapshot) if isinstance(snapshot, Opening) else snapshot
    shown = placed(scenario, start, months)
    dated = placed(scenario, start, min(120, months + beyond))
    planned = replications_of(replications, seed)
    if start is not None and members is not None:
        raise InputError("members: the snapshot says how many there are; leave members out")
    runs: list[Run] = []
    luck: list[Floats] = []
    for done, replication in enumerate(planned, 1):
        luck_seed, draw = replication.seed, replication.draw
        opening = start.opening(dated, seed=luck_seed, draw=draw) if start else None
        o = simulate(
            dated, members=members, seed=luck_seed, draw=draw, threads=threads, opening=opening, cohorts=draw is not None,
        )  # fmt: skip
        if draw is None:
            luck.append(lines_of(o))
        else:
            runs.append(run_of(o, opening))
            if seen is not None:
                seen(o)
        if progress is not None:
            progress(done, len(planned), dated.name)
    made = partial(assembled, seed=seed, snapshot=start.label if start else None, notes=start.notes if start else [])
    cut = [run.first(months) for run in runs]
    found = made(shown, cut, [lines[:months] for lines in luck], budget=budget)
    return replace(found, longer=made(dated, runs, luck, budget=None)) if beyond else found


def placed(scenario: Scenario, start: Start | None, months: int) -> Scenario:
    """The scenario over `months` from where the forecast starts. Raises InputError for months out of range.

    With a start its members are the programme's, so that population.members, to which the fixed costs belong, is their number.
    """
    if not 1 <= months <= 120:
        raise InputError(f"months: found {months}, allowed is 1 to 120")
    update: dict[str, Any] = {"months": months}
    population = scenario.population
    if start is not None:
        update["start"] = start.day
        population = population.model_copy(update={"members": start.size})
    return scenario.model_copy(
        update={"horizon": scenario.horizon.model_copy(update=update), "population": population}
    )
