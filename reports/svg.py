"""Matplotlib's SVG without what a reader does not see: half the bytes, the same picture."""

from __future__ import annotations

import re

_PLACES = re.compile(r'(translate\(|\b(?:[xy][12]?|c[xy]|width|height)=")([^")]*)')
_GLYPH = re.compile(r'<path id="f\w{6}-(DejaVuSans[\w-]*)"([^>]*)/>')


def slim(svg: str) -> str:
    """The same drawing without comments, names that nothing refers to, and digits beyond a hundredth of a point."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r'\bd="([^"]*)"', lambda found: f'd="{_path(found[1])}"', svg)
    svg = _PLACES.sub(lambda found: found[1] + _rounded(found[2]), svg)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r">\s+<", "><", svg)
    return re.sub(r"<g>(<use [^>]*/>)</g>|<defs></defs>", r"\1", svg)


def shared_glyphs(html: str) -> str:
    """A page whose letters are drawn once for all its figures; html: with figures of reports.page.figure_svg."""
    found = dict(_GLYPH.findall(html))
    if not found:
        return html
    html = _GLYPH.sub("", html)
    html = re.sub(r'href="#f\w{6}-(DejaVuSans[\w-]*)"', r'href="#\1"', html).replace("<defs></defs>", "")
    letters = "".join(f'<path id="{name}"{rest}/>' for name, rest in sorted(found.items()))
    head, body = html.split("<body>", 1)
    place = '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    return f"{head}<body>\n{place}{letters}</defs></svg>{body}"


def _path(d: str) -> str:
    """`M 1.004 2 L 3 4` -> `M1 2L3 4`."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(d.strip()))


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d[\d.]*(?:e-?\d+)?", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), numbers)
