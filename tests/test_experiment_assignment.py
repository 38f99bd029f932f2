"""Allocation is the same for everybody who computes it, in the planned proportions."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pandas as pd
import pytest

from experiments.assignment import arm_of, assign
from experiments.commands import assign_command
from experiments.plan_file import Plan
from experiments.readout import read
from experiments.values import joined
from reports.assignment import assignment_files
from scenarios.sources import open_source
from sim.errors import InputError

BASE = {
    "experiment": "x",
    "population": "all",
    "arms": {"control": {"share": 0.5}, "a": {"share": 0.25}, "b": {"share": 0.25}},
    "control": "control",
    "start": "2026-01-01",
    "end": "2026-01-31",
    "metrics": [{"name": "y", "role": "primary", "column": "y", "simulation_margin": 1.0}],
}


def plan(**changes) -> Plan:
    import json

    return Plan.model_validate_json(json.dumps(BASE | changes))


def members(n=8000, seed=1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "member_id": [f"m{i}" for i in range(n)],
            "tier": rng.choice(["silver", "gold"], n, p=[0.9, 0.1]),
            "store": rng.integers(0, 40, n),
            "age": rng.integers(18, 90, n),
        }
    )


def arms(frame, of: Plan) -> pd.Series:
    allocation = assign(open_source(frame), of)
    tables = [block.to_pandas() for block in allocation.blocks()]
    return pd.concat(tables).set_index("member_id")["arm"]


def test_the_arm_is_what_the_documented_hash_says():
    found = arms(members(500), plan(salt="s"))
    for unit in ("m0", "m17", "m499"):
        place = int(hashlib.sha256(f"s/{unit}".encode()).hexdigest()[:16], 16) / 2**64
        assert found[unit] == ("control" if place < 0.5 else "a" if place < 0.75 else "b")
        assert found[unit] == arm_of("s", unit, {"control": 0.5, "a": 0.25, "b": 0.25})


def test_order_and_company_do_not_matter_but_the_salt_does():
    frame = members()
    whole = arms(frame, plan())
    assert (arms(frame.sample(frac=1, random_state=2), plan()).reindex(whole.index) == whole).all()
    assert (arms(frame.head(100), plan()) == whole.head(100)).all()
    other = arms(frame, plan(salt="other"))
    assert (other == whole).mean() == pytest.approx(0.375, abs=0.03)


def test_proportions():
    share = arms(members(), plan()).value_counts(normalize=True)
    assert share["control"] == pytest.approx(0.5, abs=0.02) and share["a"] == pytest.approx(0.25, abs=0.02)


CLASHING = [
    ("x / y", "z"), ("x", "y / z"), ("x /", "y"), ("x", "/ y"), ("x \\", "y"), ("x", "\\ y"), ("x \\/", "y"), ("x", "\\/ y")
]  # fmt: skip
"""pairs of labels of which some read alike where they are put together"""


def clashing(frame) -> pd.DataFrame:
    """The frame with the pair that its column `pair` numbers, in columns `one` and `other`."""
    one, other = np.array(CLASHING, dtype=object)[frame["pair"]].T
    return frame.assign(one=one, other=other)


def test_strata_whose_labels_hold_the_separator_are_told_apart():
    """Of seven members each stratum gives three or four to the control; two taken for one gave some of them two or five."""
    assert len({joined(pair) for pair in CLASHING}) == len(CLASHING) > len({" / ".join(pair) for pair in CLASHING})
    frame = clashing(members(7 * len(CLASHING)).assign(pair=np.repeat(np.arange(len(CLASHING)), 7)))
    for salt in "abcdefgh":
        found = arms(frame, plan(salt=salt, strata=["one", "other"]))
        control = (found == "control").groupby(frame["pair"].to_numpy()).sum()
        assert control.isin([3, 4]).all()


def test_the_read_out_tells_them_apart_too():
    pair = np.random.default_rng(3).integers(0, len(CLASHING), 4000)
    frame = members(4000).assign(pair=pair, arm=["control", "a", "b", "control"] * 1000)
    frame["y"] = np.random.default_rng(4).normal(size=4000) + frame["pair"]
    by_number, by_name = (read(clashing(frame), plan(strata=names)) for names in (["pair"], ["one", "other"]))
    for one, other in zip(by_number.rows, by_name.rows, strict=True):
        assert (one.effect, one.se) == pytest.approx((other.effect, other.se), rel=1e-9)


def test_strata_are_exact_to_the_unit():
    frame = members()
    found = arms(frame, plan(strata=["tier"]))
    table = pd.crosstab(frame.set_index("member_id")["tier"], found)
    for _, row in table.iterrows():
        n = row.sum()
        assert abs(row["control"] - n / 2) < 1 and abs(row["a"] - n / 4) < 1
    shuffled = arms(frame.sample(frac=1, random_state=3), plan(strata=["tier"]))
    assert (shuffled.reindex(found.index) == found).all()


def test_clusters_stay_whole():
    frame = members()
    found = arms(frame, plan(unit="cluster", columns={"cluster": "store"}))
    by_store = found.groupby(frame.set_index("member_id")["store"]).agg(["nunique", "first"])
    assert (by_store["nunique"] == 1).all()
    assert by_store["first"].value_counts().to_dict() == {"control": 20, "a": 10, "b": 10}


def test_only_the_eligible_are_assigned():
    frame = members()
    rules = [{"column": "tier", "one_of": ["gold"]}, {"column": "age", "at_least": 30, "at_most": 60}]
    found = arms(frame, plan(eligibility=rules))
    chosen = frame[(frame.tier == "gold") & frame.age.between(30, 60)]
    assert set(found.index) == set(chosen.member_id)


def test_the_command_writes_table_and_record(tmp_path):
    import json

    frame = members(300)
    (tmp_path / "p.yaml").write_text(json.dumps(BASE))
    for kind in ("csv", "parquet"):
        path = tmp_path / f"members.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
        files = assignment_files(*assign_command(str(path), tmp_path / "p.yaml"))
        assert set(files) == {f"assignment.{kind}", "assignment.json", "assignment.html"}
        record = json.loads(files["assignment.json"])
        page = files["assignment.html"]
        assert record["salt"] in page and "Anyone with the ids and the salt gets the same arms" in page
        assert page.count(">25.0\u00a0%</td>") >= 2, "what was planned stands beside what came out"
        raw = io.BytesIO(files[f"assignment.{kind}"])
        table = pd.read_csv(raw) if kind == "csv" else pd.read_parquet(raw)
        assert table["arm"].value_counts().to_dict() == record["members"] and len(record["digest"]) == 64
    (tmp_path / "p.yaml").write_text(json.dumps(BASE | {"strata": ["tier"]}))
    page = assignment_files(*assign_command(str(path), tmp_path / "p.yaml"))["assignment.html"]
    assert "Anyone with the same table of members and the salt" in page


@pytest.mark.parametrize(
    ("change", "rules", "sentence"),
    [
        (lambda f: f.drop(columns="member_id"), {}, "column 'member_id' (the member) is missing"),
        (lambda f: f.head(0), {}, "has 0 rows"),
        (lambda f: pd.concat([f, f.head(3)]), {}, "3 members are listed more than once, the first is 'm0'"),
        (
            lambda f: f,
            {"eligibility": [{"column": "tier", "one_of": ["iron"]}]},
            "none of 200 members is eligible",
        ),
        (lambda f: f.head(1), {}, "leave arm"),
        (lambda f: f.assign(member_id=["a", "b", *f.member_id[2:-1], ""]), {}, "row 200: the member's id is empty"),
        (
            lambda f: f.assign(member_id=["", *f.member_id[1:-1], ""], tier=["iron", *["gold"] * 199]),
            {"eligibility": [{"column": "tier", "one_of": ["gold"]}]},
            "row 200: the member's id is empty; every row needs",
        ),
        (
            lambda f: f,
            {"unit": "cluster", "columns": {"cluster": "store"}, "strata": ["tier"]},
            "lies in two strata",
        ),
        (
            lambda f: f.assign(age="old"),
            {"eligibility": [{"column": "age", "at_least": 3.0}]},
            "row 1: found 'old'; must be a number",
        ),
        (
            lambda f: f,
            {"eligibility": [{"column": "age", "at_least": 1e6}]},
            "none of 200 members is eligible (age at least 1,000,000)",
        ),
        (
            lambda f: f.assign(store=[*f.store[:-1].astype(str), " "]),
            {"unit": "cluster", "columns": {"cluster": "store"}},
            "column 'store': row 200: is empty; every member needs a cluster",
        ),
    ],
)
def test_broken_tables_give_one_sentence(change, rules, sentence):
    with pytest.raises(InputError) as caught:
        assign(open_source(change(members(200))), plan(**rules))
    assert sentence in str(caught.value) and len(caught.value.problems) == 1
