"""A scenario as the engine reads it: NumPy records, money in minor units, prices in ten-thousandths, times in days.

What the records are; `sim.tabulating` makes them of a scenario.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim.calendar import DAY, MONTH
from sim.effects import EFFECTS
from sim.typing import Array, Floats, Ints

RULES = np.dtype(
    [
        ("seed", "i8"), ("end", "f8"), ("steady", "i8"), ("op_end", "f8"),
        ("n_start", "i8"), ("new_per_month", "i8"), ("buys_on_joining", "i8"),
        ("first_new", "i8"),  # key of the first member who joins during the run
        ("base", "i8"),  # members to whom the joiners of a month and the fixed costs are in proportion
        ("opened", "i8"),  # 1 = the run goes on from given members
        ("goes_on", "i8"),  # 1 = another will go on from its end
        ("day_zero", "i8"), ("month_zero", "i8"),  # days and months from the start of the first run to this one's
        ("level_days", "f8"),  # days for which growth and inflation have run at the start
        ("cohorts", "i8"), ("past", "i8"),  # points by month of credit are kept; months before the start that they can be from
        ("regular", "i8"), ("stage", "f8"), ("mean_rate", "f8"), ("return_rate", "f8"), ("may_return", "i8"),
        ("ln_median", "f8"), ("sigma", "f8"), ("mean_to_median", "f8"), ("sigma_between", "f8"), ("rate_correlation", "f8"),
        ("history_from", "f8"), ("history_to", "f8"), ("dearer", "i8"),
        ("standing_share", "f8"), ("standing_since", "f8"),
        ("has_points", "i8"), ("points_milli", "i8"), ("round_points", "i8"), ("counts_points", "i8"),
        ("earn_paid", "i8"), ("pending_days", "i8"), ("cap", "i8"),
        ("clawback", "i8"),
        ("has_refunds", "i8"), ("refund_share", "f8"), ("refund_days", "i8"), ("refund_slots", "i8"),
        ("window", "i8"), ("window_months", "i8"), ("qualify_paid", "i8"), ("at_once", "i8"),
        ("downgrade", "i8"), ("grace", "i8"),
        ("expiry", "i8"), ("expiry_months", "i8"), ("expiry_month", "i8"), ("slots", "i8"), ("card_days", "f8"),
        ("fee", "i8"), ("fee_days", "f8"),
        ("redeem", "f8"), ("delivery_cost", "i8"), ("delivery_charge", "i8"), ("message_cost", "i8"), ("point_cost", "f8"),
        ("has_incentives", "i8"), ("has_goals", "i8"),
        # bit k: incentive k does something during its time; of these, those whose time is always, the month of the birthday,
        # and those that can move the purchase rate
        ("lasting", "i8"), ("always", "i8"), ("birthdays", "i8"), ("felt", "i8"),
        ("felt_cut", "f8"),  # log price cut of all that can move the purchase rate
        ("by_category", "i8"),  # bit k: incentive k asks for a category
        ("on_first", "i8"),  # how many incentives a first purchase may trigger
        ("migration_month", "i8"),  # tier migration runs from the end of this month to the end of the run
        ("watch_from", "f8"), ("watch_days", "f8"), ("watch_periods", "i8"),
        ("has_due", "i8"),  # 1 = something can fall due between month ends
        ("calm", "i8"),  # 1 = no effect acts: purchases and leaving are the baseline's
        # addresses of the formulas of users' own effects by what they move, 0 = none; the log lift that they cannot exceed
        ("own_rate", "i8"), ("own_basket", "i8"), ("own_leaving", "i8"), ("own_redeeming", "i8"), ("own_most", "f8"),
        ("weekday", "i8"),  # of the first day, 0 = Monday
    ]
)  # fmt: skip

PLAIN: dict[str, int | float] = {
    "calm": 1, "opened": 0, "cohorts": 0, "watch_periods": 0, "has_incentives": 0, "has_goals": 0, "has_due": 0,
    "lasting": 0, "always": 0, "birthdays": 0, "felt": 0, "by_category": 0,
    "has_refunds": 0, "pending_days": 0, "card_days": 0.0, "fee": 0, "cap": 0, "counts_points": 0, "dearer": 0,
    "own_rate": 0, "own_basket": 0, "own_leaving": 0, "own_redeeming": 0,
}  # fmt: skip
"""What holds of RULES in a plain run: points and tiers at most, no effect, nothing that falls due between month ends."""

TIER = np.dtype(
    [
        ("spend", "i8"), ("points", "i8"), ("purchases", "i8"),  # -1 = not asked
        ("price", "i8"), ("log_cut", "f8"), ("micro", "i8"), ("free_delivery", "i8"),
        ("care_cost", "i8"), ("care_value", "f8"),
        ("status", "f8"),  # its number; of more than three tiers in steps that make the highest 2
    ]
)  # fmt: skip

REWARD = np.dtype([("points", "i8"), ("kind", "i8"), ("value", "i8"), ("cost", "i8"), ("months", "i8"),
                   ("charge", "i8"), ("recovered", "i8"),
                   ("step", "f8"), ("worth", "f8")])  # see sim.worth  # fmt: skip
GOODS, SERVICE, VOUCHER, TIER_UPGRADE, LONGER_VALIDITY = range(5)
REWARD_KINDS = ("goods", "service", "voucher", "tier_upgrade", "longer_validity")

NO_BUDGET = -1
"""of an incentive that nothing bounds; of one with a budget, 0 is left when it is used up and nobody has asked for more"""

INCENTIVE = np.dtype(
    [
        ("event", "i8"), ("window", "i8"), ("reach", "i8"), ("on_paid", "i8"), ("days", "f8"), ("before", "f8"),
        ("tier", "i8"), ("gap", "f8"), ("tiers", "i8"), ("segments", "i8"), ("category", "i8"),
        ("min_basket", "i8"), ("points", "i8"), ("coupon", "i8"), ("coupon_min", "i8"), ("coupon_days", "f8"),
        ("gift_cost", "i8"), ("gift_value", "i8"), ("gift_charge", "i8"), ("gift_recovered", "i8"), ("lifts_to", "i8"),
        ("lasting", "i8"), ("earning", "i8"), ("price", "i8"), ("log_cut", "f8"), ("free_delivery", "i8"),
        ("message", "i8"),
        ("budget", "i8"),  # minor units that are left of it at the start of the run, or NO_BUDGET
        ("limit", "i8"), ("group", "i8"), ("valid_from", "f8"), ("valid_until", "f8"), ("timed", "i8"),
        ("unplanned", "f8"),  # NEVER where the next moment is not known ahead: the lapse of points depends on the balance
        ("goal", "i8"), ("gives", "i8"),
        ("luck", "i8"),  # address of its random words
        ("special", "f8"),  # how much of a member day its days are
        ("bare", "f8"), ("worth", "f8"),  # of what it gives, without its coupon and with it, see sim.worth
    ]
)  # fmt: skip
EVENTS = (
    "sign_up", "first_purchase", "purchase", "spend_in_window", "count_in_window", "calendar", "birthday", "inactivity",
    "anniversary", "tier_reached", "task", "points_expiring",
)  # fmt: skip
(
    SIGN_UP, FIRST_PURCHASE, PURCHASE, SPEND_IN_WINDOW, COUNT_IN_WINDOW, CALENDAR, BIRTHDAY, INACTIVITY, ANNIVERSARY,
    TIER_REACHED, TASK, POINTS_EXPIRING,
) = range(len(EVENTS))  # fmt: skip
TIMED = (BIRTHDAY, INACTIVITY, ANNIVERSARY, POINTS_EXPIRING)

CALL = np.dtype([("at", "f8"), ("upto", "f8"), ("incentive", "i8")])
"""A moment of the programme's timetable; upto: the next float after it. What falls due to a member at the moment comes first."""

