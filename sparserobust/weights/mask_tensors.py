"""A mask as numbers, because on a CPU products are many times faster than masked writes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MaskTensors:
    """What keeps the law off the mask of one layer.

    Attributes:
        mask: bool; the live one, at the version that the tensors were made from.
        partial: whether it keeps less than everything; nothing is to be done where it does not.
        kept: 1 on the mask, 0 off it, in the type of the weights.
        fixed: a frozen offset off the mask, 0 on it; None for another offset.
    """

    mask: Tensor
    version: int
    partial: bool
    kept: Tensor
    fixed: Tensor | None

    @classmethod
    def of(cls, mask: Tensor, values: Tensor, frozen: Tensor | None) -> MaskTensors:
        """Of a mask as it is now.

        Args:
            values: the weights, for their type.
            frozen: the weights at the start of training where the offset is frozen.
        """
        fixed = None if frozen is None else torch.where(mask, 0, frozen).to(values.dtype)
        return cls(mask, mask._version, not bool(mask.all()), mask.to(values.dtype), fixed)

    def are_of(self, mask: Tensor, values: Tensor) -> bool:
        """Whether the tensors are still those of this mask and these weights."""
        same = self.mask is mask and self.version == mask._version
        return same and self.kept.dtype == values.dtype

    def restore(self, values: Tensor, decayed: float) -> None:
        """Puts the weights off the mask to 0, or to the frozen offset times `decayed`, exactly; in place.

        On the mask nothing changes: the product with 1 and the sum with 0 are exact, and -0.0 off it becomes 0.
        """
        if not self.partial:
            return
        if values.device.type != "cpu" or not bool(torch.isfinite(values.sum())):  # 0 * inf is not 0
            values.masked_fill_(~self.mask, 0.0)
        off = values.new_zeros(1) if self.fixed is None else self.fixed
        torch.addcmul(off if decayed == 1 else off * decayed, values, self.kept, out=values)

    def sum_of(self, numbers: Tensor, whole: Tensor) -> Tensor:
        """Sum of the numbers on the mask, given that of all of them."""
        return torch.dot(numbers.flatten(), self.kept.flatten()) if self.partial else whole

    def silence(self, gradient: Tensor) -> None:
        """Puts a gradient off the mask to 0, in place."""
        if self.partial:
            gradient.mul_(self.kept)
