"""The section on training: what a method prunes on the way stands beside its losses."""

from __future__ import annotations

from sparserobust.analysis import analyse
from sparserobust.report.page import render
from sparserobust.report.sections.training import TrainingSection

from .factory import attacked, history, run


def pruned_by(sparsities):
    """A history of two layers that keep as much each; factory.run has 1000 weights in two layers."""
    epochs = [
        epoch.model_copy(update={"sparsity": (s, s)})
        for epoch, s in zip(history(epochs=len(sparsities)).epochs, sparsities, strict=True)
    ]
    return history(epochs=len(sparsities)).model_copy(update={"epochs": tuple(epochs)})


def section(*sparsities):
    names = {"trained": pruned_by(sparsities)}
    one = run("imp", 0.9, *attacked(190, 100), **names)
    layers = tuple(layer.name for layer in one.subject.layers)
    one = one.model_copy(update={"history": one.history.model_copy(update={"layers": layers})})
    return TrainingSection().build(
        analyse([run("dense", 0.0, *attacked(190, 100), trained=history(epochs=4)), one])
    )


def test_a_method_that_prunes_on_the_way_shows_when_and_until_which_epoch():
    found = section(0.0, 0.5, 0.9, 0.9)
    assert found.prunes
    dense, row = found.rows
    assert dense.pruned is None
    assert row.pruned.text == "3"
    assert row.pruned.points.split()[0].startswith("0,")
    assert len(row.pruned.points.split()) == 5  # the start and four epochs


def test_a_mask_that_stays_as_dense_as_it_is_shows_nothing():
    found = section(0.9, 0.9, 0.9, 0.9)
    assert not found.prunes
    assert all(row.pruned is None for row in found.rows)


def test_the_sparsity_of_a_row_is_the_mean_over_its_seeds():
    seeds = []
    for seed, sparsity in ((0, 0.90), (1, 0.94)):
        one = run("starfire-ck", 0.9, *attacked(190, 100), seed=seed)
        seeds.append(
            one.model_copy(update={"subject": one.subject.model_copy(update={"sparsity": sparsity})})
        )
    runs = [*(run("dense", 0.0, *attacked(190, 100), seed=seed) for seed in (0, 1)), *seeds]
    assert "0.9200" in render(runs)
