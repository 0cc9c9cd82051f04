"""Sections of third parties: found like ours, shown with our tables and figures, and escaped."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import sparserobust
from sparserobust.records import Outcome, remark
from sparserobust.registry import sections
from sparserobust.report.page import render
from sparserobust.report.sections.section import Section

from .factory import accuracy, first, number, run
from .strangers import SHARPNESS, TEMPLATE, Install, lines, of, runs, sharpness
from .test_page import EVIL, read


def test_ours_are_entry_points_each_under_its_own_id_and_at_its_own_place() -> None:
    ours = [name for name in sections.names() if name not in sections.third_party()]
    classes = [sections.load(name) for name in ours]
    assert len(ours) == len(set(ours)) == 14
    assert [own.id for own in classes] == ours
    assert all(issubclass(own, Section) for own in classes)
    assert len({own.place for own in classes}) == len(ours)
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
