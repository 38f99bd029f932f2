"""Changed terms and a closed programme: paired to the last cent, and on page, workbook and command line alike."""

import datetime as dt
import io
import json
from dataclasses import replace

import numpy as np
import openpyxl
import pytest
from scenes import only, scenario
from test_forecast_report import loyalsim
from test_workbook import SOFFICE, formulas, opened, recomputed

from reports.books import as_third_party, opening_of, statement_of
from reports.forecast import forecast_page, summary
from reports.what_if import CHANGE_TITLES, RUSH, RunOff, Variant, run_off_answer, run_off_rows, variant_rows
from reports.workbook import workbook
from scenarios.files import load
from scenarios.finance.changed_terms import changed_terms
from scenarios.finance.closing import closed, paired, paired_whole, run_off_months, spread_by_cause, what_goes_on
from scenarios.finance.forecast import At, forecast, placed
from scenarios.finance.forecast_document import LINES, POINT_FLOWS, POINT_LINES, SPREAD
from sim.behaviour import Behaviour
from sim.errors import InputError
from sim.outcome import simulate

TERMS = {
    "name": "points",
    "earning": {"points_per_unit": 1.0, "pending_days": 14},
    "tiers": [{"name": "member"}, {"name": "gold", "requires": {"spend": 300.0}, "price": 0.95}],
    "rewards": [{"name": "mug", "points": 150, "value": 4.0, "cost": 2.5}],
    "expiry": {"rule": "rolling", "months": 6},
}
SHOP = scenario(
    {
        "name": "shop",
        "population": {
            "members": 400, "purchase_rate": {"mean": 0.06, "shape": 1.5}, "leaving": {"probability": 0.03},
            "basket": {"median": 40.0, "sigma": 0.5}, "new_members_per_month": 0.03,
        },
        "programme": TERMS,
        "behaviour": {"redeeming": {"probability": 0.5}, "all_effects": False},
        "economics": {"cost_per_point": 0.01, "running_cost_per_month": 100.0, "set_up_cost": 900.0},
    }
)  # fmt: skip


def with_terms(**parts):
    programme = SHOP.programme.model_copy(
        update={name: getattr(SHOP.programme, name).model_copy(update=new) for name, new in parts.items()}
    )
    return SHOP.model_copy(update={"name": f"shop: {sorted(parts)}", "programme": programme})


@pytest.fixture(scope="module")
def state():
    year = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    return simulate(year, seed=11, keep_state=True, cohorts=True).state


@pytest.fixture(scope="module")
def base(state):
    return told(SHOP, state)


def told(design, state, base=None, months=10, beyond=14):
    found = forecast(design, snapshot=state, months=months, replications=5, seed=8, beyond=beyond)
    return statement_of(found, design, opening=None if base is None else opening_of(base))


def variant(state, base, **parts):
    return Variant("a change", base, told(with_terms(**parts), state, base))


def as_agent(statement):
    return as_third_party(statement, "0.02", "agent")


def test_a_principal_defers_as_for_its_own_points_and_owes_for_those_redeemed(base):
    shown = as_third_party(base, "0.02", "principal")
    made = workbook([shown])
    book = opened(made)
    names = [row[0].value for row in book["Checks"]["A7:A99"]]
    assert book["Checks"]["B4"].value is True and {"Third party", "Third party: due", "Third party: deferred"} <= set(names)
    last = [cell.value for cell in book["Third party"][4 + len(base.forecast.months)]]
    assert last[5] == pytest.approx(base.closing()[-1]) and last[3] + last[5] == pytest.approx(last[2])
    redeemed = base.roll.points.redeemed.sum()
    assert last[1] == redeemed and last[7] == last[4] == pytest.approx(0.02 * redeemed, abs=0.005)
    told, own = summary(shown), summary(base)
    assert told["deferred_revenue"] == own["deferred_revenue"] and told["due_to_third_party"] == last[7]
    assert own["due_to_third_party"] is None and own["due_to_third_party_band"] is None
    page = forecast_page([shown])
    assert "As points of a third party" in page and "of revenue is deferred" in page and "As principal it shows the cost" in page
    assert "As points of a third party" not in forecast_page([base]) and "is due to the third party" not in forecast_page([base])


