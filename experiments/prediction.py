"""What the simulation says a live experiment will show, frozen before it starts."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from experiments.discrepancy import expected_interval, spread
from experiments.documents import ParameterDraws, Prediction, Readout
from experiments.estimands import estimand
from experiments.plan_file import Plan
from experiments.posterior_scenario import POPULATION
from experiments.readout import read
from experiments.record_assessment import correct
from experiments.records import Estimate, Fact
from experiments.simulated_trial import Design, design, trial
from experiments.track_record import TrackRecord
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Floats

DRAWS = 400
"""simulated experiments of a prediction, unless told otherwise"""
LEAST = 20


def predict(
    plan: Plan,
    scenarios: Mapping[str, Scenario],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    members: int | None = None,
    now: dt.datetime | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    record: TrackRecord | None = None,
) -> Prediction:
    """Simulate the experiment `draws` times at its live size and freeze what its read-out would say.

    scenarios: arm -> scenario; members: in all arms together, default the plan's sizing; now: moment of
    freezing, default the present. Each simulated experiment has its own parameters (draw number) and its own
    luck (from `seed`), and is analysed by the read-out's own estimators; the luck that a row holds is the
    root mean square of its standard errors. A prediction frozen after the first day of the window is marked.
    record: what earlier predictions were worth; the forecasts corrected by it are frozen beside the draws.
    Raises InputError where the plan does not fit the simulation, see `simulated_trial.design`.
    """
    if draws < LEAST:
        raise InputError(f"{draws} simulated experiments are too few; at least {LEAST} are needed")
    of = design(plan, scenarios, members)
    frozen = now or dt.datetime.now(dt.UTC)
    found: list[Readout] = []
    for number in range(draws):
        luck = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        found.append(_read(of, trial(of, luck, number, threads), number))
        progress(number + 1)
    keys = _common(found)
    effects = np.array([[rows[key].effect for key in keys] for rows in map(_by_key, found)])
    errors = np.array([[rows[key].se for key in keys] for rows in map(_by_key, found)])
    first = _by_key(found[0])
    noise = [float(value) for value in np.sqrt((errors**2).mean(axis=0))]
    rows = [_row(first[key], effects[:, k], noise[k], plan.alpha) for k, key in enumerate(keys)]
    metrics = dict.fromkeys(key[0] for key in keys)
    return Prediction(
        experiment=plan.experiment,
        frozen_at=frozen,
        made_after_start=frozen.date() > plan.start,
        scenarios={arm: scenarios[arm].name for arm in plan.arms},
        control=plan.control,
        seed=seed,
        software=importlib.metadata.version("loyalsim"),
        n=of.members,
        estimands=[estimand(plan, plan.metric(name)) for name in metrics],
        rows=rows,
        draws=effects.tolist(),
        includes_live_noise=True,
        luck_sd=noise,
        parameter_draws=parameter_draws(scenarios[plan.control], draws),
        provenance=_provenance(plan, of, found, scenarios) | _corrections(record, rows, frozen),
    ).sealed()


def foreseen(
    effects: Floats, luck_sd: float | None, alpha: float = 0.05, noise_included: bool = True
) -> tuple[float, float]:
    """Where the live effect will fall with probability 1 - alpha if the simulation is right.

    effects: (M,), simulated; luck_sd: the sampling noise in them, where it is known. `discrepancy.expected_interval`,
    with the simulated noise for the live one.
    """
    sd = float(effects.std(ddof=1))
    both = spread(luck_sd or 0.0, sd, len(effects), noise_included=noise_included, luck_sd=luck_sd)
    return expected_interval(float(effects.mean()), both, alpha)


def parameter_draws(scenario: Scenario, draws: int) -> ParameterDraws | None:
    """The uncertain parameters of draws 0 .. draws - 1, named by their place in a scenario; none = none."""
    columns: dict[str, Floats] = {}
    values = [scenario.behaviour.values(number) for number in range(draws)]
    for name in values[0]:
        column = np.array([drawn[name] for drawn in values])
        if np.ptp(column) > 0:
            columns[scenario.behaviour.place(name)] = column
    posterior = scenario.population.posterior
    if posterior is not None and posterior.parameters:
        # the engine's own rule for draw number -> population, see sim.tabulating.compile_tables
        drawn = [
            scenario.population.drawn(np.random.Generator(np.random.Philox([number, 7])))
            for number in range(draws)
        ]
        for name in posterior.parameters:
            columns[POPULATION + name] = np.array([_dotted(population, name) for population in drawn])
    if not columns:
        return None
    return ParameterDraws(names=list(columns), values=np.column_stack([*columns.values()]).tolist())


def _read(of: Design, table: pd.DataFrame, number: int) -> Readout:
    try:
        return read(table, of.plan)
    except InputError as error:
        problems = (problem.removeprefix("data frame: ") for problem in error.problems)
        raise InputError(*(f"simulated experiment {number + 1}, of {len(table)} members: {one}" for one in problems)) from None


def _by_key(readout: Readout) -> dict[Any, Estimate]:
    return {row.key: row for row in readout.rows}


def _common(found: list[Readout]) -> list[Any]:
    """Keys of the rows that every simulated experiment has, in the order of the first."""
    keys = [row.key for row in found[0].rows]
    for readout in found[1:]:
        there = {row.key for row in readout.rows}
        keys = [key for key in keys if key in there]
    scales = {(row.metric, row.scale) for readout in found for row in readout.rows}
    for metric in dict.fromkeys(key[0] for key in keys):
        if {(metric, "absolute"), (metric, "relative")} <= scales:
            raise InputError(
                f"metric {metric}: in some simulated experiments the level of the control is too near 0 for "
                "a relative effect; plan it on the absolute scale"
            )
    if not any(key[3] is None and key[4] is None for key in keys):
        raise InputError("no effect could be estimated in every simulated experiment; test more members")
    return keys


def _row(first: Estimate, effects: Floats, luck_sd: float, alpha: float) -> Estimate:
    low, high = foreseen(effects, luck_sd, alpha)
    return Estimate(
        metric=first.metric,
        arm=first.arm,
        control=first.control,
        segment=first.segment,
        week=first.week,
        effect=float(effects.mean()),
        se=float(effects.std(ddof=1)),
        n=first.n,
        scale=first.scale,
        unit=first.unit,
        low=low,
        high=high,
    )


def _provenance(
    plan: Plan, of: Design, found: list[Readout], scenarios: Mapping[str, Scenario]
) -> dict[str, Fact]:
    """What the check needs of the plan, frozen with the prediction, and how the simulation differs."""
    facts: dict[str, Fact] = {
        "plan_digest": plan.digest,
        "base": plan.base,
        "primary": plan.primary.name,
        "alpha": plan.alpha,
        "days_arms_differ_before_window": of.first_day if differ_early(plan, scenarios) else 0,
    }
    for metric in plan.metrics:
        if metric.simulation_margin is not None:
            facts[f"margin.{metric.name}"] = metric.simulation_margin
        if metric.role == "guardrail":
            facts[f"guardrail.{metric.name}"] = metric.noninferiority_margin
        if metric.better == "lower":
            facts[f"better.{metric.name}"] = "lower"
    facts |= _outcomes(plan, found)
    if of.eligibility:
        facts["eligible"] = " and ".join(condition.words for condition in of.eligibility)
        facts["eligible_share"] = of.eligible
    if of.dropped:
        facts["not simulated"] = "; ".join(of.dropped)
    return facts


def _outcomes(plan: Plan, found: list[Readout]) -> dict[str, Fact]:
    """Share of the simulated experiments whose read-out says better or worse, or held, and that led to each decision.

    `power.<metric>.<arm>` and `decision.<arm>.<verdict>`, by the rules of the plan at its last look.
    """
    facts: dict[str, Fact] = {}
    for row in (row for row in found[0].rows if row.overall):
        wanted = ("held",) if plan.metric(row.metric).role == "guardrail" else ("better", "worse")
        lines = (one for readout in found for one in readout.decisions if (one.metric, one.arm) == (row.metric, row.arm))
        facts[f"power.{row.metric}.{row.arm}"] = sum(one.verdict in wanted for one in lines) / len(found)
    verdicts = Counter((one.arm, one.verdict) for readout in found for one in readout.decisions if one.metric is None)
    for (arm, verdict), count in verdicts.most_common():
        facts[f"decision.{arm}.{verdict}"] = count / len(found)
    return facts


def _corrections(record: TrackRecord | None, rows: list[Estimate], frozen: dt.datetime) -> dict[str, Fact]:
    """`corrected.mean`, `.scale`, `.df`, `.experiments` of each overall row that the record speaks about."""
    facts: dict[str, Fact] = {}
    for row in rows:
        if record is None or not row.overall:
            continue
        found = correct(record, (row.metric, row.scale), frozen, row.effect, row.se)
        if found is not None:
            which = f"{row.metric}.{row.arm}"
            facts[f"corrected.mean.{which}"] = found.mean
            facts[f"corrected.scale.{which}"] = found.scale
            facts[f"corrected.df.{which}"] = found.df
            facts[f"corrected.experiments.{which}"] = found.experiments
    return facts


def differ_early(plan: Plan, scenarios: Mapping[str, Scenario]) -> bool:
    """Whether the arms differ by more than incentives that begin with the window."""
    return len({_undated(scenario, plan.start) for scenario in scenarios.values()}) > 1


def _undated(scenario: Scenario, start: dt.date) -> str:
    """What holds before the window."""
    programme = scenario.programme
    eve = start - dt.timedelta(days=1)
    early = [
        incentive.model_copy(update={"name": "", "valid_until": min(incentive.valid_until or eve, eve)})
        for incentive in programme.incentives
        if incentive.valid_from is None or incentive.valid_from < start
    ]
    same = {"name": "", "description": ""}
    plain = programme.model_copy(update={**same, "incentives": sorted(early, key=lambda one: one.model_dump_json())})
    return scenario.model_copy(update={**same, "assumptions": [], "programme": plain}).model_dump_json()


def _dotted(part: Any, name: str) -> float:
    for step in name.split("."):
        part = getattr(part, step)
    return float(part)
