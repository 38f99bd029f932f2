"""Rounding and deferred revenue: the standard's own example to the cent, other published ones, and what must always add up."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_cohort import accrued_cost, recognise

from scenarios.finance import liability
from scenarios.finance.allocation import earned_so_far, to_points
from scenarios.finance.rounding import divide, exact, largest_remainder, minor_units
from sim.errors import InputError

fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=997)


def test_example_52_allocates_to_the_cent():
    """Customers pay 100,000 for goods sold at that price alone, and earn 10,000 points worth 1 each, 95 % expected redeemed."""
    points = to_points(10_000_000, 10_000_000, 10_000 * 100 * exact("0.95"))
    assert (10_000_000 - points, points) == (9_132_420, 867_580)


def test_example_52_first_year():
    year = recognise(867_580, 10_000, redeemed_before=0, expected_before=9_500, redeemed=4_500, expected=9_500)
    assert year.revenue == 410_959
    assert year.redemption == round(867_580 * 0.45)  # the price of 4,500 of 10,000 points; the rest is breakage
    assert year.breakage == 410_959 - 390_411
    assert year.change_of_estimate == 0


def test_example_52_second_year_is_a_cumulative_catch_up():
    year = recognise(867_580, 10_000, redeemed_before=4_500, expected_before=9_500, redeemed=8_500, expected=9_700)
    assert year.revenue == 349_292
    assert 867_580 - 410_959 - year.revenue == 107_329
    assert year.change_of_estimate < 0  # more redemption expected: part of what was earned is deferred again
    assert year.redemption + year.breakage == divide(Fraction(867_580 * 4_000, 9_500), 1)


@pytest.mark.parametrize(("expected", "second"), [(9_900, 3_552), (9_200, 4_140)])
def test_handbook_example_with_the_estimate_raised_and_lowered(expected, second):
    """KPMG (2019), Revenue - IFRS 15 handbook, examples 10A and 10B, in whole currency units as printed."""
    first = recognise(9_000, 10_000, redeemed_before=0, expected_before=9_700, redeemed=4_500, expected=9_700)
    then = recognise(9_000, 10_000, redeemed_before=4_500, expected_before=9_700, redeemed=8_500, expected=expected)
    assert (first.revenue, then.revenue) == (4_175, second)


@settings(deadline=None)
@given(
    st.integers(0, 10**9), st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_three_lines_add_up_to_the_change_of_what_is_earned(allocation, issued, a, b, c, d):
    before, now = sorted((int(a * issued), int(b * issued)))
    first = before + int(c * (issued - before))
    last = now + int(d * (issued - now))
    lines = recognise(allocation, issued, redeemed_before=before, expected_before=first, redeemed=now, expected=last)
    assert lines.revenue == earned_so_far(allocation, now, last) - earned_so_far(allocation, before, first)
    assert lines.redemption >= 0 and lines.breakage >= 0
    assert 0 <= earned_so_far(allocation, now, last) <= allocation


def test_breakage_is_never_negative_by_a_stray_cent():
    for allocation in range(1, 14):
        for expected in range(1, 8):
            for before in range(expected + 1):
                for now in range(before, expected + 1):
                    lines = recognise(
                        allocation, 8, redeemed_before=before, expected_before=expected, redeemed=now, expected=expected
                    )
                    assert lines.redemption >= 0 and lines.breakage >= 0 and lines.change_of_estimate == 0


def test_a_cohort_that_is_over_has_earned_everything():
    assert earned_so_far(867_580, 9_700, 9_700) == 867_580
    assert earned_so_far(867_580, 0, 0) == 867_580  # all expired: all breakage


def test_points_without_a_sale_defer_nothing_and_cost_is_accrued():
    assert to_points(0, 0, 95_000) == 0
    assert accrued_cost("0.55", 0, 9_500) == 5_225
    assert accrued_cost("0.55", 4_500, 9_500) == 2_750


def test_unknown_rules_are_refused():
    with pytest.raises(InputError, match="half_up, half_even"):
        divide(1, 2, "up")


def test_halves_go_by_the_stated_rule():
    assert [divide(n, 2) for n in (-3, -1, 1, 3, 5)] == [-2, -1, 1, 2, 3]
    assert [divide(n, 2, "half_even") for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert minor_units("12.345") == 1_235 and minor_units("12.345", rule="half_even") == 1_234
    assert minor_units(1.005) == 101  # the decimal that was written, not its binary neighbour 1.00499..
    assert minor_units(Decimal("7"), digits=0) == 7


@settings(deadline=None)
@given(st.lists(fractions, min_size=1, max_size=20), st.sampled_from(["half_up", "half_even"]))
def test_one_rule_for_numbers_and_arrays(values, rule):
    tops = np.array(values, dtype=object)
    assert list(divide(tops, 7, rule)) == [divide(v, 7, rule) for v in values]
    assert all(abs(divide(v, 7, rule) - v / 7) <= Fraction(1, 2) for v in values)


@settings(deadline=None)
@given(st.lists(fractions, min_size=1, max_size=40))
def test_rounded_rows_add_up_to_the_rounded_total(rows):
    rounded = largest_remainder(rows)
    assert sum(rounded) == divide(sum(rows), 1)
    assert all(abs(r - row) < 1 for r, row in zip(rounded, rows, strict=True))


def test_what_is_left_goes_to_the_rows_that_lost_most():
    assert largest_remainder([Fraction(1, 3)] * 3) == [1, 0, 0]
    assert largest_remainder([Fraction(5, 10), Fraction(9, 10), Fraction(6, 10)]) == [0, 1, 1]
    with pytest.raises(InputError, match="cannot be rounded"):
        largest_remainder([Fraction(1, 2)], total=5)


@pytest.mark.parametrize("wrong", ["many", float("nan"), float("inf"), None, True])
def test_what_is_no_number_is_refused(wrong):
    with pytest.raises(InputError, match="is not a number"):
        exact(wrong)


@pytest.mark.parametrize(("rule", "cents"), [("half_up", 1), ("half_even", 0)])
def test_what_is_deferred_for_points_from_before_is_rounded_by_the_rule(rule, cents):
    """A point worth a cent, at a sale of 2 cents whose points are worth as much: half a cent of it was deferred."""
    one_month = SimpleNamespace(of=lambda line: np.array([[0.02 if line == "net_sales" else 0.0]]))
    points = SimpleNamespace(earned=np.array([-1, 0]), issued=np.array([[1], [2]]))
    price = np.full((2, 1), Fraction(1), dtype=object)
    found = liability._opening(one_month, [points], np.array([True, True]), price, None, rule)
    assert found.tolist() == [[cents], [0]]
