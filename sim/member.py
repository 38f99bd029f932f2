"""The state of a member, field by field. Times are days since the start of the run; money is in minor units."""

from __future__ import annotations

import numpy as np

NEVER = 1e18  # a moment that does not come
LONG_AGO = -1e18  # a moment that never was

MEMBER = np.dtype(
    [
        # the clock of their life
        ("t_base", "f8"),  # next candidate of the baseline stream
        ("t_extra", "f8"),  # next candidate above the baseline
        ("task", "f8"),  # when they next do a task that the programme rewards; they get it at the month end
        ("due", "f8"),  # next moment at which the programme does something with them
        ("t_back", "f8"),  # next moment that brings them back if they have lapsed: at their next baseline candidate
        # what they are
        ("key", "i8"),  # address of their luck
        ("rate", "f8"),  # purchases a day at season factor 1
        ("gap", "f8"),  # 1 / rate
        ("leave", "f8"),  # probability of lapsing at a purchase of the baseline stream
        ("median", "f8"),  # median list value of their baskets, minor units, before inflation
        ("resp", "f8"),  # responsiveness to benefits, 1 = average buyer
        ("usual", "f8"),  # minor units they usually spend a day, list value
        ("appetite", "f8"),  # what a reward of one minor unit is to them: median ^ -power of reward_worth
        ("segment", "i8"),
        ("cohort", "i8"),  # 0 = there at the start, k = joined in month k - 1
        ("joined", "f8"),  # when they joined the programme
        ("enrolled", "i8"),  # 1 once they have joined
        ("birth_month", "i8"),
        ("birth_day", "i8"),
        ("aware", "i8"),  # knows what the programme offers
        ("flexible", "i8"),  # can shift purchases before points lapse
        ("muted", "i8"),  # has withdrawn consent to messages
        ("learning", "f8"),  # from 1 down they know the programme, or have had enough of messages: 1 / a uniform, times the
        ("patience", "f8"),  # chance at every message that it does not come to that, so that one draw a member does
        # where they stand with the shop
        ("n_base", "i8"),  # ordinal of the next baseline candidate
        ("n_extra", "i8"),
        ("n_back", "i8"),
        ("alive", "i8"),  # 1 = active customer, 0 = lapsed
        ("alive0", "i8"),  # the same had there been no programme
        ("last_buy", "f8"),
        ("first_buy", "f8"),  # first purchase in the run
        ("second_gap", "f8"),  # days from it to the second purchase in the run
        ("month_bought", "i8"),  # month of the last purchase, -1 before the first
        # where they stand with the programme
        ("tier", "i8"),
        ("tier0", "i8"),  # in the month from which migration is counted, -1 before
        ("failed", "i8"),  # month end, from month_zero, at which they were first found not to qualify, -1 = they do
        ("spend_q", "i8"),  # qualifying figures in the window
        ("points_q", "i8"),
        ("count_q", "i8"),
        ("balance", "i8"),  # points that can be spent = sum of the open lots
        ("pending", "i8"),  # points that cannot yet
        ("pend_day", "f8"),  # when the first of them can
        ("debt", "i8"),  # points clawed back that were no longer there; while there is any, the balance is 0
        ("refund_day", "f8"),  # when the next purchase is returned
        ("oldest", "i8"),  # month of the oldest open lot
        ("longer", "i8"),  # months added to the life of their points
        ("capped", "i8"),  # points earned by purchases in month_bought, for the cap
        ("head", "i8"),  # points given on joining, until the first redemption or lapse of points
        ("redeemed", "i8"),  # redemptions in the run
        ("buys", "i8"),  # purchases in the run
        ("card_until", "f8"),
        ("fee_until", "f8"),  # end of the term that they have paid for, NEVER = the next purchase pays for one
        # what they carry in mind
        ("reward_at", "f8"),  # last redemption
        ("glow", "f8"),  # what rewards are to them right after it, 1 = as good as a basket, decaying
        ("demoted_at", "f8"),
        ("benefit", "f8"),  # minor units of benefit of late, decaying
        ("benefit_at", "f8"),
        ("pulled", "f8"),  # induced purchases of late, decaying
        ("pulled_at", "f8"),
        ("sent", "f8"),  # messages of late, decaying
        ("sent_at", "f8"),
        ("pull", "f8"),  # value of open coupons as a log price cut
        ("pull_until", "f8"),
    ]
)

QUALIFYING = np.dtype([("spend", "i8"), ("points", "i8"), ("count", "i8")])  # one month of a rolling window

REFUND = np.dtype(
    [  # purchases of one member that are to be returned on one day, all made on one day
        ("count", "i8"),
        ("paid", "i8"),  # minor units, as all amounts
        ("tier_discount", "i8"),
        ("incentive_discount", "i8"),
        ("coupon_value", "i8"),
        ("voucher_value", "i8"),
        ("both_list", "i8"),  # by what they are beside the world without a programme, as in sim.tally
        ("both_base_list", "i8"),
        ("both_off", "i8"),  # list value less paid of those made in both worlds
        ("gained_list", "i8"),
        ("kept_list", "i8"),
        ("lost_list", "i8"),
        ("gone_list", "i8"),
        ("points", "i8"),  # earned by them
        ("spendable", "f8"),  # day on which these could be or can be spent first
        ("lot", "i8"),  # month of that day; counts only where the day lies before the run, which knows the month of every other
        ("month", "i8"),  # of the purchases
        ("spend_q", "i8"),  # what they added to the present qualification window
        ("points_q", "i8"),
        ("count_q", "i8"),
    ]
)

WALLET = np.dtype(
    [  # one member, one incentive
        ("given", "i8"),  # grants so far
        ("acc", "i8"),  # minor units or purchases in the present window of a ladder or sprint
        ("period", "i8"),  # which window that is
        ("until", "f8"),  # open coupon valid until; 0 = none
        ("pull", "f8"),  # what that coupon is on a usual basket, as a log price cut
        ("next", "f8"),  # next moment of a timed trigger
        ("mark", "f8"),  # lapse date that was last announced
    ]
)
