"""A stored snapshot is the tables it came from, to the bit; one that is damaged or of another programme is refused."""

import json

import numpy as np
import pytest
from test_snapshot import COUPONS, LOTS, MEMBERS, SHOP, START, at_start, swap

from scenarios.digest import digest_of
from scenarios.finance.forecast import forecast
from scenarios.finance.live_tables import live_tables
from scenarios.finance.snapshot import snapshot, snapshot_of
from scenarios.finance.snapshot_store import load_snapshot, stored
from scenarios.output import write_whole
from sim.errors import InputError

LAST = START.replace(year=2027, month=12, day=31)
OFF = (swap(MEMBERS, ",220,", ",250,"), swap(LOTS, "2028-03-31", "2028-05-31"), COUPONS)


@pytest.fixture
def places(tmp_path):
    """The tables as files; they do not add up."""
    for name, text in zip(("members", "lots", "coupons"), OFF, strict=True):
        (tmp_path / f"{name}.csv").write_text(text)
    return [tmp_path / f"{name}.csv" for name in ("members", "lots", "coupons")]


@pytest.fixture
def kept(places, tmp_path):
    write_whole(tmp_path / "kept", stored(live_tables(*places, scenario=at_start(SHOP))))
    return tmp_path / "kept"


def test_a_stored_snapshot_gives_the_same_forecast_to_the_bit(places, kept):
    there, here = snapshot(*places, scenario=at_start(SHOP)), snapshot_of(load_snapshot(kept), at_start(SHOP))
    assert here.notes == there.notes and here.label == there.label and not here.reconciliation.adds_up
    a, b = (forecast(SHOP, snapshot=s, months=5, replications=3, seed=4, budget=100.0) for s in (there, here))
    for part in ("values", "luck_values", "point_values"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
    np.testing.assert_array_equal(a.cohorts.redeemed, b.cohorts.redeemed)
    assert a.provenance == b.provenance and a.notes == b.notes and a.cohorts.opening.sum() == 280


def test_storing_what_was_stored_changes_nothing(kept, tmp_path):
    again = stored(load_snapshot(kept))
    assert {name: content if isinstance(content, bytes) else content.encode() for name, content in again.items()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }


def test_without_a_programme_the_tables_are_compared_with_each_other_alone(places):
    tables = live_tables(*places, as_of=LAST)
    report = tables.held.reconciliation
    assert [d.kind for d in report.differences] == ["balances that differ from their lots"]
    assert report.checked == ["balances against lots", "negative balances"]
    whole = snapshot_of(tables, at_start(SHOP)).reconciliation
    assert whole.checked == [*report.checked, "lots against their validity", "tiers against thresholds"]
    bare = snapshot_of(live_tables(places[0], as_of=LAST), at_start(SHOP)).reconciliation
    assert bare.checked == ["negative balances", "tiers against thresholds"], "no lots were given to be compared"
    with pytest.raises(InputError, match="--as-of is missing"):
        live_tables(*places)


def changed_document(kept, **parts):
    content = {**json.loads((kept / "snapshot.json").read_text()), **parts}
    (kept / "snapshot.json").write_text(json.dumps({**content, "digest": digest_of(content)}))


def spoil(path, at=200):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


DAMAGES = {
    "a bit of a table": (lambda p: spoil(p / "lots.parquet"), r"lots\.parquet: is not what the snapshot was made with"),
    "a table that is gone": (lambda p: (p / "members.parquet").unlink(), r"members\.parquet: is missing from the snapshot"),
    "another table in its place": (
        lambda p: (p / "coupons.parquet").write_bytes((p / "lots.parquet").read_bytes()),
        r"coupons\.parquet: is not what",
    ),
    "another day": (
        lambda p: (p / "snapshot.json").write_text((p / "snapshot.json").read_text().replace("2027-12-31", "2027-11-30")),
        r"snapshot\.json: was changed after it was written",
    ),
    "half a document": (lambda p: (p / "snapshot.json").write_text("{"), r"snapshot\.json: cannot be read as JSON"),
    "no document": (lambda p: (p / "snapshot.json").unlink(), "is no snapshot, which is a folder with snapshot.json"),
    "another document": (lambda p: changed_document(p, kind="readout"), r"snapshot\.json: is no snapshot"),
    "a later format": (lambda p: changed_document(p, version=2), r"version: found 2, this program reads 1"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_snapshot_is_refused(kept, kind):
    damage, words = DAMAGES[kind]
    damage(kept)
    with pytest.raises(InputError, match=words) as caught:
        load_snapshot(kept)
    assert len(caught.value.problems) == 1


def test_a_table_is_no_snapshot(places, tmp_path):
    with pytest.raises(InputError, match=r"members\.csv: is no snapshot, .* loyalsim snapshot MEMBERS"):
        load_snapshot(places[0])
    with pytest.raises(InputError, match="there is no such folder"):
        load_snapshot(tmp_path / "nowhere")


def test_another_programme_is_refused_and_a_change_of_its_terms_is_not(kept):
    tables, start = load_snapshot(kept), at_start(SHOP)
    programme = start.programme
    longer = programme.model_copy(update={"expiry": programme.expiry.model_copy(update={"months": 18})})
    assert snapshot_of(tables, start.model_copy(update={"programme": longer})).size == 3
    others = {
        "tiers": start.model_copy(update={"programme": programme.model_copy(update={"tiers": programme.tiers[:1]})}),
        "currency": start.model_copy(update={"market": start.market.model_copy(update={"currency": "SEK"})}),
        "window": start.model_copy(
            update={
                "programme": programme.model_copy(
                    update={"qualification": programme.qualification.model_copy(update={"months": 6})}
                )
            }
        ),
    }
    for kind, other in others.items():
        with pytest.raises(InputError, match="the snapshot is of the programme of shop") as caught:
            snapshot_of(tables, other)
        assert len(caught.value.problems) == 1, kind
