"""Scenario files: what is wrong is named with file, line and key; composing; writing out; the editor's schema."""

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from scenarios.files import json_schema, library, load, load_many, resolved_yaml
from scenarios.tree import plain, read
from sim.behaviour import MOVED
from sim.errors import InputError
from sim.formula import READS
from sim.incentive import When

BROKEN = Path(__file__).parent / "broken"

# file: the lines that must be named, each with words that must stand in its sentence
TABLE = {
    # the file itself
    "empty.yaml": [(0, "empty file")],
    "only-comments.yaml": [(0, "empty file")],
    "a-list.yaml": [(1, "found a list of 2, allowed is a mapping")],
    "tab.yaml": [(5, "found a tab; allowed are spaces")],
    "second-colon.yaml": [(2, "in quotes")],
    "open-bracket.yaml": [(6, "bracket opened in line 5")],
    "open-quote.yaml": [(1, "quote is opened and never closed")],
    "two-documents.yaml": [(4, "second document")],
    "not-utf8.yaml": [(2, "byte 0xE9, allowed is UTF-8")],
    # YAML that is more than data
    "key-twice.yaml": [(7, "economics.gross_margin: found the key a second time, allowed is once (first in line 5)")],
    "tag.yaml": [(5, "market.currency: found the tag !money")],
    "merge-key.yaml": [(1, "base: found an unknown key"), (6, "economics: found the merge key <<")],
    "endless.yaml": [(3, "nested or repeated without end")],
    "multiplied.yaml": [(2, "nested or repeated without end")],
    "infinite.yaml": [(5, "economics.set_up_cost: found .inf, allowed is a finite number")],
    # keys
    "mistyped-part.yaml": [(4, "programe: found an unknown key", "did you mean programme?")],
    "mistyped-key.yaml": [(7, "programme.tiers[0].prise: found an unknown key, allowed are name", "mean price?")],
    "mistyped-effect.yaml": [(6, "behaviour.effects.goal_gradent", "did you mean goal_gradient?")],
    "part-not-indented.yaml": [(3, "tiers: found an unknown key", "it is a key of programme: indent it below")],
    "missing-part.yaml": [(1, "population: is missing, needed is a mapping")],
    "missing-key.yaml": [(3, "population.basket.median: is missing, needed is a number greater than 0")],
    # values
    "out-of-range.yaml": [(9, "programme.tiers[1].price: found 1.2, allowed is a number greater than 0 and at most 1")],
    "text-for-number.yaml": [(5, "economics.gross_margin: found '0.4', allowed is a number from 0 to 1; write it without")],
    "no-is-text.yaml": [(7, "behaviour.effects.awareness.on: found 'no', allowed is true or false")],
    "fraction.yaml": [(8, "programme.rewards[0].points: found 99.5, allowed is a whole number from 1 to 1,000,000,000,000")],
    "numbers-too-large.yaml": [
        (5, "population.purchase_rate.mean: found 10000000000, allowed is a number greater than 0 and at most 100"),
        (7, "population.basket.median: found 1e+17, allowed is a number greater than 0 and at most 1,000,000,000"),
        (13, "coupon.value: found 1e+17, allowed is a number greater than 0 and at most 1,000,000,000,000"),
        (14, "give.points: found 9999999999999999999999999999999999999999, allowed is a whole number from 0 to 1,000,000,0"),
        (15, "incentives.welcome.budget: found 1e+300, allowed is a number greater than 0 and at most 1,000,000,000,000"),
        (17, "economics.set_up_cost: found 1e+305, allowed is a number from 0 to 1,000,000,000,000"),
    ],
    "mistyped-word.yaml": [(7, "programme.expiry.rule: found 'roling', allowed is one of", "mean rolling?")],
    "number-for-mapping.yaml": [(5, "programme.earning: found 1, allowed is a mapping with keys among")],
    "mapping-for-list.yaml": [(9, "days_of_month: found 18, allowed is a list, each item a whole number from 1 to 31")],
    "season-short.yaml": [(4, "population.season: found a list of 2, allowed is a list of 53 items")],
    "no-such-day.yaml": [(5, "horizon.start: found '2027-02-30', allowed is a date such as")],
    "clock-time.yaml": [(5, "horizon.start: found 2027-02-01 10:00:00, allowed is a date such as")],
    "effect-number.yaml": [(7, "rate: found 'high', allowed is a number from 0 to 3, or a mapping with keys among")],
    "effect-too-large.yaml": [(7, "goal_gradient.strength: found 9, allowed is a number from 0 to 0.8")],
    "effect-spread.yaml": [(9, "price_response.rate.sd: found -0.1, allowed is a number of at least 0")],
    "decimal-comma.yaml": [
        (4, "population.basket.median: found 40,50, allowed is a point before decimals and no mark in thousands"),
        (6, "economics.gross_margin: found '0,4', allowed is a number from 0 to 1"),
        (9, "programme.tiers.gold.requires.spend: found 1,500, allowed is a point"),
    ],
    "percent.yaml": [
        (4, "price: found '88%'", "; 88% is 0.88, and 88% off is 0.12"),
        (5, "gross_margin: found '42.5 %'", "; 42.5 % is 0.425"),
    ],
    # values that do not go together
    "trigger-incomplete.yaml": [(8, "programme.incentives[0].when: event spend_in_window needs the key reach")],
    "trigger-too-much.yaml": [(9, "programme.incentives[0].when: event sign_up has no use for the key days")],
    "trigger-unknown.yaml": [(8, "programme.incentives[0].when.event: found 'signup'", "did you mean sign_up?")],
    "shares.yaml": [(4, "the shares of the segments add to 0.9")],
    "two-forms.yaml": [(5, "population.leaving: give either probability, or a and b")],
    "mid-month.yaml": [(5, "horizon: start must be the first day of a month")],
    "year-far-away.yaml": [(4, "horizon: start must lie in a year from 1900 to 2200, found 9995-01-01")],
    "tier-with-dot.yaml": [(5, "programme.tiers[1].name: found 'Level 1.5', allowed is text without a dot")],
    "tiers-upside-down.yaml": [(9, "programme.tiers: diamond requires less spend than gold")],
    "points-without-earning.yaml": [(5, "rewards and expiry need points: add earning")],
    "lowest-tier.yaml": [(9, "welcome lifts to the tier 'silver', in which everybody begins")],
    "points-nobody-earns.yaml": [(7, "gold asks for points or multiplies them, but the programme has no earning")],
    "budget-of-nothing.yaml": [(10, "a budget counts points, coupons and gifts, and it gives none")],
    "budget-of-free-points.yaml": [(7, "welcome has a budget, which counts points at economics.cost_per_point: found 0")],
    "number-too-long.yaml": [(4, "population.basket.median: found 1000", "allowed is a number greater than 0")],
    "apart.yaml": [  # each by itself well, none with what stands beside it: within rows, between rows, between parts
        ("p4.yaml", 37, "programme.tiers: diamond requires less purchases than gold"),
        (2, "horizon: start must be the first day of a month, found 2027-02-03"),
        (4, "population.leaving: give either probability, or a and b"),
        (9, "programme.rewards.v1: a voucher needs a value and no cost"),
        (11, "programme.incentives.a: during works with purchase"),
        (12, "programme.incentives.b: valid_from is later than valid_until"),
        (13, "programme.incentives: c waits for the tier 'silver', in which everybody begins"),
        (14, "programme.incentives: d lifts to the tier 'silver', in which everybody begins"),
    ],
    # effects of one's own
    "formula-word.yaml": [(9, "behaviour.own_effects[0].log_rate: found 'teir'", "did you mean tier?")],
    "formula-unreadable.yaml": [(9, "log_rate: cannot be read as a formula", "'0.2 * (tier'")],
    "formula-code.yaml": [(9, "log_rate: found a call of 'open'; the functions are exp, log")],
    "formula-tier.yaml": [(9, "own_effects[0].log_leaving: found 'gold', allowed is one of member")],
    "formula-several.yaml": [
        (10, "behaviour.own_effects.payday.log_rate: found 'teir'"),
        (11, "payday.log_basket: found the comment '# of those who know + 0.2'; a formula has none"),
        (17, "second.log_leaving: found 'gold', allowed is one of member"),
        (17, "second.log_leaving: found 'town', but there are no segments"),
        (19, "second.parameters: if is a word of the formulas"),
        (20, "third.log_rate: found true, allowed is a formula such as"),
    ],
    "formula-none.yaml": [(6, "own_effects[0]: has no formula; give one of log_rate")],
    "formula-number.yaml": [
        (11, "parameters.strength.sd: found -1, allowed is a number of at least 0"),
        (12, "found the name 'Fading', allowed is a word of small letters"),
    ],
    "effect-name.yaml": [(6, "own_effects[0].name: found 'pay day', allowed is a word of small letters")],
    "effect-of-the-registry.yaml": [(6, "own_effects: messages is an effect of the registry")],
    # names
    "unknown-tier.yaml": [(15, "only.tiers[1]: found 'gould', allowed is one of silver, gold; did you mean gold?")],
    "unknown-category.yaml": [(9, "only.category: found 'toys', allowed is one of food")],
    "row-twice.yaml": [(7, "programme.tiers[1].name: found the name 'silver' a second time")],
    # several files
    "part-file-missing.yaml": [(1, "found 'popluation.yaml'", "did you mean population.yaml?")],
    "part-file-wrong.yaml": [("population.yaml", 2, "population.basket.median: found -40")],
    "extends-missing.yaml": [(1, "extends: found 'p44'", "no-programme", "did you mean p4?")],
    "extends-file-missing.yaml": [(1, "extends: found 'a-lst.yaml'", "did you mean a-list.yaml?")],
    "circle-a.yaml": [("circle-b.yaml", 2, "circle-a.yaml -> circle-b.yaml -> circle-a.yaml")],
    "wrong-below.yaml": [
        ("base.yaml", 7, "programme.tiers[0].price: found 0"),
        (4, "programme.tiers.gold.price: found 2"),
    ],
    "row-to-take-away.yaml": [(4, "member dya: found no row of this name", "did you mean member day?")],
    "row-in-capitals.yaml": [
        (4, "programme.tiers.Gold: found a row whose name differs from gold in capitals, blanks or hyphens alone, allowed"),
        (6, "programme.incentives.Member-Day: found a row whose name differs from member day"),
    ],
    "row-mistyped.yaml": [(4, "member dya.when: is missing", "did you mean member day?")],
}


