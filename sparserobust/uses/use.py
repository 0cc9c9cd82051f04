"""One product of a forward pass, seen from the operand that does not depend on the image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Use:
    """One product in a forward pass of one image, seen from the operand that does not depend on the image.

    Attributes:
        weights: names of the parameters in that operand that can be sparse, first the one whose entries it has; none
            where it is made of buffers, or where both operands depend on the image (attention).
        operator: name of the ATen operator.
        macs: multiply-adds as built; `executed` those with entries of the operand that are not zero.
        numel, nonzero: entries of the operand, and those of them that are not zero.
        with_data: whether the other operand depends on the image; a recurrent layer's first state does not.
        trained: whether parameters lie before the other operand, so that training needs its gradient.
        between: whether both operands depend on the image.
    """

    weights: tuple[str, ...]
    operator: str
    macs: int
    executed: int
    numel: int
    nonzero: int
    with_data: bool
    trained: bool
    between: bool = False

    @property
    def positions(self) -> int:
        """At how many places of the image each entry of the operand is multiplied."""
        return self.macs // self.numel if self.numel else 0
