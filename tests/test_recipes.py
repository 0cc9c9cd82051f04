"""Recipes: the values that the papers print, drops where they belong, and constants of the papers' own."""

from __future__ import annotations

import re
import tomllib

import numpy as np
import pytest
import torch

import sparserobust as sr
from sparserobust.data.imagenet import MEAN, STD
from sparserobust.data.load import list_data
from sparserobust.docstrings import documented_attributes
from sparserobust.errors import ConfigError
from sparserobust.models.initial import INITIALISATIONS
from sparserobust.registry import methods
from sparserobust.training import (
    PGDTraining,
    Recipe,
    TRADESTraining,
    list_recipes,
    load_recipe,
    new_recipe,
    recipe_for,
    recipe_template,
)
from sparserobust.training.recipe import Normalization

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
        ("flip = 1.5", r"flip of recipe M must be a number in \[0, 1\], got 1.5"),
        ("flip = -0.1", r"flip of recipe M must be a number in \[0, 1\], got -0.1"),
        ("flip = nan", r"flip of recipe M must be a number in \[0, 1\], got nan"),
        ("clip_norm = inf", "clip_norm of recipe M must be a number above 0, or None, got inf"),
        ("momentum = 'fast'", r"momentum of recipe M must be a number in \[0, 1\), got 'fast'"),
        ("weight_decay = '5e-4'", "weight_decay of recipe M must be a number, at least 0, got '5e-4'"),
        (
            "momentum = '0.9'",
            r"momentum of recipe M must be a number in \[0, 1\), got '0.9'; did you mean 0.9\?",
        ),
        ("crop_padding = -1", "crop_padding of recipe M must be a whole number, at least 0, got -1"),
        ("translate = 1.5", "translate of recipe M must be a whole number, at least 0, got 1.5"),
        ("translate = true", "translate of recipe M must be a whole number, at least 0, got True"),
        (
            "score_samples = 1979-05-27",
            "score_samples of recipe M must be a whole number, at least 1, got datetime",
        ),
        (
            "lr_drop_epochs = [0]",
            r"lr_drop_epochs of recipe M must be a list of whole numbers, each at least 1, got \(0,\)",
        ),
        (
            "lr_drop_epochs = 3",
            "lr_drop_epochs of recipe M must be a list of whole numbers, each at least 1, got 3",
        ),
        (
            "lr_drop_epochs = {after = 3}",
            "lr_drop_epochs of recipe M must be a list of whole numbers, each at",
        ),
        ("random_resized_crop = 3", "random_resized_crop of recipe M must be True or False, got 3"),
        ("initialisation = 3", "initialisation of recipe M must be text, got 3"),
        ("normalization = [1]", r"normalization of recipe M must be a table of names and values, got \[1\]"),
        (
            "[normalization]\nmnist = 3",
            "normalization.mnist of recipe M must be a table of names and values, got 3",
        ),
        ("[[adversarial]]\nkind = 'pgd'", "adversarial of recipe M must be a table of names and values, got"),
        ("[normalization.mnist]\nmean = [0.1]", "std of normalization.mnist of recipe M is missing"),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [0.0]",
            r"std of normalization.mnist of recipe M must be a list of numbers above 0, got \(0.0,\)",
        ),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [1.0]\nvar = 2",
            "unknown field 'var' of normalization.mnist of recipe M; .*expected mean, std",
        ),
        (
            "[normalization.mnist]\nmean = [0.1]\nstd = [1.0, 1.0]",
            "normalization.mnist of recipe M: mean and std need as many values, got 1 and 2",
        ),
        (
            "crop_paddin = 4",
            r"unknown field 'crop_paddin' of recipe M; did you mean 'crop_padding'\? expected name, source",
        ),
        ("base = 3", "base of recipe M must be the name of a recipe or a TOML file, got 3"),
        ("base = 'digts'", r"unknown recipe 'digts'; did you mean 'digits'\?"),
        ("base = 'mine.toml'", "recipe M is its own base; name another as base"),
        ("base = 'gone.toml'", r"recipe .*gone.toml cannot be read \(No such file"),
    ],
)
def test_options_that_cannot_be_are_refused_by_their_line(tmp_path, lines, message):
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "x"\nsource = ""\noptimizer = "sgd"\nlr = 1\nbatch_size = 8\nepochs = 2\n{lines}'
    )
    with pytest.raises(
        ConfigError, match=message.replace("recipe M", f"recipe {re.escape(str(file))}")
    ) as caught:
        load_recipe(file)
    assert "\n" not in str(caught.value)


