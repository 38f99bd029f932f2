"""What members react to: purchase rate, basket, leaving and redeeming under the programme, against the baseline.

The formulas are stated with sources in sim/effects.py; every strength is 0 where its effect is off.
"""

from __future__ import annotations

import math

from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import lapse_at
from sim.rules.numbers import exp, log
from sim.tables import BIRTHDAY, BOUND, CALENDAR, CUMULATIVE, PURCHASE, SPEND_IN_WINDOW, TASK

_BOW = (BOUND - 1.0 - math.log(BOUND)) / math.log(BOUND) ** 2
_INVERSE_SQUARE = 1.0 / math.log(BOUND) ** 2


@rule
def faded(level, since, now, days):
    """A level that decays as exp(-t / days)."""
    if level == 0.0:
        return 0.0
    return level * exp(-(now - since) / days)


@rule
def takes_part(m, t, j, now):
    """Whether incentive `j` is open to the member at `now`: validity (of a task its own moment counts), budget, tier, segment."""
    x = t.incentives[j]
    if x.event != TASK and (now < x.valid_from or now >= x.valid_until):
        return False
    if now > t.closes[j]:
        return False
    if now == t.closes[j] and m.key >= t.closes_for[j]:
        return False
    return (int(x.tiers) >> m.tier) & 1 == 1 and (int(x.segments) >> m.segment) & 1 == 1


@rule
def is_on(m, t, j, now, day):
    """Whether what incentive `j` does during its time holds at `now`."""
    x = t.incentives[j]
    if x.event == CALENDAR:
        on = (day.calendar >> j) & 1 == 1
    elif x.event == BIRTHDAY:
        on = t.months[day.month].number == m.birth_month
    else:
        on = x.event == PURCHASE
    return on and x.lasting == 1 and takes_part(m, t, j, now)


@rule
def was_on(m, t, j, now):
    """Whether yesterday was a day of the calendar incentive `j`, which the member may use."""
    x = t.incentives[j]
    if x.event != CALENDAR or x.lasting == 0:
        return False
    yesterday = t.p[0].eve if now < 1.0 else t.days[int(now) - 1].calendar
    return (yesterday >> j) & 1 == 1 and takes_part(m, t, j, now)


@rare
def touches(m, t, j):
    """Share of the member's purchases that meet the conditions of incentive `j` on category and basket."""
    x = t.incentives[j]
    share = 1.0
    if x.category >= 0:
        below = t.categories[x.category - 1] if x.category > 0 else 0.0
        share = t.categories[x.category] - below
    if x.min_basket > 0:
        gap = log(m.median / x.min_basket)
        sigma = t.p[0].sigma
        if sigma > 0.0:
            share *= 0.5 * (1.0 + math.erf(gap / (sigma * math.sqrt(2.0))))
        elif gap < 0.0:
            share = 0.0
    return share


@rule
def to_next_reward(m, t):
    """Share of the way from one reward's points to the next dearer one's that the balance has gone; 0 beyond the last."""
    below = 0
    for k in range(len(t.rewards)):
        price = t.rewards[k].points
        if m.balance < price:
            return (m.balance - below) / (price - below)
        below = price
    return 0.0


@rule
def near(gap, typical):
    """1 at the goal, 0 where it is a typical horizon's activity away or more."""
    if gap <= 0.0 or typical <= 0.0 or gap >= typical:
        return 0.0
    return 1.0 - gap / typical


@rare
def pressure(m, i, s, t, now, day):
    """Points pressure: how near the next tier, ladder or sprint is, in distance and time; 0 .. 1, the strongest counts."""
    horizon = t.b[0].points_pressure_horizon
    p = t.p[0]
    strongest = 0.0
    if p.window != CUMULATIVE and m.tier + 1 < len(t.tiers):
        x = t.tiers[m.tier + 1]
        close = 1.0
        if x.spend >= 0 and m.spend_q < x.spend:
            close = min(close, near(x.spend - m.spend_q, m.usual * horizon))
        if x.purchases >= 0 and m.count_q < x.purchases:
            close = min(close, near(x.purchases - m.count_q, m.rate * horizon))
        if x.points >= 0 and m.points_q < x.points:
            close = min(close, near(x.points - m.points_q, m.usual * p.points_milli * 1e-5 * horizon))
        if 0.0 < close < 1.0:
            strongest = close * exp(-(day.block_end - now) / horizon)
    if p.has_goals == 1:
        for k in range(len(t.goals)):
            j = t.goals[k]
            x = t.incentives[j]
            if takes_part(m, t, j, now) and (x.limit == 0 or s.wallet[i, j].given < x.limit):
                done = s.wallet[i, j].acc if s.wallet[i, j].period == period_of(t, x.window, day.month) else 0
                usual = m.usual if x.event == SPEND_IN_WINDOW else m.rate
                close = near(float(x.reach - done), usual * horizon) if done < x.reach else 0.0
                if close > 0.0:
                    left = window_end(day, x.window) - now
                    strongest = max(strongest, close * exp(-left / horizon))
    return strongest


@rule
def period_of(t, window, month):
    """Number of the month, quarter, year or programme window in which `month` lies."""
    if window == 0:
        return t.p[0].month_zero + month
    if window == 1:
        return t.months[month].quarter
    return t.months[month].year if window == 2 else 0


@rule
def window_end(day, window):
    """When the present month, quarter or year ends; a window that lasts the programme has no deadline."""
    if window == 0:
        return day.month_end
    if window == 1:
        return day.quarter_end
    return day.year_end if window == 2 else NEVER


