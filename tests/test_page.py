"""A page is one file: nothing is fetched, nothing runs, figures do not clash, numbers read well."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import jinja2
import matplotlib
import pytest

from reports import letters, page, svg
from reports.stacked import stacked
from reports.together import together
from scenarios import numerals


def _drawing(values: list[float]) -> page.Figure:
    fig, axes = page.figure()
    axes.plot(values, label="actual")
    axes.fill_between(range(len(values)), values, [v + 1 for v in values], alpha=0.3)
    axes.set_xlabel("week")
    axes.legend()
    return fig


def test_same_figure_gives_same_bytes() -> None:
    assert page.figure_svg(_drawing([1, 2, 4]), "rising") == page.figure_svg(_drawing([1, 2, 4]), "rising")


def test_cells_of_wide_tables_say_of_which_column_they_are() -> None:
    """Rows that a cell reaches down through count; a table that fits beside a phone's edge stays as it is."""
    heads = "".join(f"<th>{name}</th>" for name in ("Effect", "Number", "Value<br>now", "", "A &amp; B"))
    rows = (
        '<tr><th rowspan="2">one</th><td colspan="4">says</td></tr><tr><td>a</td><td class="num">1</td><td>x</td><td>2</td></tr>'
        "<tr><th>two</th><td>b</td><td>3</td><td>y</td><td>4</td></tr>"
    )
    made = stacked(f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
    assert made.startswith('<table class="stack"><thead>')
    cells = re.findall(r"<t[hd]([^>]*)>([^<]*)</t[hd]>", made.partition("</thead>")[2])
    said = [(text, re.findall('data-head="([^"]*)"', marks)) for marks, text in cells]
    assert said == [
        ("one", []), ("says", []), ("a", ["Number"]), ("1", ["Value now"]), ("x", []), ("2", ["A &amp; B"]),
        ("two", []), ("b", ["Number"]), ("3", ["Value now"]), ("y", []), ("4", ["A &amp; B"]),
    ]  # fmt: skip
    narrow = "<table><thead><tr><th>Line</th><th>Mean</th></tr></thead><tr><th>cost</th><td>1</td></tr></table>"
    assert stacked(narrow) == narrow
    asked = stacked(narrow.replace("<table>", '<table class="dense stack">'))
    assert asked.startswith('<table class="dense stack">') and '<td data-head="Mean">1</td>' in asked


@pytest.mark.parametrize(
    ("names", "stacks"),
    [(["no-programme", "cash-back", "p4"], False), (["loyaltyprogramme2027", "another-loyaltyscheme"], True)],
)
def test_heads_of_designs_keep_their_words_whole_on_a_phone(names: list[str], stacks: bool) -> None:
    """They are the columns' width, or the table stacks: none breaks inside a word."""
    heads = "".join(f'<th class="num wrap"><span style="color:#0072B2">■</span> {name}</th>' for name in names)
    table = f"<table><thead><tr><th>Measure</th>{heads}</tr></thead><tr><th>cost</th>{'<td>1</td>' * len(names)}</tr></table>"
    assert (stacked(table) != table) == stacks
    css = (Path(page.__file__).parent / "style.css").read_text(encoding="utf-8")
    assert not re.search(r"thead[^}]*overflow-wrap", css)


def test_a_design_keeps_its_colour_where_a_table_is_stacked() -> None:
    heads = "<th>Line</th>" + "".join(f'<th><span style="color:#{k}{k}{k}">■</span> plan {k}</th>' for k in range(4))
    made = stacked(f"<table><thead><tr>{heads}</tr></thead><tr><th>cost</th>{'<td>1</td>' * 4}</tr></table>")
    for k in range(4):
        assert f'<td style="--mark:#{k}{k}{k}" data-head="plan {k}">1</td>' in made
    css = Path(page.__file__).with_name("style.css").read_text(encoding="utf-8")
    assert '.stack td[style*="--mark"]::before' in css


def test_on_paper_all_letters_are_smaller_alike() -> None:
    """Sizes are told in rem, so one rule scales them: intervals were printed larger than their figures."""
    css = Path(page.__file__).with_name("style.css").read_text(encoding="utf-8")
    screen, paper = css.split("@media print")
    assert set(re.findall(r"font-size: [.\d]+(\w+)", screen)) == {"rem", "em"}
    assert re.findall(r"(\w+) { [^}]*font-size", paper) == ["html"]


def test_two_figures_on_a_page_share_no_identifier() -> None:
    one = page.figure_svg(_drawing([1, 2, 4]), "rising")
    two = page.figure_svg(_drawing([4, 2, 1]), "falling")
    ids = [set(re.findall(r'\bid="([^"]+)"', drawing)) for drawing in (one, two)]
    assert ids[0] and not ids[0] & ids[1]
    for drawing, known in zip((one, two), ids, strict=True):
        used = set(re.findall(r'href="#([^"]+)"', drawing)) | set(re.findall(r"url\(#([^)]+)\)", drawing))
        assert used and used <= known


@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_names_of_thirty_letters_leave_room_for_the_figure() -> None:
    names = [f"a-design-with-a-long-name-{k:04d}" for k in range(4)]
    fig, axes = page.figure()
    for k, name in enumerate(names):
        axes.plot([0, 1], [k, k], label=name)
    axes.set_yticks(range(4), names)
    axes.set_title(names[0][:25], loc="left", fontweight="bold")
    page.legend_above(axes)
    page.figure_svg(fig, "four lines")
    with matplotlib.rc_context(page._STYLE):
        fig.draw_without_rendering()
    assert fig.get_figwidth() == page.PHONE
    assert axes.title.get_text() == "" and axes._left_title.get_window_extent().x1 <= fig.bbox.x1


def test_letters_are_drawn_once_a_page_and_the_drawing_is_half_as_long() -> None:
    """Every letter that any figure of a page uses is there, once; what is left out of matplotlib's own SVG is not seen."""
    from io import StringIO

    figures = [page.figure_svg(_drawing(values), "x") for values in ([1, 2, 4], [4, 2, 1])]
    html = svg.shared_glyphs(f"<html><body><main>{''.join(figures)}</main></body></html>")
    letters = re.findall(r'<path id="(DejaVuSans[^"]*)"', html)
    assert letters and len(letters) == len(set(letters))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'\bid="([^"]+)"', html))
    drawing = StringIO()
    with matplotlib.rc_context(page._STYLE):
        _drawing([1, 2, 4]).savefig(drawing, format="svg")
    assert len(svg.slim(drawing.getvalue())) < 0.7 * len(drawing.getvalue())
    assert svg.shared_glyphs("<html><body><main>no figure</main></body></html>").count("<svg") == 0


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ('<path d="M 1.004 2 \nL 3 4.5678 \nz\n"/>', '<path d="M1 2L3 4.57z"/>'),
        ('<g id="unused"><use xlink:href="#a" x="1.2345"/></g>', '<use href="#a" x="1.23"/>'),
        ('<g transform="translate(93.679679 1e-05) scale(0.015625)">\n <!-- text --></g>',
         '<g transform="translate(93.68 0) scale(0.015625)"></g>'),
        ('<path id="a"/><use xlink:href="#a"/>', '<path id="a"/><use href="#a"/>'),
    ],
)  # fmt: skip
def test_what_is_left_out_of_a_drawing_is_not_seen(long: str, short: str) -> None:
    assert svg.slim(long) == short


