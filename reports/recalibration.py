"""The report of a recalibration as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from experiments.effect_words import effect_text, probability_text
from experiments.posterior_scenario import scenario_text
from experiments.recalibration_document import Belief, EffectMove, ParameterMove, Recalibration
from reports.page import COLOURS, figure, figure_svg, render
from reports.together import together
from scenarios.numerals import number, signed, significant

BEFORE, AFTER, OBSERVED = "#888888", COLOURS[0], COLOURS[1]
SHOWN = 25


def recalibration_report(found: Recalibration) -> str:
    """The page: the decision before and after, which parameters moved, effects, the scenario it makes."""
    moved = sorted(
        (move for move in found.parameters if move.moved), key=lambda move: abs(move.shift), reverse=True
    )
    return render(
        "recalibration.html",
        title=f"Recalibration by {found.experiment}",
        provenance={
            **found.provenance,
            "prediction": found.prediction_digest,
            "read-out": found.readout_digest,
        },
        found=found,
        moved=[_line(move) for move in moved],
        still=[short(move.name) for move in found.parameters if not move.moved],
        parameters=parameter_figure(moved[:SHOWN]) if moved else None,
        effects=[effect_figure([move]) for move in found.effects],
        options=[
            {
                "arm": option.arm,
                "before": effect_text(option.before.mean),
                "after": effect_text(option.after.mean),
                "low": effect_text(option.after.low),
                "high": effect_text(option.after.high),
                "best_before": probability_text(option.best_before),
                "best_after": probability_text(option.best_after),
                "chosen": option.arm == found.decision.choice_after,
            }
            for option in found.decision.options
        ],
        scenario=scenario_text(found),
        together=_together(found),
    )


def recalibration_files(found: Recalibration) -> dict[str, str]:
    """The folder of a recalibration: document, page, and the changes to the scenario, by name."""
    return {
        "recalibration.json": found.to_json(),
        "recalibration.html": recalibration_report(found),
        "recalibrated.yaml": scenario_text(found),
    }


def parameter_figure(moves: Sequence[ParameterMove]) -> Markup:
    """Parameters before and after, in standard deviations before: mean and central 90 %."""
    fig, ax = figure(7.2, 1.4 + 0.42 * len(moves))
    places = np.arange(len(moves))[::-1]
    for place, move in zip(places, moves, strict=True):
        for belief, offset, colour, width in ((move.before, 0.13, BEFORE, 3), (move.after, -0.13, AFTER, 3)):
            low, mean, high = (
                (value - move.before.mean) / move.before.sd
                for value in (belief.low, belief.mean, belief.high)
            )
            ax.plot([low, high], [place + offset] * 2, color=colour, linewidth=width)
            ax.plot(mean, place + offset, "o", color=colour, markersize=6)
    ax.axvline(0, color="#555555", linewidth=0.8)
    ax.set_yticks(places, [short(move.name) for move in moves])
    ax.set_ylim(-0.6, len(moves) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("standard deviations before, from the mean before (bars: 90 %)")
    ax.plot([], [], "o-", color=BEFORE, label="before")
    ax.plot([], [], "o-", color=AFTER, label="after")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, borderaxespad=0, frameon=False)
    said = "; ".join(f"{short(move.name)} {signed(number(move.shift))} standard deviations" for move in moves)
    return figure_svg(fig, f"Parameters before and after the experiment: {said}.")


def effect_figure(moves: Sequence[EffectMove]) -> Markup:
    """Effects that the simulation implies before and after, beside what was observed."""
    fig, ax = figure(7.2, 1.3 + 0.6 * len(moves))
    places = np.arange(len(moves))[::-1]
    for place, move in zip(places, moves, strict=True):
        for belief, offset, colour in ((move.before, 0.22, BEFORE), (move.after, 0.0, AFTER)):
            ax.plot([belief.low, belief.high], [place + offset] * 2, color=colour, linewidth=3)
            ax.plot(belief.mean, place + offset, "o", color=colour, markersize=6)
        ax.errorbar(
            move.observed,
            place - 0.22,
            xerr=1.645 * move.observed_se,
            fmt="o",
            color=OBSERVED,
            capsize=3,
        )
    ax.axvline(0, color="#555555", linewidth=0.8)
    ax.set_yticks(places, [move.arm for move in moves])
    ax.set_ylim(-0.6, len(moves) - 0.4)
    ax.grid(axis="y", visible=False)
    unit = f", {moves[0].unit}" if moves[0].unit else ""
    ax.set_xlabel(f"effect on {moves[0].metric}{unit} (bars: central 90 %)")
    for colour, name in ((BEFORE, "simulation before"), (AFTER, "simulation after"), (OBSERVED, "observed")):
        ax.plot([], [], "o-", color=colour, label=name)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=3, borderaxespad=0, frameon=False)
    said = "; ".join(
        f"{move.arm}: before {effect_text(move.before.mean, move.scale)}, after {effect_text(move.after.mean, move.scale)}, "
        f"observed {effect_text(move.observed, move.scale)}"
        for move in moves
    )
    return figure_svg(fig, f"Effect on {moves[0].metric} that the simulation implies: {said}.")


def short(name: str) -> str:
    """A parameter's name without the part that all effects share."""
    return name.removeprefix("behaviour.effects.").removeprefix("behaviour.own_effects.").replace(".parameters.", ".")


def belief_text(belief: Belief) -> str:
    """Mean and standard deviation of a parameter, on its own scale."""
    return f"{significant(belief.mean)} ± {significant(belief.sd, 2)}"


def _together(found: Recalibration) -> list[str]:
    """Parameters that moved and now go together."""
    at = [k for k, move in enumerate(found.parameters) if move.moved]
    covariance = np.array(found.covariance)[np.ix_(at, at)].tolist() if at else []
    return together([short(found.parameters[k].name) for k in at], covariance)


def _line(move: ParameterMove) -> dict[str, str]:
    return {
        "name": short(move.name),
        "before": belief_text(move.before),
        "after": belief_text(move.after),
        "shift": signed(number(move.shift)),
        "error": significant(move.monte_carlo_error, 2),
    }
