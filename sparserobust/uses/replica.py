"""A copy of a model on the CPU that runs in the place of the model."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from sparserobust.weights.copying import deep_copy
from sparserobust.weights.slots import identity

Known = TypeVar("Known")
Storage = StorageWeakRef
"""The memory of a tensor, as a key: equal for views of one tensor, never for two that follow each other."""


def storage_of(tensor: Tensor) -> Storage | None:
    """The memory of a tensor; None for one without (sparse, nested, quantised in a way of its own)."""
    try:
        return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    except (NotImplementedError, RuntimeError):
        return None


class ByMemory(dict[Storage | int, Known]):
    """What is known of tensors, by their memory; what is known of freed memory goes.

    A key keeps a few bytes of its tensor, between which the allocator can put nothing large: memory would grow
    with the number of operations.
    """

    _full = 0

    def __setitem__(self, key: Storage | int, known: Known) -> None:
        super().__setitem__(key, known)
        if len(self) > self._full:
            for gone in [own for own in self if not isinstance(own, int) and own.expired()]:  # type: ignore[no-untyped-call]
                del self[gone]
            self._full = len(self) + 16


def tensors_in(value: object) -> Iterator[Tensor]:
    """The tensors in lists, tuples and dicts of any depth."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)


def replica_of(model: nn.Module) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """(the copy in evaluation mode, name in the model -> parameter in the copy; of tied ones the first name).

    A parameter on the CPU is shared with the model, because a copy of all would double its memory: whoever runs the
    copy must not let it write there. Parameters that are views of one memory get one each, so that a memory tells
    which parameter it is; those that are the same tensor stay so.
    """
    named = dict(model.named_parameters())
    memories = Counter(storage_of(parameter) for parameter in {id(p): p for p in named.values()}.values())
    own: dict[int, nn.Parameter] = {}
    first: dict[Hashable, nn.Parameter] = {}
    for parameter in named.values():
        alone = parameter.device.type == "cpu" and memories[storage_of(parameter)] == 1
        same = first.setdefault(identity(parameter), parameter)
        if id(same) not in own:
            values = same.detach() if alone else same.detach().to("cpu", copy=True)
            own[id(same)] = nn.Parameter(values, requires_grad=False)
        own[id(parameter)] = own[id(same)]
    memo: dict[int, object] = dict(own)
    shared = {storage_of(parameter) for parameter in own.values()}
    members = [member for module in model.modules() for member in vars(module).values()]
    for tensor in (*model.buffers(), *tensors_in(members)):
        if id(tensor) not in memo:
            is_view = storage_of(tensor) in shared  # of a parameter
            memo[id(tensor)] = tensor.detach() if is_view else tensor.detach().to("cpu", copy=True)
    for member in members:
        if type(member) in (dict, OrderedDict) and not member:
            memo[id(member)] = type(member)()  # of the many that a module has for hooks; deepcopy is slower
    replica = deep_copy(model, model, memo).eval()
    return replica, dict(replica.named_parameters())  # a scripted module has copied its own


def compute_again(replica: nn.Module) -> None:
    """Runs torch's hooks that compute a weight: a layer whose weight is read, and that is not called, does not."""
    for module in replica.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, BasePruningMethod | WeightNorm | SpectralNorm):
                hook(module, None)


class WriteGuard:
    """Undoes what a run writes into memory that it shares; copies only what is about to be written."""

    def __init__(self, shared: Mapping[Storage, Tensor]) -> None:
        self._shared = shared
        self._before: dict[Storage, Tensor] = {}

    def about_to_write(self, tensor: Tensor) -> None:
        """Remembers the content of a shared tensor, once."""
        memory = storage_of(tensor)
        if memory is not None and memory in self._shared and memory not in self._before:
            self._before[memory] = self._shared[memory].detach().clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Puts back what was written over."""
        for memory, content in self._before.items():
            self._shared[memory].detach().copy_(content)
