"""What a forecast says, in sentences: the answer, the budget, what is owed, and what is left out."""

from __future__ import annotations

from reports.statement import Statement, month_name, months_long
from scenarios.numerals import integer, money, percent
from scenarios.quantiles import least_replications
from sim.typing import Floats

FEW = (
    f"Of fewer than {least_replications(0.1)} replications P10 and P90 are the ends of a Student t interval for one further run. "
    "Where an amount cannot be below 0, P10 is no further down than where the chance to fall below the lowest replication, "
    "spread evenly between it and 0, comes to one in ten."
)


def answer(statement: Statement) -> str:
    """What the programme costs, how far that can run, when the warning comes and what is owed at the end."""
    f, currency = statement.forecast, statement.forecast.currency
    p10, _, p90, mean, *_ = statement.whole_cost()
    sales = float(f.of("gross_sales").sum(axis=1).mean())
    said = f"{f.name} is expected to cost {money(mean, currency)} over {months_long(f)}"
    said += f" ({percent(mean / sales)} of gross sales)" if sales else ""
    if len(f.values) > 1:
        said += f"; in one case of ten it costs more than {money(p90, currency)}, in one of ten less than {money(p10, currency)}"
    parts = [f"{said}."]
    if f.budget is not None:
        parts.append(budget_sentence(statement))
    if statement.roll is not None and not statement.as_agent:
        owed, moves = statement.closing()[-1], statement.point_moves()
        waiting = int(moves["pending"][-1])
        parts.append(
            f"At the end of {month_name(f.months[-1])}, {money(owed, currency)} of revenue is deferred"
            f"{_band(statement, statement.closing_spread())} for {integer(moves['outstanding'][-1])} points outstanding"
            + (f", {integer(waiting)} of which cannot be spent yet." if waiting else ".")
        )
    if statement.third is not None:
        parts.append(third_sentence(statement))
    return " ".join(parts)


def third_sentence(statement: Statement) -> str:
    """What is due to the third party at the end, and for which points."""
    third, f = statement.third, statement.forecast
    assert third is not None
    due = money(int(third.owed_to_partner[-1]) / statement.unit, f.currency)
    band = _band(statement, statement.due_spread())
    text = f"{due} is due to the third party{band} for {integer(int(third.points[-1]))} points"
    if third.role == "agent":
        begun = f"As agent for a third party the company defers no revenue; by the end of {month_name(f.months[-1])}"
        return f"{begun} {text} issued, paid by then or not."
    return f"As principal it shows the cost too: {text} redeemed, paid by then or not."


def accrued_sentence(statement: Statement) -> str | None:
    """What the points outstanding will cost, in the other view; None where a point has no cost."""
    if statement.cost is None:
        return None
    f, amount = statement.forecast, float(statement.cost.total()["closing"][-1]) / statement.unit
    return (
        f"The points of the books that are still expected to be redeemed at the end of {month_name(f.months[-1])} would cost "
        f"{money(amount, f.currency)}{_band(statement, statement.accrued_spread())}, at the scenario's cost of a point."
    )


def _band(statement: Statement, spread: Floats | None) -> str:
    if spread is None or len(statement.forecast.values) < 2:
        return ""
    low, high = spread[-1, 0], spread[-1, 2]
    return f" (P10 {money(low)}, P90 {money(high)})"


def budget_sentence(statement: Statement) -> str:
    """What is at risk beyond the budget, how likely that is, and when the warning comes."""
    f, risk = statement.forecast, statement.forecast.budget
    assert risk is not None
    whole, currency = risk.budget, f.currency
    level = percent(risk.level, 0)
    at_risk = (
        f"{money(risk.at_risk, currency)} beyond the budget of {money(whole, currency)} are at risk ({level} quantile)"
        if risk.at_risk > 0
        else f"the budget of {money(whole, currency)} leaves {money(-risk.at_risk, currency)} of room at the {level} quantile"
    )
    warned = None if risk.early_warning is None else f.months[risk.early_warning]
    chance = f"the chance to overrun it is {percent(risk.probability, 0)}"
    alarm = f"the warning (a chance of {percent(risk.alarm, 0)} that cost runs ahead of budget)"
    if warned is None or risk.ahead_until is None:
        when = "no month end comes to a warning"
    elif risk.ahead_until == len(f.months) - 1:
        when = f"{alarm} comes in {month_name(warned)}"
    else:
        last = f.months[risk.ahead_until]
        until = f"and is over after {month_name(last)}" if last != warned else "and is over after that month"
        when = f"{alarm} comes in {month_name(warned)} {until}, where the budget catches up"
    return f"{at_risk[0].upper()}{at_risk[1:]}; {chance}, and {when}."


def left_out(statement: Statement) -> list[str]:
    """What the statement does not hold, in sentences; the forecast's own notes first."""
    books = None if statement.as_agent else statement.liability
    both = [*statement.forecast.notes, *(books.notes if books is not None else [])]
    said = list(dict.fromkeys(both))
    if 1 < len(statement.forecast.values) < least_replications(0.1):
        said.append(FEW)
    if statement.roll is None:
        said.append("No points are issued, so there is no points liability here.")
    else:
        said.append(
            f"The books, month by month, are those of one course of events: {statement.basis}. P10 and P90 of the balance "
            "are over all replications."
        )
        if statement.third is None:
            said.append("Tax is not modelled, and the points are taken as the company's own.")
        else:
            said.append("Tax is not modelled.")
            said.append(
                "The cost lines are the scenario's: its rewards cost when points are redeemed. What the third party is paid for "
                "points is in no cost line, and net sales are before it; where it supplies the rewards, it takes the place of "
                "their cost."
            )
        if statement.as_agent and statement.forecast.cohorts.opening.any():
            said.append(
                "Points that members start with were due to the third party when they were issued: they are not in what is due "
                "here."
            )
    return said
