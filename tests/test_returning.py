"""Lapsed members return at the stated rate, in operational time, and with the same luck whatever the programme does."""

import numpy as np
import pytest
from scenes import PLAIN, scenario
from test_opening import cut, later

from sim import tally
from sim.calendar import WEEKS
from sim.outcome import Outcome, simulate

MEMBERS = 4000
QUIET = [0.25 if 13 <= week < 40 else 1.75 for week in range(WEEKS)]


def returning(rate: float, season: list[float] | None = None, months: int = 12, **changes: object):
    """Everybody lapses at every purchase, and buys so often that a return is seen within hours."""
    population = {
        "basket": {"median": 40.0, "sigma": 0.6},
        "purchase_rate": {"mean": 20.0, "shape": 1000.0}, "leaving": {"probability": 1.0, "return_rate": rate}, "season": season,
        "history_days": [0.0, 0.0], "new_members_per_month": 0.0, "first_purchase_on_joining": False,
    }  # fmt: skip
    return scenario(PLAIN, population=population, horizon={"months": months}, **changes)


def monthly(out: Outcome, name: str) -> np.ndarray:
    return out.cube[..., tally.NAMES.index(name)].sum(axis=(1, 2)).astype(float)


def hazard(out: Outcome) -> np.ndarray:
    """Returns a lapsed member and day, month by month; those who are back lapse again within the hour."""
    days = np.diff([m["start"] for m in out.tables.months] + [out.tables.months[-1]["end"]])
    return monthly(out, "returns") / (MEMBERS * days)


@pytest.mark.parametrize("rate", [0.002, 0.02])
def test_members_return_at_the_stated_rate(rate: float) -> None:
    out = simulate(returning(rate), members=MEMBERS, seed=5)
    assert hazard(out).mean() == pytest.approx(rate, rel=4 / np.sqrt(monthly(out, "returns").sum()))


def test_a_return_rate_counts_days_of_an_average_season() -> None:
    """As purchase rates do, and as calibration fits it: in a quiet season fewer come back."""
    found = hazard(simulate(returning(0.005, QUIET), members=MEMBERS, seed=5))
    assert found[[0, 1, 11]].mean() == pytest.approx(1.75 * 0.005, rel=0.08)
    assert found[4:9].mean() == pytest.approx(0.25 * 0.005, rel=0.15)


def test_a_run_that_goes_on_at_another_rate_has_it_from_its_first_day() -> None:
    """What is left of a wait is waited at the new rate; from none on, waits begin; where there is none, nobody returns."""
    for before, after in ((0.001, 0.01), (0.01, 0.001), (0.0, 0.005), (0.005, 0.0)):
        first = simulate(cut(returning(before), 6), members=MEMBERS, seed=5, keep_state=True)
        assert first.state is not None
        rest = simulate(later(returning(after), first.state.start, 6), seed=5, opening=first.state)
        found = hazard(rest)
        assert found[0] == pytest.approx(after, rel=0.2, abs=0)
        assert found.mean() == pytest.approx(after, rel=4 / np.sqrt(max(1.0, monthly(rest, "returns").sum())), abs=0)


def test_the_years_before_the_start_are_lived_by_the_same_rules() -> None:
    """Members with 400 days behind them at the start are where a run of 400 days leaves them: a return is a purchase, after
    which a member may leave."""
    population = {
        "basket": {"median": 40.0, "sigma": 0.6}, "purchase_rate": {"mean": 0.1, "shape": 1000.0},
        "leaving": {"probability": 0.3, "return_rate": 0.005}, "new_members_per_month": 0.0, "first_purchase_on_joining": False,
    }  # fmt: skip
    past, run = (
        simulate(
            scenario(PLAIN, population={**population, "history_days": [days, days]}, horizon={"months": 14}),
            members=20_000,
            seed=3,
        )
        for days in (400.0, 0.0)
    )
    assert monthly(past, "active_at_start")[0] / 20_000 == pytest.approx(monthly(run, "alive")[12] / 20_000, rel=0.05)


def test_a_rate_beyond_reason_is_refused() -> None:
    """Each moment that would bring a member back is drawn: of a thousand a day a run would not come to its end."""
    assert simulate(returning(100.0, months=1), members=10, seed=5).total("returns") > 0
    with pytest.raises(ValueError, match="less than or equal to 100"):
        returning(1000.0)
