"""The registry of behavioural effects: what each does, its parameters with unit and prior, its source.

Magnitudes were measured in cafes, hotels, grocery and telecom; carrying them over is an assumption, so every one is a
prior with a spread. Facts that a run must reproduce are tested in tests/test_effects.py. The formulas themselves are
in sim/rules/response.py; here stands what a reader of a report must know.
"""

from __future__ import annotations

from dataclasses import dataclass

LIFT = "log lift of the purchase rate"


@dataclass(frozen=True)
class Parameter:
    """One number of an effect: prior mean and standard deviation (0 = a convention, not an estimate), and bounds."""

    name: str
    unit: str
    mean: float
    sd: float
    low: float
    high: float
    off: float
    """value at which the effect vanishes"""
    says: str


@dataclass(frozen=True)
class Effect:
    """One behavioural effect."""

    name: str
    says: str
    formula: str
    source: str
    parameters: tuple[Parameter, ...]


def _p(
    name: str, unit: str, mean: float, sd: float, low: float, high: float, says: str, off: float | None = None
) -> Parameter:
    return Parameter(name, unit, mean, sd, low, high, 0.0 if off is None else off, says)


def _days(name: str, mean: float, says: str) -> Parameter:
    return _p(name, "days", mean, 0.0, 1.0, 3650.0, says, off=mean)


