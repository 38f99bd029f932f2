"""What a track record says about the simulation, and what a later forecast should make of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import stats

from experiments.meta_analysis import MetaRegression, reml
from experiments.scores import crps_ensemble, crps_student
from experiments.track_record import Entry, TrackRecord, columns, once_an_experiment

LEVELS = (0.5, 0.8, 0.95)
LEAST_EXPERIMENTS = 5
"""fewer experiments fit no line and are no history"""


@dataclass(frozen=True)
class Coverage:
    """How often the interval of a level held the result."""

    level: float
    hits: int
    experiments: int
    low: float
    high: float
    """95 % interval of the true rate (Clopper, Pearson 1934)"""

    @property
    def share(self) -> float:
        """hits / experiments"""
        return self.hits / self.experiments


@dataclass(frozen=True)
class Histogram:
    """PIT values by bin of equal width, with the counts that an honest forecaster would show."""

    counts: tuple[int, ...]
    low: int
    high: int
    """all bins at once lie within low .. high with probability 95 % or more"""
    p: float
    """Kolmogorov-Smirnov test of uniformity"""


@dataclass(frozen=True)
class Corrected:
    """A forecast after the track record: mean + scale * t with `df` degrees of freedom."""

    mean: float
    scale: float
    df: float
    experiments: int
    """behind the correction"""


@dataclass(frozen=True)
class Scored:
    """Later forecasts with and without correction, scored on the experiments that came after."""

    experiments: int
    crps: float
    crps_corrected: float

    @property
    def gain(self) -> float:
        """Share of the score that the correction saves; negative = it made the forecasts worse."""
        return 1 - self.crps_corrected / self.crps


@dataclass(frozen=True)
class MetricRecord:
    """One metric over its experiments."""

    metric: str
    scale: str
    unit: str
    experiments: int
    coverage: tuple[Coverage, ...]
    skill_no_effect: float
    skill_history: float | None
    line: MetaRegression | None
    """observed = a + b predicted; none below 5 experiments or where the predictions do not differ"""
    corrected: Scored | None
    """none where no experiment came after 5 others"""


@dataclass(frozen=True)
class Assessment:
    """A track record, assessed. Late predictions are left out; each experiment counts once."""

    experiments: int
    late: tuple[str, ...]
    """experiments whose prediction was frozen after their start"""
    first_arms: dict[str, str]
    """of experiments with several arms: the arm that counts"""
    coverage: tuple[Coverage, ...]
    """of the primary metrics"""
    histogram: Histogram | None
    """of the primary metrics; none without any"""
    skill: float | None
    metrics: tuple[MetricRecord, ...]


def assess(record: TrackRecord) -> Assessment:
    """Coverage, PIT, skill and correction of everything that was predicted in time."""
    late = dict.fromkeys(entry.experiment for entry in record.entries if entry.made_after_start)
    entries = once_an_experiment([entry for entry in record.entries if not entry.made_after_start])
    primary = [entry for entry in entries if entry.primary]
    metrics = dict.fromkeys((entry.metric, entry.scale) for entry in entries)
    pairs = {(entry.experiment, entry.arm) for entry in record.entries}
    arms = Counter(experiment for experiment, _ in pairs)
    return Assessment(
        experiments=len({entry.experiment for entry in entries}),
        late=tuple(late),
        first_arms={e.experiment: e.arm for e in entries if arms[e.experiment] > 1},
        coverage=coverage(primary),
        histogram=histogram(primary) if primary else None,
        skill=_skill(primary) if primary else None,
        metrics=tuple(_metric([e for e in entries if (e.metric, e.scale) == key]) for key in metrics),
    )


def coverage(entries: list[Entry]) -> tuple[Coverage, ...]:
    """Share of results inside the 50, 80 and 95 % intervals of their forecasts, as a check has them; empty without entries."""
    if not entries:
        return ()
    predicted, observed, sd = columns(entries)
    df = np.array([np.inf if entry.df is None else entry.df for entry in entries])
    further = 2 * stats.t.sf(np.abs(observed - predicted) / sd, df)
    out = []
    for level in LEVELS:
        hits = int(np.count_nonzero(further >= 1 - level))
        bounds = stats.binomtest(hits, len(entries)).proportion_ci(0.95, method="exact")
        out.append(Coverage(level, hits, len(entries), float(bounds.low), float(bounds.high)))
    return tuple(out)


def histogram(entries: list[Entry]) -> Histogram:
    """PIT values in 5 bins, 10 from 50 experiments on; bands by Bonferroni over the bins."""
    values = np.array([entry.pit for entry in entries])
    bins = 10 if len(values) >= 50 else 5
    counts = np.histogram(values, bins=bins, range=(0, 1))[0]
    tail = 0.05 / 2 / bins
    return Histogram(
        counts=tuple(int(count) for count in counts),
        low=int(stats.binom.ppf(tail, len(values), 1 / bins)),
        high=int(stats.binom.isf(tail, len(values), 1 / bins)),
        p=float(stats.kstest(values, "uniform").pvalue),
    )


def correct(
    record: TrackRecord,
    metric: tuple[str, str],
    frozen_at: dt.datetime,
    predicted: float,
    predictive_sd: float,
) -> Corrected | None:
    """A forecast read through what earlier experiments taught: a + b m, wider by their scatter.

    metric: name and scale (absolute, relative). Only experiments whose result was known when the forecast was
    frozen count. None below 5 of them, or where their predictions do not differ.
    """
    known = [
        entry
        for entry in once_an_experiment(record.entries)
        if (entry.metric, entry.scale) == metric
        and not entry.made_after_start
        and entry.known_from <= frozen_at.date()
    ]
    fit = _line(known)
    if fit is None:
        return None
    mean, sd = fit.predict(np.array([1.0, predicted]))
    return Corrected(mean, float(np.hypot(sd, predictive_sd)), float(fit.df), len(known))


def _line(entries: list[Entry]) -> MetaRegression | None:
    if len(entries) < LEAST_EXPERIMENTS:
        return None
    predicted, observed, sd = columns(entries)
    if np.ptp(predicted) <= 1e-9 * np.abs(predicted).max():
        return None
    return reml(observed, sd**2, np.column_stack([np.ones(len(entries)), predicted]))


def _metric(entries: list[Entry]) -> MetricRecord:
    return MetricRecord(
        metric=entries[0].metric,
        scale=entries[0].scale,
        unit=entries[0].unit,
        experiments=len(entries),
        coverage=coverage(entries),
        skill_no_effect=_skill(entries),
        skill_history=_skill_history(entries),
        line=_line(entries),
        corrected=_scored(entries),
    )


def _skill(entries: list[Entry]) -> float:
    return 1 - sum(entry.crps for entry in entries) / sum(entry.crps_no_effect for entry in entries)


def _skill_history(entries: list[Entry]) -> float | None:
    """Against the effects of the experiments known before each one, where there are 5."""
    ours, theirs = 0.0, 0.0
    for entry in entries:
        past = [e.observed for e in entries if e.known_from <= entry.frozen_at.date()]
        if len(past) >= LEAST_EXPERIMENTS:
            ours += entry.crps
            theirs += float(crps_ensemble(past, entry.observed, fair=True))
    return 1 - ours / theirs if theirs > 0 else None


def _scored(entries: list[Entry]) -> Scored | None:
    """Each forecast corrected by the experiments known before it, against itself uncorrected."""
    record = TrackRecord(entries=entries)
    plain, corrected, count = 0.0, 0.0, 0
    for entry in entries:
        which = (entry.metric, entry.scale)
        found = correct(record, which, entry.frozen_at, entry.predicted, entry.predictive_sd)
        if found is not None:
            df = np.inf if entry.df is None else max(entry.df, 2.0)
            plain += float(crps_student(entry.observed, entry.predicted, entry.predictive_sd, df))
            corrected += float(crps_student(entry.observed, found.mean, found.scale, found.df))
            count += 1
    return Scored(count, plain / count, corrected / count) if count else None
