"""population.yaml: the calibrated members as a document that a strategist can read and change."""

from __future__ import annotations

import textwrap
from typing import Any

_WIDTH = 110
_SHOCKS = {
    "level": "of the whole run: what this model's own past forecasts missed, and growth that could pass for season",
    "quarter": "of single quarters: a season that the data do not show",
    "week": "of single weeks: how far weeks lay off the fit, beyond luck",
}


def population_document(data: dict[str, Any], report: dict[str, Any]) -> str:
    """The mapping `data` as YAML with comments: units, and where every block comes from."""
    source, period, choice = report["source"], report["period"], report["choice"]
    lines = _comment(
        "Members calibrated from real transactions: what a scenario takes as its population. Written by "
        "`loyalsim calibrate`; every number may be changed by hand, the posterior then still describes the "
        "spread around it."
    )
    lines += [
        "#",
        f"# data       {source['file']}, sha256 {source['sha256']}",
        f"# columns    member {source['columns']['member']!r}, date {source['columns']['date']!r}, "
        f"value {source['columns']['value']!r}",
        f"# fitted to  {period['start']} to {period['end']}: {period['members']:,} members, "
        f"{period['purchases']:,} purchases",
        f"# seed       {source['seed']}",
    ]
    applied = [f"{r['name']} {r['count']} {r['unit']}" for r in report["rules"] if r["count"]]
    lines += _comment("rules applied: " + ("; ".join(applied) if applied else "none had anything to do"))
    lines += ["#", *_comment(f"model: {choice['model']}. {choice['reason']}")]
    if "holdout" in report:
        h = report["holdout"]
        p = h["purchases"]
        lines += _comment(
            f"held-out check {h['from']} to {h['to']}: {p['actual']:,.0f} purchases, "
            f"forecast {p['forecast']:,.0f} "
            f"(80 % interval {p['low']:,.0f} to {p['high']:,.0f}); these days are in no number below"
        )
    rate, basket = data["purchase_rate"], data["basket"]
    unseen = " and as many more as were there without a purchase" if data["members"] > period["members"] else ""
    lines += ["", *_comment(f"members at the start of a run: those of the panel{unseen}; --members overrides it")]
    lines += [f"members: {data['members']}"]
    lines += [
        "",
        *_comment(
            "purchases a day of an active member: gamma over members, at the level of the last day fitted"
        ),
    ]
    lines += [
        "purchase_rate:",
        f"  mean: {_n(rate['mean'])}   # one purchase every {1 / rate['mean']:.1f} days",
    ]
    lines += [f"  shape: {_n(rate['shape'])}   # small = very unequal members"]
    lines += [
        "",
        "# gaps between purchases: 1 = at random, more = more regular",
        f"regularity: {data['regularity']}",
    ]
    lines += [
        "",
        *_comment("chance of leaving after a purchase" + _leaving_note(data["leaving"])),
        *_comment("returns of lapsed members: " + choice["returning"]),
        "leaving:",
    ]
    leaving = {"return_rate": 0.0, **data["leaving"]}
    lines += [f"  {key}: {_n(leaving[key])}" for key in leaving if key != "return_rate"]
    lines += [f"  return_rate: {_n(leaving['return_rate'])}   # a day, of those who left"]
    b, correlation = report["baskets"], report["parameters"]["basket.rate_correlation"]
    lines += [
        "",
        *_comment(
            f"value of a purchase in the currency of the data: lognormal, with the panel's mean "
            f"of {b['mean']:.2f}"
            + (
                f"; a first purchase was {b['first_purchase_factor']:.2f} times a later one and was brought "
                "to that level"
                if b["first_purchase_factor"] != 1
                else ""
            )
        ),
        "basket:",
        f"  median: {_n(basket['median'])}",
        f"  sigma: {_n(basket['sigma'])}   # spread of logs within a member",
        f"  sigma_between: {_n(basket['sigma_between'])}   # spread of logs between members",
        f"  rate_correlation: {_n(basket['rate_correlation'])}   # above 0: frequent buyers buy more{_left_open(correlation)}",
    ]
    lines += ["", *_comment("season, a factor on the purchase rate by week of the year: " + choice["season"])]
    lines += ["season:" + (" null" if data["season"] is None else "")]
    if data["season"] is not None:
        lines += _flow([_n(f) for f in data["season"]])
    lines += ["", "# relative change of every member's purchase rate a year, from the start of a run on"]
    lines += [f"growth: {_n(data['growth'])}"]
    lines += [
        "",
        *_comment("days since members present at the start became customers (or came into view), from .. to"),
    ]
    lines += [f"history_days: [{', '.join(_n(d) for d in data['history_days'])}]"]
    lines += ["", *_comment("members before the rows: " + choice["before"]), *_standing(data["standing"])]
    lines += [
        "",
        *_comment("who joins: share of the members a month, from the last third of the fitted period"),
    ]
    lines += [f"new_members_per_month: {_n(data['new_members_per_month'])}"]
    lines += [f"first_purchase_on_joining: {'true' if data['first_purchase_on_joining'] else 'false'}"]
    lines += [
        "",
        *_comment(
            "what the data leave open: covariance of the natural logs of these parameters, one row each"
        ),
    ]
    lines += ["posterior:", "  parameters:"]
    lines += [f"    - {name}" for name in data["posterior"]["parameters"]]
    lines += ["  covariance:"]
    lines += [f"    - [{', '.join(_n(c) for c in row)}]" for row in data["posterior"]["covariance"]]
    lines += [
        "",
        *_comment(
            "what befalls all members at once and no parameter tells: spreads of logs, drawn anew for every replication"
        ),
    ]
    lines += ["shocks:" + ("" if data["shocks"] else " {}   # none was found")]
    for series, spreads in data["shocks"].items():
        lines += [f"  {series}:", *(f"    {name}: {_n(s)}   # {_SHOCKS[name]}" for name, s in spreads.items())]
    quoted = str(data["source"]).replace("\\", "\\\\").replace('"', '\\"')
    lines += ["", f'source: "{quoted}"', ""]
    return "\n".join(lines)


def _standing(standing: dict[str, float] | None) -> list[str]:
    if standing is None:
        return []
    return [
        "# history_days above does not hold for them, and purchase_rate and leaving above are those of members who join",
        "standing:",
        f"  share: {_n(standing['share'])}   # of the members at the start",
        f"  since_days: {_n(standing['since_days'])}   # before the start the data begin",
        f"  came_over: {_n(standing['came_over'])}   # days over which they had come by then",
    ]


def _left_open(number: dict[str, Any]) -> str:
    low, high = number["low"], number["high"]
    return f"; 80 % interval {low:.2g} to {high:.2g}, not drawn" if low != high else ""


def _leaving_note(leaving: dict[str, float]) -> str:
    if "a" not in leaving:
        return ": no leaving was found that would have forecast better"
    mean = leaving["a"] / (leaving["a"] + leaving["b"])
    return f": beta over members, mean {100 * mean:.2f} %"


def _n(value: float) -> str:
    text = repr(float(value))
    return text if "e" not in text or "." in text else text.replace("e", ".0e")


def _comment(text: str) -> list[str]:
    text = text.replace("\n", " ")
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False)


def _flow(items: list[str]) -> list[str]:
    rows = [", ".join(items[i : i + 13]) for i in range(0, len(items), 13)]
    return ["  [" + ",\n   ".join(rows) + "]"]
