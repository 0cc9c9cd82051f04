"""A network that cannot be scored says so in one line before anything is computed, in every way to bring it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import sparserobust as sr
from sparserobust.data import Data, ImageTensors
from sparserobust.errors import ModelError, ShapeError, SparseRobustError
from sparserobust.scoring.trial import TRIED, require_fitting, tried

from .doubles import WithWeights, evaluator_of

SHAPE = (1, 8, 8)


def images_of(shape=SHAPE, n=20) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(3))


def data_of(shape=SHAPE, classes=4) -> Data:
    examples = ImageTensors(images_of(shape), torch.arange(20) % classes)
    names = tuple(map(str, range(classes)))
    return Data("few", examples, examples, examples, (0.5,) * shape[0], (0.5,) * shape[0], names, shape)


def mlp(inputs=64, classes=4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, classes))


def conv(channels=3, features=8 * 6 * 6, classes=4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(features, classes))


class Steps(nn.Module):
    """Answers by a function of (images, number of the call), and has a weight."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.last, self.answer = nn.Linear(64, 4), answer
        nn.init.normal_(self.last.weight, generator=torch.Generator().manual_seed(0))
        nn.init.zeros_(self.last.bias)
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.answer(self.last(images.flatten(1)))


def raises(kind=ValueError):
    def answer(logits):
        raise kind("no\nsuch thing")

    return answer


UNFIT = [
    (mlp(784), SHAPE, r"of few: its first layer 1 takes 784 features, as of images \(1, 28, 28\), got 64"),
    (mlp(3072), SHAPE, r"its first layer 1 takes 3072 features, as of images \(3, 32, 32\), got 64"),
    (mlp(65), SHAPE, r"its first layer 1 takes 65 features, got 64"),
    (conv(3), SHAPE, r"of shape \(1, 8, 8\) of few: its first layer 0 takes 3 channels, got 1"),
    (conv(1), (3, 8, 8), "its first layer 0 takes 1 channels, got 3"),
    (conv(1, 99), SHAPE, "its layer 3 takes 99 features, got 288"),
    (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(8, 4, 3)), SHAPE, "its layer 1 takes 8 channels, got 4"),
    (conv(1), (1, 2, 2), r"of shape \(1, 2, 2\) of few: RuntimeError: .*Kernel size"),
    (nn.Linear(64, 4), (1, 8, 8), "Linear does not take images .*: its first layer takes 64 features, .*, got 8"),
    (Steps(raises()), SHAPE, "Steps does not take images .*: ValueError: no such thing"),
    (Steps(raises(SystemExit)), SHAPE, "SystemExit: no such thing"),
    (mlp(64, 7), SHAPE, r"must return logits \(1, 4\) for one image of few, got \(1, 7\); give it 4 outputs, or"),
    (mlp(64, 3), SHAPE, r"must return logits \(1, 4\) for one image of few, got \(1, 3\)"),
    (mlp(64, 1), SHAPE, r"must return logits \(1, 4\) for one image of few, got \(1, 1\)"),
    (Steps(lambda logits: logits.argmax(1, keepdim=True)), SHAPE, "floating-point numbers, got torch.int64"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "shape", "text"), UNFIT)
def test_a_network_that_does_not_fit_the_data_says_what_it_wants_before_anything_is_computed(
    model, shape, text
):
    """evaluate, sparsify and train alike; the message is one line without a traceback of torch."""
    data = data_of(shape)
    evaluator = evaluator_of("never")
    for use in (
        lambda: sr.evaluate(model, data, [evaluator]),
        lambda: sr.sparsify(model, "snip", 0.5, data),
        lambda: sr.sparsify(model, "magnitude", 0.5, data),
        lambda: sr.train(model, data, epochs=1),
        lambda: require_fitting(model, data),
    ):
        with pytest.raises((ModelError, ShapeError), match=text) as caught:
            use()
        assert "\n" not in str(caught.value)


ANSWERS = [
    (lambda logits: logits.softmax(1), "returns probabilities .* return what goes into the softmax"),
    (lambda logits: logits / 0, "NaN or infinite for 4 of 4 images"),
    (lambda logits: logits * torch.tensor([1.0, 1.0, 1.0, torch.nan]), "NaN or infinite for 4 of 4 images"),
    (lambda logits: logits + 0.01 * torch.randn_like(logits), "random in evaluation mode: two passes .* dropout"),
    (lambda logits: nn.functional.dropout(logits), "random in evaluation mode"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "text"), ANSWERS)
def test_answers_that_no_number_can_be_made_of_are_refused_before_anything_is_measured(answer, text):
    seen = []
    evaluator = evaluator_of("seeing", update=seen.append)
    for data in (data_of(), (images_of(), torch.arange(20) % 4)):
        with pytest.raises(ModelError, match=text):
            sr.evaluate(Steps(answer), data, [evaluator])
        assert sr.evaluate(Steps(answer), data, ["storage"]).outcomes["storage"].status == "ok"
    assert not seen


