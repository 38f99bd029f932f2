"""Every measure of a whole run, with ONE definition: window, unit, denominator. Those of single months: sim.months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim import tally
from sim.incentive import Give
from sim.margin import (
    benefit_cost_by_month,
    fixed_cost_by_month,
    members_ever,
    net_margin_by_month,
    present_value,
    provision,
    ratio,
    redemption_cost,
)
from sim.outcome import Outcome
from sim.tally import COST_LINES


@dataclass(frozen=True)
class Measure:
    """A measure of a whole run. `good`: +1 more is better, -1 less is better, 0 neither by itself."""

    name: str
    title: str
    unit: str
    definition: str
    good: int
    compute: Callable[[Outcome], float]


def _per_member(name: str, scale: float = 1.0) -> Callable[[Outcome], float]:
    return lambda o: o.total(name) * scale / members_ever(o)


def _worth(o: Outcome) -> float:
    """Present value of the net margin of all members, less the provision in the last month, currency units."""
    flow = net_margin_by_month(o)
    flow[-1] -= provision(o)
    return float(present_value(flow, o.scenario.economics.discount_rate))


def _gross(o: Outcome, *names: str) -> float:
    """Gross margin in currency units on a sum of list-value tallies, a name led by '-' being taken off."""
    total = sum(-o.total(n[1:]) if n.startswith("-") else o.total(n) for n in names)
    return o.scenario.economics.gross_margin * total / 100.0


def _cost(o: Outcome) -> float:
    return float(benefit_cost_by_month(o).sum() + fixed_cost_by_month(o).sum()) + provision(o)


def _gain(o: Outcome) -> float:
    """Gross margin gained against the same members without a programme, and fees, currency units."""
    return _gross(o, "list_value", "-base_list") + o.total("fees") / 100.0


AT_PURCHASES = (
    "tier_discount", "incentive_discount", "coupon_value", "voucher_value", "reward_cost", "delivery_cost",
)  # fmt: skip
PER = "per member (those at the start and those who joined), whole run"

MEASURES: tuple[Measure, ...] = (
    Measure("incremental_net_margin", "Net margin gained", "money/member",
            "gross margin on list value, less that of the same members without a programme, plus membership fees, less benefit "
            f"cost, fixed cost and provision for open points; {PER}",
            1, lambda o: (_gain(o) - _cost(o)) / members_ever(o)),
    Measure("roi", "ROI", "ratio",
            "(incremental gross margin + membership fees - cost) / cost; cost = benefit cost + fixed cost + provision for open "
            "points; incremental against the same members without a programme; whole run", 1,
            lambda o: ratio(_gain(o) - _cost(o), _cost(o))),
    Measure("retention", "Retention", "share",
            "members at the start who are active (not lapsed) at the end of the run, never gone or come back / members at the "
            "start who were active then",
            1, lambda o: ratio(float(o.survival[0, -1, 0]), o.total("active_at_start"))),
    Measure("churned_share", "Churned", "share",
            "members lapsed at the end of the run / members then", -1,
            lambda o: 1 - o.by_month("alive")[-1] / o.by_month("members")[-1]),
    Measure("active_rate", "Monthly active rate", "share",
            "members with at least one purchase in the month / members at the month's end; mean of the months", 1,
            lambda o: float(np.mean(o.by_month("active") / o.by_month("members")))),
    Measure("repurchase_30", "Repurchase within 30 days", "share",
            "members with a second purchase within 30 days of their first in the run / members whose first purchase in the run "
            "lies at least 30 days before its end", 1, lambda o: ratio(float(o.repurchase[1]), float(o.repurchase[0]))),
    Measure("purchases_per_member", "Purchases", "purchases/member",
            f"purchases, those returned later included; {PER}", 1, _per_member("purchases")),
    Measure("basket", "Basket", "money/purchase", "paid less refunds / purchases; whole run", 1,
            lambda o: ratio(o.total("paid") / 100.0, o.total("purchases"))),
    Measure("list_value_per_member", "Sales at list price", "money/member",
            f"list value of purchases, before every benefit, less that of purchases returned; {PER}", 1,
            _per_member("list_value", 0.01)),
    Measure("revenue_per_member", "Revenue", "money/member",
            f"paid for purchases, after discounts, coupons and vouchers, less refunds; {PER}", 1, _per_member("paid", 0.01)),
    Measure("gross_margin_per_member", "Gross margin before benefits", "money/member",
            f"economics.gross_margin x list value; {PER}", 1, lambda o: _gross(o, "list_value") / members_ever(o)),
    Measure("margin_per_member", "Net margin", "money/member",
            "gross margin before benefits plus membership fees less benefit cost, fixed cost and provision for open points; "
            f"{PER}", 1,
            lambda o: (float(net_margin_by_month(o).sum()) - provision(o)) / members_ever(o)),
    Measure("lifetime_value", "Lifetime value over the horizon", "money/member",
            "net margin by month, the provision for open points in the last, discounted to day 0 at economics.discount_rate, "
            "a month's amount from its end; "
            "nothing beyond the run; per member", 1,
            lambda o: _worth(o) / members_ever(o)),
    Measure("fee_income", "Membership fees", "money/member", f"fees paid on joining and at renewals; {PER}", 1,
            _per_member("fees", 0.01)),
    Measure("refund_share", "Purchases returned", "share", "purchases returned in the run / purchases; whole run", 0,
            lambda o: ratio(o.total("refunds"), o.total("purchases"))),
    Measure("benefit_cost", "Benefit cost", "money/member", f"sum of the benefit cost lines; {PER}", -1,
            lambda o: float(benefit_cost_by_month(o).sum()) / members_ever(o)),
    Measure("fixed_cost", "Fixed cost", "money/member", f"set-up, running and catalogue cost of the programme; {PER}", -1,
            lambda o: float(fixed_cost_by_month(o).sum()) / members_ever(o)),
    Measure("provision", "Provision for open points", "money/member",
            "points open at the end of the run of members who have not lapsed (of those who do not know the programme only the "
            "run's share redeemed of points issued) x cost of a redeemed point; none of lapsed members; no open coupons; "
            "per member",
            -1, lambda o: provision(o) / members_ever(o)),
    Measure("benefit_cost_share", "Benefit cost / sales", "share", "benefit cost / list value of purchases; whole run", -1,
            lambda o: ratio(float(benefit_cost_by_month(o).sum()), o.total("list_value") / 100.0)),
    Measure("benefit_cost_of_revenue", "Benefit cost / revenue", "ratio",
            "benefit cost / paid for purchases, after discounts, coupons and vouchers, less refunds; whole run", -1,
            lambda o: ratio(float(benefit_cost_by_month(o).sum()), o.total("paid") / 100.0)),
    Measure("anyway_share", "Given to purchases that come anyway", "share",
            "discounts, coupons, vouchers, rewards and delivery handed over at purchases that the same members make without a "
            "programme too / all of those handed over, before settling with partners; whole run", -1,
            lambda o: ratio(o.total("both_cost"), sum(o.total(n) for n in AT_PURCHASES))),
    Measure("incremental_purchases", "Purchases gained", "purchases/member",
            f"purchases less those of the same members without a programme; {PER}", 1,
            lambda o: (o.total("purchases") - o.total("base_purchases")) / members_ever(o)),
    Measure("gain_from_attrition", "Gross margin from retention", "money/member",
            "gross margin on purchases of members who would have lapsed without the programme, less that on purchases lost to "
            f"members who lapsed with it; {PER}", 1, lambda o: _gross(o, "kept_list", "-gone_list") / members_ever(o)),
    Measure("gain_from_frequency", "Gross margin from frequency", "money/member",
            "gross margin on purchases made only with the programme, less that on those made only without, by members active "
            f"either way; {PER}", 1, lambda o: _gross(o, "gained_list", "-lost_list") / members_ever(o)),
    Measure("gain_from_basket", "Gross margin from basket", "money/member",
            f"gross margin on the change of list value of purchases made either way; {PER}", 1,
            lambda o: _gross(o, "both_list", "-both_base_list") / members_ever(o)),
    Measure("points_issued", "Points issued", "points/member", f"points credited or pending, bonuses included; {PER}", 0,
            _per_member("points_issued")),
    Measure("points_redeemed", "Points redeemed", "points/member", f"points spent on rewards; {PER}", 0,
            _per_member("points_redeemed")),
    Measure("points_expired", "Points expired", "points/member", f"points that lapsed; {PER}", 0,
            _per_member("points_expired")),
    Measure("points_clawed_back", "Points clawed back", "points/member",
            f"points taken back for purchases returned, when they are taken; {PER}", 0, _per_member("points_clawed_back")),
    Measure("points_owed", "Points owed", "points/member",
            "points to be clawed back that were no longer there, at the end of the run / members ever; not taken off the points "
            "outstanding of others", 0, lambda o: o.by_month("owed")[-1] / members_ever(o)),
    Measure("points_outstanding", "Points outstanding", "points/member",
            "balance and pending points at the end of the run / members ever", 0,
            lambda o: (o.by_month("outstanding")[-1] + o.by_month("pending")[-1]) / members_ever(o)),
    Measure("points_redemption_rate", "Redemption: points", "share", "points redeemed / points issued; whole run", 0,
            lambda o: ratio(o.total("points_redeemed"), o.total("points_issued"))),
    Measure("redeemer_share", "Redemption: members", "share", "members with at least one redemption / members ever; whole run",
            0, _per_member("first_redeemers")),
    Measure("redemption_cost", "Redemption: cost", "money/member", f"cost of rewards and value of vouchers redeemed, net of what "
            f"partners pay back; {PER}", -1, lambda o: redemption_cost(o) / members_ever(o)),
    Measure("redemptions_per_member", "Redemptions", "redemptions/member", f"rewards redeemed; {PER}", 0,
            _per_member("redemptions")),
    Measure("coupon_use", "Coupons used", "share", "coupons used / coupons issued; whole run", 0,
            lambda o: ratio(o.total("coupons_used"), o.total("coupons_issued"))),
    Measure("messages_per_member", "Messages", "messages/member", f"messages sent; {PER}", 0, _per_member("messages")),
    Measure("opted_out", "Opted out of messages", "share", "members who withdrew consent / members ever", -1,
            _per_member("opt_outs")),
)  # fmt: skip
BY_NAME = {measure.name: measure for measure in MEASURES}
LINE_TITLES = {
    "tier_discount": "Tier price",
    "incentive_discount": "Campaign prices",
    "coupon_value": "Coupons",
    "voucher_value": "Vouchers for points",
    "reward_cost": "Rewards for points",
    "gift_cost": "Gifts",
    "delivery_cost": "Free delivery",
    "care_cost": "Soft benefits",
    "message_cost": "Messages",
    "partner_charges": "Partner charges",
    "partner_recoveries": "Partner recoveries",
}


def measure_run(o: Outcome) -> dict[str, float]:
    """Every measure of a run by name: those of MEASURES, cost.<line>, tier_share.<tier>, tier_rise.<tier> where the tier has a
    price, migration.<from>.<to>, grants.<incentive> of those that give or announce something."""
    found = {m.name: float(m.compute(o)) for m in MEASURES}
    for line in COST_LINES:
        found[f"cost.{line}"] = o.total(line) / 100.0 / members_ever(o)
    last = o.cube[-1, :, :, tally.MEMBERS].sum(axis=1)
    names = [tier.name for tier in o.scenario.programme.tiers]
    for k, name in enumerate(names):
        found[f"tier_share.{name}"] = float(last[k] / last.sum())
        if o.scenario.programme.tiers[k].price < 1:
            bought, before = (o.cube[:, k, :, column].sum() for column in (tally.LIST_VALUE, tally.BASE_LIST))
            found[f"tier_rise.{name}"] = ratio(float(bought), float(before)) - 1.0
    for k, before in enumerate(names):
        whole = o.migration[k].sum()
        for j, after in enumerate(names):
            found[f"migration.{before}.{after}"] = ratio(float(o.migration[k, j]), float(whole))
    for row, given in zip(o.scenario.programme.incentives, o.grants, strict=True):
        if row.message or row.give != Give():
            found[f"grants.{row.name}"] = float(given) / members_ever(o)
    return found


def describe(name: str) -> tuple[str, str, str]:
    """(title, unit, definition) of any name that measure_run gives."""
    if name in BY_NAME:
        m = BY_NAME[name]
        return m.title, m.unit, m.definition
    kind, _, rest = name.partition(".")
    if kind == "cost":
        return LINE_TITLES[rest], "money/member", f"benefit cost of this line; {PER}"
    if kind == "tier_share":
        return f"In tier {rest}", "share", "members in the tier at the end of the run / members then, lapsed ones included"
    if kind == "tier_rise":
        return (
            f"More bought in tier {rest}",
            "ratio",
            "list value of what members buy while they are in the tier / of what the same members would have bought meanwhile "
            "without the programme - 1; whole run",
        )
    if kind == "grants":
        return f"Given: {rest}", "times/member", f"times that the incentive was given, or announced if it gives nothing; {PER}"
    before, _, after = rest.partition(".")
    return (
        f"From {before} to {after}",
        "share",
        "members of the first tier in the middle of the run who are in the second at its end / members of the first then",
    )
