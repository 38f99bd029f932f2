"""Whether buying and redeeming depend on the balance, the tier and the way to a reward: members compared with themselves.

Buying. A gap between two purchases of a member is compared with the mean of those that follow: was it shorter where more
points, a higher tier or a nearer reward stood at its start? If none matters then, given how many purchases a member made and
when the last was, the gaps still to come can be swapped without changing how likely they are, whatever the member's rate,
regularity and risk of leaving. So, given all that happened before it, a gap is expected to be the mean of those left, and who
buys often, who leaves and who holds many points bias nothing. What stands at later gaps depends on this one, hence two-stage
least squares with what stood before as instruments. Time runs at the pace of the calendar month, found from the same purchases.
Sources: Farrington 1995 (self-controlled case series; observation that ends with an event: Farrington and others 2011);
Arellano, Bover 1995 (deviations from what follows, instruments from what went before); Kivetz, Urminsky, Zheng 2006 (gaps
before a reward).

Redeeming. Purchases at which the balance affords a reward are compared among members with the same record so far: as many of
these before, as many of them used. A willingness that stays, different from member to member in any way, makes the record
sufficient.

Errors are clustered by member (Liang, Zeger 1986). Every interval is widened for the number of questions (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from scenarios.finance.backtest.activity import Activity
from scenarios.finance.backtest.occasions import Occasions, to_next
from scenarios.numerals import integer
from sim.scenario import Scenario
from sim.typing import Array, Floats, Ints

MATTERS = 0.05
"""smallest change of buying or redeeming that is called an effect; set before any data were seen"""
COVERAGE = 0.95
"""of all intervals together"""
ALIKE = 0.9
"""share of the variance of one quantity within members that the others may explain"""
LEAST = 50
"""members whose own record varies, below which a question is not asked"""
ASKED = {
    "balance": "points for one more of the cheapest reward",
    "tier": "one tier higher",
    "nearness": "from the last reward to the next one's price",
}
OUTCOMES = {"buying": "purchase rate", "redeeming": "chance of redeeming when the balance affords a reward"}


@dataclass(frozen=True)
class Effect:
    """The answer to one question."""

    outcome: str
    """one of OUTCOMES"""
    asked: str
    """one of ASKED"""
    estimate: float
    """relative change of the outcome for the change that ASKED names; NaN where it could not be asked"""
    low: float
    high: float
    members: int
    """whose record varies and tells"""
    verdict: str
    """found, none, too small or not asked"""
    says: str
    """how it was compared, or why not"""


def habits(a: Activity, o: Occasions, scenario: Scenario) -> list[Effect]:
    """The answers to all questions, from the purchases before the forecast.

    An effect is found where its interval leaves out 0 and the estimate is MATTERS or more.
    """
    prices = [r.points for r in scenario.programme.rewards]
    names = ["balance", "nearness"] if prices else []
    names += ["tier"] if len(scenario.programme.tiers) > 1 and (o.tier != o.tier[0]).any() else []
    found = [*_buying(a, o, prices, names), *_redeeming(a, o, prices, names)]
    z = float(ndtri(1 - (1 - COVERAGE) / 2 / max(1, sum(np.isfinite(e.estimate) for e in found))))
    missing = [
        Effect(outcome, asked, np.nan, np.nan, np.nan, 0, "not asked", _why(asked))
        for outcome in OUTCOMES for asked in ASKED
        if not any(e.outcome == outcome and e.asked == asked for e in found)
    ]  # fmt: skip
    order = [(outcome, asked) for outcome in OUTCOMES for asked in ASKED]
    judged = [*(_judged(e, z) for e in found), *missing]
    return sorted(judged, key=lambda e: order.index((e.outcome, e.asked)))


def _why(asked: str) -> str:
    return "the rows tell one tier only" if asked == "tier" else "the scenario has no rewards"


def _judged(e: Effect, z: float) -> Effect:
    """With the interval of z standard errors (which `low` carries until here) and the verdict."""
    if not np.isfinite(e.estimate):
        return e
    low, high = e.estimate - z * e.low, e.estimate + z * e.low
    sure = low > 0 or high < 0
    verdict = "none" if not sure else "found" if abs(e.estimate) >= MATTERS else "too small"
    return replace(e, low=low, high=high, verdict=verdict)


def _buying(a: Activity, o: Occasions, prices: list[int], names: list[str]) -> list[Effect]:
    if not names:
        return []
    at = _clock(o.member, a.month[o.row] if a.by_month else a.day[o.row], a.month[o.row])
    last = np.flatnonzero(np.append(o.member[1:] != o.member[:-1], True))
    end = np.repeat(last, np.diff(last, prepend=-1))  # of each purchase the member's last
    left = end - np.arange(len(at))  # gaps of the member from this purchase on
    use = np.flatnonzero((left > 1) & (at[end] > at))
    if not len(use):
        return []
    share = (at[use + 1] - at[use]) * left[use] / (at[end[use]] - at[use]) - 1
    who = o.member[use]
    values = {"balance": o.after / min(prices or [1]), "nearness": to_next(o.after, prices or [1]), "tier": o.tier.astype(float)}
    order = _place(o.member) / np.maximum(1, np.repeat(np.diff(last, prepend=-1), np.diff(last, prepend=-1)) - 1)
    how = "a member's own gaps between purchases, each against the mean of those that follow"
    ahead = {n: (x - _ahead(x, end))[use] for n, x in {**values, "order": order}.items()}
    fits, effects = _asked("buying", names, ahead, who, how)
    if fits:
        tools = [
            x for n in fits for x in ((values[n] - _behind(values[n], o.member))[use], values[n][use] - values[n][use].mean())
        ]
        effects += _regressed("buying", fits, -share, [ahead["order"]], [*tools, order[use] - order[use].mean()], who, 1.0, how)
    if "tier" in names and "tier" not in fits:
        effects = [e for e in effects if e.asked != "tier"] + _between_tiers(at, o, last)
    return effects


def _between_tiers(at: Floats, o: Occasions, last: Ints) -> list[Effect]:
    """Members of different tiers compared, where nobody changes tier."""
    gaps = np.diff(last, prepend=-1) - 1
    span = at[last] - at[last - gaps]
    some = (gaps > 0) & (span > 0)
    tier = o.tier[last[some]].astype(float)
    if len(tier) - np.bincount(tier.astype(np.int64)).max(initial=0) < LEAST:
        says = f"members change tier too seldom, and fewer than {LEAST} are in another than most are in"
        return [Effect("buying", "tier", np.nan, np.nan, np.nan, 0, "not asked", says)]
    rate = np.log(gaps[some] / span[some])
    says = "between members, since hardly anybody changes tier: who is in a tier may differ in more than the tier"
    column = tier - tier.mean()
    return _regressed("buying", {"tier": column}, rate - rate.mean(), [], [column], np.arange(len(tier)), 1.0, says)


def _redeeming(a: Activity, o: Occasions, prices: list[int], names: list[str]) -> list[Effect]:
    if not prices or not names or "points_redeemed" not in a.has:
        return []
    could = np.flatnonzero(o.affords(min(prices)))
    member = o.member[could]
    did = (a.redeemed[o.row[could]] > 0).astype(float)
    trial = _place(member)
    used = _before(member, did)
    several = (a.purchases[o.row[could]] > 1) & ~np.array(a.by_month)  # chances of which the day tells one: another kind of trial
    kinds = [trial, used, _before(member, several.astype(float)), _before(member, did * several)]
    record = np.unique(np.stack(kinds), axis=1, return_inverse=True)[1].reshape(-1)
    worth = np.log1p(_before(member, a.value[o.row[could]]) / np.maximum(trial, 1))
    keep = (trial > 0) & ~several
    member, did, record, could, worth = member[keep], did[keep], record[keep], could[keep], worth[keep]
    size, many = np.log1p(a.value[o.row[could]]), np.log(a.purchases[o.row[could]])
    if did.sum() < LEAST:
        says = f"there are {integer(did.sum())} redemptions of members with a record, at least {LEAST} are needed"
        return [Effect("redeeming", name, np.nan, np.nan, np.nan, 0, "not asked", says) for name in names]
    columns = {"balance": o.before[could] / min(prices), "nearness": to_next(o.before[could], prices),
               "tier": o.decided_in[could].astype(float)}  # fmt: skip
    month = a.month[o.row[could]]
    how = "purchases of members with the same record of redeeming; month, size of the purchase and of those before taken out"
    cells = {n: _within(columns[n], record) for n in names}
    fits, effects = _asked("redeeming", names, cells, member, how)
    if fits:
        controls = [
            *(_within(x, record) for x in (worth, size, many)),
            *(_within((month == m).astype(float), record) for m in np.unique(month)[1:]),
        ]
        tools = [*fits.values(), *controls]
        effects += _regressed("redeeming", fits, _within(did, record), controls, tools, member, float(did.mean()), how)
    return effects


def _asked(
    outcome: str, names: Sequence[str], columns: dict[str, Floats], who: Ints, how: str
) -> tuple[dict[str, Floats], list[Effect]]:
    """The quantities that vary enough, and by themselves, to be asked about; and why not the others."""
    fits: dict[str, Floats] = {}
    effects = []
    for name in names:
        moves = len(np.unique(who[np.abs(columns[name]) > 1e-9]))
        if moves < LEAST:
            says = f"it varies for {integer(moves)} members, at least {LEAST} are needed"
        elif fits and _explained(columns[name], list(fits.values())) > ALIKE:
            says = f"it cannot be told apart from {' and '.join(fits)} here: what is found there may be this"
        else:
            fits[name] = columns[name]
            continue
        effects.append(Effect(outcome, name, np.nan, np.nan, np.nan, moves, "not asked", says))
    return fits, effects


def _regressed(
    outcome: str, fits: dict[str, Floats], y: Floats, controls: list[Floats], tools: list[Floats], who: Ints, level: float,
    says: str,
) -> list[Effect]:  # fmt: skip
    """y on the quantities and controls by two-stage least squares, `tools` being the instruments; `low` of an Effect is its
    standard error."""
    x, z = (np.column_stack(columns) for columns in ([*fits.values(), *controls], tools))
    fitted = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    inverse = np.linalg.pinv(fitted.T @ x)
    slope = inverse @ (fitted.T @ y)
    rest = y - x @ slope
    places = np.unique(who, return_inverse=True)[1]
    score = np.stack([np.bincount(places, weights=column * rest) for column in fitted.T], axis=1)
    groups = len(score)
    error = np.sqrt(np.diag(inverse @ (score.T @ score) @ inverse.T) * groups / max(1, groups - 1))
    return [
        Effect(outcome, name, float(slope[k] / level), float(error[k] / level), np.nan,
               len(np.unique(who[np.abs(column) > 1e-9])), "", says)
        for k, (name, column) in enumerate(fits.items())
    ]  # fmt: skip


def _clock(member: Ints, at: Ints, month: Ints) -> Floats:
    """Moments of purchases in time that runs at the pace of the calendar month.

    The pace is what makes the purchases between a member's first and last fall evenly: found by iterating observed over expected.
    """
    unit = at - at.min()
    months = int(month.max()) + 1
    bucket = np.zeros(int(unit.max()) + 1, np.int64)
    bucket[unit] = month
    bucket = np.maximum.accumulate(bucket)
    first = np.flatnonzero(np.diff(member, prepend=-1))
    last = np.append(first[1:], len(member)) - 1
    inner = np.ones(len(member), bool)
    inner[first] = inner[last] = False
    seen = np.bincount(month[inner], minlength=months).astype(float)
    upto = np.concatenate([np.zeros((1, months)), np.eye(months)[bucket].cumsum(axis=0)])
    exposed = np.maximum(upto[unit[last]] - upto[unit[first] + 1], 0.0)
    count = np.maximum(last - first - 1, 0)
    pace = np.ones(months)
    for _ in range(20):
        share = exposed * pace
        whole = share.sum(axis=1, keepdims=True)
        expected = (count[:, None] * np.divide(share, whole, out=np.zeros_like(share), where=whole > 0)).sum(axis=0)
        pace *= np.divide(seen, expected, out=np.ones(months), where=(expected > 0) & (seen > 0))
        pace /= pace.mean()
    return np.asarray(np.concatenate([[0.0], pace[bucket].cumsum()])[unit])


def _ahead(values: Floats, end: Ints) -> Floats:
    """Mean of a member's values from each purchase to the last but one: what stands at the starts of the gaps that follow."""
    total = values[::-1].cumsum()[::-1]
    return np.asarray((total - total[end]) / np.maximum(end - np.arange(len(values)), 1))


def _behind(values: Floats, member: Ints) -> Floats:
    """Mean of a member's values up to each purchase, this one included."""
    return (_before(member, values) + values) / (_place(member) + 1)


def _within(values: Array, group: Ints) -> Floats:
    count = np.bincount(group)
    return np.asarray(values - (np.bincount(group, weights=values) / np.maximum(count, 1))[group])


def _explained(values: Floats, others: list[Floats]) -> float:
    x = np.column_stack(others)
    fitted = x @ np.linalg.lstsq(x, values, rcond=None)[0]
    return float(fitted @ fitted / max(values @ values, 1e-300))


def _place(group: Ints) -> Floats:
    """Place within the group in its order: 0, 1 .."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return np.asarray(np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group)))), np.float64)


def _before(group: Ints, values: Floats) -> Floats:
    """Sum of the earlier values of the group."""
    total = values.cumsum()
    first = np.flatnonzero(np.diff(group, prepend=-1))
    base = np.repeat(total[first] - values[first], np.diff(np.append(first, len(group))))
    return np.asarray(total - values - base)
