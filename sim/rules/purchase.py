"""One purchase: price, coupons, redemption, points, tiers, incentives; every benefit is a tally entry."""

from __future__ import annotations

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import burn, earn
from sim.rules.moments import bought
from sim.rules.numbers import exp, log
from sim.rules.refunds import hold
from sim.rules.response import draws, faded, feels, has, of_use, open_to, reached_so_far, redeeming, running
from sim.rules.tiers import qualify, qualify_points, reached
from sim.rules.wallet import grant, lift, see_coupons, watched
from sim.state import C_REDEEMED, W_COST, W_LIST, W_PAID, W_POINTS, W_PURCHASES, W_REDEMPTIONS
from sim.tables import (
    COUNT_IN_WINDOW,
    FIRST_PURCHASE,
    LONGER_VALIDITY,
    PURCHASE,
    TIER_UPGRADE,
    VOUCHER,
)


@rule
def whole(value):
    """A list value, which is above 0, in whole minor units, at least 1."""
    return max(1, int(value + 0.5))


@rule
def share_of(amount, ten_thousandths):
    """`amount` x `ten_thousandths` / 10,000, rounded half up."""
    return (amount * ten_thousandths + 5000) // 10000


@rule
def category_of(m, t, u, now):
    """The category of a purchase by a uniform u; -1 where no incentive that is open to the member asks."""
    if t.p[0].by_category & open_to(m, t, now) == 0:
        return -1
    k = 0
    for below in range(len(t.categories) - 1):
        k += 1 if u >= t.categories[below] else 0
    return k


@rule
def fits(t, j, value, category):
    """Whether a purchase meets the conditions on it."""
    x = t.incentives[j]
    return value >= x.min_basket and (x.category < 0 or x.category == category)


@rule
def best_lasting(m, t, now, day, value, category, price):
    """(earning in thousandths, price in minor units, free delivery) of all that is on: the best of each group, groups
    combined; groups take off the price in the order of the table."""
    earning = 1000
    delivery = 0
    on = running(m, t, day, open_to(m, t, now))
    n = len(t.lasting) if on != 0 else 0
    for j_ in range(n):
        j = t.lasting[j_]
        if not (has(on, j) and fits(t, j, value, category)):
            continue
        x = t.incentives[j]
        delivery = max(delivery, x.free_delivery)
        # the first of a group that is on speaks for the group
        best_earning = x.earning
        best_price = x.price
        first = True
        for k_ in range(n):
            k = t.lasting[k_]
            if k != j and t.incentives[k].group == x.group:
                if has(on, k) and fits(t, k, value, category):
                    if k < j:
                        first = False
                    best_earning = max(best_earning, t.incentives[k].earning)
                    best_price = min(best_price, t.incentives[k].price)
        if first:
            earning = earning * best_earning // 1000
            price = share_of(price, best_price)
    return earning, price, delivery


@rare
def use_coupons(m, i, s, t, price, now, cell):
    """Use the best usable coupon of each group; returns the money taken off."""
    off = 0
    used = False
    n = len(t.coupons)
    for j_ in range(n):
        j = t.coupons[j_]
        x = t.incentives[j]
        if s.wallet[i, j].until <= now or price < x.coupon_min:
            continue
        best = True
        for k_ in range(n):
            k = t.coupons[k_]
            y = t.incentives[k]
            if k != j and y.group == x.group and abs(s.wallet[i, k].until) > now and price >= y.coupon_min:
                if y.coupon > x.coupon or (y.coupon == x.coupon and k < j):
                    best = False
        if best:
            used = True
            off += min(x.coupon, price - off)
            s.cube[cell, tally.COUPONS_USED] += 1
            s.wallet[i, j].until = -s.wallet[i, j].until  # used, and still the best of its group at this purchase
    if used:
        for j_ in range(n):
            if s.wallet[i, t.coupons[j_]].until < 0.0:
                s.wallet[i, t.coupons[j_]].until = 0.0
        see_coupons(m, i, s, t, now)
    return off


