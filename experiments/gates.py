"""Is the experiment what it seems to be? Checks of the data that come before any verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from experiments.aggregates import Aggregate
from experiments.arm_means import ArmMeans
from experiments.effect_words import p_text
from experiments.estimators import Target
from experiments.features import BEFORE, MISSING
from experiments.looks import Look
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.records import Gate
from experiments.scan import Scan
from scenarios.numerals import as_stated, integer, listed, percent
from sim.typing import Floats

LEVEL = 0.001
"""p-value below which a gate fails"""


def sample_ratio(counts: Mapping[str, float], shares: Mapping[str, float]) -> tuple[float, float]:
    """Chi-squared statistic and p-value of counts by arm against planned shares (Fabijan et al. 2019)."""
    observed = np.array([counts.get(arm, 0.0) for arm in shares], dtype=float)
    expected = observed.sum() * np.array(list(shares.values())) / sum(shares.values())
    found = stats.chisquare(observed, expected)
    return float(found.statistic), float(found.pvalue)


def sample_ratio_gates(plan: Plan, scan: Scan) -> list[Gate]:
    """Sample-ratio mismatch overall and, where members are the unit, within each segment.

    Overall at .001; the segments share another .001 (Bonferroni), so that many segments raise no false alarm.
    """
    shares = plan.shares
    unit = "clusters" if plan.unit == "cluster" else "members"
    gates = [_ratio_gate(_units(scan.overall, plan), shares, unit, None, LEVEL)]
    if plan.unit == "cluster":
        return gates
    cells = [
        (f"{column}={value}", aggregate.where(lambda key, v=value: key[-1] == v))  # type: ignore[misc]
        for column, aggregate in scan.segments.items()
        for value in sorted({key[-1] for key in aggregate.keys})
    ]
    gates += [_ratio_gate(_units(aggregate, plan), shares, unit, name, LEVEL / len(cells)) for name, aggregate in cells]
    return gates


def balance_gate(plan: Plan, means: ArmMeans, covariates: tuple[str, ...]) -> Gate | None:
    """Do the arms agree on what was measured before? Wald test of all covariates and of what is missing in
    them."""
    if not covariates:
        return None
    at = [means.column(name) for name in covariates]
    control = means.arms.index(plan.control)
    rows = [(a, j) for a in range(len(means.arms)) if a != control for j in at]
    gradients = np.zeros((len(rows), *means.mean.shape))
    for i, (a, j) in enumerate(rows):
        gradients[i, a, j], gradients[i, control, j] = 1.0, -1.0
    apart = np.array([means.mean[a, j] - means.mean[control, j] for a, j in rows])
    covariance = means.covariance(gradients)
    scale = np.sqrt(np.diag(covariance))
    used = scale > 0
    if not used.any():
        return None
    z = apart[used] / scale[used]
    correlation = covariance[np.ix_(used, used)] / np.outer(scale[used], scale[used])
    rank = int(np.linalg.matrix_rank(correlation, tol=1e-8, hermitian=True))
    statistic = float(z @ np.linalg.pinv(correlation, rcond=1e-8, hermitian=True) @ z)
    left = float(means.units.sum()) - len(means.arms) - rank + 1
    p = float(stats.f.sf(statistic / rank * left / (left + rank - 1), rank, max(left, 1.0)))
    worst = covariates[at.index(np.array(rows)[used][int(np.abs(z).argmax())][1])]
    named = worst.removeprefix(BEFORE).removeprefix(MISSING) + (" (missing)" if worst.startswith(MISSING) else "")
    passed = p >= LEVEL
    return Gate(
        name="pre-period balance",
        passed=passed,
        statistic=statistic,
        p=p,
        threshold=LEVEL,
        sentence="The arms were alike before the experiment."
        if passed
        else f"The arms differed before the experiment, most in {named}: the allocation was not random, or "
        "the pre-period was touched by the treatment.",
    )


COPIED = 0.998
"""Share of a metric's variance that its covariates explain where they are the metric itself (a correlation of .999)"""
ALIKE = 0.9
"""The same where they explain more than what was known before the start usually can (a correlation of .95)"""


def covariate_gate(metric: Metric, target: Target, overall: Aggregate) -> Gate | None:
    """Are the covariates of a metric the metric itself, so that adjusting by them takes the effect away? None without covariates.

    Both bounds are assumptions of ours. For a ratio numerator, denominator and the linearised ratio are asked.
    """
    if not target.covariates:
        return None
    arms = overall.by(lambda key: key[:1])
    scatter = arms.scatter.sum(axis=0)
    at = [overall.columns.index(name) for name in target.covariates]
    wanted = [np.eye(len(scatter))[overall.columns.index(target.column)]]
    if target.denominator is not None:
        wanted.append(np.eye(len(scatter))[overall.columns.index(target.denominator)])
        total = arms.n @ arms.mean
        wanted.append(wanted[0] - wanted[1] * (total @ wanted[0]) / (total @ wanted[1]))
    explained = [_explained(scatter, weights, at) for weights in wanted]
    most, names = max(explained), listed(metric.covariates)
    if most < ALIKE:
        says = f"explain {percent(explained[-1], 0)} of its variance within the arms."
    elif most < COPIED:
        says = (
            f"explain {percent(most, 0)} of its variance within the arms, more than what was known before the start usually can. "
            "See that they hold no day of the window."
        )
    else:
        says = (
            f"explain over {percent(COPIED, 1)} of its variance within the arms: they are as good as the outcome itself. "
            "Adjusting by the outcome takes the effect away; put into the table what was known before the start."
        )
    return Gate(
        name="covariates",
        metric=metric.name,
        passed=most < ALIKE,
        blocks=most >= COPIED,
        statistic=most,
        sentence=f"{metric.name}: its covariates ({names}) {says}",
    )