EXPIRIES = ("never", "rolling", "fixed_date", "inactivity")
NEVER_LAPSE, ROLLING, ON_DATE, INACTIVE = range(4)
CUMULATIVE, BLOCKS, ROLLING_WINDOW = range(3)
STAY, ONE_STEP, FULL = range(3)
LEAVE, TO_ZERO, OWE = range(3)
CLAWBACKS = ("none", "to_zero", "negative")

DECAYS = {f"{e.name}_decay": f"{e.name}_{q.name}" for e in EFFECTS for q in e.parameters if q.unit == "days"}
"""1 / the days over which something of an effect fades or looms, and those days"""
BEHAVIOUR = np.dtype([(f"{e.name}_{q.name}", "f8") for e in EFFECTS for q in e.parameters] + [(name, "f8") for name in DECAYS])
MOVES_RATES = (
    "price_response_rate", "price_response_basket", "goal_gradient_strength", "endowed_progress_strength",
    "points_pressure_strength", "tier_status_strength", "member_day_strength", "member_day_after",
    "reward_afterglow_strength", "demotion_strength", "demotion_leaving",
    "expiry_pressure_strength", "retention_strength", "win_back_returns", "win_back_wakes", "messages_response",
)  # fmt: skip
SEGMENT = np.dtype([("upto", "f8"), ("rate", "f8"), ("basket", "f8")])

