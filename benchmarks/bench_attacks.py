"""Minimum-norm l2 attacks, ours and four libraries': how far, how often, at what cost.

    python benchmarks/bench_attacks.py --mnist DIR                   # MLP5 and LeNet5-Caffe on MNIST
    python benchmarks/bench_attacks.py                               # conv2 on the digits shipped with scikit-learn
    python benchmarks/bench_attacks.py --mnist DIR --nets FOLDER     # keeps the trained networks

Everybody attacks the same images, those that the network gets right, and the same network, whose parameters ask
for no gradients. Passes are counted here, at the network, and so is every success: the image must be finite and
in [0, 1], and the network is run on it once more. Distances are infinite where nothing was found. Seconds are
CPU seconds of one thread, medians of up to three runs; quote the ratios and the passes, not the seconds. How long
FGSM takes is in bench_fgsm.py. What must be installed is in comparators.py.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from comparators import REFERENCE, YARDSTICK, Attack, at_budget, minimum_norm, missing
from torch import Tensor, nn

import sparserobust as sr

CAPS = (0.25, 0.5, 1.0, 2.0)
BUDGETS = (30, 100, 300, 1000)
TOLERANCE = 1e-6
"""How far a pixel may lie outside of [0, 1] before its image counts as none."""
ENOUGH_SECONDS = 10.0
"""An attack is run again, up to three times, until it has taken this long."""


class Counted(nn.Module):
    """A network that counts the examples that go through it in each direction."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.passes: Counter[str] = Counter()

    def forward(self, images: Tensor) -> Tensor:
        """The network's logits."""
        self.passes["forward"] += len(images)
        logits: Tensor = self.network(images)
        if logits.requires_grad:
            logits.register_hook(self._backward)
        return logits

    def _backward(self, gradient: Tensor) -> None:
        self.passes["backward"] += len(gradient)


@dataclass(frozen=True)
class Result:
    """What one attack did to n examples.

    Attributes:
        seconds: of CPU time.
        forward, backward: passes per example.
        distance: (n,) l2, infinite where nothing was found.
        outside: how far the worst pixel lies outside of [0, 1]; NaN when one is not finite.
    """

    seconds: float
    forward: float
    backward: float
    distance: Tensor
    outside: float

    def within(self, cap: float) -> float:
        """Share of the examples fooled within this distance."""
        return float((self.distance <= cap).double().mean())

    @property
    def columns(self) -> str:
        """Passes, median, successes: the part that both tables share."""
        lost = int(self.distance.isinf().sum())
        rates = " ".join(f"{self.within(cap):5.2f}" for cap in CAPS)
        return f"{self.forward:6.0f} {self.backward:6.0f}   {float(self.distance.median()):7.4f}  {rates}   {lost:4d}"


def measure(model: nn.Module, images: Tensor, labels: Tensor, attack: Attack) -> Result:
    """Runs an attack and judges what comes back."""
    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < ENOUGH_SECONDS:
        counted = Counted(model).eval()
        torch.manual_seed(0)
        start = time.process_time()
        found = attack(counted, images.clone(), labels.clone())
        seconds.append(time.process_time() - start)
    found = found.detach().to(images)
    outside = torch.maximum(-found, found - 1).clamp_min(0).flatten(1).amax(dim=1)
    valid = outside <= TOLERANCE  # False for NaN, too
    candidate = torch.where(valid.view(-1, 1, 1, 1), found, images).clamp(0, 1)
    with torch.no_grad():
        fooled = model(candidate).argmax(dim=1) != labels
    distance = (candidate.double() - images.double()).flatten(1).norm(dim=1)
    return Result(
        seconds=statistics.median(seconds),
        forward=counted.passes["forward"] / len(images),
        backward=counted.passes["backward"] / len(images),
        distance=torch.where(fooled, distance, torch.inf),
        outside=abs(float(outside.max())),  # abs: clamped negative zeros
    )


def network(name: str, data: sr.Data, epochs: int, nets: Path | None) -> nn.Module:
    """A trained network, from the folder where it is there and into it where it is not."""
    model = sr.create_model(name, data, seed=0)
    file = nets / f"{name}-{data.name}.pt" if nets else None
    if file is not None and file.exists():
        model.load_state_dict(torch.load(file, weights_only=True))
    else:
        sr.train(model, data, epochs=epochs, recipe="freezenet-mnist", seed=0, device="cpu")
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), file)
    return model.eval().requires_grad_(False)