# -- tables and bases -------------------------------------------------------------------------------------

SHORT = {"optimizer": "sgd", "lr": 1, "batch_size": 8, "epochs": 2}


def test_a_table_is_a_recipe_whose_name_and_source_need_not_be_given():
    plan = load_recipe(SHORT | {"lr_drop_epochs": [1], "adversarial": {"kind": "pgd", "eps": 0.1}})
    assert (plan.name, plan.source, plan.lr, plan.lr_drop_epochs) == ("custom", "", 1.0, (1,))
    assert plan.adversarial == PGDTraining(eps=0.1)
    assert load_recipe(SHORT | {"name": "mine"}).name == "mine"
    assert load_recipe(plan) is plan


def test_a_table_with_a_base_has_its_values_but_for_those_given():
    digits = load_recipe("digits")
    plan = load_recipe({"base": "digits", "lr": 0.01, "lr_drop_epochs": [3]})
    assert plan.name == "digits, changed"
    assert plan == digits.changed(name="digits, changed", lr=0.01, lr_drop_epochs=(3,))
    assert load_recipe({"base": "digits"}) == digits
    assert load_recipe({"base": "digits", "lr": 0.01, "name": "faster"}).name == "faster"


def test_a_file_with_a_base_is_called_like_the_file_and_finds_its_base_beside_it(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "first.toml").write_text("base = 'digits'\nepochs = 3\nlr = 0.5")
    second = tmp_path / "recipes" / "second.toml"
    second.write_text("base = 'first.toml'\nlr = 0.25")
    monkeypatch.chdir(tmp_path)
    assert load_recipe("recipes/second.toml") == load_recipe("digits").changed(
        name="second", epochs=3, lr=0.25
    )
    assert load_recipe({"base": "recipes/first.toml", "batch_size": 8}).name == "first, changed"
    (tmp_path / "recipes" / "first.toml").write_text("base = 'second.toml'")
    with pytest.raises(ConfigError, match=r"recipe .*second.toml is its own base"):
        load_recipe(second)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"lr": 1}, "optimizer of recipe custom is missing"),
        (SHORT | {"lr": "fast"}, "lr of recipe custom must be a number above 0, got 'fast'"),
        (SHORT | {"lr": [0.1]}, r"lr of recipe custom must be a number above 0, got \(0.1,\)"),
        (SHORT | {"name": "mine", "lr": float("inf")}, "lr of recipe mine must be a number above 0, got inf"),
        ({"base": "digits", "lr": -1}, "lr of recipe 'digits, changed' must be a number above 0, got -1"),
        (
            {"base": "digits", "lrr": 1},
            r"unknown field 'lrr' of recipe 'digits, changed'; did you mean 'lr'\?",
        ),
        ({"base": ["digits"]}, "base of a recipe must be the name of a recipe or a TOML file, got"),
        ([("lr", 1)], "unknown recipe"),
        (3, "unknown recipe '3'"),
    ],
)
def test_tables_that_cannot_be_are_refused_in_one_line(table, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(table)
    assert "\n" not in str(caught.value)


def test_a_changed_recipe_takes_values_as_json_and_numpy_have_them():
    plan = load_recipe("digits").changed(
        momentum=np.float32(0.9), epochs=np.int64(3), lr_drop_epochs=[1, 2], lr_every_steps=None,
        adversarial={"kind": "trades", "eps": 0.1},
    )  # fmt: skip
    assert (plan.momentum, plan.epochs, plan.lr_drop_epochs, plan.lr_every_steps) == (0.9, 3, (1, 2), None)
    assert plan.adversarial == TRADESTraining(eps=0.1)
    assert plan.name == "digits"
    assert load_recipe("digits").changed(adversarial=plan.adversarial).adversarial == plan.adversarial


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lrr": 1}, r"^unknown field 'lrr' of recipe digits; did you mean 'lr'\? expected name, source, optimizer"),
        ({"lr": -1}, "^lr of recipe digits must be a number above 0, got -1$"),
        ({"epochs": 1.5}, "^epochs of recipe digits must be a whole number, at least 0, got 1.5$"),
        (
            {"optimizer": "adm"},
            r"^optimizer of recipe digits must be one of sgd, adam, adamw, got 'adm'; did you mean 'adam'\?$",
        ),
        ({"normalization": {"mnist": {"mean": [0.1]}}}, "^std of normalization.mnist of recipe digits is missing"),
    ],
)  # fmt: skip
def test_changes_that_cannot_be_are_refused_in_the_same_words(values, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("digits").changed(**values)


# -- a recipe of one's own --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_recipes())
def test_a_new_recipe_has_the_values_of_the_one_it_begins_with(tmp_path, name):
    file = new_recipe(tmp_path / "mine", name)
    assert file == tmp_path / "mine.toml"
    assert load_recipe(file) == load_recipe(name).changed(name="mine", source="")


def test_a_new_recipe_begins_with_what_untold_training_takes(tmp_path, make_network, problem):
    file = new_recipe(tmp_path / "new" / "mine.toml")
    assert load_recipe(file) == recipe_for(None, problem(8), None).changed(name="mine", source="")
    assert sr.train(make_network("conv"), problem(8), recipe=file, epochs=1).recipe == "mine"


def test_a_template_says_of_every_field_what_it_is_and_its_default():
    """Without the signs of comment it is all of a recipe, with the defaults where there are any."""
    text = recipe_template("mine", SHORT)
    for cls in (Recipe, Normalization, PGDTraining, TRADESTraining):
        about = documented_attributes(cls)
        for key in cls.model_fields:
            start = re.escape(about[key][:20].rstrip("."))
            assert re.search(rf"^# (where kind = \S+, )?{key}: {start}", text, re.MULTILINE), key
    filled = load_recipe(tomllib.loads(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)))
    assert filled.model_fields_set == set(Recipe.model_fields)
    for key, field in Recipe.model_fields.items():
        if not field.is_required() and field.default is not None and key != "normalization":
            assert getattr(filled, key) == field.default, key
    assert "# a number above 0; required\nlr = 1.0\n" in text
    assert "# a number in [0, 1); default: 0.0\n#momentum = 0.0\n" in text
    assert "# a whole number, at least 1; default: none\n#lr_every_steps = " in text


