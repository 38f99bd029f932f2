"""A forecast of a programme's own past: what it is made of, what it never sees, how often its bands are right."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from airline import ACTIVITY, airline
from airline import COLUMNS as AIRLINE
from airline import members as airline_members
from backtest_helpers import COLUMNS, activity, programme

from reports.backtest import answer, backtest_page, document
from scenarios.finance.backtest import Columns, backtest
from scenarios.finance.backtest.activity import read_activity
from scenarios.finance.backtest.ladder import ladder_forecast
from scenarios.finance.backtest.lots import Points, points_of
from scenarios.finance.backtest.scored import BY_NAME, measure, one_series
from scenarios.finance.backtest.standing import held_before, people_of, read_members, standing
from sim.errors import InputError
from sim.programme import Expiry, Programme

KNOWN = programme(members=300, months=12, new=0.03)
DAY = dt.date(2027, 10, 1)


@pytest.fixture(scope="module")
def rows():
    return activity(KNOWN, 5)


@pytest.fixture(scope="module")
def found(rows):
    return backtest(rows, COLUMNS, KNOWN, DAY, replications=20, joining=0.02)


def table(*given):
    return pd.DataFrame(given, columns=["member", "day", "value", "earned", "redeemed"])


def read(frame, **more):
    return read_activity(frame, Columns("member", "day", "value", "earned", "redeemed", **more), KNOWN)


def test_rows_of_a_day_are_added_up_and_every_rule_is_counted():
    a = read(
        table(
            ("b", "2027-01-05", 10, 10, 0), ("a", "2027-02-01", 5, 5, 0), ("b", "2027-01-05", 7.5, 7, 12),
            ("a", "2027-01-30", -3, 0, 0), ("a", "2027-02-27", 0, 0, 0), ("b", "2027-02-28", 0, 0, 4),
        )
    )  # fmt: skip
    assert a.who.tolist() == ["a", "b"] and a.member.tolist() == [0, 1, 1]
    assert a.value.tolist() == [5.0, 17.5, 0.0] and a.purchases.tolist() == [1, 2, 0] and a.redeemed.tolist() == [0, 12, 4]
    assert (a.start, a.end, a.months) == (dt.date(2027, 1, 1), dt.date(2027, 2, 28), 2)
    told = {rule.text.split(":")[0]: rule.count for rule in a.rules}
    assert told["negative value"] == 1 and told["nothing in any column"] == 1
    assert told["a member's rows of one day are added up to one"] == 1 and told["points or cost without a purchase"] == 1


def test_a_table_by_month_is_told_from_one_by_day_and_its_days_depend_on_nothing_else():
    months = table(("a", "2027-01", 5, 5, 0), ("b", "2027-02", 5, 5, 0), ("a", "2027-02", 6, 6, 0))
    a = read(months)
    assert a.by_month and a.month.tolist() == [0, 1, 1] and a.end == dt.date(2027, 2, 28)
    alone = read(months[months.member == "a"])
    assert alone.day.tolist() == a.day[:2].tolist()
    firsts = read(months.assign(day=months.day + "-01"))
    assert firsts.by_month and firsts.day.tolist() == a.day.tolist()
    assert not read(months.assign(day=["2027-01-03", "2027-02-01", "2027-02-28"])).by_month
    two = months.assign(year=2027, month=[1, 2, 2])
    both = read_activity(two, Columns("member", "year,month", "value", "earned", "redeemed"), KNOWN)
    assert both.day.tolist() == a.day.tolist()


def test_a_month_that_is_not_whole_is_not_scored():
    a = read(table(("a", "2027-01-05", 5, 5, 0), ("a", "2027-03-10", 5, 5, 0)))
    assert a.end == dt.date(2027, 2, 28) and a.months == 2 and "not whole" in a.rules[-1].text and a.rules[-1].count == 1


def test_points_leave_oldest_first_and_lapse_by_the_rule():
    a = read(
        table(
            ("a", "2027-01-05", 100, 100, 0), ("a", "2027-02-05", 50, 50, 120), ("a", "2027-03-31", 10, 10, 0),
            ("b", "2027-01-09", 30, 30, 0), ("b", "2027-02-11", 0, 0, 45),
        )
    )  # fmt: skip
    p = points_of(a, np.array([0, 10]), Expiry(rule="never"))
    assert p.lots.tolist() == [[0, 0, 30, 10], [0, 0, 0, 0]]
    assert p.redeemed[:, 1].tolist() == [10, 130, 20, 0] and p.uncovered.tolist() == [0, 5, 0]
    assert p.outstanding.tolist() == [140, 25, 35]  # 5 owed back
    month = points_of(a, np.array([0, 10]), Expiry(rule="rolling", months=1))
    assert month.expired.tolist() == [10, 0, 30] and month.lots.tolist() == [[0, 0, 0, 10], [0, 0, 0, 0]]


def test_chain_ladder_by_hand():
    redeemed = np.zeros((4, 3), np.int64)
    redeemed[1] = [10, 10, 5]
    redeemed[2] = [0, 10, 10]
    redeemed[3] = [0, 0, 10]
    issued = np.array([100, 100, 100])
    left = np.concatenate([[0], issued - redeemed[1:].sum(axis=1)])
    p = Points(np.array([0]), left[None], issued, np.zeros(3, np.int64), redeemed, np.zeros(3, np.int64))
    points, outstanding = ladder_forecast(p, 2)
    assert points.tolist() == [25.0, 25.0]  # 5 + 10 of old cohorts and 10 of the new; 5 + 10 + 10
    assert outstanding.tolist() == [245 + 75, 245 + 150]
    month = Points(np.array([0]), left[None, :2], issued[:1], np.zeros(1, np.int64), redeemed[:2, :1], np.zeros(1, np.int64))
    with pytest.raises(InputError, match="one month before the forecast; 2 are needed"):
        ladder_forecast(month, 2)


def test_what_members_held_before_the_rows_is_told_or_stated(rows):
    a = read_activity(rows, COLUMNS, KNOWN).before(DAY)
    plain = held_before(a, people_of(None, a, KNOWN))
    assert not plain[0].any() and "taken as 0" in plain[1]
    listed = pd.DataFrame({"member": a.who, "joined": "2026-01-01", "balance": 7, "tier": "gold"})
    people = people_of(read_members(listed, KNOWN), a, KNOWN)
    assert held_before(a, people)[0].tolist() == [7] * len(a.who) and set(people.tier) == {2}
    joined = people_of(read_members(listed.drop(columns="balance"), KNOWN), a, KNOWN)
    gain = (a.earned.sum() - a.redeemed.sum()) / (len(a.who) * a.months)
    assert held_before(a, joined)[0].tolist() == [round(12 * gain)] * len(a.who)


def test_the_members_at_the_start_are_those_of_the_rows(rows):
    a = read_activity(rows, COLUMNS, KNOWN).before(DAY)
    stood = standing(a, people_of(None, a, KNOWN), KNOWN, from_first_purchase=True)
    before = rows[rows.day < str(DAY)]
    assert stood.snapshot.size == before.member.nunique() and stood.snapshot.as_of == dt.date(2027, 9, 30)
    assert stood.snapshot.outstanding == before.earned.sum() - before.redeemed.sum()
    opening = stood.snapshot.opening(KNOWN, seed=1, draw=None)
    last = before.groupby("member").tier.last().map({"blue": 0, "silver": 1, "gold": 2})
    assert opening.members["tier"].tolist() == last.tolist()


def test_who_is_seen_late_and_did_not_join_has_waited_from_the_first_row(rows):
    """The start of the rows stands where a first purchase would; it counts as one and brings no spend of its own."""
    a = read_activity(rows, COLUMNS, KNOWN).before(DAY)
    waited, came = (standing(a, people_of(None, a, KNOWN), KNOWN, from_first_purchase=f).snapshot for f in (False, True))
    first = rows.groupby("member").day.min().loc[a.who].to_numpy()
    late = first > np.datetime64(a.start)
    assert (first > np.datetime64("2027-06-01")).sum() > 30
    assert waited.first == pytest.approx(np.full(len(a.who), (a.start - DAY).days), abs=1)
    assert (waited.purchases[late] == came.purchases[late] + 1).all() and (waited.first[late] < came.first[late]).all()
    np.testing.assert_allclose(waited.spend / waited.purchases, came.spend / came.purchases, rtol=1e-3)


def test_scores_of_a_line_whose_months_are_known():
    draws = np.tile([[10.0, 20.0], [12.0, 24.0], [14.0, 28.0]], (4, 1))
    found = measure(BY_NAME["cost"], draws, np.array([12.0, 30.0]), np.array([8.0]), {"chain_ladder": np.array([12.0, 30.0])})
    assert found.whole_actual == 42 and found.off == pytest.approx(36 / 42 - 1) and found.inside and found.held
    assert found.score.mean_absolute_error == 3.0 and found.score.coverage == 0.5
    assert found.score.skill_of_middle["last_value"] == pytest.approx(1 - 3 / 13) and found.beaten == ["chain_ladder"]
    end = measure(BY_NAME["points_outstanding"], draws, np.array([12.0, 24.0]), np.array([8.0]), {})
    assert end.whole_actual == 24 and end.off == 0
    mean = measure(BY_NAME["active_members"], draws, np.array([12.0, 24.0]), np.array([8.0]), {})
    assert mean.whole_actual == 18


def test_the_actual_side_is_what_the_rows_say(found, rows):
    later = rows[rows.day >= str(DAY)]
    month = later.day.dt.month
    actual = {name: m.actual.tolist() for name, m in found.measures.items()}
    assert actual["cost"] == pytest.approx(later.groupby(month).cost.sum().tolist())
    assert actual["points_redeemed"] == later.groupby(month).redeemed.sum().tolist()
    assert actual["active_members"] == later.groupby(month).member.nunique().tolist()
    assert actual["purchases"] == later.groupby(month).purchases.sum().tolist()
    running = (rows.earned - rows.redeemed).groupby(rows.day.dt.month).sum().cumsum()
    assert actual["points_outstanding"] == running.loc[10:].tolist()
    assert "12 are needed" in found.missing["same month last year"]


def test_the_fit_finds_what_the_rows_were_made_with(found):
    numbers = {n.name: n.value for n in found.fitted.numbers}
    assert numbers["cost of a redeemed point"] == pytest.approx(2.4 / 300)
    assert numbers["redeems when the balance affords a reward"] == pytest.approx(0.5, abs=0.06)
    assert found.fitted.scenario.population.purchase_rate.mean == pytest.approx(0.05, rel=0.25)
    assert [r.points for r in found.fitted.scenario.programme.rewards] == [300]
    assert not found.fitted.scenario.behaviour.all_effects


def test_whether_members_were_there_before_is_asked_and_told(found, rows):
    """It decides what is fitted, stands on the page, and rows that say otherwise refuse it."""
    assert any(note.startswith("Members before the rows: not told") for note in found.notes)
    told = backtest(rows, COLUMNS, KNOWN, DAY, replications=2, joining=0.02, members_before="launch")
    assert any("as told (--members-before launch), they had joined just" in note for note in told.notes)
    assert told.provenance["members_before"] == "launch" and found.provenance["members_before"] == "unknown"
    assert told.fitted.scenario.population != found.fitted.scenario.population
    with pytest.raises(InputError, match="--members-before none, but by its rows"):
        backtest(rows, COLUMNS, KNOWN, DAY, replications=2, members_before="none")


def test_plan_against_actual_adds_up_to_the_cent(found):
    cost = found.measures["cost"]
    assert [v.actual for v in found.variances] == [round(100 * x) for x in cost.actual]
    for k, v in enumerate(found.variances):
        assert v.volume + v.mix + v.behaviour + v.rate == v.actual - v.plan
        assert v.plan == pytest.approx(100 * cost.band[k, 3], abs=2)  # the mean, rounded tier by tier
        assert v.rate == 0  # a point costs the same on both sides


def test_nothing_after_the_date_reaches_the_forecast(found, rows):
    later = rows.day >= str(DAY)
    changed = rows.copy()
    changed.loc[later, ["value", "earned"]] *= 3
    changed = changed[~later | (changed.member < "m00200")]
    more = changed[changed.day >= str(DAY)].assign(member=lambda x: "new" + x.member)
    again = backtest(pd.concat([changed, more]), COLUMNS, KNOWN, DAY, replications=20, joining=0.02)
    for name, m in found.measures.items():
        np.testing.assert_array_equal(m.band, again.measures[name].band)
        np.testing.assert_array_equal(list(m.simple.values()), list(again.measures[name].simple.values()))
        assert not np.array_equal(m.actual, again.measures[name].actual)
    assert found.provenance["digest_before"] == again.provenance["digest_before"] and found.habits == again.habits


def test_bands_cover_what_they_promise_where_the_parameters_are_known():
    inside, half, months = 0, 0, 0
    for seed in range(24):
        design = programme(members=300, months=12, new=0.03)
        frame = activity(design, 100 + seed)
        size = frame[frame.day < str(DAY)].member.nunique()
        b = backtest(frame, COLUMNS, design, DAY, replications=25, seed=seed, joining=9 / size, population=design.population)
        for m in b.main:
            low, middle, high = m.band[:, :3].T
            months += len(m.actual)
            inside += int(((low <= m.actual) & (m.actual <= high)).sum())
            half += int((np.abs(m.actual - middle) <= (high - low) / 4).sum())
    assert 0.70 <= inside / months <= 0.90
    assert half / months < 0.62  # half as wide would cover about 48 %


def test_trust_needs_every_main_line(found):
    assert found.trust in ("yes", "part", "no")
    assert (found.trust == "yes") == (
        all(m.held for m in found.main) and not found.too_narrow and not any(m.beaten for m in found.main)
    )
    inside, of = found.inside
    assert of == 9 and 0 <= inside <= of  # three months of three lines: redemption is the cost once more


def test_redemption_that_is_the_cost_once_more_counts_once(found):
    """One reward at one price: both are right or wrong together, and the chain ladder of the points is asked of the cost."""
    assert found.one_series == {"points_redeemed": "cost"} and [m.line.name for m in found.main] == [
        "cost", "points_outstanding", "active_members",
    ]  # fmt: skip
    cost, points = found.measures["cost"], found.measures["points_redeemed"]
    each = 2.4 / 300
    np.testing.assert_allclose(cost.band[:, :4], points.band[:, :4] * each)
    np.testing.assert_allclose(cost.simple["chain_ladder"], points.simple["chain_ladder"] * each)
    assert cost.beaten == points.beaten and cost.held == points.held and cost.off == pytest.approx(points.off)
    assert "Points redeemed are one series with cost of benefits here, and count once." in answer(found)
    assert document(found)["lines"]["points_redeemed"]["counted_as"] == "cost"
    assert "counted there" in backtest_page(found)


def test_cost_that_goes_its_own_way_is_a_line_of_its_own(rows):
    """Another cost a point in one month that happened: the cost can be wrong where the points are right."""
    dear = rows.assign(cost=rows.cost.where(rows.day < "2027-12-01", 2 * rows.cost))
    b = backtest(dear, COLUMNS, KNOWN, DAY, replications=4, joining=0.02, population=KNOWN.population)
    assert b.one_series == {} and b.inside[1] == 12 and "count once" not in answer(b)
    assert "chain_ladder" not in b.measures["cost"].simple


def test_one_series_is_a_fixed_multiple():
    months = np.array([[10.0, 0.0, 30.0], [5.0, 8.0, 1.0]])
    assert one_series(0.02 * months, months) and not one_series(0.02 * months + [0, 0.01, 0], months)
    assert not one_series(0.0 * months, months) and not one_series(months, 0.0 * months)


def test_redemptions_at_no_price_are_replaced_by_one_of_their_mean():
    rng = np.random.default_rng(1)
    frame = activity(programme(members=300, months=8), 2)
    odd = np.where(frame.redeemed > 0, rng.integers(200, 300, len(frame)), 0)
    frame = frame.assign(redeemed=odd, cost=odd * 0.02)
    design = programme(members=300, months=8)
    b = backtest(frame, COLUMNS, design, dt.date(2027, 7, 1), replications=2, population=design.population)
    (reward,) = b.fitted.scenario.programme.rewards
    before = frame[(frame.day < "2027-07-01") & (frame.redeemed > 0)]
    assert reward.points == round(before.redeemed.mean()) and reward.cost == pytest.approx(0.02 * reward.points)
    assert any("no price of the scenario's rewards" in note for note in b.notes)


def test_a_table_without_points_or_cost_is_scored_on_what_it_tells(rows):
    bare = Columns("member", "day", "value", tier="tier")
    b = backtest(rows, bare, KNOWN, DAY, replications=3, population=KNOWN.population)
    assert set(b.measures) == {"active_members", "purchases", "value"}
    assert "--cost" in b.missing["plan against actual"] and not b.variances
    assert any("value x programme.earning" in rule.text for rule in b.rules)


BROKEN = [
    ({"day": ["2027-01-05", "5 Jan 2027"]}, "row 2, column day: found '5 Jan 2027', allowed is a day such as 2017-03-14"),
    ({"day": ["2027-01-05", "05/01/2027"]}, "column 'day' can be read day first or month first (found '05/01/2027' in row 2)"),
    ({"member": ["a", "b@shop.example"]}, "row 2, column member: looks like an e-mail address"),
    ({"value": ["1", "x"]}, "row 2, column value: found 'x', allowed is a number"),
    ({"value": ["1", None]}, "row 2, column value: found an empty cell"),
    ({"member": ["a", " "]}, "row 2, column member: found an empty cell, allowed is a member id"),
    ({"earned": [1, 1.5]}, "row 2, column earned: found '1.5', allowed is a whole number"),
    ({"redeemed": [-4, 0]}, "row 1, column redeemed: found '-4', allowed is 0 or more"),
    ({"cost": ["1", "-2"]}, "row 2, column cost: found '-2', allowed is 0 or more"),
    ({"tier": ["blue", "iron"]}, "row 2, column tier: found 'iron', allowed is a tier of the scenario: blue, silver, gold"),
    ({"purchases": ["1", "two"]}, "row 2, column purchases: found 'two'"),
]


@pytest.mark.parametrize("days", [["05.01.2027", "17.02.2027"], ["5/1/2027", "17/2/2027"], ["2027-01-05 08:15", "2027-02-17"]])
def test_days_are_read_as_calibration_reads_them(days):
    frame = pd.DataFrame({"member": ["a", "b"], "day": days, "value": [1, 2]})
    bare, scenario = Columns("member", "day", "value"), KNOWN.model_copy(update={"programme": Programme()})
    found = read_activity(frame, bare, scenario)
    assert found.day.tolist() == [(dt.date(2027, *day) - dt.date(1970, 1, 1)).days for day in ((1, 5), (2, 17))]
    assert any("day first, as '17/2/2027' in row 2 shows" in rule.text for rule in found.rules) == ("/" in days[0])


def test_many_cells_that_are_wrong_alike_are_told_in_a_few_sentences():
    frame = pd.DataFrame({"member": "a", "day": ["2027-01-05"] * 20, "value": ["x"] * 20})
    with pytest.raises(InputError) as wrong:
        read_activity(frame, Columns("member", "day", "value"), KNOWN.model_copy(update={"programme": Programme()}))
    assert len(wrong.value.problems) == 6 and wrong.value.problems[-1].endswith("column value: 15 more rows like these")


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_broken_cell_is_one_clear_sentence(change, message):
    good = {"member": ["a", "b"], "day": ["2027-01-05", "2027-02-05"], "value": [1, 2], "earned": [1, 2], "redeemed": [0, 0],
            "cost": [0, 0], "tier": ["blue", "blue"], "purchases": [1, 1]}  # fmt: skip
    with pytest.raises(InputError) as wrong:
        read_activity(pd.DataFrame({**good, **change}), COLUMNS, KNOWN)
    assert message in str(wrong.value)


@pytest.mark.parametrize(
    ("day", "more", "message"),
    [
        (dt.date(2027, 10, 2), {}, "--from: found 2027-10-02, allowed is the first of a month"),
        (dt.date(2028, 6, 1), {}, "has whole months from 2027-01-01 to 2027-12-31, allowed is one within"),
        (dt.date(2027, 1, 1), {}, "allowed is one within"),
        (DAY, {"replications": 1}, "replications: found 1, allowed is a whole number from 2 on"),
        (DAY, {"columns": Columns("who", "day", "value")}, "column 'who' (the member) is missing"),
        (DAY, {"columns": Columns("member", "day", "day")}, "must name a column of its own"),
        (DAY, {"columns": Columns("member", "day", "value")}, "name the column of tiers with --tier"),
        (DAY, {"members": pd.DataFrame({"member": ["m00001", "m00001"], "joined": "2027-01-01"})}, "a second time"),
        (DAY, {"members": pd.DataFrame({"member": ["m00001"], "joined": "2027-01-01", "tier": "iron"})}, "found 'iron'"),
    ],
)
def test_what_cannot_be_backtested_says_why(rows, day, more, message):
    columns = more.pop("columns", COLUMNS)
    with pytest.raises(InputError) as wrong:
        backtest(rows, columns, KNOWN, day, population=KNOWN.population, **{"replications": 2, **more})
    assert message in str(wrong.value)


def test_incentives_for_segments_are_refused(rows):
    data = KNOWN.model_dump()
    data["population"]["segments"] = [{"name": "town", "share": 1.0}]
    data["programme"]["incentives"] = [
        {"name": "hello", "when": {"event": "sign_up"}, "only": {"segments": ["town"]}, "give": {"points": 5}}
    ]
    with pytest.raises(InputError, match="segments town"):
        backtest(rows, COLUMNS, type(KNOWN).model_validate(data), DAY)


@pytest.mark.skipif(not ACTIVITY.exists(), reason="the shared airline data are not here")
def test_the_fictional_airline_end_to_end():
    """A twelfth of its members, fitted to the end of August. No month of the year before is there, and the page says so."""
    frame = pd.read_parquet(ACTIVITY)
    b = backtest(
        frame[frame.member_id % 12 == 0], AIRLINE, airline(), dt.date(2017, 9, 1),
        members=airline_members()[lambda m: m.member.astype(int) % 12 == 0], replications=10,
    )  # fmt: skip
    assert b.months[-1] == dt.date(2017, 12, 31) and len(b.months) == 4
    assert set(b.measures) == set(BY_NAME) and "chain_ladder" in b.measures["points_redeemed"].simple
    assert "same month last year" in b.missing and not [e for e in b.habits if e.verdict == "found"]
    assert abs(b.measures["cost"].off) < 0.15 and abs(b.measures["active_members"].off) < 0.1
    assert all(v.volume + v.mix + v.behaviour + v.rate == v.difference for v in b.variances)
    assert [v.actual for v in b.variances] == [round(100 * x) for x in b.measures["cost"].actual]
    numbers = {n.name: n.value for n in b.fitted.numbers}
    assert numbers["cost of a redeemed point"] == pytest.approx(0.081, abs=0.001)
    assert numbers["redeems when the balance affords a reward"] == pytest.approx(0.117, abs=0.01)


@pytest.mark.parametrize("wave", [0.0, 0.4])
def test_a_season_is_told_from_joining(wave):
    """Of a year in which members join: its season is carried on where there is one, and growth by joining is none."""
    design = programme(members=800, months=18, new=0.03, rate=0.04)
    season = [1.0 + wave * np.sin(week / 53 * 2 * np.pi) for week in range(53)]
    played = design.model_copy(update={"population": design.population.model_copy(update={"season": season})})
    b = backtest(activity(played, 7), COLUMNS, design, dt.date(2028, 1, 1), replications=3)
    assert abs(b.measures["purchases"].off) < 0.1 and abs(b.measures["active_members"].off) < 0.1
    joiners = next(n for n in b.fitted.numbers if n.name == "new members a month")
    assert joiners.says.startswith("as calibrated")
    assert joiners.value * b.fitted.standing.snapshot.size == pytest.approx(0.03 * 800, rel=0.2)
    assert "same_month_last_year" in b.measures["cost"].simple and "same month last year" not in b.missing
