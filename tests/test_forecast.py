"""A forecast adds up, goes on from where a programme stands, and is as wrong as it says."""

from dataclasses import replace

import numpy as np
import pytest
from forecast_helpers import changed
from scenes import RICH, scenario

from scenarios.finance.closing import closed, paired, spread_by_cause
from scenarios.finance.forecast import forecast, placed
from scenarios.finance.forecast_document import LINES, POINT_LINES, SPREAD, spread_of
from scenarios.finance.liability import liability
from scenarios.quantiles import prediction_quantile
from scenarios.replications import run_seed
from sim.errors import InputError
from sim.log import member_log
from sim.measures import BY_NAME
from sim.outcome import simulate
from sim.programme import Earning, Expiry
from sim.tally import COST_LINES

PARTNER = {"name": "potter", "charge": 0.2, "recovered": 0.1}
SHOP = scenario(
    {
        "name": "shop",
        "population": {
            "members": 400,
            "purchase_rate": {"mean": 0.06, "shape": 1.5},
            "leaving": {"probability": 0.03},
            "basket": {"median": 40.0, "sigma": 0.5},
            "new_members_per_month": 0.03,
            "posterior": {"parameters": ["purchase_rate.mean", "basket.median"], "covariance": [[0.01, 0.0], [0.0, 0.004]]},
        },
        "programme": {
            "name": "points",
            "earning": {"points_per_unit": 1.0},
            "tiers": [{"name": "member"}, {"name": "gold", "requires": {"spend": 300.0}, "price": 0.95, "earning": 1.5}],
            "rewards": [
                {"name": "mug", "points": 150, "value": 4.0, "cost": 2.5, "partner": PARTNER}
            ],
            "expiry": {"rule": "rolling", "months": 6},
            "fee": {"amount": 5.0},
        },
        "market": {"refunds": {"share": 0.05}},
        "behaviour": {"redeeming": {"probability": 0.5}},
        "economics": {"cost_per_point": 0.01, "running_cost_per_month": 100.0, "set_up_cost": 900.0},
    }
)


@pytest.fixture(scope="module")
def year():
    return forecast(SHOP, months=12, replications=10, seed=3, budget=12_000.0)


@pytest.fixture(scope="module")
def state():
    start = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    found = simulate(start, seed=11, keep_state=True, cohorts=True).state
    assert found is not None
    return found


def test_every_line_is_made_of_what_single_members_did():
    """An auditor's sums over the log of all members: money to the cent, points to the last one."""
    f = forecast(SHOP, months=4, members=25, replications=1, seed=6)
    run = run_seed(6, 0)
    log = member_log(placed(SHOP, None, 4), 10_000, members=25, seed=run, draw=run)
    sums = log.pivot_table(index="month", columns="what", values="amount", aggfunc="sum", fill_value=0).reindex(range(4))
    found = {line: sums[line] / 100 if line in sums else 0.0 * sums["paid"] for line in COST_LINES}
    benefit, fixed = sum(found.values()), (25 / 400) * (100.0 + 900.0 * (sums.index == 0))
    margin = 0.4 * sums["list_value"] / 100
    found |= {
        "benefit_cost": benefit, "fixed_cost": fixed, "points_earned_at_expected_cost": 0.01 * sums["points_issued"],
        "gross_sales": (sums["list_value"] + sums["refunded_list"]) / 100, "returned_sales": sums["refunded_list"] / 100,
        "refunds": sums["refunded_paid"] / 100, "net_sales": sums["paid"] / 100, "gross_margin": margin,
        "fee_income": sums["fees"] / 100, "net_margin": margin + sums["fees"] / 100 - benefit - fixed,
        "incremental_margin": margin + sums["fees"] / 100 - benefit - fixed - 0.4 * sums["base_list"] / 100,
    }  # fmt: skip
    assert list(found) == list(LINES) and sums["points_redeemed"].any() and sums["refunds"].any()
    for line, amounts in found.items():
        np.testing.assert_allclose(f.of(line)[0], amounts, atol=1e-6, err_msg=line)
    points = dict(zip(POINT_LINES, f.point_values[0].T, strict=True))
    for line in POINT_LINES[:4]:
        assert points[line].tolist() == (sums[line].tolist() if line in sums else [0] * 4)
    left = sums["points_issued"] - sums["points_redeemed"] - sums.get("points_expired", 0) - sums.get("points_clawed_back", 0)
    assert points["points_outstanding"].tolist() == left.cumsum().tolist()


