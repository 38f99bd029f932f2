"""A forecast with books, made up but consistent: quicker than a simulated one, and every number is known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from reports.statement import Statement
from scenarios.finance.budget import budget_at_risk
from scenarios.finance.cost_view import cost_view
from scenarios.finance.forecast_document import (
    LINES,
    POINT_LINES,
    SPREAD,
    Assumption,
    Cohorts,
    Forecast,
    TierPoints,
    spread_of,
)  # fmt: skip
from scenarios.finance.liability import liability
from scenarios.finance.points import expected_points, ledger
from scenarios.finance.roll_forward import Contracts, roll_forward
from sim.margin import present_value
from sim.tally import COST_LINES


def changed(scenario, name, **parts):
    """The scenario under another name with parts of its programme replaced."""
    return scenario.model_copy(update={"name": name, "programme": scenario.programme.model_copy(update=parts)})


def month_ends(months):
    first = pd.Timestamp(2026, 7, 1)
    return [(first + pd.DateOffset(months=k + 1)).date() - dt.timedelta(days=1) for k in range(months)]


def made_up(months=14, replications=12, budget=260_000.0, name="made up", seed=7, tiers=2):
    """A Statement whose ledger is that of replication 0, by cohort and tier."""
    rng = np.random.default_rng(seed)
    r = replications
    values = np.zeros((r, months, len(LINES)))
    scale = rng.lognormal(0, 0.2, (r, 1))
    lucky = rng.lognormal(0, 0.05, (r, months))
    for k, _ in enumerate(COST_LINES[:-4]):
        values[:, :, k] = (800 + 700 * k) * scale * lucky * (1 + 0.02 * np.arange(months))
    at = LINES.index
    values[..., at("benefit_cost")] = values[..., : len(COST_LINES)].sum(axis=2)
    values[..., at("fixed_cost")] = 1500.0
    values[..., at("gross_sales")] = 150_000 * lucky
    values[..., at("net_sales")] = 140_000 * lucky
    values[..., at("gross_margin")] = 0.3 * values[..., at("gross_sales")]
    cost = values[..., at("benefit_cost")] + values[..., at("fixed_cost")]
    values[..., at("net_margin")] = values[..., at("gross_margin")] - cost
    values[..., at("incremental_margin")] = values[..., at("net_margin")] - 25_000
    luck_values = values / scale[:, :, None]

    issued = rng.integers(50_000, 90_000, (r, months, tiers))
    redeemed, expired = (np.zeros((r, months, months, tiers), np.int64) for _ in range(2))
    for c in range(months):
        left = issued[:, c].copy()
        for m in range(c, months):
            redeemed[:, c, m] = (left * rng.uniform(0.05, 0.15, left.shape)).astype(np.int64)
            left -= redeemed[:, c, m]
            if m - c >= 10:
                expired[:, c, m] = left // 3
                left -= expired[:, c, m]
    values[..., at("points_earned_at_expected_cost")] = issued.sum(axis=2) * 0.01
    moves = [issued.sum(axis=2), redeemed.sum(axis=(1, 3)), expired.sum(axis=(1, 3))]
    outstanding = (moves[0] - moves[1] - moves[2]).cumsum(axis=1)
    none = np.zeros_like(outstanding)
    points = np.stack([*moves, none, outstanding, none, none], axis=2)

    ends = month_ends(months)
    ledger_ = ledger(np.arange(months), issued[0], redeemed[0], expired[0])
    ever = expected_points(np.full((months, months), 0.7), ledger_)
    roll = roll_forward(ledger_, Contracts((issued[0] * 100), 1, "0.7"), ever)
    cost_lines = cost_view(ledger_, "0.8", "0.7", ever)

    def tidy(found, names):
        keys = pd.MultiIndex.from_product([ends, names], names=["month", "line"]).to_frame(index=False)
        return pd.concat([keys, pd.DataFrame(found.reshape(-1, len(SPREAD)), columns=list(SPREAD))], axis=1)

    def table(found, names):
        return pd.concat([pd.DataFrame({"line": names}), pd.DataFrame(found, columns=list(SPREAD))], axis=1)

    def share(v):
        return (v[..., at("benefit_cost")] + v[..., at("fixed_cost")]) / v[..., at("gross_sales")]

    def with_share(v):
        whole = v.sum(axis=1)
        return np.concatenate([whole, share(whole)[:, None]], axis=1)

    def worth(v):
        return present_value(np.moveaxis(v, 1, 2), 0.06)

    every = np.zeros((r, months, months, tiers), np.int64)
    by_tier = tuple(np.moveaxis(x, 2, 1) for x in (issued, redeemed.sum(axis=1), expired.sum(axis=1)))
    issued_when = every.copy()
    issued_when[:, np.arange(months), np.arange(months)] = issued
    forecast = Forecast(
        name=name, currency="EUR", members=1000, months=ends,
        lines=tidy(spread_of(values, luck_values), list(LINES)),
        totals=table(spread_of(with_share(values), with_share(luck_values)), [*LINES, "cost_share"]),
        cost_share=pd.DataFrame(spread_of(share(values), share(luck_values)), columns=list(SPREAD)).assign(month=ends),
        present_value=table(spread_of(worth(values), worth(luck_values)), list(LINES)),
        points=tidy(spread_of(points.astype(float), points[:0].astype(float)), list(POINT_LINES)),
        values=values, luck_values=luck_values, point_values=points,
        cohorts=Cohorts(
            earned=ends, months=ends, opening=np.zeros((months, tiers), np.int64), issued=issued_when,
            redeemed=redeemed, expired=expired, clawed_back=every,
        ),
        tiers=TierPoints(
            ["silver", "gold"][:tiers], np.zeros(tiers, np.int64), *by_tier, np.zeros_like(by_tier[0]),
            (by_tier[0] - by_tier[1] - by_tier[2]).cumsum(axis=2),
        ),
        peak_month=ends[-1],
        budget=None if budget is None else budget_at_risk(cost, budget),
        provenance={"version": "0.1.0", "seed": seed, "members": 1000, "replications": r, "scenario_digest": "ab" * 32,
                    "start": "2026-07-01", "end": ends[-1].isoformat(), "snapshot": None},
        assumptions=[
            Assumption("purchase rate, mean", "0.05", "purchases a day", "panel <2025>"),
            Assumption("basket, median", "40", "EUR", "=cmd()|'x'!A1"),
        ],
        notes=["Two lots <b>without</b> a month of earning were left out."],
    )  # fmt: skip
    return Statement(forecast, roll, cost_lines, ("silver", "gold")[:tiers], liability=liability(forecast, value=1))
