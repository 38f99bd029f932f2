"""The scenario behind each arm of a plan: changes to a base scenario, or a scenario of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from experiments.plan_file import Plan
from scenarios.changes import load_changed
from scenarios.composing import find
from scenarios.files import load
from sim.errors import InputError
from sim.incentive import Incentive
from sim.scenario import Scenario
from sim.setting import Horizon, month_start

BEFORE = " (before the test)"
"""what the name of an incentive ends in that an arm has only until the window"""


def arm_scenarios(plan: Plan, folder: Path | str = ".") -> dict[str, Scenario]:
    """Arm -> scenario, in the order of the plan.

    folder: where the plan's file lies; paths of scenarios are seen from there. The changes of an arm work as
    a scenario file that extends the base: mappings are merged, rows with a name too, everything else
    replaces; a key may be dotted (`programme.earning`).
    Raises InputError for an arm whose changes make no valid scenario, naming arm, key and what is allowed.
    """
    problems: list[str] = []
    out: dict[str, Scenario] = {}
    for name, arm in plan.arms.items():
        spec = arm.scenario or plan.base
        if spec is None:
            raise InputError("the plan names no base scenario; give base, or a scenario for every arm")
        target = find(spec, Path(folder))
        if isinstance(target, str):
            problems.append(f"arm {name}: {target}")
            continue
        try:
            base = load(target)
        except InputError as error:
            problems += error.problems
            continue
        try:
            said = f"arm {name}"
            out[name] = load_changed(target, arm.changes, name=f"{base.name}, {name}", said=said) if arm.changes else base
        except InputError as error:
            problems += [f"arm {name}: {problem.removeprefix(f'arm {name}: ')}" for problem in error.problems]
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return out if plan.warm_up is None else warmed_up(plan, out)


def warmed_up(plan: Plan, scenarios: Mapping[str, Scenario]) -> dict[str, Scenario]:
    """The scenarios over `warm_up` months before the plan's window and the window; incentives differ from its start on.

    An incentive that the control lacks becomes valid with the window; one of the control that the arm lacks is
    valid until the day before. Other differences (tiers, earning, rewards) have no dates and hold from the first month.
    """
    assert plan.warm_up is not None
    window = 12 * (plan.end.year - plan.start.year) + plan.end.month - plan.start.month + 1
    horizon = Horizon(start=month_start(plan.start, -plan.warm_up), months=plan.warm_up + window)
    usual = scenarios[plan.control].programme.incentives
    out = {}
    for name, scenario in scenarios.items():
        own = scenario.programme.incentives
        incentives = [one if one in usual else _from(one, plan.start) for one in own]
        incentives += [_until(one, plan.start) for one in usual if one not in own and _begins(one) < plan.start]
        programme = scenario.programme.model_copy(update={"incentives": incentives})
        out[name] = scenario.model_copy(update={"programme": programme, "horizon": horizon})
    return out


def _begins(incentive: Incentive) -> dt.date:
    return incentive.valid_from or dt.date.min


def _from(incentive: Incentive, start: dt.date) -> Incentive:
    return incentive.model_copy(update={"valid_from": max(_begins(incentive), start)})


def _until(incentive: Incentive, start: dt.date) -> Incentive:
    last = min(incentive.valid_until or dt.date.max, start - dt.timedelta(days=1))
    return incentive.model_copy(update={"name": f"{incentive.name}{BEFORE}", "valid_until": last})
