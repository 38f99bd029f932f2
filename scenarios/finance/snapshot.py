"""The state of a live programme on one day, from its own tables: where a forecast starts."""

from __future__ import annotations

import datetime as dt

import numpy as np

from scenarios.finance.knowing import untouched
from scenarios.finance.live_tables import LiveTables, live_tables
from scenarios.finance.opening_lots import months_before, spread_evenly
from scenarios.finance.reconciliation import Reconciliation, other_expiries, overdue, tiers_against_figures
from scenarios.finance.snapshot_checks import check_coupons, check_programme
from scenarios.finance.snapshot_members import Snapshot
from scenarios.finance.snapshot_tables import MONTHS_BACK, Table, day_number
from scenarios.sources import Where
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Floats, Ints


def snapshot(
    members: Where, lots: Where | None = None, coupons: Where | None = None, *, scenario: Scenario, as_of: dt.date | None = None
) -> Snapshot:
    """Read the state of a live programme from its tables and check it against the programme: live_tables, then snapshot_of."""
    return snapshot_of(live_tables(members, lots, coupons, as_of=as_of, scenario=scenario), scenario)


def snapshot_of(tables: LiveTables, scenario: Scenario, before: Scenario | None = None) -> Snapshot:
    """The members of the tables, in the programme of `scenario`: its tiers, segments, incentives and rules.

    before: the programme under which they came to stand where they stand, if another; what comes does not change who they are.

    Raises InputError with a sentence for every cell that the programme cannot have. What can be read but does not add up is in
    Snapshot.reconciliation, with what was done about it.
    """
    people = tables.members
    tables.check_same_programme(scenario)
    check_programme(people, scenario)
    if tables.coupons is not None:
        check_coupons(tables.coupons, scenario)
    tables.raise_problems()

    c, n, start = people.columns, people.rows, tables.day
    zero = float(day_number(start))
    none, zeros = np.full(n, np.nan), np.zeros(n, np.int64)
    last = c.get("last_purchase", none) - zero
    joined = c["joined"] - zero
    held = tables.held
    lots = spread_evenly(held.balance, joined, last, scenario, start) if held.lots is None else held.lots
    lots = lots[:, int((lots.sum(axis=0) > 0).argmax()) if lots.any() else -1 :]
    if scenario.programme.earning is None and (lots.any() or c.get("pending", zeros).any()):
        raise InputError(f"{people.name}: members have points, but the scenario {scenario.name} has no earning")
    tiers = [tier.name for tier in scenario.programme.tiers]
    tier = np.array([tiers.index(name) for name in c["tier"]], np.int64) if people.has("tier") else zeros
    window = np.stack([c.get(f"window_{k}", zeros) for k in ("spend", "points", "purchases")], axis=1)
    report = _reconciled(tables, lots, tier, window, scenario)
    segments = ["", *(s.name for s in scenario.population.segments)]
    segment = np.array([segments.index(s) - 1 for s in c["segment"]], np.int64) if people.has("segment") else zeros - 1
    first, purchases = c.get("first_purchase", none) - zero + 0.25, c.get("purchases", zeros)
    spend = np.where(c["spend"] > 0, c["spend"] / 100.0, np.nan) if people.has("spend") else none
    return Snapshot(
        as_of=tables.as_of,
        label=tables.label,
        reconciliation=report,
        notes=[*report.notes, *_unsaid(tables, scenario)],
        who=c["member"],
        lots=lots,
        pending=c.get("pending", zeros),
        debt=held.debt,
        tier=tier,
        failed=_failed(people, scenario, start),
        joined=np.minimum(joined, -0.5),
        last=last + 0.5,
        tells_last=people.has("last_purchase"),
        window=window,
        first=first,
        purchases=purchases,
        spend=spend,
        segment=segment,
        birth_month=c.get("birth_month", zeros),
        untouched=untouched(lots.sum(axis=1), tier, purchases, first - 0.25, spend, before or scenario),
        muted=1 - c.get("consent", zeros + 1).astype(np.int64),
        coupons=_open_coupons(tables.coupons, tables.places, scenario, n, zero),
    )


