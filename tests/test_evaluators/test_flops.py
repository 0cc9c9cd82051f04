"""FLOPs against torch's own counter and by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import sparserobust as sr
from evaluators import FLOPs
from sparserobust.kernels import plain_kernels
from sparserobust.records import remark
from sparserobust.training import load_recipe
from tests.test_uses.structures.attention import attention_on_32_by_32


def score(model, shape, name, **at):
    outcome = FLOPs()(model, (torch.rand(2, *shape), torch.tensor([0, 1])))
    assert outcome.status == "ok", outcome.reason
    return outcome.score(name, **at).value


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lenet5-caffe", (1, 28, 28)), ("lenet5", (3, 32, 32)), ("conv6", (3, 32, 32)), ("mlp5", (1, 28, 28))],
)
def test_dense_macs_are_half_of_what_torch_counts(name, shape):
    model = sr.create_model(name, input_shape=shape, num_classes=10).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(1, *shape))
    assert 2 * score(model, shape, "dense_macs") == counter.get_total_flops()
    assert score(model, shape, "executed_macs") == score(model, shape, "dense_macs")


def test_grouped_strided_and_transposed_convolutions_are_counted_by_hand():
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2),  # 8x8 positions, 8 * 2 * 9 weights
        nn.ConvTranspose2d(8, 4, 2, stride=2, bias=False),  # 8x8 input positions, 8 * 4 * 4 weights
        nn.Flatten(),
        nn.Linear(4 * 16 * 16, 3),
    )
    by_hand = 64 * 144 + 64 * 128 + 3072
    assert score(model, (4, 16, 16), "executed_macs") == by_hand


def test_executed_macs_weigh_each_nonzero_by_its_positions():
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10)
    subject = sr.sparsify(model, "random", 0.95, seed=3)
    positions = {"body.0.weight": 24 * 24, "body.3.weight": 8 * 8, "body.7.weight": 1, "body.9.weight": 1}
    by_hand = sum(int(mask.sum()) * positions[name] for name, mask in subject.weights.masks.items())
    assert score(subject, (1, 28, 28), "executed_macs") == by_hand


def test_a_frozen_net_and_a_dct_net_save_no_macs():
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10)
    images = torch.rand(50, 1, 28, 28), torch.randint(10, (50,))
    dense = score(model, (1, 28, 28), "dense_macs")
    assert score(sr.sparsify(model, "freezenet", 0.99, images), (1, 28, 28), "executed_macs") == dense
    dct = sr.sparsify(model, "dctps", 0.99)
    # the DCT of the last layer has exact zeros where a cosine vanishes; nothing to speak of
    assert score(dct, (1, 28, 28), "executed_macs") > 0.999 * dense
    assert score(dct, (1, 28, 28), "dense_macs") == dense
    assert score(dct, (1, 28, 28), "fast_transform_macs") < dense


def test_training_macs_equal_torchs_count_of_a_dense_forward_and_backward():
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10)
    images, labels = torch.rand(20, 1, 28, 28), torch.randint(10, (20,))
    subject = sr.sparsify(model, "dense")
    sr.train(subject, (images, labels), epochs=3, recipe="freezenet-mnist", batch_size=10)
    with FlopCounterMode(display=False) as counter:
        nn.functional.cross_entropy(model(images[:10]), labels[:10]).backward()
    for_all = counter.get_total_flops() / 2 * 2 * 3  # MACs x batches x epochs
    assert score(subject, (1, 28, 28), "training_macs", at="total") == for_all


@pytest.mark.parametrize("kind", ["pgd", "trades"])
def test_adversarial_training_is_counted_by_hand(kind):
    """Three steps of search, forward and back to the images; then learning from one image (PGD) or two (TRADES).

    TRADES also looks at the clean predictions first. The first layer's input needs a gradient in the search only.
    """
    model = sr.create_model("lenet-300-100", input_shape=(1, 8, 8), num_classes=10)
    subject = sr.sparsify(model, "dense")
    recipe = load_recipe("digits").changed(adversarial={"kind": kind, "eps": 0.1, "steps": 3}, batch_size=10)
    sr.train(subject, (torch.rand(20, 1, 8, 8), torch.randint(10, (20,))), epochs=1, recipe=recipe)
    first, whole = 64 * 300, 64 * 300 + 300 * 100 + 100 * 10
    learn = whole + (whole - first) + whole
    by_hand = {"pgd": 3 * 2 * whole + learn, "trades": whole + 3 * 2 * whole + 2 * learn}[kind]
    assert score(subject, (1, 8, 8), "training_macs", at="total") == 20 * by_hand


def test_training_macs_follow_the_mask_of_a_method_that_prunes_on_the_way():
    """Pruned at the end of the second of three epochs: one epoch is dense, two have the final mask."""
    model = sr.create_model("lenet-300-100", input_shape=(1, 8, 8), num_classes=10)
    subject = sr.sparsify(model, "hoyer-square", 0.9, decay=0.0, prune_epoch=2)
    sr.train(subject, (torch.rand(20, 1, 8, 8), torch.randint(10, (20,))), epochs=3)
    sizes = {"1.weight": 64 * 300, "3.weight": 300 * 100, "5.weight": 100 * 10}
    masks = subject.weights.masks
    kept = [
        (size + 2 * int(mask.sum())) / 3 for size, mask in zip(sizes.values(), masks.values(), strict=True)
    ]
    by_hand = 2 * sum(kept) + sum(kept[1:])
    ours = score(subject, (1, 8, 8), "training_macs", at="total")
    assert abs(ours - 60 * by_hand) <= 60 * 3 * 3 / 2  # rounded to whole weights
    assert score(subject, (1, 8, 8), "executed_macs") == subject.kept


def test_training_macs_of_a_frozen_net_save_the_weight_gradient_only():
    model = sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10)
    data = torch.rand(50, 1, 28, 28), torch.randint(10, (50,))
    subject = sr.sparsify(model, "freezenet", 0.99, data)
    sr.train(subject, data, epochs=1)
    parts = {
        p: score(subject, (1, 28, 28), "training_macs", at=p)
        for p in ("forward", "backward_input", "backward_weight")
    }
    weights = 266200
    assert parts["forward"] == weights * 50
    assert parts["backward_input"] == (weights - 784 * 300) * 50  # nothing is needed for the images
    assert parts["backward_weight"] == subject.kept * 50


def test_operators_without_a_rule_are_named_and_products_outside_layers_count():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8, bias=False)

        def forward(self, images):
            x = self.layer(images.flatten(2).squeeze(1).reshape(-1, 4, 8))
            return torch.erfinv((x @ x.transpose(1, 2)).flatten(1).clamp(-0.9, 0.9))

    model = Attention()
    outcome = FLOPs()(model, (torch.rand(2, 1, 4, 8), torch.tensor([0, 1])))
    assert outcome.score("dense_macs").value == 4 * 64 + 4 * 4 * 8
    assert outcome.score("executed_macs").value == outcome.score("dense_macs").value
    assert "aten::erfinv" in outcome.tables["operators"].column("operator")


def test_without_a_training_the_training_macs_are_not_measured_rather_than_zero():
    model = sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10)
    outcome = FLOPs()(model, (torch.rand(2, 1, 8, 8), torch.tensor([0, 1])))
    training = outcome.score("training_macs")
    assert training.value is None
    assert training.reason == remark("no-training-history")


def test_a_model_pruned_by_torch_itself_is_counted():
    from torch.nn.utils import prune

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    prune.l1_unstructured(model[1], "weight", amount=0.9)
    assert score(model, (1, 8, 8), "dense_macs") == 640
    assert score(model, (1, 8, 8), "executed_macs") == 64


def test_attention_at_magnitude_is_counted_by_hand():
    """Every weight but the head's meets the 64 tokens; queries with keys and attention with values are no weights."""
    structure = attention_on_32_by_32()
    subject = sr.sparsify(structure.model, "magnitude", 0.9)
    names = list(structure.weights)
    sizes = torch.cat([structure.model.get_parameter(name).detach().abs().flatten() for name in names])
    total = 32 * 3 * 16 + 96 * 32 + 32 * 32 + 320
    threshold = sizes.sort(descending=True).values[total // 10 - 1]
    kept = [int((structure.model.get_parameter(name).abs() >= threshold).sum()) for name in names]
    assert sum(kept) == total // 10 == subject.kept
    by_hand = 64 * sum(kept[:3]) + kept[3] + 2 * 64 * 64 * 32
    assert score(subject, (3, 32, 32), "executed_macs") == by_hand
    assert score(subject, (3, 32, 32), "dense_macs") == 622_912


def test_the_table_of_layers_has_products_without_weights_too():
    model = attention_on_32_by_32().model.eval()
    layers = FLOPs()(model, (torch.rand(2, 3, 32, 32), torch.tensor([0, 1]))).tables["layers"]
    rows = {row[0]: row[1:] for row in layers.rows}
    assert rows["attention.in_proj_weight"] == (64, 96 * 32 * 64, 96 * 32 * 64, 1.0)
    assert rows["bmm of two inputs"][1:3] == (2 * 64 * 64 * 32, 2 * 64 * 64 * 32)
    assert sum(layers.column("dense_macs")) == 622_912


def test_training_macs_of_attention_by_hand():
    """Of a product of two tensors that both depend on the image the backward pass makes two, one to each."""
    model = attention_on_32_by_32().model
    subject = sr.sparsify(model, "dense")
    data = torch.rand(10, 3, 32, 32), torch.randint(10, (10,))
    sr.train(subject, data, epochs=1, recipe="freezenet-mnist", batch_size=10)
    with FlopCounterMode(display=False) as counter, plain_kernels():
        nn.functional.cross_entropy(model(data[0]), data[1]).backward()
    assert score(subject, (3, 32, 32), "training_macs", at="total") == counter.get_total_flops() / 2
    patches, fused, out, head, between = 1536 * 64, 3072 * 64, 1024 * 64, 320, 2 * 64 * 64 * 32
    parts = {
        "forward": patches + fused + out + head + between,
        "backward_input": fused + out + head + 2 * between,
        "backward_weight": patches + fused + out + head,
    }
    for part, macs in parts.items():
        assert score(subject, (3, 32, 32), "training_macs", at=part) == 10 * macs