def _explained(scatter: Floats, weights: Floats, at: list[int]) -> float:
    """Share of the variance of a weighted sum of the columns that the columns `at` explain."""
    scale = np.sqrt(np.diag(scatter)[at])
    used, size = np.array(at)[scale > 0], scale[scale > 0]
    total = float(weights @ scatter @ weights)
    if not len(used) or not total > 0:
        return 0.0
    with_them = (scatter[used] @ weights) / size
    correlation = scatter[np.ix_(used, used)] / np.outer(size, size)
    return float(with_them @ np.linalg.pinv(correlation, rcond=1e-8, hermitian=True) @ with_them) / total


def unit_gates(scan: Scan, plan: Plan) -> list[Gate]:
    """Duplicate members, clusters torn apart, and exposure before assignment."""
    twice = scan.duplicated == 0
    who = "member is" if scan.duplicated == 1 else "members are"
    across = f", {integer(scan.in_two_arms)} of them in more than one arm" if scan.in_two_arms else ""
    gates = [
        Gate(
            name="duplicate units",
            passed=twice,
            statistic=float(scan.duplicated),
            sentence="Every member is listed once."
            if twice
            else f"{integer(scan.duplicated)} {who} listed more than once{across}.",
        )
    ]
    if plan.unit == "cluster":
        arms: dict[str, set[str]] = {}
        for arm, *_, cluster in scan.overall.keys:
            arms.setdefault(cluster, set()).add(arm)
        torn = sorted(cluster for cluster, found in arms.items() if len(found) > 1)
        gates.append(
            Gate(
                name="clusters in one arm",
                passed=not torn,
                statistic=float(len(torn)),
                sentence="Every cluster lies in one arm."
                if not torn
                else f"{len(torn)} clusters have members in more than one arm, such as {torn[0]!r}: they "
                "were not randomised as clusters.",
            )
        )
    if plan.columns.exposed and plan.columns.assigned:
        early = scan.exposed_early
        gates.append(
            Gate(
                name="exposure before assignment",
                passed=early == 0,
                statistic=float(early),
                sentence="Nobody was exposed before being assigned."
                if early == 0
                else f"{integer(early)} {'members were' if early > 1 else 'member was'} exposed before being assigned to an arm.",
            )
        )
    return gates


def events_gate(left_out: Mapping[str, int]) -> Gate | None:
    """A warning where events are of others than the members, or have no value; left_out: see `EventSource`."""
    others, empty, parts = left_out["others"], left_out["empty"], []
    if others:
        of = integer(left_out["rows"])
        parts.append(f"{integer(others)} of {of} events are of nobody in the members' table and were left out")
    if empty:
        parts.append(f"{integer(empty)} values of events are empty and count as 0")
    if not parts:
        return None
    return Gate(name="events", passed=False, blocks=False, statistic=float(others), sentence=f"{listed(parts)}.")


@dataclass(frozen=True)
class Until:
    """Last day that the data hold, and how it is known."""

    day: dt.date
    how: str


def look_gates(look: Look, until: Until | None) -> list[Gate]:
    """Is it time for this look? The window's end for the last one; the information for one that was planned by it.

    until: last day that the data hold; none = nobody says.
    """
    plan, gates = look.plan, []
    if look.last and until is None:
        gates.append(
            Gate(
                name="end of the window",
                passed=True,
                sentence=f"Nothing says up to which day the table goes: it is taken to hold the whole window, to {plan.end}.",
            )
        )
    elif look.last and until is not None:
        over = until.day >= plan.end
        way = "a test of fixed horizon" if plan.sequential == "fixed" else f"look {look.at}, the last,"
        gates.append(
            Gate(
                name="end of the window",
                passed=over,
                sentence=f"The data hold the whole window, to {plan.end}."
                if over
                else f"The data end on {until.day} ({until.how}), the window on {plan.end}: {way} is analysed once, at its end. "
                "Whoever looks before and stops where the result pleases finds effects that are not there.",
            )
        )
    expected = plan.expected_units
    if plan.sequential.startswith("lan-demets") and not look.information and expected:
        share = look.units / expected
        near = abs(share - look.fraction) <= 0.1
        gates.append(
            Gate(
                name="information",
                passed=near,
                blocks=False,
                statistic=share,
                sentence=f"{percent(share, 0)} of the planned units are in the data, "
                f"{percent(look.fraction, 0)} were planned for this look"
                + ("." if near else ": state the information that came in, so that the error is spent as it should be."),
            )
        )
    return gates


def _units(aggregate: Aggregate, plan: Plan) -> dict[str, float]:
    counts: dict[str, float] = {}
    for key, n in zip(aggregate.keys, aggregate.n.tolist(), strict=True):
        counts[key[0]] = counts.get(key[0], 0.0) + (1.0 if plan.unit == "cluster" else n)
    return counts


def _ratio_gate(counts: Mapping[str, float], shares: Mapping[str, float], unit: str, segment: str | None, level: float) -> Gate:
    statistic, p = sample_ratio(counts, shares)
    passed = p >= level
    found = ", ".join(f"{arm} {integer(counts.get(arm, 0.0))}" for arm in shares)
    planned = " : ".join(as_stated(round(share, 3)) for share in shares.values())
    where = f" in {segment}" if segment else ""
    return Gate(
        name="sample ratio",
        passed=passed,
        segment=segment,
        statistic=statistic,
        p=p,
        threshold=level,
        sentence=f"{unit.capitalize()} by arm{where} ({found}) "
        + ("fit" if passed else "do not fit")
        + f" the planned {planned}"
        + ("." if passed else f" ({p_text(p)}): members were lost or added on one side, no effect can be trusted."),
    )
