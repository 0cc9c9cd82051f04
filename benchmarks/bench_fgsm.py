"""What an FGSM sweep over ten eps costs: ours, foolbox's and torchattacks', as ratios to the bare passes.

    python benchmarks/bench_fgsm.py

The floor is one forward, one backward and ten forwards on the same images, without any library: nobody who looks
at all ten budgets can go below it. Medians of seven rounds in one process and one thread, the contestants taking
turns; quote the ratios, not the times.
"""

import statistics
import time
from collections.abc import Callable

import foolbox
import torch
import torch.nn.functional as F  # noqa: N812

import sparserobust as sr
from evaluators import FGSM

EPS = [0.01 * k for k in range(1, 11)]
ROUNDS = 7


def floor(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    """The passes that the sweep needs and nothing else."""
    inputs = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(inputs), labels, reduction="sum"), inputs)
    with torch.no_grad():
        for eps in EPS:
            model((images + eps * gradient.sign()).clamp(0, 1))


def foolbox_alone(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    """As its users call it: weights ask for gradients, and nobody checks or counts what it returns."""
    model.requires_grad_(True)
    foolbox.attacks.LinfFastGradientAttack()(
        foolbox.PyTorchModel(model, bounds=(0, 1)), images, labels, epsilons=EPS
    )
    model.requires_grad_(False)


def contestants(name: str, shape: tuple[int, ...], n: int) -> dict[str, Callable[[], object]]:
    """Who is compared, by name: calls that sweep all eps over the same n images."""
    torch.manual_seed(0)
    model = sr.create_model(name, input_shape=shape, num_classes=10).eval().requires_grad_(False)
    images = torch.rand(n, *shape)
    labels = model(images).argmax(dim=1)  # all correct, so that nobody can save work

    def sweep(**settings: object) -> Callable[[], object]:
        attack = FGSM(eps=EPS, **settings)
        return lambda: attack(model, (images, labels))

    calls: dict[str, Callable[[], object]] = {"floor": lambda: floor(model, images, labels)}
    calls |= {
        backend: sweep(backend=backend, margin=False) for backend in ("native", "foolbox", "torchattacks")
    }
    return calls | {
        "native with margin": sweep(),
        "foolbox alone": lambda: foolbox_alone(model, images, labels),
    }


def main() -> None:
    """Prints a table for MLP5 on 28x28 and a small convolutional net on 8x8."""
    torch.set_num_threads(1)
    for name, shape, n in (("mlp5", (1, 28, 28), 256), ("conv2", (1, 8, 8), 256)):
        calls = contestants(name, shape, n)
        times: dict[str, list[float]] = {who: [] for who in calls}
        for _ in range(ROUNDS + 1):
            for who, call in calls.items():
                start = time.perf_counter()
                call()
                times[who].append(time.perf_counter() - start)
        medians = {
            who: statistics.median(seconds[1:]) for who, seconds in times.items()
        }  # the first warms up
        print(f"\n{name}, {n} images, {len(EPS)} eps, torch {torch.__version__}, one thread")
        for who, seconds in medians.items():
            print(f"  {who:<20} {seconds * 1000:8.1f} ms   {seconds / medians['floor']:5.2f} x floor")


if __name__ == "__main__":
    main()