def test_what_a_method_made_of_a_network_is_a_result_and_fails_evaluator_by_evaluator():
    subject = sr.sparsify(mlp(), "magnitude", 0.5)
    with torch.no_grad():
        subject.model[3].weight.mul_(1e38)
        subject.model[1].weight.mul_(1e20)
    run = sr.evaluate(subject, data_of(), ["accuracy", "storage"])
    assert {name: own.status for name, own in run.outcomes.items()} == {"accuracy": "failed", "storage": "ok"}
    with pytest.raises(ModelError, match="takes 64 features"):
        sr.evaluate(subject, data_of((1, 9, 9)), ["accuracy"])


def test_log_probabilities_are_a_warning_in_the_record_and_logits_are_none():
    plain, logged = Steps(lambda logits: logits), Steps(lambda logits: logits.log_softmax(1))
    runs = [sr.evaluate(model, data_of(), ["accuracy"]) for model in (plain, logged)]
    codes = [[warning.code for warning in run.subject.warnings] for run in runs]
    assert codes == [[], ["log-probabilities"]]
    correct = [run.outcomes["accuracy"].per_example["correct"].tolist() for run in runs]
    assert correct[0] == correct[1]


def test_of_tensors_the_labels_must_be_among_the_logits_and_more_logits_are_allowed():
    images = images_of()
    for classes, largest in ((4, 3), (9, 3), (1, 1)):
        run = sr.evaluate(mlp(64, classes), (images, torch.arange(20) % (largest + 1)), ["accuracy"])
        assert run.outcomes["accuracy"].status == "ok"
    labels = torch.zeros(20, dtype=torch.int64)
    labels[19] = 4  # behind the images that are tried
    for use in (sr.evaluate, sr.train):
        with pytest.raises(ShapeError, match="from 0 to 3, as many as the model has logits, got 4"):
            use(mlp(), (images, labels))


def test_one_logit_counts_as_two_classes():
    assert sr.evaluate(mlp(64, 1), data_of(classes=2), ["accuracy"]).outcomes["accuracy"].status == "ok"


@pytest.mark.parametrize(
    ("images", "text"),
    [
        ((images_of() - 0.5) / 0.5, "undo the normalisation"),
        (images_of() * 255, "divide by 255"),
        ((images_of() * 255).to(torch.int64), "float in"),
        (images_of().squeeze(1), "images must be"),
        (torch.full_like(images_of(), torch.nan), "remove what is NaN"),
    ],
)
def test_images_that_cannot_be_are_told_before_the_network_is_asked(images, text):
    model = Steps(lambda logits: logits)
    with pytest.raises(ShapeError, match=text):
        tried(model, (images, torch.arange(20) % 4))
    assert model.calls == 0


def test_the_network_the_random_states_and_the_order_of_a_loader_are_as_before():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(), nn.Linear(64, 4)).train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    own = torch.Generator().manual_seed(5)
    loader = DataLoader(
        TensorDataset(images_of(), torch.arange(20) % 4), batch_size=6, shuffle=True, generator=own
    )
    before, drawn = torch.get_rng_state(), own.get_state()
    assert tried(model, loader) == ((), None)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(drawn, own.get_state())
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    with pytest.raises(ModelError):
        require_fitting(mlp(99), loader)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_data_without_an_example_are_left_to_who_needs_one():
    nothing = images_of()[:0], torch.empty(0, dtype=torch.int64)
    assert tried(mlp(), nothing) == ((), None)
    with pytest.raises(SparseRobustError, match="no example to evaluate"):
        sr.evaluate(mlp(), nothing, ["accuracy"])
    assert tried(mlp(), (images_of()[:1], torch.tensor([0]))) == ((), None)
    assert TRIED > 1


def test_a_fitting_network_is_tried_through_any_module():
    assert tried(WithWeights(lambda images: images.flatten(1)[:, :4]), data_of()) == ((), None)


def test_labels_that_are_numbers_leave_it_open_how_many_classes_there_are():
    """An evaluation set may lack the last classes of a network; where classes have names they must be its own."""
    few = replace(data_of(classes=4), open_ended=True)
    tried(mlp(classes=9), few)
    with pytest.raises(ModelError, match=r"must return logits \(1, 4\) for one image of few, got \(1, 3\)"):
        tried(mlp(classes=3), few)
    with pytest.raises(ModelError, match="give it 4 outputs, or data of 9 classes"):
        tried(mlp(classes=9), data_of(classes=4))


def test_one_answer_for_all_images_is_refused():
    with pytest.raises(ShapeError, match=r"the model must return logits .*, got \(4,\)"):
        sr.evaluate(Steps(lambda logits: logits[0]), data_of(), ["accuracy"])
