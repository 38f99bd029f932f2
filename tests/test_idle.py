"""No key does nothing: each can move a tally or a figure somewhere, and a programme that leaves one idle is told so."""

import copy
import datetime as dt
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from scenes import PLAIN, RICH

from scenarios.allowed import Words, choices, field_of, limits_of, models_of
from scenarios.changes import load_changed
from scenarios.files import load, resolved_yaml
from sim.behaviour import MOVED
from sim.errors import InputError
from sim.idle import idle
from sim.measures import measure_run
from sim.outcome import simulate
from sim.scenario import Scenario
from sim.typing import Path as Keys

WORDS = {"name", "description", "assumptions", "source", "says", "unit", "currency"}
"""Keys that hold words for readers."""
NOT_HERE = {
    r"population\.members": "the tests state how many (test_invariance)",
    r"population\.posterior\..*": "read where parameters are drawn (test_calibration_forecast)",
    r"behaviour\.own_effects\.parameters": "names of the user's own; each is called by a formula, or refused (test_own_effects)",
    r"behaviour\.own_effects\.after_closing": "read by a run-off (test_what_if)",
    r"programme\.incentives\.(when\.event|only\.segments|only\.tiers|only\.category|when\.tier|give\.tier|group)": "mechanics",
    r"(market\.categories|population\.segments)\.share": "they add to 1: one alone cannot be turned (test_mechanics_incentives)",
    r"economics\.cost_per_point": "counts points against budgets, and in the incremental-cost view (test_budget, test_forecast)",
}
"""Keys that the search cannot turn, with where they are proved."""
MAY_REST = {
    r"name|group|kind|partner.*": "names; goods and services are words for readers",
    r".*\.(limit|min_basket|min_spend|cap_per_month|valid_from|valid_until|budget)": "bounds need not bind",
    r".*\.(spend|points|purchases)": "what is reached either way",
    r".*(free_delivery|clawback|base|care_value_per_month|value|rounding)": "terms that other parts give their weight: "
    "economics.delivery_cost, market.refunds, prices, effects",
    r"qualification\.(downgrade|upgrade|window|review_every_months)": "who is never reviewed, or in a tier for good",
    r"expiry\.(rule|months)": "points that live longer than the run",
    r"catalogue_refresh_months": "wear is an effect, which may be off",
    r".*\.days(_before)?": "how long something lasts that is used at once",
}
"""Keys of a programme, after `programme.` and without the numbers of rows, that are no mistake where they move nothing."""
FLAT = {**PLAIN, "behaviour": {"effects": {"awareness": {"on": False}}, "redeeming": {"probability": 1.0}}}
TIERS = [{"name": "a"}, {"name": "b", "requires": {"purchases": 3}, "price": 0.9}]
MUG = [{"name": "mug", "points": 100, "value": 5.0, "cost": 2.0}]
HELLO = {"name": "hello", "when": {"event": "sign_up"}, "give": {"points": 20}}
DAY = {"name": "day", "when": {"event": "calendar", "days_of_month": [5]}, "during": {"earning": 2.0}}
PROGRAMMES: dict[str, dict[str, Any]] = {
    "points": {"earning": {}, "rewards": MUG, "incentives": [HELLO]},
    "points for nothing": {"earning": {"points_per_unit": 0.0}, "tiers": TIERS, "incentives": [
        {"name": "task", "when": {"event": "task", "per_month": 1.0}, "give": {"points": 5}}]},
    "rolling": {"earning": {}, "rewards": MUG, "expiry": {"rule": "rolling", "months": 3}},
    "once a year": {"earning": {}, "rewards": MUG, "expiry": {"rule": "fixed_date", "months": 2, "month": 6}},
    "tiers": {"tiers": TIERS},
    "tiers that fall": {"tiers": TIERS, "qualification": {
        "window": "rolling", "months": 3, "review_every_months": 3, "downgrade": "full"}},
    "offers": {"earning": {}, "incentives": [DAY, {**DAY, "name": "month", "when": {"event": "birthday"}},
               {"name": "back", "when": {"event": "inactivity", "days": 30}, "message": True}]},
}  # fmt: skip
LISTS = {"season": [0.5] * 26 + [1.5] * 27, "days_of_month": [7], "history_days": [10.0, 20.0]}
OWN = {"all_effects": True, "own_effects": [
    {"name": "mine", "says": "a", "source": "b", "log_rate": "0.5 * (balance > 50)", "log_basket": "0.1", "log_leaving": "0.5",
     "log_redeeming": "0.5"}]}  # fmt: skip