def test_a_name_with_dollars_is_a_name_and_no_formula() -> None:
    """Half a formula, which a name of an arm or a scenario may well hold, was a traceback."""
    half = r"$\frac$ 5"
    fig, axes = page.figure()
    axes.plot([1, 2], [1, 2], label=half)
    axes.set_yticks([1, 2], [half, "$a_b$"])
    axes.set_xlabel(half)
    axes.annotate(half, (1, 1))
    page.legend_above(axes)
    assert page.figure_svg(fig, "names")


def test_figure_is_well_formed_and_says_in_words_what_it_shows() -> None:
    svg = page.figure_svg(_drawing([1, 2]), 'sales < costs & "more"')
    both = ElementTree.fromstring(f"<p>{svg}</p>")
    assert [root.get("class") for root in both] == ["figure wide", "figure phone"]
    for root in both:
        assert root.get("role") == "img"
        assert root.get("aria-label") == 'sales < costs & "more"'
        assert root.get("width") == "100%"
        assert root.get("viewBox")
        assert not [e for e in root.iter() if e.tag.endswith("metadata")]


def _width(svg: ElementTree.Element) -> float:
    return float(str(svg.get("viewBox")).split()[2])


def test_a_phone_has_the_figure_in_its_own_width_with_letters_of_the_same_size() -> None:
    fig = _drawing([1, 2])
    axes = fig.get_axes()[0]
    axes.set_xlabel("a label that is far too long for the width of a phone and therefore takes more lines than one")
    for k in range(5):
        axes.plot([1, 2], label=f"line number {k}, say")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=4)
    wide, phone = ElementTree.fromstring(f"<p>{page.figure_svg(fig, 'x')}</p>")
    assert (_width(wide), _width(phone)) == (pytest.approx(7.2 * 72), pytest.approx(page.PHONE * 72))
    assert "\n" in axes.get_xlabel() and axes.get_xlabel().replace("\n", " ").startswith("a label that is far too long")
    fig.draw_without_rendering()  # type: ignore[no-untyped-call]
    legend = axes.get_legend()
    assert legend is not None
    for text in (axes.xaxis.label, *legend.get_texts()):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= page.PHONE * fig.dpi


def test_a_small_figure_serves_both() -> None:
    svg = page.figure_svg(page.figure(4.0, 3.0)[0], "x")
    assert svg.count("<svg") == 1 and 'class="figure"' in svg


def test_house_style_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    page.figure_svg(_drawing([1, 2]), "x")
    assert dict(matplotlib.rcParams) == before


