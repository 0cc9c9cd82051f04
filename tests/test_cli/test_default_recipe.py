"""The command line trains by the recipe that `train` takes: the one named, else that of the data, or each method's."""

from __future__ import annotations

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.records import load_run

OPTIONS = "--model conv2 --methods dctps,random --sparsity 0.5 --epochs 1 --evaluators flops"


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ((), {"dense": "digits", "dctps": "digits", "random": "digits"}),
        (("own",), {"dense": "freezenet-mnist", "dctps": "dctps", "random": "freezenet-mnist"}),
        (("grasp",), {"dense": "grasp", "dctps": "grasp", "random": "grasp"}),
    ],
)
def test_the_recipe_is_the_same_on_the_command_line_and_in_python(tmp_path, named, used):
    recipe = [part for name in named for part in ("--recipe", name)]
    with pytest.raises(SystemExit) as done:
        main(["evaluate", *OPTIONS.split(), *recipe, "--out", str(tmp_path)])
    assert done.value.code == 0
    data = sr.load_data("digits")
    for method, name in used.items():
        sparsity = 0.0 if method == "dense" else 0.5
        history = load_run(tmp_path / f"{method}-{sparsity:g}-0" / "run.json").history
        assert history is not None
        subject = sr.sparsify(sr.create_model("conv2", data), method, sparsity, data)
        ours = sr.train(subject, data, epochs=1, recipe=next(iter(named), None))
        assert (history.recipe, ours.recipe) == (name, name)
        assert history.settings == ours.settings | {"score_samples": history.settings["score_samples"]}
