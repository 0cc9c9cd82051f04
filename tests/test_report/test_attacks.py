"""Attack by attack: tables, costs, optimality, transfer attacks; and what a usual page weighs."""

from __future__ import annotations

import numpy as np

from sparserobust.analysis import analyse
from sparserobust.report.page import render
from sparserobust.report.sections.attacks import AttacksSection
from sparserobust.report.sections.optimality import optimality
from sparserobust.report.sections.transfer import transfer_part

from .attack_factory import audit, budgeted, carried, nearest, some, with_margin
from .factory import (
    EPS,
    N,
    accuracy,
    attacked,
    carlini_wagner,
    failed,
    fgsm,
    first,
    flops,
    history,
    number,
    run,
    storage,
)
from .test_page import read

RIGHT = first(N)


def everything(method, sparsity, seed=0, level=0.6, **facts):
    """A run with every attack, the audit, and transferred images where it is sparse."""
    stream = np.random.default_rng([seed, round(100 * sparsity), len(method)])
    right = stream.random(N) < 0.95
    kept = [[right & (stream.random(N) < level * (1 - 2 * e)) for e in EPS] for _ in range(3)]
    distance = stream.gamma(4, 0.2, N)
    zero = 0.0 if facts.get("offset", "zero") != "zero" else sparsity
    outcomes = [
        with_margin(accuracy(right), stream.normal(2, 1, N)),
        fgsm(right, kept[0]),
        budgeted(right, kept[1]),
        budgeted(right, kept[2], "square"),
        carlini_wagner(right, distance),
        nearest(right, distance * 0.98, xi=0.97),
        nearest(right, distance / 5, "minimum-norm-linf", norm="linf", caps=(0.1,)),
        audit("supported", states={f"G{k}": "pass" for k in range(1, 15)}),
        flops(1192960.0 * (1 - zero)),
        storage(zero, 1 - sparsity),
    ]
    outcomes += [carried(60, 40)] if method != "dense" else []
    return run(method, sparsity, *outcomes, seed=seed, trained=history(epochs=20), **facts)


def part(*runs):
    return AttacksSection().build(analyse(runs))


def cells(table):
    """By row and head."""
    return {
        row.name: {column.name: cell.text for column, cell in zip(table.columns, row.cells, strict=True)}
        for row in table.rows
    }


def test_every_attack_has_a_column_in_its_norms_table_and_the_worst_case_is_per_image():
    low, high = some(range(0, 120)), some(range(80, N))
    near = nearest(RIGHT, np.where(np.arange(N) < 100, 0.4, 2.0))
    outcomes = (accuracy(RIGHT), fgsm(RIGHT, [low] * 3), budgeted(RIGHT, [high] * 3), near)
    linf, l2 = part(run("snip", 0.9, *outcomes)).tables
    assert (linf.title, l2.title) == ("Robust accuracy, ℓ∞, %", "Robust accuracy, ℓ₂, %")
    assert cells(linf)["SNIP"] == {"worst case": "20.0", "FGSM": "60.0", "PGD": "60.0"}
    assert cells(l2)["SNIP"] == {"minimum norm": "50.0"}


def test_fgsm_shows_the_area_under_its_curve_and_where_it_meets_chance():
    one = fgsm(RIGHT, [first(120), first(60), first(20)])
    extra = (
        number("area_under_curve", 0.1234, n=N, ci_low=0.11, ci_high=0.13),
        number("eps_at_chance", 0.3, n=N),
    )
    outcome = one.model_copy(update={"scores": (*one.scores, *extra)})
    (table,) = part(run("snip", 0.9, accuracy(RIGHT), outcome)).tables
    row = cells(table)["SNIP"]
    assert (row["FGSM, area"], row["FGSM, chance"]) == ("0.123", "0.300")


def test_costs_are_for_each_image_and_say_what_came_from_the_cache():
    """Of two networks one was attacked before: 8,000 and 9,000 passes over 200 images each."""
    facts = ({"forward": 8000, "backward": 7800}, 1.24, 0), ({"forward": 9000, "backward": 8800}, 2.0, N)
    runs = [
        run(name, 0.9, accuracy(RIGHT), budgeted(RIGHT, [first(100)] * 3, passes=p, seconds=s, cached=c))
        for name, (p, s, c) in zip(("snip", "random"), facts, strict=True)
    ]
    (cost,) = part(*runs).costs
    assert (cost.name, cost.norm, cost.budget) == ("PGD", "ℓ∞", "0.1")
    assert (cost.forward, cost.backward, cost.seconds) == ("40 to 45", "39 to 44", "1.2 to 2.0")
    assert cost.cached == "200 of 400 images"
    assert part(runs[1]).costs[0].cached == "all"
    assert part(runs[0]).costs[0].cached == "no"