def figures(scenario: Scenario) -> tuple[bytes, str]:
    """Every tally of a run, and every measure; of a run that ends in a refusal its words."""
    try:
        o = simulate(scenario, members=200, seed=5)
    except InputError as error:
        return b"", str(error)
    return o.cube.tobytes(), repr(measure_run(o))


def leaves(part: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Path and value of every key."""
    if isinstance(part, BaseModel):
        for key in type(part).model_fields:
            yield from leaves(getattr(part, key), (*path, key))
    elif isinstance(part, list) and part and isinstance(part[0], BaseModel):
        for k, row in enumerate(part):
            yield from leaves(row, (*path, k))
    else:
        yield path, part


def others(path: Keys, value: Any) -> list[Any]:
    """Other values that the key might state."""
    field = field_of(Scenario, path)
    assert field is not None
    found: list[Any] = []
    for choice in choices(field):
        if isinstance(choice, Words):
            found += choice.words
        elif path[-1] in MOVED:
            found += ["0.3 * aware"]
        elif choice is bool:
            found += [not value]
        elif choice is dt.date:
            found += [dt.date(2027, 5, 1)]
        elif choice is list:
            found += [LISTS[path[-1]]] if path[-1] in LISTS else []
        elif choice in (int, float):
            low, above, high, below = limits_of(field)
            v = value if isinstance(value, int | float) else 0
            for x in (20 * v + 3, v * 1.5, v + 0.25, v / 2, v + 1, low, high):
                inside = x is not None and (low is None or x > low or (x == low and not above))
                if inside and x < 1e6 and (high is None or x < high or (x == high and not below)):
                    found.append(choice(x))
    return [x for x in found if x != value]


def turned(base: dict[str, Any], part: str, moves: Collection[str] = ()) -> Iterator[tuple[Keys, Scenario | None, bool]]:
    """(path, scenario, whether it moved) for every key under `part` but `moves`, and other values of it until one moves; None
    where none is valid."""
    plain = Scenario.model_validate(base)
    data, before = plain.model_dump(), figures(plain)
    for path, value in leaves(plain):
        if path[-1] in WORDS or key(path) in moves or not key(path).startswith(part):
            continue
        tried = False
        for other in others(path, value):
            changed = copy.deepcopy(data)
            owner: Any = changed
            for step in path[:-1]:
                owner = owner[step]
            owner[path[-1]] = other
            try:
                scenario = Scenario.model_validate(changed)
            except ValidationError:
                continue
            tried = True
            moved = figures(scenario) != before
            yield path, scenario, moved
            if moved:
                break
        if not tried:
            yield path, None, False


def key(path: Keys) -> str:
    """The path without the numbers of rows."""
    return ".".join(str(step) for step in path if isinstance(step, str))


def of_schema(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every key of the schema that states a value, without those of the registry's effects."""
    for name, _ in model.model_fields.items():
        if name in WORDS or (*path, name) == ("behaviour", "effects"):
            continue
        inner = models_of(field_of(model, (name,)) or pytest.fail(name))
        rows = [m for c in ((name, 0),) if (f := field_of(model, c)) is not None for m in models_of(f)]
        if inner or rows:
            for part in inner or rows:
                yield from of_schema(part, (*path, name))
        else:
            yield ".".join((*path, name))


def known(text: str, table: dict[str, str]) -> bool:
    return any(re.fullmatch(pattern, text) for pattern in table)


def test_every_key_of_the_schema_can_move_something() -> None:
    moves, rests = set(), set()
    own = {**FLAT, "programme": PROGRAMMES["points"], "behaviour": OWN}
    own["population"] = {**PLAIN["population"], "leaving": {"probability": 0.05}}
    gift = {"name": "gift", "when": {"event": "first_purchase"}, "give": {"gift": {"cost": 1.0, "value": 5.0}}}
    given = {**FLAT, "population": own["population"], "programme": {"incentives": [gift]}}
    flat = [{**FLAT, "programme": programme} for programme in PROGRAMMES.values()]
    stood = {"share": 0.5, "since_days": 120.0, "came_over": 700.0}
    there = {**RICH, "population": {**RICH["population"], "standing": stood}}
    for base, part in ((RICH, ""), (there, "population.standing"), (own, "behaviour.own_effects"), (own, "population.leaving"),
                       (given, "programme.incentives.give.gift"),
                       *((b, "") for b in flat)):  # fmt: skip
        for path, _, moved in turned(base, part, moves):
            (moves if moved else rests).add(key(path))
    missing = {text for text in of_schema(Scenario) if text not in moves and not known(text, NOT_HERE)}
    assert missing == set()
    dead = {text for text in rests - moves if text.startswith("behaviour.effects.")}
    assert dead == set()


@pytest.mark.parametrize("name", PROGRAMMES)
def test_a_key_of_a_programme_that_moves_nothing_is_idle_or_may_rest(name: str) -> None:
    moves, told, silent = set(), set(), set()
    for path, scenario, moved in turned({**FLAT, "programme": PROGRAMMES[name]}, "programme."):
        if scenario is not None:
            (told if path[1:] in idle(scenario.programme) else moves if moved else silent).add(path)
            assert not (moved and path in told), path
    silent = {key(path[1:]) for path in silent - moves - told}
    assert {text for text in silent if not known(text, MAY_REST)} == set()
    assert told


BEGIN = "population:\n  purchase_rate: {mean: 0.05, shape: 2}\n  basket: {median: 40, sigma: 0.6}\nprogramme:\n"
TWO = "  tiers:\n    - {name: silver}\n    - {name: gold, requires: {purchases: 4}}\n"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (f"{TWO}  qualification:\n    grace_months: 3", "9: programme.qualification.grace_months: found 3, {idle}: no tier"),
        (f"{TWO}  qualification:\n    months: 6", "9: programme.qualification.months: found 6, {idle}: a cumulative"),
        ("  qualification:\n    upgrade: at_review", "6: programme.qualification.upgrade: found 'at_review', {idle}: there is"),
        ("  catalogue_refresh_cost: 300", "5: programme.catalogue_refresh_cost: found 300, {idle}: the catalogue is never"),
        ("  catalogue_refresh_months: 3", "5: programme.catalogue_refresh_months: found 3, {idle}: there are no rewards"),
        (
            "  earning: {}\n  rewards:\n    - {name: mug, points: 9}\n    - {name: up, kind: tier_upgrade, points: 9}",
            "8: programme.rewards[1]: found a mapping, {idle}: a tier_upgrade has only one tier",
        ),
        (
            f"{TWO}  earning: {{}}\n  rewards:\n    - {{name: long, kind: longer_validity, months: 6, points: 9}}",
            "10: programme.rewards[0]: found a mapping, {idle}: points never lapse, so none lives longer; give expiry a rule, or",
        ),
        ("  expiry: {months: 6}", "5: programme.expiry.months: found 6, {idle}: points never lapse; give rule rolling, fixed_"),
        (TWO + "  qualification: {months: 12}", "8: programme.qualification.months: found 12, {idle}: a cumulative window has"),
        ("  earning: {}\n  expiry: {months: 12}", "6: programme.expiry.months: found 12, {idle}: points never lapse; give rule"),
        ("  earning: {}\n  expiry:\n    rule: rolling\n    month: 6", "8: programme.expiry.month: found 6, {idle}: points"),
        ("  earning: {points_per_unit: 0, cap_per_month: 9}", "5: programme.earning.cap_per_month: found 9, {idle}: purchases"),
        (
            "  incentives:\n    - name: day\n      when: {event: birthday, days_before: 2}\n      during: {price: 0.9}",
            "7: programme.incentives[0].when.days_before: found 2, {idle}: nothing comes ahead of the day",
        ),
        (
            f"{TWO}  incentives:\n    - name: up\n      when: {{event: tier_reached, tier: gold}}\n      give: {{tier: gold}}",
            "10: programme.incentives[0]: it lifts to a tier when a tier is reached",
        ),
        (
            f"{TWO}  incentives:\n    - {{name: up, when: {{event: purchase}}, only: {{tiers: [gold]}}, give: {{tier: gold}}}}",
            "9: programme.incentives: up lifts to gold, from which its only.tiers begin",
        ),
        (
            f"{TWO}  earning: {{}}\n  incentives:\n"
            "    - {name: up, when: {event: tier_reached, tier: gold}, only: {tiers: [silver]}, give: {points: 9}}",
            "10: programme.incentives: up waits for gold, below which its only.tiers end",
        ),
        (
            f"{TWO}  earning: {{}}\n  incentives:\n"
            "    - {name: gift, when: {event: sign_up}, only: {tiers: [gold]}, give: {points: 9}}\n"
            "    - {name: match, when: {event: sign_up}, give: {tier: gold}}",
            "10: programme.incentives: gift is for who is gold on joining, when everybody is silver; allowed is a row",
        ),
    ],
)
def test_what_a_file_states_and_nothing_can_come_of_is_refused(lines: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"{BEGIN}{lines}\n")
    with pytest.raises(InputError) as caught:
        load(file)
    (sentence,) = caught.value.problems
    assert "x.yaml, line " + words.format(idle="which does nothing") in sentence


