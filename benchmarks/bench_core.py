"""What the core evaluators cost, Carlini-Wagner left out, as a ratio to the bare passes that they say they need.

    python benchmarks/bench_core.py

The floor is as many forward passes, and as many backward passes to the images or to the weights, as the record
counts, in a plain loop over batches of the same size, without any library. Medians of five rounds in one process
and one thread, taking turns; quote the ratios, not the times. Target: at most 1.3.
"""

import statistics
import time
from collections import Counter

import torch
import torch.nn.functional as F  # noqa: N812

import sparserobust as sr
from sparserobust.data import Data
from sparserobust.data.bundle import ImageTensors

EVALUATORS = ["accuracy", "fgsm", "saliency", "connectivity", "gradient-norm", "flops", "storage"]
ROUNDS = 5
BATCH = 256
EXAMPLES = 8192
TARGET = 1.3
ON_GRAPH = ("loss_gradient", "logit_gradient", "margin_gradient")


def passes_of(run: sr.Run) -> Counter[str]:
    """Example-passes of a run, shared and own."""
    total: Counter[str] = Counter(run.passes)
    for outcome in run.outcomes.values():
        total.update(outcome.passes)
    return total


def floor(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, passes: Counter[str]) -> float:
    """Seconds of as many bare passes, batch by batch."""

    def batches(count: int) -> list[int]:
        return [BATCH] * (count // BATCH) + ([count % BATCH] if count % BATCH else [])

    backward = sum(passes[kind] for kind in ON_GRAPH)
    start = time.perf_counter()
    with torch.no_grad():
        for size in batches(passes["forward"] - passes["backward"] - passes["loss_gradient"]):
            model(images[:size])
    for size in batches(passes["loss_gradient"]):  # the shared forward pass keeps its graph for all gradients
        inputs = images[:size].clone().requires_grad_(True)
        loss = F.cross_entropy(model(inputs), labels[:size], reduction="sum")
        for _ in range(round(backward / max(passes["loss_gradient"], 1))):
            torch.autograd.grad(loss, inputs, retain_graph=True)
    for size in batches(passes["backward"]):  # gradient-norm: to the weights
        loss = F.cross_entropy(model(images[:size]), labels[:size], reduction="sum")
        torch.autograd.grad(loss, list(model.parameters()))
    return time.perf_counter() - start


def main() -> None:
    """Prints a line for MLP5 on 28x28 and a small convolutional net on 28x28."""
    torch.set_num_threads(1)
    for name in ("mlp5", "lenet5-caffe"):
        stream = torch.Generator().manual_seed(0)
        images = torch.rand(EXAMPLES, 1, 28, 28, generator=stream)
        subject = sr.sparsify(sr.create_model(name, input_shape=(1, 28, 28), num_classes=10), "dense")
        model = subject.model.eval()
        labels = model(images).argmax(dim=1)
        split = ImageTensors(images, labels)
        classes = tuple("0123456789")
        data = Data("random pixels", split, None, split, (0.0,), (1.0,), classes, (1, 28, 28))
        ratios, times = [], []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            run = sr.evaluate(subject, data, EVALUATORS, batch_size=BATCH)
            times.append(time.perf_counter() - start)
            ratios.append(times[-1] / floor(model, images, labels, passes_of(run)))
        failed = [o.evaluator for o in run.outcomes.values() if o.status != "ok"]
        print(
            f"{name:<14} {statistics.median(ratios[1:]):5.2f} x floor (target {TARGET}), "
            f"{statistics.median(times[1:]):.2f} s, passes {dict(passes_of(run))}"
            + (f", not ok: {failed}" if failed else "")
        )


if __name__ == "__main__":
    main()
