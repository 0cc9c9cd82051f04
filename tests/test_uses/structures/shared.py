"""Weights that are used otherwise than by the layer that holds them: tied, functional, bare, sliced, put together."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tests.test_uses.structures.structure import PIXELS, Net, Structure, Weight, weight


def two_layers_of_one_weight() -> Structure:
    """Each of its entries is multiplied twice, and stored once."""
    model = Net(
        lambda m, x: m.head(m.b(m.a(x.flatten(1)).relu()).relu()),
        a=nn.Linear(PIXELS, PIXELS, bias=False),
        b=nn.Linear(PIXELS, PIXELS, bias=False),
        head=nn.Linear(PIXELS, 10),
    )
    model.b.weight = model.a.weight
    weights = {
        "a.weight": Weight(shape=(PIXELS, PIXELS), positions=2),
        "head.weight": Weight(shape=(10, PIXELS)),
    }
    return Structure(model=model, weights=weights, other_entries=10)


def weight_of_a_layer_that_is_not_called() -> Structure:
    model = Net(
        lambda m, x: m.head(F.linear(x.flatten(1), m.a.weight, m.a.bias).relu()),
        a=nn.Linear(PIXELS, 64),
        head=nn.Linear(64, 10),
    )
    weights = {"a.weight": Weight(shape=(64, PIXELS)), "head.weight": Weight(shape=(10, 64))}
    return Structure(model=model, weights=weights, other_entries=74)


def autoencoder_with_tied_weights() -> Structure:
    """The decoder is the encoder's transpose."""

    def run(m: Net, x: Tensor) -> Tensor:
        code = m.encoder(x.flatten(1)).relu()
        return m.head(F.linear(code, m.encoder.weight.t()))

    model = Net(run, encoder=nn.Linear(PIXELS, 16), head=nn.Linear(PIXELS, 10))
    weights = {
        "encoder.weight": Weight(shape=(16, PIXELS), positions=2),
        "head.weight": Weight(shape=(10, PIXELS)),
    }
    return Structure(model=model, weights=weights, other_entries=26)


def embedding_that_is_the_output_too() -> Structure:
    """16 shades of grey are looked up in a table, which then scores them again: a product, but no weight of its own."""

    def run(m: Net, x: Tensor) -> Tensor:
        shades = (x.mean(1).flatten(1) * 15).long()
        return m.output(m.layer(m.table(shades).mean(1)))

    model = Net(
        run, table=nn.Embedding(16, 12), layer=nn.Linear(12, 12), output=nn.Linear(12, 16, bias=False)
    )
    model.output.weight = model.table.weight
    return Structure(
        model=model,
        weights={"layer.weight": Weight(shape=(12, 12))},
        besides=16 * 12,
        other_entries=16 * 12 + 12,
        outside={"table.weight": "looked-up"},
    )


def table_that_the_image_indexes() -> Structure:
    """The same with brackets instead of `nn.Embedding`."""

    def run(m: Net, x: Tensor) -> Tensor:
        shades = (x.mean(1).flatten(1) * 15).long()
        return m.layer(m.table[shades].mean(1)) @ m.table.t()

    model = Net(run, table=weight(16, 12), layer=nn.Linear(12, 12))
    return Structure(
        model=model,
        weights={"layer.weight": Weight(shape=(12, 12))},
        besides=16 * 12,
        other_entries=16 * 12 + 12,
        outside={"table": "looked-up"},
    )


def one_kernel_at_two_dilations() -> Structure:
    """8 x 8 positions both times."""

    def run(m: Net, x: Tensor) -> Tensor:
        near, far = (F.conv2d(x, m.kernel, padding=d, dilation=d) for d in (1, 2))
        return (near + far).flatten(1)

    model = Net(run, kernel=weight(5, 3, 3, 3))
    return Structure(model=model, weights={"kernel": Weight(shape=(5, 3, 3, 3), positions=2 * 64)})


def einsum_and_matmul_of_bare_parameters() -> Structure:
    """3 x 8 rows of 8 numbers meet a matrix for each colour, then one for all heads."""

    def run(m: Net, x: Tensor) -> Tensor:
        x = torch.matmul(x, m.by_colour)  # (n, 3, 8, 8) @ (3, 8, 5)
        return torch.einsum("nchw,hwko->ncko", x, m.heads).flatten(1)

    model = Net(run, by_colour=weight(3, 8, 5), heads=weight(8, 5, 2, 7))
    weights = {
        "by_colour": Weight(shape=(3, 8, 5), positions=8),
        "heads": Weight(shape=(8, 5, 2, 7), positions=3),
    }
    return Structure(model=model, weights=weights)


def vectors_of_ones_own() -> Structure:
    """A matrix times one image after the other, and a vector, which has one dimension and is not prunable."""

    def run(m: Net, x: Tensor) -> Tensor:
        hidden = torch.stack([torch.mv(m.matrix, image.flatten()) for image in x])
        return torch.cat([hidden, (hidden @ m.vector)[:, None]], dim=1)

    model = Net(run, matrix=weight(20, PIXELS), vector=weight(20))
    return Structure(
        model=model, weights={"matrix": Weight(shape=(20, PIXELS))}, besides=20, other_entries=20
    )


