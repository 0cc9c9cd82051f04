"""Any mask goes with any offset; what FreezeNet and DCTpS are made of; alpha; and what a variant is called."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import scipy.special
import torch
from torch import nn

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.models.fixup import FixupBlock, fixup_alphas
from sparserobust.models.initial import draw_weights
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.offset import dct_block, dct_offset_of
from sparserobust.weights.plan import sha256_of

MASKS = [
    "random",
    "magnitude",
    "snip",
    "snip-it",
    "iter-snip",
    "force",
    "grasp",
    "synflow",
    "freezenet",
    "dctps",
]
SHORT = {"iter-snip": {"steps": 4}, "force": {"steps": 4}, "synflow": {"steps": 8}}


def masks_of(subject) -> dict[str, torch.Tensor]:
    return {name: part.mask for name, part in subject.plan.items()}


def alphas_of(subject) -> dict[str, float]:
    return {name: dct_offset_of(m).alpha.item() for name, m in prunable_slots(subject.model).items()}


@pytest.mark.parametrize("method", MASKS)
def test_any_mask_goes_with_any_offset(network, problem, method):
    """One mask; off it 0, the initial weight or the DCT block, on it the initial weight or, from 0, the block."""
    initial = effective_weights(network)
    subjects = {
        offset: sr.sparsify(network, method, 0.7, problem(64), seed=1, offset=offset, **SHORT.get(method, {}))
        for offset in ("zero", "frozen", "dct")
    }
    for offset, subject in subjects.items():
        assert subject.weights.kind == subject.record().offset == offset
        for name, weight in subject.effective_weights().items():
            mask = masks_of(subject)[name]
            assert torch.equal(mask, masks_of(subjects["zero"])[name])
            if offset == "dct":
                assert torch.equal(weight, dct_block(tuple(weight.shape)))
            else:
                assert torch.equal(weight[mask], initial[name][mask])
                assert torch.equal(weight[~mask], (initial[name] * (offset == "frozen"))[~mask])


@pytest.mark.parametrize(
    ("paper", "parts"),
    [
        (("freezenet", {}), ("snip", {"offset": "frozen", "rescue": "random"})),
        (("freezenet", {"rescue": None}), ("snip", {"offset": "frozen"})),
        (("freezenet", {"offset": "zero"}), ("snip", {"rescue": "random"})),
        (
            ("freezenet", {"mask": "random"}),
            ("random", {"allocation": "global", "offset": "frozen", "rescue": "random"}),
        ),
        (("dctps", {}), ("random", {"allocation": "epl", "offset": "dct"})),
        (("dctps", {"offset": "zero", "allocation": "uniform"}), ("random", {})),
        (("iter-snip", {"schedule": "one-shot"}), ("snip", {})),
        (("force", {"schedule": "one-shot"}), ("snip", {})),
    ],
    ids=lambda side: f"{side[0]}{''.join(f' {k}={v}' for k, v in side[1].items())}",
)
def test_a_papers_method_is_its_parts_bit_for_bit(network, problem, paper, parts):
    """Masks, weights and logits, before training and after it."""
    data, (images, _) = problem(64), problem(8)
    a, b = (sr.sparsify(network, name, 0.9, data, seed=2, **params) for name, params in (paper, parts))
    for _ in range(2):
        assert all(torch.equal(masks_of(a)[name], mask) for name, mask in masks_of(b).items())
        assert sha256_of(a.model.state_dict()) == sha256_of(b.model.state_dict())
        assert torch.equal(a.model.eval()(images), b.model.eval()(images))
        assert a.rescued == b.rescued
        for subject in (a, b):
            sr.train(subject, data, epochs=1, recipe="freezenet-mnist")


def small_fixup() -> nn.Module:
    body = [nn.Conv2d(1, 4, 3, padding=1, bias=False), FixupBlock(4, 4, 1), FixupBlock(4, 6, 2)]
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    draw_weights(model, "fixup", 0)
    return model


def fixup_alpha(inputs: int, outputs: int, blocks: int) -> float:
    """E |N(0, sigma^2 I_n)| over the mean norm of the DCT block's filters, sigma^2 = 2 / (9 outputs blocks)."""
    n = 9 * inputs
    sigma = math.sqrt(2 / (9 * outputs)) / math.sqrt(blocks)
    length = (
        math.sqrt(2) * math.exp(scipy.special.gammaln((n + 1) / 2) - scipy.special.gammaln(n / 2)) * sigma
    )
    columns = scipy.fft.dct(np.eye(max(n, outputs))[:n], norm="ortho")[:, :outputs]
    return length / float(np.linalg.norm(columns, axis=0).mean())


