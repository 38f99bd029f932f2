"""Whether members were there before the rows begin: the user's answer, what it changes, and rows that say otherwise.

No row says it. Rows of members who were all there before are as likely whether they had come that day or over years. What they do
next is not: of those who had come over years who buys often and leaves easily has left before (scenarios.calibration.standing).
"""

from __future__ import annotations

from typing import Literal, get_args

from scipy.special import expit

from scenarios.calibration.bgnbd import JOINED, Model, log_first
from scenarios.calibration.candidates import Fit
from scenarios.numerals import percent
from sim.errors import InputError

Before = Literal["none", "launch", "steady", "unknown"]
"""none: nobody was there, each member's first row is their first purchase; launch: who was there had joined just then; steady:
they had come at a steady pace; unknown: not told, who was there is taken to be as joiners are"""
ASKED = "--members-before"
_SURE = 10.0  # of a log-likelihood: 22,000 times as likely
_NOBODY = 0.05


def before_of(answer: str) -> Before:
    """`answer` as one of Before; InputError when it is none."""
    for allowed in get_args(Before):
        if answer == allowed:
            found: Before = allowed
            return found
    raise InputError(f"{ASKED}: found {answer!r}; allowed are {', '.join(get_args(Before))}")


def check_before(before: Before, joining: Fit, come: Fit, where: str) -> None:
    """InputError of the table `where` when its rows say otherwise than `before`.

    `joining`: of members of whom some had just come and others joined; `come`: of members who all joined with their first
    purchase. It is judged by what members did given the day of that: on which days who joins tells nothing.
    """
    if before == "unknown":
        return
    first = log_first(joining.candidate.model, joining.theta, joining.data)
    gain = joining.log_likelihood - float(joining.data.count @ first) - come.log_likelihood
    there = share_before(joining)
    if before == "none" and there > _NOBODY and gain > _SURE:
        raise InputError(
            f"{where}: {ASKED} none, but by its rows {percent(there)} of the members were there before they begin: who buys "
            f"often was seen first (log-likelihood {gain:.0f} higher than if all joined, {_SURE:g} is allowed); launch, "
            "steady and unknown fit"
        )
    if before != "none" and (there < _NOBODY or gain < -_SURE):
        likelier = f"log-likelihood {-gain:.0f} higher than if {percent(there)} were there before them"
        few = f"{percent(there)} were there before them at the likeliest, and {percent(_NOBODY, 0)} are asked for"
        raise InputError(
            f"{where}: {ASKED} {before}, but by its rows members joined with their first purchase: who buys often was not seen "
            f"first ({likelier if gain < -_SURE else few}); none and unknown fit"
        )


def share_before(joining: Fit) -> float:
    """Share of the members seen who were there when the rows begin."""
    return 1 - float(expit(joining.theta[joining.candidate.names.index(JOINED[0])]))


def before_words(before: Before, model: Model) -> str:
    """What was told, and what follows; of what was not told, what it would change. Said after `members before the rows: `."""
    matters = model.origin != "first purchase" and model.leaving and model.order == 1
    told = f"as told ({ASKED} {before}), "
    if before == "none":
        return told + "there were none: each member is counted from the first purchase"
    if before == "launch":
        return told + "they had joined just before the rows begin, and are like those who join later"
    if before == "steady":
        told += "they had come at a steady pace"
        if matters:
            return told + "; those of them who buy often and leave easily had left by then, so the others buy less"
        return told + ", which changes nothing for members " + ("with regular gaps" if model.order > 1 else "who do not leave")
    untold = f"not told ({ASKED}), so whoever was there is taken to have just joined"
    if matters:
        return untold + (
            ". It matters here: if they had come at a steady pace, those who buy often and leave easily had left by then, and "
            "the forecast of purchases is some 2 to 5 % too high"
        )
    if model.origin == "first purchase":
        return untold + ". The model chosen finds nobody there: none would settle that, launch or steady would rule the model out"
    return untold + ". It would matter only where members leave and buy at random gaps"
