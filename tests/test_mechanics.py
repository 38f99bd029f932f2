"""The page docs/mechanics.md holds: each line moves what it is about, nothing and nobody else; all that it names is there."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from ruamel.yaml import YAML
from scenes import RICH, scenario, without

from loyalsim.cli import app
from scenarios.changes import load_changed
from scenarios.composing import PARTS
from scenarios.schema import json_schema
from sim import tally
from sim.margin import fixed_cost_by_month
from sim.measures import describe, measure_run
from sim.outcome import Outcome, simulate

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "mechanics.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")


def rows() -> Iterator[tuple[str, dict[str, str]]]:
    """Section and cells by column of each row of the page's tables."""
    section, columns = "", []
    for text in PAGE.splitlines():
        if text.startswith("## "):
            section, columns = text[3:4], []
        elif not text.startswith("|"):
            columns = []
        elif cells := [cell.strip() for cell in text.strip("|").split("|")]:
            if not columns:
                columns = cells
            elif not set(text) <= set("|-"):
                assert len(cells) == len(columns), text
                yield section, dict(zip(columns, cells, strict=True))


def lines(sections: str) -> dict[str, str]:
    """The lines of YAML of some sections, by the first cell of their rows."""
    found = {}
    for section, cells in rows():
        written = [code for column in cells if "line" in column for code in CODE.findall(cells[column]) if ":" in code]
        if section in sections and written:
            (found[next(iter(cells.values()))],) = written
    return found


def changes(line: str) -> dict[str, Any]:
    """The line as a file that extends another has it: under programme, unless it names another part."""
    found: dict[str, Any] = {}
    for key, value in YAML(typ="safe").load(line).items():
        found.update({key: value} if key in PARTS else {"programme": {**found.get("programme", {}), key: value}})
    return found


def run(base: str | Path, line: str, members: int) -> Outcome:
    return simulate(load_changed(base, changes(line), name="line", said="the line"), members=members, seed=1)


def moved(a: Outcome, b: Outcome) -> set[str]:
    """Tallies that differ in any month or segment, summed over tiers; and the fixed cost, which is none."""
    x, y = (o.cube.sum(axis=1) for o in (a, b))
    found = {name for k, name in enumerate(tally.NAMES) if not np.array_equal(x[..., k], y[..., k])}
    return found if np.array_equal(fixed_cost_by_month(a), fixed_cost_by_month(b)) else {*found, "fixed_cost"}


