"""What studies of loyalty programmes found and this model does not reproduce, or not whole (tests/test_facts.py)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unmet:
    """A published fact that the model does not reproduce, or not whole."""

    fact: str
    source: str
    here: str
    """what the model does instead"""


UNMET: tuple[Unmet, ...] = (
    Unmet(
        "Before the reward of a ten-stamp card gaps are about 20 % shorter than at its start.",
        "Kivetz, Urminsky, Zheng 2006",
        "By goal gradient alone they are. With every effect at its mean they are 12 % shorter: members borrow purchases from the "
        "days after, and begin the next card in the glow of the last.",
    ),
    Unmet(
        "Heavy buyers took most rewards and did not change; light and moderate ones did.",
        "Liu 2007; Hartmann, Viard 2008",
        "The same benefit changes them less, but they get more of it: with the designs of the library they take two thirds of "
        "the cost and their purchases rise at least as much as those of light buyers.",
    ),
    Unmet(
        "Who misses a goal buys less afterwards, most of all in high tiers.",
        "Wang et al. 2016",
        "Only a tier that is lost is felt: not a ladder, sprint or higher tier that is missed.",
    ),
    Unmet(
        "Deep discounts raise later buying of first-time customers and lower that of established ones.",
        "Anderson, Simester 2004",
        "A price acts while it holds. What follows is pull-forward, the same for all.",
    ),
    Unmet(
        "Each unit of cash back that was paid brought some 0.32 of later spending.",
        "Vana et al. 2018",
        "So the lift after a payment alone does (some 0.4). With what keeps members from leaving, small vouchers bring back two "
        "to three times what they cost, over years.",
    ),
    Unmet(
        "Members buy more before they redeem too, with no threshold in sight; and redemptions can rise without sales.",
        "Dorotic et al. 2014; Montoya, Flores 2019",
        "Before a redemption only goal gradient acts, and before the first one endowed progress.",
    ),
    Unmet(
        "Members hoard points without any economic reason, as if points were another money.",
        "Stourm, Bradlow, Fader 2015",
        "Whose points suffice redeems with a stated probability; why they wait is not modelled.",
    ),
    Unmet(
        "Who is not drawn by price deals feels points pressure most.",
        "Taylor, Neslin 2005",
        "Members differ in it by their purchase rate and baskets alone.",
    ),
    Unmet(
        "Of what a paid membership adds to spending, two thirds are not economic.",
        "Iyengar, Park, Yu 2022",
        "A fee moves no behaviour.",
    ),
    Unmet(
        "Members won by a free trial are worth 40 to 70 % less and react more.",
        "Datta et al. 2015",
        "Members do not differ by what they joined for.",
    ),
    Unmet(
        "Referred members stay longer, as long as who referred them does.",
        "Schmitt et al. 2011",
        "Nobody refers anybody.",
    ),
    Unmet(
        "A reward left to chance attracts if it is resolved at once.",
        "Shen et al. 2019",
        "Rewards are certain.",
    ),
    Unmet(
        "Between members and other customers lies three times the effect of the programme, and more: the keen enrol.",
        "Leenheer et al. 2007",
        "Every customer is a member.",
    ),
    Unmet(
        "A loss weighs 2.25 times as much as a gain, and both less than in proportion.",
        "Tversky, Kahneman 1992",
        "What a reward is worth grows less than in proportion, with nothing on the side of losses: they weigh more in demotion "
        "and in points about to lapse, by their own strengths.",
    ),
)
"""Facts of the literature on loyalty programmes which a reader may expect here."""
