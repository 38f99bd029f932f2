"""The members of a live programme on one day: what its tables know of each, and what is drawn."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenarios.finance import history
from scenarios.finance.knowing import Untouched
from scenarios.finance.opening_lots import months_before
from scenarios.finance.reconciliation import Reconciliation
from scenarios.finance.snapshot_tables import MONTHS_BACK
from sim.member import LONG_AGO, MEMBER, NEVER, QUALIFYING, REFUND, WALLET
from sim.opening import Opening
from sim.scenario import Scenario
from sim.tables import BLOCKS, Tables
from sim.tabulating import compile_tables
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Snapshot:
    """Members of a live programme at the end of `as_of`; built by scenarios.finance.snapshot."""

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
    debt: Ints
    """(n,) points owed after a refund, which the next ones repay"""
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
    untouched: Untouched
    """what their points tell of who knows the programme"""
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
            refunds=np.zeros((self.size, 0), REFUND),
            tiers=tuple(tier.name for tier in scenario.programme.tiers),
            incentives=names,
            budget_left=t.incentives["budget"].astype(np.int64),
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
        basket = float(np.exp(t.p["ln_median"][0] + 0.5 * (t.p["sigma"][0] ** 2 + t.p["sigma_between"][0] ** 2)))
        m["aware"] = u[:, 3] < self.untouched.probability(float(b["awareness_share"]), float(t.p["redeem"][0]), basket)
        m["flexible"] = u[:, 4] < b["expiry_pressure_flexible"]
        m["muted"], m["enrolled"], m["joined"] = self.muted, 1, self.joined
        for name in ("t_extra", "t_back", "first_buy", "second_gap", "pend_day", "refund_day", "card_until", "fee_until",
                     "pull_until", "due"):
            m[name] = NEVER
        m["reward_at"], m["demoted_at"], m["tier0"] = LONG_AGO, LONG_AGO, -1
        return m

    def _standing(self, m: Array, t: Tables) -> None:
        bought = np.isfinite(self.last)
        m["last_buy"] = np.where(bought, self.last, self.joined)
        m["buys"] = np.where(self.purchases > 0, self.purchases, bought)
        m["first_buy"] = np.where(np.isfinite(self.first), self.first, np.where(bought, self.last, NEVER))
        m["month_bought"] = np.where(bought, months_before(self.day, np.nan_to_num(self.last, nan=-1.0)), -MONTHS_BACK - 1)
        m["tier"], m["failed"] = self.tier, self.failed
        for k, name in enumerate(("spend_q", "points_q", "count_q")):
            m[name] = 0 if self._window_ended(t) else self.window[:, k]
        m["balance"], m["pending"], m["debt"] = self.lots.sum(axis=1), self.pending, self.debt
        past = self.lots.shape[1]
        m["oldest"] = np.where(m["balance"] > 0, (self.lots > 0).argmax(axis=1) - past, 0)
        if t.p["fee"][0] > 0:
            term = t.p["fee_days"][0]
            m["fee_until"] = np.maximum(m["joined"] + np.ceil(-m["joined"] / term) * term, 0.0)
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
            there=history.there_before(population, -since),
        )
        found = history.drawn(population, known, rng)
        m["rate"], m["leave"], m["median"] = np.maximum(found.rate, 1e-12), found.leave, np.exp(found.mu) * 100.0
        m["alive"], m["alive0"] = found.alive, found.alive
        m["t_base"] = np.where(found.alive, found.wait, NEVER)
        m["n_base"] = 1
        sigma = population.basket.sigma
        m["usual"] = m["rate"] * m["median"] * np.exp(0.5 * sigma**2)
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
