"""Errors by dense-margin decile: the counts in the figure and on the page."""

from __future__ import annotations

from matplotlib.figure import Figure

from sparserobust import report
from sparserobust.analysis import analyse
from sparserobust.report.page import render
from sparserobust.report.sections.mistakes import mistakes
from sparserobust.stats import wilson

from .attack_factory import budgeted, some
from .factory import N, accuracy, first
from .margins import pair
from .test_page import read


def test_records_alone_give_the_deciles_clean_and_under_attack():
    """30 of 200 lost: deciles of 20 images lose 20 and 10. Of 100 robust ones: deciles of 10 lose 10, 10, 10."""
    part = mistakes(analyse(pair()))
    clean, attacked = part.counts
    assert (clean.condition, attacked.condition) == ("clean images", "FGSM, ε = 0.1")
    assert [c.text for c in clean.cells[:3]] == ["20/20", "10/20", "0/20"]
    assert [c.text for c in attacked.cells[:4]] == ["10/10", "10/10", "10/10", "0/10"]
    low = wilson(10, 20)
    assert clean.cells[1].dim == f"[{100 * low.low:.0f},\u00a0{100 * low.high:.0f}]"
    (row,) = part.table.rows
    assert (row.cells[0].text, row.cells[0].dim) == ("30", "of 200")
    assert row.cells[1].text == "100.0"
    assert row.cells[2].text == "5.6"  # 10 of 180


def test_every_attack_of_the_run_has_its_row():
    runs = pair()
    extra = budgeted(
        first(N), [some(range(150, N))] * 3, "pgd-l2", norm="l2", eps=(0.25, 0.5, 1.0), headline=0.5
    )
    runs = [one.model_copy(update={"outcomes": {**one.outcomes, "pgd-l2": extra}}) for one in runs]
    part = mistakes(analyse(runs))
    assert [c.condition for c in part.counts] == ["clean images", "FGSM, ε = 0.1", "PGD, ℓ₂ = 0.5"]


def test_several_seeds_are_averaged_and_never_pooled():
    """Shares of the second decile: 10, 5 and 0 of 20, mean 25 %, Student's t."""
    runs = [one for s, lost in enumerate((30, 25, 20)) for one in pair(s, lost)]
    part = mistakes(analyse(runs))
    assert part.seeds
    assert part.counts[0].cells[1].text == "25.0 %"
    assert part.counts[0].cells[1].dim.startswith("± 62.1")  # 4.303 * 0.25 / sqrt(3)
    assert part.table.rows[0].cells[0].text == "20 to 30"


def test_the_figure_shows_the_counted_shares():
    ax = Figure().add_subplot()
    report.plot_mistakes_by_margin(ax, pair())
    assert [bar.get_height() for bar in ax.patches] == [100, 50, *[0] * 8]
    ax = Figure().add_subplot()
    report.plot_mistakes_by_margin(ax, pair(), robust=True)
    assert [bar.get_height() for bar in ax.patches] == [100, 100, 100, *[0] * 7]


def test_records_without_margins_show_everything_else():
    runs = pair()
    old = runs[0].model_copy(update={"outcomes": {**runs[0].outcomes, "accuracy": accuracy(first(N))}})
    html = render([old, runs[1]])
    assert "Clean images" in html
    assert "by dense-margin decile" not in html
    assert "by dense-margin decile" in render(runs)
    read(render(runs))


def test_other_images_or_no_dense_network_give_no_deciles():
    runs = pair()
    other = runs[0].model_copy(update={"data": runs[0].data.model_copy(update={"sha256": "e" * 64})})
    assert mistakes(analyse([other, runs[1]])) is None
    assert mistakes(analyse([runs[1]])) is None
