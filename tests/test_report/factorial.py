"""A full factorial: four masks x three offsets x three sparsities x three seeds, every evaluator."""

from __future__ import annotations

import numpy as np

from sparserobust.records import LayerRecord, Run

from .factory import (
    EPS,
    N,
    accuracy,
    cannot,
    carlini_wagner,
    connectivity,
    fgsm,
    flops,
    gradient_norm,
    history,
    not_made,
    run,
    saliency,
    storage,
)

MASKS = [
    ("random", {"allocation": "epl"}),
    ("random", {"allocation": "erk"}),
    ("snip", {}),
    ("synflow", {}),
]
OFFSETS = ("zero", "frozen", "dct")
SPARSITIES = (0.9, 0.99, 0.999)
LAYERS = ((32, 9), (64, 288), (256, 3136), (10, 256))


def network(method: str, sparsity: float, changed: dict | None, level: float, seed: int, mask: int) -> Run:
    """A run whose accuracies follow `level` in [0, 1]."""
    place = OFFSETS.index((changed or {}).get("offset", "zero"))
    stream = np.random.default_rng([seed, mask, place, int(1000 * sparsity)])
    clean = stream.random(N) < 0.1 + 0.87 * level
    kept = [clean & (stream.random(N) < level * max(0.0, 1 - 2.4 * eps)) for eps in EPS]
    distance = np.where(clean, stream.gamma(6, 0.05 + 0.12 * level, N), 0.0)
    zeros = sparsity if place == 0 else 0.0
    one = run(
        method, sparsity, accuracy(clean), fgsm(clean, kept), carlini_wagner(clean, distance), saliency(),
        connectivity(), gradient_norm(2.5 * (1 + mask) / (1 + 10 * sparsity), 0.8), flops(1192960.0 * (1 - zeros)),
        storage(zeros, 1 - sparsity, 40960.0 * (1 - sparsity) * 1.3 + 300), seed=seed, changed=changed,
        trained=history(epochs=20, level=level), command="sparserobust evaluate --data digits --methods ...",
    )  # fmt: skip
    layers = spread(1 - sparsity, mask)
    kept, prunable = sum(layer.kept for layer in layers), sum(layer.numel for layer in layers)
    facts = {"layers": layers, "kept": kept, "prunable": prunable, "sparsity": 1 - kept / prunable}
    return one.model_copy(update={"subject": one.subject.model_copy(update=facts)})


def spread(density: float, mask: int) -> tuple[LayerRecord, ...]:
    """The kept weights over the layers: every mask in another way, the largest layer has the rest."""
    numel = [rows * columns for rows, columns in LAYERS]
    kept = [round(own * min(1.0, density * (4 - k) ** (mask / 2))) for k, own in enumerate(numel)]
    largest = numel.index(max(numel))
    kept[largest] += round(density * sum(numel)) - sum(kept)
    return tuple(
        LayerRecord(name=f"layer{k}.weight", shape=shape, numel=own, kept=left)
        for k, (shape, own, left) in enumerate(zip(LAYERS, numel, kept, strict=True))
    )


def factorial(seeds: int = 3) -> list[Run]:
    """Dense and the twelve variants; SynFlow cannot choose at the highest sparsity, for one seed at 0.99 either."""
    runs = []
    for seed in range(seeds):
        runs.append(network("dense", 0.0, None, 0.97, seed, 0))
        for mask, (method, params) in enumerate(MASKS):
            for place, offset in enumerate(OFFSETS):
                changed = params | ({"offset": offset} if offset != "zero" else {})
                for step, sparsity in enumerate(SPARSITIES):
                    level = 0.95 - 0.05 * mask - 0.02 * place - step * (0.12 + 0.05 * mask - 0.06 * place)
                    one = network(method, sparsity, changed, max(0.05, level), seed, mask)
                    gone = method == "synflow" and (sparsity == 0.999 or (sparsity == 0.99 and seed == 1))
                    runs.append(not_made(one, cannot(one.subject.kept)) if gone else one)
    return runs
