"""The strategist's report: its numbers are those of summary.json, every one is defined, and it stands on its own."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from markupsafe import escape
from scenes import RICH
from scenes import scenario as made_of

from reports.comparison import comparison_files, comparison_page, dominates, owed
from reports.comparison_assumptions import economics, members
from reports.comparison_gains import STEPS
from reports.comparison_tables import AGAINST_NONE, FIRST, odds_rows
from scenarios.answer import DECIDES
from scenarios.comparison import Comparison, compare
from scenarios.drivers import Driver
from scenarios.figure import Figure, cell
from scenarios.files import load, load_many
from scenarios.numerals import MINUS
from scenarios.output import write_whole
from sim.measures import AT_PURCHASES, describe
from sim.months import MONTHLY
from sim.unmet import UNMET

NAMES = ["no-programme", "p4", "cash-back"]
Files = dict[str, str | bytes]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_many(NAMES), members=300, replications=3, threads=1)


@pytest.fixture(scope="module")
def files(comparison: Comparison) -> Files:
    return comparison_files(comparison)


@pytest.fixture(scope="module")
def page(files: Files) -> str:
    return str(files["report.html"])


@pytest.fixture(scope="module")
def summary(files: Files) -> dict[str, dict[str, dict[str, dict[str, dict[str, float]]]]]:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(files["summary.json"], parse_constant=refuse)


def test_page_stands_on_its_own(page: str) -> None:
    rest = re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert not re.search(r"https?://", rest)
    assert "<script" not in page and "<link rel=\"stylesheet" not in page and "@import" not in page
    assert not re.search(r"\b(nan|None|inf)\b", re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.DOTALL))


def test_each_link_leads_to_a_place_on_the_page_and_no_place_is_named_twice(page: str) -> None:
    places = re.findall(r'\bid="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(places)


def test_every_measure_is_printed_with_its_definition(page: str, comparison: Comparison) -> None:
    one_tier = [s.name for s in comparison.scenarios if len(s.programme.tiers) < 2]
    for design, figures in comparison.measures.items():
        for name in figures:
            if design in one_tier and name.startswith(("tier_share.", "migration.")):
                continue
            row = page[page.index(f'id="m-{name}"') :].split("</tbody>")[0]
            title, _, definition = describe(name)
            assert title in row
            assert str(escape(definition)) in row
    for m in MONTHLY:
        row = page[page.index(f">{m.name}</code>") :].split("</tr>")[0]
        assert str(escape(m.definition)) in row


def test_numbers_on_the_page_are_those_of_the_summary(page: str, summary: dict) -> None:
    checked = 0
    for name in FIRST:
        row = page[page.index(f'id="m-{name}"') :].split("</tr>")[0]
        cells = re.findall(r'<td class="num">(.*?)</td>', row)
        assert len(cells) == len(NAMES)
        for design, text in zip(NAMES, cells, strict=True):
            found = summary["scenarios"][design]["measures"][name]
            scale = 100.0 if found["unit"] in ("share", "ratio") else 1.0
            numbers = numbers_of(text)
            if found["value"] is None:
                assert text == "–"
                continue
            wanted = [found["value"]]
            if found["low"] is not None and (len(numbers) > 1 or found["high"] - found["low"] > 0.5 * numbers[0][1] / scale):
                wanted += [found["low"], found["high"]]
            assert len(numbers) == len(wanted)
            for (shown, step), exact in zip(numbers, wanted, strict=True):
                assert abs(shown - scale * exact) <= 0.5001 * step
                checked += 1
    assert checked > 60


def test_member_prices_stand_beside_what_they_would_have_to_bring(page: str, comparison: Comparison) -> None:
    """At 40 % margin 5, 12 and 20 % off ask for 14, 43 and 100 % more; what is bought more is the summary's."""
    table = page[page.index("What member prices would have to bring") :].split("</table>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tbody>")[1].split("</tr>") if "<td" in row]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("silver", "5.0\u00a0%", "+14\u00a0%"), ("gold", "12.0\u00a0%", "+43\u00a0%"), ("diamond", "20.0\u00a0%", "+100\u00a0%")
    ]  # fmt: skip
    runs = comparison.runs[comparison.runs["scenario"] == "p4"]
    for row, needed in zip(rows, (1 / 7, 3 / 7, 1.0), strict=True):
        values = runs[runs["measure"] == f"tier_rise.{row[0]}"]["value"]
        assert row[4] == f"{(values >= needed).sum()} of 3"
        shown, step = numbers_of(row[3])[0]
        assert abs(shown - 100 * values.mean()) <= 0.5001 * step