@pytest.mark.parametrize("method", ["dctps", "magnitude", "random"])
@pytest.mark.parametrize("choice", ["auto", "one", "fixup", "fixup-published"])
def test_alpha_starts_at_one_or_as_fixup_would_scale_the_layer(method, choice):
    """papers.md, section 2: the authors' code takes a square root too many; second convolutions and the
    classifier start at 0, the stem at 1. "auto" is as published in a Fixup network. Float32: 1e-6."""
    subject = sr.sparsify(small_fixup(), method, 0.9, offset="dct", initial_alpha=choice)
    first, second = fixup_alpha(4, 4, 2), fixup_alpha(4, 6, 2)
    if choice in ("auto", "fixup-published"):
        first, second = math.sqrt(first), math.sqrt(second)
    expected = {
        "0.weight": 1.0,
        "1.conv1.weight": first,
        "1.conv2.weight": 0.0,
        "2.conv1.weight": second,
        "2.conv2.weight": 0.0,
        "5.weight": 0.0,
    }
    if choice == "one":
        expected = dict.fromkeys(expected, 1.0)
    assert alphas_of(subject) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("published", "same", "strided"), [(True, 0.438, 0.369), (False, 0.192, 0.136)])
def test_fixup_resnet110_has_the_published_alphas(published, same, strided):
    """papers.md, section 2: about 0.438, on stride-2 blocks 0.369; 0.192 and 0.136 without the root. The mean
    length of a filter depends on the width a little: 0.4382 to 0.4386, one in the last digit printed."""
    model = sr.create_model("fixup-resnet110", input_shape=(3, 32, 32), num_classes=10)
    alphas = fixup_alphas(model, published=published)
    for name, module in prunable_slots(model).items():
        if "conv1" in name:
            widens = module.values.shape[0] != module.values.shape[1]
            assert alphas[name] == pytest.approx(strided if widens else same, abs=1e-3), name


@pytest.mark.parametrize("choice", ["auto", "one"])
def test_alpha_of_any_other_network_starts_at_one(network, problem, choice):
    subject = sr.sparsify(network, "snip", 0.5, problem(32), offset="dct", initial_alpha=choice)
    assert set(alphas_of(subject).values()) == {1.0}


@pytest.mark.parametrize("method", ["dctps", "snip", "synflow"])
@pytest.mark.parametrize("trainable", [True, False])
def test_alpha_is_trained_unless_told_otherwise_and_never_what_is_off_the_mask(
    network, problem, tmp_path, method, trainable
):
    params = {"offset": "dct", "trainable_alpha": trainable, **SHORT.get(method, {})}
    subject = sr.sparsify(network, method, 0.8, problem(64), **params)
    path = subject.save(tmp_path / "m.sparse")
    loaded = sr.load_subject(path, model=network)
    for one in (subject, loaded):
        parameters = [dct_offset_of(module).alpha for module in prunable_slots(one.model).values()]
        assert all(alpha.requires_grad == trainable for alpha in parameters)
        sr.train(one, problem(64), epochs=2, recipe="freezenet-mnist")
        assert all((alpha != 1.0) == trainable for alpha in alphas_of(one).values())
        for name, part in one.plan.items():
            assert torch.equal(one.effective_weights()[name][~part.mask], part.offset[~part.mask])


def test_the_untrained_twin_has_the_alpha_of_the_start_also_after_loading(problem, tmp_path):
    subject = sr.sparsify(small_fixup(), "dctps", 0.5)
    start = alphas_of(subject)
    assert set(start.values()) > {0.0, 1.0}
    sr.train(subject, problem(64), epochs=2, recipe="freezenet-mnist")
    trained = alphas_of(subject)
    assert all(trained[name] != start[name] for name in start)
    assert alphas_of(subject.at_initialisation()) == start
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=small_fixup())
    assert alphas_of(back) == trained
    back.weights.load({name: tensor.clone() for name, tensor in small_fixup().state_dict().items()})
    assert alphas_of(back) == start


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("snip", {}, "snip"),
        ("snip", {"score_samples": 7}, "snip"),
        ("random", {"allocation": "uniform"}, "random"),
        ("random", {"allocation": "epl", "offset": "dct"}, "random[allocation=epl, offset=dct]"),
        ("snip", {"offset": "frozen", "rescue": "random"}, "snip[offset=frozen, rescue=random]"),
        ("snip", {"control": "layer-shuffled"}, "snip[control=layer-shuffled]"),
        (
            "snip",
            {"initialisation": "kaiming-normal", "control": "reinitialised"},
            "snip[control=reinitialised, initialisation=kaiming-normal]",
        ),
        ("grasp", {"temperature": 1.0, "batchnorm": "batch"}, "grasp[batchnorm=batch, temperature=1.0]"),
        ("force", {"steps": 10, "ties": "keep"}, "force[ties=keep, steps=10]"),
        ("synflow", {"schedule": "linear"}, "synflow[schedule=linear]"),
        ("freezenet-wd", {"prune_at_end": True}, "freezenet-wd[prune_at_end=True]"),
        ("freezenet", {"mask": "random"}, "freezenet[mask=random]"),
        ("dctps", {"trainable_alpha": False}, "dctps[trainable_alpha=False]"),
    ],
)
def test_a_variant_names_what_differs_from_the_defaults(network, problem, method, params, text):
    assert build_method(method, params).variant() == text
    if "initialisation" not in params and "steps" not in params:
        assert sr.sparsify(network, method, 0.5, problem(32), **params).label == f"{text} 0.5"
