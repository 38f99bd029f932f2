"""The roll-forward balances to the cent and ties to the points ledger, whatever the programme."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_cohort import recognise

from scenarios.finance.allocation import earned_so_far
from scenarios.finance.cost_view import LINES as COST_LINES
from scenarios.finance.cost_view import cost_view
from scenarios.finance.points import expected_points, ledger
from scenarios.finance.roll_forward import LINES, Books, Contracts, roll_forward
from scenarios.finance.rounding import divide
from scenarios.finance.third_party import third_party
from sim.errors import InputError


def example_52(expected=((9_500, 9_700),), **options):
    points = ledger([0], [10_000], [[4_500, 4_000]])
    return roll_forward(points, Contracts(10_000_000, 100, "0.95"), np.array(expected), **options)


def random_programme(seed, months=8, tiers=2, claw_backs=True):
    """A ledger, contracts and estimates that only obey the rules of a ledger; everything else is luck."""
    rng = np.random.default_rng(seed)
    issued = rng.integers(0, 10 ** rng.integers(1, 8), (months, tiers)) * rng.integers(0, 2, (months, tiers))
    gone = np.zeros((3, months, months, tiers), np.int64)
    held = issued.copy()
    for month in range(months):
        begun = np.arange(months) <= month
        for kind in rng.permutation(3 if claw_backs else 2):
            share = rng.choice([0.0, 0.1, 0.5, 1.0], (months, tiers), p=[0.5, 0.3, 0.15, 0.05])
            gone[kind, :, month] = np.where(begun[:, None], (held * share).astype(np.int64), 0)
            held -= gone[kind, :, month]
    points = ledger(np.arange(months), issued, gone[0], gone[1], gone[2])
    share = rng.random((months, months, tiers)).round(2)
    expected = points.redeemed_so_far() + (points.outstanding() * share).astype(np.int64)
    contracts = Contracts(
        sales=rng.integers(0, 10**9, (months, tiers)),
        value=Fraction(int(rng.integers(0, 200)), 7),
        probability=Fraction(int(rng.integers(0, 21)), 20),
        goods=rng.integers(0, 10**9, (months, tiers)),
    )
    return points, contracts, expected


def by_hand(points, expected, inception, first_estimate, c, k):
    """Closing balances of one cohort and tier from the words of the rule: fractions, one month at a time."""
    earned_month, held = points.earned[c], int(points.issued[c, k])
    redeemed, allocation, earned, estimate = 0, 0, 0, Fraction(0)
    for month in range(points.months):
        if month == earned_month:
            allocation, estimate = int(inception[c, k]), first_estimate
        taken = int(points.clawed_back[c, month, k])
        if taken:
            kept = divide(Fraction((allocation - earned) * (held - taken), held), 1)
            allocation = earned + kept
            estimate = redeemed + (estimate - redeemed) * Fraction(held - taken, held)
        redeemed += int(points.redeemed[c, month, k])
        held -= taken + int(points.redeemed[c, month, k]) + int(points.expired[c, month, k])
        if month >= earned_month:
            estimate = int(expected[c, month, k])
            earned = earned_so_far(allocation, redeemed, estimate)
        yield allocation - earned


def test_example_52_rolls_forward_to_the_cent():
    total = example_52().total()
    assert total["opening"].tolist() == [0, 456_621]
    assert total["deferred"].tolist() == [867_580, 0]
    assert (total["redemption"] + total["breakage"] - total["change_of_estimate"]).tolist() == [410_959, 349_292]
    assert total["closing"].tolist() == [456_621, 107_329]


@pytest.mark.parametrize("role", ["agent", "principal"])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), months=st.integers(1, 6))
def test_points_of_a_third_party_are_fully_accounted_for(role, seed, months):
    points, contracts, expected = random_programme(seed, months)
    roll = roll_forward(points, contracts, expected)
    found = third_party(roll, "0.4", role)
    assert found.differences() == 0
    if role == "agent":
        assert (found.cost == 0).all() and (found.deferred == 0).all()
        issued = points.issued.sum() - points.clawed_back.sum()
        assert abs(found.owed_to_partner[-1] - 0.4 * issued) <= 0.5 and found.points[-1] == issued
        if not points.clawed_back.any():
            assert found.allocated[-1] == roll.inception.sum()
    else:
        assert found.deferred.tolist() == roll.total()["closing"].tolist()  # as the company's own points
        redeemed = points.redeemed.sum(axis=(0, 2)).cumsum()
        assert np.abs(found.cost - 0.4 * redeemed).max() <= 0.5


def test_example_52_as_points_of_a_third_party():
    """The same sales, the third party paid 80 cents a point: of all 10,000 as agent, of those redeemed as principal."""
    roll = example_52()
    agent, principal = (third_party(roll, 80, role) for role in ("agent", "principal"))
    assert agent.revenue.tolist() == [867_580 - 800_000] * 2 and agent.owed_to_partner.tolist() == [800_000] * 2
    assert principal.revenue.tolist() == [410_959, 410_959 + 349_292] and principal.cost.tolist() == [360_000, 680_000]
    with pytest.raises(InputError, match="0 or more"):
        third_party(roll, -1, "agent")
    with pytest.raises(InputError, match="agent, principal"):
        third_party(roll, 1, "broker")


def test_the_margin_of_a_sold_out_programme_is_the_same_as_agent_and_as_principal():
    """Gross or net: once every point is redeemed, revenue less cost of the one is the revenue of the other."""
    roll = roll_forward(ledger([0], [1000], [[600, 400]]), Contracts(10_000, 1, 1), np.array([[1000, 1000]]))
    agent, principal = (third_party(roll, "0.8", role) for role in ("agent", "principal"))
    assert principal.revenue[-1] - principal.cost[-1] == agent.revenue[-1] == 909 - 800


def test_example_52_line_by_line_as_the_single_cohort_functions_have_it():
    total = example_52().total()
    second = recognise(867_580, 10_000, redeemed_before=4_500, expected_before=9_500, redeemed=8_500, expected=9_700)
    assert [total[n][1] for n in ("redemption", "breakage", "change_of_estimate")] == [
        second.redemption, second.breakage, -second.change_of_estimate,
    ]  # fmt: skip


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 3), st.sampled_from(["proportional", "remote"]))
def test_every_identity_holds(seed, months, tiers, breakage):
    points, contracts, expected = random_programme(seed, months, tiers)
    found = roll_forward(points, contracts, expected, breakage=breakage)
    assert set(found.differences().values()) == {0}
    totals, tier_lines = found.total(), found.by_tier()
    for month in range(months):
        moved = sum(sign * int(totals[name][month]) for name, sign in LINES.items())
        assert totals["opening"][month] + moved == totals["closing"][month]
    for name in LINES:
        assert np.array_equal(tier_lines[name].sum(axis=1), totals[name])
    assert (found.deferred.sum(axis=1) == found.inception).all()
    gone = (points.redeemed + points.expired + points.clawed_back).sum(axis=1)
    assert np.array_equal(points.issued, gone + points.outstanding()[:, -1])
    assert (found.redemption >= 0).all() and (found.breakage >= 0).all() and (found.clawed_back >= 0).all()


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7))
def test_every_cohort_closes_where_the_rule_worked_by_hand_does(seed, months):
    points, contracts, expected = random_programme(seed, months)
    found = roll_forward(points, contracts, expected)
    for c in range(months):
        for k in range(2):
            first = contracts.probability * int(points.issued[c, k])
            assert list(by_hand(points, expected, found.inception, first, c, k)) == found.closing[c, :, k].tolist()


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_an_estimate_that_does_not_change_moves_nothing(seed, months):
    points, contracts, _ = random_programme(seed, months, claw_backs=False)
    hindsight = np.repeat(points.redeemed_so_far()[:, -1:], months, axis=1)  # what is redeemed in the end, known all along
    share = np.frompyfunc(lambda redeemed, issued: Fraction(int(redeemed), int(issued)) if issued else Fraction(0), 2, 1)
    chance = share(hindsight[:, 0], points.issued)
    found = roll_forward(points, Contracts(contracts.sales, contracts.value, chance, contracts.goods), hindsight)
    assert not found.change_of_estimate.any()


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_books_closed_half_way_open_the_rest(seed):
    points, contracts, expected = random_programme(seed, months=8)
    whole = roll_forward(points, contracts, expected)
    early = slice(0, 5)  # cohorts and months 0 to 4
    part = {name: getattr(points, name)[early, early] for name in ("redeemed", "expired", "clawed_back")}
    first = roll_forward(
        ledger(points.earned[early], points.issued[early], *part.values()),
        Contracts(contracts.sales[early], contracts.value, contracts.probability, contracts.goods[early]),
        expected[early, early],
    )
    later = {name: getattr(points, name)[:, 5:] for name in part}
    before = np.stack([getattr(points, name)[:, early].sum(axis=1) for name in part])
    none = np.zeros((3, 2), dtype=object)
    books = Books(*(np.concatenate([b, none]) for b in (first.books.allocation, first.books.earned, first.books.expected)))
    second = roll_forward(
        ledger(points.earned - 5, points.issued, *later.values(), before), contracts, expected[:, 5:], opening=books
    )
    for name in LINES:
        assert np.array_equal(getattr(whole, name)[:, 5:], getattr(second, name)), name
    assert set(second.differences().values()) == {0}


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 10**9))
def test_every_line_of_every_cohort_is_what_the_single_cohort_earns(seed, months, most):
    points, contracts, expected = random_programme(seed, months, tiers=1, claw_backs=False)
    sales = contracts.sales % most  # small amounts, down to a few cents, are where rounding could go wrong
    found = roll_forward(points, Contracts(sales, contracts.value, contracts.probability, contracts.goods % most), expected)
    for c in range(months):
        issued, before, estimate = int(points.issued[c, 0]), 0, contracts.probability * int(points.issued[c, 0])
        for month in range(c, months):
            now, then = int(points.redeemed_so_far()[c, month, 0]), int(expected[c, month, 0])
            lines = recognise(
                int(found.inception[c, 0]), issued,
                redeemed_before=before, expected_before=estimate, redeemed=now, expected=then,
            )  # fmt: skip
            assert lines.redemption == found.redemption[c, month, 0]
            assert lines.breakage == found.breakage[c, month, 0]
            assert lines.change_of_estimate == -found.change_of_estimate[c, month, 0]
            before, estimate = now, then


def test_extending_expiry_mid_way_re_estimates_and_leaves_the_inception_allocation():
    issued, months = 10_000, 12
    redeemed = np.full((1, months), 500)
    points = ledger([0], [issued], redeemed)
    before = np.full((1, months), 8_000)
    extended = before.copy()
    extended[:, 6:] = 9_000  # from month 6 on points live longer, so more of them are redeemed in the end
    contracts = Contracts(10_000_000, 100, "0.8")
    old, new = (roll_forward(points, contracts, e) for e in (before, extended))
    assert np.array_equal(old.inception, new.inception) and np.array_equal(old.deferred, new.deferred)
    assert np.array_equal(old.closing[:, :6], new.closing[:, :6])
    assert np.flatnonzero(new.change_of_estimate[0, :, 0]).tolist() == [6]
    allocation, so_far = int(new.inception[0, 0]), 7 * 500
    catch_up = earned_so_far(allocation, so_far, 8_000) - earned_so_far(allocation, so_far, 9_000)
    assert new.change_of_estimate[0, 6, 0] == catch_up > 0
    assert new.closing[0, -1, 0] == allocation - earned_so_far(allocation, 6_000, 9_000)


def test_a_company_that_cannot_estimate_breakage_earns_it_when_points_expire():
    points = ledger([0], [1_000], [[200, 300, 0]], [[0, 0, 500]])
    total = roll_forward(points, Contracts(100_000, 10, 1), None, breakage="remote").total()
    allocation = int(total["deferred"][0])
    assert allocation == divide(Fraction(100_000 * 10_000, 110_000), 1)
    assert total["breakage"].tolist() == [0, 0, allocation - divide(Fraction(allocation, 2), 1)]
    assert total["change_of_estimate"].tolist() == [0, 0, 0]
    earned = [divide(Fraction(allocation * gone, 1_000), 1) for gone in (200, 500, 1_000)]
    assert total["closing"].tolist() == [allocation - e for e in earned] and total["closing"][2] == 0


def test_a_claw_back_takes_the_carrying_amount_and_leaves_what_was_earned():
    points = ledger([0], [1_000], [[400, 0, 0]], None, [[0, 150, 450]])
    expected = [[800, 700, 400]]  # of 600 outstanding 400 expected; a quarter of them, then all, are taken back
    total = roll_forward(points, Contracts(100_000, 10, "0.8"), expected).total()
    opening = int(total["closing"][0])
    assert total["clawed_back"].tolist() == [0, divide(Fraction(opening, 4), 1), int(total["closing"][1])]
    assert total["redemption"][1:].tolist() == total["breakage"][1:].tolist() == [0, 0]
    assert abs(total["change_of_estimate"][1]) <= 1 and total["closing"][2] == 0


def test_points_redeemed_beside_a_claw_back_leave_no_change_of_estimate_where_the_chance_stays():
    points = ledger([0], [1_000], [[400, 150]], None, [[0, 150]])
    total = roll_forward(points, Contracts(10_000_000, 1_000, "0.8"), [[800, 700]]).total()  # 400 of 600, then 300 of 450 left
    assert total["redemption"][1] > 0 and abs(total["change_of_estimate"][1]) <= 1


def test_a_claw_back_releases_the_accrued_cost_of_the_points_taken():
    points = ledger([0], [1_000], [[400, 0]], None, [[0, 150]])
    total = cost_view(points, 2, "0.8", [[800, 700]]).total()
    assert total["closing"].tolist() == [800, 600] and total["clawed_back"].tolist() == [0, 200]
    assert total["change_of_estimate"].tolist() == [0, 0]


def test_rows_of_the_table_add_up_to_the_total_row():
    points, contracts, expected = random_programme(7)
    table = roll_forward(points, contracts, expected).table()
    parts = table[table["tier"] != "all"].groupby("month")[list(LINES)].sum()
    assert parts.equals(table[table["tier"] == "all"].set_index("month")[list(LINES)])
    assert len(table) == 8 * 3


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_the_cost_view_balances_too(seed, months):
    points, contracts, expected = random_programme(seed, months)
    cost = [Fraction(3, 7)] * (months - 1) + [Fraction(1, 2)]  # a point gets dearer in the last month
    found = cost_view(points, cost, contracts.probability, expected)
    moved = sum(sign * getattr(found, name) for name, sign in COST_LINES.items())
    assert np.array_equal(found.opening + moved, found.closing)
    assert np.array_equal(found.opening[:, 1:], found.closing[:, :-1])
    to_come = (expected - points.redeemed_so_far())[:, -1].astype(object)
    assert np.array_equal(found.closing[:, -1], divide(to_come * Fraction(1, 2), 1).astype(np.int64))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_a_cost_view_opens_with_the_points_that_are_there(seed):
    """Half-way through it opens, for what is outstanding, with what the whole one had accrued; from then on they are the same."""
    points, contracts, expected = random_programme(seed, 6)
    whole = cost_view(points, "0.3", contracts.probability, expected)
    left, so_far = points.outstanding()[:, 2], points.redeemed_so_far()[:, 2]
    old = points.earned < 3
    held = np.where(old[:, None], left, points.issued)
    flows = (points.redeemed[:, 3:], points.expired[:, 3:], points.clawed_back[:, 3:])
    rest = ledger(points.earned - 3, held, *flows)
    share = np.frompyfunc(lambda come, of: Fraction(int(come), int(of)) if of else Fraction(0), 2, 1)
    chance = np.where(old[:, None], share(expected[:, 2] - so_far, left), contracts.probability)
    later = expected[:, 3:] - np.where(old[:, None], so_far, 0)[:, None]
    found = cost_view(rest, "0.3", chance, later)
    for name in COST_LINES:
        assert np.array_equal(getattr(found, name), getattr(whole, name)[:, 3:]), name


def test_the_cost_view_of_example_52():
    points = ledger([0], [10_000], [[4_500, 4_000]])
    total = cost_view(points, "0.55", "0.95", [[9_500, 9_700]]).total()
    assert total["accrued"].tolist() == [5_225, 0] and total["used"].tolist() == [2_475, 2_200]
    assert total["change_of_estimate"].tolist() == [0, 110] and total["closing"].tolist() == [2_750, 660]


def test_rates_become_whole_points_that_the_ledger_allows():
    points = ledger([0, 1], [1_000, 1_000], [[300, 200], [0, 100]], [[0, 400], [0, 0]])
    found = expected_points([[0.95, 0.95], [0.0, 0.05]], points)[..., 0]
    assert found.tolist() == [[950, 600], [0, 100]]  # 950 of 1,000 is no longer possible; 5 % is less than was redeemed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [100], [[60, 60]]), "cohort 0, tier 0: 100 points issued, but 120"),
        (([1], [100], [[10, 0]]), "earned in month 1, but some of its points are gone in month 0"),
        (([2], [100], [[0, 0]]), "after the last month 1"),
        (([0], [100], [[0.5, 0.5]]), "whole numbers of 0 or more"),
        (([0], [100], [[-1, 0]]), "whole numbers of 0 or more"),
        (([0], [100, 100], [[1, 1]]), "issued points have shape"),
        (([0.0], [100], [[1, 1]]), "months of earning"),
    ],
)
def test_ledgers_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ledger(*arguments)


def test_estimates_that_the_ledger_rules_out_are_refused():
    with pytest.raises(InputError, match=r"cohort 0, month 1, tier 0: 8000 points are expected ever to be redeemed, but 8500"):
        example_52([[9_500, 8_000]])
    with pytest.raises(InputError, match="whole numbers or fractions"):
        example_52([[9_500.0, 9_700.0]])
    with pytest.raises(InputError, match="books"):
        roll_forward(ledger([-1], [10], [[1]]), Contracts(1, 1, 1), [[10]])
    with pytest.raises(InputError, match="proportional, remote"):
        example_52(breakage="never")
    with pytest.raises(InputError, match="opening books have shape"):
        example_52(opening=Books(*(np.zeros((2, 1), dtype=object) for _ in range(3))))