def numbers_of(html: str) -> list[tuple[float, float]]:
    """Numbers of a cell, each with the value of its last printed digit (a whole number may stand for tens or hundreds)."""
    found = []
    text = re.sub(r"<[^>]+>", " ", html).replace(MINUS, "-").replace(",", "")
    for match in re.findall(r"-?\d+(?:\.\d+)?", text):
        decimals = len(match.partition(".")[2])
        zeros = len(match) - len(match.rstrip("0")) if not decimals and match.strip("-0") else 0
        found.append((float(match), 10.0 ** (zeros - decimals)))
    return found


def test_differences_against_the_baseline_are_paired(summary: dict) -> None:
    for design in NAMES[1:]:
        paired = summary["differences"][design]["purchases_per_member"]
        both = [summary["scenarios"][n]["measures"]["purchases_per_member"] for n in (design, NAMES[0])]
        assert paired["value"] == pytest.approx(both[0]["value"] - both[1]["value"])
        assert paired["luck_sd"] < both[1]["luck_sd"]


def test_parquet_holds_every_replication_and_month(files: Files, comparison: Comparison) -> None:
    table = pq.read_table(io.BytesIO(bytes(files["measures.parquet"])))  # type: ignore[arg-type]
    assert table.column_names == ["scenario", "replication", "month", "group", "measure", "value"]
    frame = table.to_pandas()
    assert set(frame["scenario"]) == set(NAMES)
    assert set(frame["replication"]) == {0, 1, 2}
    assert len(frame) == len(comparison.runs) + len(comparison.months)
    for (scenario, replication), rows in frame.groupby(["scenario", "replication"]):
        whole = rows[rows["month"].isna()].set_index("measure")["value"]
        by_month = rows[(rows["group"] == "all") & rows["month"].notna()]
        assert sorted(by_month["month"].unique()) == list(range(24))
        total = by_month.groupby("measure")["value"].sum()
        assert total["total.benefit_cost"] / total["joined"] == pytest.approx(whole["benefit_cost"]), (scenario, replication)
        assert total["total.purchases"] / total["joined"] == pytest.approx(whole["purchases_per_member"])


def test_result_is_written_whole_and_scenario_files_load_back(files: Files, comparison: Comparison, tmp_path: Path) -> None:
    out = tmp_path / "result"
    write_whole(out, files)
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == set(files)
    for scenario in comparison.scenarios:
        path = out / "scenarios" / f"{scenario.name}.yaml"
        assert load(path) == scenario
        head = path.read_text(encoding="utf-8")
        assert comparison.provenance["scenario_digests"][scenario.name] in head
        assert "seed 0" in head and f"loyalsim {comparison.provenance['version']}" in head


def test_names_of_scenarios_neither_leave_the_folder_nor_collide_nor_become_markup(comparison: Comparison) -> None:
    names = {"p4": "../<b>a", "cash-back": "..//<b>a"}
    scenarios = [s.model_copy(update={"name": names.get(s.name, s.name)}) for s in comparison.scenarios]
    found = compare(scenarios, members=50, replications=1, threads=1)
    made = comparison_files(found)
    assert sorted(n for n in made if n.endswith(".yaml")) == [
        "scenarios/b-a-2.yaml", "scenarios/b-a.yaml", "scenarios/no-programme.yaml",
    ]  # fmt: skip
    assert "<b>" not in str(made["report.html"])