def test_lines_add_up_in_every_replication(year):
    costs = sum(year.of(line) for line in COST_LINES)
    np.testing.assert_allclose(year.of("benefit_cost"), costs, atol=1e-6)
    np.testing.assert_allclose(
        year.of("net_margin"),
        year.of("gross_margin") + year.of("fee_income") - year.of("benefit_cost") - year.of("fixed_cost"),
        atol=1e-6,
    )
    np.testing.assert_allclose(year.of("gross_margin"), 0.4 * (year.of("gross_sales") - year.of("returned_sales")), atol=1e-6)
    discounts = sum(year.of(n) for n in ("tier_discount", "incentive_discount", "coupon_value", "voucher_value"))
    kept = year.of("gross_sales") - year.of("returned_sales")
    np.testing.assert_allclose(kept - year.of("net_sales"), discounts, atol=1e-6)
    for line in ("returned_sales", "refunds", "fee_income", "partner_charges"):
        assert (year.of(line).sum(axis=1) > 0).all(), line
    assert (year.of("partner_recoveries") <= 0).all() and year.of("partner_recoveries").any()
    assert (year.of("refunds") <= year.of("returned_sales")).all()
    np.testing.assert_allclose(
        year.of("points_earned_at_expected_cost"), 0.01 * year.point_values[..., POINT_LINES.index("points_issued")], atol=1e-6
    )
    assert year.of("fixed_cost")[0].tolist() == [1000.0] + [100.0] * 11
    assert [str(m) for m in year.months[:2]] == ["2027-01-31", "2027-02-28"]


def test_it_is_the_measures_of_the_same_runs(year):
    seed = run_seed(3, 4)
    run = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    o = simulate(run, seed=seed, draw=seed)
    members = o.total("joined")
    assert year.of("benefit_cost")[4].sum() == pytest.approx(BY_NAME["benefit_cost"].compute(o) * members)
    gained = BY_NAME["incremental_net_margin"].compute(o) + BY_NAME["provision"].compute(o)
    assert year.of("incremental_margin")[4].sum() == pytest.approx(gained * members)


def test_tables_tell_the_replications(year):
    assert list(year.lines.columns) == ["month", "line", *SPREAD]
    assert len(year.lines) == 12 * len(LINES)
    row = year.lines.set_index(["month", "line"]).loc[(year.months[5], "reward_cost")]
    np.testing.assert_allclose(row["mean"], year.of("reward_cost")[:, 5].mean())
    total = year.totals.set_index("line")
    np.testing.assert_allclose(total.loc["net_sales", "p50"], np.median(year.of("net_sales").sum(axis=1)))
    cost = year.of("benefit_cost") + year.of("fixed_cost")
    assert year.peak_month == year.months[int(cost.mean(axis=0).argmax())]
    worth = year.present_value.set_index("line").loc["net_sales", "mean"]
    by_hand = (year.of("net_sales").mean(axis=0) / 1.08 ** (np.arange(1, 13) / 12)).sum()
    assert worth == pytest.approx(by_hand)
    assert year.budget.at_risk == pytest.approx(float(prediction_quantile(cost.sum(axis=1), 0.95)) - 12_000)
    assert year.budget.overrun[-1] == (cost.sum(axis=1) > 12_000).mean()


def test_known_parameters_leave_luck_alone():
    known = SHOP.model_copy(
        update={
            "population": SHOP.population.model_copy(update={"posterior": None}),
            "behaviour": SHOP.behaviour.model_copy(update={"all_effects": False}),
        }
    )
    f = forecast(known, months=3, replications=10, seed=1)
    np.testing.assert_array_equal(f.values, f.luck_values)
    assert f.totals.set_index("line").loc["net_sales", "parameter_sd"] == 0.0
    open_ = forecast(SHOP, months=3, replications=10, seed=1)
    row = open_.totals.set_index("line").loc["net_sales"]
    assert row["parameter_sd"] > row["luck_sd"] / 4


def test_intervals_cover_four_in_five_of_what_comes():
    """Normal numbers: a further one falls between P10 and P90 with a chance of 80 %, from 5, 10 or 20 replications."""
    rng = np.random.default_rng(5)
    for n in (5, 10, 20):
        past, future = rng.normal(size=(n, 40_000)), rng.normal(size=40_000)
        found = spread_of(past, past[:0])
        share = ((future > found[:, 0]) & (future < found[:, 2])).mean()
        assert share == pytest.approx(0.8, abs=0.015), n


