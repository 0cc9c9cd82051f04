"""Evaluators on a network that the library never saw: no registry, no base class, plain tensors.

Run it with `python examples/custom_model.py`; it takes a few seconds. The same network from the command line:

    sparserobust evaluate examples.custom_model:build --evaluators accuracy,fgsm,storage
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from evaluators import FGSM, Storage


def build() -> nn.Module:
    """Any module that maps images (n, 1, 8, 8) in [0, 1] to logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def main() -> None:
    """Trains in ten lines of one's own, prunes by hand, and asks two questions."""
    images, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(images).float().reshape(-1, 1, 8, 8) / 16
    labels = torch.from_numpy(labels)
    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[:1200]), labels[:1200]).backward()
        optimizer.step()
    with torch.no_grad():
        for layer in (model[1], model[3]):
            layer.weight[layer.weight.abs() < layer.weight.abs().quantile(0.8)] = 0

    test = (images[1200:], labels[1200:])
    attacked = FGSM(eps=[0.05, 0.1])(model, test)
    for score in attacked.curve("robust_accuracy"):
        print(
            f"robust accuracy at eps {score.at}: {score.value:.3f} [{score.ci_low:.3f}, {score.ci_high:.3f}]"
        )
    stored = Storage()(model, test)
    print(
        f"zeros {stored.score('zero_fraction').value:.2f}, {stored.score('best_bytes').value:.0f} bytes at best"
    )


if __name__ == "__main__":
    main()
