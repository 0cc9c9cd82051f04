"""Whether a piece of HTML closes what it opens, so that what follows it on a page stays what it is."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"])
_OPTIONAL = frozenset(["dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr"])
"""Elements that HTML lets end without a closing tag."""


def unclosed(html: str) -> str:
    """The first tag that stays open, or that closes what the piece did not open, as "<div>"; "" where none does."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if html.rfind("<!--") > html.rfind("-->"):
        return "<!--"
    return reader.wrong or next((f"<{tag}>" for tag in reader.open if tag not in _OPTIONAL), "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens and closes nothing."""

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in _OPTIONAL:
            self.open.pop()
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif not self.wrong and tag not in _VOID:
            self.wrong = f"<{self.open[-1]}>" if tag in self.open else f"</{tag}>"
