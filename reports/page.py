"""One self-contained HTML page: inline SVG figures and templates; nothing fetched, no script."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import DAILY, MONTHLY, AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from reports.letters import HOUSE, families
from reports.stacked import stacked
from reports.svg import shared_glyphs, slim
from scenarios.numerals import integer, money, number, percent, signed, significant

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Colours that the colour-blind tell apart (Okabe, Ito 2008), the strongest on white first, yellow last."""

PHONE = 4.4
"""inches of a figure on a phone, at the same size of letters"""
LETTER = 5.4
"""width of a letter in points, on average"""
TEMPLATES = Path(__file__).parent / "templates"

_STYLE: Any = {
    "font.family": [HOUSE],
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "text.parse_math": False,
}


def figure(width: float = 7.2, height: float = 3.6) -> tuple[Figure, Axes]:
    """A figure of `width` x `height` inches with one pair of axes in the house style; no global state."""
    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(fig)
        return fig, fig.add_subplot()


def panels(count: int, width: float = 7.2, height: float = 2.4, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with `count` pairs of axes in rows of `columns`, each row `height` inches, in the house style."""
    rows = -(-count // columns)
    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(width, height * rows), layout="constrained")
        FigureCanvasSVG(fig)
        return fig, [fig.add_subplot(rows, columns, k + 1) for k in range(count)]


def legend_above(axes: Axes, most: int = 4) -> None:
    """The legend of the axes above them, in as many columns as fit, `most` at most."""
    _, labels = axes.get_legend_handles_labels()
    assert isinstance(axes.figure, Figure)
    room = int(72 * (axes.figure.get_figwidth() - 1) / LETTER)
    columns = min(len(labels), most, _columns(labels, room))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=columns, borderaxespad=0, frameon=False)


def figure_svg(fig: Figure, alt: str) -> Markup:
    """The figure as inline SVG, as wide as its place, and again laid out for a phone, of which the page shows one.

    `alt` says in words what the figure shows, for readers who do not see it. The same figure and text give the same
    bytes; identifiers inside are made from the content, so that several figures on a page do not clash.
    """
    for axis in (axis for axes in fig.get_axes() for axis in (axes.xaxis, axes.yaxis)):
        if type(axis.get_major_formatter()) is ScalarFormatter:
            axis.set_major_formatter(_Thousands())
    style = _lettered(fig)
    if fig.get_figwidth() <= PHONE:
        return _svg(fig, alt, "figure", style)
    wide = _svg(fig, alt, "figure wide", style)
    _narrow(fig, style)
    return wide + _svg(fig, alt, "figure phone", style)


def _lettered(fig: Figure) -> Any:
    """The style in which all names in the figure, which are people's own, can be drawn; its texts are set to it. Letters that no
    font of this machine has are left to the browser, as text."""
    texts = [text for text in fig.findobj(Text) if isinstance(text, Text)]
    names, drawn = families(text.get_text() for text in texts)
    for text in texts:
        text.set_parse_math(False)  # a $ in a name is a $
        if len(names) > 1:
            text.set_fontfamily(names)
    return {**_STYLE, "font.family": names, "svg.fonttype": "path" if drawn else "none"}


def _narrow(fig: Figure, style: Any) -> None:
    """Lay the figure out anew for the width of a phone: legends get fewer columns, long labels are broken into lines."""
    with matplotlib.rc_context(style), _unwarned():
        fig.draw_without_rendering()
        lines = sum(_stack(legend, fig) for legend in fig.findobj(Legend) if isinstance(legend, Legend))
        fig.set_size_inches(PHONE, fig.get_figheight() + 0.2 * lines)
        fig.draw_without_rendering()
        for axes in fig.get_axes():
            letters = int(72 * axes.get_window_extent().width / fig.dpi / LETTER)
            long = {axes.get_xlabel(), axes.get_title(), axes.get_title(loc="left")} - {""}
            for text in axes.findobj(Text):
                if isinstance(text, Text) and text.get_text() in long:
                    line = max(map(len, text.get_text().split("\n")))
                    room = axes.get_window_extent().width / text.get_window_extent().width  # a title is bold, and larger
                    text.set_text(_broken(text.get_text(), min(letters, int(line * room))))
            ticks, locator = axes.get_xticklabels(), axes.xaxis.get_major_locator()
            if len(ticks) * (1 + max((len(tick.get_text()) for tick in ticks), default=0)) <= letters:
                continue
            if isinstance(locator, MaxNLocator):
                locator.set_params(nbins=4)
            elif isinstance(locator, AutoDateLocator):
                locator.maxticks.update(dict.fromkeys(locator.maxticks, 5))
                for step, further in ((DAILY, [42]), (MONTHLY, [12, 24])):  # firsts of months, of years
                    locator.intervald[step] = [*locator.intervald[step], *further]
            else:
                axes.tick_params(axis="x", labelrotation=45)
                for tick in ticks:
                    tick.set_horizontalalignment("right")


class _Thousands(ScalarFormatter):
    """Plain numbers on an axis, with thousands set off as everywhere."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)
        return re.sub(r"\d{4,}", lambda found: f"{int(found[0]):,}", text, count=1) if abs(x) >= 1000 else text


def _broken(text: str, letters: int) -> str:
    return textwrap.fill(text, max(12, letters), break_long_words=False)


def _columns(labels: Sequence[str], room: int) -> int:
    """Columns of a legend that fit `room` letters."""
    return max(1, room // (max((len(line) for label in labels for line in label.split("\n")), default=0) + 6))


def _stack(legend: Legend, fig: Figure) -> int:
    """Put a legend that is too wide above its axes (or the figure) in as many columns as fit; the lines that this adds."""
    left = legend.axes.get_window_extent().x0 / fig.dpi if legend.axes is not None else 0.0
    room = int(72 * (PHONE - left) / LETTER)
    columns = len({round(text.get_window_extent().x0) for text in legend.get_texts()})
    for text in legend.get_texts():
        text.set_text(_broken(text.get_text(), room - 12))
    labels = [text.get_text() for text in legend.get_texts()]
    fits = _columns(labels, room)
    if columns <= fits:
        return sum(label.count("\n") for label in labels)
    axes, handles = legend.axes, [handle for handle in legend.legend_handles if handle is not None]
    legend.remove()
    if axes is None:
        fig.legend(handles, labels, loc="outside upper left", ncols=fits)
    else:
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1.02), ncols=fits, borderaxespad=0)
    return -(-len(labels) // fits) - -(-len(labels) // columns)


@contextmanager
def _unwarned() -> Iterator[None]:
    """Letters that are left to the browser are no news to the reader of the command line."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _svg(fig: Figure, alt: str, name: str, style: Any) -> Markup:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({**style, "svg.hashsalt": "loyalsim"}), _unwarned():
        fig.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = slim(svg[svg.index("<svg") :].strip())
    prefix = "f" + hashlib.sha256((alt + svg).encode()).hexdigest()[:6] + "-"
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', lambda found: found.group(1) + prefix, svg)
    head, body = svg.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    assert view is not None
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" '
        f'role="img" aria-label="{escape(alt)}" {view.group(0)} width="100%"'
    )
    return Markup(opening + ">" + body)


def render(template: str, **context: Any) -> str:
    """The page that `template` (a file name in reports/templates) makes of `context`.

    Text is escaped; a name that the context lacks is an error, not an empty place. base.html expects
    `title` (text) and `provenance` (dict of what the page rests on: version, seed, digest of the data).
    """
    return shared_glyphs(stacked(_environment().get_template(template).render(**context)))


def _tight(text: str) -> str:
    """An interval or a spread that a narrow column breaks once, after its first figure's word."""
    return text.replace(" to ", "\u00a0to ").replace(" ± ", "\u00a0± ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        integer=integer,
        tight=_tight,
        number=number,
        significant=significant,
        money=money,
        percent=percent,
        signed=signed,
    )
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    environment.globals["style"] = Markup(style)
    return environment
