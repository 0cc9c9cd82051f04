"""Masks and an offset bound to a model, and kept true whatever the optimizer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sparserobust.errors import ShapeError
from sparserobust.weights.decay import OffsetDecay
from sparserobust.weights.mask_tensors import MaskTensors
from sparserobust.weights.offset import add_dct_offset, dct_offset_of, refuse_tied
from sparserobust.weights.plan import OffsetKind, Plan, TensorPlan
from sparserobust.weights.slots import slots_of, value_in


class SparseWeights:
    """The prunable weights of one model under W_eff = offset + mask * values.

    Zero and frozen offsets leave the model with plain parameters and a plain state_dict; the law off the
    mask is kept by an in-place restore after each optimizer step. A DCT offset is a parametrization.

    Args:
        model: changed in place: off the mask the weights become 0 ("zero"), stay ("frozen") or become
            alpha * block, with all values 0 ("dct").
        masks: name -> bool tensor, for every weight that is to be under the plan, in the order of the model.
        kind: the offset.
        trainable_alpha: for "dct".
        initial_alpha: for "dct", name -> alpha at the start where it is not 1.
        decay_offset: for "frozen": weight decay shrinks the offset to gamma * W0, see `OffsetDecay`.
        enforce: False where the masks were read off the weights, which then are not touched (-0.0 stays).

    Raises:
        ShapeError: a mask has another shape than its weight.
        ModelError: the model has no weight of that name, or a DCT offset for a weight that can have none.

    Attributes:
        slots: name of the weight -> where it lives: made once for a model, and good for as long as its layers are
            the same, on any device and under any offset.
    """

    def __init__(
        self,
        model: nn.Module,
        masks: Mapping[str, Tensor],
        kind: OffsetKind,
        *,
        trainable_alpha: bool = True,
        initial_alpha: Mapping[str, float] | None = None,
        decay_offset: bool = False,
        enforce: bool = True,
    ) -> None:
        self.slots = slots = slots_of(model, masks)
        for name, values in self.values.items():
            shape = tuple(values.shape)
            if tuple(masks[name].shape) != shape:
                raise ShapeError(f"mask of {name} must have shape {shape}, got {tuple(masks[name].shape)}")
        self.model = model
        self.kind: OffsetKind = kind
        self._masks = {name: masks[name].to(torch.bool).clone() for name in slots}
        self._kept: int | None = None
        self._tensors: dict[str, MaskTensors] = {}
        self._frozen: dict[str, Tensor] = {}
        self.decay = OffsetDecay(list(slots)) if decay_offset else None
        if kind == "dct":
            refuse_tied(model, slots)
            alphas = initial_alpha or {}
            for name, slot in slots.items():
                if dct_offset_of(slot) is None:
                    alpha = alphas.get(name, 1.0)
                    add_dct_offset(slot, trainable_alpha=trainable_alpha, initial_alpha=alpha)
        elif kind == "frozen":
            self._frozen = {name: values.detach().clone() for name, values in self.values.items()}
        if enforce and kind != "frozen":  # frozen weights are their offset
            self.restore()

    @property
    def masks(self) -> dict[str, Tensor]:
        """Name -> mask, the live tensors, on the device of their weight."""
        for name, values in self.values.items():
            if self._masks[name].device != values.device:
                self._masks[name] = self._masks[name].to(values.device)
                if name in self._frozen:
                    self._frozen[name] = self._frozen[name].to(values.device)
        return self._masks

    @property
    def values(self) -> dict[str, Tensor]:
        """Name -> tensor that training changes, of every prunable weight."""
        return {name: slot.values for name, slot in self.slots.items()}

    def effective(self) -> dict[str, Tensor]:
        """Name -> the dense tensor that the network computes with (W_eff), as copies."""
        return {name: slot.effective.detach().clone() for name, slot in self.slots.items()}

    @property
    def prunable(self) -> int:
        """How many weights the masks cover."""
        return sum(mask.numel() for mask in self._masks.values())

    @property
    def kept(self) -> int:
        """How many weights the masks keep; counted again only when they have changed."""
        if self._kept is None:
            self._kept = sum(int(mask.count_nonzero()) for mask in self._masks.values())
        return self._kept

    @property
    def frozen(self) -> dict[str, Tensor]:
        """Name -> weight at the start of training, where the offset is frozen; the live tensors."""
        return self._frozen

    @torch.no_grad()
    def restore(self) -> None:
        """Puts every entry off the mask back to what the offset says, exactly."""
        masks = self.masks
        for name, values in self.values.items():
            gamma = 1.0 if self.decay is None else self.decay.gamma[name]
            self._tensors_of(name, masks[name], values).restore(values, gamma)

    @torch.no_grad()
    def set_masks(self, masks: Mapping[str, Tensor], optimizer: torch.optim.Optimizer | None = None) -> None:
        """Other masks from here on: removed weights become what the offset says, new ones start there.

        Args:
            masks: name -> bool, for every prunable weight or some of them.
            optimizer: its slots (momentum and the like) of removed and of new weights become 0.

        Raises:
            ShapeError: a mask of a weight that is none, or of another shape.
        """
        own = self.masks
        for name, mask in masks.items():
            if name not in own or mask.shape != own[name].shape:
                expected = tuple(own[name].shape) if name in own else "none"
                raise ShapeError(f"mask of {name} must have shape {expected}, got {tuple(mask.shape)}")
        for name, mask in masks.items():
            moved = mask.to(own[name].device, torch.bool)
            changed = moved != own[name]
            own[name].copy_(moved)
            if optimizer is not None:
                forget(optimizer, self.slots[name].values, changed)
        self._kept = None
        self.restore()

    def _tensors_of(self, name: str, mask: Tensor, values: Tensor) -> MaskTensors:
        """What keeps the law in a layer, made again when it has changed or moved."""
        known = self._tensors.get(name)
        if known is None or not known.are_of(mask, values):
            known = self._tensors[name] = MaskTensors.of(mask, values, self._frozen.get(name))
        return known

    def _frozen_offset(self, name: str) -> Tensor:
        """W0, or gamma * W0 where the offset decays."""
        offset = self._frozen[name]
        return offset if self.decay is None else offset * self.decay.gamma[name]

    def drop_offset(self) -> None:
        """Sets a frozen offset to zero for good: the subject is a pruned network from here on."""
        self._frozen.clear()
        self._tensors.clear()
        self.decay = None
        self.kind = "zero"
        self.restore()

    @torch.no_grad()
    def l1_of_gradients(self) -> tuple[Tensor, Tensor]:
        """(l1 norm of the dense gradients of all layers together, the same of what the masks keep)."""
        masks, whole, kept = self.masks, [], []
        for name, values in self.values.items():
            if values.grad is not None:
                size = values.grad.abs()  # and its sum: many times faster than an l1 norm
                whole.append(size.sum())
                kept.append(self._tensors_of(name, masks[name], values).sum_of(size, whole[-1]))
        if not whole:
            return torch.zeros(()), torch.zeros(())
        return torch.stack(whole).sum(), torch.stack(kept).sum()

    @torch.no_grad()
    def mask_gradients(self) -> None:
        """Zeroes the gradients off the mask, so that clipping and logging see trainable weights only."""
        masks = self.masks
        for name, values in self.values.items():
            if values.grad is not None:
                self._tensors_of(name, masks[name], values).silence(values.grad)

    def hold(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Restores after each step of `optimizer`, in any training loop; remove the handle to stop.

        Raises:
            ConfigError: the offset decays and this optimizer's weight decay is not one factor per layer.
        """
        if self.decay is not None:
            self.decay.check(optimizer)

        def after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if self.decay is not None:
                self.decay.step(optimizer, self.values)
            self.restore()

        return optimizer.register_step_post_hook(after_step)

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Sets the model to the weights of a dense state_dict under this plan.

        Zero: weights times mask. Frozen: the dense weights, which also become the offset, not decayed. DCT:
        values 0 and alpha as at the start; the dense weights do not enter.
        """
        for name, slot in self.slots.items():
            values = slot.values
            if (dct := dct_offset_of(slot)) is not None:
                values.zero_()
                dct.alpha.fill_(dct.initial_alpha)
            else:
                values.copy_(value_in(state, name))
                if name in self._frozen:
                    self._frozen[name] = values.detach().clone()
                    self._tensors.clear()
        if self.decay is not None:
            self.decay = OffsetDecay(list(self.slots))
        own = self.model.state_dict()
        for name, tensor in state.items():
            if name not in self.slots:
                own[name].copy_(tensor)
        self.restore()

    def snapshot(self) -> Plan:
        """Name -> mask, kind and dense offset as they are now, as copies."""
        masks = self.masks
        plan: dict[str, TensorPlan] = {}
        for name, slot in self.slots.items():
            if (dct := dct_offset_of(slot)) is not None:
                offset = dct.offset().detach().clone()
            elif name in self._frozen:
                offset = self._frozen_offset(name).clone()
            else:
                offset = torch.zeros_like(slot.values).detach()
            plan[name] = TensorPlan(masks[name].clone(), self.kind, offset)
        return plan


@torch.no_grad()
def forget(optimizer: torch.optim.Optimizer, parameter: Tensor, where: Tensor) -> None:
    """Sets what an optimizer remembers of some weights to 0: momentum, second moments, whatever has their shape."""
    for slot in optimizer.state.get(parameter, {}).values():
        if isinstance(slot, Tensor) and slot.shape == parameter.shape:
            slot.masked_fill_(where, 0)
