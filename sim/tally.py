"""What the engine counts: one integer a (month, tier, segment, tally). Money in minor units.

The engine adds to these and to nothing else; every published measure is computed from them in sim/measures.py and sim/months.py.
"""

from __future__ import annotations

TALLIES = {
    "joined": "members who joined the programme",
    "purchases": "purchases, those returned later included",
    "list_value": "of purchases, before any benefit, less that of purchases returned; so every amount of purchases below",
    "paid": "for purchases, after every discount, coupon and voucher, less refunds",
    "refunds": "purchases returned",
    "refunded_list": "list value of purchases returned",
    "refunded_paid": "given back for them",
    "tier_discount": "tier_discount",
    "incentive_discount": "incentive_discount",
    "coupon_value": "taken off by coupons",
    "voucher_value": "taken off by redeemed vouchers",
    "reward_cost": "goods and services redeemed",
    "gift_cost": "gift_cost",
    "delivery_cost": "free delivery",
    "care_cost": "soft benefits",
    "message_cost": "message_cost",
    "partner_charges": "billed by partners for rewards and gifts handed over",
    "partner_recoveries": "paid back by partners for them, below 0",
    "reward_partners": "both, of rewards",
    "fees": "membership fees paid",
    "messages": "messages",
    "opt_outs": "opt_outs",
    "coupons_issued": "coupons_issued",
    "coupons_used": "coupons_used",
    "points_issued": "points_issued",
    "points_bonus": "of those, not earned by the value of a purchase",
    "points_redeemed": "points_redeemed",
    "points_expired": "points_expired",
    "points_clawed_back": "points taken back for purchases returned, when they are taken",
    "redemptions": "redemptions",
    "first_redeemers": "members at their first redemption in the run",
    "active": "members at their first purchase of the month",
    "lapses": "lapses",
    "returns": "returns",
    "upgrades": "upgrades",
    "downgrades": "downgrades",
    "base_purchases": "of the same members had there been no programme",
    "base_list": "base_list",
    "both_purchases": "made with and without the programme",
    "both_list": "both_list",
    "both_base_list": "both_base_list",
    "both_cost": "benefits handed over at those purchases",
    "gained_list": "made only with the programme, member active without it too",
    "gained_purchases": "gained_purchases",
    "lost_list": "made only without, member active with it too",
    "kept_list": "made with the programme by members who would have lapsed without it",
    "kept_purchases": "kept_purchases",
    "gone_list": "made without by members who have lapsed with it",
    "members": "at month end",
    "alive": "of those, not lapsed",
    "alive0": "of those, not lapsed had there been no programme",
    "outstanding": "points at month end, spendable",
    "pending": "points at month end, not yet spendable",
    "owed": "points at month end that were to be clawed back and were no longer there",
    "open_aware": "of both, those of members who have not lapsed and know the programme",
    "open_unaware": "of both, those of members who have not lapsed and do not know it",
    "active_at_start": "members there at the start who had not lapsed then",
    "over_bound": "responses above the bound; any fails the run",
    "no_number": "formulas of own effects that gave no number; any fails the run",
}
"""Name and meaning, in the order of the constants below."""

NAMES = tuple(TALLIES)
SIZE = len(NAMES)

# fmt: off
(
    JOINED, PURCHASES, LIST_VALUE, PAID, REFUNDS, REFUNDED_LIST, REFUNDED_PAID, TIER_DISCOUNT, INCENTIVE_DISCOUNT,
    COUPON_VALUE, VOUCHER_VALUE, REWARD_COST, GIFT_COST, DELIVERY_COST, CARE_COST, MESSAGE_COST, PARTNER_CHARGES,
    PARTNER_RECOVERIES, REWARD_PARTNERS, FEES, MESSAGES, OPT_OUTS, COUPONS_ISSUED, COUPONS_USED, POINTS_ISSUED,
    POINTS_BONUS, POINTS_REDEEMED, POINTS_EXPIRED, POINTS_CLAWED_BACK, REDEMPTIONS, FIRST_REDEEMERS, ACTIVE, LAPSES,
    RETURNS, UPGRADES, DOWNGRADES, BASE_PURCHASES, BASE_LIST, BOTH_PURCHASES, BOTH_LIST, BOTH_BASE_LIST, BOTH_COST,
    GAINED_LIST, GAINED_PURCHASES, LOST_LIST, KEPT_LIST, KEPT_PURCHASES, GONE_LIST, MEMBERS, ALIVE, ALIVE0, OUTSTANDING,
    PENDING, OWED, OPEN_AWARE, OPEN_UNAWARE, ACTIVE_AT_START, OVER_BOUND,
    NO_NUMBER,
) = range(SIZE)
# fmt: on

COST_LINES = (
    "tier_discount",
    "incentive_discount",
    "coupon_value",
    "voucher_value",
    "reward_cost",
    "gift_cost",
    "delivery_cost",
    "care_cost",
    "message_cost",
    "partner_charges",
    "partner_recoveries",
)
"""Benefit cost by line; the fixed cost of the programme comes on top."""
