"""Small networks and their weights, drawn by a seed, and what the tests ask of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.records import Remark
from sparserobust.report.text.remarks import sentence


class Small(nn.Module):
    """A convolution, BatchNorm, and two linear layers, one without a bias."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.block = nn.Sequential(nn.Linear(16, 5), nn.ReLU())
        self.head = nn.Linear(5, classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.block(self.norm(self.conv(images)).flatten(1)))


def small(seed: int = 0, classes: int = 3) -> Small:
    """A network in evaluation mode, its BatchNorm statistics drawn too."""
    torch.manual_seed(seed)
    network = Small(classes).eval()
    network.norm.running_mean.normal_()
    network.norm.running_var.uniform_(0.5, 2)
    network.norm.num_batches_tracked += 7 + seed
    return network


def state(seed: int = 1) -> dict[str, Tensor]:
    """The weights of a network that was drawn by another seed than those that the tests fill."""
    return {name: value.clone() for name, value in small(seed).state_dict().items()}


def prefixed(prefix: str, seed: int = 1) -> dict[str, Tensor]:
    """The same under names with a prefix."""
    return {prefix + name: value for name, value in state(seed).items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two states are equal, bit for bit and in type."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def loads(
    content: object,
    path,
    network: nn.Module | None = None,
    save: Callable[..., object] = torch.save,
    **options,
):
    """What was said when the content, saved, was loaded into a network; its state is that of `state()` after it."""
    save(content, path)
    into = small() if network is None else network
    remarks = sr.load_weights(into, path, **options)
    if network is None:
        assert same(into.state_dict(), state())
    return codes(remarks)


def codes(remarks: tuple[Remark, ...]) -> dict[str, dict[str, object]]:
    """Code -> facts but for the file, each of which has a sentence of one line that names the file."""
    for own in remarks:
        text = sentence(own)
        assert str(own.facts["file"]) in text
        assert own.code not in text.replace(" ", "-") or own.code.count("-") == 0
        assert "\n" not in text
    found = {own.code: {key: value for key, value in own.facts.items() if key != "file"} for own in remarks}
    assert len(found) == len(remarks) or "weights-converted" in found
    return found
