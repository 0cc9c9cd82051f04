"""What stands around weights: views, writes in place, number formats, torch's wrappers of modules."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.test_uses.structures.structure import PIXELS, Net, Structure, Weight, weight

OUT = 10


def data_and_detach() -> Structure:
    """Ways around autograd."""
    model = Net(
        lambda m, x: F.linear(F.linear(x.flatten(1), m.a.data), m.b.detach().clone()),
        a=weight(12, PIXELS),
        b=weight(OUT, 12),
    )
    return Structure(model=model, weights={"a": Weight(shape=(12, PIXELS)), "b": Weight(shape=(OUT, 12))})


def weight_that_is_kept_in_a_buffer() -> Structure:
    """Copied into a cache at every pass, and a counter counts passes; the cache is part of the file."""

    def run(m: Net, x: Tensor) -> Tensor:
        m.passes.add_(1)
        m.cache.copy_(m.w)
        return F.linear(x.flatten(1), m.cache)

    model = Net(
        run, w=weight(OUT, PIXELS), cache=torch.zeros(OUT, PIXELS), passes=torch.zeros((), dtype=torch.long)
    )
    return Structure(
        model=model, weights={"w": Weight(shape=(OUT, PIXELS))}, other_entries=OUT * PIXELS, other_bytes=8
    )


def weight_that_is_clipped_in_place() -> Structure:
    """A Lipschitz net that writes into its parameter while it runs."""

    def run(m: Net, x: Tensor) -> Tensor:
        m.w.data.clamp_(-0.5, 0.5)
        return F.linear(x.flatten(1), m.w)

    return Structure(model=Net(run, w=weight(OUT, PIXELS)), weights={"w": Weight(shape=(OUT, PIXELS))})


def doubles() -> Structure:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10)).double()
    weights = {"0.weight": Weight(shape=(4, 3, 3, 3), positions=36), "2.weight": Weight(shape=(10, 144))}
    return Structure(model=model, weights=weights, other_entries=14, width=8)


def halves() -> Structure:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10)).half()
    weights = {"0.weight": Weight(shape=(4, 3, 3, 3), positions=36), "2.weight": Weight(shape=(10, 144))}
    return Structure(model=model, weights=weights, other_entries=14, width=2)


def automatic_mixed_precision() -> Structure:
    """Products are made of casts of the weights."""

    def run(m: Net, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m.body(x).float()

    model = Net(run, body=nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10)))
    weights = {
        "body.0.weight": Weight(shape=(4, 3, 3, 3), positions=36),
        "body.2.weight": Weight(shape=(10, 144)),
    }
    return Structure(model=model, weights=weights, other_entries=14)


def compiled() -> Structure:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    model = torch.compile(body, backend="eager")
    weights = {
        "_orig_mod.0.weight": Weight(shape=(4, 3, 3, 3), positions=36),
        "_orig_mod.2.weight": Weight(shape=(10, 144)),
    }
    return Structure(model=model, weights=weights, other_entries=14)


def checkpointed() -> Structure:
    """Activations are thrown away and made again for gradients."""
    model = Net(
        lambda m, x: m.head(checkpoint(m.body, x, use_reentrant=False)),
        body=nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()),
        head=nn.Linear(144, 10),
    )
    weights = {
        "body.0.weight": Weight(shape=(4, 3, 3, 3), positions=36),
        "head.weight": Weight(shape=(10, 144)),
    }
    return Structure(model=model, weights=weights, other_entries=14)


def called_functionally() -> Structure:
    """By `torch.func`, one image at a time."""

    def run(m: Net, x: Tensor) -> Tensor:
        own = {name: 2 * p for name, p in m.layer.named_parameters()}
        return torch.func.vmap(lambda image: torch.func.functional_call(m.layer, own, (image.flatten(),)))(x)

    return Structure(
        model=Net(run, layer=nn.Linear(PIXELS, OUT)),
        weights={"layer.weight": Weight(shape=(OUT, PIXELS))},
        other_entries=OUT,
    )