def correct_examples(model: nn.Module, data: sr.Data, n: int) -> tuple[Tensor, Tensor, float]:
    """(the first n test images that the network gets right, their labels, its accuracy on the test images)."""
    images, labels = data.test.slice(torch.arange(len(data.test)))
    with torch.no_grad():
        right = torch.cat([model(part).argmax(dim=1) for part in images.split(500)]) == labels
    (chosen,) = right.nonzero(as_tuple=True)
    return images[chosen[:n]], labels[chosen[:n]], float(right.double().mean())


def table_of_attacks(model: nn.Module, images: Tensor, labels: Tensor, quick: bool) -> None:
    """Prints every attack beside foolbox's C&W. `x best` compares each distance with the table's smallest."""
    attacks = minimum_norm(quick)
    results: dict[str, Result] = {}
    for name, attack in attacks.items():
        results[name] = measure(model, images, labels, attack)
        print(f"  ... {name}: {results[name].seconds:.1f} s", flush=True)
    best = torch.stack([result.distance for result in results.values()]).amin(dim=0)
    found = best.isfinite()
    caps = " ".join(f"<={cap:g}".rjust(5) for cap in CAPS)
    print(
        f"\n  {'attack':<34} {'seconds':>8} {'ratio':>7} {'forw.':>6} {'backw.':>6}   {'median':>7}  {caps}"
        f"   lost   {'x best: median, worst':>21}   outside"
    )
    for name, result in results.items():
        ratio = result.seconds / results[REFERENCE].seconds
        slack = (result.distance / best)[found]
        print(
            f"  {name:<34} {result.seconds:8.2f} {ratio:7.4f} {result.columns}"
            f"   {float(slack.median()):14.3f} {float(slack.max()):6.2f}   {result.outside:7.1e}"
        )
    again = measure(model, images, labels, attacks[YARDSTICK]).seconds / results[YARDSTICK].seconds
    print(f"  {YARDSTICK} once more, after all others: {again:.2f} x its time in the table")


def table_of_budgets(model: nn.Module, images: Tensor, labels: Tensor, budgets: tuple[int, ...]) -> None:
    """Prints success at equal budgets: at most twice so many forward and backward passes for each example."""
    caps = " ".join(f"<={cap:g}".rjust(5) for cap in CAPS)
    print(
        f"\n  {'budget':>6}  {'attack':<20} {'seconds':>8} {'forw.':>6} {'backw.':>6}   {'median':>7}  {caps}   lost"
    )
    for budget in budgets:
        for name, attack in at_budget(budget).items():
            result = measure(model, images, labels, attack)
            assert result.forward + result.backward <= 2 * budget, f"{name} went over its budget"
            print(f"  {budget:6d}  {name:<20} {result.seconds:8.2f} {result.columns}", flush=True)


def main() -> None:
    """Prints two tables for every network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--mnist", metavar="DIR", help="folder with MNIST/raw; without it the embedded digits"
    )
    parser.add_argument("--model", action="append", help="network; several times for several")
    parser.add_argument("--examples", type=int, default=100, help="initially correct test images (100)")
    parser.add_argument("--epochs", type=int, help="of training (5 on MNIST, 30 on digits)")
    parser.add_argument("--nets", type=Path, metavar="FOLDER", help="where trained networks are kept")
    parser.add_argument(
        "--quick", action="store_true", help="without the slowest attacks and the largest budget"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    data = sr.load_data("mnist", root=chosen.mnist) if chosen.mnist else sr.load_data("digits")
    print(
        f"torch {torch.__version__}, one thread; not installed: {', '.join(missing().values()) or 'nothing'}"
    )
    for name in chosen.model or (["mlp5", "lenet5-caffe"] if chosen.mnist else ["conv2"]):
        model = network(name, data, chosen.epochs or (5 if chosen.mnist else 30), chosen.nets)
        images, labels, accuracy = correct_examples(model, data, chosen.examples)
        side = math.prod(images.shape[1:])
        print(
            f"\n{name} on {data.name}, accuracy {accuracy:.4f}, {len(images)} images of {side} pixels",
            flush=True,
        )
        table_of_attacks(model, images, labels, chosen.quick)
        table_of_budgets(model, images, labels, BUDGETS[:3] if chosen.quick else BUDGETS)


if __name__ == "__main__":
    main()
