"""Three counters beside each other: the tracer, torch's and fvcore's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sparserobust.uses.counters import MULTIPLYING
from sparserobust.uses.uses import Uses

ONCE = "once for all images"
_PRODUCTS = ("attention", "mm", "matmul", "multi_dot", "dot", "inner", "cell", "linear", "conv", "::")
"""What the names of operators that multiply have in them; those of other libraries may."""

CounterRow = tuple[str, int | None, int | None, int | None, str]


def differs_from_torch(uses: Uses) -> list[str]:
    """Operators that torch's counter counts otherwise than the tracer."""
    own = uses.by_operator()
    return [name for name in {**own, **uses.by_torch} if own[name] != uses.by_torch.get(name, 0)]


def differs_from_fvcore(uses: Uses, fvcore: Counter[str], unsupported: Mapping[str, int]) -> list[str]:
    """Operators that fvcore counts otherwise than the tracer: those that it lacks, else those that it has."""
    own = uses.by_operator()
    convolved = own["convolution"] + own["_convolution"]
    multiplied = sum(fvcore[name] for name in fvcore if name in MULTIPLYING and name != "conv")
    named = [] if convolved == fvcore["conv"] else ["conv"]
    if multiplied != uses.macs - convolved:
        missed = [name.removeprefix("aten::") for name in unsupported]
        missed = [name for name in missed if any(part in name for part in _PRODUCTS)]
        once = [use.operator for use in uses.folded]
        estimated = [name for name in ("einsum",) if name in fvcore]  # by numpy, in floating point
        named += [*missed, *once, *estimated] or sorted(set(own) - {"convolution", "_convolution"})
    return list(dict.fromkeys(named))


def by_counter(uses: Uses, fvcore: Counter[str], unsupported: Mapping[str, int]) -> list[CounterRow]:
    """(operator, multiply-adds by the tracer, by torch, by fvcore, how it counts); None: no such operator there."""
    own, once = uses.by_operator(), Counter[str]()
    for use in uses.folded:
        once[use.operator] += use.macs
    rows: list[CounterRow] = []
    for name in dict.fromkeys([*own, *uses.by_torch]):
        rows.append(
            (
                name,
                own.get(name),
                uses.by_torch.get(name),
                None,
                "counted" if name in own else ONCE,
            )
        )
    rows += [
        (name, None, None, count, "counted" if name in MULTIPLYING else "listed")
        for name, count in fvcore.items()
    ]
    rows += [(name, count, None, None, ONCE) for name, count in once.items()]
    rows += [(name, count, None, None, "broadcast") for name, count in uses.broadcast.items()]
    rows += [(name, None, None, None, "no rule") for name in [*uses.opaque, *uses.unsupported]]
    rows += [(name, None, None, None, "fvcore has no rule") for name in unsupported]
    return rows
