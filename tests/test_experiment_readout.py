"""The read-out as a whole: a published trial, its words, page and bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from live_trial import BASE, gate, live, plan
from scipy import stats

from experiments.commands import read_command
from experiments.document_file import load_document
from experiments.documents import Readout
from experiments.effect_words import effect_text, p_text, p_value, size_text, stated_text
from experiments.readout import read
from reports.readout import readout_files, readout_page

HILLSTROM = Path(__file__).parents[2] / "shared" / "data" / "hillstrom_email_rct.csv.gz"


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the shared Hillstrom data are not here")
def test_hillstrom(tmp_path):
    frame = pd.read_csv(HILLSTROM)
    frame["id"] = np.arange(len(frame))
    arms = {"No E-Mail": {"share": 0.333}, "Mens E-Mail": {"share": 0.333}, "Womens E-Mail": {"share": 0.333}}
    metrics = [
        {
            "name": "visit",
            "role": "primary",
            "kind": "proportion",
            "column": "visit",
            "simulation_margin": 0.01,
        },
        {"name": "conversion", "role": "secondary", "kind": "proportion", "column": "conversion"},
        {"name": "spend", "role": "guardrail", "column": "spend", "noninferiority_margin": 0.1},
        {
            "name": "adjusted",
            "role": "secondary",
            "column": "spend",
            "covariates": ["history", "recency"],
            "adjustment": "lin",
        },
    ]
    found = read(
        frame,
        plan(
            arms=arms,
            control="No E-Mail",
            metrics=metrics,
            segments=["channel"],
            columns={"member": "id", "arm": "segment"},
        ),
    )
    shown = {(row.metric, row.arm): (100 * row.effect, 100 * row.se) for row in found.rows if row.overall}
    assert shown["visit", "Mens E-Mail"] == pytest.approx((7.66, 0.34), abs=5e-3)
    assert shown["visit", "Womens E-Mail"] == pytest.approx((4.52, 0.32), abs=5e-3)
    assert shown["conversion", "Mens E-Mail"] == pytest.approx((0.681, 0.092), abs=5.1e-4)
    assert shown["conversion", "Womens E-Mail"] == pytest.approx((0.311, 0.082), abs=5.1e-4)
    assert shown["spend", "Mens E-Mail"] == pytest.approx((77.0, 14.5), abs=5.1e-2)
    assert shown["spend", "Womens E-Mail"] == pytest.approx((42.4, 13.0), abs=5.1e-2)
    assert shown["adjusted", "Mens E-Mail"][1] <= shown["spend", "Mens E-Mail"][1]
    assert not found.blocked
    assert [line.verdict for line in found.decisions if line.metric is None] == ["launch", "launch"]
    joint = np.array(found.covariance)
    assert joint.shape == (8, 8) and np.linalg.eigvalsh(joint).min() > 0
    assert np.sqrt(np.diag(joint)) == pytest.approx([row.se for row in found.rows if row.overall])
    shared = stats.norm.fit(frame.visit[frame.segment == "No E-Mail"])[1] ** 2 / 21_306
    assert joint[0, 1] == pytest.approx(shared, rel=1e-3)
    files = readout_files(found)
    (tmp_path / "r.json").write_text(files["readout.json"])
    assert load_document(tmp_path / "r.json", Readout) == found
    assert files["readout.html"].count("<svg") >= 4


@pytest.mark.parametrize("metric", [{}, {"scale": "relative"}])
def test_an_effect_reads_the_same_in_its_sentence_and_in_the_table_and_with_a_minus_sign(metric):
    found = read(live(5000, effect=-1.5), plan(metric, segments=["tier"]))
    (row,) = [row for row in found.rows if row.overall]
    texts = [effect_text(value, row.scale) for value in (row.effect, row.low, row.high)]
    assert all(text.startswith("\u2212") for text in texts)
    assert f"trial against control: {texts[0]} ({texts[1]} to {texts[2]}): worse." in found.decisions[0].sentence
    page = readout_page(found)
    assert f'{texts[0]}<br><span class="note">{texts[1]}\u00a0to {texts[2]}</span>' in page
    said = [one.sentence for one in (*found.decisions, *found.gates)]
    assert not [sentence for sentence in said if re.search(r"(?<![\w-])-\d", sentence)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (effect_text(1.2345), "+1.23"),
        (effect_text(-0.034567, "relative"), "\u22123.46\u00a0%"),
        (effect_text(0.0), "0"),
        (size_text(1234.5), "1,234"),
        (stated_text(10.0), "10"),
        (stated_text(0.07, "relative"), "7\u00a0%"),
        (p_text(0.0123), "p = 0.012"),
        (p_text(1.8e-6), "p < 0.001"),
        (p_value(0.5), "0.50"),
    ],
)
def test_effects_and_p_values_are_printed_in_one_way(text, shown):
    assert text == shown


def test_an_arm_in_which_all_are_0_is_0_and_not_what_adding_up_left_of_it():
    """A mean of 1e-17 made relative effects and ratios of 1e15."""
    for seed in range(5):
        frame = live(800, seed=seed).assign(spend=lambda f: np.where(f.arm == "control", 0.0, f.spend))
        found = read(frame, plan())
        assert found.rows[0].base == 0 and found.rows[0].relative is None
        assert found.rows[0].effect == pytest.approx(frame.spend[frame.arm == "trial"].mean())


def test_the_page_shows_the_p_value_that_the_verdict_rests_on_and_what_was_read(tmp_path):
    live(2000, effect=0.9).to_csv(tmp_path / "live.csv", index=False)
    many = [BASE["metrics"][0], {"name": "orders", "role": "secondary", "column": "orders"}]
    found = read(tmp_path / "live.csv", plan(metrics=many, multiplicity="holm"))
    page = readout_page(found)
    one = found.decisions[0]
    assert one.p == pytest.approx(2 * found.rows[0].p) and f"adjusted {p_value(one.p)}" in page
    assert "adjusted" not in readout_page(read(tmp_path / "live.csv", plan()))
    digest = hashlib.sha256((tmp_path / "live.csv").read_bytes()).hexdigest()
    assert found.provenance["source"] == "live.csv" and found.provenance["sha256 of live.csv"] == digest and digest in page


def test_shift_and_scale():
    frame = live()
    one = read(frame, plan()).rows[0]
    far = read(frame.assign(spend=frame.spend + 1e9), plan()).rows[0]
    big = read(frame.assign(spend=frame.spend * 1e6), plan()).rows[0]
    assert (far.effect, far.se, far.p) == pytest.approx((one.effect, one.se, one.p), rel=1e-4)
    assert (big.effect, big.se, big.p) == pytest.approx((1e6 * one.effect, 1e6 * one.se, one.p), rel=1e-9)


def test_effects_that_move_together_are_told_on_the_page():
    frame = live()
    both = {"name": "twice", "role": "secondary", "column": "twice"}
    found = read(frame.assign(twice=2 * frame["spend"] + 1), plan(metrics=[*BASE["metrics"], both]))
    assert "spend and twice: +1.00" in readout_page(found)
    assert "move together" not in readout_page(read(frame, plan()))


def test_it_is_said_up_to_which_day_the_data_go():
    found = read(live(), plan())
    assert "taken to hold the whole window, to 2026-01-28" in gate(found, "end of the window").sentence
    assert not found.blocked and "as_of" not in found.provenance
    members, days = live()[["member_id", "arm"]], pd.date_range("2026-01-01", "2026-01-20")
    events = pd.DataFrame({"member_id": np.arange(2000), "date": np.resize(days, 2000), "spend": 1.0 + np.arange(2000) % 7})
    early = read(members, plan(), events=events)
    assert early.blocked and early.provenance["as_of"] == "2026-01-20"
    assert early.provenance["as_of_is"] == "the day of the last event"
    assert "end on 2026-01-20 (the day of the last event), the window on 2026-01-28" in gate(early, "end of the window").sentence
    stated = read(members, plan(), events=events, as_of=dt.date(2026, 1, 28))
    assert not stated.blocked and stated.provenance["as_of_is"] == "as stated"


def test_the_same_data_give_the_same_bytes(tmp_path):
    (tmp_path / "p.yaml").write_text(json.dumps(BASE))
    live().to_csv(tmp_path / "live.csv", index=False)
    one, other = (readout_files(read_command(tmp_path / "live.csv", tmp_path / "p.yaml")) for _ in range(2))
    assert one == other and set(one) == {"readout.json", "readout.html"}