@rare
def redeem(m, i, s, t, price, now, month, cell):
    """Redeem the dearest reward that the balance affords and that makes sense, of vouchers as many as points and price have
    room for; (money taken off, cost of goods)."""
    k = len(t.rewards) - 1
    while k >= 0:
        x = t.rewards[k]
        if m.balance >= x.points and of_use(m, t, x) and (x.kind != VOUCHER or price >= x.value):
            break
        k -= 1
    if k < 0:
        return 0, 0
    x = t.rewards[k]
    n = 1
    if x.kind == VOUCHER:
        n = min(m.balance // x.points, price // x.value)
    burn(m, i, s, t, n * x.points, month, C_REDEEMED)
    s.cube[cell, tally.REDEMPTIONS] += n
    s.cube[cell, tally.POINTS_REDEEMED] += n * x.points
    watched(s, t, i, now, W_REDEMPTIONS, n)
    watched(s, t, i, now, W_POINTS, n * x.points)
    if m.redeemed == 0:
        s.cube[cell, tally.FIRST_REDEEMERS] += 1
    m.redeemed += n
    m.head = 0
    if x.charge > 0 or x.recovered > 0:
        s.cube[cell, tally.PARTNER_CHARGES] += n * x.charge
        s.cube[cell, tally.PARTNER_RECOVERIES] -= n * x.recovered
        s.cube[cell, tally.REWARD_PARTNERS] += n * (x.charge - x.recovered)
        watched(s, t, i, now, W_COST, n * (x.charge - x.recovered))
    worth = x.worth * exp(t.b[0].reward_worth_power * log(float(n)))
    m.glow = min(1.0, faded(m.glow, m.reward_at, now, t.b[0].reward_afterglow_decay) + draws(m, worth))
    m.reward_at = now
    if x.kind == VOUCHER:
        off = n * x.value
        s.cube[cell, tally.VOUCHER_VALUE] += off
        return off, 0
    s.cube[cell, tally.REWARD_COST] += x.cost
    feels(m, t, x.value, now)
    if x.kind == TIER_UPGRADE:
        lift(m, i, s, t, m.tier + 1, now, month, cell)
    elif x.kind == LONGER_VALIDITY:
        m.longer = x.months
    return 0, x.cost


@rule
def triggered(m, i, s, t, paid, value, category, u_category, first, now, month, cell):
    """Incentives that a purchase triggers, in the order of the table; category: -1 = not drawn yet."""
    # the list says them twice: all of them, then those that are not for a first purchase alone
    for k in range(0 if first else t.p[0].on_first, t.p[0].on_first if first else len(t.bought)):
        j = t.bought[k]
        x = t.incentives[j]
        if x.category >= 0 and category < 0:  # the tier that it led to, or a row before this one lifted to, may be asked more
            category = category_of(m, t, u_category, now)
        if not fits(t, j, value, category):
            continue
        if x.event == PURCHASE or x.event == FIRST_PURCHASE:
            grant(m, i, s, t, j, now, month, cell)
        elif has(open_to(m, t, now), j):
            w = s.wallet[i, j]
            before = reached_so_far(t, w, x, month)
            after = before + (1 if x.event == COUNT_IN_WINDOW else paid if x.on_paid == 1 else value)
            w.period = t.periods[x.window, month]
            w.acc = after
            if (before < x.reach) & (x.reach <= after):
                grant(m, i, s, t, j, now, month, cell)


@rule
def rise(m, i, s, t, now, month, cell):
    """Lift the member at once to what they have reached."""
    earned = reached(m, t)
    if earned > m.tier:
        lift(m, i, s, t, earned, now, month, cell)


@rule
def purchase(m, i, s, t, value, u_redeem, u_category, slot, both, now, month, cell):
    """A purchase of list value `value` (minor units) at `now`; returns the benefit cost handed over at it.
    slot: where it waits to be returned, -1 = it is kept; both: made without the programme too.

    Order: tier price, incentives, coupons; the purchase counts towards tiers; points are earned at the tier it may have
    led to; then points, these included, may be redeemed. A voucher is a way of paying and earns like money.
    """
    p = t.p[0]
    day = t.days[int(now)]
    first = m.buys == 0
    tier = t.tiers[m.tier]

    price = value
    if tier.price < 10000:
        price = share_of(value, tier.price)
        s.cube[cell, tally.TIER_DISCOUNT] += value - price
    earning = 1000
    delivered = tier.free_delivery
    category = -1
    off = 0
    if p.has_incentives == 1:
        if p.lasting != 0:
            category = category_of(m, t, u_category, now)
            earning, cut_price, free = best_lasting(m, t, now, day, value, category, price)
            s.cube[cell, tally.INCENTIVE_DISCOUNT] += price - cut_price
            price = cut_price
            delivered = max(delivered, free)
        if m.aware == 1 and now < m.pull_until < NEVER:
            off = use_coupons(m, i, s, t, price, now, cell)
            s.cube[cell, tally.COUPON_VALUE] += off
    due = price - off
    delivery = 0
    if delivered > 0:
        delivery = p.delivery_cost
        s.cube[cell, tally.DELIVERY_COST] += delivery

    if m.month_bought != month:
        s.cube[cell, tally.ACTIVE] += 1
        m.month_bought = month
        m.capped = 0
    if m.buys == 0:
        m.first_buy = now
    elif m.buys == 1:
        m.second_gap = now - m.first_buy
    m.buys += 1
    m.last_buy = now
    if p.card_days > 0.0:
        m.card_until = now + p.card_days

    if len(t.tiers) > 1:
        spend = due if p.qualify_paid == 1 else value
        qualify(m, i, s, t, spend, month)
        if slot >= 0:
            s.refunds[i, slot].spend_q += spend
            s.refunds[i, slot].count_q += 1
        if p.at_once == 1 and m.tier + 1 < len(t.tiers):
            rise(m, i, s, t, now, month, cell)
    cost = value - due + delivery
    paid = due
    points = 0
    if p.has_points == 1:
        base = due if p.earn_paid == 1 else value
        micro = t.tiers[m.tier].micro
        if earning != 1000:
            micro = micro * earning // 1000
        points = (base * micro + p.round_points) // 100000000
        if p.cap > 0:
            points = min(points, p.cap - m.capped)
            m.capped += points
        earn(m, i, s, t, points, now, month, cell)
        if p.counts_points == 1:
            qualify_points(m, i, s, t, points, month)
            if slot >= 0:
                s.refunds[i, slot].points_q += points
            if p.at_once == 1 and m.tier + 1 < len(t.tiers):
                rise(m, i, s, t, now, month, cell)
        if len(t.rewards) > 0 and m.balance >= t.rewards[0].points and u_redeem < redeeming(m, i, s, t, now, month):
            off, goods = redeem(m, i, s, t, due, now, month, cell)
            paid -= off
            cost += off + goods
    got = value - paid + (p.delivery_charge if delivered > 0 else 0)
    if got > 0:
        feels(m, t, got, now)
    s.cube[cell, tally.PURCHASES] += 1
    s.cube[cell, tally.LIST_VALUE] += value
    s.cube[cell, tally.PAID] += paid
    if slot >= 0:
        hold(i, s, t, slot, both, value, share_of(value, tier.price), price, due, paid, points, now)
    if p.watch_periods > 0:
        watched(s, t, i, now, W_PURCHASES, 1)
        watched(s, t, i, now, W_PAID, paid)
        watched(s, t, i, now, W_LIST, value)
        watched(s, t, i, now, W_COST, cost)
    if p.has_incentives == 1:
        triggered(m, i, s, t, due, value, category, u_category, first, now, month, cell)
        bought(m, i, s, t, now)
    return cost
