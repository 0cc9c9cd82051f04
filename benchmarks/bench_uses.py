"""What it costs to find out which weights a network multiplies, as a ratio to forward passes of one image.

    python benchmarks/bench_uses.py

The floor is one forward pass of one image in evaluation mode, without any library. Medians of five rounds in one
process and one thread, taking turns, in CPU-seconds; quote the ratios, not the times. The tracer copies no weight and
counts the zeros of those that it meets; `flops` runs it with torch's counter and fvcore beside it, `storage` reads
what is there. Targets: 2.5 for a trace of ResNet50, 3 milliseconds for one of a small MLP, and 5 CPU-seconds for both
evaluators on ViT-B/16.
"""

import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import nn

import sparserobust as sr
from sparserobust.uses import trace_uses

ROUNDS = 5


def seconds(what: Callable[[], object]) -> float:
    """CPU-seconds of one call."""
    start = time.process_time()
    what()
    return time.process_time() - start


def measured(model: nn.Module, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """CPU-seconds of a forward pass, of a trace, and of both evaluators: medians."""
    images, labels = torch.rand(2, *shape), torch.tensor([0, 1])
    times: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS + 1):
        with torch.no_grad():
            floor = seconds(lambda: model(images[:1]))
        trace = seconds(lambda: trace_uses(model, shape))
        both = seconds(lambda: sr.evaluate(model, (images, labels), ["flops", "storage"]))
        times.append((floor, trace, both))
    floor, trace, both = (statistics.median(column) for column in zip(*times[1:], strict=True))
    return floor, trace, both


def main() -> None:
    """Prints a line for each network."""
    torch.set_num_threads(1)
    small = sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10)
    networks = {
        "lenet-300-100": (small, (1, 28, 28)),
        "resnet50": (torchvision.models.resnet50(), (3, 224, 224)),
        "vit_b_16": (torchvision.models.vit_b_16(), (3, 224, 224)),
    }
    for name, (model, shape) in networks.items():
        floor, trace, both = measured(model.eval(), shape)
        print(
            f"{name:<14} trace {trace / floor:6.2f} x forward, flops and storage {both / floor:6.2f} x forward; "
            f"{floor * 1e3:.1f} ms, {trace * 1e3:.1f} ms, {both:.2f} s"
        )


if __name__ == "__main__":
    main()