def test_page_asks_for_nothing_and_shows_its_provenance() -> None:
    html = page.render("base.html", title="Fit <of> a panel", provenance={"seed": 7, "data": "sha256 <abc>"})
    assert "<title>Fit &lt;of&gt; a panel</title>" in html
    assert "sha256 &lt;abc&gt;" in html
    assert "<script" not in html
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert "@import" not in html and "url(" not in html


def test_missing_name_is_an_error_not_an_empty_place() -> None:
    with pytest.raises(jinja2.UndefinedError):
        page.render("base.html", title="no provenance")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numerals.integer(1234567.4), "1,234,567"),
        (numerals.integer(-0.2), "0"),
        (numerals.money(12.5), "12.50"),
        (numerals.money(-12345.6, "EUR"), "−12,346\u00a0EUR"),
        (numerals.percent(0.1234), "12.3\u00a0%"),
        (numerals.significant(0.0012345), "0.00123"),
        (numerals.significant(4413.5), "4,414"),
        (numerals.significant(0.99999), "1.00"),
        (numerals.significant(-0.0099999, 2), "−0.010"),
        (numerals.number(float("nan")), "–"),
        (numerals.number(-17.11, -1), "−20"),
        (numerals.signed(numerals.percent(0.034)), "+3.4\u00a0%"),
        (numerals.signed(numerals.percent(-0.034)), "−3.4\u00a0%"),
        (numerals.signed(numerals.number(-0.04)), "0.0"),
        (numerals.signed(numerals.number(1234.5, 0)), "+1,234"),
        (numerals.signed(numerals.number(float("nan"))), "–"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected


def test_colours_are_eight_that_differ() -> None:
    assert len(set(page.COLOURS)) == 8


def test_what_goes_together_is_told_the_strongest_first():
    covariance = [[4.0, -1.8, 0.2], [-1.8, 1.0, 0.3], [0.2, 0.3, 1.0]]
    assert together(["a", "b", "c"], covariance) == ["a and b: \u22120.90", "b and c: +0.30"]
    assert together([], []) == [] and together(["a", "b"], [[0.0, 0.0], [0.0, 1.0]]) == []


def test_thousands_are_set_off_on_an_axis_too() -> None:
    fig, axes = page.figure()
    axes.plot([0, 0.25], [-12_000, 30_000])
    page.figure_svg(fig, "x")
    fig.draw_without_rendering()  # type: ignore[no-untyped-call]
    assert {"\u221210,000", "0", "30,000"} <= {tick.get_text() for tick in axes.get_yticklabels()}
    assert {"0.00", "0.25"} <= {tick.get_text() for tick in axes.get_xticklabels()}


def test_names_under_an_axis_are_turned_where_a_phone_has_no_room_for_them() -> None:
    fig, axes = page.figure()
    axes.bar(["deferred on earning", "recognised on redemption", "recognised breakage", "change of estimate"], [4, 3, 2, 1])
    page.figure_svg(fig, "x")
    assert {tick.get_rotation() for tick in axes.get_xticklabels()} == {45.0}
    short, axes = page.figure()
    axes.bar(["a", "b"], [1, 2])
    page.figure_svg(short, "x")
    assert {tick.get_rotation() for tick in axes.get_xticklabels()} == {0.0}


@pytest.mark.parametrize("days", [20, 100, 149, 400, 900, 1090, 1400, 1800, 4000])
def test_dates_along_an_axis_have_a_tick_on_a_phone_whatever_they_span(days: int) -> None:
    """Matplotlib has no step that gives five ticks to some spans, and warns on the terminal."""
    fig, axes = page.figure()
    axes.plot([dt.date(2022, 1, 3), dt.date(2022, 1, 3) + dt.timedelta(days)], [0.0, 1.0])  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "<svg" in str(page.figure_svg(fig, "time"))
    assert 2 <= len(axes.get_xticks()) <= 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("installed", [True, False])
def test_letters_that_the_font_of_drawings_lacks_are_no_boxes(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in Chinese are drawn in a font of the machine that has them; where none has, they are text, which browsers draw."""
    name = "蜂蜜会员"
    if not installed:
        monkeypatch.setattr(letters, "fontManager", SimpleNamespace(ttflist=[]))
        letters._others.cache_clear()
    fig = _drawing([1, 2, 4])
    fig.axes[0].set_yticks([1, 2], [name, "plain"])
    fig.axes[0].set_title(name, loc="left")
    names, drawn = letters.families([name])
    html = svg.shared_glyphs(f"<html><body>{page.figure_svg(fig, 'x')}</body></html>")
    letters._others.cache_clear()
    fonts = set(re.findall(r'<path id="(?:f\w{6}-)?(\w+)-[^"]*"', html)) if drawn else set()
    assert (name in re.sub("<!--.*?-->", "", html)) != drawn
    assert drawn == (len(fonts) > 1) and (names == [letters.HOUSE]) != drawn
    assert installed or not drawn
    assert letters.families(["no-programme", "Müller", "\n"]) == ([letters.HOUSE], True)
