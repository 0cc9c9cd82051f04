"""What finding a mask costs on ResNet18 with 11.2 million weights, as a ratio to the passes that it needs.

    pip install -e '.[bench]' && pytest benchmarks/bench_scoring.py

The floor is the forward and backward passes alone, on the same images, without any library. Before each round
the floor is timed too, and the ratio is the median over rounds of neighbours, so that a busy machine hurts
both. A one-shot method is timed whole: `sparsify` with copying, scoring, selection and binding the masks.
"""

import statistics
import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.seeds import generator
from sparserobust.sparsity.scoring_model import ScoringModel, flat
from sparserobust.sparsity.select import select
from sparserobust.sparsity.synflow import make_positive, synflow
from sparserobust.uses import prunable

BATCH = 128  # one training batch of the papers on CIFAR
ROUNDS = 9
SPARSITY = 0.95
ITERATIONS = 60

Floor = Callable[[], object]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """DCTpS's ResNet18 on 32x32, 11,164,352 prunable weights."""
    return sr.create_model("resnet18", input_shape=(3, 32, 32), num_classes=10).eval()


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    """One batch of images and labels."""
    torch.manual_seed(0)
    return torch.rand(BATCH, 3, 32, 32), torch.arange(BATCH) % 10


def weights_of(model: nn.Module) -> list[Tensor]:
    """What can be pruned."""
    return [p for p in model.parameters() if p.ndim > 1]


def gradient(model: nn.Module, images: Tensor, labels: Tensor) -> object:
    """One forward and one backward pass."""
    return torch.autograd.grad(F.cross_entropy(model(images), labels), weights_of(model))


def hessian_product(model: nn.Module, images: Tensor, labels: Tensor) -> object:
    """One forward and one backward pass, and the backward pass of that."""
    weights = weights_of(model)
    own = torch.autograd.grad(F.cross_entropy(model(images), labels), weights, create_graph=True)
    return torch.autograd.grad(own, weights, [g.detach() for g in own])


@pytest.mark.parametrize(
    ("method", "floor"),
    [("snip", gradient), ("freezenet", gradient), ("grasp", hessian_product)],
    ids=["snip", "freezenet", "grasp"],
)
def test_one_shot_methods(benchmark, rows, model, data, method, floor) -> None:
    floors: list[float] = []
    seconds: list[float] = []

    def before() -> None:
        start = time.perf_counter()
        floor(model, *data)
        floors.append(time.perf_counter() - start)

    def scored() -> None:
        start = time.perf_counter()
        sr.sparsify(model, method, SPARSITY, data, score_samples=BATCH, device="cpu")
        seconds.append(time.perf_counter() - start)

    benchmark.pedantic(scored, setup=before, rounds=ROUNDS, warmup_rounds=1)
    report(rows, f"{method}, batch {BATCH}", seconds[1:], floors[1:], "1.10")


def test_synflow_iteration(benchmark, rows, model) -> None:
    """Score, select and go to the next point, against the two passes of one image at that point."""
    scoring_model = ScoringModel(
        model, prunable(model), torch.device("cpu"), generator(0, "score"), input_shape=(3, 32, 32)
    )
    make_positive(scoring_model)
    total = sum(weight.numel() for weight in scoring_model.dense.values())
    counts = iter([round(total * (1 - SPARSITY) ** (t / ITERATIONS)) for t in range(ITERATIONS + 1)])
    ones = torch.ones(1, 3, 32, 32)
    masks: dict[str, Tensor] = {}
    floors: list[float] = []
    seconds: list[float] = []

    def before() -> None:
        start = time.perf_counter()
        torch.autograd.grad(scoring_model.network(ones).sum(), scoring_model.weights)
        floors.append(time.perf_counter() - start)

    def iteration() -> None:
        start = time.perf_counter()
        scoring_model.move(0, flat(masks) if masks else None)
        masks.update(
            select(synflow(scoring_model), next(counts), counts=None, generator=scoring_model.generator)
        )
        seconds.append(time.perf_counter() - start)

    benchmark.pedantic(iteration, setup=before, rounds=ITERATIONS)
    report(rows, "synflow, one iteration", seconds, floors, "2.5")


def report(rows: list, what: str, seconds: list[float], floors: list[float], target: str) -> None:
    """Adds a row to the table at the end."""
    ratio = statistics.median(s / f for s, f in zip(seconds, floors, strict=True))
    rows.append((what, statistics.median(seconds), statistics.median(floors), ratio, target))
