"""What happens to a member at a month end, in this order: review, campaign, lapse of points, accounting; then windows roll.

What a month end gives is of that month: a fixed date that takes the points of its own month takes these too."""

from __future__ import annotations

from sim import tally
from sim.compiled import rule
from sim.rules.ledger import lapse_lots, lapse_month
from sim.rules.life import cell_of
from sim.rules.moments import plan, tasks
from sim.rules.response import feels
from sim.rules.tiers import review, roll
from sim.rules.time import skip_to
from sim.rules.wallet import lift, watched
from sim.state import W_COST


@rule
def review_tier(m, i, s, t, month, cell):
    """Tiers are reviewed."""
    if t.months[month].review == 1 and len(t.tiers) > 1:
        end = t.months[month].end
        earned = review(m, s, t, end, month, cell)
        if earned > m.tier:
            lift(m, i, s, t, earned, end, month, cell)
            if t.p[0].has_due == 1:
                plan(m, i, s, t, end)


@rule
def campaign(m, i, s, t, month, cell):
    """Tasks done in the month and soft benefits of the tier."""
    end = t.months[month].end
    if len(t.tasks) > 0 and m.task < end:
        tasks(m, i, s, t, end, month, cell)
    tier = t.tiers[m.tier]
    if tier.care_cost > 0:  # nobody sees who has lapsed
        s.cube[cell, tally.CARE_COST] += tier.care_cost
        watched(s, t, i, end - 0.5, W_COST, tier.care_cost)
    if m.alive == 1 and tier.care_value > 0.0:
        feels(m, t, tier.care_value, end)


@rule
def lapse_points(m, i, s, t, month, cell):
    """Lots whose time is up lapse."""
    if 0 <= lapse_month(m, t) <= month:
        lapse_lots(m, i, s, t, month, cell)
        if t.p[0].has_due == 1:
            plan(m, i, s, t, t.months[month].end)


@rule
def sum_up(m, i, s, t):
    """The run is over for the member."""
    if t.p[0].goes_on == 1 and m.alive == 0:
        skip_to(m, i, s, t, t.p[0].end)
    if m.tier0 >= 0:
        s.migration[m.tier0, m.tier] += 1
    if m.first_buy <= t.p[0].end - 30.0:
        s.repurchase[0] += 1
        if m.second_gap <= 30.0:
            s.repurchase[1] += 1


@rule
def account(m, i, s, t, month, cell):
    """The month is closed for the member."""
    s.cube[cell, tally.MEMBERS] += 1
    s.cube[cell, tally.ALIVE] += m.alive
    s.cube[cell, tally.ALIVE0] += m.alive0
    s.cube[cell, tally.OUTSTANDING] += m.balance
    s.cube[cell, tally.PENDING] += m.pending
    if m.debt > 0:
        s.cube[cell, tally.OWED] += m.debt
    if m.alive == 1:
        s.cube[cell, tally.OPEN_AWARE if m.aware == 1 else tally.OPEN_UNAWARE] += m.balance + m.pending
    s.survival[m.cohort, month, 0] += m.alive
    s.survival[m.cohort, month, 1] += m.alive0
    if month == t.p[0].migration_month:
        m.tier0 = m.tier
    if month == len(t.months) - 1:
        sum_up(m, i, s, t)
    if len(t.tiers) > 1:
        roll(m, i, s, t, month)


@rule
def end_month(m, i, s, t, month):
    """All of it for one member."""
    review_tier(m, i, s, t, month, cell_of(m, t, month))
    campaign(m, i, s, t, month, cell_of(m, t, month))
    lapse_points(m, i, s, t, month, cell_of(m, t, month))
    account(m, i, s, t, month, cell_of(m, t, month))
