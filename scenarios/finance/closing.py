"""What if: the programme closed, its terms changed, or one of several scenarios true; paired where pairs exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from scenarios.finance.forecast_document import LINES, POINT_LEVELS, POINT_LINES, SPREAD, Forecast, spread_of, tidy
from scenarios.numerals import listed
from sim.behaviour import Behaviour
from sim.effects import EFFECTS
from sim.errors import InputError
from sim.incentive import Incentive
from sim.scenario import Scenario
from sim.typing import Floats

ENDED = ("tier_status", "goal_gradient", "endowed_progress", "points_pressure")
"""Effects of the registry that end with the programme: a tier, a reward to earn and a deadline draw nobody any more. All others
fade as what they rest on does: open coupons, points about to lapse, what was received, sent or taken away of late."""


def closed(scenario: Scenario) -> Scenario:
    """The scenario with its programme closed on the first day: no new points, members, fees, tier benefits, campaigns or
    running cost; points already held can be redeemed until they lapse, and coupons already issued used until they do. Nobody
    loses a tier or buys one; the effects of ENDED end, and a user's own unless they say `after_closing`.

    Forecast it from a snapshot for the run-off of what is owed.
    """
    programme = scenario.programme
    plain = {"price": 1.0, "earning": 0.0, "free_delivery": False, "care_cost_per_month": 0.0, "care_value_per_month": 0.0}
    update: dict[str, object] = {
        "name": f"{programme.name}, closed",
        "tiers": [tier.model_copy(update=plain) for tier in programme.tiers],
        "qualification": programme.qualification.model_copy(update={"downgrade": "never"}),
        "rewards": [reward for reward in programme.rewards if reward.kind != "tier_upgrade"],
        "catalogue_refresh_cost": 0.0,
        "fee": None,
        "incentives": [_ended(row, scenario.horizon.start) for row in programme.incentives],
    }
    if programme.earning is not None:
        update["earning"] = programme.earning.model_copy(update={"points_per_unit": 0.0})
    return scenario.model_copy(
        update={
            "name": f"{scenario.name}, closed",
            "programme": programme.model_copy(update=update),
            "behaviour": _after(scenario.behaviour),
            "population": scenario.population.model_copy(update={"new_members_per_month": 0.0}),
            "economics": scenario.economics.model_copy(update={"running_cost_per_month": 0.0, "set_up_cost": 0.0}),
        }
    )


def what_goes_on(scenario: Scenario) -> list[str]:
    """What members still feel once the programme of `scenario` has closed, and what not; sentences."""
    behaviour = scenario.behaviour
    acting = behaviour.acting().values()
    gone = [*(name for name in ENDED if behaviour.is_on(name)), *(effect.name for effect in acting if not effect.after_closing)]
    lasting = [effect.name for effect in acting if effect.after_closing]
    found = []
    if gone:
        found.append(f"The effect{'s' * (len(gone) > 1)} {listed(gone)} end{'s' * (len(gone) == 1)} with the programme.")
    if lasting:
        found.append(f"By what the scenario says (after_closing), {listed(lasting)} go{'es' * (len(lasting) == 1)} on.")
    if any(behaviour.is_on(effect.name) for effect in EFFECTS):
        found.append(
            "What members hold and have felt goes on, and fades: open coupons draw them, points about to lapse are used, and "
            "rewards, benefits, messages and downgrades of late are not forgotten at once."
        )
    return found


def run_off_months(scenario: Scenario, start: dt.date) -> int | None:
    """Months from `start`, the day after the last earning, at whose end the rule of expiry has left no point; None where there is
    no such end."""
    programme = scenario.programme
    if programme.earning is None or programme.expiry.rule not in ("rolling", "fixed_date"):
        return None
    last = start + dt.timedelta(days=programme.earning.pending_days - 1)  # on which points become spendable
    month = 12 * (last.year - start.year) + last.month - start.month
    month = max(0, month + programme.expiry.months + max((reward.months for reward in programme.rewards), default=0))
    return programme.expiry.next_lapse(month, start.month) + 1


def paired(before: Forecast, after: Forecast) -> pd.DataFrame:
    """What a change does: month, line of LINES and POINT_LINES, then SPREAD of the difference, replication by replication.

    The two must be forecast with the same seed, replications, months and snapshot. Raises InputError where they were not.
    """
    _check_pairs(before, after)
    money = spread_of(after.values - before.values, after.luck_values - before.luck_values)
    points = (after.point_values - before.point_values).astype(float)
    found = [(LINES, money), (POINT_LINES, spread_of(points, points[:0]))]
    return pd.concat([tidy(values, before.months, names) for names, values in found], ignore_index=True)


def paired_whole(before: Forecast, after: Forecast) -> pd.DataFrame:
    """The same of the whole period: line, then SPREAD of the difference; points outstanding and owed are those at the end."""
    _check_pairs(before, after)
    money = spread_of((after.values - before.values).sum(axis=1), (after.luck_values - before.luck_values).sum(axis=1))
    moved, flows = (after.point_values - before.point_values).astype(float), len(POINT_LINES) - len(POINT_LEVELS)
    points = np.concatenate([moved[:, :, :flows].sum(axis=1), moved[:, -1, flows:]], axis=1)
    found = np.concatenate([money, spread_of(points, points[:0])])
    return pd.concat([pd.DataFrame({"line": [*LINES, *POINT_LINES]}), pd.DataFrame(found, columns=list(SPREAD))], axis=1)


def check_side_by_side(scenarios: Sequence[Scenario], same_start: bool) -> None:
    """Raises InputError where scenarios count in other money or, where they have no `same_start`, start on other days."""
    first = scenarios[0]
    problems = []
    for other in scenarios[1:]:
        ours, theirs = first.market.currency, other.market.currency
        if ours != theirs:
            problems.append(f"{other.name}: market.currency: found {theirs}, allowed is {ours}, that of {first.name}")
        begun, begins = first.horizon.start, other.horizon.start
        if begun != begins and not same_start:
            problems.append(f"{other.name}: horizon.start: found {begins}, allowed is {begun}, that of {first.name}")
    if problems:
        raise InputError(*problems)


def spread_by_cause(forecasts: Sequence[Forecast]) -> pd.DataFrame:
    """Where the spread of the whole period's lines comes from when it is open which of several scenarios will hold.

    line, mean, luck_sd, parameter_sd (root mean square over the scenarios), scenario_sd (between the scenarios' means, each as
    likely as the other), total_sd. Raises InputError for fewer than two scenarios or different periods.
    """
    if len(forecasts) < 2 or any(f.months != forecasts[0].months for f in forecasts):
        raise InputError("the spread between scenarios needs two forecasts or more over the same months")
    tables = [f.totals.set_index("line").loc[list(LINES)] for f in forecasts]
    means = np.stack([t["mean"].to_numpy() for t in tables])
    parts = {"luck_sd": _root_mean_square(tables, "luck_sd"), "parameter_sd": _root_mean_square(tables, "parameter_sd")}
    parts["scenario_sd"] = means.std(axis=0)
    total = np.sqrt(sum(np.nan_to_num(part) ** 2 for part in parts.values()))
    return pd.DataFrame({"line": list(LINES), "mean": means.mean(axis=0), **parts, "total_sd": total})


def _check_pairs(before: Forecast, after: Forecast) -> None:
    same = ("seed", "replications", "start", "end", "snapshot", "members")
    differs = [key for key in same if before.provenance[key] != after.provenance[key]]
    if differs:
        raise InputError(
            f"{before.name} and {after.name} cannot be compared pair by pair: their {differs[0]} differs, "
            f"{before.provenance[differs[0]]} and {after.provenance[differs[0]]}"
        )


def _after(behaviour: Behaviour) -> Behaviour:
    """How members react once the programme has closed."""
    off = {name: getattr(behaviour.effects, name).model_copy(update={"on": False}) for name in ENDED}
    own = [effect.model_copy(update={"on": effect.on and effect.after_closing}) for effect in behaviour.own_effects]
    return behaviour.model_copy(update={"effects": behaviour.effects.model_copy(update=off), "own_effects": own})


def _ended(row: Incentive, start: dt.date) -> Incentive:
    return row.model_copy(update={"valid_from": None, "valid_until": start - dt.timedelta(days=1)})


def _root_mean_square(tables: Sequence[pd.DataFrame], column: str) -> Floats:
    return np.asarray(np.sqrt(np.mean([t[column].to_numpy() ** 2 for t in tables], axis=0)))
