"""Keys of a programme, and rows of its rewards, that can move nothing beside its other keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.incentive import Give
from sim.programme import Programme, Qualification
from sim.typing import Path


def idle(programme: Programme) -> dict[Path, str]:
    """Why, by the path of each key that states something else than its default and can change no tally and no figure, and of
    each reward of which nobody can ever have a use.

    All of them can be taken away: the programme stays valid. Bounds that are never met and amounts of 0 are not idle, nor what
    rests on other parts of the scenario: terms of returned purchases are terms where nothing is returned.
    """
    unused = dict(_unused(programme))
    return {**unused, **{path: why for path, why in _useless(programme, len(unused)) if _differs(programme, path)}}


def _unused(programme: Programme) -> Iterator[tuple[Path, str]]:
    """Paths of rewards that nobody can ever have a use for."""
    for k, reward in enumerate(programme.rewards):
        if reward.kind == "tier_upgrade" and len(programme.tiers) == 1:
            yield ("rewards", k), "a tier_upgrade has only one tier to lead to; give another"
        if reward.kind == "longer_validity" and programme.expiry.rule == "never":
            yield ("rewards", k), "points never lapse, so none lives longer; give expiry a rule"


def _useless(programme: Programme, unused: int) -> Iterator[tuple[Path, str]]:
    """Paths of keys that would be idle if they stated anything; unused: rewards that nobody can have a use for."""
    q, expiry, earning = programme.qualification, programme.expiry, programme.earning
    if len(programme.tiers) == 1:
        yield from ((("qualification", key), "there is only one tier") for key in Qualification.model_fields)
    else:
        if q.window == "cumulative":
            yield ("qualification", "months"), "a cumulative window has no end; give window rolling or calendar"
        if q.downgrade == "never":
            yield ("qualification", "grace_months"), "no tier is ever lost; give downgrade one_step or full"
    if expiry.rule == "never":
        yield ("expiry", "months"), "points never lapse; give a rule"
    if expiry.rule != "fixed_date":
        yield ("expiry", "month"), "points lapse on no fixed date; give rule fixed_date"
    if not programme.catalogue_refresh_months:
        yield ("catalogue_refresh_cost",), "the catalogue is never refreshed; give catalogue_refresh_months"
    elif len(programme.rewards) == unused and not programme.catalogue_refresh_cost:
        yield ("catalogue_refresh_months",), "there are no rewards to refresh"
    if earning is not None and not earning.points_per_unit:
        of_points = [("earning", key) for key in ("rounding", "base", "cap_per_month", "clawback", "pending_days")]
        for path in (*of_points, *(("tiers", k, "earning") for k in range(len(programme.tiers)))):
            yield path, "purchases earn nothing; give points_per_unit above 0"
    for k, row in enumerate(programme.incentives):
        if not row.message and row.give == Give():
            yield ("incentives", k, "when", "days_before"), "nothing comes ahead of the day; give something, or a message"


def _differs(programme: Programme, path: Path) -> bool:
    owner: Any = programme
    for step in path[:-1]:
        owner = owner[step] if isinstance(step, int) else getattr(owner, step)
    key = str(path[-1])
    return bool(getattr(owner, key) != type(owner).model_fields[key].get_default())