def test_the_settings_of_every_attack_stand_beside_its_cost_defaults_among_them():
    """Also those that differ, and those of the audit, which has no column."""
    facts = ({"steps": 40, "step_size": None, "eps": [0.05, 8 / 255]}, {"steps": 10, "step_size": None})
    runs = [
        run(name, 0.9, accuracy(RIGHT), one.model_copy(update={"settings": settings}), audit("supported"))
        for name, settings in zip(("snip", "random"), facts, strict=True)
        for one in [budgeted(RIGHT, [first(100)] * 3)]
    ]
    own, audited = part(*runs).costs
    assert own.settings == "steps 40 or 10, step_size by default, eps 0.05 0.0313725 or unset"
    assert (audited.name, audited.settings) == (
        "audit of gradient masking",
        "attack fgsm, eps 0.02 0.1, steps 40",
    )
    assert own.settings in render(runs)
    assert part(run("snip", 0.9, audit("supported"))).tables == ()


def test_an_attack_that_failed_somewhere_is_a_dash_there():
    runs = [
        run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, [first(90)] * 3), budgeted(RIGHT, [first(80)] * 3)),
        run("random", 0.9, accuracy(RIGHT), fgsm(RIGHT, [first(90)] * 3), failed("pgd", "out of memory")),
    ]
    (table,) = part(*runs).tables
    assert cells(table)["random"] == {"FGSM": "45.0", "PGD": "—"}
    assert table.rows[1].cells[1].reason == "failed: out of memory"


def test_an_attack_that_ran_with_other_settings_elsewhere_is_told():
    weak, strong = (budgeted(RIGHT, [first(k)] * 3) for k in (100, 80))
    strong = strong.model_copy(update={"settings": {**strong.settings, "steps": 100}})
    weak = weak.model_copy(update={"settings": {**weak.settings, "steps": 10}})
    runs = [run("snip", 0.9, accuracy(RIGHT), weak), run("random", 0.9, accuracy(RIGHT), strong)]
    text = "PGD did not run with the same settings on every network: steps 10 and 100"
    assert part(*runs).unlike == (text,)
    assert f'<p class="alert">{text}.</p>' in render(runs)
    assert part(runs[0]).unlike == ()


def test_an_attack_of_too_long_distances_is_told_with_every_network():
    runs = [
        run(
            name,
            0.9,
            accuracy(RIGHT),
            nearest(RIGHT, np.ones(N), "carlini-wagner", xi=cw),
            nearest(RIGHT, np.ones(N), xi=1.0),
        )
        for name, cw in (("snip", 0.912), ("random", 0.96), ("grasp", 0.8))
    ]
    found = optimality(analyse(runs))
    assert found.warnings == (
        "Carlini–Wagner: the distances of this attack are longer than needed: "
        "ξ = 0.912 (SNIP 0.9) and ξ = 0.800 (GraSP 0.9)",
    )
    assert [cell.alert for row in found.table.rows for cell in row.cells[:1]] == [True, False, True]
    assert "longer than needed" in render(runs)


def test_an_optimality_that_could_not_be_measured_says_why():
    found = optimality(analyse([run("snip", 0.9, accuracy(RIGHT), nearest(RIGHT, np.ones(N)))]))
    assert (found.table, found.warnings) == (None, ())
    assert found.unknown == ("minimum norm: no other minimum-norm attack in l2 in this run to compare with",)
    assert optimality(analyse([run("snip", 0.9, *attacked(190, 100))])) is None


def transferred(own, foreign):
    """Of 180 images that both networks get right the network's own break `own`, those of dense `foreign`."""
    runs = [
        run("dense", 0.0, *attacked(190, 100)),
        run("snip", 0.9, *attacked(190, 100), carried(own, foreign)),
    ]
    return transfer_part(analyse(runs))


def test_images_made_on_the_dense_network_stand_beside_the_networks_own():
    found = transferred(72, 36)
    assert found.table.title == "Transfer attacks, ε = 0.1"
    (row,) = found.table.rows
    assert [cell.text for cell in row.cells] == ["180", "40.0", "20.0", "50.0", "16.7", "−20.0"]
    assert not row.cells[-1].alert
    assert [table.title for table in found.others] == ["Transfer attacks, ε = 0.3"]


def test_dense_images_that_surely_break_more_than_ones_own_are_red():
    alerts = [
        transferred(own, foreign).table.rows[0].cells[-1].alert for own, foreign in ((36, 40), (36, 72))
    ]
    assert alerts == [False, True]


def test_a_usual_comparison_with_every_attack_stays_below_one_megabyte_and_repeats_to_the_byte():
    methods = (("snip", {}), ("grasp", {}), ("random", {}), ("freezenet", {"offset": "frozen"}))
    runs = [everything("dense", 0.0)]
    runs += [everything(m, s, **facts) for m, facts in methods for s in (0.9, 0.95, 0.98)]
    html = render(runs)
    assert len(html.encode()) < 1_000_000
    assert render(runs) == html
    reader = read(html)
    assert len(reader.ids) == len(set(reader.ids))
    text = "".join(reader.text)
    assert "worst of 4 attacks" in text
    assert "✓ supported" in text