def problems(path):
    with pytest.raises(InputError) as caught:
        load(path)
    return caught.value.problems


@pytest.mark.parametrize("name", TABLE)
def test_a_broken_file_is_told_by_file_line_and_key(name):
    found = problems(BROKEN / name)
    assert len(found) == len(TABLE[name]), found
    for sentence, expected in zip(found, TABLE[name], strict=True):
        file, line, *words = expected if isinstance(expected[0], str) else (name, *expected)
        where = re.match(r"(?:.*/)?([\w.-]+\.yaml)(?:, line (\d+))?: ", sentence)
        assert where is not None, sentence
        assert (where[1], int(where[2] or 0)) == (file, line), sentence
        assert all(word in sentence for word in words), sentence


def test_all_problems_of_a_file_are_told_at_once_and_in_order():
    found = problems(BROKEN / "many.yaml")
    lines = [int(re.search(r"line (\d+)", sentence)[1]) for sentence in found]
    assert lines == [3, 4, 5, 5, 9, 11, 14, 15, 17, 18, 21]


def test_wrong_values_do_not_hide_how_the_rest_fits_together(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(
        "population:\n  purchase_rate: {mean: 0.05, shape: 2}\n  basket: {median: 40, sigma: 0.6}\n"
        "programme:\n  tiers:\n    - {name: silver, price: 1.2}\n    - name: gold\n"
    )
    assert [s.split(": ", 1)[1] for s in problems(path)] == [
        "programme.tiers[0].price: found 1.2, allowed is a number greater than 0 and at most 1",
        "programme.tiers: gold requires nothing; only the first tier can",
    ]


def test_a_list_too_short_with_a_wrong_value_does_not_hide_a_row_that_does_not_go_together(tmp_path):
    season = ", ".join(["1.0"] * 51 + ["-1"])
    path = tmp_path / "x.yaml"
    rows = "programme:\n  incentives:\n    - {name: bare, when: {event: sign_up}}\n"
    path.write_text(f"extends: no-programme\npopulation: {{season: [{season}]}}\n{rows}")
    first, second = problems(path)
    assert "population.season[51]: found -1" in first
    assert "it neither gives anything nor sends a message" in second


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("p5", "allowed is a scenario file (.yaml) or one of the library: cash-back, loy-365, no-programme, p4,"),
        ("cashback", "did you mean cash-back?"),
        ("nowhere/p4.yaml", "no such file"),
        ("library.yaml/", "no such file"),
    ],
)
def test_what_is_neither_a_file_nor_in_the_library(spec, words):
    (found,) = problems(spec)
    assert words in found


