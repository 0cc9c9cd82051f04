"""What a page says must fit what was run: signs of norms, headings, paragraphs, recipes, infinite medians."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse
from sparserobust.report.page import build, render

from .attack_factory import budgeted, nearest
from .factory import N, accuracy, attacked, carlini_wagner, first, gradient_norm, history, run, storage
from .test_page import read

RIGHT = first(190)
PLAN = {"kind": "pgd", "norm": "linf", "eps": 0.1, "steps": 7, "step_size": None, "random_start": True}


def words(*runs):
    """The text of the page, with plain spaces."""
    return "".join(read(render(runs)).text).replace("\u00a0", " ")


def sections(*runs):
    """The anchors of the sections that have something to show."""
    return [own.section.id for own in build(analyse(runs)).sections]


def hardened(plan=PLAN):
    """A training against perturbed images."""
    one = history()
    return one.model_copy(update={"settings": {**one.settings, "adversarial": plan}})


@pytest.mark.parametrize(
    "outcome",
    [
        carlini_wagner(RIGHT, np.full(N, 0.7)),
        budgeted(RIGHT, [first(150), first(100)], "pgd-l2", eps=(0.25, 0.5), norm="l2", headline=0.5),
    ],
)
def test_a_radius_in_l2_is_called_so_wherever_it_leads(outcome):
    runs = [run(method, s, accuracy(RIGHT), outcome) for method, s in (("dense", 0.0), ("snip", 0.9))]
    assert "ε" not in words(*runs)


def test_a_paragraph_about_a_table_stands_with_it_alone():
    """No second attack to compare with, no storage, no norms at initialisation."""
    one = run("snip", 0.9, *attacked(190, 100), nearest(RIGHT, np.ones(N)), trained=history())
    text = words(one)
    assert "1 is never beaten, 0 finds nothing" not in text
    assert "How near the attacks come was not measured. Minimum norm: no other minimum-norm attack" in text
    assert "While training: mean" in text
    assert "grey ticks" not in text
    assert "cost" not in sections(one)
    fuller = run("snip", 0.9, *attacked(190, 100), storage(0.9, 0.1), gradient_norm(1.2, 1.0))
    assert "cost" in sections(fuller)
    assert "grey ticks" in words(fuller)
    assert "While training: mean" not in words(fuller)


def test_adversarial_training_is_told_at_the_top_and_its_settings_in_words():
    both = [
        run(m, sparsity, *attacked(190, 100), trained=hardened())
        for m, sparsity in (("dense", 0.0), ("snip", 0.9))
    ]
    assert "Every network was trained adversarially (PGD, ℓ∞, ε = 0.1)." in words(*both)
    text = words(*both)
    assert "adversarial (kind pgd, norm linf, eps 0.1, steps 7, step_size none, random_start yes)" in text
    assert "{'" not in text
    assert "adversarially" not in words(run("snip", 0.9, *attacked(190, 100), trained=history()))
