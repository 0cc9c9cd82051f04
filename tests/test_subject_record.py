"""What a subject's record says of where it comes from: titles, what was changed, training, and its file."""

import hashlib
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.apply import build_method, make_subject
from sparserobust.methods.choose import choose_masks
from sparserobust.methods.snip import SNIP
from sparserobust.models.network import title_of
from sparserobust.records import SCHEMA_VERSION, ChangedParameter
from sparserobust.registry import methods, models
from sparserobust.runner import failed_run
from sparserobust.storage.modelfile import read_model


@pytest.fixture(scope="module")
def digits():
    return sr.load_data("digits")


def subject_of(digits, method="random", sparsity=0.5, **params):
    return sr.sparsify(sr.create_model("lenet-300-100", digits), method, sparsity, digits, **params)


# -- titles -------------------------------------------------------------------------------------------------


def test_every_network_of_ours_has_a_title_of_its_own():
    titles = [title_of(models.load(name), "") for name in models.names()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_network_data_set_and_method_bring_their_titles_into_the_record(digits):
    run = sr.evaluate(subject_of(digits, "dctps"), digits, ["storage"])
    assert (run.subject.model, run.subject.model_title) == ("lenet-300-100", "LeNet-300-100")
    assert (run.subject.method, run.subject.method_title) == ("dctps", "DCTpS")
    assert (run.data.name, run.data.title) == ("digits", "digits")


def test_a_network_of_ones_own_and_a_method_without_a_title_are_called_by_their_names(digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    record = sr.sparsify(net, "magnitude", 0.5).record()
    assert (record.model_title, record.method_title) == ("Sequential", "magnitude")


def test_a_subclass_with_a_name_of_its_own_does_not_go_by_its_parents_title():
    class Ours(SNIP):
        name = "snip-ours"

    assert (SNIP.title, Ours.title) == ("SNIP", "snip-ours")


# -- what was changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "changed"),
    [
        ("snip", {}, []),
        ("snip", {"score_samples": 7}, []),
        ("random", {"allocation": "epl", "offset": "dct"}, [("allocation", "epl", "EPL"), ("offset", "dct", "DCT")]),
        ("dctps", {"allocation": "epl-published"}, [("allocation", "epl-published", "published EPL")]),
        ("random", {"allocation": "global"}, [("allocation", "global", "global")]),
        ("freezenet", {"offset": "zero"}, [("offset", "zero", "zero offset")]),
        ("freezenet", {"rescue": None}, [("rescue", None, "no rescue")]),
        ("snip", {"rescue": "random"}, [("rescue", "random", "rescue")]),
        ("snip", {"control": "layer-shuffled"}, [("control", "layer-shuffled", "layer-shuffled")]),
        ("dctps", {"trainable_alpha": False}, [("trainable_alpha", False, "fixed alpha")]),
        ("grasp", {"keep": "lowest"}, [("keep", "lowest", "inverted sign")]),
        ("synflow", {"steps": 1}, [("steps", 1, None)]),
        ("starfire-ck", {"era": (0, 1)}, [("era", [0, 1], None)]),
    ],
)  # fmt: skip
def test_what_was_changed_is_data_with_the_owners_words(method, params, changed):
    built = build_method(method, params)
    assert [(c.name, c.value, c.words) for c in built.changed()] == changed


def test_a_method_of_a_third_party_states_its_words_at_the_field():
    @dataclass(frozen=True, kw_only=True)
    class Theirs(SNIP):
        name = "theirs"
        mood: str = field(default="calm", metadata={"words": {"wild": "in the wild"}})

    changed = Theirs(mood="wild", allocation="erk").changed()
    assert [(c.name, c.words) for c in changed] == [("allocation", "ERK"), ("mood", "in the wild")]


def test_no_method_of_ours_is_called_by_its_registered_name_but_the_plain_ones():
    unnamed = {name for name in methods.names() if methods.load(name).title == name}
    assert unnamed == {"dense", "random", "magnitude"}


def test_the_record_has_what_was_changed_and_whether_the_label_was_given(digits):
    subject = subject_of(digits, allocation="erk")
    record = subject.record()
    assert record.changed == (ChangedParameter(name="allocation", value="erk", words="ERK"),)
    assert (record.label, record.label_given) == ("random[allocation=erk] 0.5", False)
    assert sr.evaluate(subject, digits, ["storage"], label="mine").subject.label_given
    subject.label = "my own"
    assert (subject.record().label, subject.record().label_given) == ("my own", True)


def test_what_could_not_be_made_has_the_same_facts_as_what_was(digits):
    dense = sr.evaluate(subject_of(digits, "dense", 0.0), digits, ["storage", "fgsm"], limit=20)
    run = failed_run(dense, build_method("starfire-ck", {"era": (0, 1)}), 0.5, RuntimeError("no\nroom"))
    assert run.subject.method_title == "STARFIRE CK"
    assert run.subject.changed == (ChangedParameter(name="era", value=[0, 1]),)
    assert run.subject.not_made.facts == {"error": "RuntimeError", "message": "no room"}
    for name, outcome in run.outcomes.items():
        known = dense.outcomes[name]
        assert (outcome.title, outcome.measures, outcome.attack) == (
            known.title,
            known.measures,
            known.attack,
        )
        assert outcome.reason == run.subject.not_made


# -- training -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dense", "snip", "freezenet", "dctps", "gradual-magnitude"])
def test_training_is_none_until_a_weight_moves_and_recorded_with_a_history(digits, method):
    subject = subject_of(digits, method, 0.0 if method == "dense" else 0.5)
    assert subject.record().training == "none"
    history = sr.train(subject, digits, epochs=1, recipe="digits")
    assert subject.record().training == "recorded"
    subject.history = None
    assert subject.record().training == "elsewhere"
    subject.history = history.model_copy(update={"epochs": ()})
    assert subject.record().training == "unknown"


def test_a_bias_that_moved_is_a_training_and_running_statistics_are_none(digits):
    subject = sr.sparsify(sr.create_model("mlp5", digits), "snip", 0.5, digits)
    subject.model.train()(digits.test.slice(torch.arange(16))[0])
    assert subject.record().training == "none"
    with torch.no_grad():
        subject.model.body[1].bias[0] += 1
    assert subject.record().training == "elsewhere"


def test_weights_that_nobody_drew_here_may_have_been_trained():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    subject = sr.sparsify(net, "magnitude", 0.5)
    assert subject.record().training == "unknown"
    assert sr.Subject.of(net).record().training == "unknown"


def test_weights_drawn_orthogonal_are_drawn_here_although_no_other_machine_draws_them_alike(digits):
    net = sr.create_model("lenet-300-100", digits, initialisation="orthogonal")
    assert sr.sparsify(net, "random", 0.5).record().training == "none"


# -- its file -------------------------------------------------------------------------------------------------


def test_the_record_has_the_digest_of_its_file_as_long_as_the_weights_are_those_in_it(digits, tmp_path):
    subject = subject_of(digits)
    assert subject.record().file_sha256 is None
    path = subject.save(tmp_path / "one.sparse")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert subject.record().file_sha256 == sr.load_subject(path).record().file_sha256 == digest
    again = subject.save(tmp_path / "two.sparse")
    assert read_model(again)[0] == read_model(path)[0], "what it was saved as before is no part of a file"
    assert read_model(path)[0]["schema_version"] == SCHEMA_VERSION
    with torch.no_grad():
        subject.model.body[1].bias[0] += 1
    assert subject.record().file_sha256 is None


def test_a_saved_subject_comes_back_with_its_record(digits, tmp_path):
    method = build_method("random", {"allocation": "erk"})
    model = sr.create_model("lenet-300-100", digits)
    weights, (chosen,) = choose_masks(model, method, [0.5], None, 0, "cpu")
    subject = make_subject(model, method, weights, chosen, 0.5, 0)
    subject.label = "mine"
    loaded = sr.load_subject(subject.save(tmp_path / "model.sparse"))
    assert loaded.record() == subject.record()
    assert loaded.record().label_given