BOUND = 4.0
"""No response may exceed this multiple of the baseline rate. A convention of the engine and not of a scenario, so that
every scenario meets the same candidates."""
SCORES = np.linspace(-8.0, 8.0, 4097)
"""Normal scores at which the heterogeneity quantiles are tabulated; between them logs are interpolated."""


def with_budget(incentives: Array) -> Ints:
    """Numbers of the incentives (of INCENTIVE) that have a budget."""
    return np.flatnonzero(incentives["budget"] != NO_BUDGET)


class Tables(NamedTuple):
    """Everything that a rule may read."""

    p: Array
    """(1,) of RULES"""
    b: Array
    """(1,) of BEHAVIOUR"""
    tiers: Array
    rewards: Array
    """by points, ascending"""
    incentives: Array
    days: Array
    """(days + 1,) of calendar.DAY"""
    months: Array
    day_of_op: Ints
    """day in which each whole unit of operational time falls"""
    starts: Floats
    """(months + those beyond the run,) first day of each month, as far as members look ahead"""
    calls: Array
    """of CALL: moments at which calendar incentives are announced or given, in the order of time, then of the table"""
    rates: Floats
    """log quantiles of the purchase rate at SCORES"""
    leaving: Floats
    """log quantiles of the leaving probability at SCORES"""
    standing_rates: Floats
    """score of the purchase rate among joiners at SCORES of members there before the data; empty without such"""
    standing_leaving: Floats
    """score of their leaving probability, at each of standing_tables.RATES one after another"""
    segments: Array
    categories: Floats
    """cumulative shares"""
    open_to: Ints
    """(tiers * segments,) incentives open to a tier and segment, as bits"""
    periods: Ints
    """(windows, months) number of the month, quarter, year or programme window in which a month lies"""
    window_ends: Floats
    """(days + 1, windows) when the present month, quarter or year ends; a window that lasts the programme has no deadline"""
    budgeted: Ints
    """incentives that a budget may close or has closed"""
    closes: Floats
    """(incentives,) moment at which a budget closed the incentive"""
    closes_for: Ints
    """(incentives,) key of the member at whom it did: of those served at that very moment, lower keys still were"""
    lasting: Ints
    """incentives, in the order of the table: those that do something during their time ..."""
    felt: Ints
    """... of these, those that can move the purchase rate"""
    timed: Ints
    """those with moments of their own ..."""
    expiring: Ints
    """... of these, those that announce the lapse of points ..."""
    waiting: Ints
    """... and those that a purchase puts off"""
    goals: Ints
    """those with a figure to reach in a window"""
    bought: Ints
    """those that a first purchase may trigger, then those that any other may"""
    coupons: Ints
    """those that give a coupon"""
    tasks: Ints
    """those for tasks done"""
    own: Floats
    """parameters of the users' own effects that are on, one after another"""


LAYOUT = {
    "p": (RULES, "*"), "b": (BEHAVIOUR, "*"), "tiers": (TIER, "*"), "rewards": (REWARD, "*"), "incentives": (INCENTIVE, "*"),
    "days": (DAY, "*"), "months": (MONTH, "*"), "day_of_op": (np.int64, "*"), "starts": (np.float64, "*"),
    "calls": (CALL, "*"), "rates": (np.float64, "*"), "leaving": (np.float64, "*"),
    "standing_rates": (np.float64, "*"), "standing_leaving": (np.float64, "*"), "segments": (SEGMENT, "*"),
    "categories": (np.float64, "*"), "open_to": (np.int64, "*"), "periods": (np.int64, "**"),
    "window_ends": (np.float64, "**"), "budgeted": (np.int64, "*"), "closes": (np.float64, "*"), "closes_for": (np.int64, "*"),
    "lasting": (np.int64, "*"), "felt": (np.int64, "*"), "timed": (np.int64, "*"), "expiring": (np.int64, "*"),
    "waiting": (np.int64, "*"), "goals": (np.int64, "*"), "bought": (np.int64, "*"), "coupons": (np.int64, "*"),
    "tasks": (np.int64, "*"), "own": (np.float64, "*"),
}  # fmt: skip
"""dtype and shape of every array of Tables"""


def minor(amount: float) -> int:
    """Currency units as minor units, rounded half up."""
    return math.floor(amount * 100 + 0.5)
