"""Recipes: the values that the papers print, drops where they belong, and constants of the papers' own."""

from __future__ import annotations

import pytest
import torch

import sparserobust as sr
from sparserobust.data.imagenet import MEAN, STD
from sparserobust.data.load import list_data
from sparserobust.errors import ConfigError
from sparserobust.models.initial import INITIALISATIONS
from sparserobust.registry import methods
from sparserobust.training import Recipe, list_recipes, load_recipe

NOTHING = {
    "momentum": 0.0, "lr_every_steps": None, "lr_factor": 0.1, "lr_drop_epochs": (), "clip_norm": None,
    "score_samples": 100, "flip": 0.0, "crop_padding": 0, "translate": 0, "random_resized_crop": False,
    "augmented_data": (), "normalization": {}, "initialisation": "xavier-normal",
    "adversarial": None,
}  # fmt: skip
MNIST_BUDGET = {"norm": "linf", "eps": 0.3, "steps": 40, "step_size": 0.01, "warmup_epochs": 0}
SNIP_SCHEDULE = {
    "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 128, "epochs": 250,
    "lr_every_steps": 30_000, "score_samples": 128, "flip": 0.5, "translate": 4,
}  # fmt: skip
SNIP_IT = {
    "optimizer": "adam", "lr": 2e-3, "weight_decay": 5e-5, "batch_size": 512, "epochs": 80, "clip_norm": 10.0,
    "score_samples": 2560, "initialisation": "orthogonal",
}  # fmt: skip
IMAGENET = {"mean": MEAN, "std": STD}
CIFAR100 = {"mean": (0.5071, 0.4867, 0.4408), "std": (0.2675, 0.2565, 0.2761)}
CROP = {"flip": 0.5, "crop_padding": 4, "initialisation": "kaiming-normal"}
CIFAR = CROP | {"augmented_data": ("cifar10", "cifar100"), "normalization": {"cifar100": CIFAR100}}
DCTPS = CIFAR | {
    "augmented_data": ("cifar10", "cifar100", "tiny-imagenet"),
    "weight_decay": 5e-4,
    "epochs": 200,
    "batch_size": 128,
}
FORCE = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 128}
STARFIRE = {
    "batch_size": 64,
    "weight_decay": 1e-4,
    "flip": 0.5,
    "random_resized_crop": True,
    "initialisation": "kaiming-normal",
}

# everything that is not here must be as in NOTHING
PAPERS = {
    # supplement S1.1
    "freezenet-mnist": {
        "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 100, "epochs": 250,
        "lr_every_steps": 25_000,
    },
    # supplement S1.1; sec. 4.2: mirrored, up to 4 pixels, Kaiming-uniform on CIFAR-100
    "freezenet-cifar10": SNIP_SCHEDULE | {"augmented_data": ("cifar10",)},
    "freezenet-cifar100": SNIP_SCHEDULE | {"augmented_data": ("cifar100",), "initialisation": "kaiming-uniform"},
    # supplement S1.2
    "freezenet-tiny-imagenet": SNIP_SCHEDULE | {
        "lr": 0.01, "epochs": 100, "lr_every_steps": None, "lr_drop_epochs": (30, 60, 80),
        "augmented_data": ("tiny-imagenet",), "initialisation": "kaiming-uniform",
    },
    # sec. 4, Initialisation and Optimisation; supplement J: no augmentation on MNIST, 20 % mirrored elsewhere
    "snip-it": SNIP_IT,
    "snip-it-cifar10": SNIP_IT | {"flip": 0.2, "augmented_data": ("cifar10",), "normalization": {"cifar10": IMAGENET}},
    "snip-it-imagenette": SNIP_IT | {"batch_size": 128, "flip": 0.2, "augmented_data": ("imagenette",)},
    # Table E.3 and its caption; augmentation in the authors' code
    "dctps": DCTPS | {"optimizer": "adam", "lr": 1e-3},
    "dctps-sgd": DCTPS | {"optimizer": "sgd", "lr": 0.03, "momentum": 0.9, "lr_drop_epochs": (120, 160)},
    "dctps-lenet5": DCTPS | {
        "optimizer": "adam", "lr": 1e-3, "batch_size": 64, "epochs": 160, "augmented_data": ("cifar10",),
        "normalization": {},
    },
    # the authors' code
    "force-cifar": FORCE | CIFAR | {"epochs": 350, "lr_drop_epochs": (150, 250), "score_samples": 128},
    "force-tiny-imagenet": FORCE | CROP | {
        "epochs": 300, "lr_drop_epochs": (150, 225), "score_samples": 2560, "augmented_data": ("tiny-imagenet",),
    },
    # drops at 50 and 75 % of 160 epochs; ten images of each of ten classes
    "grasp": FORCE | CIFAR | {"epochs": 160, "lr_drop_epochs": (80, 120)},
    # sec. 7.2.1: annealed to 0.0001 after 30 epochs
    "starfire-tiny-imagenet": STARFIRE | {
        "optimizer": "adam", "lr": 1e-3, "epochs": 40, "lr_drop_epochs": (30,), "augmented_data": ("tiny-imagenet",),
    },
    # sec. 7.2.3, transforms of 7.2.2
    "starfire-imagenet": STARFIRE | {
        "optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "epochs": 100, "lr_drop_epochs": (30, 60, 90),
        "augmented_data": ("imagenet",),
    },
    # sec. 5 and the authors' config.json and train.py: 100,000 steps of 50 images
    "madry-mnist": {
        "optimizer": "adam", "lr": 1e-4, "weight_decay": 0.0, "batch_size": 50, "epochs": 93,
        "adversarial": MNIST_BUDGET | {"kind": "pgd", "random_start": True},
    },
    # sec. 5; the authors' train_trades_mnist.py divides the rate by ten from the epochs 55, 75 and 90 on
    "trades-mnist": {
        "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0, "batch_size": 128, "epochs": 100,
        "lr_drop_epochs": (54, 74, 89), "adversarial": MNIST_BUDGET | {"kind": "trades", "beta": 6.0},
    },
}  # fmt: skip


