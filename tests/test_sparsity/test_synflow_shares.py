"""SynFlow's shares per layer on the DCTpS paper's networks, without any data (DCTpS supplement, Fig. C.10)."""

from __future__ import annotations

import math

import pytest

import sparserobust as sr


@pytest.mark.parametrize(
    ("network", "shortcuts", "steps"),
    [
        ("resnet18", 3, 20),
        pytest.param("vgg19", 0, 100, marks=pytest.mark.slow),
        pytest.param("resnet50", 4, 100, marks=pytest.mark.slow),
    ],
)
def test_prunable_shortcuts_go_and_all_other_layers_get_about_an_equal_share(network, shortcuts, steps):
    """Supplement C: convolutional shortcuts are pruned fully; the others keep "roughly equal" numbers.

    Roughly is read as within a factor of two of k / layers, or of the layer's size where that is smaller
    (measured 0.58 to 1.28 on ResNet50, 0.80 to 1.26 on VGG19 and, in 20 events, 0.78 to 1.36 on ResNet18, at
    density 0.05 as here).
    """
    model = sr.create_model(network, input_shape=(3, 32, 32), num_classes=10, initialisation="kaiming-normal")
    subject = sr.sparsify(model, "synflow", 0.95, steps=steps)
    masks = subject.weights.masks
    through = {name for name in masks if "shortcut" in name}
    assert len(through) == shortcuts
    assert not any(bool(masks[name].any()) for name in through)
    share = subject.kept / (len(masks) - shortcuts)
    for name in set(masks) - through:
        expected = min(share, masks[name].numel())
        kept = int(masks[name].sum())
        assert abs(math.log2(kept / expected)) <= 1, f"{name} keeps {kept}, an equal share is {expected:.0f}"
