"""The same table gives the same read-out wherever it lies."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from two_arms import two_arms

from experiments.readout import read
from experiments.values import Labels, dates, numbers
from scenarios import sources
from scenarios.sources import open_source
from sim.errors import InputError

PLAN = two_arms(
    columns={"assigned": "assigned", "exposed": "exposed"},
    segments=["tier"],
    metrics=[
        {
            "name": "spend",
            "role": "primary",
            "column": "spend",
            "simulation_margin": 1.0,
            "covariates": ["before"],
            "adjustment": "cuped",
        },
        {
            "name": "basket",
            "role": "secondary",
            "kind": "ratio",
            "column": "spend",
            "denominator": "orders",
        },
    ],
)


@pytest.fixture(scope="module")
def live() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 3000
    before = rng.gamma(2, 10, n)
    arm = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "member_id": np.arange(n),
            "arm": np.array(["control", "trial"])[arm],
            "tier": rng.choice(["1", "2"], n),
            "assigned": pd.Timestamp("2026-01-01"),
            "exposed": pd.Timestamp("2026-01-03"),
            "before": np.where(rng.random(n) < 0.3, np.nan, before),
            "spend": before + rng.normal(0, 5, n) + arm,
            "orders": rng.poisson(3, n),
        }
    )


@pytest.fixture(scope="module")
def expected(live):
    return read(live, PLAN)


def same(found, expected):
    assert [row.key for row in found.rows] == [row.key for row in expected.rows]
    for one, other in zip(found.rows, expected.rows, strict=True):
        assert (one.effect, one.se, one.p) == pytest.approx((other.effect, other.se, other.p), rel=1e-9)
    assert [(g.name, g.passed) for g in found.gates] == [(g.name, g.passed) for g in expected.gates]


def test_files(live, expected, tmp_path):
    live.to_csv(tmp_path / "live.csv", index=False)
    live.to_csv(tmp_path / "live.csv.gz", index=False)
    live.to_parquet(tmp_path / "live.parquet")
    with duckdb.connect(str(tmp_path / "live.duckdb")) as connection:
        connection.execute("create table live as select * from live")
    for name in ("live.csv", "live.csv.gz", "live.parquet", "live.duckdb", "live.duckdb#live"):
        same(read(tmp_path / name, PLAN), expected)


def test_sqlite(live, expected, tmp_path):
    with sqlite3.connect(tmp_path / "live.db") as connection:
        live.to_sql("live", connection, index=False)
        live.head(3).to_sql("other", connection, index=False)
    same(read(f"sqlite:///{tmp_path}/live.db#live", PLAN), expected)
    with pytest.raises(InputError, match="no table is named; add # and one of live, other"):
        read(f"sqlite:///{tmp_path}/live.db", PLAN)


def test_row_order_and_block_size_change_nothing(live, expected, monkeypatch):
    same(read(live.sample(frac=1, random_state=5), PLAN), expected)
    monkeypatch.setattr(sources, "ROWS", 137)
    same(read(live, PLAN), expected)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    pytest.importorskip("psycopg", reason="no PostgreSQL driver (psycopg) is installed")
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    as_user: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL refuses to run as root, and setpriv is not installed")
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(folder, 65534, 65534)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"

    def run(*command: str) -> None:
        environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*as_user, *command], cwd=folder, capture_output=True, text=True, env=environment, timeout=60
        )
        if done.returncode:
            pytest.skip(f"PostgreSQL does not start here: {done.stderr.strip().splitlines()[-1:]}")

    run(shutil.which("initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run(shutil.which("pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    run(shutil.which("pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def test_postgresql(live, expected, postgres):
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("create schema shop"))
    live.to_sql("live", engine, schema="shop", index=False)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("create view exact as select *, spend::numeric(30, 20) as s from shop.live")
        )
    engine.dispose()
    same(read(f"{postgres}#shop.live", PLAN), expected)
    same(read(f"{postgres}#exact", PLAN), expected)


EVENT_PLAN = two_arms(
    pre_days=30,
    columns={"exposed": "exposed"},
    metrics=[
        {
            "name": "spend",
            "role": "primary",
            "column": "value",
            "simulation_margin": 1.0,
            "covariates": ["pre_value"],
            "adjustment": "cuped",
        },
        {"name": "orders", "role": "secondary", "column": "value", "events": "count"},
        {
            "name": "active",
            "role": "secondary",
            "kind": "proportion",
            "column": "value",
            "events": "any",
        },
    ],
)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(6)
    n, k = 1200, 8000
    members = pd.DataFrame(
        {
            "member_id": [f"m{i}" for i in range(n)],
            "arm": np.where(rng.random(n) < 0.5, "control", "trial"),
            "exposed": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10, n), unit="D"),
        }
    )
    day = pd.Timestamp("2025-12-02") + pd.to_timedelta(rng.integers(0, 58, k), unit="D")
    buyer = rng.integers(0, n + 50, k)
    table = pd.DataFrame({"member_id": [f"m{i}" for i in buyer], "date": day, "value": rng.gamma(2, 10, k)})
    return members, table


def test_an_event_table_is_summed_by_hand(events):
    members, table = events
    found = read(members, EVENT_PLAN, events=table)
    joined = table.merge(members, on="member_id")
    inside = joined[joined.date >= joined.exposed]
    before = joined[(joined.date < joined.exposed) & (joined.date >= joined.exposed - pd.Timedelta(days=30))]
    by_hand = members.set_index("member_id")
    by_hand["value"] = inside.groupby("member_id").value.sum()
    by_hand["count"] = inside.groupby("member_id").size()
    by_hand["pre"] = before.groupby("member_id").value.sum()
    by_hand = by_hand.fillna(0)
    by_hand["any"] = (by_hand["count"] > 0).astype(float)
    mean = by_hand.groupby("arm")[["value", "count", "any"]].mean()
    effects = {row.metric: row for row in found.rows if row.overall}
    assert effects["orders"].effect == pytest.approx(
        mean.loc["trial", "count"] - mean.loc["control", "count"]
    )
    assert effects["active"].effect == pytest.approx(mean.loc["trial", "any"] - mean.loc["control", "any"])
    design = np.column_stack([np.ones(len(by_hand)), by_hand.arm == "trial", by_hand.pre])
    fit = np.linalg.lstsq(design, by_hand["value"], rcond=None)[0]
    assert effects["spend"].effect == pytest.approx(fit[1])
    weekly = sum(row.effect for row in found.rows if row.metric == "orders" and row.week)
    assert weekly == pytest.approx(effects["orders"].effect)


def test_events_in_every_kind_of_place(events, tmp_path):
    members, table = events
    expected = read(members, EVENT_PLAN, events=table)
    members.to_csv(tmp_path / "members.csv", index=False)
    table.to_parquet(tmp_path / "events.parquet")
    same(read(tmp_path / "members.csv", EVENT_PLAN, events=tmp_path / "events.parquet"), expected)
    with sqlite3.connect(tmp_path / "e.db") as connection:
        table.to_sql("events", connection, index=False)
    same(read(members, EVENT_PLAN, events=f"sqlite:///{tmp_path}/e.db#events"), expected)


def test_events_outside_the_window_are_refused(events):
    members, table = events
    late = pd.concat([table, table.head(2).assign(date=pd.Timestamp("2026-02-10"))])
    with pytest.raises(InputError, match="2 events are dated outside the window 2025-12-02 to 2026-01-28"):
        read(members, EVENT_PLAN, events=late)


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("nowhere.csv", "there is no such file"),
        ("README.md", "is of an unknown kind; give a .csv"),
        ("oracle+nothing://x/y#z", "cannot be opened"),
        ("://", "is not a database URL"),
    ],
)
def test_places_that_are_none(where, sentence):
    with pytest.raises(InputError) as caught:
        open_source(where).columns()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.duckdb"])
def test_files_that_are_not_what_they_say(name, tmp_path):
    (tmp_path / name).write_bytes(b"a\xe9,b\n1" if name == "x.csv" else b"nothing")
    with pytest.raises(InputError, match=name):
        read(tmp_path / name, PLAN)


def test_passwords_are_not_shown():
    assert "secret" not in open_source("postgresql://me:secret@host/db#t").name


def test_values_and_labels():
    import pyarrow as pa

    text = pa.chunked_array([["1", " 2.5 ", "NA", None]])
    assert (
        numbers(text, "f: c", 1).tolist()[:2] == [1.0, 2.5] and np.isnan(numbers(text, "f: c", 1)[2:]).all()
    )
    with pytest.raises(InputError, match="f: c: row 12: found 'x'; must be a number"):
        numbers(pa.chunked_array([["1", "2", "x"]]), "f: c", 10)
    with pytest.raises(InputError, match="row 2: found '2026-13-01'; must be a date"):
        dates(pa.chunked_array([["2026-01-01", "2026-13-01"]]), "f: c", 1)
    moments = pa.chunked_array([["2026-01-01T00:30:00+09:00", "2026-01-01 23:30Z", "NaT", "2026-01-01"]])
    written = dates(moments, "f: c", 1).astype(str).tolist()
    assert written == ["2026-01-01", "2026-01-01", "NaT", "2026-01-01"], "a time zone changes no day"
    assert numbers(pa.chunked_array([["True", None, "false"]]), "f: c", 1)[[0, 2]].tolist() == [1.0, 0.0]
    labels = Labels()
    assert labels.encode(pa.chunked_array([[1.0, None, 2.0]])).tolist() == [0, 2, 1]
    assert labels.names == ["1", "2", "(empty)"]
    assert labels.encode(pa.chunked_array([["2.0", "1", ""]])).tolist() == [1, 0, 2]
    assert labels.encode(pa.chunked_array([[2.0, 2.5]])).tolist() == [1, 3], "a block with a fraction calls 2 as all others do"