def recipe(**changes) -> Recipe:
    plan = {"name": "t", "source": "", "optimizer": "sgd", "lr": 0.1, "batch_size": 16, "epochs": 3}
    return Recipe.model_validate(plan | changes)


@pytest.mark.parametrize("name", list(PAPERS))
def test_recipes_hold_the_papers_values_and_no_others(name):
    values = load_recipe(name).model_dump()
    assert values.pop("name") == name
    assert values.pop("source")
    assert values == NOTHING | PAPERS[name]


def test_every_recipe_loads_and_every_method_names_one():
    assert set(list_recipes()) == {*PAPERS, "digits", "digits-pgd"}
    for name in list_recipes():
        found = load_recipe(name)
        assert found.name == name
        assert found.initialisation in INITIALISATIONS
        assert {*found.augmented_data, *found.normalization} <= set(list_data())
        assert bool(found.augmented_data) == bool(found.flip or found.crop_padding or found.translate)
    for method in sr.list_methods():
        assert methods.load(method).recipe in list_recipes()


# -- the learning rate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, values in PAPERS.items() if values.get("lr_drop_epochs")])
def test_the_learning_rate_falls_after_the_printed_epochs_and_not_before(name):
    """Epoch 30 is the thirtieth, number 29 counted from 0; the step has no part in it."""
    plan = load_recipe(name)
    for place, epoch in enumerate(plan.lr_drop_epochs):
        assert plan.learning_rate(10**6, epoch - 1) == pytest.approx(plan.lr * 0.1**place)
        assert plan.learning_rate(0, epoch) == pytest.approx(plan.lr * 0.1 ** (place + 1))
    assert plan.learning_rate(0, 0) == plan.lr
    assert plan.learning_rate(0, plan.epochs - 1) == pytest.approx(plan.lr * 0.1 ** len(plan.lr_drop_epochs))


@pytest.mark.parametrize(
    ("name", "every"),
    [("freezenet-mnist", 25_000), ("freezenet-cifar10", 30_000), ("freezenet-cifar100", 30_000)],
)
def test_the_schedule_of_snip_counts_steps_whatever_the_epoch(name, every):
    plan = load_recipe(name)
    for epoch in (0, 249):
        assert plan.learning_rate(every - 1, epoch) == 0.1
        assert plan.learning_rate(every, epoch) == pytest.approx(0.01)
        assert plan.learning_rate(3 * every - 1, epoch) == pytest.approx(1e-3)


@pytest.mark.parametrize("name", ["snip-it", "dctps", "dctps-lenet5"])
def test_adam_of_the_papers_keeps_its_learning_rate(name):
    plan = load_recipe(name)
    assert plan.learning_rate(10**7, plan.epochs) == plan.lr


def test_drops_by_step_and_by_epoch_multiply():
    plan = recipe(lr_every_steps=10, lr_drop_epochs=(2,), lr_factor=0.5)
    assert plan.learning_rate(9, 1) == 0.1
    assert plan.learning_rate(10, 1) == plan.learning_rate(9, 2) == pytest.approx(0.05)
    assert plan.learning_rate(25, 3) == pytest.approx(0.0125)