def test_an_agent_defers_nothing_and_owes_for_every_point_issued(state, base, shut):
    """Headline, page, workbook, changes and run-off: no deferred revenue anywhere, what is due instead."""
    shown = as_agent(base)
    issued = base.forecast.cohorts.issued.sum(axis=(1, 2, 3))  # nothing is clawed back here
    np.testing.assert_allclose(shown.due[:, -1], 2 * issued)  # 2 cents a point: nothing is rounded
    told = summary(shown)
    assert told["deferred_revenue"] == 0 and set(told["deferred_revenue_band"].values()) == {0}
    assert told["due_to_third_party"] == 2 * issued[base.replication] / 100
    assert told["due_to_third_party_band"]["mean"] == pytest.approx(0.02 * issued.mean())
    assert "defers no revenue" in told["answer"] and "of revenue is deferred" not in told["answer"]
    half = variant(state, base, earning={"points_per_unit": 0.5})
    other = Variant("half", shown, as_agent(half.after))
    assert "deferred_revenue" not in other.whole and other.whole["due_to_third_party"]["p90"] < 0
    assert "due to the third party at the end −" in other.sentence
    run = RunOff(as_agent(shut.statement), ends=True)
    assert run.owed == 0 and run.deferred() is None and not run.statement.due.any()
    assert "as agent the company defers nothing for them" in run_off_answer(run)
    page = forecast_page([shown, as_agent(half.after)], [other], run)
    assert "of revenue is deferred" not in page and "Recognised on redemption" not in page and told["answer"] in page
    assert "Due to the third party at the end" in page and "were due to the third party when they were issued" in page
    book = opened(workbook([shown, as_agent(half.after)], [other], run))
    assert "Roll-forward" not in book.sheetnames and book["Checks"]["B4"].value is True
    rows = {row[0].value: row[1].value for row in book["Summary"]["A7:B20"]}
    assert rows["Due to the third party at the end"] == told["due_to_third_party"] and "Deferred revenue at the end" not in rows
    assert [row[0].value for row in book["Scenarios"]["A5:A40"]].count("Due to the third party at the end") == 1


def test_where_nothing_changes_nothing_differs(state, base):
    same = variant(state, base, expiry={"months": 6})
    assert {x for found in same.whole.values() for x in found.values() if np.isfinite(x)} == {0.0}
    assert set(same.whole) == set(CHANGE_TITLES) - {"due_to_third_party"}
    assert (same.owed.drop(columns="month").to_numpy() == 0).all()
    assert variant_rows([same]) == []


def test_months_add_up_to_the_whole_period(state, base):
    other = variant(state, base, earning={"points_per_unit": 2.0})
    one, two = base.forecast, other.after.forecast
    monthly = paired(one, two).groupby("line", sort=False)["mean"].sum()
    whole = paired_whole(one, two).set_index("line")
    assert list(whole.columns) == list(SPREAD) and list(whole.index) == [*LINES, *POINT_LINES]
    for line in [*LINES, *POINT_FLOWS]:
        assert whole.loc[line, "mean"] == pytest.approx(monthly[line], abs=1e-6), line
    assert whole.loc["points_outstanding", "mean"] == (two.outstanding - one.outstanding)[:, -1].mean()
    assert other.whole["reward_cost"]["p10"] > 0 and other.whole["deferred_revenue"]["p10"] > 0


def test_a_longer_validity_raises_what_is_owed_in_every_replication(state, base):
    longer, shorter = (variant(state, base, expiry={"months": months}) for months in (12, 3))
    for one, sign in ((longer, 1), (shorter, -1)):
        difference = sign * (one.after.liability.closing - base.liability.closing)
        assert (difference[:, -1] > 0).all()
        assert (difference[:, 3:] > 0).mean() > 0.95


def test_what_was_deferred_at_the_start_stays_as_it_was_allocated(state, base):
    other = variant(state, base, expiry={"months": 12})
    one, two = (s.roll.total()["opening"][0] for s in (base, other.after))
    assert one == two == opening_of(base).sum() > 0
    before = base.roll.points.earned < 0
    np.testing.assert_array_equal(base.roll.opening[before, 0], other.after.roll.opening[before, 0])


def test_the_books_learn_from_what_happens(base):
    """In a course of events that redeems less than the others, less stays deferred: the rest was never going to be redeemed."""
    found, longer = base.liability, base.forecast.longer
    for k, roll in enumerate(found.rolls):
        expected = found.expected[k]
        redeemed = roll.points.redeemed_so_far()
        assert (expected >= redeemed).all() and (expected <= redeemed + roll.points.outstanding()).all()
    pairs = zip(found.expected, found.rolls, strict=True)
    to_come = np.array([expected[:, -1].sum() - roll.points.redeemed_so_far()[:, -1].sum() for expected, roll in pairs])
    last = len(base.forecast.months)
    cohorts = found.rolls[0].points.earned.size
    truth = longer.cohorts.redeemed[:, :cohorts, last:].sum(axis=(1, 2, 3))
    assert to_come.mean() == pytest.approx(truth.mean(), rel=0.02)
    assert np.abs(to_come / truth - 1).max() < 0.25
    assert sum(np.abs(roll.total()["change_of_estimate"]).sum() for roll in found.rolls) > 0


