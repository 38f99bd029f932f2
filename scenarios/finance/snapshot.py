"""The state of a live programme on one day, from its own tables: where a forecast starts."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenarios.finance import history
from scenarios.finance.opening_lots import by_month, corrected, months_before, spread_evenly
from scenarios.finance.reconciliation import (
    Difference,
    Reconciliation,
    difference,
    other_expiries,
    overdue,
    tiers_against_figures,
)
from scenarios.finance.snapshot_checks import check_coupons, check_ids, check_lots, check_members
from scenarios.finance.snapshot_tables import COUPONS, LOTS, MEMBERS, MONTHS_BACK, MOST, Table, day_number, read_table
from scenarios.sources import Where
from sim.errors import InputError
from sim.member import LONG_AGO, MEMBER, NEVER, QUALIFYING, WALLET
from sim.opening import Opening
from sim.scenario import Scenario
from sim.tables import BLOCKS, Tables, compile_tables, minor
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Snapshot:
    """Members of a live programme at the end of `as_of`; built by `snapshot`."""

    as_of: dt.date
    label: str
    reconciliation: Reconciliation
    notes: list[str]
    """what was done about what did not add up, and what the tables did not say; sentences"""
    who: Array
    """(n,) pseudonymous ids"""
    lots: Ints
    """(n, past) open points by month of credit, the last column being the month of as_of"""
    pending: Ints
    """(n,)"""
    tier: Ints
    failed: Ints
    """(n,) month of the review, from MONTHS_BACK months before the start; -1 = none"""
    joined: Floats
    """(n,) days since the start, below 0"""
    last: Floats
    """(n,) last purchase likewise, NaN for none"""
    tells_last: bool
    """whether the tables have the last purchase: who has none then never bought"""
    window: Ints
    """(n, 3) spend (minor units), points and purchases in the qualification window"""
    first: Floats
    """(n,) first purchase, NaN where there is no history"""
    purchases: Ints
    spend: Floats
    """(n,) currency units, NaN where not known"""
    segment: Ints
    """(n,) -1 = not known"""
    birth_month: Ints
    """(n,) 0 = not known"""
    muted: Ints
    coupons: Floats
    """(n, incentives) valid until, days since the start; 0 = none"""

    @property
    def day(self) -> dt.date:
        """The first day of a forecast."""
        return self.as_of + dt.timedelta(days=1)

    @property
    def size(self) -> int:
        """Members."""
        return len(self.who)

    @property
    def outstanding(self) -> int:
        """Points, pending ones included."""
        return int(self.lots.sum() + self.pending.sum())

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The members as a run can go on from them; their rate, leaving and basket are one draw given their history.

        seed: luck of that draw; draw: number of the parameter draw, None for the means. What a programme changes
        changes no member: designs with the same seed and draw go on from the same people.
        """
        population = scenario.population
        if draw is not None:
            population = population.drawn(np.random.Generator(np.random.Philox([draw, 7])))
        history.check(population)
        rng = np.random.Generator(np.random.Philox([seed, 11]))
        t = compile_tables(scenario, members=1, seed=seed, draw=draw)
        members = self._people(t, rng)
        self._standing(members, t)
        self._draw(members, t, scenario, population, rng)
        names = tuple(x.name for x in scenario.programme.incentives)
        q = scenario.programme.qualification
        budgets = [minor(x.budget or 0.0) for x in scenario.programme.incentives]
        return Opening(
            start=self.day,
            origin=self.day,
            day_zero=0,
            month_zero=MONTHS_BACK,
            level_days=0.0,
            members=members,
            lots=self.lots,
            pend=self._pend(t),
            quals=self._quals(t),
            wallet=self._wallet(len(names)),
            tiers=tuple(tier.name for tier in scenario.programme.tiers),
            incentives=names,
            budget_left=np.array(budgets, np.int64),
            used_up=(),
            window=(q.window, q.months),
            base=self.size,
            next_key=self.size,
        )

    def _people(self, t: Tables, rng: np.random.Generator) -> Array:
        """Traits that no table tells are drawn as for new members, in an order that no design changes."""
        n, b = self.size, t.b[0]
        m = np.zeros(n, MEMBER)
        m["key"] = np.arange(n)
        u = rng.random((n, 5))
        upto = t.segments["upto"]
        m["segment"] = np.where(
            self.segment >= 0, self.segment, np.searchsorted(upto, u[:, 0], side="right").clip(0, len(upto) - 1)
        )
        m["birth_month"] = np.where(self.birth_month > 0, self.birth_month, 1 + (u[:, 1] * 12).astype(int))
        m["birth_day"] = 1 + (u[:, 2] * 28).astype(int)
        m["aware"] = u[:, 3] < b["awareness_share"]
        m["flexible"] = u[:, 4] < b["expiry_pressure_flexible"]
        m["muted"], m["enrolled"], m["joined"] = self.muted, 1, self.joined
        for name in ("t_extra", "first_buy", "second_gap", "pend_day", "card_until", "pull_until", "due"):
            m[name] = NEVER
        m["reward_at"], m["demoted_at"], m["tier0"] = LONG_AGO, LONG_AGO, -1
        return m

    def _standing(self, m: Array, t: Tables) -> None:
        bought = np.isfinite(self.last)
        m["last_buy"] = np.where(bought, self.last, self.joined)
        m["t_seen"] = m["last_buy"]
        m["buys"] = np.where(self.purchases > 0, self.purchases, bought)
        m["first_buy"] = np.where(np.isfinite(self.first), self.first, np.where(bought, self.last, NEVER))
        m["month_bought"] = np.where(bought, months_before(self.day, np.nan_to_num(self.last, nan=-1.0)), -MONTHS_BACK - 1)
        m["tier"], m["failed"] = self.tier, self.failed
        for k, name in enumerate(("spend_q", "points_q", "count_q")):
            m[name] = 0 if self._window_ended(t) else self.window[:, k]
        m["balance"] = self.lots.sum(axis=1)
        past = self.lots.shape[1]
        m["oldest"] = np.where(m["balance"] > 0, (self.lots > 0).argmax(axis=1) - past, 0)
        if t.p["card_days"][0] > 0:
            m["card_until"] = np.maximum(np.maximum(m["last_buy"], m["joined"]) + t.p["card_days"][0], 0.0)

    def _window_ended(self, t: Tables) -> bool:
        """Whether a calendar window closed with the day of the snapshot: the next begins at 0."""
        closes = (self.as_of.month % 12) % int(t.p["window_months"][0]) == 0
        return bool(t.p["window"][0] == BLOCKS) and closes

    def _draw(self, m: Array, t: Tables, scenario: Scenario, population: Any, rng: np.random.Generator) -> None:
        factors = t.segments[m["segment"]]
        never = self.tells_last & ~np.isfinite(self.last)  # silent since joining, which is no risk of leaving
        since = np.where(never, self.joined, np.where(np.isfinite(self.first), self.first, np.nan))
        known = history.Known(
            first=history.elapsed(population, self.day, -since),
            last=history.elapsed(population, self.day, -np.where(never, self.joined, self.last)),
            purchases=np.where(never, 1, np.where(np.isfinite(self.first), self.purchases, 0)),
            spend=self.spend,
            rate=factors["rate"],
            basket=factors["basket"],
        )
        found = history.drawn(population, known, rng)
        m["rate"], m["leave"], m["mu"] = np.maximum(found.rate, 1e-12), found.leave, found.mu
        m["alive"], m["alive0"] = found.alive, found.alive
        m["t_base"] = np.where(found.alive, found.wait, NEVER)
        m["n_base"] = 1
        sigma = population.basket.sigma
        m["usual"] = m["rate"] * np.exp(m["mu"] + 0.5 * sigma**2) * 100.0
        exponent = float(t.b["responsiveness_exponent"][0])
        m["resp"] = 1.0
        if exponent > 0:
            m["resp"] = np.clip((m["rate"] / population.purchase_rate.mean) ** -exponent, 1 / 3, 2.0)

    def _pend(self, t: Tables) -> Ints:
        """Nobody knows on which day; all on the last that it can be."""
        found = np.zeros((self.size, int(t.p["pending_days"][0]) + 1), np.int64)
        if found.shape[1] > 1:
            found[:, -1] = self.pending
        else:
            found = np.zeros((self.size, 2), np.int64)
            found[:, 1] = self.pending
        return found

    def _quals(self, t: Tables) -> Array:
        """Figures of a rolling window evenly over the months before the start that are still in it."""
        rolling = int(t.p["window_months"][0]) if t.p["window"][0] == 2 else 1
        found = np.zeros((self.size, rolling), QUALIFYING)
        for k, name in enumerate(("spend", "points", "count")):
            if rolling > 1:
                share, rest = np.divmod(self.window[:, k], rolling - 1)
                for back in range(1, rolling):
                    found[name][:, -back % rolling] = share + (back <= rest)
        return found

    def _wallet(self, incentives: int) -> Array:
        found = np.zeros((self.size, incentives), WALLET)
        found["period"], found["next"], found["mark"] = -1, NEVER, -1.0
        found["until"] = self.coupons
        found["given"] = self.coupons > 0
        return found