EFFECTS: tuple[Effect, ...] = (
    Effect(
        "price_response",
        "Lower prices and open coupons bring members more often and make baskets larger.",
        "log rate += rate * d * r, log basket += basket * d * r; d = -log(price paid / list price), r = responsiveness; of open "
        "coupons the best counts, as a price cut of its value / the member's median basket or its own threshold, the higher, * "
        "the share of the member's baskets that reach the threshold; "
        "free delivery counts as one of market.delivery_charge / the median basket",
        "direction: Anderson, Simester 2004; size: an assumption, set well under brand-level promotion elasticities",
        (
            _p("rate", "elasticity of purchase rate", 0.8, 0.3, 0.0, 3.0, "purchase rate against price"),
            _p("basket", "elasticity of basket", 0.2, 0.1, 0.0, 1.5, "list value of a basket against price"),
        ),
    ),
    Effect(
        "goal_gradient",
        "Members buy sooner the nearer the next reward is.",
        "log rate += strength * share of the way from the dearest reward that the balance affords (none: from 0 points) to the "
        "next dearer * w * r; w = reward worth of what that one is worth more than the best below it; 0 where the member has no "
        "use for it; where usual spend takes longer than horizon to earn what is missing, x horizon / that time",
        "Kivetz, Urminsky, Zheng 2006: the last gap of a ten-stamp card for one free coffee is about 20 % shorter than the first",
        (
            _p("strength", LIFT, 0.25, 0.06, 0.0, 0.8, "at the goal, against the start"),
            _days("horizon", 365.0, "further off a reward draws less"),
        ),
    ),
    Effect(
        "endowed_progress",
        "Who was given points on joining has begun already, and goes on to the first reward.",
        "log rate += strength * min(1, 5 * points given on joining / points of the next reward) * w * r, w and horizon as above, "
        "until the first redemption or lapse of points",
        "Nunes, Dreze 2006: with two of ten stamps given 34 % completed the card, with eight to go from the start 19 %; that "
        "takes 0.2 of members who buy at random and alike, 0.65 of very unequal ones. No more beyond a fifth: an assumption",
        (_p("strength", LIFT, 0.40, 0.15, 0.0, 1.0, "where a fifth of the way was given"),),
    ),
    Effect(
        "points_pressure",
        "Members buy more when a tier, ladder or sprint is near and its deadline is near; of several the strongest counts.",
        "log rate += strength * (1 - gap / (typical spend in horizon))+ * exp(-days to the deadline / horizon) * r; none for "
        "what has no deadline; of a ladder or sprint * w, the reward worth of what it gives (a tier: 1); what a coupon adds "
        "counts by the share of the member's baskets that reach its threshold",
        "Taylor, Neslin 2005: a few per cent of sales",
        (
            _p("strength", LIFT, 0.15, 0.06, 0.0, 0.8, "at the threshold on the last day"),
            _days("horizon", 45.0, "how far ahead members look"),
        ),
    ),
    Effect(
        "tier_status",
        "A higher tier is itself a reason to buy.",
        "log rate += strength * tier number (0 for the lowest) * r; of more than three tiers in equal steps that make the "
        "highest 2, an assumption: a ladder of many names is no higher",
        "Kopalle et al. 2012: rewards and tiers each add",
        (_p("strength", LIFT, 0.04, 0.02, 0.0, 0.3, "for each tier above the lowest"),),
    ),
    Effect(
        "member_day",
        "Members who know of an announced day shift purchases to it from the day after, and add some.",
        "log rate += strength * s on a calendar incentive's days, -= after * s on the day after one; s = 1 for points doubled or "
        "5 % off, in proportion for less, / days a month (an assumption: a day is special by its offer and by being rare)",
        "trade report on member days: +85 % on the day, -35 % on the next",
        (
            _p("strength", LIFT, 0.615, 0.15, 0.0, 1.1, "on the day; log 1.85 = 0.615"),
            _p("after", LIFT, 0.431, 0.12, 0.0, 1.5, "fall on the day after; -log 0.65 = 0.431"),
        ),
    ),
    Effect(
        "pull_forward",
        "A purchase that an incentive induced is partly borrowed from the days after.",
        "log rate -= strength * induced purchases, each decaying as exp(-t / days)",
        "direction: trade report on member days; size per purchase an assumption",
        (
            _p("strength", LIFT, 0.4, 0.15, 0.0, 2.0, "just after one induced purchase"),
            _days("days", 10.0, "decay time"),
        ),
    ),
    Effect(
        "reward_afterglow",
        "A redeemed reward lifts buying for a while.",
        "log rate += strength * g * r; g = what redemptions left, each w, their sum cut to 1 at each, * exp(-days since / days); "
        "w = reward worth",
        "Taylor, Neslin 2005; Dreze, Nunes 2011: the reset after a reward is partial",
        (
            _p("strength", LIFT, 0.10, 0.04, 0.0, 0.6, "right after the reward"),
            _days("days", 45.0, "decay time"),
        ),
    ),
    Effect(
        "reward_worth",
        "A small reward draws and pleases less than one as good as a basket.",
        "w = min(1, (value to the member / median basket)^power), in goal gradient, reward afterglow, and points pressure of "
        "ladders and sprints; value: as stated, of points what they buy at best, of a reward without one its points likewise; "
        "where no reward states a value, w of rewards is 1 and points given are worth nothing; off: w = 1",
        "Tversky, Kahneman 1992: the value of a gain grows as its 0.88th power. That what was measured with rewards of a whole "
        "basket shrinks so is an assumption; it was not fitted to, and agrees with, Vana et al. 2018: 0.32 of spending for each "
        "unit of cash back paid",
        (_p("power", "power", 0.88, 0.12, 0.0, 1.5, "growth of the draw with the worth"),),
    ),
    Effect(
        "demotion",
        "Losing a tier hurts more than gaining it helped.",
        "log rate -= strength * exp(-t / days), log leaving += leaving * exp(-t / days); t = days since the downgrade",
        "Wagner et al. 2009: loss about twice the gain, an up-and-down cohort ends below the never-promoted",
        (
            _p("strength", LIFT, 0.15, 0.06, 0.0, 1.0, "right after a downgrade"),
            _p("leaving", "log lift of leaving", 0.30, 0.12, 0.0, 1.5, "right after a downgrade"),
            _days("days", 365.0, "decay time"),
        ),
    ),
    Effect(
        "expiry_pressure",
        "Flexible members buy and redeem before points lapse.",
        "flexible members with points lapsing within horizon: log rate += strength * r; every member: odds of "
        "redeeming x (1 + redeeming)",
        "Breugelmans, Liu-Thompkins 2017: purchases rise only in flexible members",
        (
            _p("strength", LIFT, 0.12, 0.05, 0.0, 0.8, "while points are about to lapse"),
            _p("flexible", "share of members", 0.4, 0.1, 0.0, 1.0, "members who can shift purchases", off=0.4),
            _p("redeeming", "relative change of odds", 0.5, 0.25, 0.0, 5.0, "redeeming while points are about to lapse"),
            _days("horizon", 30.0, "about to lapse means within"),
        ),
    ),
    Effect(
        "retention",
        "Benefits received lately keep members from leaving.",
        "leaving x exp(-strength * x / (x + half)); x = benefits of late, exponentially weighted over `days`, / spend "
        "that is usual for the member in as long",
        "Gopalakrishnan et al. 2021: most of the value of a programme without tiers came through attrition",
        (
            _p("strength", "log fall of leaving", 0.65, 0.20, 0.0, 2.0, "at very large benefits"),
            _p("half", "benefits / usual spend", 0.04, 0.0, 0.001, 1.0, "benefit rate with half the effect", off=0.04),
            _days("days", 120.0, "memory for benefits"),
        ),
    ),
    Effect(
        "win_back",
        "A win-back message brings some lapsed members back, and wakes some sleepers up to leave.",
        "at an inactivity message with an offer a lapsed member returns with probability returns, an active one leaves "
        "with probability wakes",
        "field report: 4 % treated v 0.9 % natural; Ascarza et al. 2016: an offer can wake a sleeper up to leave",
        (
            _p("returns", "probability", 0.031, 0.010, 0.0, 0.5, "above the natural return"),
            _p("wakes", "probability", 0.010, 0.008, 0.0, 0.2, "an active member leaves"),
        ),
    ),
    Effect(
        "messages",
        "Messages are noticed, then tire: response rises and falls with their number, and each can end consent.",
        "log rate += response * n * exp(-fatigue * n) * r, n = messages of late (each decays over `days`); "
        "P(opt out at a message) = opt_out * n",
        "Kumar et al. 2014; Bies et al. 2021",
        (
            _p("response", LIFT, 0.06, 0.03, 0.0, 0.5, "first message, before fatigue"),
            _p("fatigue", "per message", 0.35, 0.10, 0.0, 3.0, "fall of the response a message", off=0.35),
            _p("opt_out", "probability", 0.004, 0.002, 0.0, 0.2, "at a message, per message of late"),
            _days("days", 14.0, "decay time"),
        ),
    ),
    Effect(
        "awareness",
        "Most members do not know what they can use; who does not know does not react.",
        "a member is aware from the start with probability share, and learns at each message with probability learns; "
        "an unaware member uses no coupon, redeems nothing, neither buys more nor stays for any benefit, and feels no loss of a "
        "tier, nor does what came before they knew count once they do; that they notice messages all the same is an assumption",
        "plan P1: 67 % do not know (no checkable source); learning rate an assumption",
        (
            _p("share", "share of members", 0.33, 0.08, 0.0, 1.0, "aware at joining", off=1.0),
            _p("learns", "probability", 0.10, 0.05, 0.0, 1.0, "an unaware member learns from a message", off=0.10),
        ),
    ),
    Effect(
        "responsiveness",
        "The same benefit changes heavy buyers less than light ones.",
        "r = (rate / mean rate)^-exponent, between 1/3 and 2",
        "Liu 2007; Hartmann, Viard 2008",
        (_p("exponent", "power", 0.3, 0.12, 0.0, 1.0, "fall of the response with the purchase rate"),),
    ),
    Effect(
        "catalogue_wear",
        "Rewards that never change lose their appeal.",
        "odds of redeeming x exp(-fading * months since the catalogue was refreshed)",
        "plan P4 (A10) refreshes monthly; size an assumption",
        (_p("fading", "per month", 0.03, 0.02, 0.0, 0.5, "fall of the odds of redeeming"),),
    ),
)

BY_NAME = {effect.name: effect for effect in EFFECTS}
