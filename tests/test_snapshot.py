"""A live programme's tables become members to go on from; what is broken is one sentence, what does not add up is listed."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
from forecast_helpers import changed
from scenes import RICH, scenario

from scenarios.finance.forecast import forecast
from scenarios.finance.forecast_document import POINT_LINES
from scenarios.finance.liability import liability
from scenarios.finance.snapshot import snapshot
from sim.errors import InputError
from sim.outcome import simulate
from sim.population import Population
from sim.programme import Fee, Qualification

SHOP = scenario(
    {
        "name": "shop",
        "population": {
            "members": 3000,
            "purchase_rate": {"mean": 0.04, "shape": 1.0},
            "leaving": {"a": 0.8, "b": 6.0},
            "basket": {"median": 40.0, "sigma": 0.5, "sigma_between": 0.4, "rate_correlation": 0.3},
        },
        "programme": {
            "name": "points",
            "earning": {"points_per_unit": 1.0},
            "tiers": [{"name": "silver"}, {"name": "gold", "requires": {"spend": 300.0}, "price": 0.95}],
            "qualification": {"window": "calendar", "months": 12, "downgrade": "one_step"},
            "rewards": [{"name": "mug", "points": 150, "value": 4.0, "cost": 2.5}],
            "expiry": {"rule": "rolling", "months": 12},
            "incentives": [{"name": "hello", "when": {"event": "sign_up"}, "give": {"coupon": {"value": 5.0, "days": 60}}}],
        },
        "behaviour": {"all_effects": False},
        "horizon": {"months": 18},
    }
)
START = dt.date(2028, 1, 1)
MEMBERS = (
    "member,joined,tier,last_purchase,window_purchases,window_spend,balance,first_purchase,purchases,spend\n"
    "m1,2027-01-05,gold,2027-12-20,9,412.50,220,2027-01-09,9,430.10\n"
    "m2,2027-03-01,silver,2027-03-01,1,30.00,30,2027-03-01,1,30.00\n"
    "m3,2027-11-30,silver,,0,0,0,,0,\n"
)
LOTS = "member,points,earned,expires\nm1,100,2027-10-02,2028-10-31\nm1,120,2027-12-20,2028-12-31\nm2,30,2027-03-01,2028-03-31\n"
COUPONS = "member,incentive,valid_until\nm3,hello,2028-01-28\n"


def at_start(s):
    return s.model_copy(update={"horizon": s.horizon.model_copy(update={"start": START, "months": 6})})


def read(tmp_path, members=MEMBERS, lots=LOTS, coupons=COUPONS, s=SHOP, **kwargs):
    places = []
    for name, text in (("members", members), ("lots", lots), ("coupons", coupons)):
        if text is not None:
            (tmp_path / f"{name}.csv").write_text(text)
        places.append(None if text is None else tmp_path / f"{name}.csv")
    return snapshot(*places, scenario=at_start(s), **kwargs)


def test_dates_are_read_as_calibration_reads_them(tmp_path):
    german = {name: re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", text) for name, text in (("members", MEMBERS), ("lots", LOTS))}
    found, plain = (read(tmp_path, **tables).opening(at_start(SHOP), seed=1, draw=None) for tables in (german, {}))
    assert found.lots.tolist() == plain.lots.tolist() and found.members.tolist() == plain.members.tolist()


def test_tables_that_add_up(tmp_path):
    found = read(tmp_path)
    assert found.reconciliation.adds_up
    assert found.day == START and found.size == 3 and found.outstanding == 250
    o = found.opening(at_start(SHOP), seed=1, draw=None)
    m = o.members
    assert m["tier"].tolist() == [1, 0, 0]
    assert m["balance"].tolist() == [220, 30, 0]
    assert o.past == 10
    assert o.lots[0].tolist() == [0] * 7 + [100, 0, 120]
    assert m["oldest"][:2].tolist() == [-3, -10]
    assert m["spend_q"].tolist() == [0, 0, 0]  # a calendar year has ended
    rolling = changed(at_start(SHOP), "rolling", qualification=Qualification(window="rolling", months=4))
    o = read(tmp_path, s=rolling).opening(rolling, seed=1, draw=None)
    assert o.members["spend_q"].tolist() == [41250, 3000, 0]
    assert o.quals["spend"].sum(axis=1).tolist() == [41250, 3000, 0]
    assert o.quals["spend"][:, 0].tolist() == [0, 0, 0]  # the month that begins
    assert o.wallet["until"][:, 0].tolist() == [0.0, 0.0, 28.0]
    assert m["alive"][2] == 1  # who has never bought has not left
    assert "sha256" in found.label and "3 members" in found.label


def test_the_forecast_starts_there(tmp_path):
    f = forecast(SHOP, snapshot=read(tmp_path), months=12, replications=3, seed=1)
    assert f.months[0] == dt.date(2028, 1, 31)
    assert f.cohorts.opening.sum() == 250
    assert f.members == 3
    assert f.provenance["snapshot"].startswith("members.csv as of 2027-12-31")
    assert any("closing the programme on the day of the snapshot" in note for note in f.notes)


@pytest.mark.parametrize("form", ["parquet", "sql", "frame"])
def test_every_source_gives_the_same(tmp_path, form):
    plain = read(tmp_path, lots=None, coupons=None)
    frame = pd.read_csv(tmp_path / "members.csv")
    if form == "parquet":
        frame.to_parquet(tmp_path / "m.parquet")
        where = tmp_path / "m.parquet"
    elif form == "sql":
        import sqlalchemy

        url = f"sqlite:///{tmp_path}/shop.db"
        frame.to_sql("members", sqlalchemy.create_engine(url), index=False)
        where = f"{url}#members"
    else:
        where = frame
    other = snapshot(where, scenario=at_start(SHOP))
    np.testing.assert_array_equal(plain.lots, other.lots)
    a, b = (x.opening(at_start(SHOP), seed=2, draw=1).members for x in (plain, other))
    for name in a.dtype.names:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def swap(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


ROW = "m2,2027-03-01,silver,2027-03-01,1,30.00,30,2027-03-01,1,30.00"
BROKEN = {
    "no rows": ({"members": MEMBERS.splitlines()[0] + "\n"}, "members.csv: has no rows"),
    "a missing column": (
        {"lots": "member,points\nm1,220\n"},
        r"lots.csv: column 'earned' \(.*\) is missing; the columns are member, points",
    ),
    "an unknown column": ({"members": swap(MEMBERS, "window_spend", "turnover")}, "members.csv: column 'turnover' is not known"),
    "a name": ({"members": swap(MEMBERS, "window_spend", "last_name")}, "column 'last_name' looks like personal data"),
    "a phone column": ({"members": swap(MEMBERS, "spend\n", "Mobile-No\n")}, "column 'Mobile-No' looks like personal data"),
    "an address": ({"lots": swap(LOTS, "expires", "street")}, "lots.csv: column 'street' looks like personal data"),
    "e-mails as ids": (
        {"members": swap(MEMBERS, "m2,", "ann@example.org,")},
        r"members.csv: row 3, column member: looks like an e-mail address",
    ),
    "phones as ids": (
        {"members": swap(MEMBERS, "m2,", "+44 20 7946 0958,")},
        r"members.csv: row 3, column member: looks like a telephone number",
    ),
    "two columns of one name": ({"members": swap(MEMBERS, "window_spend", "balance")}, "two columns are called 'balance'"),
    "a member twice": ({"members": MEMBERS + ROW + "\n"}, "members.csv: row 5, column member: found 'm2' a second time"),
    "no id": ({"members": swap(MEMBERS, "m3,", ","), "coupons": None}, "members.csv: row 4, column member: is empty"),
    "not a date": (
        {"members": swap(MEMBERS, "2027-01-05", "5 Jan 2027")},
        "members.csv: row 2, column joined: found '5 Jan 2027', a date is written",
    ),
    "a date in two orders": (
        {"members": swap(MEMBERS, "2027-01-05", "5/1/2027")},
        r"column 'joined' can be read day first or month first \(found '5/1/2027' in row 2\)",
    ),
    "a day that does not exist": ({"lots": swap(LOTS, "2027-10-02", "2027-02-30")}, "lots.csv: row 2, column earned: found"),
    "no date of joining": ({"members": swap(MEMBERS, "m3,2027-11-30", "m3,")}, "members.csv: row 4, column joined: is empty"),
    "from the future": (
        {"members": swap(MEMBERS, "2027-12-20", "2028-02-01")},
        "members.csv: row 2, column last_purchase: found 2028-02-01, which is after 2027-12-31",
    ),
    "a year of two digits": (
        {"members": swap(MEMBERS, "m1,2027-01-05", "m1,0027-01-05")},
        "members.csv: row 2, column joined: found '0027-01-05', allowed is a date from 1900 on",
    ),
    "more points than there can be": (
        {"members": swap(MEMBERS, ",220,", ",9999999999999999999,"), "lots": None},
        "members.csv: row 2, column balance: found 9999999999999999999, allowed is 1,000,000,000,000 at most",
    ),
    "half a point": ({"members": swap(MEMBERS, ",220,", ",220.5,")}, "members.csv: row 2, column balance: .*whole number"),
    "text for a number": ({"members": swap(MEMBERS, ",220,", ",many,")}, "members.csv: row 2, column balance: found 'many'"),
    "negative spend": ({"members": swap(MEMBERS, "30.00", "-30.00")}, "members.csv: row 3, column window_spend: found -30.00"),
    "an unknown tier": (
        {"members": swap(MEMBERS, "gold", "platinum")},
        "members.csv: row 2, column tier: found 'platinum', the scenario has silver, gold",
    ),
    "a history that ends before it begins": (
        {"members": swap(MEMBERS, "2027-01-09", "2027-12-31")},
        "members.csv: row 2, column first_purchase: .* after the last purchase",
    ),
    "too few purchases": (
        {"members": swap(MEMBERS, "2027-01-09,9", "2027-01-09,1")},
        "members.csv: row 2, column purchases: found 1, fewer than",
    ),
    "purchases without a date": (
        {"members": swap(MEMBERS, "0,0,0,,0,", "0,0,0,,4,")},
        "members.csv: row 4, column purchases: found 4, but first_purchase",
    ),
    "half a history": (
        {"members": swap(MEMBERS, "first_purchase,", "failed_since,")},
        "'purchases' needs the column 'first_purchase'",
    ),
    "a stranger's lot": ({"lots": LOTS + "m9,5,2027-05-05,\n"}, "lots.csv: row 5, column member: found 'm9', who is not in"),
    "negative points in a lot": ({"lots": swap(LOTS, "m1,100", "m1,-100")}, "lots.csv: row 2, column points: found -100"),
    "a lot of tomorrow": (
        {"lots": swap(LOTS, "2027-12-20", "2028-12-20")},
        "lots.csv: row 3, column earned: .* after 2027-12-31",
    ),
    "an unknown coupon": (
        {"coupons": swap(COUPONS, "hello", "bye")},
        "coupons.csv: row 2, column incentive: found 'bye', the scenario has hello",
    ),
    "a stranger's coupon": ({"coupons": swap(COUPONS, "m3", "m7")}, "coupons.csv: row 2, column member: found 'm7'"),
    "the middle of a month": ({"as_of": dt.date(2027, 12, 15)}, "as_of: found 2027-12-15, allowed is the last day of a month"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_tables(tmp_path, kind):
    changes, words = BROKEN[kind]
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, **changes)
    assert len(caught.value.problems) == 1, caught.value.problems


@pytest.mark.parametrize(
    "where, words",
    [
        ("nowhere.csv", "there is no such file"),
        ("sqlite:///nowhere.db#members", "there is no such file"),
        ("nosuch://user:secret@host/db#t", r"^nosuch://user:\*\*\*@host/db#t: cannot be opened"),
    ],
)
def test_sources_that_are_not_there(where, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        snapshot(where, scenario=at_start(SHOP))
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # asking makes no database


def test_what_does_not_add_up_is_listed_and_said(tmp_path):
    members = swap(swap(MEMBERS, ",220,", ",250,"), "0,0,0,,0,", "0,0,-40,,0,")  # m1 has 30 more than lots, m3 owes 40
    members = swap(members, "m2,2027-03-01,silver,2027-03-01,1,30.00,30", "m2,2027-03-01,gold,2027-03-01,1,30.00,20")
    lots = swap(LOTS, "2028-03-31", "2028-05-31") + "m1,5,2026-06-01,\n"
    found = read(tmp_path, members=members, lots=lots)
    listed = {d.kind: d for d in found.reconciliation.differences}
    assert set(listed) == {
        "negative balances",
        "balances that differ from their lots",
        "points whose validity has ended",
        "lots that expire in another month than the programme's rule says",
        "members above the tier that their figures reach",
    }
    off = listed["balances that differ from their lots"]
    assert off.members == 2 and off.amount == 25 + 10
    assert off.rows.to_dict("list") == {"member": ["m1", "m2"], "found": [225, 30], "expected": [250, 20]}
    assert listed["negative balances"].amount == 40
    assert listed["points whose validity has ended"].amount == 5
    assert listed["members above the tier that their figures reach"].rows["member"].tolist() == ["m2"]
    assert found.outstanding == 270  # the balances hold
    assert all(note in found.notes for note in found.reconciliation.notes)
    f = forecast(SHOP, snapshot=found, months=2, replications=2, seed=1)
    assert set(found.notes) <= set(f.notes)
    gone = (f.cohorts.expired + f.cohorts.redeemed)[:, 0, 0].sum(axis=-1)
    assert gone.tolist() == [5, 5]  # June 2026 lapses with the first month, unless it is spent before


def test_pending_points_are_held_in_the_tier_of_their_member(tmp_path):
    waits = changed(SHOP, "waits", earning=SHOP.programme.earning.model_copy(update={"pending_days": 20}))
    rows = [f"{row},{pending}" for row, pending in zip(MEMBERS.split(), ("pending", 70, 0, 5), strict=True)]
    found = read(tmp_path, members="\n".join(rows) + "\n", s=waits)
    f = forecast(waits, snapshot=found, months=2, replications=2, seed=1)
    assert found.opening(at_start(waits), seed=1, draw=None).outstanding == found.outstanding == 250 + 75
    assert f.tiers.opening.tolist() == [35, 290]
    assert not f.tiers.moved().sum(axis=1).any()


def test_figures_of_an_open_window_that_were_not_given_are_said(tmp_path):
    bare = "member,joined,tier,balance\nm1,2027-01-05,gold,0\n"
    half_way = at_start(SHOP).model_copy(update={"horizon": SHOP.horizon.model_copy(update={"start": dt.date(2027, 7, 1)})})
    (tmp_path / "m.csv").write_text(bare)
    paid = changed(half_way, "paid", fee=Fee(amount=10.0))
    found = snapshot(tmp_path / "m.csv", scenario=paid)
    assert next(note for note in found.notes if "window_" in note).startswith("window_spend was not given")
    assert any("membership fee" in note for note in found.notes)
    ended = snapshot(tmp_path / "m.csv", scenario=at_start(SHOP))
    assert not any("window_" in note or "fee" in note for note in ended.notes)


def test_balances_without_lots_are_spread_over_what_is_valid(tmp_path):
    found = read(tmp_path, lots=None, coupons=None)
    assert found.outstanding == 250
    assert found.lots[1].tolist() == [0, 0, 30, *[0] * 9]  # joined and bought in March alone
    assert set(found.lots[0].tolist()) == {18, 19}  # January to December
    assert any("No lots were given" in note for note in found.notes)


def test_a_negative_balance_is_owed_and_repaid_by_the_next_points(world):
    """In every course of events the points ledger ties, and what is clawed back is what was owed and is owed no more."""
    state, members, lots = world
    buyers = np.flatnonzero(state.members["buys"] >= 10)[:40]
    owing = members.assign(balance=members["balance"].where(~members.index.isin(buyers), -30))
    found = snapshot(owing, lots, scenario=at_start(SHOP))
    assert found.debt.sum() == 30 * len(buyers) and (found.lots[buyers] == 0).all()
    f = forecast(SHOP, snapshot=found, months=6, replications=3, seed=1)
    owed, back = (f.point_values[..., POINT_LINES.index(name)] for name in ("points_owed", "points_clawed_back"))
    assert (owed + back.cumsum(axis=1) == 30 * len(buyers)).all() and (owed[:, -1] < owed[:, 0]).all()
    assert set(liability(f, value="2").differences(f).values()) == {0}


def test_more_than_twenty_problems_are_counted(tmp_path):
    rows = "".join(f"x{k},2029-01-01,silver,,0,0,0,,0,\n" for k in range(50))
    with pytest.raises(InputError) as caught:
        read(tmp_path, members=MEMBERS + rows, lots=None, coupons=None)
    assert len(caught.value.problems) <= 21


@pytest.fixture(scope="module")
def world():
    """A year of a programme whose members' own numbers are known, and the tables that a shop would have of it."""
    first = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    state = simulate(first, seed=5, keep_state=True, cohorts=True).state
    m = state.members
    bought = m["buys"] > 0

    def date(days, there):
        text = (np.datetime64(START) + np.floor(np.where(there, days, 0)).astype(int)).astype(str)
        return np.where(there, text, "")

    ids = np.array([f"id-{k}" for k in range(len(m))], dtype=object)
    members = pd.DataFrame(
        {
            "member": ids, "joined": date(m["joined"], np.ones(len(m), bool)), "last_purchase": date(m["last_buy"], bought),
            "tier": np.array(["silver", "gold"])[m["tier"]], "balance": m["balance"],
            # the clock of a simulated member starts where they became customers
            "first_purchase": date(m["joined"], bought), "purchases": np.where(bought, m["buys"] + 1, 0),
        }
    )  # fmt: skip
    who, back = np.nonzero(state.lots)
    month = (np.datetime64(START, "M") + back - state.past).astype(str)
    lots = pd.DataFrame({"member": ids[who], "points": state.lots[who, back], "earned": [f"{x}-10" for x in month]})
    return state, members, lots