def test_no_amount_of_few_replications_reaches_where_it_cannot_be():
    """Student t alone puts P10 of the rewards, of refunds and of points below 0 in the first months."""
    f = forecast(SHOP, months=6, members=15, replications=4, seed=2)
    table = f.lines.set_index("line")
    free = ["net_margin", "incremental_margin", "partner_recoveries"]
    least = table[~table.index.isin(free)]
    assert (least["p10"] >= 0).all() and (f.points["p10"] >= 0).all()
    assert (table.loc["partner_recoveries", "p90"] <= 0).all()
    np.testing.assert_array_equal(table.loc["net_margin", "p10"], prediction_quantile(f.of("net_margin"), 0.1))
    assert all((prediction_quantile(f.of(line), 0.1) < 0).any() for line in ("reward_cost", "refunds"))
    books = liability(f, value=2, months=6)
    bound = books.lines[books.lines["line"] != "change_of_estimate"]
    assert (bound["p10"] >= 0).all() and books.rates[["p10", "p90"]].stack().between(0, 1).all()


def test_coverage_when_the_data_come_from_the_simulator():
    """50 worlds with parameters drawn as the forecast draws them: P10 .. P90 of half a year covers about 80 % of them."""
    f = forecast(SHOP, months=6, members=300, replications=40, seed=1)
    low, high = (f.totals.set_index("line")[c] for c in ("p10", "p90"))
    run = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 6})})
    lines = {"net_sales": "paid", "reward_cost": "reward_cost", "gross_sales": "list_value"}
    inside = []
    for world in range(50):
        o = simulate(run, members=300, seed=run_seed(77, world), draw=run_seed(77, world))
        inside.append([low[line] <= o.total(tallied) / 100 <= high[line] for line, tallied in lines.items()])
    covered = np.mean(inside, axis=0)
    assert ((covered >= 0.64) & (covered <= 0.94)).all(), covered  # 80 % +/- 2.9 standard errors of 50 worlds


def test_a_forecast_from_a_state_continues_the_run(state):
    """Same seed and parameters at their means: the forecast's luck run is the second year of the run itself."""
    seed = run_seed(9, 0)
    whole = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 24})})
    first = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    there = simulate(first, seed=seed, keep_state=True, cohorts=True).state
    f = forecast(SHOP, snapshot=there, months=12, replications=2, seed=9)
    o = simulate(whole, seed=seed)
    assert f.months[0].isoformat() == "2028-01-31"
    np.testing.assert_allclose(f.luck_values[0][:, LINES.index("net_sales")] * 100, o.by_month("paid")[12:], rtol=1e-12)
    assert f.of("fixed_cost")[0, 0] == pytest.approx(100.0 * there.base / there.n)


def test_points_of_cohorts_and_tiers_tie(state):
    f = forecast(SHOP, snapshot=state, months=9, replications=3, seed=2)
    points = {name: f.point_values[..., k] for k, name in enumerate(POINT_LINES)}
    for name, array in (
        ("points_issued", f.cohorts.issued),
        ("points_redeemed", f.cohorts.redeemed),
        ("points_expired", f.cohorts.expired),
        ("points_clawed_back", f.cohorts.clawed_back),
    ):
        np.testing.assert_array_equal(array.sum(axis=(1, 3)), points[name])
    np.testing.assert_array_equal(f.cohorts.outstanding().sum(axis=(1, 3)), points["points_outstanding"])
    assert f.cohorts.opening.sum() == f.tiers.opening.sum() == state.outstanding
    np.testing.assert_array_equal(f.tiers.closing.sum(axis=1), points["points_outstanding"])
    np.testing.assert_array_equal(f.tiers.moved().sum(axis=1), 0)
    assert (f.tiers.moved() != 0).any()
    assert f.cohorts.earned[state.past].isoformat() == "2028-01-31"


