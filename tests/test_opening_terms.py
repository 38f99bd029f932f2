"""A run that goes on under other terms: what members hold is kept, lot by lot, and nothing of the old terms acts any more."""

import numpy as np
from scenes import PLAIN, only, scenario
from test_opening import cut

from sim.outcome import simulate, simulate_reference


def test_coupons_end_with_the_programme_that_honours_them() -> None:
    """Under a programme without coupons nobody reacts to one that they still hold."""
    row = {"name": "welcome", "when": {"event": "sign_up"}, "give": {"coupon": {"value": 20.0, "days": 300}}}
    s = scenario(PLAIN, programme={"name": "coupons", "incentives": [row]}, behaviour=only(price_response={"rate": 1.0}))
    state = simulate(cut(s, 1), members=2000, seed=2, keep_state=True).state
    assert state is not None and (state.members["pull"] > 0).any()
    o = simulate(scenario(PLAIN, behaviour=only(price_response={"rate": 1.0}),
                          horizon={"start": state.start, "months": 3}), seed=2, opening=state)  # fmt: skip
    assert o.total("purchases") == o.total("base_purchases") > 0
    assert o.total("list_value") == o.total("base_list")


def test_an_open_coupon_looks_as_the_present_terms_say() -> None:
    """The coupon they hold is worth ten times as much from now on: the log price cut on a usual basket follows."""
    row = {"name": "welcome", "when": {"event": "sign_up"}, "give": {"coupon": {"value": 2.0, "days": 300}}}
    dearer = {**row, "give": {"coupon": {"value": 20.0, "days": 300}}}
    behaviour = only(price_response={"rate": 1.0})
    s = scenario(PLAIN, programme={"name": "coupons", "incentives": [row]}, behaviour=behaviour)
    state = simulate(cut(s, 1), members=2000, seed=2, keep_state=True).state
    assert state is not None
    holds = state.wallet["until"][:, 0] > 0.0
    rest = scenario(PLAIN, programme={"name": "coupons", "incentives": [dearer]}, behaviour=behaviour,
                    horizon={"start": state.start, "months": 1})  # fmt: skip
    o = simulate(rest, seed=2, opening=state, keep=True)
    assert o.members is not None and o.total("coupon_value") > 200 * o.total("coupons_used") > 0
    still = holds & (o.members["buys"] == state.members["buys"])
    usual = np.maximum(o.members["median"][still], 2000.0)
    np.testing.assert_allclose(o.members["pull"][still], -np.log(1.0 - np.minimum(0.9, 2000.0 / usual)), rtol=1e-9)
    assert still.sum() > 100


def test_points_that_were_made_to_live_longer_do_though_nobody_sells_that_any_more() -> None:
    """Every lot has room of its own, however long those before it live."""
    earning, mug = {"points_per_unit": 1.0}, {"name": "mug", "points": 10**9}
    longer = {"name": "longer", "points": 1, "kind": "longer_validity", "months": 6}
    programme = {"name": "p", "earning": earning, "rewards": [longer], "expiry": {"rule": "rolling", "months": 1}}
    s = scenario(PLAIN, programme=programme, behaviour=only())
    state = simulate(cut(s, 3), members=300, seed=2, keep_state=True).state
    assert state is not None and (state.members["longer"] == 6).any()
    rest = scenario(PLAIN, programme={**programme, "rewards": [mug]}, behaviour=only(),
                    horizon={"start": state.start, "months": 9})  # fmt: skip
    by_month, alone = (simulate(rest, seed=2, opening=state, cohorts=cohorts) for cohorts in (True, False))
    np.testing.assert_array_equal(by_month.by_month("points_expired"), alone.by_month("points_expired"))


def test_another_fixed_date_keeps_the_lots_apart() -> None:
    """Points of a year that were about to lapse wait for the new date, beside the lots of the months until then."""
    expiry = {"rule": "fixed_date", "months": 0, "month": 12}
    programme = {"name": "p", "earning": {"points_per_unit": 1.0}, "expiry": expiry}
    s = scenario(PLAIN, programme=programme, behaviour=only())
    state = simulate(cut(s, 11), members=300, seed=2, keep_state=True).state
    assert state is not None and state.past == 11
    rest = scenario(PLAIN, programme={**programme, "expiry": {**expiry, "months": 3, "month": 11}}, behaviour=only(),
                    horizon={"start": state.start, "months": 20})  # fmt: skip
    by_month, alone = (simulate(rest, seed=2, opening=state, cohorts=cohorts) for cohorts in (True, False))
    np.testing.assert_array_equal(by_month.by_month("points_expired"), alone.by_month("points_expired"))
    assert by_month.by_month("points_expired")[11] > 0


def test_returns_under_a_shorter_pending_time_find_their_points() -> None:
    """Points that become spendable sooner under the new terms are clawed back from where they now are, and from no later ones."""
    programme = {"name": "p", "earning": {"points_per_unit": 1.0, "pending_days": 60, "clawback": "to_zero"}}
    market = {"refunds": {"share": 0.5, "after_days": 30}}
    s = scenario(PLAIN, programme=programme, market=market, behaviour=only())
    state = simulate(cut(s, 3), members=500, seed=2, keep_state=True, cohorts=True).state
    assert state is not None
    sooner = scenario(PLAIN, programme={**programme, "earning": {**programme["earning"], "pending_days": 7}}, market=market,
                      behaviour=only(), horizon={"start": state.start, "months": 3})  # fmt: skip
    o = simulate(sooner, seed=2, opening=state, cohorts=True)
    taken = o.cohorts[:, 0, :, 3].sum(axis=1)  # in the first month, of purchases before it, by month of credit
    assert taken[state.past] > 0
    assert taken[state.past + 1 :].sum() == 0


def test_a_budget_that_runs_out_among_a_part_of_the_members_is_used() -> None:
    """Of members served at one moment those before the one whom it does not reach keep theirs, whatever their numbers are."""
    row = {"name": "gift", "when": {"event": "calendar", "days_of_month": [10]}, "give": {"gift": {"cost": 1.0, "value": 1.0}},
           "budget": 100.0}  # fmt: skip
    s = scenario(PLAIN, behaviour=only())
    state = simulate(cut(s, 1), members=600, seed=2, keep_state=True).state
    assert state is not None
    gifts = scenario(PLAIN, programme={"name": "gifts", "incentives": [row]}, behaviour=only(),
                     horizon={"start": state.start, "months": 1})  # fmt: skip
    half = state.part(np.arange(0, state.n, 2))
    assert simulate(gifts, seed=2, opening=half).total("gift_cost") == 10_000
    assert simulate_reference(gifts, seed=2, opening=half).total("gift_cost") == 10_000
