"""EXPERIMENT.yaml: what is tested on whom, what is measured, and what will be concluded from which result."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from experiments.complaints import complaints
from experiments.plan_condition import Condition, Day
from experiments.plan_metric import Metric, Name, Positive, Share, check_known_before
from experiments.records import Record
from experiments.yaml_file import read_yaml
from scenarios.digest import digest_of
from sim.errors import InputError
from sim.limits import FIRST_YEAR, LAST_YEAR, MOST_MEMBERS

YEARS = (FIRST_YEAR, LAST_YEAR - 1)
"""first and last year of a window: a run goes on for some months after it"""
Method = Literal[
    "fixed", "obrien-fleming", "pocock", "lan-demets-obrien-fleming", "lan-demets-pocock", "anytime"
]


class Arm(Record):
    """One arm: a share of the units, and the scenario that the simulation runs for it."""

    share: Share
    """share of the units allocated to this arm; the shares add to 1 (.333 three times will do)"""
    changes: dict[str, Any] = Field(default={})
    """keys of the base scenario that this arm sets differently"""
    scenario: Name | None = None
    """a scenario file of its own instead of changes to the base"""


class Columns(Record):
    """Names of the columns of the live data that are not metrics."""

    member: Name = "member_id"
    arm: Name = "arm"
    cluster: Name | None = None
    """the cluster (such as the store) of a member; needed for unit cluster"""
    assigned: Name | None = None
    """date of assignment"""
    exposed: Name | None = None
    """date of first exposure"""
    date: Name = "date"
    """event tables: date of the event"""


class Sizing(Record):
    """Who is there to be tested, for power and duration."""

    members: Annotated[int, Field(ge=2, le=MOST_MEMBERS)] | None = None
    """members available at the start, all arms together"""
    members_per_week: Annotated[float, Field(ge=0)] = 0.0
    """members who become eligible in each further week"""
    outcome_days: Annotated[int, Field(ge=1)] = 28
    """days that a member is followed after entering"""
    clusters: Annotated[int, Field(ge=2, le=MOST_MEMBERS)] | None = None
    """clusters available, all arms together"""
    cluster_size: Positive | None = None
    """members a cluster"""


class Rule(Record):
    """One rule of the plan: `then` is concluded where every condition holds; the first that fits counts."""

    then: Name
    primary: list[Literal["better", "worse", "equivalent", "inconclusive"]] | None = None
    """verdicts on the primary metric, one of which must hold; none = any"""
    guardrails: Literal["all held", "any broken", "any open"] | None = None
    """none = whatever the guardrails say"""

    @property
    def words(self) -> str:
        """The rule as a reader would say it."""
        parts = []
        if self.primary is not None:
            parts.append(f"primary {' or '.join(self.primary)}")
        if self.guardrails is not None:
            parts.append(f"guardrails {self.guardrails}")
        return f"{' and '.join(parts) or 'otherwise'}: {self.then}"


DEFAULT_RULES = [
    Rule(then="do not launch", guardrails="any broken"),
    Rule(then="launch", primary=["better"], guardrails="all held"),
    Rule(then="do not launch", primary=["worse"]),
    Rule(then="no difference that matters", primary=["equivalent"]),
    Rule(then="undecided"),
]


class Plan(Record):
    """The plan of one experiment, fixed before it starts."""

    experiment: Name
    question: str = ""
    """what the experiment is to decide, for the reader"""
    population: Name
    """who is counted, in words; part of every estimand"""
    base: Name | None = None
    """scenario file or name that the arms change; needed to predict"""
    arms: Annotated[dict[str, Arm], Field(min_length=2)]
    control: Name
    eligibility: list[Condition] = Field(default=[])
    unit: Literal["member", "cluster"] = "member"
    start: Day
    """first day of the window"""
    end: Day
    """last day of the window"""
    pre_days: Annotated[int, Field(ge=0)] = 0
    """days before the window over which covariates are measured: in event tables before exposure (pre_ + column), in the
    simulation before the start"""
    pre_measures: dict[str, str] = Field(default={})
    """covariates that the simulation has, with its measure over `pre_days`, such as spend_before: spend; pre_ + the column
    of a metric needs no entry"""
    warm_up: Annotated[int, Field(ge=1, le=60)] | None = None
    """months that the simulation runs before the start's month, the same for all arms; their incentives differ from the
    start on. None = the simulated period is the base scenario's horizon"""
    columns: Columns = Columns()
    strata: list[str] = Field(default=[])
    """columns within which units are allocated in exact proportion, and effects post-stratified"""
    segments: list[str] = Field(default=[])
    """columns by whose values effects are shown as well; known before assignment"""
    metrics: Annotated[list[Metric], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """two-sided error of the whole experiment"""
    power: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    sequential: Method = "fixed"
    looks: list[float | Day] = Field(default=[1.0])
    """planned looks, as shares of the information or as dates; the last is 1 or the end"""
    multiplicity: Literal["none", "holm", "benjamini-hochberg"] = "holm"
    """across arms and all metrics that are no guardrails"""
    cluster_variance: Literal["cr1", "cr2", "aggregated"] = "cr2"
    """unit cluster: robust by cluster (CR1, CR2), or cluster means as observations"""
    salt: str = ""
    """makes the allocation of this experiment differ from others; none = the experiment's name"""
    sizing: Sizing = Sizing()
    rules: Annotated[list[Rule], Field(min_length=1)] = DEFAULT_RULES

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        for name in (self.experiment, *self.arms):
            if not name.isprintable():
                raise ValueError(f"found the name {name!r}; names of experiments and arms are one line of printable characters")
        total = sum(arm.share for arm in self.arms.values())
        if abs(total - 1) > 0.005:
            raise ValueError(f"the shares of the arms add to {total:g}, they must add to 1")
        if self.control not in self.arms:
            raise ValueError(f"control is {self.control!r}; it must be one of {', '.join(self.arms)}")
        for key, day in (("start", self.start), ("end", self.end)):
            if not YEARS[0] <= day.year <= YEARS[1]:
                raise ValueError(f"{key} is {day}; its year must lie between {YEARS[0]} and {YEARS[1]}")
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        names = [metric.name for metric in self.metrics]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two metrics are called {name}")
        primary = [metric for metric in self.metrics if metric.role == "primary"]
        if len(primary) != 1:
            raise ValueError(f"{len(primary)} metrics have the role primary; exactly one must")
        if primary[0].simulation_margin is None:
            raise ValueError(f"metric {primary[0].name}: the primary metric needs a simulation_margin")
        if self.unit == "cluster":
            if self.columns.cluster is None:
                raise ValueError("unit is cluster; columns.cluster must name its column")
            if (
                any(metric.kind == "quantile" for metric in self.metrics)
                and self.cluster_variance == "aggregated"
            ):
                raise ValueError("quantiles cannot be estimated from cluster means; use cr1 or cr2")
        if self.sequential == "anytime" and self.expected_units is None:
            raise ValueError(
                "sequential is anytime; sizing.members (sizing.clusters for unit cluster) must say how many "
                "are expected, since the intervals are tuned to that number before the first look"
            )
        if self.columns.arm in (*self.strata, *self.segments):
            raise ValueError(f"{self.columns.arm} is the column of the arm; it is no stratum and no segment")
        known = dict.fromkeys(self.segments, "segment") | dict.fromkeys(self.strata, "stratum")
        check_known_before(self.metrics, self.weeks, known)
        self._check_looks()
        return self

    def _check_looks(self) -> None:
        if not self.looks:
            raise ValueError("looks is empty; the last look, 1 or the end, is always planned")
        if len({isinstance(look, dt.date) for look in self.looks}) > 1:
            raise ValueError("looks must be all shares of the information or all dates")
        if any(not a < b for a, b in itertools.pairwise(self.fractions)):
            raise ValueError("looks must increase")
        if self.fractions[0] <= 0:
            raise ValueError(f"looks begin with {self.looks[0]}; the first must be above 0, or not before the start {self.start}")
        if abs(self.fractions[-1] - 1) > 1e-9:
            raise ValueError(f"looks run to {self.looks[-1]}; the last must be 1, or the end {self.end}")
        if self.sequential == "fixed" and len(self.looks) > 1:
            raise ValueError(f"{len(self.looks)} looks need a sequential method; fixed allows the last only")

    @property
    def fractions(self) -> list[float]:
        """The planned looks as shares of the information; dates by elapsed days of the window."""
        days = (self.end - self.start).days + 1
        return [
            ((look - self.start).days + 1) / days if isinstance(look, dt.date) else float(look)
            for look in self.looks
        ]

    @property
    def shares(self) -> dict[str, float]:
        """Planned share of each arm, adding to 1 exactly."""
        total = sum(arm.share for arm in self.arms.values())
        return {name: arm.share / total for name, arm in self.arms.items()}

    @property
    def primary(self) -> Metric:
        """The primary metric."""
        return next(metric for metric in self.metrics if metric.role == "primary")

    @property
    def treatments(self) -> list[str]:
        """The arms other than the control, in the order of the file."""
        return [name for name in self.arms if name != self.control]

    @property
    def weeks(self) -> int:
        """Weeks of the window, a begun one counted."""
        return (self.end - self.start).days // 7 + 1

    @property
    def expected_units(self) -> int | None:
        """Randomised units that sizing states, all arms together."""
        return self.sizing.clusters if self.unit == "cluster" else self.sizing.members

    @property
    def cluster_column(self) -> str | None:
        """The column of the cluster where clusters are the unit."""
        return self.columns.cluster if self.unit == "cluster" else None

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the plan, defaults filled in."""
        return digest_of(self.model_dump(mode="json"))

    def metric(self, name: str) -> Metric:
        """The metric of this name; KeyError for another."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)


def load_plan(path: Path | str) -> Plan:
    """The plan in EXPERIMENT.yaml.

    Raises InputError naming file, line, key, what was found and what is allowed, all problems at once.
    """
    content, line = read_yaml(Path(path))
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        raise InputError(*complaints(error, str(path), Plan, line)) from None
