"""What 64 bits cannot hold is refused with the key that makes it so large, and what they can is exact to the last unit."""

import datetime as dt

import pandas as pd
import pytest
from scenes import PLAIN, RICH, scenario

from scenarios.changes import load_changed
from scenarios.files import load
from scenarios.finance.cells import Cells
from scenarios.finance.live_tables import live_tables
from sim import tally
from sim.errors import InputError
from sim.limits import MOST_COUNTED
from sim.outcome import simulate, simulate_reference
from sim.programme import most_multiplied

MEMBERS, MONTHS = 10_000, 12
EACH = MOST_COUNTED // (MEMBERS * MONTHS * (MONTHS + 1) // 2)
"""points a month at which the points outstanding of all month ends just fit"""


def giving(points=0, gift=None, months=MONTHS):
    row = {"name": "gift", "when": {"event": "calendar", "days_of_month": [1]}, "give": {"points": points}}
    row["give"] |= {"gift": gift} if gift else {}
    programme = {"name": "points", "earning": {"points_per_unit": 0.0}, "incentives": [row]}
    return scenario(PLAIN, programme=programme, horizon__months=months, behaviour={"all_effects": False})


def test_points_fit_to_the_last_one_and_one_more_is_refused():
    fits = simulate(giving(EACH), members=MEMBERS)
    assert fits.total("points_issued") == MEMBERS * MONTHS * EACH
    assert fits.total("outstanding") == MEMBERS * EACH * MONTHS * (MONTHS + 1) // 2
    assert MOST_COUNTED - fits.total("outstanding") < MEMBERS * MONTHS * (MONTHS + 1) // 2
    with pytest.raises(InputError, match=r"scenario plain: programme.incentives.gift.give.points: 5e\+17 of outstanding or more"):
        simulate(giving(EACH + 1), members=MEMBERS)


def test_what_would_have_wrapped_is_refused_by_both_drivers():
    """3,000 members with 10^12 points every month for ten years: 2 x 10^19 points at month ends, twice what 64 bits hold."""
    for run, members in ((simulate, 3000), (simulate_reference, 100)):
        with pytest.raises(InputError, match=r"programme\.incentives\.gift\.give\.points"):
            run(giving(10**12, months=120), members=members)


def test_points_of_one_purchase_fit_or_are_refused():
    """Baskets of 1,000 million units, all alike: 46 points a unit fit into a purchase, 47 leave no room for rounding."""

    def earning(points):
        basket = {"median": 1e9, "sigma": 0.0}
        programme = {"name": "points", "earning": {"points_per_unit": points}}
        return scenario(PLAIN, programme=programme, population__basket=basket, behaviour={"all_effects": False})

    fits = simulate(earning(46.0), members=200)
    assert fits.total("points_issued") == fits.total("purchases") * 46 * 10**9 > 0
    with pytest.raises(InputError, match=r"programme.earning: 47 points a currency unit are too many for a purchase of 1e\+11"):
        simulate(earning(47.0), members=200)


@pytest.mark.parametrize("sigma, fits", [(1.0, True), (5.0, False)])
def test_baskets_of_any_spread_are_counted_or_refused(sigma, fits):
    s = scenario(PLAIN, population__basket={"median": 1e6, "sigma": sigma, "sigma_between": sigma})
    if fits:
        o = simulate(s, members=500)
        assert o.total("list_value") == o.total("paid") == o.total("base_list") > 0
    else:
        with pytest.raises(InputError, match=r"population\.basket: a purchase could be worth"):
            simulate(s, members=500)


def test_money_is_bounded_as_points_are():
    fits = simulate(giving(gift={"cost": 1e11, "value": 1.0}), members=4000)
    assert fits.total("gift_cost") == 4000 * MONTHS * 10**13
    for members, cost, told in ((5000, 1e11, "programme.incentives: 6e.17 of gift_cost"), (4000, 1e12, "gift.give: found 1e.14")):
        with pytest.raises(InputError, match=told):
            simulate(giving(gift={"cost": cost, "value": 1.0}), members=members)


def test_points_that_no_budget_can_count_are_told_with_their_row():
    row = {"name": "many", "when": {"event": "sign_up"}, "give": {"points": 10**12}, "budget": 100.0}
    changes = {"programme": {"name": "p", "earning": {}, "incentives": [row]}}
    assert scenario(PLAIN, economics__cost_per_point=1.0, **changes)
    with pytest.raises(ValueError, match=r"programme\.incentives: many gives points that take 1\.1e.12 currency units"):
        scenario(PLAIN, economics__cost_per_point=1.1, **changes)