@rule
def appeal(m, t, now, day):
    """(log price cut that the member sees, shift of the log rate that does not depend on responsiveness) at `now`."""
    b = t.b[0]
    cut = 0.0
    shift = 0.0
    if m.aware == 1:
        cut = t.tiers[m.tier].log_cut
        if now < m.pull_until:
            cut += m.pull
        for k in range(len(t.felt)):
            j = t.felt[k]
            x = t.incentives[j]
            if is_on(m, t, j, now, day):
                if x.log_cut > 0.0:
                    cut += x.log_cut * touches(m, t, j)
                if x.event == CALENDAR:
                    shift = max(shift, b.member_day_strength * x.special)
            elif shift <= 0.0 and was_on(m, t, j, now):
                shift = min(shift, -b.member_day_after * x.special)
    if now - m.demoted_at < 10.0 * b.demotion_days:
        shift -= b.demotion_strength * exp(-(now - m.demoted_at) / b.demotion_days)
    if m.pulled > 0.0:
        shift -= b.pull_forward_strength * faded(m.pulled, m.pulled_at, now, b.pull_forward_days)
    return cut, shift


@rare
def response(m, i, s, t, now, day, cut, shift):
    """Log of purchase rate / baseline rate at `now`, given what `appeal` says. Negative only where the shift is."""
    b = t.b[0]
    lift = 0.0
    if m.aware == 1:
        lift += b.price_response_rate * cut + b.tier_status_strength * m.tier
        if b.goal_gradient_strength > 0.0 and m.balance > 0:
            lift += b.goal_gradient_strength * to_next_reward(m, t)
        if b.points_pressure_strength > 0.0:
            lift += b.points_pressure_strength * pressure(m, i, s, t, now, day)
        if b.expiry_pressure_strength > 0.0 and m.flexible == 1 and lapse_at(m, t) < now + b.expiry_pressure_horizon:
            lift += b.expiry_pressure_strength
        if now - m.reward_at < 10.0 * b.reward_afterglow_days:
            lift += b.reward_afterglow_strength * exp(-(now - m.reward_at) / b.reward_afterglow_days)
    if m.sent > 0.0:
        heard = faded(m.sent, m.sent_at, now, b.messages_days)
        lift += b.messages_response * heard * exp(-b.messages_fatigue * heard)
    return saturated(lift * m.resp + shift)


@rule
def ceiling(m, t, now):
    """A log lift that `response` does not exceed, at the moments from `now` on that are no day of a calendar incentive,
    before something happens to the member."""
    b = t.b[0]
    lift = 0.0
    if m.aware == 1:
        cut = t.tiers[m.tier].log_cut + m.pull
        for k in range(len(t.felt)):
            cut += t.incentives[t.felt[k]].log_cut
        lift += b.price_response_rate * cut + b.tier_status_strength * m.tier
        if m.balance > 0:
            if b.goal_gradient_strength > 0.0:
                lift += b.goal_gradient_strength * to_next_reward(m, t)
            if m.flexible == 1:
                lift += b.expiry_pressure_strength
        lift += b.points_pressure_strength
        if now - m.reward_at < 10.0 * b.reward_afterglow_days:
            lift += b.reward_afterglow_strength
    if m.sent > 0.0:
        lift += b.messages_response * m.sent
    return lift * m.resp


@rule
def too_low(most, u):
    """Whether a log lift of at most `most` cannot make a purchase of a candidate above the baseline with mark `u`.

    The candidate is one where exp(log lift) > 1 + (BOUND - 1) u; up to BOUND, exp(x) <= 1 + x + _BOW x^2. A small part in
    hand for rounding.
    """
    return most <= 0.0 or most + _BOW * most * most < (BOUND - 1.0) * u * 0.999999


@rule
def saturated(x):
    """A log lift that combinations cannot drive above log BOUND: x / (1 + (x / L)^4)^(1/4) for x > 0.

    A lift of 30 % is lowered by 0.0003 of itself, one of 100 % by 1.5 %. An assumption (nobody can shop without end), stated in
    the report; without it several strong offers on one day would multiply to a dozen times a light buyer's rate.
    """
    if x <= 0.0:
        return x
    square = x * x * _INVERSE_SQUARE
    return x / math.sqrt(math.sqrt(1.0 + square * square))


@rule
def leaving(m, t, now):
    """Probability of lapsing at a purchase of the baseline stream, with the programme."""
    b = t.b[0]
    log_factor = 0.0
    if m.benefit > 0.0 and b.retention_strength > 0.0:
        rate = faded(m.benefit, m.benefit_at, now, b.retention_days) / (m.usual * b.retention_days)
        log_factor -= b.retention_strength * rate / (rate + b.retention_half)
    if now - m.demoted_at < 10.0 * b.demotion_days:
        log_factor += b.demotion_leaving * exp(-(now - m.demoted_at) / b.demotion_days)
    if log_factor == 0.0:
        return m.leave
    return min(1.0, m.leave * exp(log_factor))


@rule
def feels(m, t, value, now):
    """The member has received a benefit of `value` minor units."""
    days = t.b[0].retention_days
    m.benefit = faded(m.benefit, m.benefit_at, now, days) + value
    m.benefit_at = now


@rule
def redeeming(m, t, now, month):
    """Probability that the member redeems at a purchase at which the balance affords a reward."""
    b = t.b[0]
    if m.aware == 0:
        return 0.0
    q = t.p[0].redeem
    factor = 1.0
    if b.expiry_pressure_redeeming > 0.0 and lapse_at(m, t) < now + b.expiry_pressure_horizon:
        factor += b.expiry_pressure_redeeming
    if b.catalogue_wear_fading > 0.0:
        factor *= exp(-b.catalogue_wear_fading * t.months[month].since_refresh)
    if factor == 1.0 or q >= 1.0:
        return q
    return q * factor / (1.0 - q + q * factor)
