"""A run can stop and go on: the same members, to the last point; points by month of credit add up to the ledger."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scenes import PLAIN, RICH, only, scenario

from sim import tally
from sim.errors import InputError
from sim.margin import fixed_cost_by_month
from sim.outcome import simulate, simulate_reference
from sim.scenario import Scenario

COUNTS = (
    "key", "segment", "enrolled", "aware", "flexible", "muted", "n_base", "n_extra", "n_back", "alive", "alive0", "tier",
    "spend_q", "points_q", "count_q", "balance", "pending", "debt", "longer", "capped", "redeemed", "buys",
)  # fmt: skip


def later(s: Scenario, start: dt.date, months: int) -> Scenario:
    return s.model_copy(update={"horizon": s.horizon.model_copy(update={"start": start, "months": months})})


def cut(s: Scenario, months: int) -> Scenario:
    return later(s, s.horizon.start, months)


def without_start(cube: np.ndarray) -> np.ndarray:
    """Every tally but the one that counts members at the start of a run."""
    return np.delete(cube, tally.ACTIVE_AT_START, axis=-1)


def in_two(s: Scenario, at: int, members: int, seed: int, cohorts: bool = False):
    """The whole run, its first part and its second part; all keep their state, so that candidates pass by the lapsed too."""
    whole = simulate(s, members=members, seed=seed, keep=True, cohorts=cohorts, keep_state=True)
    first = simulate(cut(s, at), members=members, seed=seed, keep_state=True, cohorts=cohorts)
    assert first.state is not None
    rest = later(s, first.state.start, s.horizon.months - at)
    return whole, first, simulate(rest, seed=seed, opening=first.state, keep=True, cohorts=cohorts, keep_state=True)


LEVELS = "tier + balance + pending + reward_share + coupon + spend_in_window + messages + benefits + purchases + redemptions"
SINCE = "days_since_joining + days_since_purchase + min(days_since_redemption, 999) + min(days_since_demotion, 999)"
DATES = "day_of_month + weekday + month + 3 * birthday_month + min(days_to_lapse, 99)"
OWN = {
    "name": "all", "says": "a test", "source": "an assumption",
    "log_rate": f"1e-4 * ({LEVELS}) - 1e-4 * ({SINCE}) + 5e-3 * ({DATES})", "log_basket": f"1e-3 * ({DATES})",
    "log_leaving": f"1e-3 * ({SINCE}) - 5e-3 * ({DATES})", "log_redeeming": f"-1e-3 * ({SINCE})",
}  # fmt: skip
FORMS = {
    "rolling": {},
    "fixed date": {"programme__expiry": {"rule": "fixed_date", "months": 2, "month": 6}},
    "a date that takes its own month": {"programme__expiry": {"rule": "fixed_date", "months": 0, "month": 11}},
    "inactivity": {"programme__expiry": {"rule": "inactivity", "months": 2}},
    "inactivity as long as members look ahead": {"programme__expiry": {"rule": "inactivity", "months": 1}},
    "calendar quarters": {
        "programme__qualification": {
            "window": "calendar",
            "months": 3,
            "review_every_months": 5,
            "downgrade": "full",
            "grace_months": 2,
        }
    },
    "own effects": {"behaviour__own_effects": [OWN]},
    "many returns": {"population__leaving": {"a": 0.8, "b": 2.0, "return_rate": 0.05}},
    "cumulative, capped": {
        "programme__qualification": {"window": "cumulative", "upgrade": "at_review", "review_every_months": 4},
        "programme__earning": {"points_per_unit": 1.5, "cap_per_month": 100},
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_run_in_two_parts_is_the_run(form: str) -> None:
    """Every trigger and effect, joiners, seasons, growth, inflation, budgets, pending points: the same months after the break."""
    s = scenario(RICH, horizon={"months": 19}, **FORMS[form])
    whole, first, rest = in_two(s, 11, 400, seed=3)
    np.testing.assert_array_equal(whole.cube[:11], first.cube)
    same = [n for k, n in enumerate(tally.NAMES) if (whole.cube[11:, ..., k] == rest.cube[..., k]).all()]
    assert set(tally.NAMES) - set(same) == {"active_at_start"}
    assert rest.total("active_at_start") == whole.by_month("alive")[10]
    assert whole.members is not None and rest.members is not None
    for field in COUNTS:
        np.testing.assert_array_equal(whole.members[field], rest.members[field], err_msg=field)
    assert first.state is not None and first.state.refunds["count"].sum() > 0
    assert rest.total("redemptions") > 0 and rest.total("joined") > 0 and rest.total("coupons_used") > 0


def test_announced_lapses_are_not_announced_again() -> None:
    """Days of more than 512 have a coarser last digit: a lapse that was announced before the break is the same after it."""
    s = scenario(RICH, horizon={"months": 21}, programme__expiry={"rule": "inactivity", "months": 2})
    whole, _, rest = in_two(s, 17, 1500, seed=3)
    np.testing.assert_array_equal(whole.by_month("messages")[17:], rest.by_month("messages"))


def test_a_card_that_lapses_at_the_win_back_does_so_after_a_break() -> None:
    """Card and win-back fall on one moment, 60 days after a purchase; in what order is not for the last digit to say."""
    row = {"name": "win60", "when": {"event": "inactivity", "days": 60}, "give": {"coupon": {"value": 20.0}}}
    programme = {"name": "cards", "card_valid_months": 2, "incentives": [row]}
    s = scenario(PLAIN, programme=programme, horizon={"months": 11}, population__purchase_rate={"mean": 0.02, "shape": 2.0})
    whole, _, rest = in_two(s, 8, 2000, seed=3)
    assert rest.total("coupons_used") > 0
    np.testing.assert_array_equal(whole.by_month("coupons_used")[8:], rest.by_month("coupons_used"))


def test_the_day_after_a_member_day() -> None:
    """Who bought on the last of the month buys less on the first of the next, though a new run begins with it."""
    row = {"name": "day31", "when": {"event": "calendar", "days_of_month": [31]}, "during": {"price": 0.8}}
    effects = only(member_day={"strength": 0.5, "after": 1.0})
    s = scenario(PLAIN, programme={"name": "member day", "incentives": [row]}, behaviour=effects, horizon={"months": 2})
    whole, _, rest = in_two(s, 1, 20_000, seed=4)
    np.testing.assert_array_equal(whole.by_month("purchases")[1:], rest.by_month("purchases"))
    base = rest.by_month("base_purchases")[0]
    assert rest.by_month("purchases")[0] < base


def test_in_three_parts_and_with_the_reference_driver() -> None:
    s = scenario(RICH, horizon={"months": 9})
    whole = simulate_reference(s, members=30, seed=4, cohorts=True)
    first = simulate(cut(s, 4), members=30, seed=4, keep_state=True, cohorts=True)
    assert first.state is not None
    second = simulate(later(s, first.state.start, 2), seed=4, opening=first.state, keep_state=True, cohorts=True)
    assert second.state is not None
    third = later(s, second.state.start, 3)
    a = simulate(third, seed=4, opening=second.state, keep=True, cohorts=True)
    b = simulate_reference(third, seed=4, opening=second.state, cohorts=True)
    np.testing.assert_array_equal(without_start(a.cube), without_start(whole.cube[6:]))
    np.testing.assert_array_equal(a.cube, b.cube)
    np.testing.assert_array_equal(a.cohorts, b.cohorts)
    past = second.state.past
    np.testing.assert_array_equal(a.cohorts[past - 6 if past > 6 else 0 :], whole.cohorts[max(0, 6 - past) :, 6:])


def test_points_of_a_returned_purchase_are_found_two_breaks_later() -> None:
    """Bought on 31 January, spendable in March, returned on 1 April: taken from the lot of March, not of February."""
    programme = {"name": "p", "earning": {"points_per_unit": 1.0, "pending_days": 40}, "expiry": {"rule": "rolling", "months": 2}}
    s = scenario(PLAIN, programme=programme, market={"refunds": {"share": 0.5, "after_days": 60}}, horizon={"months": 8})
    whole, first, _ = in_two(s, 1, 5000, seed=4)
    assert first.state is not None
    second = simulate(later(s, first.state.start, 2), seed=4, opening=first.state, keep_state=True)
    assert second.state is not None and second.total("refunds") > 0
    third = simulate(later(s, second.state.start, 5), seed=4, opening=second.state)
    assert third.total("points_clawed_back") > 0
    np.testing.assert_array_equal(without_start(whole.cube[3:]), without_start(third.cube))


def test_only_the_luck_continues_with_the_seed() -> None:
    s = scenario(PLAIN)
    first = simulate(cut(s, 6), members=500, seed=1, keep_state=True)
    assert first.state is not None
    rest = later(s, first.state.start, 6)
    same, other = (simulate(rest, seed=seed, opening=first.state) for seed in (1, 2))
    whole = simulate(s, members=500, seed=1)
    np.testing.assert_array_equal(without_start(same.cube), without_start(whole.cube[6:]))
    assert (other.cube != same.cube).any()


@pytest.mark.parametrize("pending", [0, 7, 45])
@pytest.mark.parametrize("rule", ["rolling", "inactivity", "fixed_date"])
def test_cohorts_add_up_to_the_ledger(rule: str, pending: int) -> None:
    """Issued, redeemed and expired by month of credit sum to the tallies of every month; what is left is what is open."""
    s = scenario(
        RICH, programme__expiry={"rule": rule, "months": 3}, programme__earning={"points_per_unit": 1.0, "pending_days": pending}
    )
    whole, first, rest = in_two(s, 7, 500, seed=6, cohorts=True)
    assert first.state is not None
    opening = np.zeros(len(rest.cohorts), np.int64)
    past = first.state.past
    opening[:past] = first.state.lots.sum(axis=0)
    for day in range(first.state.pend.shape[1]):
        month = int(np.searchsorted(rest.tables.months["end"], day, side="right"))
        opening[past + month] += first.state.pend[:, day].sum()
    for o, before in ((whole, np.zeros(len(whole.cohorts), np.int64)), (rest, opening)):
        for column, name in enumerate(("points_issued", "points_redeemed", "points_expired", "points_clawed_back")):
            np.testing.assert_array_equal(o.cohorts[..., column].sum(axis=(0, 2)), o.by_month(name), err_msg=name)
            assert o.total(name) > 0
        moves = (o.cohorts[..., 0] - o.cohorts[..., 1:].sum(axis=-1)).sum(axis=2)
        open_points = before[:, None] + moves.cumsum(axis=1)
        assert (open_points >= 0).all()
        np.testing.assert_array_equal(open_points.sum(axis=0), o.by_month("outstanding") + o.by_month("pending"))
    assert opening.sum() == first.state.outstanding


def test_cohorts_agree_with_the_reference_and_change_nothing() -> None:
    s = scenario(RICH)
    a = simulate(s, members=40, seed=9, cohorts=True)
    b = simulate_reference(s, members=40, seed=9, cohorts=True)
    np.testing.assert_array_equal(a.cohorts, b.cohorts)
    plain = simulate(s, members=40, seed=9)
    np.testing.assert_array_equal(a.cube, plain.cube)
    assert plain.cohorts.size == 0


def test_points_keep_the_tier_at_which_they_were_earned_over_a_break() -> None:
    """The second part knows it from the first; where nobody kept it, points count as earned at the tier that the member is in."""
    s = scenario(RICH, horizon={"months": 12})
    whole, first, rest = in_two(s, 7, 300, seed=6, cohorts=True)
    assert first.state is not None and first.state.lot_tiers is not None
    past = first.state.past
    np.testing.assert_array_equal(rest.cohorts[past:], whole.cohorts[7:, 7:])
    np.testing.assert_array_equal(rest.cohorts[:past], whole.cohorts[7 - past : 7, 7:])
    np.testing.assert_array_equal(first.state.lot_tiers.sum(axis=2), first.state.lots)
    unknown = simulate(cut(s, 7), members=300, seed=6, keep_state=True).state
    assert unknown is not None and unknown.lot_tiers is None
    lots, pend = unknown.by_tier()
    own = np.take_along_axis(lots, unknown.members["tier"][:, None, None], axis=2)[..., 0]
    np.testing.assert_array_equal(own, unknown.lots)
    assert lots.sum() + pend.sum() == unknown.outstanding
    known = first.state.lot_tiers.sum(axis=(0, 1))
    assert (known > 0).all() and (known != lots.sum(axis=(0, 1))).any()


def test_points_lapse_when_their_cohort_does() -> None:
    """Rolling expiry after 3 months: a cohort expires in one month, the third after its own, and nowhere else."""
    base = {k: v for k, v in RICH["programme"].items() if k != "card_valid_months"}
    base["rewards"] = [r for r in base["rewards"] if r["name"] == "mug"]
    o = simulate(scenario({**RICH, "programme": base}), members=800, seed=2, cohorts=True)
    expired = o.cohorts[:-1, :, :, 2].sum(axis=2)
    cohort, month = np.nonzero(expired)
    assert set((month - cohort).tolist()) == {3}


def test_a_shorter_validity_lapses_with_the_first_month() -> None:
    s = scenario(RICH, programme__expiry={"rule": "rolling", "months": 12}, programme__card_valid_months=None)
    first = simulate(s, members=500, seed=5, keep_state=True)
    assert first.state is not None
    old = first.state.lots[:, : first.state.past - 3].sum()
    assert old > 0
    shorter = scenario(RICH, programme__expiry={"rule": "rolling", "months": 2}, programme__card_valid_months=None,
                       horizon={"months": 4, "start": first.state.start})  # fmt: skip
    o = simulate(shorter, seed=5, opening=first.state, cohorts=True)
    # lots credited 3 months before the start or earlier are overdue at the start, those of 2 before lapse on time
    left = o.cohorts[: first.state.past - 2, ..., 1:].sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(left, first.state.lots[:, : first.state.past - 2].sum(axis=0))
    assert o.cohorts[: first.state.past - 3, 1:, :, 2].sum() == 0


def test_budgets_go_on_where_they_were() -> None:
    row = {"name": "gift", "when": {"event": "purchase"}, "give": {"gift": {"cost": 5.0, "value": 5.0}}, "budget": 20000.0}
    s = scenario(PLAIN, programme={"name": "gifts", "incentives": [row]})
    whole, first, rest = in_two(s, 1, 1000, seed=8)
    assert first.total("gift_cost") > 0 and rest.total("gift_cost") > 0
    assert first.total("gift_cost") + rest.total("gift_cost") == whole.total("gift_cost") == 2_000_000
    after = simulate(cut(s, 11), members=1000, seed=8, keep_state=True).state
    assert after is not None and after.used_up == ("gift",)
    assert simulate(later(s, after.start, 1), seed=8, opening=after).total("gift_cost") == 0


def test_a_budget_spent_to_the_last_is_closed_by_who_asks_for_more() -> None:
    """Until then members strive for what it gives, in a run that goes on as in one that runs through."""
    second = {"event": "count_in_window", "window": "month", "reach": 2}
    row: dict[str, Any] = {"name": "second", "when": second, "give": {"coupon": {"value": 20.0}}}
    shop = {"programme": {"name": "sprint", "incentives": [row]}, "behaviour": only(points_pressure={"strength": 0.8})}
    given = int(simulate(cut(scenario(PLAIN, **shop), 1), members=20, seed=1).grants[0])
    row["budget"] = 20.0 * given
    whole, first, rest = in_two(scenario(PLAIN, **shop), 1, 20, seed=1)
    assert first.state is not None and given > 5
    assert (first.state.budget_left.tolist(), first.state.used_up) == ([0], ())
    np.testing.assert_array_equal(without_start(whole.cube[1:]), without_start(rest.cube))
    assert rest.total("coupons_issued") == 0 and rest.state is not None and rest.state.used_up == ("second",)


def test_what_rewards_are_to_members_is_that_of_the_run_that_goes_on() -> None:
    """Under other beliefs members' appetite is theirs; those of a live programme, who bring none, get it too."""
    first = simulate(cut(scenario(RICH), 3), members=200, seed=2, keep_state=True).state
    assert first is not None
    live = first.members.copy()
    live["appetite"] = 0.0
    believed = scenario(RICH, behaviour={"effects": {"reward_worth": {"power": 0.5}}})
    rest = later(believed, first.start, 3)
    runs = [simulate(rest, seed=2, opening=o, keep=True) for o in (first, replace(first, members=live))]
    found = [o.members for o in runs]
    assert found[0] is not None and found[1] is not None
    np.testing.assert_allclose(found[0]["appetite"], found[0]["median"] ** -0.5, rtol=1e-12)
    np.testing.assert_array_equal(found[0], found[1])
    assert runs[0].total("gained_purchases") > 0