@pytest.fixture(scope="module")
def shut(state, base):
    months = run_off_months(SHOP, state.start)
    assert months == 7  # six months of validity, and one in which pending points become spendable
    return RunOff(told(closed(placed(SHOP, At(state), months)), state, base, months, 0), ends=True)


def test_a_closed_programme_runs_down_to_nothing_and_its_points_tie(state, shut):
    f = shut.statement.forecast
    moved = {name: f.point_values[..., k] for k, name in enumerate(POINT_LINES)}
    assert shut.opening == state.outstanding
    gone = sum(moved[name].sum(axis=1) for name in ("points_redeemed", "points_expired", "points_clawed_back"))
    assert (gone + moved["points_outstanding"][:, -1] == shut.opening).all() and (moved["points_issued"] == 0).all()
    assert (moved["points_outstanding"][:, -1] == 0).all()
    assert (shut.statement.liability.closing[:, -1] == 0).all() and shut.owed > 0
    assert (np.diff(shut.statement.liability.closing, axis=1) <= 0).all()
    cost = f.of("benefit_cost")
    np.testing.assert_allclose(cost, moved["points_redeemed"] / 150 * 2.5)
    assert "no point is left" in run_off_answer(shut)
    assert run_off_rows(shut)[-1]["cells"][2][0] == "0"


def test_how_long_a_run_off_takes():
    def months(pending=0, start=dt.date(2027, 1, 1), **expiry):
        return run_off_months(with_terms(expiry=expiry, earning={"pending_days": pending}), start)

    assert months(rule="rolling", months=12) == 12
    assert [months(pending, rule="rolling", months=12) for pending in (1, 31, 32)] == [13, 13, 14]
    assert months(rule="fixed_date", months=12, month=3) == 15  # those of December 2026 lapse at the end of March 2028
    assert months(rule="fixed_date", months=12, month=12) == 12
    assert months(rule="fixed_date", months=12, month=3, start=dt.date(2027, 5, 1)) == 23
    assert months(rule="never") is None and months(rule="inactivity") is None


def test_no_campaign_outlives_the_closing(state):
    """Wherever the scenario itself starts: the programme closes on the day on which the forecast does."""
    offer = {"name": "two for one", "when": {"event": "purchase"}, "during": {"price": 0.5}}
    horizon = SHOP.horizon.model_copy(update={"start": state.start.replace(year=state.start.year + 2)})
    programme = type(SHOP.programme).model_validate({**TERMS, "incentives": [offer]})
    late = SHOP.model_copy(update={"programme": programme, "horizon": horizon})
    for design, some in ((late, True), (closed(placed(late, At(state), 6)), False)):
        found = forecast(design, snapshot=state, months=4, replications=2)
        assert found.of("incentive_discount").any() == some


def test_what_rests_on_the_programme_ends_with_it():
    """Where nothing but tiers, rewards to come and deadlines draws members, they then buy as without a programme."""
    drawn = only(tier_status={"strength": 0.3}, goal_gradient={"strength": 0.8}, points_pressure={"strength": 0.8})
    rows = [
        {"name": "crowd", "says": "a test", "source": "a test", "log_rate": "0.2 + 0.2 * tier", "log_leaving": "-1"},
        {"name": "held", "says": "a test", "source": "a test", "log_rate": "0.3 * (balance > 100)", "after_closing": True},
    ]

    def made(*own):
        behaviour = Behaviour.model_validate({**drawn, "own_effects": list(own)})
        terms = {**TERMS, "qualification": {"window": "calendar", "downgrade": "full", "review_every_months": 2}}
        terms["rewards"] = [*TERMS["rewards"], {"name": "gold at once", "points": 200, "kind": "tier_upgrade"}]
        programme = type(SHOP.programme).model_validate(terms)
        whole = SHOP.model_copy(update={"behaviour": behaviour, "programme": programme})
        year = whole.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
        return whole, simulate(year, keep_state=True).state

    for own, some in ((rows[:1], False), (rows, True)):
        design, start = made(*own)
        off = simulate(closed(placed(design, At(start), 6)), opening=start, seed=3)
        on = simulate(placed(design, At(start), 6), opening=start, seed=3)
        assert on.total("gained_purchases") > 100
        assert (off.total("gained_purchases") > 0) == some
        assert off.total("downgrades") == 0 and off.total("redemptions") > 0 and on.total("downgrades") > 0
        told = what_goes_on(design)
        assert told[0] == "The effects tier_status, goal_gradient, points_pressure and crowd end with the programme."
        assert ("By what the scenario says (after_closing), held goes on." in told) == some
    assert what_goes_on(SHOP) == []


