"""The answer of a comparison in sentences, and what a reader must know of the designs beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scenarios.figure import LEVEL, NOTHING, Figure, cell
from scenarios.numerals import as_stated, listed, percent
from sim.effects import BY_NAME
from sim.programme import Reward, is_programme
from sim.scenario import Scenario
from sim.worth import value_of_point, worth_counts

DECIDES = "incremental_net_margin"
"""The measure by which designs are ranked."""
COST = ("benefit_cost", "fixed_cost", "provision")
"""Measures that add up to everything a programme costs."""
Verdict = Literal["launch", "none", "open"]
"""launch: the interval of what the leader gains lies above 0; none: those of all designs lie below; open: neither, or there is
none because there is one replication only."""


@dataclass(frozen=True)
class Leader:
    """The design that gains most, of those that surely gain where there are any; or loses least."""

    name: str
    figures: Mapping[str, Figure]
    cost: Figure
    """everything it costs, currency units a member"""
    best: float
    """share of the replications in which it is the best of the designs"""
    positive: float
    """share of the replications in which it gains anything"""
    against: tuple[str, Figure] | None
    """another design that is the baseline, and the difference of net margin from it"""
    gains: Mapping[str, Figure] = field(default_factory=dict)
    """what each of the other designs gains"""
    apart: Mapping[str, Figure] = field(default_factory=dict)
    """how much more than each of them it gains, replication by replication"""

    @property
    def gain(self) -> Figure:
        """What decides."""
        return self.figures[DECIDES]

    @property
    def verdict(self) -> Verdict:
        """What the intervals say of launching."""
        if above(self.gain):
            return "launch"
        return "none" if len(self.lost) == len(self.gains) and _below(self.gain) else "open"

    @property
    def lost(self) -> list[str]:
        """Designs beside it that surely lose."""
        return [name for name, f in self.gains.items() if _below(f)]

    @property
    def equals(self) -> list[str]:
        """Designs that gain as surely, and cannot be told apart from it: the interval of the difference holds 0."""
        return [name for name, f in self.apart.items() if above(self.gains[name]) and not above(f)]


def answer(scenarios: Sequence[Scenario], leader: Leader | None) -> str:
    """Which design to launch, what it brings and costs, and how sure that is."""
    first = scenarios[0]
    currency, over = first.market.currency, f"over {first.horizon.months} months"
    if leader is None:
        return f"No design gives anything, so there is nothing to gain or to lose {over}."
    gain, designs = leader.gain, [s.name for s in scenarios if is_programme(s.programme)]
    if leader.cost.value == 0 and gain.value == 0:
        return f"{leader.name} costs nothing and changes nothing {over}."
    shown, roi = cell(gain, gain=True), cell(leader.figures["roi"], gain=True)
    said = f"{_opening(leader, designs, len(scenarios) == 1)} {shown.value} {currency} a member"
    said += f" ({percent(LEVEL, 0)} interval {shown.interval})" if shown.interval else ""
    said += f" {over}, after a cost of {cell(leader.cost).value}"
    said += f"; ROI {roi.value}." if roi != NOTHING else "."
    if gain.low is not None:
        said += f" It gains in {_share(leader.positive)} of the replications"
        several = gain.value > 0 and len(designs) > 1
        top = "better of the two" if len(designs) == 2 else "best of the designs"
        said += f" and is the {top} in {_share(leader.best)}." if several else "."
    for name, other in leader.gains.items():
        if other.value > gain.value and leader.verdict == "launch":
            more = cell(other, gain=True)
            said += f" On average {name} brings more, {more.value} ({more.interval}), but it may lose."
    if leader.verdict == "open" and leader.lost:
        said += f" {listed(leader.lost)} {'lose' if len(leader.lost) > 1 else 'loses'}."
    if leader.against is not None:
        name, than = leader.against[0], cell(leader.against[1], difference=True)
        said += f" Against {name}, the baseline, its net margin is {than.value} {currency} a member"
        said += f" ({than.interval})." if than.interval else "."
    return said


def notes(designs: Sequence[Scenario]) -> list[str]:
    """What a reader must know of the designs: a fee whose effect on joining is open; rewards that draw by no stated value, or
    that may take the place of a purchase; members who are assumed to react differently, so that a part of a difference is that
    assumption."""
    found = [
        f"{s.name} has a membership fee; who would not join, or would leave, because of it is not modelled"
        for s in designs
        if s.programme.fee is not None
    ]
    found += [
        f"{s.name} states no reward's value, so each draws as if worth a whole basket, whatever it costs; part of what it gains "
        "is this assumption"
        for s in designs
        if s.programme.rewards and worth_counts(s.behaviour) and not value_of_point(s.programme.rewards)
    ]
    for other in designs[1:]:
        first = designs[0]
        pairs = [("redeeming.probability", first.behaviour.redeeming.probability, other.behaviour.redeeming.probability)]
        mine, theirs = first.behaviour.values(), other.behaviour.values()
        pairs += [(name, mine[name], theirs[name]) for name in mine if name.partition(".")[0] in BY_NAME]
        apart = [f"{name} is {as_stated(two)} against {as_stated(one)}" for name, one, two in pairs if one != two]
        stated, own = first.behaviour.acting(), other.behaviour.acting()
        for name in dict.fromkeys([*stated, *own]):
            if stated.get(name) != own.get(name):
                lacking = first.name if name not in stated else other.name if name not in own else None
                apart.append(f"the effect {name} " + (f"is not in {lacking}" if lacking else "is stated in two ways"))
        found += [
            f"{other.name} and {first.name} differ in behaviour, not only in the programme: {what}; "
            "part of what lies between them is this assumption"
            for what in apart
        ]
    return found + counted_at_cost(designs)


def counted_at_cost(designs: Sequence[Scenario]) -> list[str]:
    """What must be known of rewards that could be what members would have bought: one sentence, or none."""
    goods = [s.name for s in designs if any(_of_own_goods(reward) for reward in s.programme.rewards)]
    if not goods:
        return []
    verb = "count" if len(goods) > 1 else "counts"
    return [
        f"{listed(goods)} {verb} rewards of goods at cost, as given on top of what members buy; one that they would have "
        "paid for costs its price: state it as a voucher, and compare"
    ]


def _of_own_goods(reward: Reward) -> bool:
    """Whether a reward could be what members would have bought, and costs less than they would have paid."""
    return reward.kind in ("goods", "service") and reward.partner is None and reward.value > reward.cost


def _opening(leader: Leader, designs: list[str], alone: bool) -> str:
    """What to do, as far as the verb whose object is the gain."""
    if alone:
        return f"{leader.name} brings"
    if leader.verdict == "launch":
        if not leader.equals:
            return f"Launch {leader.name}: it brings"
        names = listed([leader.name, *leader.equals], "or")
        return f"Launch {names}, which cannot be told apart: {leader.name} brings"
    one = len(designs) == 1
    does = "it brings" if one else f"the {'better of the two' if len(designs) == 2 else 'best of them'}, {leader.name}, brings"
    if leader.verdict == "none":
        return f"Do not launch {leader.name}: {does}" if one else f"Launch none of the designs: {does}"
    if leader.gain.low is None:
        what = leader.name if one else "any of the designs"
        return f"One replication does not tell whether to launch {what}: {does}"
    open_ = [name for name in designs if name not in leader.lost]
    what = "any of the designs" if len(open_) == len(designs) > 1 else listed(open_, "or")
    return f"Whether to launch {what} is open: on balance {'it brings' if open_ == [leader.name] else does}"


def above(figure: Figure) -> bool:
    """Whether the interval lies above 0."""
    return figure.low is not None and figure.low > 0


def _below(figure: Figure) -> bool:
    return figure.high is not None and figure.high < 0


def _share(share: float) -> str:
    """none, all or the percentage of it; never 0 or 100 % for what is nearly so."""
    if share in (0.0, 1.0):
        return "all" if share else "none"
    return percent(min(max(share, 0.01), 0.99), 0)