def test_a_folder_and_a_missing_file(tmp_path):
    assert "found a folder" in problems(tmp_path)[0]
    assert "no such file" in problems(tmp_path / "x.yaml")[0]


def test_problems_of_several_scenarios_come_together():
    with pytest.raises(InputError) as caught:
        load_many([str(BROKEN / "out-of-range.yaml"), "p5", "p4"])
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="second scenario called 'p4'"):
        load_many(["p4", "p4"])


def test_yaml_1_2(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(
        "description: no\npopulation:\n  members: 1e6\n  purchase_rate: {mean: 5e-2, shape: 2}\n"
        "  basket: {median: 1_000, sigma: 1}\nhorizon: {start: 2028-02-01}\n"
    )
    scenario = load(path)
    assert scenario.name == "shop"
    assert scenario.description == "no"
    assert scenario.population.members == 1_000_000
    assert (scenario.population.purchase_rate.mean, scenario.population.basket.median) == (0.05, 1000)
    assert scenario.horizon.start == dt.date(2028, 2, 1)


def test_a_folded_text_is_one_line(tmp_path):
    folded = "description: >-\n  a long\n  description\n  in three lines\nextends: no-programme\n"
    (tmp_path / "s.yaml").write_text(folded)
    assert load(tmp_path / "s.yaml").description == "a long description in three lines"


def test_an_extending_file_changes_what_it_names_and_nothing_else(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: p4\n"
        "programme:\n"
        "  catalogue_refresh_months: null\n"
        "  tiers:\n"
        "    gold: {price: 0.9}\n"
        "  incentives:\n"
        "    member day: {during: {earning: 3}}\n"
        "    shared poster: null\n"
        "    hello:\n"
        "      when: {event: sign_up}\n"
        "      give: {points: 5}\n"
    )
    mine, p4 = load(path), load("p4")
    expected = p4.model_dump()
    expected["name"], expected["description"] = "mine", ""
    programme = expected["programme"]
    programme["catalogue_refresh_months"] = programme["catalogue_refresh_cost"] = 0  # which costs nothing where it never comes
    programme["tiers"][1]["price"] = 0.9
    rows = {row["name"]: row for row in programme["incentives"]}
    rows["member day"]["during"]["earning"] = 3
    del rows["shared poster"]
    found = mine.model_dump()
    hello = found["programme"]["incentives"].pop()
    assert (hello["name"], hello["give"]["points"]) == ("hello", 5)
    assert found == expected | {"programme": programme | {"incentives": list(rows.values())}}


@pytest.mark.parametrize("name", ['""', "' '", f"{'x' * 41}", '"two\\nlines"'])
def test_a_name_that_no_drawing_has_room_for_is_refused(tmp_path, name):
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: p4\nname: {name}\n")
    (found,) = problems(path)
    assert "mine.yaml, line 2: name: found" in found and "allowed is text of 1 to 40 letters on one line" in found
    long = tmp_path / f"{'y' * 41}.yaml"
    long.write_text("extends: p4\n")
    assert "line 1: name: found" in problems(long)[0]
    long.write_text("extends: p4\nname: short\n")
    assert load(long).name == "short"


def test_a_row_that_does_not_go_with_one_below_is_told_with_both_lines(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: p4\nprogramme:\n  name: mine\n  tiers:\n    gold:\n      requires: {spend: 80000}\n")
    (found,) = problems(path)
    assert re.search(r"library/p4\.yaml, line \d+: programme\.tiers: diamond requires less spend than gold", found)
    assert found.endswith("mine.yaml, line 6)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "extends: p4\nprogramme:\n  incentives:\n    a: {when: {event: sign_up}, give: {points: many}}\n",
            "give.points: found 'many'",
        ),
        ("extends: p4\nhorizon: {start: '2028-01-01'}\n", "a date such as 2027-01-31; write it without quotes"),
        ("extends: p5\nprogramme: {incentives: {activation: null}}\n", "extends: found 'p5'"),
        ("extends: p4\npopulation: none.yaml\n", "population: found 'none.yaml'"),
        ("a: " + "[" * 3000 + "]" * 3000, "found values nested too deep, allowed are a few levels"),
    ],
)
def test_what_only_follows_from_a_mistake_is_not_told(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    (found,) = problems(path)
    assert words in found


def test_a_change_that_breaks_the_file_below_is_told_with_both_files(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: p4\nprogramme:\n  expiry: null\n")
    (found,) = problems(path)
    assert re.search(r"library/p4\.yaml, line \d+: programme\.incentives: points about to lapse waits", found)
    assert found.endswith("mine.yaml)")


def test_a_list_replaces_the_list_below(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: cash-back\nprogramme:\n  rewards:\n    - {name: mug, points: 300, value: 5}\n")
    assert [r.name for r in load(path).programme.rewards] == ["mug"]


def test_a_part_in_a_file_of_its_own_replaces_the_whole_part(tmp_path):
    (tmp_path / "members").mkdir()
    part = "purchase_rate: {mean: 0.1, shape: 3}\nbasket: {median: 20, sigma: 0.5}\nsource: measured\n"
    (tmp_path / "members" / "population.yaml").write_text(part)
    (tmp_path / "a.yaml").write_text("extends: p4\npopulation: members/population.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\npopulation: {members: 500}\n")
    a, b = load(tmp_path / "a.yaml"), load(tmp_path / "b.yaml")
    assert (a.population.leaving.probability, a.population.source) == (0.0, "measured")
    assert b.population == a.population.model_copy(update={"members": 500})
    assert a.programme == load("p4").programme


def test_a_library_name_is_not_hidden_by_a_folder_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "p4").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("p4").name == "p4"


ROUND_TRIP = """
extends: p4
name: "no: 1e6"
description: |
  two lines,
  the second with an é
population:
  season: [1.5, {ones}]
  segments: [{{name: a, share: 0.3, rate: 1.0e-3}}, {{name: "on", share: 0.7}}]
  posterior: {{parameters: [purchase_rate.mean], covariance: [[0.01]]}}
programme:
  incentives:
    member day: {{valid_from: 2027-03-01, valid_until: 2027-12-31, during: {{earning: 2.5}}, only: {{segments: ["on"]}}}}
behaviour:
  effects:
    price_response: {{rate: 1.5, basket: {{mean: 0.3, sd: 1e-5}}}}
    awareness: {{on: false}}
"""


@pytest.mark.parametrize("name", [*library(), "round trip"])
def test_a_resolved_scenario_loads_back_to_itself(name, tmp_path):
    if name == "round trip":
        source = tmp_path / "source.yaml"
        source.write_text(ROUND_TRIP.format(ones=", ".join(["1"] * 52)), encoding="utf-8")
        scenario = load(source)
    else:
        scenario = load(name)
    text = resolved_yaml(scenario)
    assert text.startswith("# Scenario resolved by loyalsim ")
    path = tmp_path / "resolved.yaml"
    path.write_text(text, encoding="utf-8")
    again = load(path)
    assert again.model_dump() == scenario.model_dump()
    assert [i.when.model_fields_set for i in again.programme.incentives] == [
        i.when.model_fields_set for i in scenario.programme.incentives
    ]
    assert resolved_yaml(again) == text


def test_the_priors_in_force_are_told_where_a_scenario_leaves_them_open():
    assert re.search(r"on: true +# prior: strength 0\.25 \+/- 0\.06", resolved_yaml(load("p4")))
    assert "# prior" not in resolved_yaml(load("loy-365"))


def written(path):
    """A file as an editor sees it: dates are text in JSON."""

    def as_json(value):
        if isinstance(value, dict):
            return {k: as_json(v) for k, v in value.items()}
        if isinstance(value, list):
            return [as_json(v) for v in value]
        return value.isoformat() if isinstance(value, dt.date) else value

    return as_json(plain(read(path, path.name, [])))


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "scenarios" / "library").glob("*.yaml")))
def test_the_schema_takes_the_library_as_written(path, validator):
    assert [e.message for e in validator.iter_errors(written(path))] == []