def snapshot(
    members: Where, lots: Where | None = None, coupons: Where | None = None, *, scenario: Scenario, as_of: dt.date | None = None
) -> Snapshot:
    """Read the state of a live programme.

    members, lots, coupons: CSV (.csv, .csv.gz), Parquet, a database table (URL#table) or a data frame, with the columns of
    scenarios.finance.snapshot_tables (MEMBERS, LOTS, COUPONS); scenario: whose programme it is, for tiers, rules and incentives;
    as_of: the day at whose end the tables stand, the last of a month (default: the day before horizon.start).

    Raises InputError with a sentence for every wrong cell (file, row, column), at most MOST a column, and for personal data.
    What can be read but does not add up is in Snapshot.reconciliation, with what was done about it.
    """
    end = as_of or scenario.horizon.start - dt.timedelta(days=1)
    if end.day != calendar.monthrange(end.year, end.month)[1]:
        raise InputError(f"as_of: found {end}, allowed is the last day of a month")
    people = read_table(members, MEMBERS, "members")
    held = None if lots is None else read_table(lots, LOTS, "lots")
    offers = None if coupons is None else read_table(coupons, COUPONS, "coupons")
    check_members(people, scenario, end)
    places = {name: k for k, name in enumerate(people.columns["member"])}
    for table in (held, offers):
        if table is not None:
            check_ids(table, places)
    if held is not None:
        check_lots(held, end)
    if offers is not None:
        check_coupons(offers, scenario)
    problems = [p for table in (people, held, offers) if table is not None for p in table.problems]
    if problems:
        more = [f"and {len(problems) - MOST} more"] if len(problems) > MOST else []
        raise InputError(*problems[:MOST], *more)
    return _built(people, held, offers, places, scenario, end)