@pytest.mark.parametrize("pending", [0, 20])
def test_the_liability_ties_to_the_last_point(pending):
    s = scenario(RICH, programme__earning={"points_per_unit": 1.0, "pending_days": pending}, population__members=150)
    first = s.model_copy(update={"horizon": s.horizon.model_copy(update={"months": 6})})
    there = simulate(first, members=150, seed=4, keep_state=True, cohorts=True).state
    f = forecast(s, snapshot=there, months=12, replications=4, seed=4)
    owed = liability(f, value="4", months=8)
    assert owed.differences(f) == dict.fromkeys(owed.differences(f), 0)
    assert len(owed.differences(f)) == 10
    clawed = sum(roll.points.clawed_back.sum() for roll in owed.rolls)
    assert clawed > 0 and sum(roll.total()["clawed_back"].sum() for roll in owed.rolls) > 0
    assert (owed.closing > 0).all()
    assert (f.pending > 0).any() == (pending > 0)
    lines = owed.lines.set_index(["month", "line"])["mean"]
    months = owed.months
    moved = lines[months[3]]["opening"] + sum(
        sign * lines[months[3]][name]
        for name, sign in (("deferred", 1), ("redemption", -1), ("breakage", -1), ("change_of_estimate", 1), ("clawed_back", -1))
    )
    assert moved == pytest.approx(lines[months[3]]["closing"], abs=1e-6)


def test_books_open_with_what_was_stated_to_the_cent(state):
    f = forecast(SHOP, snapshot=state, months=6, replications=3, seed=2)
    own, stated = liability(f, value="2"), liability(f, value="2", opening=123_457)
    assert {int(roll.total()["opening"][0]) for roll in stated.rolls} == {123_457}
    assert len({int(roll.total()["opening"][0]) for roll in own.rolls}) == 1
    parts, default = (x.rolls[0].opening[:, 0].sum(axis=1) for x in (stated, own))
    np.testing.assert_allclose(parts, default * (123_457 / default.sum()), atol=4)  # a cent each, scaled
    assert set(stated.differences(f).values()) == {0}
    with pytest.raises(InputError, match=r"found 5\.00, but members start with no points"):
        liability(forecast(SHOP, months=3, replications=2), value="2", opening=500)


def test_the_rate_of_a_cohort_comes_from_its_own_points():
    """A cohort that the forecast sees to its end has the rate of its points; a young one is completed by the older ones' ages."""
    f = forecast(SHOP, months=20, replications=5, seed=6)
    owed = liability(f, value="2", months=14)
    whole = f.cohorts.redeemed.sum(axis=(2, 3)) / (f.cohorts.issued - f.cohorts.clawed_back).sum(axis=(2, 3)).clip(1)
    np.testing.assert_allclose(owed.rates["mean"][:10], whole.mean(axis=0)[:10], rtol=1e-9)
    assert (owed.rates["completed"][:14] == 0).all()  # points live 6 months, and the forecast 6 more than the books
    short = liability(forecast(SHOP, months=14, replications=5, seed=6), value="2")
    young = short.rates["completed"].to_numpy()[-3:]
    assert (young > 0).all()
    np.testing.assert_allclose(short.rates["mean"][8:13], owed.rates["mean"][8:13], atol=0.12)


def test_the_books_run_by_tier_of_earning_and_in_total(state):
    """Each tier's roll-forward balances, tiers add up, and what a sale defers in all does not depend on the split over tiers."""
    f = forecast(SHOP, snapshot=state, months=9, replications=3, seed=2)
    assert (f.cohorts.opening.sum(axis=0) > 0).all() and (f.cohorts.issued.sum(axis=(0, 1, 2)) > 0).all()
    owed = liability(f, value="2", months=7)
    assert set(owed.differences(f).values()) == {0}
    for roll in owed.rolls:
        tiers, total = roll.by_tier(), roll.total()
        assert tiers["closing"].shape == (7, 2) and (tiers["closing"][-1] > 0).all()
        for name in tiers:
            np.testing.assert_array_equal(tiers[name].sum(axis=1), total[name])
    together = replace(f.cohorts, **{
        name: getattr(f.cohorts, name).sum(axis=-1, keepdims=True)
        for name in ("opening", "issued", "redeemed", "expired", "clawed_back")
    })  # fmt: skip
    split, whole = (liability(x, value="2", probability="0.7") for x in (f, replace(f, cohorts=together)))
    for a, b in zip(split.rolls, whole.rolls, strict=True):
        assert np.abs(a.inception.sum(axis=1) - b.inception[:, 0]).max() <= 1


def test_the_rate_of_the_balance_is_not_that_of_a_cohort(state):
    owed = liability(forecast(SHOP, snapshot=state, months=12, replications=3, seed=2), value="2")
    before = owed.rates[owed.rates["before"]]
    oldest = before[before["points"] > 0].iloc[0]
    new = owed.rates[~owed.rates["before"]].iloc[0]
    assert oldest["mean"] < new["mean"]


