"""What a read-out does with tables and events that it cannot take as they are."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from live_trial import BASE, gate, live, plan

from experiments.readout import read
from sim.errors import InputError


def test_events_are_matched_to_members_by_id_however_it_is_written_and_what_has_no_member_is_counted():
    frame = live(600)
    events = pd.DataFrame({"member_id": frame.member_id, "date": "2026-01-28", "spend": frame.spend})
    members = frame[["member_id", "arm"]]
    expected = read(members, plan(), events=events)
    for written in (" {} ", "{}.0"):
        found = read(members, plan(), events=events.assign(member_id=events.member_id.map(written.format)))
        assert found.rows == expected.rows and not any(one.name == "events" for one in found.gates)
    strange = pd.concat([events, events.head(7).assign(member_id=10_000), events.head(2).assign(spend=None)])
    found = gate(read(members, plan(), events=strange), "events")
    said = "7 of 609 events are of nobody in the members' table and were left out and 2 values of events are empty and count"
    assert not found.passed and not found.blocks and found.sentence == f"{said} as 0."
    with pytest.raises(InputError, match=r"no event is of a member of data frame: .* ids are such as '0', the events' .* 'm0'"):
        read(members, plan(), events=events.assign(member_id="m0"))
    with pytest.raises(InputError, match="the first: row 1 has no date"):
        read(members, plan(), events=events.assign(date=[None, *events.date[1:]]))


def test_a_member_is_the_same_member_with_and_without_a_blank_or_a_fraction_of_0():
    frame = live().assign(member_id=lambda f: f.member_id.astype(str))
    frame.loc[1, "member_id"], frame.loc[2, "member_id"] = "0.0", " 5 "
    assert "2 members are listed more than once" in gate(read(frame, plan()), "duplicate units").sentence


def test_no_name_of_a_metric_is_that_of_a_denominator_a_covariate_or_a_week():
    """A metric called `spend/` took the place of the denominator of `spend`."""
    names = ["spend/", "pre:before", "pre:before?", "spend@1", "spend@1/"]
    ratio = BASE["metrics"][0] | {
        "kind": "ratio", "denominator": "orders", "covariates": ["before"], "adjustment": "cuped", "weekly": "w{week}",
        "weekly_denominator": "o{week}",
    }  # fmt: skip
    frame = live().assign(before=np.random.default_rng(2).normal(size=2000))
    frame = frame.assign(**{f"w{k}": frame.spend / 4 for k in range(1, 5)}, **{f"o{k}": frame.orders for k in range(1, 5)})
    others = [{"name": name, "role": "secondary", "column": "other"} for name in names]
    alone, crowded = (read(frame.assign(other=frame.before + 1), plan(metrics=[ratio, *more])) for more in ([], others))
    assert [row for row in crowded.rows if row.metric == "spend"] == alone.rows
    with pytest.raises(ValueError, match="a name is one line of printable characters"):
        plan({"name": "two\nlines"})


def test_a_covariate_made_of_events_after_exposure_is_refused():
    events = pd.DataFrame({"member_id": np.arange(400), "date": "2026-01-28", "spend": 1.0 + np.arange(400) % 7, "visits": 1})
    of = plan({"covariates": ["visits"], "adjustment": "cuped"}, pre_days=28)
    said = r"column 'visits' \(covariate of metric spend\) is made of the events from exposure on; .* before: pre_visits, with"
    with pytest.raises(InputError, match=said):
        read(live(400)[["member_id", "arm"]], of, events=events)

BROKEN = {
    "unknown arm": (
        lambda f: f.replace({"arm": {"trial": "tial"}}),
        {},
        "found arm 'tial'; the plan's arms are",
    ),
    "missing column": (lambda f: f.drop(columns="spend"), {}, "column 'spend' (metric spend) is missing"),
    "empty arm": (lambda f: f[f.arm == "control"], {}, "arm 'trial' has 0 members"),
    "constant": (lambda f: f.assign(spend=7), {}, "is 7 for everybody in an arm"),
    "text": (lambda f: f.assign(spend=["much", *f.spend[1:]]), {}, "row 1: found 'much'; must be a number"),
    "infinite": (lambda f: f.assign(spend=[np.inf, *f.spend[1:]]), {}, "found inf; must be a finite number"),
    "too large to square": (
        lambda f: f.assign(spend=[1e200, *f.spend[1:]]),
        {},
        "column 'spend': row 1: found 1e+200; must be between -1e+30 and 1e+30",
    ),
    "quantile of a value that most have": (
        lambda f: f.assign(spend=np.where(f.index % 5 > 0, 0.0, f.spend)),
        {"metric": {"kind": "quantile", "quantile": 0.5}},
        "its quantile 0.5 is 0 in next to every resample, as so many members have this value",
    ),
    "no member": (
        lambda f: f.assign(member_id=["a", "b", None, *map(str, range(len(f) - 3))]),
        {},
        "column 'member_id': row 3: is empty; every row needs its member",
    ),
    "empty covariate": (
        lambda f: f.assign(before=np.nan),
        {"metric": {"covariates": ["before"], "adjustment": "cuped"}},
        "covariate of metric spend (column 'before') is empty for everybody; nothing to adjust by",
    ),
    "empty value": (
        lambda f: f.assign(spend=[np.nan, *f.spend[1:]]),
        {},
        "row 1: is empty; metric spend needs",
    ),
    "no rows": (lambda f: f.head(0), {}, "has 0 rows"),
    "dates": (
        lambda f: f.assign(exposed="2026-02-03"),
        {"columns": {"exposed": "exposed"}},
        "found 2026-02-03; must lie in the window 2026-01-01 to 2026-01-28",
    ),
    "assigned after the end": (
        lambda f: f.assign(assigned=["2026-01-29", *["2025-12-01"] * (len(f) - 1)]),
        {"columns": {"assigned": "assigned"}},
        "row 1: found 2026-01-29; must not lie after the window 2026-01-01 to 2026-01-28",
    ),
    "column twice": (
        lambda f: f.assign(other=1).rename(columns={"other": "spend"}),
        {},
        "two columns are called 'spend'",
    ),
    "no proportion": (lambda f: f, {"metric": {"kind": "proportion"}}, "is a proportion of 0 and 1"),
    "denominator of 0 in one arm": (
        lambda f: f.assign(orders=np.where(f.arm == "trial", 0, f.orders)),
        {"metric": {"kind": "ratio", "denominator": "orders"}},
        "spend, spend by orders: the mean of its denominator is 0 in arm 'trial', within 3 standard errors of 0",
    ),
    "more covariates than members": (
        lambda f: f.head(8).assign(**{f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(9)}),
        {"metric": {"covariates": [f"x{k}" for k in range(9)], "adjustment": "lin"}},
        "spend: 6 coefficients of covariates leave 0 degrees of freedom",
    ),
    "no cluster": (
        lambda f: f.assign(store=["", *f.store[1:]], arm=np.where(f.store % 2, "control", "trial")),
        {"unit": "cluster", "columns": {"cluster": "store"}},
        "column 'store': row 1: is empty; every member needs a cluster",
    ),
    "no date": (
        lambda f: f.assign(exposed="2026-01-05, I think"),
        {"columns": {"exposed": "exposed"}},
        "row 1: found '2026-01-05, I think'; must be a date such as 2026-01-31",
    ),
    "dates as numbers": (
        lambda f: f.assign(exposed="20260105"),
        {"columns": {"exposed": "exposed"}},
        "row 1: found '20260105'; must be a date such as 2026-01-31",
    ),
    "denominator": (
        lambda f: f.assign(orders=np.random.default_rng(1).normal(size=len(f))),
        {"metric": {"kind": "ratio", "denominator": "orders"}},
        "within 3 standard errors of 0",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("place", ["frame", "csv"])
def test_broken_input_gives_one_sentence(name, place, tmp_path):
    breaking, changes, sentence = BROKEN[name]
    of = plan(**changes)
    frame = breaking(live(400))
    if place == "csv":
        frame.to_csv(tmp_path / "live.csv", index=False)
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        read(tmp_path / "live.csv" if place == "csv" else frame, of)
    if place == "csv":  # whose first row is line 2
        sentence = re.sub(r"row (\d+)", lambda row: f"row {int(row[1]) + 1}", sentence)
    assert sentence in str(caught.value) and len(caught.value.problems) == 1
    assert set(tmp_path.iterdir()) == before
    assert ("live.csv" if place == "csv" else "data frame") in str(caught.value)


def test_missing_can_count_as_zero():
    frame = live(400)
    gone = frame.assign(spend=frame.spend.where(frame.index % 3 > 0))
    found = read(gone, plan({"missing": "zero"})).rows[0]
    assert found.effect == pytest.approx(read(gone.fillna(0), plan()).rows[0].effect)