def test_same_comparison_gives_the_same_bytes(comparison: Comparison, files: Files) -> None:
    again = compare(load_many(NAMES), members=300, replications=3, threads=2)
    assert comparison_files(again) == files


def test_one_design_with_one_replication_has_no_interval_and_says_so() -> None:
    alone = compare([load("p4")], members=100, replications=1, threads=1)
    page = comparison_page(alone)
    assert "no figure here has an interval" in page
    assert "Differences against" not in page
    tables = re.findall(r'<td class="num">(.*?)</td>', page[: page.index("Where the gain comes from")])
    assert tables and not any(" to " in text for text in tables)
    assert "without a programme" in page


def test_no_programme_alone_has_nothing_to_gain() -> None:
    page = comparison_page(compare([load("no-programme")], members=100, replications=2, threads=1))
    assert "nothing to gain" in page
    assert "What drives the answer" not in page and "Where the gain comes from" not in page


def test_a_design_that_moves_nobody_and_costs_nothing_has_no_figures_of_gain_or_cost() -> None:
    page = comparison_page(compare([load("loy-365")], members=100, replications=2, threads=1))
    assert "Nothing is gained, and nothing spent" in page
    assert "What it costs" not in page and "What drives the answer" not in page and "What is owed" not in page
    assert "Who is in which tier" in page


def test_steps_of_the_waterfall_lead_to_the_net_margin_gained(comparison: Comparison) -> None:
    for figures in comparison.measures.values():
        steps = sum(sign * figures[m].value for m, _, sign in STEPS)
        assert steps == pytest.approx(figures[DECIDES].value, abs=1e-6)


def test_cost_at_purchases_is_part_of_the_benefit_cost(comparison: Comparison) -> None:
    for figures in comparison.measures.values():
        assert sum(figures[f"cost.{line}"].value for line in AT_PURCHASES) <= figures["benefit_cost"].value + 1e-9


def test_points_owed_are_counted_at_what_a_redeemed_point_costs(comparison: Comparison) -> None:
    found = owed(comparison, "cash-back")
    assert found["a_point"] == "0.020 CNY"  # a voucher of 10 for 500 points
    m = comparison.measures["cash-back"]
    (left, step), = numbers_of(found["left"])
    all_redeemed = 0.02 * m["points_outstanding"].value
    assert 0 < m["provision"].value < all_redeemed
    assert left == pytest.approx(m[DECIDES].value + m["provision"].value - all_redeemed, abs=0.51 * step)


def test_chances_count_every_replication_once(comparison: Comparison) -> None:
    found = odds_rows(comparison, NAMES[1:])
    assert sum(row["best"] for row in found["rows"]) == pytest.approx(1.0)
    gains = comparison.runs[comparison.runs["measure"] == DECIDES]
    best = gains[gains["scenario"] != NAMES[0]].groupby("replication")["value"].max()
    assert found["none_share"] == pytest.approx(float((best <= 0).mean()))


def test_assumptions_carry_their_source_and_priors_are_marked(page: str) -> None:
    for source in ("Kivetz, Urminsky, Zheng 2006", "Gopalakrishnan et al. 2021", "Taylor, Neslin 2005"):
        assert source in page
    assert page.count("<em>prior</em>") > 20
    assert "saturate" in page and "loyalsim experiment plan" in page
    assert load("p4").population.source in page


