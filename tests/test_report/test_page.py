"""The page as a file: self-contained, escaped, repeatable, complete with whatever the records hold."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from sparserobust.errors import ConfigError
from sparserobust.records import Outcome, Score, said
from sparserobust.report import write_report
from sparserobust.report.page import render

from .attack_factory import with_margin
from .factory import (
    N,
    accuracy,
    attacked,
    carlini_wagner,
    connectivity,
    failed,
    first,
    flops,
    gradient_norm,
    history,
    run,
    saliency,
    skipped,
    storage,
)

EVIL = "<script>alert(1)</script>"


def full(method, sparsity, robust=100, seed=0, **facts):
    """A run with every evaluator."""
    zero = 0.0 if facts.get("offset", "zero") != "zero" else sparsity
    distance = np.linspace(0.1, 2.0, N)
    clean, attack = attacked(190, robust)
    return run(
        method,
        sparsity,
        with_margin(clean, np.linspace(5.0, -0.2, N)),
        attack,
        carlini_wagner(first(190), distance),
        saliency(),
        connectivity(),
        gradient_norm(2.5, 0.8),
        flops(1192960.0 * (1 - zero)),
        storage(zero, 1 - sparsity),
        seed=seed,
        trained=history(),
        command="sparserobust evaluate --data digits",
        **facts,
    )


def comparison(seeds=1):
    runs = []
    for seed in range(seeds):
        runs.append(full("dense", 0.0, 100 + seed, seed))
        for sparsity in (0.9, 0.95):
            runs.append(full("snip", sparsity, 120 - seed, seed))
            runs.append(full("freezenet", sparsity, 90 + seed, seed, offset="frozen"))
    return runs


class Reader(HTMLParser):
    """Tags that must be balanced, ids, links inside the page, and all text."""

    void = frozenset(
        {"meta", "br", "img", "link", "path", "line", "rect", "circle", "polyline", "use", "image"}
    )

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.targets, self.tags, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.targets += [v[1:] for name, v in attrs if name == "href" and v and v.startswith("#")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    return render(comparison())


def test_the_file_is_written_whole_and_its_path_returned(tmp_path):
    path = write_report([run("snip", 0.9, *attacked(190, 100))], tmp_path / "new" / "report.html")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text("utf-8").endswith("</html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_no_runs_are_refused_and_write_nothing(tmp_path):
    with pytest.raises(ConfigError, match="expected at least one run"):
        write_report([], tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_the_same_records_give_the_same_bytes(page):
    assert render(comparison()) == page


def test_the_page_is_one_file_without_scripts_or_links_out(page):
    assert "<script" not in page
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", page)
    assert "default-src 'none'" in page
    assert "@import" not in page


def test_the_page_is_well_formed_and_every_link_inside_it_arrives(page):
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.targets) <= set(reader.ids)
    for url in re.findall(r"url\(#([^)]*)\)", page):
        assert url in reader.ids


def test_every_section_is_there_when_everything_was_measured(page):
    ids = read(page).ids
    before = "table reliability paired attacks frontier eps distance saliency layers gradients"
    sections = f"{before} cost training repeat glossary"
    assert [i for i in ids if i in sections.split()] == sections.split()


def test_figures_follow_the_theme_and_tell_what_they_are(page):
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) >= 8
    for figure in figures:
        assert 'role="img"' in figure
        assert "<title>" in figure
        assert not re.search(r"#[0-9a-f]{6}", figure)


def test_many_seeds_methods_and_sparsities_stay_below_two_megabytes():
    runs = [
        full(method, sparsity, 100 - 7 * k + seed, seed, **({"offset": "frozen"} if k > 3 else {}))
        for seed in range(3)
        for k, method in enumerate(("snip", "grasp", "random", "magnitude", "freezenet"))
        for sparsity in (0.9, 0.95, 0.99)
    ]
    assert len(render(runs).encode()) < 2_000_000


def test_a_name_that_is_markup_comes_out_as_text():
    runs = comparison()
    runs.append(full("snip", 0.97, label=EVIL, model=EVIL))
    runs.append(
        run(EVIL, 0.9, *attacked(190, 80), failed("saliency", EVIL), command=EVIL, trained=history(EVIL))
    )
    runs.append(run(None, 0.9, *attacked(190, 80), label="$x_1$ \"'&", model="m"))
    html = render(runs, title=EVIL)
    assert "<script" not in html
    reader = read(html)
    assert "script" not in reader.tags
    assert EVIL in "".join(reader.text)


@pytest.mark.parametrize(
    "missing", ["accuracy", "fgsm", "carlini-wagner", "saliency", "connectivity", "storage"]
)
def test_any_evaluator_may_be_missing_skipped_or_failed(missing):
    gone, *others = [
        one.model_copy(update={"outcomes": {name: o for name, o in one.outcomes.items() if name != missing}})
        for one in comparison()[:3]
    ]
    told = [how(missing, f"reason {k}") for k, how in enumerate((skipped, failed))]
    runs = [
        one.model_copy(update={"outcomes": {**one.outcomes, missing: outcome}})
        for one, outcome in zip(others, told, strict=True)
    ]
    html = render([gone, *runs])
    read(html)
    assert "reason 0" in html
    assert "reason 1" in html
    read(render([gone, *others]))


def test_a_run_with_accuracy_alone_makes_a_page():
    html = render([run("snip", 0.9, accuracy(first(190)))])
    text = "".join(read(html).text)
    assert "No attack was run" in text
    assert "robustness was not measured" in text
    assert "frontier" not in read(html).ids


def test_a_run_with_nothing_at_all_makes_a_page():
    read(render([run("snip", 0.9)]))


def test_the_frontier_needs_two_sparsities():
    runs = [one for one in comparison() if one.subject.target_sparsity != 0.95]
    assert "frontier" not in read(render(runs)).ids


def test_a_third_partys_scores_are_shown_with_interval_unit_and_source():
    theirs = Outcome(
        evaluator="cosiness",
        status="ok",
        scores=(Score(name="warmth", value=0.4321, unit="K", n=77, ci_low=0.4, ci_high=0.5, at=0.25),),
        source="Doe 2031",
        verdict=said("rather warm"),
    )
    text = "".join(read(render([run("snip", 0.9, accuracy(first(190)), theirs)])).text)
    assert "cosiness" in text
    assert "warmth at 0.25" in text
    assert "K, n = 77" in text
    assert "0.4321 [0.4000,\u00a00.5000]" in text
    assert "Doe 2031" in text
    assert "SNIP 0.9: rather warm." in text


def test_papers_figures_carry_their_names_and_frozen_nets_save_no_macs(page):
    text = "".join(read(page).text)
    assert "SNIP-it; not attainable" in text
    assert "saves no MACs" in text
    assert "HM (trainable)" in text
    assert "dense at inference" in text


def test_colour_photographs_are_shown_as_they_are_and_strokes_as_ink():
    strokes = render([full("snip", 0.9)])
    photographs = render([full("snip", 0.9, input_shape=(3, 8, 8))])
    assert 'class="stroke' in strokes
    assert 'class="stroke' not in photographs
    assert '<use href="#map0-i"/>' in photographs
    read(photographs)


def test_another_recipe_than_dense_is_said():
    dense = run("dense", 0.0, *attacked(190, 100), trained=history(lr=0.003))
    other = run("snip", 0.9, *attacked(190, 90), trained=history(lr=0.1))
    text = "".join(read(render([dense, other])).text)
    assert "SNIP 0.9: trained under another recipe than dense: lr 0.1 (dense 0.003)." in text


def test_different_images_are_said_not_to_be_paired():
    runs = [
        run("dense", 0.0, *attacked(190, 100), data_sha="a" * 64),
        run("snip", 0.9, *attacked(190, 90), data_sha="b" * 64),
    ]
    text = "".join(read(render(runs)).text)
    assert "not paired: dense was evaluated on other images" in text
    assert "two different sets of images" in text


def test_importing_the_report_is_cheap():
    code = (
        "import sys, sparserobust.report as r; r.write_report; "
        "print([m for m in ('torch', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_report_needs_no_torch(tmp_path):
    file = run("snip", 0.9, *attacked(190, 100)).save(tmp_path)
    code = (
        "import sys, sparserobust as sr; "
        f"sr.write_report([sr.load_run({str(file)!r})], {str(tmp_path / 'r.html')!r}); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_records_edited_after_writing_are_said_at_the_top_and_where_it_tells_how_to_repeat_them():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90))]
    plain = "".join(read(render(runs)).text)
    edited = [runs[0], runs[1].model_copy(update={"integrity": "edited"})]
    html = render(edited)
    assert "1 record edited after writing" in html[: html.index('id="table"')]
    assert (
        "1 record edited after writing, which may hold anything: SNIP 0.9."
        in html[html.index('id="repeat"') :]
    )
    assert "edited" not in plain


def test_records_of_an_earlier_schema_are_unverified_and_said_to_be():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90))]
    old = [runs[0], runs[1].model_copy(update={"integrity": "unverified"})]
    assert "; 1 from an earlier schema and so unverified" in "".join(read(render(old)).text)
    every = [one.model_copy(update={"integrity": "unverified"}) for one in runs]
    assert "; all from an earlier schema and so unverified" in "".join(read(render(every)).text)
    assert "unverified" not in "".join(read(render(runs)).text)