def _built(
    people: Table, held: Table | None, offers: Table | None, places: dict[str, int], scenario: Scenario, end: dt.date
) -> Snapshot:
    c, n = people.columns, people.rows
    start = end + dt.timedelta(days=1)
    zero = float(day_number(start))
    none, zeros = np.full(n, np.nan), np.zeros(n, np.int64)
    last = c.get("last_purchase", none) - zero
    joined = c["joined"] - zero
    balance = c.get("balance", None)
    found: list[Difference] = []
    notes: list[str] = []
    stated = zeros if balance is None else balance
    found += difference(
        "negative balances",
        "taken as 0; what these members owe is in no line",
        c["member"],
        stated < 0,
        stated,
        np.maximum(stated, 0),
        stated.astype(float),
    )
    stated = np.maximum(stated, 0)
    if held is not None:
        lots = by_month(held, places, n, start)
        if balance is not None:
            off = stated - lots.sum(axis=1)
            found += difference(
                "balances that differ from their lots",
                "the balance holds: what is missing joins the newest lot, what is too much leaves the oldest",
                c["member"],
                off != 0,
                lots.sum(axis=1),
                stated,
                off.astype(float),
            )
            lots = corrected(lots, off, last, start)
    else:
        lots = spread_evenly(stated, joined, last, scenario, start)
        if stated.any():
            notes.append("No lots were given: balances are spread evenly over the months in which they can have been earned.")
    lots = lots[:, int((lots.sum(axis=0) > 0).argmax()) if lots.any() else -1 :]
    if scenario.programme.earning is None and (lots.any() or c.get("pending", zeros).any()):
        raise InputError(f"{people.name}: members have points, but the scenario {scenario.name} has no earning")
    tiers = [tier.name for tier in scenario.programme.tiers]
    tier = np.array([tiers.index(name) for name in c["tier"]], np.int64) if people.has("tier") else zeros
    window = np.stack([c.get(f"window_{k}", zeros) for k in ("spend", "points", "purchases")], axis=1)
    found += overdue(lots, scenario, c["member"], start)
    found += other_expiries(held, scenario)
    found += (
        tiers_against_figures(tier, window, scenario, c["member"])
        if any(people.has(f"window_{k}") for k in ("spend", "purchases"))
        else []
    )
    segments = ["", *(s.name for s in scenario.population.segments)]
    segment = np.array([segments.index(s) - 1 for s in c["segment"]], np.int64) if people.has("segment") else zeros - 1
    checked = [*(["balances against lots"] if held is not None and balance is not None else []), "negative balances",
               "lots against their validity", "tiers against thresholds"]  # fmt: skip
    report = Reconciliation(found, checked)
    notes += _unsaid(people, scenario)
    return Snapshot(
        as_of=end,
        label=f"{people.label} as of {end}, {n} members, sha256 {_digest(people, held, offers)[:16]}",
        reconciliation=report,
        notes=[*report.notes, *notes],
        who=c["member"],
        lots=lots,
        pending=c.get("pending", zeros),
        tier=tier,
        failed=_failed(people, scenario, start),
        joined=np.minimum(joined, -0.5),
        last=last + 0.5,
        tells_last=people.has("last_purchase"),
        window=window,
        first=c.get("first_purchase", none) - zero + 0.25,
        purchases=c.get("purchases", zeros),
        spend=np.where(c["spend"] > 0, c["spend"] / 100.0, np.nan) if people.has("spend") else none,
        segment=segment,
        birth_month=c.get("birth_month", zeros),
        muted=1 - c.get("consent", zeros + 1).astype(np.int64),
        coupons=_open_coupons(offers, places, scenario, n, zero),
    )


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


