"""A section that is broken, or whose name is taken, is a line at the end of the page and hurts nobody else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sparserobust import registry
from sparserobust.errors import PluginError
from sparserobust.report.look.closed import unclosed
from sparserobust.report.page import render

from .strangers import SHARPNESS, TEMPLATE, Install, lines, of, runs
from .test_page import read

BROKEN = {
    "fails-to-import": ("1 / 0", "", "ZeroDivisionError: division by zero"),
    "lacks-the-class": ("x = 1", "", "AttributeError: module 'acme_sections.sharp' has no attribute"),
    "raises-in-build": (
        SHARPNESS.replace(
            "table = plain_table", "raise RuntimeError('two\\nlines')\n        t = plain_table"
        ),
        TEMPLATE,
        "RuntimeError: two lines",
    ),
    "raises-in-its-template": (
        SHARPNESS,
        "{{ part.no_such_thing.at_all }}",
        "UndefinedError: 'dict object' has no attribute 'no_such_thing'",
    ),
    "has-no-template": (
        SHARPNESS,
        None,
        "expected its template sharpness.j2 beside acme_sections.sharp, got none; put it there or set `template`",
    ),
    "has-a-template-that-is-none": (SHARPNESS, "{% for %}", "TemplateSyntaxError: "),
    "leaves-an-element-open": (SHARPNESS, "<div><p>x", "its template does not close what it opens: <div>"),
    "closes-the-page": (SHARPNESS, "x</main>", "its template does not close what it opens: </main>"),
    "is-a-function": (
        "def Sharpness(): pass",
        "",
        "expected a class derived from sparserobust.report.Section, got function",
    ),
    "is-another-class": ("class Sharpness: id = 'sharpness'", "", "got the class Sharpness; derive it"),
    "has-no-build": (SHARPNESS.replace("def build", "def built"), TEMPLATE, "TypeError: Can't instantiate"),
    "has-another-id": (
        SHARPNESS.replace('id = "sharpness"', 'id = "sharp"'),
        TEMPLATE,
        "expected id 'sharpness', the name of its entry point, got 'sharp'; let both be alike",
    ),
    "needs-a-word": (
        SHARPNESS.replace('needs = frozenset({"acme-sharpness"})', 'needs = "acme-sharpness"'),
        TEMPLATE,
        "needs must be a set of names, got 'acme-sharpness'",
    ),
    "stands-nowhere": (SHARPNESS.replace("place = 85", "place = 'top'"), TEMPLATE, "place must be a number"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_section_is_a_line_and_changes_nothing_else(install: Install, how: str) -> None:
    module, template, reason = BROKEN[how]
    whole = render(runs())
    files = {"sharp.py": module, **({} if template is None else {"sharpness.j2": template})}
    install("acme-sections", files, sharpness="sharp:Sharpness")
    html = render(runs())
    (line,) = lines(html)
    start = "Section “sharpness” of acme-sections could not be shown: "
    assert line.startswith(start)
    assert reason in line.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert re.sub(r"<p[^>]*>Section “[^<]*</p>\n", "", html) == whole
    read(html)


def test_a_name_of_ours_stays_ours(install: Install) -> None:
    theirs = SHARPNESS.replace('id = "sharpness"', 'id = "repeat"')
    whole = render(runs())
    install("acme-sections", {"sharp.py": theirs, "repeat.j2": TEMPLATE}, repeat="sharp:Sharpness")
    html = render(runs())
    assert of(html, "repeat") == of(whole, "repeat")
    (line,) = lines(html)
    assert "“repeat” of acme-sections" in line
    assert "is taken by sparserobust; rename one of them" in line


def test_of_strangers_that_share_a_name_none_is_shown_and_each_is_named(install: Install) -> None:
    for name in ("acme-sections", "beta-sections"):
        install(name, {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    html = render(runs())
    assert of(html, "sharpness") == ""
    told = sorted(lines(html))
    assert ["acme-sections" in told[0], "taken by beta-sections" in told[0]] == [True, True]
    assert ["beta-sections" in told[1], "taken by acme-sections" in told[1]] == [True, True]


def test_the_anchor_of_the_table_is_no_name_for_a_section(install: Install) -> None:
    theirs = SHARPNESS.replace('id = "sharpness"', 'id = "table"')
    install("acme-sections", {"sharp.py": theirs, "table.j2": TEMPLATE}, table="sharp:Sharpness")
    (line,) = lines(render(runs()))
    assert "not &#39;table&#39;" in line


def test_the_command_succeeds_without_torch_beside_a_broken_section(tmp_path: Path, install: Install) -> None:
    install("acme-sections", {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    install("beta-sections", {"sharp.py": "1 / 0"}, blunt="sharp:Blunt")
    for place, one in enumerate(runs()):
        one.save(tmp_path / "runs" / str(place))
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import sparserobust.report as report
        from sparserobust.report import Cell, Column, Section, estimate, figure, plain_table
        assert not {{"torch", "matplotlib", "jinja2"}} & set(sys.modules)
        from sparserobust.cli.main import main
        sys.argv = ["sparserobust", "report", {str(tmp_path / "runs")!r}, "--out", {str(tmp_path / "r.html")!r}]
        try:
            main()
        except SystemExit as end:
            assert not end.code, end.code
        assert "torch" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "section blunt of beta-sections could not be shown: ZeroDivisionError" in done.stderr
    html = (tmp_path / "r.html").read_text("utf-8")
    assert of(html, "sharpness")
    assert [line.partition(":")[0] for line in lines(html)] == [
        "Section “blunt” of beta-sections could not be shown"
    ]


def test_without_any_section_the_installation_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: ())
    with pytest.raises(PluginError, match="'sparserobust.sections', got none; install sparserobust again"):
        render(runs())


@pytest.mark.parametrize(
    ("html", "tag"),
    [
        ("<div><p>one<p>two<br><img src=''></div>", ""),
        ("<table><tr><td>1<td>2<tr><td>3</table><ul><li>a<li>b</ul>", ""),
        ("<svg><path d='M0 0'/><g><circle/></g></svg> 1 < 2 &amp; 3", ""),
        ("<p>text", ""),
        ("<div><span></div>", "<span>"),
        ("<p><b>x</p>", "<b>"),
        ("</section>", "</section>"),
        ("<div></div></div>", "</div>"),
        ("<main><div>", "<main>"),
    ],
)
def test_what_stays_open_or_closes_what_is_not_its_own_is_found(html: str, tag: str) -> None:
    assert unclosed(html) == tag
