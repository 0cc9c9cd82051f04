"""Where the prunable tensors of a model live: found by name, whatever kind of module holds them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from sparserobust.errors import ModelError


@dataclass(frozen=True, eq=False)
class Slot:
    """One prunable tensor in a model.

    Attributes:
        module: that holds it.
        attribute: under which the module's code reads it.
    """

    module: nn.Module
    attribute: str

    @property
    def values(self) -> Tensor:
        """The tensor that training changes: what a parametrization or hook of torch computes from, if there is one."""
        module, name = self.module, self.attribute
        if self.is_parametrized:
            original = getattr(module.parametrizations[name], "original", None)  # type: ignore[index]
            if not isinstance(original, Tensor):
                raise ModelError(
                    f"{name} is parametrized by several tensors, each of which has a name of its own"
                )
            return original
        values = module._parameters.get(f"{name}_orig") if self.is_masked else getattr(module, name)
        assert isinstance(values, Tensor)
        return values

    @property
    def effective(self) -> Tensor:
        """The dense tensor that the module computes with, offset + mask * values, on the graph."""
        if self.is_masked:
            mask = getattr(self.module, f"{self.attribute}_mask")
            assert isinstance(mask, Tensor)
            return self.values * mask
        effective = getattr(self.module, self.attribute)
        assert isinstance(effective, Tensor)
        return effective

    @property
    def is_parametrized(self) -> bool:
        """Whether `torch.nn.utils.parametrize` computes it."""
        return self.attribute in getattr(self.module, "parametrizations", ())

    @property
    def is_masked(self) -> bool:
        """Whether a hook of `torch.nn.utils.prune` computes it."""
        return f"{self.attribute}_orig" in self.module._parameters


def identity(tensor: Tensor) -> Hashable:
    """What two tensors have in common that are the same numbers in the same memory."""
    return (tensor.data_ptr() or id(tensor)), tensor.dtype, tuple(tensor.shape), tuple(tensor.stride())


def value_in(state: Mapping[str, Tensor], name: str) -> Tensor:
    """A weight in a state_dict, whatever torch calls the tensor there that it is computed from."""
    path, _, attribute = name.rpartition(".")
    owner = f"{path}." if path else ""
    known = (name, f"{owner}parametrizations.{attribute}.original", f"{name}_orig")
    return state[next((key for key in known if key in state), name)]


def slots_of(model: nn.Module, names: Iterable[str]) -> dict[str, Slot]:
    """Name -> slot, in the order of the names.

    Raises:
        ModelError: the model has no such parameter.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    found: dict[str, Slot] = {}
    for name in names:
        path, _, attribute = name.rpartition(".")
        slot = Slot(modules[path], attribute) if path in modules else None
        if slot is None or not _has(slot):
            raise ModelError(f"{type(model).__name__} has no parameter {name}")
        found[name] = slot
    return found


def slot_name(parameter: str, model: nn.Module) -> str:
    """Under which name a parameter is known here: that of the layer's own attribute where torch renamed it."""
    path, _, attribute = parameter.rpartition(".")
    owner, _, own = path.rpartition(".")
    if attribute == "original" and f".{owner}".endswith(".parametrizations"):
        return owner.removesuffix("parametrizations") + own
    if attribute.endswith("_orig"):
        own = attribute.removesuffix("_orig")
        if f"{own}_mask" in model.get_submodule(path)._buffers:
            return f"{path}.{own}" if path else own
    return parameter


def _has(slot: Slot) -> bool:
    return slot.is_parametrized or slot.is_masked or slot.attribute in slot.module._parameters