def test_what_a_change_leaves_without_a_use_falls_back_to_its_default(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        BEGIN + TWO + "  qualification: {window: rolling, months: 6, downgrade: full, grace_months: 3}\n"
        "  earning: {}\n  expiry: {rule: rolling, months: 24}\n"
    )
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nprogramme: {qualification: {downgrade: never}, expiry: {rule: never}}\n")
    (tmp_path / "c.yaml").write_text("extends: b.yaml\nprogramme: {expiry: {rule: rolling}}\n")
    a, b, c = (load(tmp_path / f"{name}.yaml").programme for name in "abc")
    assert (a.qualification.grace_months, a.expiry.months) == (3, 24)
    assert (b.qualification.grace_months, b.qualification.months, b.expiry.months) == (0, 6, 12)
    assert (c.qualification.grace_months, c.expiry.months) == (0, 24)
    (tmp_path / "d.yaml").write_text(
        "extends: a.yaml\nprogramme:\n  catalogue_refresh_months: 3\n  rewards:\n"
        "    - {name: up, kind: tier_upgrade, points: 9}\n"
        "    - {name: long, kind: longer_validity, months: 6, points: 9}\n    - {name: mug, points: 9}\n"
    )
    for gone, left in (("", ["up", "mug"]), ("mug: null", ["up"]), ("up: null, mug: null", [])):
        (tmp_path / "e.yaml").write_text(f"extends: d.yaml\nprogramme: {{expiry: {{rule: never}}, rewards: {{{gone}}}}}\n")
        e = load(tmp_path / "e.yaml").programme
        assert ([reward.name for reward in e.rewards], e.catalogue_refresh_months) == (left, 3 if left else 0)
    written = tmp_path / "resolved.yaml"
    written.write_text(resolved_yaml(load(tmp_path / "b.yaml")))
    assert load(written).programme == b
    changed = load_changed(tmp_path / "a.yaml", {"programme.expiry.rule": "never"}, name="x", said="--change")
    assert changed.programme.expiry.months == 12
    with pytest.raises(InputError, match=r"--change: programme\.expiry\.months: found 6, which does nothing: points never lapse"):
        load_changed(tmp_path / "b.yaml", {"programme.expiry.months": 6}, name="x", said="--change")


def test_rows_of_one_moment_act_in_the_order_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    match = "    - {name: match, when: {event: sign_up}, give: {tier: gold}}\n"
    gift = "    - {name: gift, when: {event: sign_up}, only: {tiers: [gold]}, give: {points: 9}}\n"
    file.write_text(f"{BEGIN}{TWO}  earning: {{}}\n  incentives:\n{match}{gift}")
    assert simulate(load(file), members=10).total("points_bonus") == 90
