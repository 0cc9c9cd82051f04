"""Why a file's weights are not a network's: one line with what was expected, what came and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sparserobust.errors import ModelError, did_you_mean
from sparserobust.weight_files.candidates import is_optimizer
from sparserobust.weight_files.fit import Fit
from sparserobust.weight_files.kind import objects, unreadable
from sparserobust.weight_files.own import Own
from sparserobust.weight_files.place import listed
from sparserobust.weight_files.read import Contents

_SAVE = "save model.state_dict()"


def misfit(contents: Contents, fit: Fit, own: Own) -> ModelError:
    """Of a file whose nearest weights are not the network's."""
    problems = []
    if fit.missing:
        problems.append(f"missing {listed(sorted(fit.missing))}")
    if fit.unexpected:
        problems.append(f"unexpected {listed(sorted(fit.unexpected))}")
    if fit.differing:
        differing = [
            f"{name} is {shape}, expected {own.shape(name)}" for name, shape in fit.differing.items()
        ]
        problems.append(listed(differing))
    if fit.missing and contents.passed_over:
        problems.append(f"objects of {listed(contents.passed_over)} were passed over")
    where = f" ({fit.name!r} in it)" if fit.name else ""
    return ModelError(
        f"{contents.file}{where} is of another architecture than {own.network}: {'; '.join(problems)}; "
        f"{_advice(fit, own)}"
    )


def _advice(fit: Fit, own: Own) -> str:
    """What to do, by what differs."""
    if head := _head(fit, own):
        there, here = head
        return (
            f"the last layer has {there} classes there and {here} here: build the network for {there} classes"
        )
    if not fit.unexpected and not fit.differing and all(own.is_constant(name) for name in fit.missing):
        return "register these buffers with persistent=False where they are constants that the file need not have"
    last = {name.rpartition(".")[2] for name in fit.unexpected}
    if any(part.endswith("_mask") for part in last):
        return f"a mask stands beside its weights: multiply them, then {_SAVE}"
    if any(".parametrizations." in f".{name}" for name in fit.unexpected) or last & {
        "weight_orig",
        "weight_u",
    }:
        return (
            "the file's weights are computed by a parametrization: call torch.nn.utils.parametrize."
            f"remove_parametrizations (remove_spectral_norm for the older form), then {_SAVE}"
        )
    if any(name.endswith("_mask") for name in fit.missing):
        return "the network has pruning hooks that the file lacks: build it without them"
    if last & {"zero_point", "weight_zero_point", "_packed_params"}:
        return "the file is of a quantised network: build the network quantised, in your callable"
    return "build the network that was saved, or name its own file"


def _head(fit: Fit, own: Own) -> tuple[int, int] | None:
    """The classes of the file's and the network's last layer where they alone differ."""
    if fit.missing or fit.unexpected or len({name.rpartition(".")[0] for name in fit.differing}) != 1:
        return None
    pairs = [(shape, own.shape(name) or ()) for name, shape in fit.differing.items()]
    if any(not shape or not here or shape[1:] != here[1:] for shape, here in pairs):
        return None
    return pairs[0][0][0], pairs[0][1][0]


def no_such_key(file: Path, key: str | None, places: list[str]) -> ModelError:
    """Of a file without weights under the key."""
    known = [place for place in dict.fromkeys(places) if place]
    there = f"it has them under {listed(repr(place) for place in known)}" if known else "leave the key away"
    return ModelError(f"{file} has no weights under {key!r}; {there}{did_you_mean(str(key), known)}")


def holds_nothing(contents: Contents) -> ModelError:
    """Of a file without any dict of tensors by name."""
    what, do = _instead(contents)
    return unreadable(contents.file, f"it must hold a state_dict (name -> tensor), and holds {what}", do)


def _instead(contents: Contents) -> tuple[str, str]:
    tree, classes = contents.tree, contents.passed_over
    if classes and all(name.split(".")[0] == "numpy" for name in classes):
        return "numpy's objects", "save tensors, as model.state_dict() has them"
    if classes:
        return objects(classes)
    if is_optimizer(tree) or (isinstance(tree, Mapping) and any(map(is_optimizer, tree.values()))):
        return "the state of an optimizer alone", f"{_SAVE} too"
    if isinstance(tree, Mapping):
        return _of_dict(tree), _SAVE
    if isinstance(tree, Tensor):
        return f"one tensor {tuple(tree.shape)}", f"{_SAVE}, which has names"
    if isinstance(tree, list | tuple):
        return f"a {type(tree).__name__} of {len(tree)}", f"{_SAVE}, which has names"
    return f"a {type(tree).__name__}", _SAVE


def _of_dict(tree: Mapping[object, object]) -> str:
    if not tree:
        return "an empty dict"
    if any(isinstance(value, Tensor) for value in tree.values()):
        return f"tensors under {type(next(iter(tree))).__name__} keys ({listed(repr(key) for key in tree)})"
    return f"no tensor under {listed(repr(key) for key in tree)}"
