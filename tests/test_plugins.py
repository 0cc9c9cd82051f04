"""Networks and data sets of other packages: registered by an entry point, they are used like ours."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust import registry
from sparserobust.errors import DataError, ModelError, PluginError, ShapeError
from sparserobust.models.network import initialised_by, titled
from sparserobust.registry import Registry
from sparserobust.testing.networks import small_data

CODE = '''
    import torch
    from torch import nn

    import sparserobust as sr
    from sparserobust.models.network import initialised_by, titled


    @titled("Their Net")
    @initialised_by("kaiming-normal")
    def net(input_shape, num_classes):
        """Their network: one hidden layer.

        And more about it.
        """
        size = input_shape[0] * input_shape[1] * input_shape[2]
        return nn.Sequential(nn.Flatten(), nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, num_classes))


    def data(root):
        """Their data: the brightest half."""
        labels = torch.arange(60) % 2
        images = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) / 2
        images[labels == 1, :, :4] += 0.4
        parts = [torch.utils.data.TensorDataset(images[i::3], labels[i::3]) for i in range(3)]
        return sr.Data("theirs-data", *parts, (0.5,), (0.3,), ("low", "high"), (1, 8, 8),
                       title=f"Theirs in {root}", recipe="digits-pgd")


    def no_network(input_shape, num_classes):
        """Returns no network."""
        return 3
'''
ENTRIES = """
    [sparserobust.models]
    theirs-net = their_package.plugins:net
    theirs-none = their_package.plugins:no_network
    lenet5 = their_package.plugins:net

    [sparserobust.data]
    theirs-data = their_package.plugins:data

    [sparserobust.methods]
    theirs-gone = their_package.removed:Gone
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with an installed distribution: a package and its metadata."""
    site = tmp_path_factory.mktemp("site")
    info = site / "their_distribution-1.0.dist-info"
    for folder in (site / "their_package", info):
        folder.mkdir()
    (site / "their_package" / "__init__.py").touch()
    (site / "their_package" / "plugins.py").write_text(textwrap.dedent(CODE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-distribution\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(ENTRIES))
    return site


def sparserobust(site, *arguments, cwd=None, code=0):
    """What the command line of a fresh interpreter writes, which also sees what is installed in `site`."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "sparserobust", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_installed_network_and_data_set_are_trained_scored_and_loaded_again(site, tmp_path):
    options = ["--model", "theirs-net", "--data", f"theirs-data:{tmp_path}", "--methods", "magnitude"]
    options += ["--sparsity", "0.5", "--epochs", "1", "--evaluators", "accuracy"]
    sparserobust(site, "evaluate", *options, "--out", "out", cwd=tmp_path)
    run = sr.load_run(tmp_path / "out" / "magnitude-0.5-0")
    assert (run.subject.model, run.subject.model_title) == ("theirs-net", "Their Net")
    assert (run.data.name, run.data.title) == ("theirs-data", f"Theirs in {tmp_path}")
    assert run.history.recipe == "digits-pgd"
    file = tmp_path / "out" / "magnitude-0.5-0" / "model.sparse"
    options = ["--data", "theirs-data", "--evaluators", "accuracy", "--out", "again"]
    sparserobust(site, "evaluate", file, *options, cwd=tmp_path)
    scored = sr.load_run(tmp_path / "again" / "magnitude-0.5-0")
    assert scored.subject.weights_sha256 == run.subject.weights_sha256
    with pytest.raises(ModelError, match="theirs-net, which is not one of our models; give a fresh instance"):
        sr.load_subject(file)  # not installed here, and a file never imports anything


def test_list_shows_what_is_installed_and_names_what_is_broken_or_there_twice(site):
    lines = [
        line.split(maxsplit=1) for line in sparserobust(site, "list", code=1).splitlines() if " " in line
    ]
    listed = dict(lines)
    assert listed["theirs-net"] == "Their network: one hidden layer."
    assert listed["theirs-data"] == "Their data: the brightest half."
    assert listed["theirs-gone"] == (
        "cannot be loaded: method 'theirs-gone' from their-distribution (their_package.removed:Gone) "
        "failed to load: ModuleNotFoundError: No module named 'their_package.removed'"
    )
    assert listed["lenet5"].startswith("cannot be loaded: model 'lenet5' is defined twice, by ")
    assert "their_package.plugins:net (their-distribution)" in listed["lenet5"]
    assert listed["conv2"].startswith("Conv2: two 3x3 convolutions")


def test_describe_says_what_it_is_and_which_distribution_it_is_from(site):
    text = sparserobust(site, "describe", "theirs-net")
    assert text.startswith(
        "theirs-net (model)\n\nfrom their-distribution (their_package.plugins:net)\n\nTheir net"
    )
    assert "And more about it." in text


def test_what_is_no_network_is_told_in_a_line_that_names_the_package(site):
    text = sparserobust(site, "evaluate", "--model", "theirs-none", "--evaluators", "accuracy", code=2)
    assert text == (
        "PluginError: model 'theirs-none' from their-distribution (their_package.plugins:no_network) "
        "must return a Module, got int\n"
    )


