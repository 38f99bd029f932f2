"""What members react to: purchase rate, basket, leaving and redeeming under the programme, against the baseline.

The formulas are stated with sources in sim/effects.py; every strength is 0 where its effect is off.
"""

from __future__ import annotations

import math

from sim.compiled import rare, rule
from sim.rules.ledger import lapse_at
from sim.rules.numbers import exp, log
from sim.rules.own import own
from sim.tables import BOUND, CALENDAR, CUMULATIVE, LONGER_VALIDITY, NEVER_LAPSE, SPEND_IN_WINDOW, TIER_UPGRADE

_BOW = (BOUND - 1.0 - math.log(BOUND)) / math.log(BOUND) ** 2
_INVERSE_SQUARE = 1.0 / math.log(BOUND) ** 2
GIVEN = 0.2  # of the way, in the study of endowed progress


@rule
def faded(level, since, now, decay):
    """A level that decays as exp(-decay t)."""
    return level * exp((since - now) * decay) if level != 0.0 else 0.0


@rule
def open_to(m, t, now):
    """Incentives open to the member at `now`, bit k for incentive k: validity (of a task its own moment counts), tier, segment,
    budget."""
    bits = t.days[int(now)].valid & t.open_to[m.tier * len(t.segments) + m.segment]
    for k in range(len(t.budgeted)):
        j = t.budgeted[k]
        if now > t.closes[j] or (now == t.closes[j] and m.key >= t.closes_for[j]):
            bits &= ~(1 << j)
    return bits


@rule
def has(bits, j):
    """Whether incentive `j` is among those of `bits`."""
    return (bits >> j) & 1 == 1


@rule
def running(m, t, day, opened):
    """Of the incentives `opened` to the member, those that do now what they do during their time."""
    p = t.p[0]
    on = p.always | day.calendar | (p.birthdays if t.months[day.month].number == m.birth_month else 0)
    return on & p.lasting & opened


@rule
def reaching(m, t, least):
    """Share of the member's baskets of at least `least` minor units."""
    if least <= 0:
        return 1.0
    gap = log(m.median / least)
    sigma = t.p[0].sigma
    if sigma > 0.0:
        return 0.5 * (1.0 + math.erf(gap / (sigma * math.sqrt(2.0))))
    return 1.0 if gap >= 0.0 else 0.0


@rare
def touches(m, t, j):
    """Share of the member's purchases that meet the conditions of incentive `j` on category and basket."""
    x = t.incentives[j]
    share = 1.0
    if x.category >= 0:
        below = t.categories[x.category - 1] if x.category > 0 else 0.0
        share = t.categories[x.category] - below
    return share * reaching(m, t, x.min_basket)


@rule
def appetite(m, t):
    """What a reward of one minor unit is to the member, see `draws`."""
    return exp(-t.b[0].reward_worth_power * log(m.median))


@rule
def draws(m, worth):
    """How much something of `worth` (see sim.worth) draws or pleases the member: 1 if it is worth a basket of theirs or more."""
    return min(1.0, worth * m.appetite)


@rule
def of_use(m, t, x):
    """Whether the member has a use for reward `x`: who has the highest tier has none for the next, nor for longer validity who
    has it, or whose points do not lapse."""
    return not (
        (x.kind == TIER_UPGRADE and m.tier + 1 >= len(t.tiers))
        or (x.kind == LONGER_VALIDITY and (m.longer > 0 or t.p[0].expiry == NEVER_LAPSE))
    )


@rule
def next_reward(m, t):
    """Number of the cheapest reward that the balance does not afford; as many as there are where it affords all."""
    k = 0
    while k < len(t.rewards) and t.rewards[k].points <= m.balance:
        k += 1
    return k


@rule
def share_gone(m, t, k):
    """Share of the way from one reward's points to those of reward `k`, the next dearer one, that the balance has gone."""
    below = t.rewards[k - 1].points if k > 0 else 0
    return (m.balance - below) / (t.rewards[k].points - below)


@rule
def to_next_reward(m, t):
    """Share of the way from one reward's points to the next dearer one's that the balance has gone; 0 beyond the last."""
    k = next_reward(m, t)
    return share_gone(m, t, k) if k < len(t.rewards) else 0.0


