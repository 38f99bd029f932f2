"""The library scenarios: what they say, and that they run."""

import pickle

import pytest

from scenarios.files import library, load, resolved_yaml
from sim.incentive import Give, Incentive, When
from sim.outcome import simulate
from sim.scenario import Scenario
from sim.tally import COST_LINES

SHOP = ("no-programme", "p4", "p4-spend-threshold", "cash-back")


def test_every_scenario_is_named_as_its_file_and_described_in_a_line():
    assert set(library()) == {*SHOP, "loy-365"}
    for name, description in library().items():
        assert load(name).name == name
        assert load(name).description == description
        assert 30 < len(description) < 130


@pytest.mark.parametrize("name", [*SHOP, "loy-365"])
def test_a_scenario_survives_being_taken_apart_and_sent_away(name):
    scenario = load(name)
    for back in (
        Scenario.model_validate(scenario.model_dump()),
        Scenario.model_validate_json(scenario.model_dump_json()),
        pickle.loads(pickle.dumps(scenario)),
    ):
        assert back == scenario
        assert resolved_yaml(back) == resolved_yaml(scenario)


def test_the_designs_meet_the_same_members_in_the_same_market():
    shop = load("no-programme")
    for name in SHOP:
        design = load(name)
        assert (design.population, design.market, design.horizon) == (shop.population, shop.market, shop.horizon)
        assert design.economics.gross_margin == shop.economics.gross_margin
    assert shop.horizon.months == 24


def test_p4_states_the_plan():
    programme = load("p4").programme
    assert [(t.name, t.price) for t in programme.tiers] == [("silver", 0.95), ("gold", 0.88), ("diamond", 0.80)]
    assert programme.earning.points_per_unit == 1
    rows = {row.name: row for row in programme.incentives}
    coupons = {name: row.give.coupon for name, row in rows.items() if row.give.coupon is not None}
    assert (coupons["silver card gift"].value, coupons["silver card gift"].min_spend) == (10, 0)
    assert coupons["activation"].value == coupons["first order gift"].value == 5
    assert rows["activation"].when.event == rows["first order gift"].when.event == "first_purchase"
    ladder = rows["month ladder"]
    assert (ladder.when.window, ladder.when.reach, ladder.give.coupon.value) == ("month", 500, 30)
    assert "base" in ladder.when.model_fields_set  # trap 3: the base is explicit
    sprint = rows["quarter sprint"]
    assert (sprint.when.window, sprint.when.reach, sprint.give.tier, sprint.give.points) == ("quarter", 3, "gold", 100)
    day = rows["member day"]
    assert (day.when.days_of_month, day.during.earning) == ([18], 2)
    birthday = rows["birthday"]
    assert (birthday.when.days_before, birthday.during.earning, birthday.message) == (3, 2, True)
    assert [(rows[n].when.days, rows[n].give.coupon.value) for n in rows if rows[n].when.event == "inactivity"] == [
        (60, 20), (365, 30)
    ]  # fmt: skip
    assert rows["review"].give.points == rows["shared poster"].give.points == 50
    assert (programme.card_valid_months, programme.catalogue_refresh_months) == (12, 1)


def test_the_spend_variant_differs_in_its_thresholds_alone():
    p4, variant = load("p4").programme.model_dump(), load("p4-spend-threshold").programme.model_dump()
    for programme in (p4, variant):
        del programme["name"]
        for tier in programme["tiers"]:
            del tier["requires"]
    assert p4 == variant
    asked = [t.requires for t in load("p4-spend-threshold").programme.tiers]
    assert [r.purchases for r in asked] == [None, None, None]
    assert asked[1].spend < asked[2].spend


@pytest.mark.parametrize("name", SHOP)
def test_a_design_runs_and_its_totals_make_sense(name):
    outcome = simulate(load(name), members=2000)
    sales = outcome.total("list_value")
    cost = sum(outcome.total(line) for line in COST_LINES) / sales
    low, high = {"no-programme": (0, 0), "cash-back": (0.001, 0.02)}.get(name, (0.08, 0.25))
    assert low <= cost <= high
    active = outcome.by_month("active") / outcome.by_month("members")
    assert 0.15 < active.mean() < 0.45
    assert outcome.total("points_redeemed") < outcome.total("points_issued") or name == "no-programme"