def test_training_drops_the_learning_rate_after_the_epoch(make_network, problem, monkeypatch):
    """Against the optimizer itself: the learning rate of every step, and that of the record."""
    seen = []

    class Spied(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(Recipe, "build_optimizer", lambda self, parameters: Spied(parameters, self.lr))
    plan = recipe(lr_drop_epochs=(1, 3), lr_factor=0.5, epochs=4)
    history = sr.train(make_network("conv"), problem(32), recipe=plan)
    assert seen == pytest.approx([0.1] * 2 + [0.05] * 4 + [0.025] * 2)
    assert [epoch.learning_rate for epoch in history.epochs] == pytest.approx([0.1, 0.05, 0.05, 0.025])
    assert history.settings["lr_drop_epochs"] == [1, 3]


# -- data, constants, records -----------------------------------------------------------------------------


def test_a_recipe_augments_the_data_of_its_paper_alone():
    plan = load_recipe("dctps")
    for name in ("cifar10", "cifar100", "tiny-imagenet"):
        assert plan.for_data(name) is plan
    for name in ("digits", "mnist", "folder:cats", None):
        off = plan.for_data(name)
        assert (off.flip, off.crop_padding) == (0.0, 0)
        assert off.lr == plan.lr


def test_a_recipe_that_names_no_data_augments_all():
    plan = recipe(flip=0.5)
    assert plan.for_data("digits") is plan.for_data(None) is plan


def named(name: str) -> sr.Data:
    none = torch.utils.data.TensorDataset(torch.zeros(1, 3, 4, 4), torch.zeros(1))
    return sr.Data(name, none, none, none, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), ("a", "b"), (3, 4, 4))


def test_the_papers_constants_replace_those_of_the_data_and_nothing_else():
    data = named("cifar10")
    changed = load_recipe("snip-it-cifar10").normalize(data)
    assert (changed.mean, changed.std) == (MEAN, STD)
    assert (changed.train, changed.name, changed.classes) == (data.train, "cifar10", ("a", "b"))
    assert (data.mean, data.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert sr.create_model("conv2", changed, input_shape=(3, 16, 16)).origin.mean == MEAN


@pytest.mark.parametrize(
    ("name", "data"), [("snip-it-cifar10", "cifar100"), ("snip-it", "cifar10"), ("dctps", "cifar10")]
)
def test_without_constants_of_its_own_the_data_itself_comes_back(name, data):
    bundle = named(data)
    assert load_recipe(name).normalize(bundle) is bundle


@pytest.mark.parametrize(("mean", "std"), [((0.5, 0.5), (0.2, 0.2)), ((0.5,), (0.0,)), ((0.5,), ())])
def test_constants_that_cannot_be_are_refused(mean, std):
    with pytest.raises(
        ConfigError, match=r"mean and std of digits need one value per channel \(1\), std above 0; got"
    ):
        sr.load_data("digits").normalized(mean, std)


def test_the_record_of_a_plain_recipe_has_what_it_always_had():
    assert list(load_recipe("digits").settings()) == [
        "name", "source", "optimizer", "lr", "momentum", "weight_decay", "batch_size", "epochs", "lr_every_steps",
        "lr_factor", "clip_norm", "score_samples",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("flip = 1.5", "flip: Input should be less than or equal to 1"),
        ("flip = -0.1", "flip: Input should be greater than or equal to 0"),
        ("crop_padding = -1", "crop_padding: Input should be greater"),
        ("translate = 1.5", "translate: Input should be a valid integer"),
        ("lr_drop_epochs = [0]", "lr_drop_epochs.0: Input should be greater than or equal to 1, got 0"),
        ("random_resized_crop = 3", "random_resized_crop: Input should be a valid boolean"),
        ("[normalization.mnist]\nmean = [0.1]", "normalization.mnist.std: Field required"),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [0.0]",
            "normalization.mnist.std.0: Input should be greater than 0",
        ),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [1.0]\nvar = 2",
            "normalization.mnist.var: Extra inputs",
        ),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [1.0, 1.0]",
            "mean and std need as many values, got 1 and 2",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_by_their_line(tmp_path, lines, message):
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "x"\nsource = ""\noptimizer = "sgd"\nlr = 1\nbatch_size = 8\nepochs = 2\n{lines}'
    )
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(file)
    assert "\n" not in str(caught.value)