def test_what_rewards_without_a_value_count_as_is_told(comparison: Comparison) -> None:
    """Of P4: 2,500 points buy 60, so 200 are worth 4.80 and 1,500 36; nothing where worth does not matter."""
    p4 = comparison.scenarios[NAMES.index("p4")]
    off = {"reward_worth": p4.behaviour.effects.reward_worth.model_copy(update={"on": False})}
    still = p4.model_copy(update={"behaviour": p4.behaviour.model_copy(
        update={"effects": p4.behaviour.effects.model_copy(update=off)})})  # fmt: skip
    bare = load("loy-365").model_copy(update={"behaviour": p4.behaviour})
    found = economics(replace(comparison, scenarios=[p4, load("cash-back"), bare, still]))
    (row,) = (row["cells"] for row in found if row["title"].startswith("Rewards without a value"))
    assert row == ["half a year longer validity 4.80\u00a0CNY and next tier 36.00\u00a0CNY", "–", "a basket", "–"]


def test_the_page_says_which_published_facts_the_model_lacks(page: str) -> None:
    for unmet in UNMET:
        assert all(str(escape(text)) in page for text in (unmet.fact, unmet.source, unmet.here))


@pytest.mark.parametrize(("rate", "share"), [(0.0002, "7.0"), (0.004, "76.8"), (100.0, "100.0")])
def test_who_comes_back_is_a_share_whatever_the_rate(comparison: Comparison, rate: float, share: str) -> None:
    """1 - exp(-365 x rate): of 100 a day a power of the rate was a traceback, of 3 a day more than everybody."""
    back = made_of(population__leaving={"probability": 0.1, "return_rate": rate})
    told = dict(members(replace(comparison, scenarios=[back])))["Coming back unasked"]
    assert told.startswith(f"{share}\u00a0% of those who left")


def test_every_number_of_the_members_is_told(comparison: Comparison) -> None:
    """Segments, history, how members join and how baskets go with rates move every figure."""
    told = dict(members(replace(comparison, scenarios=[made_of(RICH)])))
    assert "correlated with purchase rates over members, \u22120.20" in told["Basket"]
    assert "town 40.0\u00a0% (purchase rate x 1.40, basket x 1.00)" in told["Segments"]
    assert "for 0 to 200 days" in told["Before the start"] and told["Joining"].endswith("with a purchase")
    plain = dict(members(replace(comparison, scenarios=[made_of()])))
    assert plain["Segments"].startswith("none") and "became customers on that day" in plain["Before the start"]


def test_every_design_has_its_own_colour_on_the_page(page: str) -> None:
    for name in NAMES:
        assert len(set(re.findall(rf'color:(#\w+)">■</span> {name}<', page))) == 1
    assert len(set(re.findall(r'color:(#\w+)">■', page))) == len(NAMES)


@pytest.mark.parametrize(
    ("figure", "value", "interval"),
    [
        (Figure(11.3879, 3.7535, 19.0222, "money/member", 1.0, 1.0), "11.4", "3.8 to 19.0"),
        (Figure(-140.883, -204.41, -77.36, "money/member", 1.0, 1.0), f"{MINUS}141", f"{MINUS}204 to {MINUS}77"),
        (Figure(2413.3, 1935.6, 2890.9, "points/member", 1.0, 1.0), "2,410", "1,940 to 2,890"),
        (Figure(0.58454, 0.5653, 0.6036, "share", 0.01, 0.0), "58.5\u00a0%", "56.5 to 60.4\u00a0%"),
        (Figure(23.25701, 23.198, 23.316, "money/member", 0.0, 0.0), "23.3", "23.2 to 23.3"),
        (Figure(23.2162, 23.2162, 23.2162, "money/member", 0.0, 0.0), "23.2", ""),
        (Figure(float("nan"), None, None, "ratio", None, None), "–", ""),
    ],
)  # fmt: skip
def test_no_more_digits_than_the_interval_supports(figure: Figure, value: str, interval: str) -> None:
    shown = cell(figure)
    assert (shown.value, shown.interval) == (value, interval)


def test_differences_have_their_sign_and_shares_percentage_points() -> None:
    shown = cell(Figure(0.0077, 0.0029, 0.0125, "share", 0.001, 0.001), difference=True)
    assert (shown.value, shown.interval, shown.sure) == ("+0.77\u00a0pp", "0.29 to 1.25\u00a0pp", True)
    assert not cell(Figure(0.055, -0.011, 0.12, "share", 0.01, 0.01), difference=True).sure