@pytest.mark.parametrize(
    "name",
    ["mistyped-part.yaml", "mistyped-key.yaml", "mistyped-effect.yaml", "mistyped-word.yaml", "out-of-range.yaml",
     "text-for-number.yaml", "missing-part.yaml", "number-for-mapping.yaml", "wrong-below.yaml"],
)  # fmt: skip
def test_the_schema_marks_mistakes(name, validator):
    assert not validator.is_valid(written(BROKEN / name))


def test_the_schema_holds_the_names_of_an_own_effect_to_be_words(validator):
    effect = {"name": "mine", "says": "a", "source": "b", "log_rate": "k", "parameters": {"k": {"mean": 1}}}
    for parameter, fits in (("k", True), ("K", False)):
        parameters = {"parameters": {parameter: {"mean": 1}}}
        for rows in ([{**effect, **parameters}], {"mine": parameters}):
            assert validator.is_valid({"extends": "p4", "behaviour": {"own_effects": rows}}) == fits


def test_the_schema_explains_every_key():
    schema = json_schema()
    assert "share of the list price" in schema["$defs"]["Tier"]["properties"]["price"]["description"]
    assert set(schema["properties"]) >= {"extends", "population", "programme", "name"}


def test_a_scenario_folder_can_be_moved(tmp_path, monkeypatch):
    shutil.copy(BROKEN / "part-file-wrong.yaml", tmp_path / "x.yaml")
    (tmp_path / "population.yaml").write_text("purchase_rate: {mean: 0.1, shape: 3}\nbasket: {median: 20, sigma: 0.5}\n")
    monkeypatch.chdir("/")
    assert load(str(tmp_path / "x.yaml")).population.basket.median == 20