def test_an_ordinary_run_is_far_from_the_bound():
    """A million times as many members would still fit."""
    o = simulate(scenario(RICH), members=200)
    assert 10**6 * abs(o.cube.reshape(-1, tally.SIZE)).sum(axis=0).max() < MOST_COUNTED


@pytest.mark.parametrize("rows, fits", [(5000, True), (5001, False)])
def test_a_column_whose_sum_is_beyond_counting_is_told(tmp_path, rows, fits):
    """Of a live programme's tables and of what members did; each cell by itself is allowed."""
    table = pd.DataFrame({"member": [f"m{k}" for k in range(rows)], "joined": "2026-01-01", "balance": 10**12})
    table.to_csv(tmp_path / "members.csv", index=False)
    cells = Cells("sales.csv", 2, table)
    cells.numbers("balance")
    told = r"column balance: its numbers add up to 5,001,000,000,000,000, allowed is 5,000,000,000,000,000 together"
    if fits:
        assert live_tables(tmp_path / "members.csv", as_of=dt.date(2026, 12, 31)).held.balance.sum() == rows * 10**12
        cells.refuse()
    else:
        with pytest.raises(InputError, match=rf"members.csv: {told}"):
            live_tables(tmp_path / "members.csv", as_of=dt.date(2026, 12, 31))
        with pytest.raises(InputError, match=rf"^sales.csv: {told}$"):
            cells.refuse()


def test_campaigns_that_never_meet_multiply_no_purchase_together():
    """Twice the points in 26 fortnights, one after another or all in one group, is twice; all at once it is 2^26 times."""

    def fortnights(apart, group=None):
        rows = []
        for k in range(26):
            first = dt.date(2027, 1, 1) + dt.timedelta(days=14 * k if apart else 0)
            when = {"when": {"event": "purchase"}, "valid_from": first, "valid_until": first + dt.timedelta(days=13)}
            rows.append({"name": f"f{k}", "during": {"earning": 2.0}, "group": group, **when})
        return scenario(PLAIN, programme={"name": "campaigns", "earning": {"points_per_unit": 1.0}, "incentives": rows})

    for s in (fortnights(apart=True), fortnights(apart=False, group="double")):
        assert most_multiplied(s.programme.incentives) == 2.0
        assert simulate(s, members=100).total("points_issued") > 0
    with pytest.raises(ValueError, match=r"a purchase could earn 6.71089e\+07 points a currency unit, at most 1,000,000"):
        fortnights(apart=False)


SHOP = """\
population:
  purchase_rate: {mean: 0.05, shape: 2}
  basket: {median: 40, sigma: 0.6}
programme:
  earning: {}
  incentives:
    gift:
      when: {event: calendar, days_of_month: [1]}
      give: {points: 5}
"""


def test_what_a_run_refuses_is_told_with_the_line_in_which_it_is_written(tmp_path):
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "rich.yaml").write_text("extends: shop.yaml\nprogramme:\n  incentives:\n    gift:\n      give: {points: 1e12}\n")
    (tmp_path / "large.yaml").write_text("extends: shop.yaml\npopulation: {basket: {median: 1e9, sigma: 5}}\n")
    formula = "{mine: {says: a, source: b, log_rate: 1 / (3 - tier * 2 - 3)}}"
    (tmp_path / "none.yaml").write_text(f"extends: shop.yaml\nbehaviour:\n  own_effects: {formula}\n")
    rich, large, none = (load(tmp_path / f"{name}.yaml") for name in ("rich", "large", "none"))
    longer = rich.model_copy(update={"horizon": rich.horizon.model_copy(update={"months": 120})})
    for run in (simulate, simulate_reference):
        with pytest.raises(InputError, match=r"/rich\.yaml, line 5: scenario rich: programme\.incentives\.gift\.give.points: "):
            run(longer, members=100)
        with pytest.raises(InputError, match=r"/large\.yaml, line 2: scenario large: population\.basket: "):
            run(large, members=100)
        with pytest.raises(InputError, match=r"/none\.yaml, line 3: scenario none: behaviour.own_effects.mine.log_rate: of m"):
            run(none, members=100)
    dear = {"population.basket": {"median": 1e9, "sigma": 0.0}, "programme.earning.points_per_unit": 1000}
    with pytest.raises(InputError, match=r"^--change: scenario dear: programme\.earning: "):
        simulate(load_changed(tmp_path / "shop.yaml", dear, name="dear", said="--change"), members=100)


def test_a_scenario_written_elsewhere_is_the_same(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text("\n" * (name == "b") + SHOP)
    assert load(tmp_path / "a" / "x.yaml") == load(tmp_path / "b" / "x.yaml")
