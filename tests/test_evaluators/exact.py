"""Linear classifiers, and how far an image in the box really is from their nearest boundary."""

import numpy as np
import torch
from torch import nn


class LinearClasses(nn.Module):
    """Logits W (x - 1/2) + b of a few classes, drawn from a seed; `scale` multiplies them."""

    def __init__(self, pixels=64, classes=5, seed=1, scale=1.0):
        super().__init__()
        stream = torch.Generator().manual_seed(seed)
        self.layer = nn.Linear(pixels, classes)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(classes, pixels, generator=stream) * scale)
            self.layer.bias.copy_(torch.randn(classes, generator=stream) * scale)

    def forward(self, images):
        return self.layer(images.flatten(1) - 0.5)


def exact_distances(model, images, norm, *, box=True):
    """The distance of each image to the nearest other class by bisection along the optimal path, in float64.

    With a box the nearest point of a half space is clip(x + t w) for l2 and clip(x + t sign(w)) for linf, with
    the smallest t that reaches the boundary: the optimality conditions of a convex problem with bounds.
    """
    weight = model.layer.weight.detach().double().numpy()
    bias = model.layer.bias.detach().double().numpy()
    low, high = (0.0, 1.0) if box else (-np.inf, np.inf)
    result = []
    for x in images.flatten(1).double().numpy():
        logits = weight @ (x - 0.5) + bias
        own = logits.argmax()
        nearest = np.inf
        for other in set(range(len(logits))) - {own}:
            w, b = weight[other] - weight[own], bias[other] - bias[own]
            step = w if norm == "l2" else np.sign(w)

            def reached(t, x=x, w=w, b=b, step=step):
                point = np.clip(x + t * step, low, high)
                return w @ (point - 0.5) + b, point

            top = 1.0
            while reached(top)[0] < 0 and top < 1e9:
                top *= 2
            if reached(top)[0] < 0:
                continue  # not within the box
            bottom = 0.0
            while bottom < (middle := (bottom + top) / 2) < top:
                bottom, top = (middle, top) if reached(middle)[0] < 0 else (bottom, middle)
            change = reached(top)[1] - x
            nearest = min(nearest, np.linalg.norm(change) if norm == "l2" else np.abs(change).max())
        result.append(nearest)
    return np.array(result)


def grey_images(n=60, shape=(1, 8, 8), seed=2):
    """Images away from 0 and 1."""
    return 0.5 + 0.4 * (torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) - 0.5)


def saturated_images(n=60, shape=(1, 8, 8), seed=3):
    """Images of which nine pixels in ten are exactly 0 or 1."""
    stream = torch.Generator().manual_seed(seed)
    images = (torch.rand(n, *shape, generator=stream) < 0.5).float()
    grey = torch.rand(n, *shape, generator=stream)
    return torch.where(torch.rand(n, *shape, generator=stream) < 0.1, grey, images)