@rule
def in_sight(m, t, missing):
    """1 where the member's usual spend earns the `missing` points within the horizon, beyond it less in proportion."""
    return min(1.0, m.usual * t.p[0].points_milli * 1e-5 * t.b[0].goal_gradient_horizon / missing)


@rule
def to_goal(m, t):
    """Log lift by what lies on the way to the next dearer reward, as far as that draws the member and is in sight: goal gradient,
    and endowed progress, which is whole where a fifth of its points was given on joining."""
    b = t.b[0]
    k = next_reward(m, t)
    if k >= len(t.rewards):
        return 0.0
    x = t.rewards[k]
    if not of_use(m, t, x):
        return 0.0
    lift = b.goal_gradient_strength * share_gone(m, t, k)
    if m.head > 0:
        lift += b.endowed_progress_strength * min(1.0, min(m.head, m.balance) / (GIVEN * x.points))
    return lift * draws(m, x.step) * in_sight(m, t, x.points - m.balance)


@rule
def near(gap, typical):
    """1 at the goal, 0 where it is a typical horizon's activity away or more."""
    return max(0.0, 1.0 - gap / typical)


@rule
def pressure(m, i, s, t, now, day):
    """Points pressure: how near the next tier, ladder or sprint is, in distance and time; 0 .. 1, the strongest counts."""
    b = t.b[0]
    horizon = b.points_pressure_horizon
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
            strongest = close * exp((now - day.block_end) * b.points_pressure_decay)
    if p.has_goals == 1:
        opened = open_to(m, t, now)
        for k in range(len(t.goals)):
            j = t.goals[k]
            x = t.incentives[j]
            w = s.wallet[i, j]
            if has(opened, j) and (x.limit == 0 or w.given < x.limit):
                done = reached_so_far(t, w, x, day.month)
                close = near(float(x.reach - done), (m.usual if x.event == SPEND_IN_WINDOW else m.rate) * horizon)
                if done < x.reach and close > 0.0:
                    close *= draws(m, x.bare + (x.worth - x.bare) * reaching(m, t, x.coupon_min))
                    end = t.window_ends[int(now), x.window]
                    strongest = max(strongest, close * exp((now - end) * b.points_pressure_decay))
    return strongest


@rule
def reached_so_far(t, w, x, month):
    """What the member has reached in the present window of incentive `x`, `w` in their wallet."""
    done = w.acc
    return done if w.period == t.periods[x.window, month] else 0


@rule
def looks_like(amount, basket):
    """What an amount off looks like on a basket: a log price cut, of nine tenths at most."""
    return -log(1.0 - min(0.9, amount / basket))


@rare
def spared(m, t):
    """What free delivery looks like to the member: a log price cut on a usual basket."""
    return looks_like(t.p[0].delivery_charge, m.median)


@rare
def delivered_free(m, t, now, day):
    """Share of the member's purchases that are delivered free at `now`, as far as they know it."""
    share = 1.0 if t.tiers[m.tier].free_delivery == 1 else 0.0
    on = running(m, t, day, open_to(m, t, now))
    for k in range(len(t.felt)):
        if share < 1.0 and has(on, t.felt[k]) and t.incentives[t.felt[k]].free_delivery == 1:
            share = max(share, touches(m, t, t.felt[k]))
    return share


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
        if (t.p[0].always | t.p[0].birthdays | day.calendar | day.eve) & t.p[0].felt != 0:
            opened = open_to(m, t, now)
            on = running(m, t, day, opened)
            for k in range(len(t.felt)):
                j = t.felt[k]
                x = t.incentives[j]
                if has(on, j):
                    if x.log_cut > 0.0:
                        cut += x.log_cut * touches(m, t, j)
                    if x.event == CALENDAR:
                        shift = max(shift, b.member_day_strength * x.special)
                elif shift <= 0.0 and has(day.eve & opened, j):
                    shift = min(shift, -b.member_day_after * x.special)
        if t.p[0].delivery_charge > 0:
            cut += delivered_free(m, t, now, day) * spared(m, t)
    if now - m.demoted_at < 10.0 * b.demotion_days:
        shift -= b.demotion_strength * exp((m.demoted_at - now) * b.demotion_decay)
    if m.pulled > 0.0 and now - m.pulled_at < 10.0 * b.pull_forward_days:
        shift -= b.pull_forward_strength * faded(m.pulled, m.pulled_at, now, b.pull_forward_decay)
    return cut, shift


