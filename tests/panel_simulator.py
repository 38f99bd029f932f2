"""A small simulator of transaction panels with known parameters, written apart from the code under test."""

from __future__ import annotations

import numpy as np
import pandas as pd


def simulated_panel(
    rng: np.random.Generator,
    *,
    members: int,
    days: int,
    rate: float,
    shape: float,
    leaving: tuple[float, float] | None = None,
    order: int = 1,
    joining_days: int = 0,
    present: bool = False,
    season: float = 0.0,
    growth: float = 0.0,
    returning: float = 0.0,
    bursts: float = 1.0,
    median: float = 30.0,
    within: float = 0.6,
    between: float = 0.4,
) -> pd.DataFrame:
    """Transactions (member, date, value) from 2015-01-01 on, one member and one gap after the other.

    `present`: members were there long before the data begin and are seen from the first purchase in them;
    otherwise each joins with a purchase on a day drawn from the first `joining_days`. `season`: amplitude
    of a sine over the year. `growth`: of the log rate a year, at `rate` on the last day; none or more. `returning`: rate a day at
    which the lapsed are active again, to buy at their own rate. `bursts`: every other gap, by chance, is drawn at so many times
    the rate, the others at less, so that the mean gap stays; 1 is none.
    """
    rows = []
    for member in range(members):
        mine = rng.gamma(shape, rate / shape)
        leaves = rng.beta(*leaving) if leaving else 0.0
        price = np.log(median) + between * rng.standard_normal()
        top = mine * order * (1 + season)
        stages, pace = 0, _pace(bursts, rng)
        if present:
            time = 0.0
            stages = int(rng.integers(order))
        else:
            time = rng.uniform(0, joining_days)
            rows.append((member, time, price))
        while True:
            time += rng.exponential(1 / (top * pace)) if top > 0 else days
            if time >= days:
                break
            level = (1 + season * np.sin(2 * np.pi * time / 365.25)) * np.exp(growth * (time - days) / 365.25)
            if rng.random() * (1 + season) > level:
                continue
            stages += 1
            if stages < order:
                continue
            stages = 0
            rows.append((member, time, price))
            if rng.random() < leaves:
                if not returning:
                    break
                time += rng.exponential(1 / returning)
            pace = _pace(bursts, rng)
    who, when, prices = (np.array(c) for c in zip(*rows, strict=True))
    value = np.exp(prices + within * rng.standard_normal(len(prices))).round(2)
    date = pd.Timestamp("2015-01-01") + pd.to_timedelta(when.astype(int), unit="D")
    return pd.DataFrame({"member": who.astype(int), "date": date, "value": value})


def _pace(bursts: float, rng: np.random.Generator) -> float:
    """Factor on the rate during one gap."""
    if bursts == 1:
        return 1.0
    return bursts if rng.random() < 0.5 else bursts / (2 * bursts - 1)
