"""Sections of third parties: found like ours, escaped like ours, and one that is broken hurts nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import sparserobust
from sparserobust.records import Outcome, Run, ScoreSpec, remark
from sparserobust.registry import sections
from sparserobust.report.page import render
from sparserobust.report.sections.section import Section

from .factory import accuracy, attacked, first, number, run
from .test_page import EVIL, read

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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution: its files, and id -> object of its sections."""
    monkeypatch.syspath_prepend(tmp_path)
    packages: set[str] = set()

    def made(name: str, files: dict[str, str], **entries: str) -> None:
        package = name.replace("-", "_")
        packages.add(package)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {package}.{value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[sparserobust.sections]", *lines, ""]))
        (tmp_path / package).mkdir()
        for file, text in {"__init__.py": "", **files}.items():
            (tmp_path / package / file).write_text(text)

    yield made
    for module in [own for own in sys.modules if own.partition(".")[0] in packages]:
        del sys.modules[module]


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


def test_ours_are_entry_points_in_the_order_of_the_page_each_under_its_own_id() -> None:
    ours = [name for name in sections.names() if name not in sections.third_party()]
    classes = [sections.load(name) for name in ours]
    assert len(ours) == len(set(ours)) == 14
    assert [own.id for own in classes] == ours
    assert all(issubclass(own, Section) for own in classes)
    places = [own.place for own in classes]
    assert places == sorted(set(places))
    folder = Path(sparserobust.__file__).parent / "report" / "sections"
    files = [file for file in folder.glob("*.py") if file.stem != "section"]
    defined = {
        f"{file.stem}:{name}"
        for file in files
        for name in re.findall(r"^class (\w+)\((?:Closing)?Section\)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert defined == {entry.value.rpartition(".")[2] for own in ours for _, entry in sections.declared(own)}


def test_no_score_stands_in_two_sections() -> None:
    shows = [score for name in sections.names() for score in sections.load(name).shows]
    assert len(shows) == len(set(shows)) > 50


def test_a_strangers_section_stands_where_it_says_with_our_tables_and_figures(install: Install) -> None:
    install(
        "acme-sections",
        {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE},
        sharpness="sharp:Sharpness",
    )
    assert len(SHARPNESS.strip().splitlines()) <= 30
    assert len(TEMPLATE.strip().splitlines()) <= 10
    html = render(runs())
    reader = read(html)
    assert reader.ids.index("layers") < reader.ids.index("sharpness") < reader.ids.index("repeat")
    assert '<a href="#sharpness">Sharpness</a>' in html
    own = of(html, "sharpness")
    assert '<table class="plain">' in own
    assert "3.25" in own
    assert "4.75" in own
    assert '<svg role="img"' in own
    assert 'id="acme-' in own
    assert "font-family" not in own
    assert lines(html) == []


def test_whatever_a_strangers_section_places_is_escaped(install: Install) -> None:
    install("acme-sections", {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    html = render(runs(label=EVIL))
    own = of(html, "sharpness")
    assert "Sharpest: &lt;script&gt;alert(1)&lt;/script&gt;." in own
    assert "&lt;b&gt;Sharpness&lt;/b&gt;" in own
    assert "&lt;i&gt;largest&lt;/i&gt;" in own
    assert "alert(2)&lt;/script&gt;" in own
    assert "sharpness &lt;by&gt; row" in own
    assert "<script" not in html
    assert "script" not in read(html).tags


def test_its_scores_leave_the_other_measurements_where_it_stands_and_only_there(install: Install) -> None:
    before = of(render(runs()), "other")
    assert "sharpness" in before
    assert "roughness" in before
    install("acme-sections", {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    html = render(runs())
    assert "largest eigenvalue" not in of(html, "other") + of(html, "glossary")
    assert "roughness" in of(html, "other")


def test_a_section_is_not_built_without_what_it_needs(install: Install) -> None:
    picky = SHARPNESS.replace('{"acme-sharpness"}', '{"sharpness", "no-such-thing"}')
    install(
        "acme-sections",
        {"sharp.py": picky, "sharpness.j2": TEMPLATE},
        sharpness="sharp:Sharpness",
    )
    html = render(runs())
    assert (of(html, "sharpness"), lines(html)) == ("", [])
    assert "largest eigenvalue" in of(html, "other")


def test_a_score_is_as_good_a_need_as_an_evaluator_and_an_evaluator_that_failed_is_none(
    install: Install,
) -> None:
    by_score = SHARPNESS.replace('{"acme-sharpness"}', '{"sharpness"}')
    install("acme-sections", {"sharp.py": by_score, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    assert of(render(runs()), "sharpness")
    lost = sharpness(1.0).model_copy(
        update={"status": "failed", "reason": remark("no-example"), "scores": ()}
    )
    html = render([run("snip", 0.9, accuracy(first(190)), lost)])
    assert (of(html, "sharpness"), lines(html)) == ("", [])


def test_the_template_may_be_text_in_the_class_and_its_module_no_package(
    tmp_path: Path, install: Install
) -> None:
    text = SHARPNESS.replace('title = "Sharpness"', 'title = "S"; template = "<p>{{ part.sharpest }}</p>"')
    install("acme", {"sharp.py": text}, sharpness="sharp:Sharpness")
    assert of(render(runs()), "sharpness").endswith("<p>snip 0.9</p>\n")
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[sparserobust.sections]\nsharpness = acme_alone:Sharpness\n"
    )
    (tmp_path / "acme_alone.py").write_text(SHARPNESS)
    (tmp_path / "sharpness.j2").write_text("<p>alone {{ part.sharpest }}</p>")
    try:
        assert "<p>alone snip 0.9</p>" in of(render(runs()), "sharpness")
    finally:
        sys.modules.pop("acme_alone", None)


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
    "has-no-template": (SHARPNESS, None, "FileNotFoundError: "),
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


def test_scores_of_an_evaluator_that_is_not_installed_are_shown_and_said_to_be() -> None:
    html = render(runs())
    own = of(html, "other")
    assert "4.75" in own
    assert own.count("Measured by an evaluator that is not installed here") == 1
    ours = Outcome(evaluator="accuracy-again", status="ok", scores=(number("warmth", 1.5),))
    other = of(render([run("snip", 0.9, ours)]), "other")
    assert "1.5" in other
    assert "not installed" not in other


def test_the_same_records_give_the_same_bytes_with_sections_of_strangers(install: Install) -> None:
    install("acme-sections", {"sharp.py": SHARPNESS, "sharpness.j2": TEMPLATE}, sharpness="sharp:Sharpness")
    install("beta-sections", {"sharp.py": "1 / 0"}, blunt="sharp:Blunt")
    assert render(runs()) == render(runs())


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
    html = (tmp_path / "r.html").read_text("utf-8")
    assert of(html, "sharpness")
    assert [line.partition(":")[0] for line in lines(html)] == [
        "Section “blunt” of beta-sections could not be shown"
    ]
