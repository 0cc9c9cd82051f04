"""Minimum-norm l2 attacks, ours and other libraries', as functions (model, images, labels) -> images.

Where an attack found nothing its image is one that the model still gets right; who calls judges every image.
A library that is not installed is left out; `missing` says which. adv_lib asks for visdom, which no longer
builds with setuptools 82 and newer and which its attacks need for nothing but its name:

    pip install -e '.[bench]' && pip install --no-deps adv-lib
"""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.attacks.carlini_wagner import carlini_wagner
from sparserobust.attacks.ddn import ddn
from sparserobust.attacks.oracle import Oracle

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]

REFERENCE = "foolbox C&W 9 x 1000, 0.01"
YARDSTICK = "foolbox DDN 100"
SLOW = ("adv_lib C&W 9 x 1000, 0.01", "ART C&W 9 x 100, 0.01")
PACKAGES = {
    "torchattacks": ("torchattacks", "torchattacks"),
    "adv_lib": ("adv_lib", "adv-lib"),
    "ART": ("art", "adversarial-robustness-toolbox"),
}
"""First word of a row -> (module, package) that it needs; foolbox is always there."""
OURS_EXTRA_PAIRS = 10
"""Passes of our attacks outside their steps, as pairs of one forward and one backward pass, with ten classes: a
backward pass for each other class at the clean image, and forward passes where steps end and to bisect."""
INSET = 1e-3


def missing() -> dict[str, str]:
    """First words of the rows that cannot run -> the package that is not installed."""
    return {
        word: package
        for word, (module, package) in PACKAGES.items()
        if importlib.util.find_spec(module) is None
    }


def _installed(rows: dict[str, Attack]) -> dict[str, Attack]:
    absent = missing()
    return {name: attack for name, attack in rows.items() if name.split()[0] not in absent}


def minimum_norm(quick: bool) -> dict[str, Attack]:
    """Every attack of the first table by name; `quick` leaves out what is slower than the reference."""
    c1 = {"initial_const": 1.0}
    rows = {
        REFERENCE: foolbox_cw(binary_search_steps=9, steps=1000, stepsize=0.01),
        "foolbox C&W 5 x 100, 0.1, c 1": foolbox_cw(binary_search_steps=5, steps=100, stepsize=0.1, **c1),
        "adv_lib C&W 9 x 1000, 0.01": adv_lib_cw(binary_search_steps=9, max_iterations=1000),
        "adv_lib C&W 9 x 111, 0.1, c 1": adv_lib_cw(
            binary_search_steps=9, max_iterations=111, learning_rate=0.1, **c1
        ),
        "adv_lib C&W 3 x 100, 0.1, c 1": adv_lib_cw(
            binary_search_steps=3, max_iterations=100, learning_rate=0.1, **c1
        ),
        "torchattacks CW 1000, 0.01, c 1": torchattacks_cw(c=1, steps=1000, lr=0.01),
        "torchattacks CW 1000, 0.01, c 10": torchattacks_cw(c=10, steps=1000, lr=0.01),
        f"torchattacks CW, c 10, inset {INSET:g}": torchattacks_cw(c=10, steps=1000, lr=0.01, inset=INSET),
        "ART C&W 9 x 10, 0.01": art_cw(binary_search_steps=9, max_iter=10),
        "ART C&W 9 x 100, 0.01": art_cw(binary_search_steps=9, max_iter=100),
        YARDSTICK: foolbox_ddn(100),
        "foolbox DDN 300": foolbox_ddn(300),
        "foolbox DDN 1000": foolbox_ddn(1000),
        "adv_lib DDN 100": adv_lib_ddn(100),
        "adv_lib DDN 300": adv_lib_ddn(300),
        "adv_lib PDGD 300": adv_lib_pdgd(300),
        "ours DDN 100": our_ddn(100),
        "ours DDN 300": our_ddn(300),
        "ours C&W 60 + 60": our_cw(60, 60),
        "ours C&W 150 + 150": our_cw(150, 150),
    }
    return _installed({name: attack for name, attack in rows.items() if not (quick and name in SLOW)})


