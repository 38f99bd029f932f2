"""Open points of a live programme by the month in which they became spendable."""

from __future__ import annotations

import datetime as dt

import numpy as np

from scenarios.finance.snapshot_tables import MONTHS_BACK, Table, day_number
from sim.scenario import Scenario
from sim.typing import Array, Floats, Ints


def by_month(held: Table, places: dict[str, int], n: int, start: dt.date) -> Ints:
    """(n, past) open points by month of credit, the last column being the month before `start`."""
    month = months_before(start, held.columns["earned"] - day_number(start) + 0.5)
    past = max(1, -int(month.min(initial=-1)))
    found = np.zeros((n, past), np.int64)
    rows = np.array([places[name] for name in held.columns["member"]], np.int64)
    np.add.at(found, (rows, month + past), held.columns["points"])
    return found


def corrected(lots: Ints, off: Ints, last: Floats, start: dt.date) -> Ints:
    """Lots brought to their balances: more joins the newest (or, without any, the month of the last purchase), less leaves the
    oldest, as spending does."""
    found = lots.copy()
    past = found.shape[1]
    newest = past - 1 - (found[:, ::-1] > 0).argmax(axis=1)
    bought = np.where(np.isfinite(last), months_before(start, np.nan_to_num(last + 0.5, nan=-0.5)), -1) + past
    place = np.where(found.any(axis=1), newest, np.clip(bought, 0, past - 1))
    more = np.maximum(off, 0)
    found[np.arange(len(found)), place] += more
    gone = np.maximum(-off, 0)
    before = found.cumsum(axis=1) - found
    return np.asarray(found - np.clip(gone[:, None] - before, 0, found))


def spread_evenly(balance: Ints, joined: Floats, last: Floats, scenario: Scenario, start: dt.date) -> Ints:
    """Balances over the months in which they can have been earned: since joining, up to the last purchase, still valid."""
    expiry = scenario.programme.expiry
    longest = {"rolling": expiry.months, "fixed_date": expiry.months + 11}.get(expiry.rule, 12)
    longest = max(1, min(longest, MONTHS_BACK))
    low = np.maximum(months_before(start, joined + 0.5), -longest)
    high = np.where(np.isfinite(last), months_before(start, np.nan_to_num(last + 0.5, nan=-0.5)), -1)
    high = np.maximum(high, low)
    share, rest = np.divmod(balance, high - low + 1)
    month = np.arange(-longest, 0)
    inside = (month >= low[:, None]) & (month <= high[:, None])
    newest = high[:, None] - month < rest[:, None]
    return np.asarray(np.where(inside, share[:, None] + newest, 0), np.int64)


def months_before(start: dt.date, days: Array) -> Ints:
    """Month numbers from the start (-1 = the month before) of moments in days from it."""
    date = (np.datetime64(start) + np.floor(days).astype(np.int64)).astype("datetime64[M]")
    return np.asarray((date - np.datetime64(start, "M")).astype(np.int64))