def test_what_dominates_the_uncertainty_is_told(comparison: Comparison) -> None:
    told = dominates(comparison, "p4")
    figure = comparison.measures["p4"][DECIDES]
    assert figure.luck_sd is not None and figure.parameter_sd is not None
    share = figure.parameter_sd**2 / (figure.parameter_sd**2 + figure.luck_sd**2)
    assert ("experiment" in told) == (share >= 0.6)
    assert math.isfinite(share)


def test_a_measure_against_the_baseline_is_not_printed_twice(page: str) -> None:
    part = page[page.index("Differences against") : page.index("Where the gain comes from")]
    assert not any(f">{describe(name)[0]}<" in part for name in (*AGAINST_NONE, "margin_per_member"))


def test_one_figure_reads_the_same_wherever_it_stands(page: str, comparison: Comparison) -> None:
    """The gain and the cost of the leader: in the answer, the tables, the drawings and what is owed."""
    leader = str(comparison.leader)
    gain, cost = cell(comparison.measures[leader][DECIDES], gain=True), cell(comparison.costs[leader])
    assert f" {gain.value} EUR a member (90\u00a0% interval {gain.interval})".replace("EUR", "CNY") in comparison.answer
    assert f"after a cost of {cost.value}" in comparison.answer
    assert comparison.answer in page
    first = page[page.index("Net margin gained") :].split("</tr>")[0]
    assert f">{gain.value}<" in first and f">{gain.interval}<" in first.replace("\u00a0to", " to")
    everything = page[page.index("<strong>Everything</strong>") :].split("</tr>")[0]
    assert f">{cost.value} <" in everything and f">{cost.interval}<" in everything.replace("\u00a0to", " to")
    drawn = page[page.index("Where the gain comes from, ") :].split('"')[0]
    for name, figures in comparison.measures.items():
        if name in comparison.best_share:
            said = drawn[drawn.index(f"{name}: ") :]
            assert f"benefit cost {MINUS}{cell(figures['benefit_cost']).value}," in said
            assert f"frequency {cell(figures['gain_from_frequency'], gain=True).value}," in said
    assert owed(comparison, leader)["gain"] == gain.value
    kept = page[page.index("Survival of the members") :].split('"')[0]
    for name, figures in comparison.measures.items():
        wanted = cell(figures["retention"]).value
        assert f"{name if name in comparison.best_share else 'without a programme'} {wanted}" in kept


def test_with_another_baseline_only_what_it_has_is_compared_and_net_margin_with_it(comparison: Comparison) -> None:
    found = compare(load_many(["p4", "cash-back"]), baseline="p4", members=100, replications=2, threads=1)
    page = comparison_page(found)
    part = page[page.index("Differences against p4") : page.index("Where the gain comes from")]
    assert ">Net margin<" in part and ">Benefit cost<" in part
    part = comparison_page(comparison)
    part = part[part.index("Differences against no-programme") : part.index("Where the gain comes from")]
    assert ">Benefit cost<" not in part and ">Purchases<" in part


def test_numbers_that_the_calibration_ties_together_are_said_to_move_together(page: str) -> None:
    """One at a time is not what happens to them: leaving's two numbers move as one, and their bars are alike."""
    design = load("cash-back")
    tied = {"parameters": ["leaving.a", "leaving.b"], "covariance": [[0.04, 0.038], [0.038, 0.04]]}
    leaving = {"probability": None, "a": 1.0, "b": 20.0}
    population = type(design.population).model_validate(
        {**design.population.model_dump(), "leaving": leaving, "posterior": tied, "source": "a fit"}
    )
    fitted = compare([design.model_copy(update={"population": population})], members=50, replications=1)
    said = "ties together move together"
    assert said in comparison_page(fitted) and said not in page


