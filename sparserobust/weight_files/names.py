"""Names of weights without what wrappers put into them, the same on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable

TRANSPARENT = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""What torch.compile, FSDP and activation checkpointing put into a name, at its head or inside it."""
PARALLEL = "module"
"""What DataParallel puts there; at the head of all names it is a prefix like any other."""


def _inner(name: str) -> str:
    """Without any wrapper."""
    head, *rest = _compiled(name).split(".")
    return ".".join([head, *(part for part in rest if part != PARALLEL)])


def _compiled(name: str) -> str:
    """Without the wrappers whose names are torch's alone."""
    return ".".join(part for part in name.split(".") if part not in TRANSPARENT)


def _as_it_is(name: str) -> str:
    return name


def bare_names(*groups: Iterable[str]) -> tuple[dict[str, str], ...]:
    """Bare name -> name for each group; as much is taken away as leaves every group's names different."""
    listed = [list(group) for group in groups]
    ways: tuple[Callable[[str], str], ...] = (_inner, _compiled, _as_it_is)
    for way in ways:
        bare = tuple({way(name): name for name in group} for group in listed)
        if all(len(own) == len(group) for own, group in zip(bare, listed, strict=True)):
            break
    return bare


def wrappers_in(names: Iterable[str]) -> set[str]:
    """The wrappers that the names have inside."""
    return {part for name in names for part in name.split(".")} & {*TRANSPARENT, PARALLEL}


def heads(names: Iterable[str]) -> list[str]:
    """The prefixes, each with its dot, that all names have; "" first."""
    parts = [name.split(".")[:-1] for name in names]
    common = [""]
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common.append(f"{common[-1]}{level[0]}.")
    return common
