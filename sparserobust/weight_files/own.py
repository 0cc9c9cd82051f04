"""What a network asks for: its own state_dict, with what is known of each entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sparserobust.errors import ModelError
from sparserobust.weights.slots import identity
from sparserobust.weights.usable import require_module

COUNTER = "num_batches_tracked"
"""A BatchNorm's count of batches, which files of long ago lack and which nothing here depends on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Own:
    """A network's state.

    Attributes:
        network: what it is called in messages.
        state: name -> tensor, or what a quantised layer keeps; the tensors are the network's own.
        buffers: names in `state` of what is not trained.
        passing: buffers that the network has but does not save.
        ties: name -> the first name of the same memory, for all names after the first.
    """

    network: str
    state: Mapping[str, object]
    buffers: frozenset[str]
    passing: Mapping[str, Tensor]
    ties: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Of an entry; None where any will do: what is no tensor, or a lazy layer's."""
        value = self.state[name]
        return tuple(value.shape) if isinstance(value, Tensor) and not is_lazy(value) else None

    def is_counter(self, name: str) -> bool:
        """Whether it is a BatchNorm's count of batches."""
        return name.rpartition(".")[2] == COUNTER

    def is_constant(self, name: str) -> bool:
        """Whether it is a buffer, and none that training changes as BatchNorm's are."""
        return name in self.buffers and not name.rpartition(".")[2].startswith(("running_", COUNTER))


def own_of(model: nn.Module) -> Own:
    """What the network asks for.

    Raises:
        ModelError: it is no network, has no weights, or none in memory.
    """
    require_module(model)
    network = type(model).__name__
    state = model.state_dict()
    if not state:
        raise ModelError(
            f"{network} has no weights that a file could fill; expected a network with parameters"
        )
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    meta = [name for name, value in tensors.items() if value.is_meta]
    if meta:
        raise ModelError(
            f"{network} is on the meta device, where {meta[0]} has no numbers; build it on the CPU, or call "
            "model.to_empty(device='cpu') before its weights are loaded"
        )
    buffers = dict(model.named_buffers(remove_duplicate=False))
    first: dict[object, str] = {}
    ties: dict[str, str] = {}
    for name, value in tensors.items():
        if not is_lazy(value) and (known := first.setdefault(identity(value), name)) != name:
            ties[name] = known
    return Own(
        network=network,
        state=state,
        buffers=frozenset(buffers) & state.keys(),
        passing={name: value for name, value in buffers.items() if name not in state},
        ties=ties,
    )