def test_what_goes_on_is_on_the_page(base, shut):
    run = replace(shut, felt=tuple(what_goes_on(SHOP.model_copy(update={"behaviour": Behaviour()}))))
    page = forecast_page([base], [], run)
    assert "The effects tier_status, goal_gradient, endowed_progress and points_pressure end with the programme. What" in page
    assert summary(base, [], run)["run_off"]["notes"][:2] == list(run.felt)


@pytest.fixture(scope="module")
def variants(state, base):
    found = [variant(state, base, earning={"points_per_unit": 2.0}), variant(state, base, expiry={"months": 12})]
    return [Variant(f"change {k}", base, v.after) for k, v in enumerate(found)]


@pytest.fixture(scope="module")
def made(base, variants, shut):
    return workbook([base, variants[0].after], variants, shut)


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed: formulas are not recomputed by another program")
def test_another_program_recomputes_the_sheets_of_changes_scenarios_and_run_off(made, tmp_path):
    ours, theirs = (opened(made), recomputed(made, tmp_path))
    here = ("Changed terms", "Changed terms by month", "Scenarios", "Run-off", "Checks")
    compared = [(ours[sheet][at].value, theirs[sheet][at].value, sheet, at) for sheet, at, _ in formulas(made) if sheet in here]
    assert [x for x in compared if x[1] != pytest.approx(x[0], rel=1e-9, abs=1e-6)] == []
    assert {x[2] for x in compared} == set(here) and theirs["Checks"]["B4"].value is True


def test_the_spread_by_cause_of_the_sheet_is_that_of_the_library(base, variants, made):
    found = spread_by_cause([base.forecast, variants[0].after.forecast]).set_index("line").loc["reward_cost"]
    rows = [row for row in opened(made)["Scenarios"].iter_rows(values_only=True) if row[0] == "Rewards for points"]
    np.testing.assert_allclose(rows[-1][1:6], found[["mean", "luck_sd", "parameter_sd", "scenario_sd", "total_sd"]].tolist())
    assert found["scenario_sd"] > 0


def test_the_workbook_tells_the_changes_and_the_run_off(base, variants, shut, made):
    book = openpyxl.load_workbook(io.BytesIO(made), data_only=True)
    rows = [row for row in book["Checks"].iter_rows(min_row=7, values_only=True) if row[0]]
    assert [row[0] for row in rows if row[6] is not True] == []
    names = [row[0] for row in rows]
    assert {"Changed terms: change 0", "Changed terms: change 1", "Run-off: points", "Run-off: whole period"} <= set(names)
    table = {(row[0], row[1]): row for row in book["Changed terms"].iter_rows(min_row=5, values_only=True)}
    row = table["change 1", CHANGE_TITLES["points_expired"]]
    assert row[2:5] == tuple(pytest.approx(variants[1].whole["points_expired"][n]) for n in ("p10", "p50", "p90"))
    assert row[8] == pytest.approx(row[5])
    monthly = list(book["Changed terms by month"].iter_rows(min_row=5, values_only=True))
    assert len(monthly) == 20
    left = [row[4] for row in book["Run-off"].iter_rows(min_row=5, max_row=11, values_only=True)]
    np.testing.assert_allclose(left, shut.statement.forecast.outstanding.mean(axis=0), atol=1e-6)
    felt = ("The effects tier_status and goal_gradient end with the programme.",)
    told = openpyxl.load_workbook(io.BytesIO(workbook([base], [], replace(shut, felt=felt))))["Run-off"]
    said = [row[0] for row in told.iter_rows(min_row=12, max_col=1, values_only=True) if row[0]]
    assert said == ["Whole period", *felt, RUSH]
    page = forecast_page([base], variants, shut)
    assert "What a change of terms does" in page and "If the programme closed" in page and "change 1" in page
    told = summary(base, variants, shut)
    assert told["changes"]["change 0"]["points_issued"]["mean"] > 0 and told["run_off"]["answer"] in page
    redeemed = shut.statement.forecast.point_values[..., POINT_LINES.index("points_redeemed")].sum(axis=1)
    assert told["run_off"]["points_redeemed"]["mean"] == redeemed.mean() and told["run_off"]["opening_points"] == shut.opening


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("expiry.mnths=12", "--change expiry.mnths=12: programme.expiry.mnths: found an unknown key, .* did you mean months?"),
        ("expiry.months=yes", "programme.expiry.months: found 'yes', allowed is a whole number from 0 to 60"),
        ("expiry.months=900", "programme.expiry.months: found 900, allowed is a whole number from 0 to 60"),
        ("expiry.rule=roling", "programme.expiry.rule: found 'roling', allowed is one of .* did you mean rolling?"),
        ("tiers.golld.requires.spend=3000", "programme.tiers: found the name 'golld', allowed is one of silver, gold, .* gold?"),
        ("expiry.months", "found 'expiry.months', allowed is KEY=VALUE such as expiry.months=12"),
        ("expiry.months=[1", r"found the value '\[1', allowed is one as in a scenario file"),
        ("members=5", "programme.members: found an unknown key"),
        ("qualification.window=calendar, qualification.months=5", "programme.qualification: months must divide 12"),
    ],
)
def test_a_change_is_checked_like_a_scenario_file(said, words):
    with pytest.raises(InputError, match=words) as caught:
        changed_terms("p4", said)
    assert len(caught.value.problems) == 1 and caught.value.problems[0].startswith(f"--change {said}: ")


