"""What the parts of a document must have in common; ValueError says what is wrong, for whoever wrote it by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.records import Estimand, Estimate, Fact


def check_rows(matrix: list[list[float]], width: int, name: str, of: str, square: bool = False) -> None:
    """The matrix is `width` wide, and as high where `square`; name and of: of the matrix and of its columns, in words."""
    if square and len(matrix) != width:
        raise ValueError(f"{name} has {len(matrix)} rows; it must have {width}, one for each of the {of}")
    for number, row in enumerate(matrix):
        if len(row) != width:
            raise ValueError(
                f"{name}[{number}] has {len(row)} numbers; it must have {width}, one for each of {of}"
            )


def check_covariance(covariance: list[list[float]], rows: list[Estimate]) -> None:
    """It must be the covariance of these rows: as much as two rounded digits allow."""
    matrix, se = np.array(covariance), np.array([row.se for row in rows])
    for k, (row, variance) in enumerate(zip(rows, np.diag(matrix).tolist(), strict=True)):
        if not 0.9 * row.se**2 <= variance <= 1.1 * row.se**2:
            raise ValueError(
                f"covariance[{k}][{k}] is {variance:g}; it must be the square of the standard error of "
                f"{row.metric}, {row.arm}: {row.se**2:g}"
            )
    scale = np.where(se > 0, se, 1.0)
    correlation = matrix / np.outer(scale, scale)
    if np.abs(correlation - correlation.T).max() > 0.01:
        raise ValueError("covariance is not symmetric")
    if np.linalg.eigvalsh((correlation + correlation.T) / 2).min() < -0.1:
        raise ValueError("covariance is none: a combination of the effects would have a variance below 0")


def check_keys(rows: list[Estimate], estimands: list[Estimand], arms: list[str], control: str) -> None:
    """Rows are about arms and metrics that there are, each once."""
    if control not in arms:
        raise ValueError(f"control is {control!r}; it must be one of {', '.join(arms)}")
    metrics = [estimand.metric for estimand in estimands]
    for metric in metrics:
        if metrics.count(metric) > 1:
            raise ValueError(f"estimands has two of {metric}; it must have one a metric")
    seen: set[tuple[str, str, str, str | None, int | None]] = set()
    for number, row in enumerate(rows):
        if row.metric not in metrics:
            raise ValueError(
                f"rows[{number}].metric is {row.metric!r}; the estimands are {', '.join(metrics)}"
            )
        for role, arm in (("arm", row.arm), ("control", row.control)):
            if arm not in arms:
                raise ValueError(f"rows[{number}].{role} is {arm!r}; the arms are {', '.join(arms)}")
            if arm not in row.n:
                raise ValueError(f"rows[{number}].n has no count for {arm!r}")
        if row.arm == row.control:
            raise ValueError(f"rows[{number}].arm is {row.arm!r}, which it is compared with; name the other arm")
        if row.key in seen:
            same = ", ".join(str(part) for part in row.key if part is not None)
            raise ValueError(f"rows[{number}] is about the same as an earlier row: {same}")
        seen.add(row.key)


def check_facts(provenance: Mapping[str, Fact]) -> None:
    """The level and the margins that were frozen with a prediction are numbers that a check can use."""
    for key, value in provenance.items():
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else np.nan
        if key == "alpha" and not 0 < number < 1:
            raise ValueError(f"provenance.alpha is {value!r}; it must be a number between 0 and 1")
        if key.startswith("margin.") and not 0 < number < np.inf:
            raise ValueError(f"provenance.{key} is {value!r}; it must be a number above 0")
