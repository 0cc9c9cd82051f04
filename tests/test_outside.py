"""What a subject says of its weights: what stands outside the mask and why, what is excluded, fused q/k/v."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.records import remark
from sparserobust.runner import failed_run
from sparserobust.storage.modelfile import read_model, write_model


@pytest.fixture(scope="module")
def digits():
    return sr.load_data("digits")


class Everything(nn.Module):
    """Parameters of every kind that a mask may leave out; an 8x8 image is 16 tokens of 4 numbers."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(16, 6))
        self.tokens = nn.Embedding(5, 6)
        self.tied = nn.Embedding(10, 6)
        self.embed = nn.Linear(4, 6)
        self.centres = nn.Parameter(torch.randn(7, 6))
        self.turned = parametrizations.orthogonal(nn.Linear(6, 6, bias=False), "weight")
        self.gain = nn.Parameter(torch.ones(1, 6))
        self.spare = nn.Linear(6, 6)
        self.head = nn.Linear(7, 10)

    def forward(self, images):
        x = self.embed(images.flatten(1).unflatten(1, (16, 4))) + self.positions
        x = self.turned(x + self.tokens(torch.zeros((), dtype=torch.long))) * self.gain
        x = x + self.tied(torch.ones((), dtype=torch.long))
        likeness = self.head(torch.cdist(x, self.centres[None]))
        return (likeness + x @ self.tied.weight.T).mean(1)


WHY = {
    "positions": ("add", False),
    "centres": ("_cdist_forward", True),
    "gain": ("mul", False),
    "tokens.weight": ("looked-up", False),
    "tied.weight": ("looked-up", True),
    "turned.weight": ("computed", True),
    "spare.weight": ("unused", False),
}


def test_what_is_outside_says_why_and_only_weights_count_in_the_share():
    record = sr.Subject.of(Everything(), lambda: (1, 8, 8)).record()
    assert {one.name: (one.why, one.is_weight) for one in record.outside_parameters} == WHY
    sizes = {"centres": 42, "tied.weight": 60, "turned.weight": 36}
    assert {one.name: one.numel for one in record.outside_parameters if one.is_weight} == sizes
    assert [layer.name for layer in record.layers] == ["embed.weight", "head.weight"]
    assert record.outside == 138 / (138 + 24 + 70)


def test_excluded_weights_are_outside_and_a_file_keeps_all_of_it(digits, tmp_path):
    subject = sr.sparsify(Everything(), "random", 0.5, digits, exclude="head")
    record = subject.record()
    why = {one.name: (one.why, one.is_weight) for one in record.outside_parameters}
    assert why == WHY | {"head.weight": ("excluded", True)}
    assert (record.exclude, record.prunable) == (("head",), 24)
    assert record.outside == 208 / (208 + 24)
    loaded = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=Everything())
    said = {"exclude", "outside", "outside_parameters", "layers", "kept", "prunable"}
    assert loaded.record().model_dump(include=said) == record.model_dump(include=said)
    failed = failed_run(
        sr.evaluate(subject, digits, ["storage"]), build_method("random", {}), 0.5, RuntimeError()
    )
    assert (failed.subject.exclude, failed.subject.outside_parameters) == (
        ("head",),
        record.outside_parameters,
    )


def test_what_an_earlier_file_does_not_say_is_looked_up_in_the_network(digits, tmp_path):
    subject = sr.sparsify(Everything(), "random", 0.5, digits, exclude="head")
    path = subject.save(tmp_path / "m.sparse")
    header, tensors = read_model(path)
    del header["thirds"], header["subject"]["exclude"], header["subject"]["outside_parameters"]
    write_model(path, header | {"schema_version": 2}, tensors)
    loaded = sr.load_subject(path, model=Everything()).record()
    by_name = {one.name: one for one in loaded.outside_parameters}
    assert by_name == {one.name: one for one in subject.record().outside_parameters}
    assert loaded.outside == subject.record().outside


def test_nothing_is_outside_in_the_papers_networks(digits):
    record = sr.sparsify(sr.create_model("lenet-300-100", digits), "dctps", 0.5, digits).record()
    assert (record.outside, record.outside_parameters) == (0.0, ())
    norms = sr.Subject.of(nn.Sequential(nn.BatchNorm2d(1), nn.Flatten())).record()
    assert (norms.outside, norms.outside_parameters) == (None, ())


def test_a_network_that_cannot_be_traced_says_so_and_is_scored_without_its_weights(digits, tmp_path):
    class OnlyBatches(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 10)

        def forward(self, images):
            if len(images) == 1:
                raise ValueError("give more than one image")
            return self.linear(images.flatten(1))

    run = sr.evaluate(
        OnlyBatches(), digits, ["accuracy", "fgsm", "saliency", "storage", "flops", "connectivity"], limit=40
    )
    why = run.subject.untraced
    assert "give more than one image" in why.facts["message"]
    assert (run.subject.outside, run.subject.outside_parameters, run.subject.layers) == (None, None, ())
    found = {name: (outcome.status, outcome.reason) for name, outcome in run.outcomes.items()}
    assert found.pop("saliency")[0] == "ok"
    assert run.outcomes["saliency"].score("trainable_input_pixels").reason == why
    assert found.pop("accuracy")[0] == found.pop("fgsm")[0] == "ok"
    assert found == dict.fromkeys(("storage", "flops", "connectivity"), ("skipped", why))
    subject = sr.Subject.of(OnlyBatches(), lambda: (1, 8, 8))
    loaded = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=OnlyBatches())
    assert loaded.record().untraced == why


# -- the thirds of a fused weight -------------------------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 10)

    def forward(self, images):
        x = self.embed(images.flatten(1).unflatten(1, (16, 4)))
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


def test_a_fused_weight_says_what_each_of_its_thirds_keeps(digits, tmp_path):
    subject = sr.sparsify(Attention(), "random", 0.5, digits)
    (layer,) = [layer for layer in subject.record().layers if layer.parts]
    mask = subject.plan["attention.in_proj_weight"].mask
    expected = [(name, 36, int(third.sum())) for name, third in zip("qkv", mask.split(6), strict=True)]
    assert layer.name == "attention.in_proj_weight"
    assert [(part.name, part.numel, part.kept) for part in layer.parts] == expected
    loaded = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=Attention())
    assert loaded.record().layers == subject.record().layers
    excluded = sr.sparsify(Attention(), "random", 0.5, digits, exclude="attention.in_proj_weight")
    assert not excluded.thirds


def test_a_third_that_keeps_nothing_is_a_collapse_with_its_name(digits):
    model = Attention()
    with torch.no_grad():
        model.attention.in_proj_weight[6:12] = 0  # the keys
    subject = sr.sparsify(model, "magnitude", 0.5, digits)
    collapsed = [one for one in subject.warnings if one.code == "layer-collapsed"]
    assert collapsed == [remark("layer-collapsed", layer="attention.in_proj_weight", part="k")]