def _reconciled(tables: LiveTables, lots: Ints, tier: Ints, window: Ints, scenario: Scenario) -> Reconciliation:
    """What was found in the tables themselves, and what the programme's rules find in them."""
    people, before = tables.members, tables.held.reconciliation
    who = people.columns["member"]
    found = [*before.differences, *overdue(lots, scenario, who, tables.day), *other_expiries(tables.lots, scenario)]
    checked = [*before.checked, *(["lots against their validity"] if tables.lots is not None else [])]
    if any(people.has(f"window_{k}") for k in ("spend", "purchases", "points")):
        found += tiers_against_figures(tier, window, scenario, who)
        checked.append("tiers against thresholds")
    return Reconciliation(found, checked)


def _failed(people: Table, scenario: Scenario, start: dt.date) -> Ints:
    found = np.full(people.rows, -1, np.int64)
    grace = scenario.programme.qualification.grace_months
    for column, shift in (("failed_since", 0), ("tier_until", grace)):
        if people.has(column):
            days = people.columns[column] - day_number(start)
            there = np.isfinite(days)
            month = months_before(start, np.nan_to_num(days, nan=-0.5)) - shift
            found = np.where(there, np.clip(month + MONTHS_BACK, 0, None), found)
    return found


def _open_coupons(offers: Table | None, places: dict[str, int], scenario: Scenario, n: int, zero: float) -> Floats:
    found = np.zeros((n, len(scenario.programme.incentives)))
    if offers is not None:
        names = [x.name for x in scenario.programme.incentives]
        rows = [places[name] for name in offers.columns["member"]]
        columns = [names.index(name) for name in offers.columns["incentive"]]
        np.maximum.at(found, (rows, columns), np.maximum(offers.columns["valid_until"] - zero + 1.0, 0.0))
    return found


def _unsaid(tables: LiveTables, scenario: Scenario) -> list[str]:
    """What the tables did not say, and what was put in its place."""
    people, found = tables.members, []
    if tables.held.lots is None and tables.held.balance.any():
        found.append("No lots were given: balances are spread evenly over the months in which they can have been earned.")
    if not people.has("first_purchase"):
        found.append("No history was given: rates are drawn from the population given the last purchase, where that is known.")
    if not people.has("consent"):
        found.append("Consent to messages was not given: everybody may get them.")
    programme, q = scenario.programme, scenario.programme.qualification
    ended = q.window == "calendar" and tables.as_of.month % 12 % q.months == 0
    for figure in () if ended else ("spend", "points", "purchases"):
        if any(getattr(tier.requires, figure) for tier in programme.tiers) and not people.has(f"window_{figure}"):
            found.append(f"window_{figure} was not given: in the qualification window that is open it starts at 0 for everybody.")
    if programme.fee is not None:
        found.append("When the next membership fee is due was not given: at the end of the term that runs since joining.")
    if scenario.population.segments and not people.has("segment"):
        found.append("Segments were not given: they are drawn by their shares.")
    if people.has("pending") and people.columns["pending"].any():
        found.append("Pending points become spendable on the last day that they can.")
    if q.window == "rolling" and people.has("window_spend"):
        found.append("Figures of the rolling window are spread evenly over its months.")
    if scenario.population.leaving.return_rate:
        found.append("A history is read as if nobody who left had come back.")
    found.append(
        "Who knows the programme, and memory of recent benefits and messages, are not in the tables: as many know it as of new "
        "members, fewer of those who have long had points for a reward, more of those who hold fewer than they earned; memory "
        "starts empty; limits and budgets of incentives start unused."
    )
    found.append("Incremental margin compares with closing the programme on the day of the snapshot.")
    return found


__all__ = ["Snapshot", "snapshot", "snapshot_of"]
