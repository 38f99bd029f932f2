"""The command line. Commands are named by what a user wants; each imports what it needs when it is called.

Commands of finance, the backtest and the group of live experiments stand in files of their own and are joined at the end.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loyalsim import backtest, experiment, finance
from loyalsim.options import TABLE, Members, MembersBefore, Population, Seed
from sim.errors import InputError

if TYPE_CHECKING:
    from scenarios.comparison import Comparison
    from sim.scenario import Scenario

app = typer.Typer(
    name="loyalsim",
    help="Simulate a loyalty programme before it is launched, and check the live experiment against it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Replications = Annotated[int, typer.Option(min=1, help="Runs with other luck; more = narrower intervals.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report and data; written whole or not at all.")]
REPORT = ("report.html", "summary.json", "measures.parquet", "reruns.parquet", "scenarios")
"""what a comparison writes"""


def main() -> None:
    """Run the command line: exit code 2 for a mistake in the input, each problem on a line of its own."""
    try:
        app()
    except InputError as mistake:
        for problem in mistake.problems:
            print(problem, file=sys.stderr)
        raise SystemExit(2) from None


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"loyalsim {version('loyalsim')}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options of the command line as a whole."""


@app.command()
def scenarios() -> None:
    """List the library scenarios."""
    from scenarios.files import library

    found = library()
    width = max(len(name) for name in found)
    for name, description in found.items():
        print(f"{name:<{width}}  {description}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    import json

    from scenarios.files import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command()
def calibrate(
    transactions: Annotated[str, typer.Argument(help=f"{TABLE}, one row a purchase.")],
    member: Annotated[str, typer.Option(help="Column with the member.")],
    date: Annotated[str, typer.Option(help="Column with the date.")],
    value: Annotated[str, typer.Option(help="Column with the value of the purchase.")],
    out: Annotated[Path, typer.Option(help="Folder for population.yaml, fit.html and fit.json.")],
    holdout_from: Annotated[
        str | None, typer.Option(help="Day (2018-01-31) from which data is kept out of the fit, to test it.")
    ] = None,
    members_before: MembersBefore = "unknown",
    seed: Seed = 0,
) -> None:
    """Calibrate members from real transactions."""
    from loyalsim.progress import Waiting
    from reports.fit import answer, fit_files
    from scenarios.calibration import calibrate as fit
    from scenarios.output import Target

    target = Target(out, "population.yaml", "fit.html", "fit.json")
    with Waiting("reading") as waiting:
        found = fit(
            transactions, member=member, date=date, value=value, holdout_from=holdout_from,
            members_before=members_before, seed=seed, progress=waiting.say,
        )  # fmt: skip
        target.write(fit_files(found))
    print(answer(found.report))
    print(f"Members written to {out / 'population.yaml'}; how well they fit: {out / 'fit.html'}")


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="Scenario file, or name of a library scenario.")],
    population: Population = None,
    members: Members = None,
    replications: Replications = 20,
    seed: Seed = 0,
    out: Out = None,
    log: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Also write what N members did when, as events.parquet in the folder.")
    ] = None,
) -> None:
    """Simulate one scenario."""
    if log is not None and out is None:
        raise InputError("--log: needs --out, the folder for events.parquet")
    _compare([scenario], population, None, members, replications, seed, out, log)


@app.command()
def compare(
    scenarios: Annotated[list[str], typer.Argument(help="Scenario files, or names of library scenarios.")],
    baseline: Annotated[
        str | None, typer.Option(help="What the others are compared with; default: the first without a programme.")
    ] = None,
    population: Population = None,
    members: Members = None,
    replications: Replications = 20,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Compare designs on the same members with the same luck."""
    _compare(scenarios, population, baseline, members, replications, seed, out)


@app.command()
def demo(
    members: Members = None,
    replications: Replications = 20,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("loyalsim-demo"),
) -> None:
    """Calibrate on a real grocery panel, compare four designs over two years, write a report."""
    from loyalsim.demo import DESIGNS, baskets, designs
    from loyalsim.progress import Waiting
    from loyalsim.tables import print_answer
    from reports.fit import fit_files
    from scenarios.calibration import calibrate as fit
    from scenarios.output import Target

    target = Target(out, *REPORT, "members")
    with Waiting("reading the Complete Journey panel") as waiting, baskets() as source:
        found = fit(source, member="household_id", date="date", value="sales_value", seed=seed, progress=waiting.say)
    compared, files = _comparison(designs(found.population), DESIGNS[0], members, replications, seed)
    fitted = {f"members/{name}": content for name, content in fit_files(found).items()}
    target.write({**files, **fitted})
    print_answer(compared)
    print(f"Read {out / 'report.html'} first; how the members were calibrated: {out / 'members' / 'fit.html'}")


def _compare(
    specs: list[str],
    population: Path | None,
    baseline: str | None,
    members: int | None,
    replications: int,
    seed: int,
    out: Path | None,
    log: int | None = None,
) -> None:
    from loyalsim.tables import print_answer
    from scenarios.files import load_many
    from scenarios.output import Target

    designs = load_many(specs, population=population)
    target = None if out is None else Target(out, *REPORT, "events.parquet")
    compared, files = _comparison(designs, _baseline(baseline, specs, designs), members, replications, seed, target is not None)
    if log is not None:
        files["events.parquet"] = _events(designs[0], log, members, seed)
    if target is not None:
        target.write(files)
    print_answer(compared)
    if out is not None:
        print(f"Report: {out / 'report.html'}")
        if log is not None:
            print(f"What single members did in the first replication: {out / 'events.parquet'}")


def _comparison(
    designs: list[Scenario], baseline: str | None, members: int | None, replications: int, seed: int, written: bool = True
) -> tuple[Comparison, dict[str, str | bytes]]:
    """What was found, and, where it is to be written, the files of the result by name."""
    from loyalsim.progress import Waiting
    from reports.comparison import comparison_files
    from scenarios.comparison import compare as compare_designs

    with Waiting("simulating") as waiting:
        waiting.compiling("simulating")
        found = compare_designs(
            designs,
            baseline=baseline,
            members=members,
            replications=replications,
            seed=seed,
            progress=waiting.step,
        )
        if not written:
            return found, {}
        waiting.say("writing the report")
        return found, comparison_files(found)


def _events(design: Scenario, size: int, members: int | None, seed: int) -> bytes:
    """What `size` members did in the first replication."""
    from loyalsim.progress import Waiting
    from reports.comparison import events_parquet
    from scenarios.replications import run_seed
    from sim.log import member_log

    with Waiting("living single members again"):
        first = run_seed(seed, 0)
        return events_parquet(member_log(design, size, members=members, seed=first, draw=first))


def _baseline(wanted: str | None, specs: list[str], designs: list[Scenario]) -> str | None:
    """The name of the baseline, which may be given as its scenario is."""
    from scenarios.composing import guess

    names = [design.name for design in designs]
    if wanted is None or wanted in names:
        return wanted
    if wanted in specs:
        return names[specs.index(wanted)]
    raise InputError(f"--baseline: found {wanted!r}, allowed is one of {', '.join(names)}{guess(wanted, names)}")


finance.register(app)
backtest.register(app)
app.add_typer(experiment.app)

if __name__ == "__main__":
    main()
