"""What all tests share: one torch thread, repeatable hypothesis, two tiny networks and a learnable problem."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import settings
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.data.bundle import ImageTensors
from sparserobust.testing import before, during, evaluators

settings.register_profile("sparserobust", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("sparserobust")


class ConvNet(nn.Module):
    """BatchNorm, a grouped and strided, a depthwise and a 1x1 convolution, and two linear layers, on 8x8x1."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.LeakyReLU(0.1),
            nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False),
            nn.BatchNorm2d(6),
            nn.LeakyReLU(0.1),
            nn.Conv2d(6, 6, 3, padding=1, groups=6),
            nn.Conv2d(6, 5, 1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(80, 12),
            nn.Dropout(0.2),
            nn.Linear(12, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


class ResidualNet(nn.Module):
    """A stem, a block with a 1x1 shortcut, a block with the identity, pooling and a linear layer, on 8x8x1."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.first = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(8)
        self.shortcut = nn.Conv2d(6, 8, 1, stride=2)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(32, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.leaky_relu(self.norm(self.stem(images)), 0.1)
        x = F.leaky_relu(self.first_norm(self.first(x)) + self.shortcut(x), 0.1)
        x = F.leaky_relu(self.second(x) + x, 0.1)
        return self.head(F.avg_pool2d(x, 2).flatten(1))


NETWORKS: dict[str, Callable[[int], nn.Module]] = {"conv": ConvNet, "residual": ResidualNet}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def caches_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the home of whoever runs it, nor reads what an earlier run left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(autouse=True)
def repeatable_random_state() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def make_network() -> Callable[..., nn.Module]:
    """make_network(kind, seed): a fresh tiny network in training mode, 4 classes, BatchNorm statistics not trivial."""

    def make(kind: str = "conv", seed: int = 0, classes: int = 4) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = NETWORKS[kind](classes)
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.running_mean.normal_(0, 0.1)
                    module.running_var.uniform_(0.8, 1.2)
        return model

    return make


@pytest.fixture(params=list(NETWORKS))
def network(request: pytest.FixtureRequest, make_network: Callable[..., nn.Module]) -> nn.Module:
    """Each of the tiny networks in turn."""
    return make_network(request.param)


@pytest.fixture(scope="session")
def problem() -> Callable[..., tuple[Tensor, Tensor]]:
    """problem(n, seed): 8x8 images whose brightest quadrant is the label, four classes in equal numbers."""

    def make(n: int = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
        stream = torch.Generator().manual_seed(seed)
        labels = torch.arange(n) % 4
        images = 0.6 * torch.rand(n, 1, 8, 8, generator=stream)
        for image, label in zip(images, labels.tolist(), strict=True):
            top, left = 4 * (label // 2), 4 * (label % 2)
            image[0, top : top + 4, left : left + 4] += 0.3
        return images, labels

    return make


@pytest.fixture(scope="session")
def digits_network() -> nn.Module:
    """64-32-10, trained for a second on digits; in evaluation mode, its parameters not asking for gradients."""
    data = sr.load_data("digits").train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(data.images), data.labels).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model.eval().requires_grad_(False)


@pytest.fixture
def one_of_kit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conformance kit with one of its networks and, for training, one of its optimizers; which, the test's name
    decides. Evaluators see 24 of its images. All of it costs six times as much: it is for the tests marked `slow`."""
    number = zlib.crc32(request.node.name.encode())
    networks, recipes = during.small_networks, list(during.RECIPES.items())
    for module in (before, during, evaluators):
        monkeypatch.setattr(module, "small_networks", lambda: [networks()[number % 2]])
    monkeypatch.setattr(during, "RECIPES", dict([recipes[number // 2 % len(recipes)]]))
    data = during.small_data()
    few = dataclasses.replace(data, test=ImageTensors(*data.test.slice(torch.arange(24))))
    monkeypatch.setattr(evaluators, "small_data", lambda: few)


@pytest.fixture(params=["one", pytest.param("all", marks=pytest.mark.slow)])
def kit(request: pytest.FixtureRequest) -> None:
    """The conformance kit, once as `one_of_kit` and once, among the slow tests, whole."""
    if request.param == "one":
        request.getfixturevalue("one_of_kit")
