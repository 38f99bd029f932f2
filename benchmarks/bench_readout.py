"""Speed and memory of the read-out's one pass, against bare two-pass NumPy on pre-split arrays.

Run: python benchmarks/bench_readout.py [rows]. Prints medians and range; fails where a bound is missed.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.aggregates import Accumulator, aggregate
from experiments.arm_means import arm_means
from experiments.estimators import Effect, Target, effect, levels
from experiments.values import Labels, numbers
from scenarios import sources
from scenarios.sources import ParquetSource

REPEATS = 15
ARMS = ("control", "trial")
TARGETS = (
    Target("spend", "spend", covariates=("before",), adjustment="cuped"),
    Target("basket", "spend", "orders"),
)
NEEDED = (
    ("spend", "spend"),
    ("spend", "before"),
    ("before", "before"),
    ("spend", "orders"),
    ("orders", "orders"),
)
KEYS = [(arm, "all") for arm in ARMS]


def main(rows: int) -> int:
    rng = np.random.default_rng(1)
    arm = rng.integers(0, 2, rows).astype(np.int32)
    before = rng.gamma(2, 10, rows)
    columns = {
        "spend": before + rng.normal(0, 5, rows),
        "before": before,
        "orders": rng.poisson(3, rows) + 1.0,
        "visits": rng.poisson(5, rows) + 0.0,
    }
    split = [{name: values[arm == a].copy() for name, values in columns.items()} for a in (0, 1)]

    ours = one_pass(arm, columns)
    theirs = bare(split)
    for one, (value, se) in zip(ours, theirs, strict=True):
        assert abs(one.effect - value) < 1e-9 * abs(value) and abs(one.se - se) < 1e-5 * se

    mine, numpy_ = timed(lambda: one_pass(arm, columns)), timed(lambda: bare(split))
    ratio = statistics.median(mine) / statistics.median(numpy_)
    extra = peak(lambda: one_pass(arm, columns))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "live.parquet"
        names = pa.array(np.array(ARMS, dtype=object)[arm])
        pq.write_table(pa.table({"arm": names, **columns}), path, row_group_size=65_536)
        from_file = timed(lambda: streamed(path), 3)
        arrow: list[int] = []
        already = pa.total_allocated_bytes()
        block = peak(lambda: streamed(path, arrow))
    print(f"{rows:,} rows, 5 columns, CUPED mean and ratio, {REPEATS} runs")
    print(f"one pass        {shown(mine)}")
    print(f"bare NumPy      {shown(numpy_)}")
    print(f"ratio           {ratio:.2f} (at most 2)")
    print(f"extra memory    {extra / 2**20:.1f} MiB (at most 10)")
    held = block + max(arrow) - already
    print(
        f"from Parquet    {shown(from_file)}; {held / 2**20:.1f} MiB, a block {block_size() / 2**20:.1f} MiB"
    )
    return int(ratio > 2 or extra > 10 * 2**20 or held > 16 * 2**20)


def one_pass(arm: np.ndarray, columns: dict[str, np.ndarray]) -> list[Effect]:
    """The library: aggregate once, estimate both effects."""
    means = arm_means(aggregate(arm, KEYS, columns), ARMS)
    return [effect(means, levels(means, target), 1, 0) for target in TARGETS]


def block_size() -> int:
    """Bytes of one block: four numbers a row, and an arm as text."""
    return sources.ROWS * (4 * 8 + 4 + 6)


def streamed(path: Path, arrow: list[int] | None = None) -> list[Effect]:
    """The same from a file, a block at a time; `arrow` takes Arrow's memory in use at each block."""
    names = ["spend", "before", "orders", "visits"]
    accumulator, labels = Accumulator(names), Labels(ARMS)
    for block in ParquetSource(path).blocks(["arm", *names]):
        if arrow is not None:
            arrow.append(pa.total_allocated_bytes())
        accumulator.add(labels.encode(block["arm"]), [numbers(block[name], name, 1) for name in names], 2)
    means = arm_means(accumulator.result(KEYS), ARMS)
    return [effect(means, levels(means, target), 1, 0) for target in TARGETS]


def bare(split: list[dict[str, np.ndarray]]) -> list[tuple[float, float]]:
    """Means first, products of deviations after, on arrays that are already apart."""
    moments = []
    for part in split:
        mean = {name: values.mean() for name, values in part.items()}
        apart = {name: values - mean[name] for name, values in part.items()}
        n = len(part["spend"])
        products = {(a, b): float(apart[a] @ apart[b]) / (n - 1) for a, b in NEEDED}
        moments.append((n, mean, products))
    scatter = [(n - 1, s) for n, _, s in moments]
    theta = sum(w * s["spend", "before"] for w, s in scatter) / sum(
        w * s["before", "before"] for w, s in scatter
    )
    adjusted, ratios = [], []
    for n, mean, s in moments:
        variance = s["spend", "spend"] - 2 * theta * s["spend", "before"] + theta**2 * s["before", "before"]
        adjusted.append((mean["spend"] - theta * mean["before"], variance / n))
        r = mean["spend"] / mean["orders"]
        variance = s["spend", "spend"] - 2 * r * s["spend", "orders"] + r**2 * s["orders", "orders"]
        ratios.append((r, variance / n / mean["orders"] ** 2))
    return [(b[0] - a[0], float(np.sqrt(a[1] + b[1]))) for a, b in (adjusted, ratios)]


def timed(work: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Seconds of each run, after one that is not counted."""
    work()
    out = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        out.append(time.perf_counter() - start)
    return out


def peak(work: Callable[[], object]) -> int:
    """Bytes that Python and NumPy allocated at the most, above what was there."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def shown(seconds: list[float]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{1e3 * middle:6.1f} ms ({1e3 * low:.1f} to {1e3 * high:.1f})"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