@rule
def response(m, i, s, t, now, day, cut, shift):
    """Log of purchase rate / baseline rate at `now`, given what `appeal` says. Negative only where the shift is."""
    b = t.b[0]
    lift = 0.0
    if m.aware == 1:
        lift += b.price_response_rate * cut + b.tier_status_strength * t.tiers[m.tier].status
        if m.balance > 0:
            lift += to_goal(m, t)
        if b.points_pressure_strength > 0.0:
            lift += b.points_pressure_strength * pressure(m, i, s, t, now, day)
        if b.expiry_pressure_strength > 0.0 and m.flexible == 1 and lapse_at(m, t) < now + b.expiry_pressure_horizon:
            lift += b.expiry_pressure_strength
        if now - m.reward_at < 10.0 * b.reward_afterglow_days:
            lift += b.reward_afterglow_strength * faded(m.glow, m.reward_at, now, b.reward_afterglow_decay)
    if m.sent > 0.0:
        heard = faded(m.sent, m.sent_at, now, b.messages_decay)
        lift += b.messages_response * heard * exp(-b.messages_fatigue * heard)
    return saturated(lift * m.resp + shift)


@rule
def ceiling(m, t, now):
    """A log lift that `response` does not exceed, at the moments from `now` on that are no day of a calendar incentive,
    before something happens to the member."""
    b = t.b[0]
    lift = 0.0
    if m.aware == 1:
        cut = t.tiers[m.tier].log_cut + m.pull + t.p[0].felt_cut
        if t.p[0].delivery_charge > 0:
            cut += spared(m, t)
        lift += b.price_response_rate * cut + b.tier_status_strength * t.tiers[m.tier].status
        if m.balance > 0:
            lift += to_goal(m, t)
            if m.flexible == 1:
                lift += b.expiry_pressure_strength
        lift += b.points_pressure_strength
        if now - m.reward_at < 10.0 * b.reward_afterglow_days:
            lift += b.reward_afterglow_strength * m.glow
    if m.sent > 0.0:
        lift += b.messages_response * m.sent
    return lift * m.resp + t.p[0].own_most


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
def leaves(m, i, s, t, now, u):
    """Whether the member lapses at a purchase of the baseline stream, with the programme, by a uniform u.

    With probability leave x exp(demotion - retention + own effects), at most 1. Without a demotion or an own effect, which alone
    can raise it, it is not worked out for a u that is too high anyway.
    """
    b = t.b[0]
    demoted = now - m.demoted_at < 10.0 * b.demotion_days
    if u >= m.leave and not demoted and t.p[0].own_leaving == 0:
        return False
    log_factor = own(t.p[0].own_leaving, m, i, s, t, now)
    if m.benefit > 0.0 and b.retention_strength > 0.0:
        rate = faded(m.benefit, m.benefit_at, now, b.retention_decay) / (m.usual * b.retention_days)
        log_factor -= b.retention_strength * rate / (rate + b.retention_half)
    if demoted:
        log_factor += b.demotion_leaving * exp((m.demoted_at - now) * b.demotion_decay)
    return u < m.leave * exp(log_factor)


@rule
def feels(m, t, value, now):
    """The member has received a benefit of `value` minor units; to who does not know the programme it is none, then or later."""
    if m.aware == 1:
        m.benefit = faded(m.benefit, m.benefit_at, now, t.b[0].retention_decay) + value
        m.benefit_at = now


@rule
def redeeming(m, i, s, t, now, month):
    """Probability that the member redeems at a purchase at which the balance affords a reward."""
    b = t.b[0]
    if m.aware == 0:
        return 0.0
    q = t.p[0].redeem
    factor = 1.0
    if b.expiry_pressure_redeeming > 0.0 and lapse_at(m, t) < now + b.expiry_pressure_horizon:
        factor += b.expiry_pressure_redeeming
    if b.catalogue_wear_fading > 0.0:
        factor *= t.months[month].wear
    if t.p[0].own_redeeming != 0:
        factor *= exp(own(t.p[0].own_redeeming, m, i, s, t, now))
    if factor == 1.0 or q >= 1.0:
        return q
    return q * factor / (1.0 - q + q * factor)
