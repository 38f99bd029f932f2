"""Dirty transaction files: every rule does what it says and is counted; broken ones are named in a
sentence.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel

from reports.fit import answer
from scenarios.calibration import calibrate
from scenarios.calibration.panel import Panel, clean, holdout_day
from scenarios.calibration.table import read_table
from sim.errors import InputError

COLUMNS = {"member": "who", "date": "day", "value": "paid"}



def test_a_sample_holds_whole_members_drawn_evenly() -> None:
    frame = simulated_panel(np.random.default_rng(1), members=200, days=300, rate=0.05, shape=1.0)
    panel = clean(frame, member="member", date="date", value="value")
    assert panel.sample(panel.members, 0) is panel
    few = panel.sample(60, 0)
    assert few.members == 60 and few.days == panel.days
    whole = {tuple(panel.day[panel.member == k]) + tuple(panel.value[panel.member == k]) for k in range(panel.members)}
    assert all(tuple(few.day[few.member == k]) + tuple(few.value[few.member == k]) in whole for k in range(60))
    sizes = [panel.sample(60, seed).purchases().mean() for seed in range(40)]
    spread = panel.purchases().std() / np.sqrt(60 * 40)
    assert np.mean(sizes) == pytest.approx(panel.purchases().mean(), abs=3 * spread) and len(set(sizes)) > 30


DIRTY = """who,day,paid,note
anna,2020-03-02,10.00,a
anna,2020-03-02,10.00,a
anna,2020-03-02,5.50,b
anna,2020-01-05,7,c
bert,2020-02-01,-3.00,refund
bert,2020-02-01,0,free
,2020-02-01,4,d
bert,,4,e
bert,2020-02-03,,f
bert,31st of May,4,g
bert,2020-02-04,four,h
carl,2020-02-29,inf,i
carl,2020-02-28T23:59:59,1.25,j
"""


def table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def dirty(tmp_path: Path) -> Panel:
    frame, *_ = read_table(table(tmp_path, DIRTY), **COLUMNS)
    return clean(frame, **COLUMNS)


def test_every_rule_is_counted_and_nothing_is_lost_in_silence(tmp_path: Path) -> None:
    panel = dirty(tmp_path)
    counts = {rule.name: rule.count for rule in panel.rules}
    assert counts == {
        "duplicate rows": 1,
        "missing member": 1,
        "missing date": 1,
        "missing value": 1,
        "day or month first": 0,
        "unreadable date": 1,
        "thousands and decimals": 0,
        "not a number": 2,
        "negative value": 1,
        "stray value": 0,
        "stray date": 0,
        "zero value": 1,
        "one busy member": 0,
        "unordered dates": 1,
        "same day": 1,
        "one purchase only": 2,
    }
    lost = {rule.name: rule.count for rule in panel.rules if rule.left_out}
    assert list(lost) == [*list(counts)[:4], "unreadable date", *list(counts)[7:11]]
    assert sum(lost.values()) + counts["same day"] + len(panel.day) == 13  # rows below the header


def test_rules_name_the_lines_of_the_file(tmp_path: Path) -> None:
    places = {rule.name: rule.places for rule in dirty(tmp_path).rules}
    assert places["duplicate rows"] == (3,)
    assert places["negative value"] == (6,)
    assert places["not a number"] == (12, 13)


def test_what_is_left_is_one_purchase_a_member_and_day(tmp_path: Path) -> None:
    panel = dirty(tmp_path)
    assert panel.start == dt.date(2020, 1, 5) and panel.end == dt.date(2020, 3, 2)
    assert panel.member.tolist() == [0, 0, 1, 2]
    assert panel.day.tolist() == [0, 57, 27, 54]
    assert panel.value.tolist() == [7.0, 15.5, 0.0, 1.25]


def test_order_of_rows_does_not_matter() -> None:
    frame = simulated_panel(
        np.random.default_rng(1), members=60, days=100, rate=0.05, shape=1, joining_days=30
    )
    names = {"member": "member", "date": "date", "value": "value"}
    one, two = clean(frame, **names), clean(frame.sample(frac=1, random_state=3), **names)
    for field in ("member", "day"):
        assert (getattr(one, field) == getattr(two, field)).all()
    assert one.value == pytest.approx(two.value)


def test_numbers_and_the_same_numbers_as_text_are_the_same_members() -> None:
    frame = simulated_panel(np.random.default_rng(1), members=120, days=200, rate=0.05, shape=1.0)
    frame["member"] = frame["member"] % 7 * 1000 + frame["member"]
    whole, *others = (
        clean(frame.assign(member=frame["member"].astype(kind)), member="member", date="date", value="value")
        for kind in ("int64", "float64", "str")
    )
    for other in others:
        assert (whole.member == other.member).all() and (whole.day == other.day).all() and (whole.value == other.value).all()


def test_a_number_without_end_is_a_member_as_its_text_is() -> None:
    frame = simulated_panel(np.random.default_rng(1), members=60, days=100, rate=0.05, shape=1.0)
    ids = frame["member"].astype(float).replace(3.0, np.inf)
    columns = {"member": "member", "date": "date", "value": "value"}
    number, text = (clean(frame.assign(member=ids.astype(kind)), **columns) for kind in ("float64", "str"))
    assert number.members == text.members == frame["member"].nunique()
    assert (number.member == text.member).all() and (number.value == text.value).all()


def test_an_id_written_as_a_decimal_is_that_of_the_whole_number() -> None:
    """Two exports of one shop, one of them with empty ids, made two members of each."""
    frame = pd.DataFrame({"who": ["12", "12.0", "7", "012"], "day": "2020-01-01", "paid": [1.0, 2.0, 3.0, 4.0]})
    assert clean(frame, **COLUMNS).members == 3


def test_ids_that_a_spreadsheet_rounded_are_refused() -> None:
    frame = pd.DataFrame({"who": ["7", "8.90123E+12"], "day": "2020-01-01", "paid": 1.0})
    with pytest.raises(InputError, match=r"'who' has ids as a spreadsheet rounds them \(found '8.90123E\+12' in row 3\)"):
        clean(frame, **COLUMNS)


def test_yes_and_no_are_no_amounts() -> None:
    with pytest.raises(InputError, match=r"numbers such as 12\.50 in 0 of 2 rows"):
        clean(pd.DataFrame({"who": [1, 2], "day": "2020-01-01", "paid": [True, True]}), **COLUMNS)


def test_rows_of_a_table_without_header_line_count_from_1() -> None:
    frame = pd.DataFrame({"who": [1, 2], "day": "2020-01-01", "paid": [1.0, -1.0]})
    for first in (1, 2):
        assert {r.name: r.places for r in clean(frame, **COLUMNS, first=first).rules}["negative value"] == (first + 1,)


def test_csv_and_parquet_and_semicolons_give_the_same_panel(tmp_path: Path) -> None:
    frame = simulated_panel(
        np.random.default_rng(1), members=60, days=100, rate=0.05, shape=1, joining_days=30
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.csv", index=False, sep=";")
    frame.to_parquet(tmp_path / "c.parquet")
    panels = []
    for name in ("a.csv", "b.csv", "c.parquet"):
        read, *_ = read_table(tmp_path / name, member="member", date="date", value="value")
        panels.append(clean(read, member="member", date="date", value="value"))
    for other in panels[1:]:
        assert other.members == panels[0].members and len(other.day) == len(panels[0].day)
        assert other.value.sum() == pytest.approx(panels[0].value.sum())


def test_a_database_gives_the_same_panel_as_a_file(tmp_path: Path) -> None:
    import sqlalchemy

    frame, *_ = read_table(table(tmp_path, DIRTY), **COLUMNS)
    url = f"sqlite:///{tmp_path}/shop.db"
    frame.to_sql("sales", sqlalchemy.create_engine(url), index=False)
    there, source, digest = read_table(f"{url}#sales", **COLUMNS)
    assert source.name.endswith("shop.db#sales") and len(digest) == 64
    one, two = clean(frame, **COLUMNS), clean(there, **COLUMNS)
    assert (one.value == two.value).all() and one.rules == two.rules


def panel_of_dates(dates: list[object]) -> Panel:
    frame = pd.DataFrame({"m": "a", "d": dates, "v": range(len(dates))})
    return clean(frame, member="m", date="d", value="v")


@pytest.mark.parametrize(
    "written",
    [
        ["19970101", "19970302"],
        [19970101, 19970302],
        [19970101.0, 19970302.0],
        ["1/1/1997", "2/3/1997", "25/02/1997"],
        ["1/1/1997", "3/2/1997", "02-25-1997"],
        ["01.01.1997", "02.03.1997", "1997/02/01"],
        ["1997-01-01T23:59:59.123456+09:00[Asia/Tokyo]", "1997-03-02 00:00:00 UTC"],
        ["01.01.1997 7:05", "1997-03-02 07"],
        ["1/1/1997 2:05:07 PM", "3/2/1997 12:00 a.m.", "1/31/1997 0:00"],
        ["19970101T101500Z", "19970302"],
        [dt.date(1997, 1, 1), dt.date(1997, 3, 2)],
    ],
)
def test_dates_are_read_as_their_column_writes_them(written: list[object]) -> None:
    panel = panel_of_dates(written)
    assert panel.start == dt.date(1997, 1, 1) and panel.end == dt.date(1997, 3, 2)


def test_one_slip_does_not_tell_day_from_month() -> None:
    """All else of the first twelve days of a month, it turned a whole column."""
    dates: list[object] = [f"{1 + i % 12:02d}/{1 + i // 12:02d}/1997" for i in range(110)]
    with pytest.raises(InputError, match=r"day first or month first \(found '02/01/1997' in row 3\)"):
        panel_of_dates([*dates, "13/05/1997"])
    assert panel_of_dates([*dates, "13/05/1997", "14/05/1997"]).end == dt.date(1997, 10, 2)


@pytest.mark.parametrize(("order", "shown"), [("day", "25/02/1997"), ("month", "02/25/1997")])
def test_how_day_and_month_were_told_apart_is_said(order: str, shown: str) -> None:
    rule = {r.name: r for r in panel_of_dates(["1997-02-03", "01.02.1997", "02/03/1997", shown]).rules}["day or month first"]
    assert rule.text == f"{order} first, as '{shown}' in row 5 shows: read so" and (rule.count, rule.left_out) == (2, False)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["01/02/1997", "03/04/1997"], "can be read day first or month first (found '01/02/1997' in row 2); write"),
        (["01-02-1997 10:00"], "can be read day first or month first (found '01-02-1997 10:00' in row 2); write"),
        (["1/2/1997", "25/2/1997", "2/25/1997"], "day first (found '25/2/1997' in row 3) and month first ('2/25/1997' in row 4)"),
        ([1234567, 2345678], "column 'd' holds plain numbers (found '1234567' in row 2), not dates; name the column of dates"),
        (["43831.5", "43832"], "holds plain numbers (found '43831.5' in row 2)"),
        (["12.50", "20200101", "7"], "holds plain numbers (found '12.50' in row 2)"),
        (["2020-01", "2020-02"], "has dates such as 2017-09-30 in 0 of 2 rows (found '2020-01')"),
        (["2020-02-30", "30.02.2020"], "in 0 of 2 rows"),
    ],
)
def test_dates_that_cannot_be_told_are_refused(written: list[object], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        panel_of_dates(written)


@pytest.mark.parametrize(("usual", "slip"), [("25/02/1997", "2/25/1997"), ("1997-02-25", "01/02/1997")])
def test_one_date_in_a_hundred_may_be_a_slip(usual: str, slip: str) -> None:
    panel = panel_of_dates([usual] * 99 + [slip])
    assert panel.days == 1 and {rule.name: rule.places for rule in panel.rules}["unreadable date"] == (101,)
    with pytest.raises(InputError, match="month first"):
        panel_of_dates([usual] * 97 + [slip] * 2)


def test_a_date_far_from_all_others_does_not_stretch_the_period() -> None:
    frame = simulated_panel(
        np.random.default_rng(1), members=300, days=200, rate=0.05, shape=1, joining_days=30
    )
    frame.loc[5, "date"] = pd.Timestamp("2099-01-01")
    panel = clean(frame, member="member", date="date", value="value")
    assert panel.days <= 200
    assert next(r.count for r in panel.rules if r.name == "stray date") == 1


def test_holdout_split_keeps_members_and_loses_no_purchase() -> None:
    frame = simulated_panel(
        np.random.default_rng(1), members=80, days=200, rate=0.05, shape=1, joining_days=199
    )
    panel = clean(frame, member="member", date="date", value="value")
    before, after = panel.before(120), panel.after(120, panel.days - 120)
    late = np.unique(panel.member)[np.bincount(panel.member, weights=panel.day < 120) == 0]
    assert before.members + len(late) == panel.members
    assert len(before.day) + len(after.day) + int(np.isin(panel.member, late).sum()) == len(panel.day)
    assert after.member.max() < before.members and after.day.min() >= 120


GOOD = "who,day,paid\n" + "".join(
    f"m{i % 60},2020-{1 + i % 9:02d}-{1 + i % 27:02d},{1 + i % 7}\n" for i in range(600)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["t.csv", "empty"]),
        ("who,day,paid\n", ["t.csv", "no rows"]),
        ("who,date,paid\nm,2020-01-01,3\n", ["column 'day' (the date) is missing", "who, date, paid"]),
        ("who,day,payd\nm,2020-01-01,3\n", ["column 'paid' (the value) is missing", "did you mean payd"]),
        ("who,day,paid\nm,2020-01-01,3\n", ["has 1 members", "at least 50"]),
        ("who,day,paid\n" + "m,2020-01-01,\n" * 3, ["none of its 3 rows", "missing value: 1"]),
        (GOOD.replace(",2020-", ",x2020-"), ["'day'", "0 of 600", "x2020-"]),
        (GOOD.replace("-01-", "-01-01,"), ["t.csv, line 2", "4 fields", "header names 3"]),
        (
            "who,day,paid\n" + "".join(f"m{i},2020-01-{1 + i % 28:02d},{i}\n" for i in range(60)),
            ["at least 20"],
        ),
        (
            "who,day,paid\n" + "".join(f"m{i % 60},2020-01-{1 + i % 9:02d},3\n" for i in range(500)),
            ["at least 28"],
        ),
        (
            "who,day,paid\n" + "".join(f"m{i % 60},2020-{1 + i % 9:02d}-{1 + i % 27:02d},0\n" for i in range(600)),
            ["has 0 purchases with a value above 0", "at least 20"],
        ),
        (GOOD + "m1,2031-02-03,4\n" * 1, ["between 2020-09-27 and 2031-02-03", "at most a year"]),
    ],
    ids=[
        "empty",
        "header only",
        "no date column",
        "mistyped column",
        "one member",
        "no usable row",
        "no dates",
        "ragged rows",
        "nobody comes back",
        "nine days",
        "nothing paid",
        "a hole of ten years",
    ],
)
def test_broken_files_are_refused_in_a_sentence(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        calibrate(table(tmp_path, text), member="who", date="day", value="paid")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"who,day\n", ["a.parquet", "PAR1"]),
        ("b.parquet", b"PAR1 and nothing else", ["b.parquet", "Parquet"]),
        ("c.csv", b"who,day,paid\n\xff\xfe,2020-01-01,3\n", ["c.csv", "UTF-8"]),
    ],
)
def test_files_of_another_kind_are_refused(
    tmp_path: Path, name: str, content: bytes, words: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        calibrate(tmp_path / name, member="who", date="day", value="paid")
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, word in ((tmp_path / "none.csv", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=word):
            calibrate(path, member="who", date="day", value="paid")


@pytest.mark.parametrize("date", ["2019-01-01", "2020-01-10", "2030-01-01", "the end", "", "7.1.2020", "07/01/2020"])
def test_a_holdout_outside_the_data_is_refused(tmp_path: Path, date: str) -> None:
    with pytest.raises(InputError, match="holdout-from"):
        calibrate(table(tmp_path, GOOD), member="who", date="day", value="paid", holdout_from=date)


def test_a_column_named_twice_for_two_roles_is_refused() -> None:
    frame = pd.DataFrame({"who": ["a"], "paid": [1.0]})
    with pytest.raises(InputError, match="three different columns"):
        calibrate(frame, member="who", date="paid", value="paid")


def test_a_purchase_is_of_the_day_that_the_table_writes_whatever_its_time_zone() -> None:
    """Moments in text became those of Greenwich, in typed columns they kept their own."""
    written = ["2020-03-02T00:30:00+09:00", "2020-03-02 23:30:00-0800", "2020-03-02T10:00Z", "2020-03-02"]
    frame = pd.DataFrame({"who": [1, 2, 3, 4], "day": written, "paid": 1.0})
    assert clean(frame, **COLUMNS).days == 1 and clean(frame, **COLUMNS).start.isoformat() == "2020-03-02"
    typed = frame.head(1).assign(day=pd.to_datetime(written[:1]))
    assert clean(typed, **COLUMNS).start == clean(frame, **COLUMNS).start


def test_one_value_far_beyond_all_others_is_left_out_and_counted() -> None:
    """One slip of a till in 2,000 rows made the mean basket a thousand times too large."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"who": np.arange(2000) % 200, "day": pd.Timestamp("2020-01-01"), "paid": rng.lognormal(3, 1.0, 2000)})
    frame["day"] += pd.to_timedelta(np.arange(2000) // 20, "D")
    whole = clean(frame, **COLUMNS)
    frame.loc[7, "paid"] = 1e9
    panel = clean(frame, **COLUMNS)
    rules = {rule.name: rule for rule in panel.rules}
    assert rules["stray value"].count == 1 and rules["stray value"].places == (9,)
    assert len(panel.day) == len(whole.day) - 1 and {r.name: r.count for r in whole.rules}["stray value"] == 0


def test_rows_left_out_are_told_in_the_first_sentences_where_they_are_many() -> None:
    rules = [
        {"name": "missing member", "text": "no member", "count": 30, "left_out": True},
        {"name": "negative value", "text": "taken as refunds", "count": 1, "left_out": True},
        {"name": "zero value", "text": "kept as a purchase, left out when the basket is fitted", "count": 400, "left_out": False},
        {"name": "same day", "text": "one purchase", "count": 400, "left_out": False},
    ]
    period = {"members": 200, "purchases": 900, "start": "2020-01-01", "end": "2020-12-31"}
    report = {"rules": rules, "source": {"rows": 1000}, "period": period, "choice": {"model": "m"}}
    assert answer(report).endswith(" 3.1\u00a0% of the rows were left out: missing member 30, negative value 1.")
    assert "left out" not in answer({**report, "source": {"rows": 3100}})


def test_an_id_for_everybody_without_one_is_told() -> None:
    """The till's `unknown` was a member who bought every day, and made rates look a third less alike."""
    frame = simulated_panel(np.random.default_rng(1), members=80, days=100, rate=0.05, shape=1.0).astype({"member": str})
    columns = {"member": "member", "date": "date", "value": "value"}
    rule = {r.name: r for r in clean(frame, **columns).rules}["one busy member"]
    assert rule.count == 0
    frame.loc[::3, "member"] = "unknown"
    rule = {r.name: r for r in clean(frame, **columns).rules}["one busy member"]
    assert rule.count == len(frame.iloc[::3].drop_duplicates()) and rule.places == (2, 5, 8, 11, 14) and not rule.left_out
    period = {"members": 81, "purchases": 300, "start": "2020-01-01", "end": "2020-12-31"}
    report = {"rules": [vars(rule)], "source": {"rows": 4 * rule.count}, "period": period, "choice": {"model": "m"}}
    assert "One member has 25.0\u00a0% of the rows: leave them out if the id stands for customers not known." in answer(report)


def test_amounts_beyond_all_measure_are_refused() -> None:
    frame = simulated_panel(np.random.default_rng(1), members=80, days=100, rate=0.1, shape=1.0, median=3e12)
    with pytest.raises(InputError, match=r"the fit gives basket\.median = .*e\+12 \(input should be less.*column 'value' right"):
        calibrate(frame, member="member", date="date", value="value")


def test_a_panel_too_short_to_hold_days_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 20 days; at least 29 are needed to hold any out"):
        holdout_day(replace(dirty(tmp_path), days=20), "2020-02-01", "t.csv")