def at_budget(budget: int) -> dict[str, Attack]:
    """The attacks of the second table, each with at most twice `budget` forward and backward passes.

    adv_lib's C&W has the best of the settings that were tried for each budget: one constant up to
    100 passes, because bisecting it with fewer steps finds less, then three.
    """
    constants = 1 if budget <= 100 else 3
    steps = budget // constants
    rows = {
        "foolbox DDN": foolbox_ddn(budget - 1),
        "adv_lib DDN": adv_lib_ddn(budget),
        "adv_lib C&W": adv_lib_cw(
            binary_search_steps=constants,
            max_iterations=steps,
            learning_rate=0.3 if steps < 100 else 0.1,
            initial_const=1.0,
            abort_early=False,
        ),
        "ours DDN": our_ddn(budget - OURS_EXTRA_PAIRS),
    }
    half = (budget - OURS_EXTRA_PAIRS) // 2
    rows["ours C&W"] = our_cw(half, half)
    return _installed(rows)


def our_ddn(steps: int) -> Attack:
    """What ours finds."""
    return lambda model, images, labels: ddn(Oracle(model), images, labels, steps=steps)[0]


def our_cw(warm_start: int, steps: int) -> Attack:
    """What ours finds with `warm_start` steps of DDN and `steps` of Adam."""
    return lambda model, images, labels: carlini_wagner(
        Oracle(model), images, labels, steps=steps, warm_start=warm_start
    )[0]


def foolbox_cw(**settings: Any) -> Attack:
    """What foolbox's L2CarliniWagnerAttack finds, with its early abort."""
    return lambda *args: _foolbox("L2CarliniWagnerAttack", settings, *args)


def foolbox_ddn(steps: int) -> Attack:
    """What foolbox's DDNAttack finds."""
    return lambda *args: _foolbox("DDNAttack", {"steps": steps}, *args)


def _foolbox(name: str, settings: dict[str, Any], model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Its images; where it gave up and returned an all-black image, the clean one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
    raw, _, _ = getattr(foolbox.attacks, name)(**settings)(wrapped, images, labels, epsilons=None)
    black = (raw == 0).flatten(1).all(dim=1)
    return torch.where(black.view(-1, 1, 1, 1), images, raw)


def torchattacks_cw(*, inset: float = 0.0, **settings: Any) -> Attack:
    """What torchattacks' CW finds, which cannot move a pixel that is exactly 0 or 1 unless it is set in first."""

    def attack(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        import torchattacks

        found: Tensor = torchattacks.CW(model, **settings)(images.clamp(inset, 1 - inset), labels)
        return found

    return attack


def adv_lib_ddn(steps: int) -> Attack:
    """What adv_lib's DDN finds without rounding to 256 levels, as nobody else rounds."""
    return lambda *args: _adv_lib().ddn(*args, steps=steps, levels=None)


def adv_lib_cw(**settings: Any) -> Attack:
    """What adv_lib's carlini_wagner_l2 finds."""
    return lambda *args: _adv_lib().carlini_wagner_l2(*args, **settings)


def adv_lib_pdgd(steps: int) -> Attack:
    """What adv_lib's primal-dual gradient descent finds."""
    return lambda *args: _adv_lib().pdgd(*args, num_steps=steps)


def _adv_lib() -> Any:
    if "visdom" not in sys.modules and importlib.util.find_spec("visdom") is None:
        sys.modules["visdom"] = types.ModuleType("visdom")  # imported for a logger that is not used here
    from adv_lib import attacks

    return attacks


def art_cw(**settings: Any) -> Attack:
    """What ART's CarliniL2Method finds on the whole batch at once."""

    def attack(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        from art.attacks.evasion import CarliniL2Method
        from art.estimators.classification import PyTorchClassifier

        classifier = PyTorchClassifier(
            model,
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(images.shape[1:]),
            nb_classes=10,
            clip_values=(0, 1),
            device_type="cpu",
        )
        method = CarliniL2Method(classifier, batch_size=len(images), verbose=False, **settings)
        return torch.from_numpy(method.generate(images.numpy(), labels.numpy()))

    return attack
