"""Random words: known answers, and addresses instead of streams."""

from types import SimpleNamespace

import numpy as np
import pytest
from scenes import only, scenario
from scipy import stats

from sim.outcome import simulate
from sim.rules.numbers import exp, log
from sim.rules.words import AHEAD, EXTRA, GAP, MARK, normal, philox, place_above, uniforms


def words(*counter_and_key: int) -> list[str]:
    c0, c1, c2, c3, k0, k1 = (np.uint64(x) for x in counter_and_key)
    return [f"{int(w):08x}" for w in philox(k0, k1, c0, c1, c2, c3)]


@pytest.mark.parametrize(
    ("counter_and_key", "expected"),
    [
        ((0, 0, 0, 0, 0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter_and_key: tuple[int, ...], expected: str) -> None:
    """Random123's known-answer file for philox4x32-10."""
    assert words(*counter_and_key) == expected.split()


def test_normal_is_the_quantile() -> None:
    u = np.concatenate([np.linspace(1e-9, 1 - 1e-9, 2001), 10.0 ** -np.arange(2.0, 10.0)])
    found = np.array([normal(float(x)) for x in u])
    np.testing.assert_allclose(found, stats.norm.ppf(u), rtol=2e-12, atol=1e-13)


def test_words_are_uniform_and_unrelated() -> None:
    """Members, ordinals and words of one block: uniform each, uncorrelated among each other."""
    with np.errstate(all="ignore"):
        draws = np.array([uniforms(5, member, ordinal, 0, 0) for member in range(60) for ordinal in range(60)])
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    correlation = np.corrcoef(draws.T) - np.eye(4)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(draws))


def test_two_candidates_above_the_baseline_share_a_block_and_no_word() -> None:
    """Gaps are exponential, marks uniform; nothing goes with anything else: not within a block, not of candidates beside each
    other, not with the block of their purchase. Read in any order they are the same."""
    scene = SimpleNamespace(
        ahead_of=np.full((1, 2, 2), -1), above=np.zeros((1, 2, 2 * AHEAD)), t=SimpleNamespace(p=[SimpleNamespace(seed=5)])
    )

    def drawn(member: int, ordinal: int) -> tuple[float, float]:
        row, column = place_above(SimpleNamespace(key=member), 0, scene, scene.t, ordinal)
        return scene.above[row, GAP, column], scene.above[row, MARK, column]

    n = 6 * AHEAD
    with np.errstate(all="ignore"):
        found = np.array([[drawn(member, ordinal) for ordinal in range(n)] for member in range(100)])
        again = np.array([drawn(7, ordinal) for ordinal in reversed(range(n))])[::-1]
        bought = np.array([[uniforms(5, member, ordinal, EXTRA, 1)[0] for ordinal in range(n)] for member in range(100)])
    np.testing.assert_array_equal(found[7], again)
    gaps, marks = found[..., 0], found[..., 1]
    assert stats.kstest(gaps.ravel(), "expon").pvalue > 1e-3 and stats.kstest(marks.ravel(), "uniform").pvalue > 1e-3
    assert len(np.unique(gaps)) == gaps.size and len(np.unique(marks)) == marks.size
    pairs = [(gaps, marks), (gaps, bought), (marks, bought)]
    pairs += [(a[:, :-lag], b[:, lag:]) for lag in (1, AHEAD, 2 * AHEAD) for a in (gaps, marks) for b in (gaps, marks)]
    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.5 / np.sqrt(a.size)


CUT = {"name": "cut", "when": {"event": "purchase"}, "only": {"category": "food"}, "during": {"price": 0.5}}
VOUCHERS = {
    "earning": {"points_per_unit": 1000.0, "base": "list"},
    "rewards": [{"name": "off", "kind": "voucher", "points": 1, "value": 0.01}],
}


@pytest.mark.parametrize("tally", ["voucher_value", "incentive_discount", "refunded_list"])
def test_what_befalls_a_purchase_does_not_go_with_its_basket(tally: str) -> None:
    """Redeeming, category and return have words of their own, above the baseline (two thirds here) too: what meets half of the
    purchases meets half of their value."""
    def total(share: float) -> int:
        keen = {"name": "keen", "says": "buys", "source": "a test", "log_rate": "1.1", "at_most": 1.2}
        categories = [{"name": "food", "share": share}, *([{"name": "toys", "share": 0.5}] if share < 1.0 else [])]
        parts = {
            "voucher_value": {"programme": VOUCHERS},
            "incentive_discount": {"programme": {"incentives": [CUT]}, "market": {"categories": categories}},
            "refunded_list": {"programme": VOUCHERS, "market": {"refunds": {"share": min(share, 0.9), "after_days": 1}}},
        }
        behaviour = {**only(), "own_effects": [keen], "redeeming": {"probability": share}}
        o = simulate(scenario(None, behaviour=behaviour, **parts[tally]), members=4000, seed=3)
        assert o.total("gained_purchases") > 1.5 * o.total("base_purchases") > 10_000
        return o.total(tally)

    whole = 0.9 if tally == "refunded_list" else 1.0
    assert total(0.5) / total(1.0) == pytest.approx(0.5 / whole, rel=0.02)


def test_exp_and_log_are_those_of_the_system_but_for_the_last_bits() -> None:
    x = np.concatenate([np.linspace(-700.0, 700.0, 5001), np.linspace(-1.0, 1.0, 5001)])
    np.testing.assert_allclose([exp(float(v)) for v in x], np.exp(x), rtol=4.5e-16)
    assert exp(-1e18) == exp(-708.0) < 1e-307
    y = np.concatenate([np.exp(x), np.linspace(0.5, 2.0, 5000)])
    np.testing.assert_allclose([log(float(v)) for v in y], np.log(y), rtol=2.3e-16, atol=1e-300)