HELD = "outstanding open_aware"
POINTS = f"points_issued {HELD}"
GIVEN = f"{POINTS} points_bonus"
LAPSED = f"{HELD} points_expired"
SPENT = f"{HELD} points_redeemed redemptions first_redeemers both_cost"
VOUCHER = f"{SPENT} voucher_value paid"
CUT = "tier_discount paid both_cost"
OFFER = "incentive_discount paid both_cost"
COUPON = "coupons_issued coupons_used coupon_value paid both_cost"
MAIL = "messages message_cost"
MOVED = "upgrades downgrades"
WITHOUT = "base_list both_base_list"
COUNTS = {
    "A01": MOVED, "A02": CUT, "A03": f"{POINTS} delivery_cost both_cost", "A04": "care_cost", "A05": MOVED, "A06": POINTS,
    "A07": GIVEN, "A08": GIVEN, "A09": f"{VOUCHER} reward_cost points_expired {MOVED}", "A10": "fixed_cost",
    "A11": f"{VOUCHER} points_issued {MOVED}", "A12": VOUCHER, "A14": f"{GIVEN} {MOVED}", "A15": "fees",
    "A16": f"{COUPON} {OFFER}", "A17": OFFER, "A18": "gift_cost", "A19": OFFER,
    "A20": f"{SPENT} reward_cost partner_charges partner_recoveries reward_partners", "A22": f"{LAPSED} gift_cost downgrades",
    "A23": GIVEN, "A24": POINTS, "A25": "care_cost",
    "pending points": "outstanding pending", "rolling expiry": LAPSED, "fixed date": LAPSED, "idle expiry": LAPSED,
    "two currencies": MOVED, "list or paid": f"{POINTS} {CUT}", "caps": POINTS, "stacking": POINTS, "downgrade": MOVED,
    "upgrade": MOVED, "status match": MOVED, "budgets, limits": COUPON,
    "returns": f"refunds refunded_list refunded_paid list_value paid both_list {WITHOUT} points_clawed_back {HELD} {MOVED}",
    "B01": COUPON, "B02": COUPON, "B03": f"{COUPON} gift_cost", "B04": COUPON, "B05": f"{POINTS} {MAIL}",
    "B06": f"gift_cost {MAIL}", "B07": f"{POINTS} {COUPON} {MAIL}", "B08": f"{GIVEN} {COUPON}", "B10": f"{COUPON} {MAIL}",
    "B11": f"{COUPON} {MAIL}", "B13": GIVEN, "B14": f"{GIVEN} {COUPON} gift_cost", "B15": f"{COUPON} {MAIL} {MOVED}",
    "B16": "gift_cost", "B17": COUPON,
}  # fmt: skip
"""What each line moves where nobody reacts: amounts of money go with what is paid, points with what is outstanding."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop of the page."""
    (written,) = re.findall(r"```yaml\n# shop.yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    path = tmp_path_factory.mktemp("shop") / "shop.yaml"
    path.write_text(written, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def plain(shop: Path) -> Outcome:
    return run(shop, "{}", 1000)


@pytest.mark.parametrize("name", COUNTS)
def test_a_line_of_the_table_changes_its_own_counts_and_no_other(name: str, shop: Path, plain: Outcome) -> None:
    assert moved(plain, run(shop, lines("AB")[name], 1000)) == set(COUNTS[name].split())
    assert set(lines("AB")) == set(COUNTS)


@pytest.fixture(scope="module")
def p4() -> Outcome:
    return run("p4", "{}", 400)


@pytest.mark.parametrize("name", lines("CDEFGHI"))
def test_a_line_moves_the_run_and_never_the_world_without_the_programme(name: str, p4: Outcome) -> None:
    line = lines("CDEFGHI")[name]
    o = run("p4", line, 400)
    if "horizon" in changes(line):
        assert len(o.cube) < len(p4.cube)
        return
    found = moved(p4, o)
    assert found
    if not {"population", "market"} & set(changes(line)):
        assert not found & {"base_purchases", "base_list", "alive0"}


def test_the_page_names_no_test_measure_command_or_key_that_is_not_there(p4: Outcome) -> None:
    """Of tests the page gives the name in words and the file, *so* (mechanics); of commands each option must exist."""
    said = CODE.findall(re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    tests = {(file, words.replace(" ", "_")) for words, file in re.findall(r"\*([^*]+)\*\s+\((\w+)\)", PAGE.replace("\n  ", " "))}
    for file, name in tests:
        assert f"\ndef test_{name}(" in (TESTS / f"test_{file}.py").read_text(encoding="utf-8"), name
    proved = [cells["proved by"] for _, cells in rows() if cells["proved by"]]
    assert len(tests) > 60 and all(re.fullmatch(r"(\*[^*]+\* \(\w+\)(, )?)+", cell) for cell in proved)
    commands = {code for code in said if code.startswith("loyalsim ")}
    for command in commands:
        group: Any = typer.main.get_command(app)
        _, *words = shlex.split(command)
        while isinstance(getattr(group, "commands", None), Mapping):
            group = group.commands[words.pop(0)]
        assert {word for word in words if word.startswith("--")} <= {o for p in group.params for o in p.opts}, command
    assert len(commands) > 8
    shown = measure_run(p4)
    measures = {code for _, cells in rows() for column in cells if "measure" in column for code in CODE.findall(cells[column])}
    for name in {one for one in measures if ":" not in one}:
        assert name in shown and describe(name)[2], name
    words = {code for _, cells in rows() for code in CODE.findall(cells.get("can it?", "")) if re.fullmatch(r"\w+", code)}
    keys = set(re.findall(r"'(\w+)': ", str(json_schema())))
    assert words <= keys | set(shown), words - keys - set(shown)


@pytest.mark.parametrize("name", [row["name"] for row in RICH["programme"]["incentives"]])
def test_an_incentive_of_one_segment_changes_its_members_alone(name: str) -> None:
    """Every trigger, every effect on, one row opened to the town alone: of the country's members every field of their state is
    the same with the row and without it, the engine's alarm clock apart; so is the world without a programme, of all."""
    base = without(RICH)
    for one in base["programme"]["incentives"]:
        one.pop("budget", None)
        if one["name"] == name:
            one["only"] = {**one.get("only", {}), "segments": ["town"]}
    with_it, without_it = (simulate(scenario(s), members=800, seed=6, keep=True) for s in (base, without(base, name)))
    a, b = with_it.members, without_it.members
    assert a is not None and b is not None
    country = a["segment"] == 1
    for field in sorted(set(a.dtype.names) - {"due", "task"}):
        np.testing.assert_array_equal(a[field][country], b[field][country], err_msg=field)
    np.testing.assert_array_equal(with_it.cube[:, :, 1], without_it.cube[:, :, 1])
    assert (a[~country] != b[~country]).sum() > 30
    for unmoved in (tally.BASE_PURCHASES, tally.BASE_LIST, tally.ALIVE0):
        np.testing.assert_array_equal(with_it.cube[..., unmoved].sum(axis=1), without_it.cube[..., unmoved].sum(axis=1))
    np.testing.assert_array_equal(with_it.survival[..., 1], without_it.survival[..., 1])


def test_what_a_tier_has_changes_nobody_who_never_was_in_it() -> None:
    """Another price, rate of earning, delivery and care at the top, every effect on."""
    base = copy.deepcopy(RICH)
    base["programme"].pop("card_valid_months")
    base["programme"]["qualification"]["downgrade"] = "never"  # so that who is not at the top at the end never was
    base["programme"]["incentives"] = [{k: v for k, v in one.items() if k != "budget"} for one in RICH["programme"]["incentives"]]
    other = copy.deepcopy(base)
    other["programme"]["tiers"][2].update(price=0.7, earning=3.0, free_delivery=False, care_value_per_month=20.0)
    a, b = (simulate(scenario(s), members=2000, seed=6, keep=True).members for s in (base, other))
    assert a is not None and b is not None
    below = a["tier"] < 2
    np.testing.assert_array_equal(below, b["tier"] < 2)
    np.testing.assert_array_equal(a[below], b[below])
    assert (a[~below] != b[~below]).sum() > 50