def lists_and_dictionaries_of_parameters() -> Structure:
    def run(m: Net, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for step in m.steps:
            x = x @ step
        return x @ m.heads["left"] + x @ m.heads["right"]

    model = Net(
        run,
        steps=nn.ParameterList([weight(PIXELS, 12), weight(12, 9)]),
        heads=nn.ParameterDict({"left": weight(9, 4), "right": weight(9, 4)}),
    )
    weights = {
        "steps.0": Weight(shape=(PIXELS, 12)),
        "steps.1": Weight(shape=(12, 9)),
        "heads.left": Weight(shape=(9, 4)),
        "heads.right": Weight(shape=(9, 4)),
    }
    return Structure(model=model, weights=weights)


def first_rows_of_a_weight() -> Structure:
    """A head that grows: 5 of 10 rows are used, twice for the last two."""

    def run(m: Net, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return torch.cat([F.linear(x, m.w[:5]), F.linear(x, m.w[3:5])], dim=1)

    positions = torch.tensor([1, 1, 1, 2, 2, 0, 0, 0, 0, 0])[:, None]
    return Structure(
        model=Net(run, w=weight(10, PIXELS)), weights={"w": Weight(shape=(10, PIXELS), positions=positions)}
    )


def weight_that_is_reshaped_and_permuted() -> Structure:
    def run(m: Net, x: Tensor) -> Tensor:
        return F.linear(x.flatten(1), m.w.permute(2, 0, 1).reshape(10, -1).flip(0).contiguous())

    return Structure(model=Net(run, w=weight(2, 96, 10)), weights={"w": Weight(shape=(2, 96, 10))})


def one_kernel_for_every_channel() -> Structure:
    """A 3 x 3 kernel, expanded to three channels: 36 positions of each."""

    def run(m: Net, x: Tensor) -> Tensor:
        return F.conv2d(x, m.kernel.expand(3, 1, 3, 3), groups=3).flatten(1)

    model = Net(run, kernel=weight(1, 1, 3, 3))
    return Structure(model=model, weights={"kernel": Weight(shape=(1, 1, 3, 3), positions=3 * 36)})


def one_kernel_repeated_for_every_channel() -> Structure:
    """The same by a copy of each entry."""

    def run(m: Net, x: Tensor) -> Tensor:
        return F.conv2d(x, m.kernel.repeat(3, 1, 1, 1), groups=3).flatten(1)

    model = Net(run, kernel=weight(1, 1, 3, 3))
    return Structure(model=model, weights={"kernel": Weight(shape=(1, 1, 3, 3), positions=3 * 36)})


def blocks_on_a_diagonal() -> Structure:
    """The matrix that is multiplied has 10 x 192 entries, of which blocks of 4 x 100 and 6 x 92 are none but zero."""

    def run(m: Net, x: Tensor) -> Tensor:
        return F.linear(x.flatten(1), torch.block_diag(m.upper, m.lower))

    def executed(m: nn.Module) -> int:
        return int((m.upper != 0).sum() + (m.lower != 0).sum())

    model = Net(run, upper=weight(4, 100), lower=weight(6, 92))
    return Structure(
        model=model,
        weights={"upper": Weight(shape=(4, 100)), "lower": Weight(shape=(6, 92))},
        besides=4 * 92 + 6 * 100,
        executed=executed,
    )


def entries_put_into_a_matrix_of_zeros() -> Structure:
    """Every second column is a parameter's; the others are zero and are multiplied in a dense product."""

    def run(m: Net, x: Tensor) -> Tensor:
        whole = torch.zeros(10, PIXELS)
        whole[:, torch.arange(0, PIXELS, 2)] = m.columns
        return F.linear(x.flatten(1), whole)

    model = Net(run, columns=weight(10, PIXELS // 2))
    return Structure(
        model=model,
        weights={"columns": Weight(shape=(10, PIXELS // 2))},
        besides=10 * PIXELS // 2,
        executed=lambda m: int((m.columns != 0).sum()),
    )


def parts_side_by_side() -> Structure:
    """A matrix of two parameters, and one stacked of three."""

    def run(m: Net, x: Tensor) -> Tensor:
        x = F.linear(x.flatten(1), torch.cat([m.left, m.right], dim=1))
        return torch.matmul(x[:, None, None], torch.stack(list(m.heads))).flatten(1)

    model = Net(
        run,
        left=weight(8, 100),
        right=weight(8, 92),
        heads=nn.ParameterList([weight(8, 3) for _ in range(3)]),
    )
    weights = {"left": Weight(shape=(8, 100)), "right": Weight(shape=(8, 92))}
    return Structure(model=model, weights=weights | {f"heads.{i}": Weight(shape=(8, 3)) for i in range(3)})
