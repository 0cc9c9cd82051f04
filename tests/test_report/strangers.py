"""A distribution with a section of the report, as a third party writes it, and records for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from sparserobust.records import Outcome, Run, ScoreSpec

from .factory import attacked, number, run

Install = Callable[..., None]

SHARPNESS = dedent(
    '''
    """The sharpness of every network, as a table and a figure."""

    from sparserobust.report import Column, Section, estimate, figure, plain_table, scored


    class Sharpness(Section):
        """How sharp the minimum is."""

        id = "sharpness"
        title = "Sharpness"
        place = 85
        shows = frozenset({"sharpness"})
        needs = frozenset({"acme-sharpness"})

        def build(self, findings):
            table = plain_table(
                findings,
                "<b>Sharpness</b>",
                [(Column("sharpness", "<i>largest</i>"), scored("sharpness", "{:.2f}".format))],
                notes=("A note with <script>alert(2)</script>.",),
            )
            values = [estimate(group, "sharpness").value for group in findings.lineup.groups]
            drawn = figure("acme", "sharpness <by> row", 200, 100, lambda ax: ax.plot(values))
            return {"table": table, "figure": drawn, "sharpest": findings.lineup.groups[-1].first.subject.label}
    '''
)
TEMPLATE = dedent(
    """
    <div class="note">
    <h2>Sharpness</h2>
    <p>Sharpest: {{ part.sharpest }}.</p>
    </div>
    <div>
    {{ part.figure }}
    {{ m.plain(part.table) }}
    </div>
    """
)


def sharpness(value: float) -> Outcome:
    return Outcome(
        evaluator="acme-sharpness",
        title="sharpness",
        status="ok",
        measures=(ScoreSpec(name="sharpness", unit="", about="largest eigenvalue"),),
        scores=(number("sharpness", value), number("roughness", 7.5)),
    )


def runs(**facts: str) -> list[Run]:
    return [
        run("dense", 0.0, *attacked(190, 100), sharpness(3.25)),
        run("snip", 0.9, *attacked(190, 90), sharpness(4.75), **facts),
    ]


def of(html: str, section: str) -> str:
    """The HTML of one section, "" where it is not on the page."""
    start = html.find(f'<section id="{section}">')
    return html[start : html.index("</section>", start)] if start >= 0 else ""


def lines(html: str) -> list[str]:
    """What is said of sections that could not be shown."""
    return re.findall(r"<p[^>]*>(Section “[^<]*)</p>", html[html.rindex("</section>") :])


def installs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution into the folder: its files, and id -> object of its sections."""
    monkeypatch.syspath_prepend(folder)
    packages: set[str] = set()

    def made(name: str, files: dict[str, str], **entries: str) -> None:
        package = name.replace("-", "_")
        packages.add(package)
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {package}.{value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[sparserobust.sections]", *lines, ""]))
        (folder / package).mkdir()
        for file, text in {"__init__.py": "", **files}.items():
            (folder / package / file).write_text(text)

    yield made
    for module in [own for own in sys.modules if own.partition(".")[0] in packages]:
        del sys.modules[module]
