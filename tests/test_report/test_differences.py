"""Every difference in full on the page: counts of disagreement, p before and after Holm."""

from __future__ import annotations

import re

from sparserobust.analysis import analyse
from sparserobust.report.page import render
from sparserobust.report.sections.differences import against_dense
from sparserobust.report.text.differences import difference_reason, result_text

from .factory import attacked, run


def test_the_counts_of_several_seeds_go_from_the_fewest_to_the_most():
    dense = [run("dense", 0.0, *attacked(190, r), seed=s) for s, r in enumerate((100, 104, 98))]
    sparse = [run("snip", 0.9, *attacked(190, r), seed=s) for s, r in enumerate((80, 86, 79))]
    html = render([*sparse, *dense])
    assert "<td>18 to 20</td>" in html[html.index("<h3>Under attack") :]


def test_both_discordant_counts_and_both_p_values_are_shown():
    """80 against 100 nested survivors: 0 and 20 discordant; mid-p 2^-20."""
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 80))]
    html = render(runs)
    table = html[html.index("<h3>Under attack") :]
    cells = re.findall(r"<td>(.*?)</td>", table[: table.index("</table>")])
    assert cells[-8:] == ["200 images", cells[-7], "0", "20", "&lt; 0.001", "&lt; 0.001", cells[-2], "lower"]
    assert cells[-7].startswith("−10.0 [")


def test_the_columns_say_what_is_counted():
    found = analyse([run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 80))])
    table = against_dense(found, found.differences, "Under attack")
    assert [column.name for column in table.columns] == [
        "paired on",
        "difference",
        "sparse correct, dense wrong",
        "dense correct, sparse wrong",
        "p",
        "p after Holm",
        "minimum detectable difference",
        "against dense",
    ]


def test_what_cannot_be_compared_says_why():
    apart = [
        run(m, s, *attacked(190, 90), data_sha=c * 64) for m, s, c in (("dense", 0, "a"), ("snip", 0.9, "b"))
    ]
    reasons = {
        "not paired: dense was evaluated on other images": apart,
        "no dense reference given": apart[1:],
        "not ranked: the dense network always names one class (10.0 % clean accuracy)": [
            run("dense", 0.0, *attacked(20, 20)),
            run("snip", 0.9, *attacked(190, 80)),
        ],
    }
    for told, runs in reasons.items():
        (d,) = analyse(runs).differences.values()
        assert difference_reason(d) == told


def test_two_seeds_allow_no_claim_and_say_so():
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in (0, 1)]
    runs += [run("snip", 0.9, *attacked(190, 20 + s), seed=s) for s in (0, 1)]
    (d,) = analyse(runs).differences.values()
    assert result_text(d) == "no claim: 2 seeds"