def test_a_part_of_the_members_and_its_share_of_the_cost() -> None:
    s = scenario(RICH, economics={"running_cost_per_month": 1000.0, "set_up_cost": 5000.0}, population__members=400)
    state = simulate(s, members=400, seed=1, keep_state=True).state
    assert state is not None
    rest = later(s, state.start, 3)
    half = state.part(np.arange(0, state.n, 2))
    o, whole = simulate(rest, seed=1, opening=half, keep=True), simulate(rest, seed=1, opening=state, keep=True)
    assert fixed_cost_by_month(whole).tolist() == [1000.0] * 3  # it was set up before
    assert fixed_cost_by_month(o).tolist() == [500.0] * 3
    assert o.members is not None and whole.members is not None
    np.testing.assert_array_equal(o.members["balance"][: half.n], whole.members["balance"][: state.n : 2])


def test_what_does_not_fit_is_refused() -> None:
    state = simulate(scenario(RICH), members=20, seed=1, keep_state=True).state
    assert state is not None
    with pytest.raises(InputError, match=r"horizon.start: found 2027-01-01, the members to go on from are of 2028-04-01"):
        simulate(scenario(RICH), opening=state)
    other = scenario(
        RICH,
        horizon={"start": state.start, "months": 3},
        programme__tiers=[{"name": "member"}],
        programme__incentives=[],
    )
    with pytest.raises(
        InputError, match=r"programme.tiers: found member, the members to go on from are in silver, gold, diamond"
    ):
        simulate(other, opening=state)