# -- in this process ----------------------------------------------------------------------------------------


@pytest.fixture
def install(monkeypatch):
    """install(group, name, thing): an entry point of another distribution that loads the thing."""
    real = registry.entry_points
    added = []

    class Made(EntryPoint):
        def load(self):
            return vars(self)["thing"]

    def entry_points(group):
        return [*real(group=group), *(entry for entry in added if entry.group == group)]

    def add(plugins: Registry, name: str, thing: object) -> None:
        entry = Made(name, f"theirs:{name}", plugins.group)
        vars(entry).update(thing=thing, dist=SimpleNamespace(name="their-package"))
        added.append(entry)

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return add


def small(input_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, num_classes))


def test_a_network_states_its_title_and_its_initialisation_itself(install):
    for name, build in {
        "plain": lambda shape, classes: small(shape, classes),
        "stated": titled("Stated")(initialised_by("pm-sigma")(lambda shape, classes: small(shape, classes))),
    }.items():
        install(registry.models, name, build)
    plain, stated = (
        sr.create_model(name, input_shape=(1, 8, 8), num_classes=3) for name in ("plain", "stated")
    )
    assert (plain.origin.title, plain.origin.initialisation) == ("plain", "xavier-normal")
    assert (stated.origin.title, stated.origin.initialisation) == ("Stated", "pm-sigma")
    assert len(stated.body[1].weight.abs().unique()) == 1
    other = sr.create_model("stated", input_shape=(1, 8, 8), num_classes=3, initialisation="kaiming-normal")
    assert other.origin.initialisation == "kaiming-normal"
    assert {"plain", "stated"} <= set(sr.list_models())
    assert {"plain", "stated"} <= set(registry.models.third_party())


def test_a_class_can_be_a_network_too(install):
    @titled("A Class")
    class Whole(nn.Module):
        def __init__(self, input_shape, num_classes):
            super().__init__()
            self.layers = small(input_shape, num_classes)

        def forward(self, images):
            return self.layers(images)

    install(registry.models, "whole", Whole)
    model = sr.create_model("whole", input_shape=(1, 8, 8), num_classes=3)
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert model.origin.title == "A Class"


def test_a_saved_network_of_a_plugin_comes_back_with_its_logits(install, tmp_path):
    install(registry.models, "small", small)
    images = torch.rand(5, 1, 8, 8)
    model = sr.create_model("small", input_shape=(1, 8, 8), num_classes=3, mean=(0.4,), std=(0.2,), seed=7)
    subject = sr.sparsify(model, "random", 0.5, offset="frozen", seed=1)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"))
    assert back.name == "small"
    assert back.parent is not None
    with torch.no_grad():
        assert torch.equal(back.model.eval()(images), subject.model.eval()(images))


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (lambda shape, classes: None, "must return a Module, got NoneType"),
        (lambda shape: small(shape, 2), "failed: TypeError: .*positional argument"),
        (lambda shape, classes: 1 / 0, "failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_network_function_does_wrong_is_one_line_with_its_package(install, build, cause):
    install(registry.models, "wrong", build)
    with pytest.raises(
        PluginError, match=rf"^model 'wrong' from their-package \(theirs:wrong\) {cause}"
    ) as caught:
        sr.create_model("wrong", input_shape=(1, 8, 8), num_classes=3)
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_comes_through_as_it_is(install):
    def build(input_shape, num_classes):
        raise ShapeError("too small")

    install(registry.models, "picky", build)
    with pytest.raises(ShapeError, match="^too small$"):
        sr.create_model("picky", input_shape=(1, 8, 8), num_classes=3)


def test_a_data_set_gets_the_root_or_the_place_in_its_name(install, tmp_path, monkeypatch):
    asked = []

    def load(root):
        asked.append(root)
        return sr.load_data("digits")

    install(registry.data, "mine", load)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, root in (("mine", None), ("mine", "there"), ("mine:here/x", "there"), ("mine:~/y", None)):
        sr.load_data(name, root)
    assert list(map(str, asked)) == ["data", "there", "here/x", str(tmp_path / "y")]
    assert "mine" in sr.list_data()


def test_what_is_no_data_is_one_line_with_its_package(install):
    install(registry.data, "wrong", lambda root: [1, 2])
    with pytest.raises(
        PluginError,
        match=r"data set 'wrong' from their-package \(theirs:wrong\) must return a Data, got list",
    ):
        sr.load_data("wrong")


def test_folders_can_be_named_by_place_or_by_root(tmp_path):
    with pytest.raises(DataError, match="nowhere is not a folder") as named:
        sr.load_data(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(DataError, match="nowhere is not a folder") as rooted:
        sr.load_data("folder", tmp_path / "nowhere")
    assert str(named.value) == str(rooted.value)


def test_data_without_a_recipe_of_its_own_has_none():
    assert small_data().recipe is None
    digits = sr.load_data("digits")
    assert digits.recipe == digits.normalized((0.1,), (0.2,)).recipe == "digits"
