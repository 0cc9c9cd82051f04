"""A matplotlib figure as SVG inside a page: colours follow the theme, ids are its own, same input, same bytes."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from sparserobust.report.look.theme import figure_colours

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

_DROPPED = [
    re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<style type=\"text/css\">.*?</style>", re.DOTALL),  # it would reach the whole page
    re.compile(r" transform=\"rotate\(-?0 [^)]*\)\""),
    re.compile(r" font-family: [^;\"]*;"),
]
_ID = re.compile(r'(\bid="|url\(#|xlink:href="#)')
_GROUP_ID = re.compile(r'<g id="[^"]*"')
_EMPTY = re.compile(r"<g/>|<defs>\s*</defs>|<path d=\"[^\"]*\" style=\"fill: none\"/>")
_HEAD = re.compile(r"<svg [^>]*>")
_VIEW = re.compile(r'viewBox="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _rounded(number: re.Match[str]) -> str:
    """A coordinate to a hundredth of a px."""
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def to_svg(figure: Figure, name: str, title: str) -> Markup:
    """The figure as an `<svg role="img">` with a title; must be called inside `style.drawing()`.

    Args:
        figure: drawn with the light theme's colours only; each becomes its CSS variable.
        name: unique on the page, prefixed to all ids.
        title: what a reader who sees no pictures is told.
    """
    from markupsafe import Markup

    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    for pattern in _DROPPED:
        text = pattern.sub("", text)
    view = _VIEW.search(text)
    assert view is not None
    width, height = view.group(1).split()[2:]
    label = escape(title)
    head = (
        f'<svg role="img" aria-label="{label}" viewBox="{view.group(1)}" width="{width}" height="{height}">'
        f"<title>{label}</title>"
    )
    text = _EMPTY.sub("", _GROUP_ID.sub("<g", text))
    text = _ID.sub(rf"\g<1>{name}-", text).replace("xlink:href", "href")
    text = _HEAD.sub(lambda _: head, text, count=1)
    for colour, variable in figure_colours().items():
        text = text.replace(colour, variable)
    text = _TAG.sub(lambda tag: _NUMBER.sub(_rounded, tag.group()), text)
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    return Markup(text)