def test_the_designs_meet_the_same_members_with_the_same_luck():
    outcomes = [simulate(load(name), members=500) for name in SHOP]
    assert len({outcome.total("base_purchases") for outcome in outcomes}) == 1
    assert len({outcome.total("purchases") for outcome in outcomes}) == len(SHOP)


def test_loy_365_gives_the_figures_of_its_workload():
    outcome = simulate(load("loy-365"), members=20_000)
    n = outcome.n
    assert outcome.total("purchases") / n == pytest.approx(14.2, rel=0.02)
    assert outcome.total("paid") / 100 / n == pytest.approx(681, rel=0.03)
    assert outcome.total("redemptions") / n == pytest.approx(0.319, rel=0.05)
    assert outcome.total("lapses") / n == pytest.approx(0.284, abs=0.01)
    tiers = outcome.cube[-1, :, :, :].sum(axis=1)
    members = tiers[:, list_index("members")] / n
    assert members == pytest.approx([0.46, 0.51, 0.03], abs=0.012)


def list_index(tally):
    from sim.tally import NAMES

    return NAMES.index(tally)


def of_p4(basket, rows, start=None):
    """P4 without reactions, every basket alike, of its incentives only those named; all members start in a tier."""
    p4 = load("p4")
    table = [row for row in p4.programme.incentives if row.name in rows]
    if start is not None:
        table.append(Incentive(name="start", when=When(event="sign_up"), give=Give(tier=start)))
    return p4.model_copy(
        update={
            "behaviour": p4.behaviour.model_copy(update={"all_effects": False}),
            "programme": p4.programme.model_copy(
                update={"incentives": table, "rewards": [], "qualification": never_more_than(p4)}
            ),
            "population": p4.population.model_copy(
                update={
                    "basket": p4.population.basket.model_copy(update={"median": basket, "sigma": 0.0, "sigma_between": 0.0}),
                    "purchase_rate": p4.population.purchase_rate.model_copy(update={"mean": 0.002, "shape": 50.0}),
                    "new_members_per_month": 0.0,
                }
            ),
            "horizon": p4.horizon.model_copy(update={"months": 1}),
        }
    )


def never_more_than(p4):
    return p4.programme.qualification.model_copy(update={"upgrade": "at_review", "months": 1, "window": "calendar"})


@pytest.mark.parametrize(
    ("tier", "rows", "off", "coupon", "claim"),
    [("silver", ["silver card gift"], 10, 10, 20), ("gold", ["activation"], 24, 5, 29), ("diamond", [], 40, 0, 40)],
)
def test_spend_200_today_and_save(tier, rows, off, coupon, claim):
    """Trap 2 of the plan: the till script claims 30; the rules give 20, 29 and 40."""
    outcome = simulate(of_p4(200, rows, None if tier == "silver" else tier), members=4000)
    bought, used = outcome.total("purchases"), outcome.total("coupons_used")
    assert outcome.total("tier_discount") == bought * off * 100
    assert outcome.total("coupon_value") == used * coupon * 100
    assert (used > 0) == (coupon > 0)
    assert off + coupon == claim


def test_a_basket_of_500_climbs_the_ladder_only_on_list_price():
    """Trap 3 of the plan: at gold it is 440 paid."""
    design = of_p4(500, ["month ladder"], "gold")
    on_list = simulate(design, members=500)
    ladder, start = design.programme.incentives
    paid = ladder.model_copy(update={"when": ladder.when.model_copy(update={"base": "paid"})})
    table = design.programme.model_copy(update={"incentives": [paid, start]})
    on_paid = simulate(design.model_copy(update={"programme": table}), members=500)
    assert on_list.total("coupons_issued") == on_list.total("active") > 10
    twice = on_paid.total("purchases") - on_paid.total("active")
    assert on_paid.total("coupons_issued") <= twice < 5
