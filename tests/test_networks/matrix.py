"""Methods on networks that none of them was written for: what each pair is expected to come to, and how it is tried."""

from __future__ import annotations

from typing import Any

import torch

import sparserobust as sr

from .zoo import Network

METHODS: dict[str, dict[str, Any]] = {name: {} for name in sr.list_methods()}
METHODS |= {
    "snip-it": {"steps": 2},
    "iter-snip": {"steps": 3},
    "force": {"steps": 3},
    "synflow": {"steps": 3},
    "snip-it-during": {"steps": 1, "schedule": "exponential"},
    "imp": {"rounds": 1},
    **{
        f"starfire-{kind}": {"remove_dead_inputs": False}  # which inputs are dead is a question to the paths
        for kind in ("ck", "inter", "intra", "window")
    },
}
"""Name -> settings with which it is quick."""

NO_FLOW = (
    "event 1 of 3: the scores are no flow: .* as where LayerNorm or softmax subtracts; choose another method"
)
"""SynFlow behind LayerNorm: what an example is normalised by makes the scores before it add up to 0."""
NO_SECOND = "GraSP needs second derivatives, and torch has none for hardsigmoid in .*; choose another method"
"""GraSP on gates: torch differentiates hardsigmoid once."""
SATURATED = "event 1 of 3: only .* of .* scores are finite and non-zero, .* weights are to be kept"
"""SynFlow behind ReLU6, which is flat where the positive network's signal has grown above 6."""

REFUSED: dict[tuple[str, str], str] = {
    **{
        (network, "synflow"): NO_FLOW
        for network in ("encoder", "vit", "convnext", "timm vit", "timm convnext")
    },
    **{(network, "grasp"): NO_SECOND for network in ("mobilenet_v3_small", "timm mobilenetv3")},
    ("timm efficientnet", "synflow"): SATURATED,
    ("inception_v3", "synflow"): "event 3 of 3: all scores are zero",  # in three events the flow collapses
}
"""(network, method) -> what it says instead of a subject."""


def sparsity_of(method: str) -> float:
    """That it is tried at: whole kernels gone leave channels dead, whose BatchNorm overflows on four images at .9."""
    return 0.0 if method == "dense" else 0.5 if method.startswith("starfire") else 0.9


def try_method(network: Network, method: str) -> sr.Subject:
    """The subject after three epochs of training on eight images, of large ones on four."""
    data, sparsity = network.images(4 if network.side > 100 else 8), sparsity_of(method)
    subject = sr.sparsify(network(), method, sparsity, data, device="cpu", **METHODS[method])
    recipe = {"name": "short", "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-3, "lr": 1e-3}
    history = sr.train(subject, data, recipe={**recipe, "batch_size": 4, "epochs": 3}, device="cpu")
    assert history.status == "completed"
    return subject


def check_law(subject: sr.Subject) -> None:
    """Off the mask W_eff is the offset, bit for bit: 0, the initial weight, or alpha * block; on it weights moved."""
    effective = subject.effective_weights()
    for name, part in subject.plan.items():
        off = ~part.mask
        assert torch.equal(effective[name][off], part.offset[off]), name
        if part.kind == "zero":
            assert not bool(effective[name][off].any()), name
        elif part.kind == "frozen" and subject.method != "freezenet-wd" and subject.parent is not None:
            assert torch.equal(part.offset[off], subject.parent[name][off]), name
        elif part.kind == "dct":
            values = subject.weights.values[name]
            assert not bool(values[off].any()), name
