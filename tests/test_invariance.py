"""A member's life depends on seed and member alone."""

import datetime as dt

import numpy as np
import pytest
from scenes import RICH, scenario, without

from scenarios.files import load
from sim import production
from sim.errors import InputError
from sim.months import monthly
from sim.outcome import Outcome, simulate
from sim.tabulating import compile_tables

RICH_UNSHARED = without(RICH, "nobody")  # a copy
for _row in RICH_UNSHARED["programme"]["incentives"]:
    _row.pop("budget", None)


def bytes_of(o: Outcome) -> bytes:
    sums = (o.cube, o.survival, o.migration, o.repurchase, o.grants[o.grants > 0])
    return b"".join(array.tobytes() for array in sums) + monthly(o).to_json().encode()


@pytest.fixture(scope="module")
def whole() -> Outcome:
    return simulate(scenario(RICH), members=700, seed=4)


@pytest.mark.parametrize("cut", [{"threads": 1}, {"threads": 2}, {"chunk": 64}, {"chunk": 1000, "threads": 2}])
def test_threads_and_chunks(whole: Outcome, cut: dict) -> None:
    """The same bytes on any number of threads and for any size of chunk, shared budgets included."""
    assert bytes_of(simulate(scenario(RICH), members=700, seed=4, **cut)) == bytes_of(whole)


@pytest.mark.parametrize("meetings", [[100.0], [float(day) for day in range(7, 450, 7)]])
def test_meeting_points(whole: Outcome, meetings: list[float]) -> None:
    assert bytes_of(simulate(scenario(RICH), members=700, seed=4, meetings=meetings)) == bytes_of(whole)


def test_ban_one_member() -> None:
    """Without a shared budget, who else is there changes nobody's life: fewer members at birth, or one in the middle gone."""
    many = simulate(scenario(RICH_UNSHARED), members=400, seed=9, keep=True).members
    fewer = simulate(scenario(RICH_UNSHARED), members=399, seed=9, keep=True).members
    assert many is not None
    assert fewer is not None
    np.testing.assert_array_equal(many[:399], fewer[:399])
    half = scenario(RICH_UNSHARED, horizon={"months": 7})
    state = simulate(half, members=400, seed=9, keep_state=True).state
    assert state is not None
    others = state.part(np.delete(np.arange(len(state.members)), 200))
    rest = scenario(RICH_UNSHARED, horizon={"start": dt.date(2027, 8, 1), "months": 7})
    whole, banned = (simulate(rest, seed=9, opening=o, keep=True).members for o in (state, others))
    assert whole is not None
    assert banned is not None
    np.testing.assert_array_equal(np.delete(whole, 200), banned)
    assert whole["buys"].sum() > 500


@pytest.mark.parametrize("place", [0, 5, 13])
def test_an_unused_incentive_changes_nothing(place: int) -> None:
    """A row that nobody can have, wherever it stands: the same bytes in every tally."""
    extra = without(RICH, "nobody")
    unused = {
        "name": "never",
        "when": {"event": "inactivity", "days": 30},
        "give": {"coupon": {"value": 99.0}},
        "message": True,
        "valid_from": dt.date(2040, 1, 1),
    }
    extra["programme"]["incentives"].insert(place, unused)
    a, b = (simulate(scenario(which), members=300, seed=2) for which in (RICH, extra))
    assert bytes_of(a) == bytes_of(b)


def test_seeds_matter() -> None:
    a, b = (simulate(scenario(RICH), members=300, seed=seed).total("purchases") for seed in (1, 2))
    assert a != b


@pytest.mark.parametrize("name", ["loy-365", "no-programme"])
def test_a_plain_run_is_the_same_by_either_kernel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = []
    for pays, expected in ((0, production._live_plainly), (10**18, production._live)):
        monkeypatch.setattr(production, "PAYS", pays)
        assert production.Crew(compile_tables(load(name), members=10)).live is expected
        lives.append(simulate(load(name), members=3000, seed=5))
    assert bytes_of(lives[0]) == bytes_of(lives[1])


def test_a_run_with_anything_to_react_to_is_not_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(production, "PAYS", 0)
    for name in ("p4", "cash-back"):
        assert production.Crew(compile_tables(load(name), members=10)).live is production._live


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"members": 0}, "members: found 0, allowed is a whole number from 1 to 50,000,000"),
        ({"members": -5}, "members: found -5"),
        ({"members": 2.5}, "members: found 2.5"),
        ({"seed": -1}, "seed: found -1, allowed is a whole number from 0 to 4,294,967,295"),
        ({"seed": 2**32}, "seed: found 4294967296"),
        ({"draw": -2, "threads": 0}, "draw: found -2"),
        ({"chunk": 0}, "chunk: found 0, allowed is a whole number from 1"),
        ({"score": {"goal_gradient.strenght": 1.0}}, "score: found goal_gradient.strenght, allowed is effect.parameter, as "),
        ({"look": 5.5}, "look: found day 5.5, allowed is a whole day of the run, 0 to 455"),
        ({"look": 456}, "look: found day 456"),
        ({"meetings": [30, -1]}, "meetings: found day -1"),
    ],
)
def test_what_cannot_be_run_is_refused(stated: dict, words: str) -> None:
    """No members at all were the population's members, fewer than none an empty run, a day outside it nothing, a name of no
    parameter neither; seeds went by their last 32 bits."""
    with pytest.raises(InputError) as caught:
        simulate(scenario(RICH), **stated)
    assert caught.value.problems[0].startswith(words)