def test_members_drawn_from_their_history_are_those_of_the_simulation(world):
    state, members, lots = world
    found = snapshot(members, lots, scenario=at_start(SHOP))
    assert found.reconciliation.adds_up
    np.testing.assert_array_equal(found.lots, state.lots[:, -found.lots.shape[1] :])
    o = found.opening(at_start(SHOP), seed=3, draw=None)
    truth, mine = state.members, o.members
    assert mine["alive"].mean() == pytest.approx(truth["alive"].mean(), abs=0.03)
    for group in (truth["buys"] == 0, (truth["buys"] > 0) & (truth["buys"] < 10), truth["buys"] >= 10):
        assert group.sum() > 150
        assert mine["rate"][group].mean() == pytest.approx(truth["rate"][group].mean(), rel=0.12)
        alive = group & (truth["alive"] == 1)
        again = group & (mine["alive"] == 1)
        assert again.sum() == pytest.approx(alive.sum(), rel=0.15)


def test_a_forecast_from_tables_covers_what_the_programme_then_does(world):
    """The same next half year as from the true state: sales and redemptions, by month and in all."""
    state, members, lots = world
    found = snapshot(members, lots, scenario=at_start(SHOP))
    mine = forecast(SHOP, snapshot=found, months=6, replications=6, seed=1)
    true = forecast(SHOP, snapshot=state, months=6, replications=6, seed=2)
    for line in ("gross_sales", "reward_cost", "tier_discount"):
        a, b = (f.of(line).sum(axis=1).mean() for f in (mine, true))
        assert a == pytest.approx(b, rel=0.10), line
    np.testing.assert_allclose(mine.of("gross_sales").mean(axis=0), true.of("gross_sales").mean(axis=0), rtol=0.15)
    np.testing.assert_allclose(mine.outstanding.mean(axis=0), true.outstanding.mean(axis=0), rtol=0.05)


