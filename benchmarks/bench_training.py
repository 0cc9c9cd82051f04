"""What a method adds to a training step: ratios to a plain loop over the dense network, without any library.

    python benchmarks/bench_training.py
    python benchmarks/bench_training.py --methods snip,rigl,starfire-window

All train the same network on the same batches with SGD and momentum, of the size that a paper trains it with: MLP5 of
512 (SNIP-it), LeNet-5-Caffe of 100 (FreezeNet). Small batches are the worst case, because masks cost as much per step
whatever the batch is. Pruning events are set so close that each method
has several in the few epochs; what they cost is spread over all steps. Medians of five rounds in one process and one
thread, the contestants taking turns; quote the ratios. Targets: 1.15 for fixed masks, 1.5 where the mask changes.
"""

import argparse
import statistics
import time
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.data import Data
from sparserobust.data.bundle import ImageTensors
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.training import Recipe

STEPS = 8
"""Of an epoch."""
EPOCHS = 4
ROUNDS = 5
NETWORKS = {"mlp5": 512, "lenet5-caffe": 100}
"""And how many examples a batch has."""
SETTINGS: dict[str, dict[str, Any]] = {
    "dsr": {"every": 10},
    "gradual-magnitude": {"every": 10},
    "imp": {"rounds": 2},
    "rigl": {"every": 10},
    "rigl-dctps": {"every": 10},
    "snip-it-during": {"steps": 1},
}


def problem(batch: int) -> Data:
    """Random pixels and labels: only the time counts."""
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(STEPS * batch, 1, 28, 28, generator=stream)
    split = ImageTensors(images, torch.randint(10, (STEPS * batch,), generator=stream))
    return Data("random pixels", split, None, split, (0.0,), (1.0,), tuple("0123456789"), (1, 28, 28))


def plain(network: str, data: Data, batch: int) -> float:
    """Seconds of the bare loop."""
    model = sr.create_model(network, data).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    start = time.perf_counter()
    for _ in range(EPOCHS):
        for part in torch.randperm(STEPS * batch).split(batch):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(data.train.images[part]), data.train.labels[part]).backward()  # type: ignore[union-attr]
            optimizer.step()
    return time.perf_counter() - start


def ours(network: str, method: str, data: Data, batch: int) -> float:
    """Seconds of `train` under a method."""
    model = sr.create_model(network, data)
    sparsity = 0.0 if method == "dense" else 0.8
    subject = sr.sparsify(model, method, sparsity, data, **SETTINGS.get(method, {}))
    recipe = Recipe(
        name="bench", source="", optimizer="sgd", lr=0.01, momentum=0.9, batch_size=batch, epochs=EPOCHS
    )
    start = time.perf_counter()
    sr.train(subject, data, recipe=recipe)
    return time.perf_counter() - start


def main() -> None:
    """Prints a line for each method and network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default=",".join(sr.list_methods()))
    methods = [
        "dense",
        *(m for m in parser.parse_args().methods.split(",") if m not in ("dense", "freezenet-wd")),
    ]
    torch.set_num_threads(1)
    for network, batch in NETWORKS.items():
        data = problem(batch)
        ratios: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(ROUNDS):
            floor = plain(network, data, batch)
            for method in methods:
                ratios[method].append(ours(network, method, data, batch) / floor)
        print(f"\n{network}, batches of {batch}, torch {torch.__version__}, one thread")
        for method, values in ratios.items():
            moving = isinstance(build_method(method, {}), PruneDuringTraining)
            print(
                f"  {method:<24} {statistics.median(values):5.2f} x plain (target {1.5 if moving else 1.15})"
            )


if __name__ == "__main__":
    main()
