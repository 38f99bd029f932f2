"""From which gross margin a design pays: what another margin in the scenario would give, without another run."""

from __future__ import annotations

from typing import Any

from scenes import only, scenario
from test_comparison import SHOP as PLAIN_SHOP

from reports.comparison import comparison_page
from scenarios.answer import DECIDES
from scenarios.comparison import Comparison, compare

SHOP: dict[str, Any] = {
    **PLAIN_SHOP,
    "name": "club",
    "programme": {
        "name": "club", "tiers": [{"name": "all", "price": 0.9}], "fee": {"amount": 1.0},
        "earning": {"points_per_unit": 1}, "rewards": [{"name": "mug", "kind": "goods", "points": 200, "value": 3, "cost": 2}],
    },
    "behaviour": only(price_response={"rate": {"mean": 3.0, "sd": 0.5}}),
    "economics": {"set_up_cost": 1000},
}  # fmt: skip


def found(margin: float, replications: int = 6) -> Comparison:
    economics = {**SHOP["economics"], "gross_margin": margin}
    return compare([scenario({**SHOP, "economics": economics})], members=400, replications=replications, threads=1)


def test_it_is_where_runs_at_that_margin_begin_to_gain() -> None:
    """The mean, and the lower end of the interval: below 0 a little under the margin, above 0 a little over it."""
    needed = found(0.4).needed_margins["club"]
    assert needed.stated == 0.4
    assert needed.on_average is not None and needed.surely is not None
    assert needed.on_average < needed.surely
    for margin, picked in ((needed.on_average, "value"), (needed.surely, "low")):
        under, over = (getattr(found(margin + step).measures["club"][DECIDES], picked) for step in (-0.002, 0.0005))
        assert under < 0 < over


def test_it_is_the_same_whatever_margin_the_scenario_states() -> None:
    one, other = (found(margin).needed_margins["club"] for margin in (0.2, 0.9))
    assert (one.on_average, one.surely) == (other.on_average, other.surely)


def test_without_a_margin_nothing_can_be_said_and_one_replication_has_no_interval() -> None:
    assert found(0.0).needed_margins == {}
    needed = found(0.4, replications=1).needed_margins["club"]
    assert needed.on_average is not None and needed.surely is None


def test_a_design_that_lives_on_its_fees_and_sells_less_gains_only_up_to_a_margin() -> None:
    """At its highest margin it gains, above it loses; at no margin at all it gains most."""
    away = [{"name": "away", "says": "A test.", "source": "an assumption", "log_rate": "-2.0"}]
    programme = {"name": "club", "tiers": [{"name": "all", "price": 0.99}], "fee": {"amount": 8.0}}

    def paid(margin: float) -> Comparison:
        behaviour = {**only(), "own_effects": away}
        shop = {**SHOP, "programme": programme, "behaviour": behaviour, "economics": {"gross_margin": margin}}
        return compare([scenario(shop)], members=400, replications=6, threads=1)

    comparison = paid(0.9)
    needed = comparison.needed_margins["club"]
    assert (needed.on_average, needed.surely) == (0.0, 0.0)
    assert needed.on_average_until is not None and needed.surely_until is not None
    assert needed.surely_until < needed.on_average_until < 0.9
    for margin, picked in ((needed.on_average_until, "value"), (needed.surely_until, "low")):
        under, over = (getattr(paid(margin + step).measures["club"][DECIDES], picked) for step in (-0.0005, 0.002))
        assert under > 0 > over
    assert f"0.0\u00a0% to {100 * needed.on_average_until:.1f}\u00a0%" in comparison_page(comparison)


def test_page_and_summary_carry_it() -> None:
    comparison = found(0.4)
    needed = comparison.needed_margins["club"]
    assert comparison.summary()["needed_margins"]["club"] == {
        "stated": 0.4, "on_average": needed.on_average, "surely": needed.surely,
        "on_average_until": None, "surely_until": None,
    }  # fmt: skip
    page = comparison_page(comparison)
    assert "Which gross margin it needs" in page
    assert needed.on_average is not None and f"{100 * needed.on_average:.1f}\u00a0%" in page
    assert "at none" not in page.partition("Which gross margin it needs")[2].partition("<p class=\"note\">")[0]
    poor = compare([scenario({**SHOP, "behaviour": only()})], members=200, replications=2, threads=1)
    assert poor.needed_margins["club"].on_average is None
    assert "at none" in comparison_page(poor)