def test_regular_buyers_too():
    """With Erlang gaps and a history, who is due soon buys soon: the same mean rate and share active as the truth."""
    population = {
        **RICH["population"],
        "season": None,
        "segments": [],
        "growth": 0.0,
        "history_days": [0.0, 0.0],
        "regularity": 3,
    }
    population |= {"new_members_per_month": 0.0, "leaving": {"probability": 0.05}, "purchase_rate": {"mean": 0.06, "shape": 2.0}}
    s = SHOP.model_copy(update={"population": Population.model_validate({**population, "members": 3000})})
    first = s.model_copy(update={"horizon": s.horizon.model_copy(update={"months": 12})})
    m = simulate(first, members=3000, seed=6, keep=True).members
    assert m is not None
    end = 365
    bought = m["buys"] > 0
    day = [
        (dt.date(2027, 1, 1) + dt.timedelta(days=int(x))).isoformat() if b else ""
        for x, b in zip(m["last_buy"], bought, strict=True)
    ]
    begun = ["2027-01-01" if b else "" for b in bought]
    table = pd.DataFrame(
        {
            "member": [f"k{i}" for i in range(3000)],
            "joined": "2027-01-01",
            "tier": "silver",
            "last_purchase": day,
            "first_purchase": begun,
            "purchases": np.where(bought, m["buys"] + 1, 0),
        }
    )
    o = snapshot(table, scenario=at_start(s)).opening(at_start(s), seed=1, draw=None)
    assert o.members["alive"].mean() == pytest.approx(m["alive"].mean(), abs=0.03)
    alive = m["alive"] == 1
    assert o.members["rate"][o.members["alive"] == 1].mean() == pytest.approx(m["rate"][alive].mean(), rel=0.05)
    waits = m["t_base"][alive] - end if "t_base" in m.dtype.names else None
    assert np.median(o.members["t_base"][o.members["alive"] == 1]) == pytest.approx(np.median(waits), rel=0.10)
