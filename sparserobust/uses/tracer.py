"""The tracer: one forward pass, in which every parameter is followed to the products that it goes into."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from sparserobust.uses.facts import CONSTANT, Facts, Part, highest, lowered, merged, parts_after, stored
from sparserobust.uses.operators import LOOKUPS, base_name, kind_of
from sparserobust.uses.products import PRODUCTS, Product
from sparserobust.uses.replica import ByMemory, Storage, WriteGuard, storage_of, tensors_in
from sparserobust.uses.thirds import AttentionTracer
from sparserobust.uses.use import Use

SCALING = ("mul", "div")
SUMS = ("sum", "mean", "nansum")
MASKING = ("mul", "where", "masked_fill")
RECURRENT = "mkldnn_rnn_layer"
"""OneDNN's operator for a recurrent layer, whose steps cannot be seen."""


class Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of a forward pass. What is known of a tensor is kept by the memory that it lies in.

    Attributes:
        uses: number of a product -> the product, of all that were made; those in `counted` are computed per image.
        other_sides: number of a product of two operands with weights -> it, seen from the other one.
        touched: parameter name -> how else it met the image: names of kinds and operators.
        opaque: operator without a rule -> the parameters that entered it.
        unsupported: operator without a rule that the image passed -> how often.
        broadcast: operator -> products that were made by broadcasting, which are listed and not counted.
        own_masks: buffers of zeros and ones that weights were multiplied by.
        looked_up: parameters that a table lookup reads.
        fused: a recurrent layer ran as one operator, which ends the pass; without oneDNN its products can be seen.
        computed: parameters that a weight is computed from, but not entry by entry.
        attention: what follows fused weights into the products of attention.
    """

    def __init__(
        self, image: Tensor, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.uses: list[Use] = []
        self.other_sides: dict[int, Use] = {}
        self.counted: set[int] = set()
        self.touched: dict[str, set[str]] = defaultdict(set)
        self.opaque: dict[str, set[str]] = defaultdict(set)
        self.unsupported: Counter[str] = Counter()
        self.broadcast: Counter[str] = Counter()
        self.own_masks: set[str] = set()
        self.looked_up: set[str] = set()
        self.fused = False
        self.computed: set[str] = set()
        self.attention = AttentionTracer(parameters, self._weight_in)
        self._facts: ByMemory[Facts] = ByMemory()
        self._without_memory: list[Tensor] = []
        self._nonzero: dict[Any, int] = {}
        for name, buffer in buffers.items():
            self._learn(buffer, Facts(buffers=frozenset({name})))
        shared: dict[Storage, Tensor] = {}
        for name, parameter in parameters.items():
            memory = storage_of(parameter)
            if memory is not None and memory not in shared:  # of tied ones the first name counts
                shared[memory] = parameter
                self._facts[memory] = Facts(parts={name: Part.ENTRIES})
        self._parameters = shared
        self._learn(image, Facts(data=True))
        self.guard = WriteGuard(shared)

    def __torch_dispatch__(
        self, op: OpOverload, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One operation."""
        kwargs = kwargs or {}
        if base_name(op) == RECURRENT:
            self.fused = True
            raise RuntimeError("a recurrent layer ran as one operator")
        defaults, changed = _signature(op)
        arguments = defaults | dict(zip(defaults, args, strict=False)) | kwargs
        given = list(tensors_in(arguments))
        written = [tensor for name in changed for tensor in tensors_in(arguments[name])]
        before = {_key(tensor) for tensor in given}
        for tensor in written:
            self.guard.about_to_write(tensor)
        products = self._products(op, arguments)  # before an operation in place changes its operands
        output = op(*args, **kwargs)
        made = [tensor for tensor in tensors_in(output) if _key(tensor) not in before]
        if made or written:
            facts = self._follow(op, arguments, given, products, [*made, *written])
            for tensor in (*made, *written):
                self._learn(tensor, facts)
            self.attention.see(op, args, kwargs, given, products, [*made, *written])
        return output

    def facts_of(self, tensor: Tensor) -> Facts:
        """What is known of a tensor."""
        return self._facts.get(_key(tensor), CONSTANT)

    def joined(self, tensor: Tensor) -> None:
        """The tensor is the network's output: what made it is computed for each image."""
        self.counted |= self.facts_of(tensor).pending

    def _weight_in(self, tensor: Tensor) -> str | None:
        """Name of the parameter whose entries a tensor has, None where it is no weight."""
        facts = self.facts_of(tensor)
        return next((name for name, part in facts.parts.items() if part is Part.ENTRIES), None)

    def _learn(self, tensor: Tensor, facts: Facts) -> None:
        key = _key(tensor)
        if isinstance(key, int):
            self._without_memory.append(tensor)  # which keeps its key its own
        self._facts[key] = facts

    def _follow(
        self,
        op: OpOverload,
        arguments: Mapping[str, Any],
        given: list[Tensor],
        products: list[Product],
        outputs: list[Tensor],
    ) -> Facts:
        """What is known of what an operation makes, of tensors that it has memory for."""
        name, facts = base_name(op), [self.facts_of(tensor) for tensor in given]
        if name in LOOKUPS:
            table = self.facts_of(given[0])
            if not table.data and (name.lstrip("_").startswith("embedding") or any(f.data for f in facts)):
                self.looked_up |= table.parts.keys()
        size = max((tensor.numel() for tensor in outputs), default=0)
        if products:
            return self._multiply(name, products, given, facts)
        kind = kind_of(op)
        if kind == "like":
            return CONSTANT
        if any(f.data for f in facts):
            return self._join(name, kind, given, facts, size)
        if name in MASKING:
            self._note_masks(given, facts)
        parts = highest(parts_after(kind, given, facts, size))
        if not any(tensor.is_floating_point() or tensor.is_complex() for tensor in outputs):
            parts = lowered(parts, Part.COMPUTED)  # a comparison
        return merged(facts, parts)

    def _join(self, name: str, kind: str, given: list[Tensor], facts: list[Facts], size: int) -> Facts:
        """Operands that do not depend on the image meet others that do, or there is only the image."""
        if kind == "unknown":
            self.unsupported[name] += 1
        for own in facts:
            self.counted |= own.pending if not own.data else frozenset()
            for parameter in own.parts:
                self.touched[parameter].add(name)
                if kind == "unknown":
                    self.opaque[name].add(parameter)
        fixed = any(tensor.dim() > 1 and own.buffers for tensor, own in zip(given, facts, strict=True))
        if kind == "unknown" and ("::" in name or fixed):  # weights of its own, or in a buffer
            self.opaque.setdefault(name, set())
        pixels = max(stored(tensor).numel() for tensor, own in zip(given, facts, strict=True) if own.data)
        listed = name == "mul" and len(given) > 1 and size > pixels
        if listed:
            self.broadcast[name] += size
            for own in facts:
                for parameter in own.parts:
                    self.touched[parameter].add("broadcast")
        scaled = frozenset[str]().union(*(f.scaled_by for f in facts))
        if name in SUMS and scaled:
            self.broadcast["mul"] += stored(given[0]).numel()
            for parameter in scaled:
                self.touched[parameter].add("broadcast")
        elif name in SCALING and not listed:
            pairs = zip(given, facts, strict=True)
            scaled = frozenset(n for t, f in pairs if t.dim() > 1 and not f.data for n in f.weights)
        trained = any(f.trained or f.parts for f in facts)
        return Facts(
            data=True,
            trained=trained,
            scaled_by=scaled if kind == "moving" or name in SCALING else frozenset(),
        )

    def _multiply(self, name: str, products: list[Product], given: list[Tensor], facts: list[Facts]) -> Facts:
        """A product: with the image it is counted, without it that is left open."""
        operands = [t for product in products for t in (product.left, product.right)]
        whole = [self.facts_of(t) for t in operands]
        numbers = frozenset(self._number(name, product) for product in products)
        others = [(t, f) for t, f in zip(given, facts, strict=True) if all(t is not o for o in operands)]
        for own in [f for _, f in others if not f.data]:
            for parameter in own.parts:
                self.touched[parameter].add("bias")
        if any(f.data for f in facts):
            self.counted |= (
                numbers if any(f.data for f in whole) else numbers.union(*(f.pending for f in whole))
            )
            self.counted = self.counted.union(*(f.pending for _, f in others if not f.data))
            return Facts(data=True, trained=any(f.trained or f.parts for f in facts))
        made = [lowered(f.parts, Part.FACTOR) for f in whole] + [
            lowered(f.parts, Part.SCALE) for _, f in others
        ]
        result = merged(facts, highest(made))
        return replace(result, pending=result.pending | numbers)

    def _number(self, name: str, product: Product) -> int:
        """Writes a product down, from the operand without the image, or of two such from the weight."""
        left, right = self.facts_of(product.left), self.facts_of(product.right)
        pairs = [(left, right, product.left), (right, left, product.right)]
        pairs.sort(key=lambda pair: (pair[0].data, -max(pair[0].parts.values(), default=-1)))
        own, other, operand = pairs[0]
        self.uses.append(self._use(name, product.macs, operand, own, other))
        if not other.data and other.weights:
            self.other_sides[len(self.uses) - 1] = self._use(name, product.macs, pairs[1][2], other, own)
        return len(self.uses) - 1

    def _use(self, name: str, macs: int, operand: Tensor, own: Facts, other: Facts) -> Use:
        """A product, seen from one operand."""
        shown: tuple[str, ...] = ()
        numel = nonzero = stored(operand).numel()
        if not own.data:
            shown, nonzero = own.weights, self._count_nonzero(operand)
            for parameter in own.parts.keys() - set(shown):
                self.touched[parameter].add("computed")
            if not shown and other.data:
                self.computed |= {name for name, part in own.parts.items() if part is Part.COMPUTED}
        return Use(
            weights=shown,
            operator=name,
            macs=macs,
            executed=macs * nonzero // numel if numel else 0,
            numel=numel,
            nonzero=nonzero,
            with_data=other.data,
            trained=other.trained,
            between=own.data,
        )

    def _count_nonzero(self, tensor: Tensor) -> int:
        """Entries that are not zero; of a parameter, which a recurrent layer reads at every step, counted once."""
        tensor = stored(tensor)
        memory = storage_of(tensor)
        if memory not in self._parameters:
            return int(tensor.count_nonzero())
        version = -1 if tensor.is_inference() else tensor._version
        key = (memory, tensor.storage_offset(), tensor.shape, tensor.stride(), version)
        if key not in self._nonzero:
            self._nonzero[key] = int(tensor.count_nonzero())
        return self._nonzero[key]

    def _products(self, op: OpOverload, arguments: Mapping[str, Any]) -> list[Product]:
        rule = PRODUCTS.get(base_name(op))
        products = [] if rule is None else rule(arguments)
        operands = [operand for product in products for operand in (product.left, product.right)]
        return products if all(operand.layout is torch.strided for operand in operands) else []

    def _note_masks(self, given: list[Tensor], facts: list[Facts]) -> None:
        """A buffer of zeros and ones that a weight is masked by, entry by entry, is a mask."""
        shapes = {tensor.shape for tensor, own in zip(given, facts, strict=True) if own.weights}
        for mask, own in zip(given, facts, strict=True):
            alone = len(own.buffers) == 1 and not own.parts and mask.shape in shapes
            if alone and bool(((mask == 0) | (mask == 1)).all()):
                self.own_masks |= own.buffers


@cache
def _signature(op: OpOverload) -> tuple[dict[str, Any], list[str]]:
    """(argument -> its default, in order; the arguments that the operator writes into)."""
    arguments = op._schema.arguments
    changed = [a.name for a in arguments if a.alias_info is not None and a.alias_info.is_write]
    return {a.name: a.default_value for a in arguments}, changed


def _key(tensor: Tensor) -> Storage | int:
    """The memory of a tensor; of one without the tensor itself."""
    memory = storage_of(tensor)
    return id(tensor) if memory is None else memory