@pytest.mark.parametrize("event", get_args(When.model_fields["event"].annotation))
def test_the_document_tells_of_each_trigger_with_its_keys(event):
    document = (Path(__file__).parents[1] / "docs" / "scenario-files.md").read_text(encoding="utf-8")
    keys = re.findall(rf"^\| `{event}` \| .+ \| (.*)\|$", document[document.index("## Incentives") :], flags=re.MULTILINE)[0]
    sample = {"reach": 5, "days_of_month": [3], "days": 9, "tier": "gold", "per_month": 1}
    needed = {"event": event, **{key: value for key, value in sample.items() if f"`{key}`" in keys}}
    assert set(re.findall(r"`(\w+)`", keys)) | {"event"} == When.model_validate(needed).keys


def test_the_examples_of_the_document_load(tmp_path):
    document = (Path(__file__).parents[1] / "docs" / "scenario-files.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n# (\S+)\n(.*?)```", document, flags=re.DOTALL)
    for name, text in examples:
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {name: load(tmp_path / name) for name, _ in examples}
    assert [r.points for r in found["bigger-cup.yaml"].programme.rewards] == [700]
    assert [r.name for r in found["no-cup.yaml"].programme.rewards] == ["a croissant"]
    assert [i.name for i in found["no-cup.yaml"].programme.incentives] == ["welcome"]
    club = found["club.yaml"]
    assert club.market.refunds.share == 0.04 and club.programme.fee.amount == 15 and club.programme.earning.points_per_unit == 10
    assert club.programme.rewards[0].partner.recovered == 0.5 and club.programme.rewards[0].points == 600
    effects = found["payday.yaml"].behaviour
    assert list(effects.acting()) == ["payday", "within_reach"] and effects.values()["payday.fading"] == 5
    offers = found["offers.yaml"].programme.incentives
    assert [(i.name, i.limit, i.budget) for i in offers][::2] == [("sprint", 2, None), ("come back", None, 2000)]
    for key in [*json_schema()["properties"], *MOVED]:
        assert f"| `{key}` |" in document
    for word, meant in READS.items():
        assert f"| `{word}` | {meant.unit} | {meant.says} |" in document
