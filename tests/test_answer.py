"""What the answer of a comparison says follows from the intervals: launch, none, open, or more than one."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import only, scenario
from test_comparison import SHOP, design

from scenarios.answer import DECIDES, Leader, answer, notes
from scenarios.comparison import Comparison, compare
from scenarios.figure import Figure

NAMES = ("a", "b", "c")


def money(value: float, half: float | None) -> Figure:
    low, high = (None, None) if half is None else (value - half, value + half)
    return Figure(value, low, high, "money/member", None, None)


def leader(
    gain: Figure, others: dict[str, Figure] | None = None, apart: dict[str, Figure] | None = None, **shares: float
) -> Leader:
    figures = {DECIDES: gain, "roi": Figure(gain.value / 40, None, None, "ratio", None, None)}
    shown = {"best": 0.9, "positive": 0.9, **shares}
    return Leader("a", figures, money(40, 10), shown["best"], shown["positive"], None, others or {}, apart or {})


def told(one: Leader, designs: int = 2) -> str:
    return answer([design(name, 0.9) for name in NAMES[:designs]], one)


def test_launch_is_said_only_where_the_interval_of_the_gain_leaves_out_0() -> None:
    sure = told(leader(money(30, 20)))
    assert sure.startswith("Launch a: it brings +30 EUR a member (90\u00a0% interval 10 to 50) over 6 months, after a cost of 40")
    assert sure.endswith("It gains in 90\u00a0% of the replications and is the better of the two in 90\u00a0%.")
    open_ = told(leader(money(17, 20), positive=1.0))  # every one of a few replications gains
    assert open_.startswith("Whether to launch any of the designs is open: on balance the better of the two, a, brings +17 EUR")
    assert told(leader(money(-3, 20))).startswith("Whether to launch any of the designs is open")
    assert "gains in 99\u00a0%" in told(leader(money(17, 5), positive=0.998))  # not all of them


def test_none_is_said_only_where_no_design_may_gain() -> None:
    lost = leader(money(-30, 20), {"b": money(-40, 10)}, positive=0.0)
    assert told(lost).startswith("Launch none of the designs: the better of the two, a, brings \u221230")
    assert "is the better" not in told(lost).partition("brings")[2]  # the best of what is not launched is no news
    may = leader(money(-30, 20), {"b": money(-40, 90)}, positive=0.0)
    assert may.verdict == "open"


def test_of_an_open_answer_the_designs_that_surely_lose_are_told() -> None:
    others = {"b": money(-40, 10), "c": money(-50, 90)}
    said = told(leader(money(3, 20), others), 3)
    assert said.startswith("Whether to launch a or c is open: on balance the best of them, a, brings +3")
    assert said.endswith(" b loses.")
    said = told(leader(money(3, 20), {**others, "c": money(-50, 9)}), 3)
    assert said.startswith("Whether to launch a is open: on balance it brings +3") and said.endswith(" b and c lose.")


def test_one_replication_tells_nothing_of_launching() -> None:
    said = told(leader(money(30, None)))
    assert said.startswith("One replication does not tell whether to launch any of the designs: the better of the two, a, brings")


def test_rewards_that_draw_by_no_stated_value_are_told() -> None:
    """A sticker without a value draws as a basket does: a reader of the answer must know."""
    def told_of(*rewards: dict[str, Any], **effects: Any) -> list[str]:
        earning = {"points_per_unit": 1.0}
        return notes([scenario({**SHOP, "name": "mall", "programme": {"earning": earning, "rewards": list(rewards)}, **effects})])

    sticker, mug = {"name": "sticker", "points": 50, "cost": 1.0}, {"name": "mug", "points": 90, "value": 6.0, "cost": 6.0}
    (said,) = told_of(sticker)
    assert said.startswith("mall states no reward's value, so each draws as if worth a whole basket, whatever it costs")
    assert told_of() == told_of(mug) == told_of(sticker, mug) == told_of(sticker, behaviour=only(goal_gradient={})) == []


def test_rewards_that_may_take_the_place_of_a_purchase_are_told_once_for_all_designs() -> None:
    def shop(name: str, **reward: Any) -> Any:
        rewards = [{"name": "cup", "points": 60, "value": 4.2, **reward}]
        return scenario({**SHOP, "name": name, "programme": {"earning": {"points_per_unit": 1.0}, "rewards": rewards}})

    stamps, bills = shop("stamps", cost=0.9), shop("money off", kind="voucher")
    partner = shop("theirs", cost=0.9, partner={"name": "the baker", "charge": 0.9})
    (said,) = notes([stamps, bills, partner])
    assert said.startswith("stamps counts rewards of goods at cost") and "state it as a voucher" in said
    (both,) = notes([stamps, shop("more stamps", cost=0.5)])
    assert both.startswith("stamps and more stamps count rewards of goods at cost")


def test_designs_that_cannot_be_told_apart_are_named_together() -> None:
    others = {"b": money(28, 20), "c": money(5, 20)}
    two = leader(money(30, 20), others, {"b": money(2, 3), "c": money(25, 30)})
    assert two.equals == ["b"]  # c may lose
    assert told(two, 3).startswith("Launch a or b, which cannot be told apart: a brings +30")
    assert leader(money(30, 20), others, {"b": money(2, 1), "c": money(25, 3)}).equals == []


def test_a_design_that_gains_more_on_average_but_may_lose_is_named_after_one_that_gains() -> None:
    said = told(leader(money(30, 20), {"b": money(60, 70)}, {"b": money(-30, 60)}))
    assert said.startswith("Launch a: it brings")
    assert "On average b brings more, +60 (\u221210 to 130), but it may lose." in said


STRONG = only(price_response={"rate": 3.0, "basket": 0.0})


def little(replications: int, seed: int = 0, **kept: Any) -> Comparison:
    """Price cuts that pay, and differ by next to nothing: on 60 members luck decides between them."""
    cuts = {"small": 0.95, "smaller": 0.9501, "as small": 0.95}
    designs = [design(name, price, **STRONG) for name, price in cuts.items()]
    return compare([scenario({**SHOP, "behaviour": STRONG}), *designs], members=60, replications=replications, seed=seed, **kept)


@pytest.mark.parametrize("replications", [1, 2, 3, 4, 5, 8, 20])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_replications_a_launch_is_not_said_of_a_gain_that_may_be_none(replications: int, seed: int) -> None:
    found = little(replications, seed)
    gain = found.measures[str(found.leader)][DECIDES]
    assert found.answer.startswith("Launch") == (gain.low is not None and gain.low > 0) == (found.winner is not None)


def test_designs_with_the_same_outcome_share_the_first_place() -> None:
    found = little(20)
    assert found.best_share["small"] == found.best_share["as small"]
    assert sum(found.best_share.values()) == pytest.approx(1)
    twins = [design(name, 0.95, **STRONG) for name in ("one", "two")]
    big = compare([scenario({**SHOP, "behaviour": STRONG}), *twins], members=6000)
    assert big.verdict == "launch" and big.equals == ["two"]
    assert big.answer.startswith("Launch one or two, which cannot be told apart: one brings +")
    assert big.summary()["launch_as_well"] == ["two"]
    assert "is the better of the two in 50\u00a0%." in big.answer