def test_luck_and_parameters_are_told_apart_from_the_folder_alone(files: Files, summary: dict) -> None:
    """As README says it, by design and by difference: the pairs of two tables, and nothing else."""
    tables = [pd.read_parquet(io.BytesIO(bytes(files[f"{n}.parquet"]))) for n in ("measures", "reruns")]  # type: ignore[arg-type]
    assert list(tables[0]) == list(tables[1])
    whole_runs = [table[table["month"].isna()] for table in tables]
    runs, again = (t.pivot(index="replication", columns=["scenario", "measure"], values="value") for t in whole_runs)
    assert list(runs) == list(again) and 1 < len(again) <= len(runs)

    def check(found: dict[str, Any], whole: pd.Series, lucky: pd.Series) -> bool:
        if found["luck_sd"] is None or whole.isna().any() or lucky.isna().any():
            return False
        apart, luck = (whole - lucky).var(), lucky.var()
        share = apart / (apart + luck) if apart + luck > 0 else 0.0
        assert found["parameter_sd"] == pytest.approx((share * whole.var()) ** 0.5, abs=1e-12)
        assert found["luck_sd"] == pytest.approx(((1 - share) * whole.var()) ** 0.5, abs=1e-12)
        return found["parameter_sd"] > 0

    seen = 0
    for design in NAMES:
        for measure, found in summary["scenarios"][design]["measures"].items():
            seen += check(found, runs[design, measure], again[design, measure])
        for measure, found in summary["differences"].get(design, {}).items():
            both = [table[design, measure] - table[NAMES[0], measure] for table in (runs, again)]
            seen += check(found, *both)
    assert seen > 60


def test_members_who_leave_at_once_are_counted_as_gone_and_the_page_stands() -> None:
    """Everybody leaves with the first purchase, those at the start before it, those who join soon after. Cohorts of which
    nobody is left were left out of the mean, which told only of those who stayed."""
    population = {
        "members": 40, "purchase_rate": {"mean": 1.0, "shape": 5.0}, "leaving": {"probability": 1.0},
        "basket": {"median": 20.0, "sigma": 0.5}, "new_members_per_month": 0.1, "history_days": [400.0, 500.0],
    }  # fmt: skip
    plain = made_of({"name": "none", "population": population, "horizon": {"months": 4}})
    design = made_of({**plain.model_dump(exclude_unset=True), "name": "points", "programme": {"earning": {}}})
    found = compare([plain, design], members=40, replications=2)
    rows = found.months[found.months["measure"] == "survival"]
    assert sorted(rows["group"].unique()) == ["cohort:1", "cohort:2", "cohort:3", "cohort:4"]
    assert rows.groupby("group").size().to_dict() == {f"cohort:{k}": 4 * (5 - k) for k in range(1, 5)}
    assert (rows["value"] == 0).mean() > 0.5
    page = comparison_page(found)
    assert "Nobody who was a customer before is active at the start." in page and not re.search(r"\bnan\b", page.lower())


def test_the_page_says_which_number_decides_and_where(comparison: Comparison) -> None:
    """Above or below its break-even, between two of them, or that none decides."""
    around = (("rises", (-1.0, 1.0, 3.0)), ("falls", (3.0, 1.0, -1.0)), ("peaks", (-1.0, 1.0, -2.0)), ("still", (1.0, 1.5, 2.0)))
    turning = [Driver(f"effect.{name}", "", 0.2, 0.3, 0.5, *gains, source="") for name, gains in around]
    leader = max(comparison.best_share, key=lambda name: comparison.best_share[name])
    only = f"With all other numbers at their mean, {leader} gains only with"
    page = comparison_page(replace(comparison, drivers=turning))
    assert f"{only} effect: rises above 0.25, effect: falls below 0.40 or effect: peaks between 0.25 and 0.37." in page
    assert '<th class="num">Break-even</th>' in page
    page = comparison_page(replace(comparison, drivers=turning[-1:]))
    assert f"decides whether {leader} gains." in page and only not in page and "Break-even" not in page