def test_a_change_changes_what_it_names_and_nothing_else():
    p4 = load("p4")
    made = changed_terms("p4", "tiers.gold.requires.spend=3000, expiry.months=7")
    assert made.name == "p4: tiers.gold.requires.spend=3000, expiry.months=7"
    back = made.model_copy(update={"name": p4.name, "programme": p4.programme})
    assert back == p4
    assert made.programme.expiry.months == 7 and made.programme.tiers[1].requires.spend == 3000
    assert made.programme.tiers[0] == p4.programme.tiers[0] and made.programme.rewards == p4.programme.rewards
    dropped = changed_terms("cash-back", "rewards.voucher of 10.points=400").programme.rewards
    assert [(r.name, r.points) for r in dropped] == [("voucher of 10", 400)]


def test_the_command_tells_changes_and_run_off(tmp_path):
    rows = [f"m{k},2025-03-01,2026-11-20,{100 * (k % 7)}" for k in range(60)]
    (tmp_path / "members.csv").write_text("member,joined,last_purchase,balance\n" + "\n".join(rows) + "\n")
    kept, out = str(tmp_path / "kept"), tmp_path / "out"
    done = loyalsim("snapshot", str(tmp_path / "members.csv"), "--as-of", "2026-12-31", "--out", kept)
    assert done.returncode == 0, done.stderr
    words = ("--from", kept, "--months", "4", "--run-off", "3", "--replications", "2", "--closing")
    done = loyalsim("forecast", "cash-back", *words, "--change", "earning.points_per_unit=3", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "With earning.points_per_unit=3: cost " in done.stdout and "If the programme closed on 2027-01-01" in done.stdout
    told = json.loads((out / "summary.json").read_text())
    assert told["changes"]["earning.points_per_unit=3"]["points_issued"]["mean"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--payable", "0.01"), "--third-party and --payable belong together"),
        (("--payable", "-1", "--third-party", "agent"), "--payable: found -1, allowed is 0 to 1,000,000"),
        (("--payable", "1", "--third-party", "broker"), "agent"),
        (("--closing",), "--closing needs --from"),
        (
            ("--deferred", "5", "--from", "x", "--third-party", "agent", "--payable", "1"),
            "--deferred: found 5, but as agent for a third party the company defers nothing",
        ),
        (("--deferred", "500"), "--deferred: found 500; it needs --from"),
        (("--deferred", "1e300", "--from", "x"), "--deferred: found 1e300, allowed is 0 to 1,000,000,000,000"),
        (("--payable", "1e300", "--third-party", "agent"), "--payable: found 1e300, allowed is 0 to 1,000,000"),
        (("--change", "expiry.moths=3"), "did you mean months"),
        (("--from", "nowhere"), "nowhere: there is no such folder"),
    ],
)
def test_options_that_do_not_go_are_told_before_the_work(tmp_path, words, said):
    done = loyalsim("forecast", "cash-back", *words, "--out", str(tmp_path / "x"))
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_changed_terms_keep_the_members_of_a_file(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("purchase_rate: {mean: 0.2, shape: 3.0}\nbasket: {median: 9.0, sigma: 0.3}\n")
    changed = changed_terms("cash-back", "expiry.months=6", population=mine)
    assert changed.population == load("no-programme", population=mine).population != load("cash-back").population
    assert changed.programme == changed_terms("cash-back", "expiry.months=6").programme != load("cash-back").programme