@pytest.mark.parametrize("name", ["it's", 'a "quoted" one', "back\\slash", "ü"])
def test_a_new_recipe_may_be_called_as_a_file_may_be(tmp_path, name):
    assert load_recipe(new_recipe(tmp_path / name)).name == name


def test_a_new_recipe_replaces_nothing(tmp_path):
    file = new_recipe(tmp_path / "mine")
    file.write_text("changed")
    with pytest.raises(
        ConfigError, match=r"mine.toml is there already; name another file, or delete it first$"
    ):
        new_recipe(file)
    assert file.read_text() == "changed"
    with pytest.raises(ConfigError, match="digits is a recipe of the library; name yours otherwise"):
        new_recipe(tmp_path / "digits.toml")
    with pytest.raises(ConfigError, match="a new recipe needs a name, got"):
        new_recipe(f"{tmp_path}/")
    with pytest.raises(ConfigError, match="a new recipe needs a name, got"):
        new_recipe(tmp_path / "two\nlines")
    with pytest.raises(ConfigError, match=r"mine.toml/x.toml cannot be written"):
        new_recipe(file / "x")
    with pytest.raises(ConfigError, match=r"unknown recipe 'digts'; did you mean 'digits'\?"):
        new_recipe(tmp_path / "other", "digts")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_the_file_of_a_recipe_is_found_by_a_hint_where_its_ending_was_forgotten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new_recipe("digit")
    with pytest.raises(ConfigError, match=r"unknown recipe 'digit'; did you mean 'digit.toml'\?"):
        load_recipe("digit")
