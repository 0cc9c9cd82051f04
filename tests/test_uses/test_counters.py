"""Three counters: ours, fvcore's and torch's. They agree, or the record names the operator where they do not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import sparserobust as sr
from tests.test_uses.structures.attention import attention_on_32_by_32
from tests.test_uses.structures.recurrent import bidirectional_lstm_of_two_layers
from tests.test_uses.structures.structure import PIXELS, Net, Structure, weight
from tests.test_uses.structures.transformers import timms_vision_transformer, transformer_encoder


def flops(model: nn.Module, shape: tuple[int, ...]) -> sr.Outcome:
    outcome = sr.evaluate(model.eval(), (torch.rand(2, *shape), torch.tensor([0, 1])), ["flops"]).outcomes[
        "flops"
    ]
    assert outcome.status == "ok", outcome.reason
    return outcome


def counted_by_torch(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiply-adds of a pass by itself, outside the library, with attention that torch can see into."""
    with (
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel([torch.nn.attention.SDPBackend.MATH]),
    ):
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            model(torch.rand(1, *shape))
        finally:
            torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops() // 2


def agree(model: nn.Module, shape: tuple[int, ...]) -> int:
    """The number on which all three agree."""
    outcome = flops(model, shape)
    dense, fvcore = outcome.score("dense_macs"), outcome.score("fvcore_macs")
    assert dense.warnings == fvcore.warnings == ()
    by_torch = [n for n in outcome.tables["operators"].column("torch") if n is not None]
    assert dense.value == fvcore.value == sum(by_torch)
    return int(dense.value)


@pytest.mark.parametrize(
    "make",
    [attention_on_32_by_32, timms_vision_transformer, transformer_encoder, bidirectional_lstm_of_two_layers],
)
def test_the_counters_agree_on_small_networks_and_the_number_by_hand(make):
    structure: Structure = make()
    assert agree(structure.model, structure.shape) == structure.dense_macs


PRINTED = {
    "vit_b_16": 17_563_828_224,
    "resnet18": 1_814_073_344,
    "resnet50": 4_089_184_256,
    "mobilenet_v3_small": None,
    "efficientnet_b0": None,
    "convnext_tiny": None,
    "densenet121": None,
    "swin_t": None,
}
"""Multiply-adds at 224 x 224 by hand or as others print them; None where torch's counter alone is asked."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
def test_the_counters_agree_on_torchvisions_networks(name):
    model, shape = torchvision.models.get_model(name).eval(), (3, 224, 224)
    assert agree(model, shape) == (PRINTED[name] or counted_by_torch(model, shape))


def test_the_counters_agree_on_a_network_of_torchvision():
    """ResNet18 at 64 x 64: all layers but the last scale with the image, which is (64 / 224) ** 2 of the usual."""
    model = torchvision.models.resnet18()
    assert agree(model, (3, 64, 64)) == (1_814_073_344 - 512_000) * 64**2 // 224**2 + 512_000
    assert (
        counted_by_torch(model.eval(), (3, 64, 64)) == (1_814_073_344 - 512_000) * 64**2 // 224**2 + 512_000
    )


def test_the_record_names_what_torchs_counter_does_not_count():
    """It has no rule for a matrix times one vector."""
    model = Net(
        lambda m, x: m.head(torch.stack([m.w @ image.flatten() for image in x])),
        w=weight(20, PIXELS),
        head=nn.Linear(20, 10),
    )
    outcome = flops(model, (3, 8, 8))
    (said,) = outcome.score("dense_macs").warnings
    assert (said.code, said.facts) == ("counters-differ", {"counter": "torch", "operators": ["mv"]})
    assert outcome.score("dense_macs").value == 20 * PIXELS + 200
    rows = {row[0]: row[1:4] for row in outcome.tables["operators"].rows}
    assert rows["mv"] == (20 * PIXELS, None, None)
    assert rows["addmm"][:2] == (200, 200)


def test_the_record_names_what_fvcore_does_not_count():
    """It has no rule for `tensordot`, which torch makes a matrix product of."""
    model = Net(lambda m, x: torch.tensordot(x, m.w, dims=3), w=weight(3, 8, 8, 10))
    outcome = flops(model, (3, 8, 8))
    (said,) = outcome.score("fvcore_macs").warnings
    assert (said.code, said.facts) == ("counters-differ", {"counter": "fvcore", "operators": ["tensordot"]})
    assert outcome.score("dense_macs").value == 10 * PIXELS
    assert outcome.score("dense_macs").warnings == ()
    assert outcome.score("fvcore_macs").value == 0


def test_the_record_names_what_is_computed_once_for_all_images():
    """Both others count the product of the two factors for every image."""

    def run(m: Net, x: Tensor) -> Tensor:
        return F.linear(x.flatten(1), m.b @ m.a)

    outcome = flops(Net(run, a=weight(4, PIXELS), b=weight(10, 4)), (3, 8, 8))
    for score, counter in (("dense_macs", "torch"), ("fvcore_macs", "fvcore")):
        (said,) = outcome.score(score).warnings
        assert (said.code, said.facts) == ("counters-differ", {"counter": counter, "operators": ["mm"]})
    assert outcome.score("dense_macs").value == 10 * PIXELS
    assert outcome.score("fvcore_macs").value == 10 * PIXELS + 4 * 10 * PIXELS
    assert ("mm", 4 * 10 * PIXELS, None, None, "once for all images") in outcome.tables["operators"].rows


def test_where_fvcore_cannot_trace_its_figure_is_not_measured_with_the_reason():
    def run(m: Net, x: Tensor) -> Tensor:
        own = {name: 2 * p for name, p in m.layer.named_parameters()}
        return torch.func.functional_call(m.layer, own, (x.flatten(1),))

    outcome = flops(Net(run, layer=nn.Linear(PIXELS, 10)), (3, 8, 8))
    assert outcome.score("fvcore_macs").value is None
    assert "stateless" in str(outcome.score("fvcore_macs").reason)
    assert outcome.score("dense_macs").value == 10 * PIXELS


@pytest.mark.parametrize(
    ("run", "by_hand"),
    [
        (lambda m, x: F.scaled_dot_product_attention(x, x[:, :2], x[:, :2])[:, 0], 2 * 3 * 2 * 64),
        (lambda m, x: (x[:, 0] @ m.vector).reshape(-1, 1), 64),
        (lambda m, x: torch.baddbmm(m.added, x, m.batch).flatten(1), 3 * 64 * 5),
        (lambda m, x: F.conv2d(x[..., None], m.kernel, padding="same").flatten(1), 64 * 9),
        (lambda m, x: torch.bilinear(x[:, 0], x[:, 1], m.cube, None), 64 * 64 * 2),
    ],
    ids=["attention", "vector", "baddbmm", "padding by name", "bilinear"],
)
def test_handles_for_what_fvcore_has_none_for(run, by_hand):
    model = Net(
        lambda m, x: m.head(run(m, x.flatten(2))[:, :1]),
        vector=weight(64),
        added=weight(1, 3, 5),
        batch=weight(1, 64, 5),
        kernel=weight(1, 3, 3, 1),
        cube=weight(2, 64, 64),
        head=nn.Linear(1, 2),
    )
    outcome = flops(model, (3, 8, 8))
    assert outcome.score("fvcore_macs").value == by_hand + 2
    assert outcome.score("dense_macs").value == by_hand + 2