def _unsaid(people: Table, scenario: Scenario) -> list[str]:
    """What the tables did not say, and what was put in its place."""
    found = []
    if not people.has("first_purchase"):
        found.append("No history was given: rates are drawn from the population given the last purchase, where that is known.")
    if not people.has("consent"):
        found.append("Consent to messages was not given: everybody may get them.")
    if scenario.population.segments and not people.has("segment"):
        found.append("Segments were not given: they are drawn by their shares.")
    if people.has("pending") and people.columns["pending"].any():
        found.append("Pending points become spendable on the last day that they can.")
    if scenario.programme.qualification.window == "rolling" and people.has("window_spend"):
        found.append("Figures of the rolling window are spread evenly over its months.")
    if scenario.population.leaving.return_rate:
        found.append("A history is read as if nobody who left had come back.")
    found.append(
        "Who knows the programme, and memory of recent benefits and messages, are not in the tables: knowing it is drawn as "
        "for new members, memory starts empty; limits and budgets of incentives start unused."
    )
    found.append("Incremental margin compares with closing the programme on the day of the snapshot.")
    return found


def _digest(*tables: Table | None) -> str:
    digest = hashlib.sha256()
    for table in tables:
        if table is not None:
            for name in sorted(table.columns):
                values = table.columns[name]
                digest.update(name.encode() + (values.astype(str).tobytes() if values.dtype == object else values.tobytes()))
    return digest.hexdigest()
