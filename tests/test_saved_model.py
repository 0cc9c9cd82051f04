"""A saved model comes back with bit-identical logits, and nothing that does not fit is accepted."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import sparserobust as sr
from sparserobust import registry
from sparserobust.errors import ConfigError, ModelError, RecordError
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.models import redraw
from sparserobust.records import remark
from sparserobust.storage.modelfile import read_model


@pytest.fixture(scope="module")
def digits():
    return sr.load_data("digits")


def trained(digits, method, model="conv2", sparsity=0.9, **params):
    sparsity = 0.0 if method == "dense" else sparsity
    subject = sr.sparsify(sr.create_model(model, digits, seed=5), method, sparsity, digits, seed=2, **params)
    sr.train(subject, digits, epochs=1, recipe="freezenet-mnist" if method == "freezenet-wd" else "digits")
    return subject


def logits(subject, digits):
    images, _ = digits.test.slice(torch.arange(64))
    with torch.no_grad():
        return subject.model.eval()(images)


OLD = ["dense", "random", "magnitude", "snip", "freezenet", "dctps"]
FIXED = [n for n in sr.list_methods() if not issubclass(registry.methods.load(n), PruneDuringTraining)]
"""The conformance kit saves the others, before and after their training."""
METHODS = [
    *(
        pytest.param(name, "conv2", marks=[pytest.mark.slow] * (name in ("force", "iter-snip")))
        for name in FIXED
    ),
    *((name, "mlp5") for name in OLD),
]


@pytest.mark.parametrize(("method", "model"), METHODS)
def test_logits_masks_plan_and_record_come_back_bit_for_bit(digits, tmp_path, method, model):
    subject = trained(digits, method, model)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"))
    assert torch.equal(logits(subject, digits), logits(back, digits))
    assert back.record() == subject.record()
    assert back.history == subject.history
    for name, plan in subject.plan.items():
        other = back.plan[name]
        assert torch.equal(plan.mask, other.mask)
        assert torch.equal(plan.offset, other.offset)
        assert plan.kind == other.kind


def test_a_loaded_model_trains_on_under_the_same_law(digits, tmp_path):
    for method in ("snip", "freezenet", "freezenet-wd", "dctps"):
        recipe = "freezenet-mnist" if method == "freezenet-wd" else "digits"
        back = sr.load_subject(trained(digits, method).save(tmp_path / "m.sparse"))
        sr.train(back, digits, epochs=1, recipe=recipe, seed=9)
        effective = back.effective_weights()
        for name, plan in back.plan.items():
            assert torch.equal(effective[name][~plan.mask], plan.offset[~plan.mask]), (method, name)


def test_a_frozen_offset_is_drawn_again_and_costs_no_space(digits, tmp_path):
    frozen, pruned = trained(digits, "freezenet"), trained(digits, "snip", rescue="random")
    sizes = [s.save(tmp_path / f"{s.method}.sparse").stat().st_size for s in (frozen, pruned)]
    assert abs(sizes[0] - sizes[1]) < 300
    assert not any(key.endswith(":offset") for key in read_model(tmp_path / "freezenet.sparse")[1])


def test_the_file_is_as_small_as_the_bitmask_figure_and_its_header(digits, tmp_path):
    subject = trained(digits, "snip", "mlp5", 0.95)
    path = subject.save(tmp_path / "m.sparse")
    bytes_ = (
        sr.evaluate(subject, digits, ["storage"], limit=10).outcomes["storage"].score("bitmask_bytes").value
    )
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert path.stat().st_size - header - 8 <= bytes_ + 8 * len(subject.plan)


def test_an_offset_that_the_seed_no_longer_gives_is_refused(digits, tmp_path, monkeypatch):
    path = trained(digits, "freezenet").save(tmp_path / "m.sparse")
    real = redraw.draw_weights
    monkeypatch.setattr(
        redraw, "draw_weights", lambda model, name, seed, names: real(model, name, seed + 1, names)
    )
    with pytest.raises(RecordError, match="does not match its sha256"):
        sr.load_subject(path)


def test_pruned_and_dct_models_do_not_depend_on_the_initialiser(digits, tmp_path, monkeypatch):
    for method in ("snip", "dctps"):
        subject = trained(digits, method)
        path = subject.save(tmp_path / "m.sparse")
        with monkeypatch.context() as patch:
            real = redraw.draw_weights
            patch.setattr(
                redraw,
                "draw_weights",
                lambda model, name, seed, names, real=real: real(model, name, seed + 1, names),
            )
            back = sr.load_subject(path)
        assert torch.equal(logits(subject, digits), logits(back, digits))
        assert back.parent is None


def own_network():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))


def test_an_offset_that_our_initialiser_did_not_draw_is_stored_whole(digits, tmp_path):
    subject = sr.sparsify(own_network(), "freezenet", 0.8, digits)
    sr.train(subject, digits, epochs=1, recipe="digits")
    path = subject.save(tmp_path / "m.sparse")
    with pytest.raises(ModelError, match="not one of our models; give a fresh instance of it: load_subject"):
        sr.load_subject(path)
    back = sr.load_subject(path, model=own_network())
    assert torch.equal(logits(subject, digits), logits(back, digits))
    drawn = sr.create_model("conv2", digits)
    with torch.no_grad():
        drawn.body[0].weight += 0.1  # no longer what the seed gives
    changed = sr.sparsify(drawn, "freezenet", 0.8, digits)
    changed.save(path)
    assert torch.equal(logits(changed, digits), logits(sr.load_subject(path), digits))


@pytest.mark.parametrize("part", ["gamma", "alpha"])
def test_a_file_that_lost_the_factor_of_an_offset_is_refused(digits, tmp_path, part):
    path = trained(digits, "freezenet-wd" if part == "gamma" else "dctps").save(tmp_path / "m.sparse")
    header, _ = read_model(path)
    rest = {key: tensor for key, tensor in load_file(path).items() if key != f"body.2.weight:{part}"}
    assert len(rest) == len(load_file(path)) - 1
    save_file(rest, path, {"format": "sparserobust model", "version": "1", "header": json.dumps(header)})
    with pytest.raises(RecordError, match="damaged"):
        sr.load_subject(path)


def test_a_file_without_the_alpha_of_the_start_is_one_of_alpha_one(digits, tmp_path):
    """As every file of version 0.1 was written."""
    subject = trained(digits, "dctps")
    path = subject.save(tmp_path / "m.sparse")
    header, _ = read_model(path)
    rest = {key: tensor for key, tensor in load_file(path).items() if not key.endswith(":initial_alpha")}
    assert len(rest) == len(load_file(path)) - len(subject.plan)
    save_file(rest, path, {"format": "sparserobust model", "version": "1", "header": json.dumps(header)})
    back = sr.load_subject(path)
    assert torch.equal(logits(subject, digits), logits(back, digits))
    assert torch.equal(logits(subject.at_initialisation(), digits), logits(back.at_initialisation(), digits))


def with_header(path, change):
    """The same file with another header."""
    header, _ = read_model(path)
    change(header)
    metadata = {"format": "sparserobust model", "version": "1", "header": json.dumps(header)}
    save_file(load_file(path), path, metadata)


def test_a_file_of_schema_1_comes_back_with_titles_and_codes(digits, tmp_path):
    model = sr.create_model("conv2", digits)
    subject = sr.sparsify(model, "gradual-magnitude", 0.9, digits, allocation="erk")
    path = subject.save(tmp_path / "m.sparse")
    untrained = "not trained yet: this method prunes while it trains, and the mask is the one it starts from"
    new = ("label_given", "model_title", "method_title", "changed", "outside", "training", "file_sha256")

    def older(header):
        del header["schema_version"]
        old = {name: value for name, value in header["subject"].items() if name not in new}
        header["subject"] = old | {"warnings": ["layer collapsed: body.0.weight keeps no weight", untrained]}

    with_header(path, older)
    back = sr.load_subject(path)
    assert back.warnings == (remark("layer-collapsed", layer="body.0.weight"),)
    kept = {"label", "label_given", "model_title", "method_title", "changed", "training", "outside"}
    assert back.record().model_dump(include=kept) == subject.record().model_dump(include=kept)


@pytest.mark.parametrize("version", [99, 0, "2", None])
def test_a_file_of_a_schema_that_does_not_exist_is_refused(digits, tmp_path, version):
    path = sr.sparsify(sr.create_model("conv2", digits), "random", 0.5).save(tmp_path / "m.sparse")
    with_header(path, lambda header: header.update(schema_version=version))
    with pytest.raises(RecordError, match=f"schema version {version!r}, expected"):
        sr.load_subject(path)


def test_another_architecture_is_refused(digits, tmp_path):
    path = trained(digits, "snip").save(tmp_path / "m.sparse")
    with pytest.raises(ModelError, match="is of another architecture"):
        sr.load_subject(path, model=own_network())


def test_foreign_and_damaged_files_are_refused(digits, tmp_path):
    path = trained(digits, "snip").save(tmp_path / "m.sparse")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.sparse")
    with pytest.raises(RecordError, match="not a saved model of this library"):
        sr.load_subject(tmp_path / "foreign.sparse")
    (tmp_path / "cut.sparse").write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordError, match="not a readable saved model"):
        sr.load_subject(tmp_path / "cut.sparse")
    header, _ = read_model(path)
    tensors = load_file(path)
    metadata = {"format": "sparserobust model", "version": "1", "header": json.dumps(header)}
    for lost in ("body.0.weight:mask", "body.0.weight:values"):
        rest = {key: value for key, value in tensors.items() if key != lost}
        save_file(rest, tmp_path / "lost.sparse", metadata)
        with pytest.raises(RecordError, match="damaged"):
            sr.load_subject(tmp_path / "lost.sparse")
    save_file(tensors, tmp_path / "newer.sparse", metadata | {"version": "2"})
    with pytest.raises(RecordError, match="format version '2', expected 1"):
        sr.load_subject(tmp_path / "newer.sparse")


def test_a_frozen_model_of_ones_own_survives_being_saved_again(digits, tmp_path):
    subject = sr.sparsify(own_network(), "freezenet", 0.8, digits)
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=own_network())
    again = sr.load_subject(back.save(tmp_path / "b.sparse"), model=own_network())
    assert torch.equal(logits(subject, digits), logits(again, digits))


def test_a_model_in_double_precision_comes_back_in_double_precision(digits, tmp_path):
    subject = sr.sparsify(sr.create_model("conv2", digits).double(), "snip", 0.9, digits)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"))
    images = digits.test.slice(torch.arange(20))[0].double()
    assert torch.equal(subject.model.eval()(images), back.model.eval()(images))


ONCE_SHARED = {
    "offset": "zero",
    "rescue": None,
    "control": None,
    "initialisation": None,
    "trainable_alpha": True,
    "initial_alpha": "auto",
    "ties": "draw",
}


@pytest.mark.parametrize(
    ("method", "gone"), [("snip-it-during", ONCE_SHARED), ("starfire-ck", {"allocation": "uniform"})]
)
def test_parameters_that_did_nothing_and_are_gone_do_not_keep_an_older_file_from_training(
    digits, tmp_path, method, gone
):
    def older(header):
        header["subject"]["params"] |= gone

    subject = sr.sparsify(sr.create_model("conv2", digits, seed=5), method, 0.9, digits, seed=2)
    path = subject.save(tmp_path / "m.sparse")
    with_header(path, older)
    back = sr.load_subject(path)
    assert back.pruning is not None
    assert back.pruning.__self__ == subject.pruning.__self__, "the same method with the same parameters"
    assert {name: back.params[name] for name in gone} == gone, "the record stays as it was written"


def test_a_parameter_that_is_gone_and_did_something_is_refused(digits, tmp_path):
    subject = sr.sparsify(sr.create_model("conv2", digits, seed=5), "snip-it-during", 0.9, digits, seed=2)
    path = subject.save(tmp_path / "m.sparse")
    with_header(path, lambda header: header["subject"]["params"].update(offset="frozen"))
    with pytest.raises(ConfigError, match="snip-it-during has no parameter 'offset'"):
        sr.load_subject(path)


# -- the folder of a run ----------------------------------------------------------------------------------


def test_the_folder_of_a_run_loads_as_the_file_in_it(digits, tmp_path):
    subject = sr.sparsify(sr.create_model("conv2", digits, seed=5), "magnitude", 0.9)
    file = subject.save(tmp_path / "mnist" / "magnitude-0.9-0" / "model.sparse")
    for place in (file.parent, str(file.parent)):
        back = sr.load_subject(place)
        assert back.record() == subject.record()
        assert back.saved == sr.load_subject(file).saved


def test_a_folder_without_a_model_is_refused_with_one_that_has_it(digits, tmp_path):
    with pytest.raises(
        RecordError, match=r"is a folder without model.sparse; name a saved model or the folder of a run$"
    ):
        sr.load_subject(tmp_path)
    for seed in (1, 0):
        sr.sparsify(sr.create_model("conv2", digits, seed=5), "random", 0.9).save(
            tmp_path / f"r-{seed}/model.sparse"
        )
    with pytest.raises(RecordError, match=r"is a folder without model.sparse; did you mean \S*r-0\?$"):
        sr.load_subject(tmp_path)