def test_changes_are_paired(state):
    """A longer validity moves points only; nothing that it does not touch differs, and fewer points lapse."""
    calm = SHOP.model_copy(update={"behaviour": SHOP.behaviour.model_copy(update={"all_effects": False})})
    longer = changed(calm, "12 months", expiry=Expiry(rule="rolling", months=12))
    half = changed(calm, "half the points", earning=Earning(points_per_unit=0.5))
    base, other, less = (forecast(s, snapshot=state, months=12, replications=4, seed=8) for s in (calm, longer, half))
    assert (other.of("gross_sales") == base.of("gross_sales")).all()
    found = paired(base, other).set_index(["line", "month"])["mean"]
    assert (found["points_issued"] == 0).all()
    assert found["points_expired"].sum() < 0 < found["points_outstanding"].to_numpy()[-1]
    owed = [liability(f, value="2") for f in (base, other, less)]
    base_end, longer_end, half_end = (x.closing[:, -1].mean() for x in owed)
    assert longer_end > base_end > half_end
    with pytest.raises(InputError, match="their seed differs, 8 and 9"):
        paired(base, forecast(calm, snapshot=state, months=12, replications=4, seed=9))


def test_a_closed_programme_runs_off(state):
    f = forecast(closed(SHOP), snapshot=state, months=8, replications=3, seed=5)
    points = {name: f.point_values[..., k] for k, name in enumerate(POINT_LINES)}
    assert (points["points_issued"] == 0).all()
    assert (points["points_redeemed"].sum(axis=1) > 0).all()
    assert (points["points_outstanding"][:, -1] == 0).all()  # 6 months of validity
    assert (f.of("tier_discount")[:, 1:] == 0).all() and (f.of("tier_discount")[:, 0] < 0).all()  # of purchases returned
    assert (f.of("fixed_cost") == 0).all() and (f.of("fee_income") == 0).all()
    gone = sum(points[name] for name in ("points_redeemed", "points_expired", "points_clawed_back"))
    assert gone.sum(axis=1).tolist() == [state.outstanding] * 3


def test_the_spread_between_scenarios_is_a_cause_of_its_own(year):
    dear = changed(SHOP, "dear", earning=Earning(points_per_unit=3.0))
    found = spread_by_cause([year, forecast(dear, months=12, replications=10, seed=3)]).set_index("line")
    row = found.loc["reward_cost"]
    assert row["scenario_sd"] > row["luck_sd"]
    assert row["total_sd"] == pytest.approx(np.hypot(np.hypot(row["luck_sd"], row["parameter_sd"]), row["scenario_sd"]))


def test_what_cannot_be_forecast_is_refused(state):
    for wrong, words in (
        (lambda: forecast(SHOP, months=0), "months: found 0, allowed is 1 to 120"),
        (lambda: forecast(SHOP, replications=0), "replications: found 0"),
        (lambda: forecast(SHOP, snapshot=state, members=10), "the snapshot says how many there are"),
        (lambda: forecast(SHOP, months=2, replications=2, budget=[1.0, 2.0, 3.0]), "one number or 2 monthly numbers"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()


@pytest.mark.parametrize("begin", ["day 0", "a state"])
def test_seeing_further_changes_nothing_of_what_is_seen(begin):
    """With pending points: those that become spendable after the forecast are pending at its end, and the ties hold."""
    s = scenario(RICH, programme__earning={"points_per_unit": 1.0, "pending_days": 20}, population__members=150)
    six = s.model_copy(update={"horizon": s.horizon.model_copy(update={"months": 6})})
    state = simulate(six, members=150, seed=4, keep_state=True, cohorts=True).state if begin == "a state" else None
    options = {"snapshot": state, "months": 5, "replications": 3, "seed": 4, "budget": 900.0}
    near, far = forecast(s, **options), forecast(s, **options, beyond=7)
    for part in ("values", "luck_values", "point_values"):
        np.testing.assert_array_equal(getattr(near, part), getattr(far, part))
    for part in ("opening", "issued", "redeemed", "expired"):
        np.testing.assert_array_equal(getattr(near.cohorts, part), getattr(far.cohorts, part))
        np.testing.assert_array_equal(getattr(near.tiers, part), getattr(far.tiers, part))
    assert near.provenance == far.provenance and near.cohorts.earned == far.cohorts.earned and near.longer is None
    assert len(far.longer.months) == 12 and (far.longer.values[:, :5] == far.values).all()
    assert set(liability(far.longer, value="4", months=5).differences(far).values()) == {0}
