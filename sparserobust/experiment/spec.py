"""`Experiment`: which networks are made and how they are scored, as one frozen value with a text of its own.

Nothing heavy is imported: a mistyped name is answered at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.experiment import tables, values
from sparserobust.experiment.combinations import require_possible
from sparserobust.experiment.grammar import Variant, variant
from sparserobust.experiment.names import check_names, is_own
from sparserobust.experiment.normalize import spelled
from sparserobust.experiment.text import read_toml, toml_text
from sparserobust.one_line import OneLine
from sparserobust.registry import evaluators, methods
from sparserobust.toml_files import OWN, presets, recipes

DEMONSTRATION = ("dense", "snip", "freezenet", "dctps", "random")
"""The methods of an experiment that names none."""
DEFAULT_MODEL = "conv2"

OF_A_CALL = ("out", "cache", "progress")
"""What is given to `run`: where an experiment is carried out is no part of it."""
Table: TypeAlias = "dict[str, Any]"

if TYPE_CHECKING:
    AnyPath: TypeAlias = str | os.PathLike[str]
    AnyTable: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Experiment(OneLine):
    """A grid of methods, sparsities and seeds on one network and one data set, and what is measured on each.

    Three ways lead to the same one: keyword arguments, `Experiment.load` of a TOML file with these keys, and the
    options of `sparserobust evaluate`. A list may be given as one value, or as text with commas between. A value named
    twice counts once; two names for one thing are refused.

    Attributes:
        data: name of a data set, `NAME:PATH` for one that is in PATH, or `package.module:callable` for your own.
        data_root: folder that named data sets are kept in, "data" by default.
        image_size: side of the square that images in files are made; as the data set has them by default.
        model: architecture, or `package.module:callable` that makes a network of your own; conv2 by default.
        weights: file with the weights of the model: methods start from them, and without any it is scored as it is.
        weights_key: which weights in that file, where it holds several: a key or the prefix of their names.
        output: where the logits lie in what a network of your own returns: a place in a tuple, a key or an attribute.
        normalize: what images are normalised by in a named architecture: "data" (its own constants, or the recipe's),
            "imagenet", "half" (0.5), "none", "model" (what the published weights of a network of torchvision or timm
            were trained with) or "MEAN/STD"; "data" by default, "model" for such a network with weights.
        saved: saved models, or the folders of runs; they are scored as they are, and no other is made.
        initialisation: of the weights of an architecture; the recipe's by default.
        methods: `NAME` or `NAME[param=value,...]`; those of the demonstration by default. The dense reference is
            always made, once for each seed. Without any, a network of your own or with weights is scored as it is.
        sparsities: fractions of prunable weights not kept, in [0, 1).
        exclude: weights that stay dense in every network, so that no sparsity is about them: names of parameters or of
            the modules that they are in, or patterns such as "blocks.0.*".
        seeds: one network for each; the first also seeds the evaluation.
        recipe: name, TOML file (which is read at once) or table of the training recipe of all networks; "own" is each
            method's. By default the data set's.
        epochs, lr: instead of the recipe's.
        evaluators: `NAME` or `NAME[setting=value,...]`; by default the core eight and those of installed plugins.
        preset: name, TOML file (which is read at once) or table of evaluators beside those named and accuracy.
        settings: `{"fgsm": {"eps": [0.1]}}`, or texts `fgsm.eps=[0.1]`: of an evaluator, of a method in all its
            variants, or of the recipe. A bracket goes before them.
        limit: score a seeded stratified subset of so many test examples.
        device: "auto", "cpu" or "cuda[:N]".
        batch_size: examples per batch while scoring, 256 by default.
        threads: of torch; one for small networks on a CPU by default.

    Raises:
        ConfigError, PluginError, ModelError, DataError: an unknown key or name, or a value or combination that cannot
            be. What only the data or the network can tell is found by `run`, before anything is computed.
    """

    data: str = "digits"
    data_root: str | None = None
    image_size: int | None = None
    model: str | None = None
    weights: str | None = None
    weights_key: str | None = None
    output: str | None = None
    normalize: str | None = None
    saved: tuple[str, ...] = ()
    initialisation: str | None = None
    methods: tuple[str, ...] = DEMONSTRATION
    sparsities: tuple[float, ...] = (0.95,)
    exclude: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    recipe: str | Table | None = None
    epochs: int | None = None
    lr: float | None = None
    evaluators: tuple[str, ...] | None = None
    preset: str | Table | None = None
    settings: dict[str, Table] = field(default_factory=dict)
    limit: int | None = None
    device: str = "auto"
    batch_size: int | None = None
    threads: int | None = None

    def __new__(cls, *positional: object, **given: object) -> Experiment:
        """Refuses what has no key, and keys that there are not, in the words that a file gets."""
        if positional:
            raise ConfigError(f"give every value its key: Experiment(data=...); got {positional[0]!r}")
        for key in given:
            require_key(key)
        return super().__new__(cls)

    if TYPE_CHECKING:  # what may be given; the fields above are what is kept

        def __init__(
            self,
            *,
            data: str = ...,
            data_root: AnyPath | None = ...,
            image_size: int | None = ...,
            model: str | None = ...,
            weights: AnyPath | None = ...,
            weights_key: str | None = ...,
            output: int | str | None = ...,
            normalize: str | Sequence[object] | None = ...,
            saved: AnyPath | Sequence[AnyPath] = ...,
            initialisation: str | None = ...,
            methods: str | Sequence[str] | None = ...,
            sparsities: float | str | Sequence[float] = ...,
            exclude: str | Sequence[str] = ...,
            seeds: int | str | Sequence[int] = ...,
            recipe: AnyPath | AnyTable | None = ...,
            epochs: int | None = ...,
            lr: float | None = ...,
            evaluators: str | Sequence[str] | None = ...,
            preset: AnyPath | AnyTable | None = ...,
            settings: Mapping[str, Any] | str | Sequence[str] = ...,
            limit: int | None = ...,
            device: str = ...,
            batch_size: int | None = ...,
            threads: int | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        try:
            self._make_plain()
        except RecursionError:
            raise ConfigError("a value of the experiment is nested too deeply, or holds itself") from None

    def _make_plain(self) -> None:
        put = partial(object.__setattr__, self)
        put("output", str(self.output) if isinstance(self.output, int) else self.output)
        for key in (
            "data",
            "data_root",
            "model",
            "weights",
            "weights_key",
            "output",
            "initialisation",
            "device",
        ):
            put(key, values.text(key, getattr(self, key)))
        put("normalize", spelled("normalize", self.normalize))
        put("data", self.data or "digits")
        put("device", self.device or "auto")
        put("saved", _paths(self.saved))
        given: object = self.methods
        named = given is not DEMONSTRATION and given is not None
        if not named:
            put("methods", DEMONSTRATION)
        else:
            each = values.texts("methods", self.methods) or ()
            put("methods", tuple(str(variant(text, "methods")) for text in each))
        put("sparsities", values.sparsities("sparsities", self.sparsities))
        put("exclude", values.texts("exclude", self.exclude or ()) or ())
        put("seeds", values.seeds("seeds", self.seeds))
        put("recipe", tables.table("recipe", self.recipe, recipes))
        put("epochs", values.whole("epochs", self.epochs, least=0))
        put("lr", values.above_0("lr", self.lr))
        measured = values.texts("evaluators", self.evaluators)
        if measured is not None:
            put("evaluators", tuple(str(variant(each, "evaluators")) for each in measured))
        put("preset", tables.table("preset", self.preset, presets))
        put("settings", tables.settings("settings", self.settings))
        for key in ("image_size", "limit", "batch_size", "threads"):
            put(key, values.whole(key, getattr(self, key), least=1))
        if not named and not self.trains_architecture:
            put("methods", ())
        self._check_names()
        require_possible(vars(self), own_network=self.own_network is not None)
        if not self.saved and self.model is None:
            put("model", DEFAULT_MODEL)

    @property
    def own_network(self) -> str | None:
        """`package.module:callable` of a network of one's own."""
        return self.model if self.model is not None and is_own(self.model) else None

    @property
    def trains_architecture(self) -> bool:
        """Whether networks of a named architecture are drawn, so that there must be methods."""
        return not self.saved and self.own_network is None and self.weights is None

    @property
    def model_name(self) -> str:
        """The architecture, the callable that makes it, or the saved model's file."""
        if self.own_network is not None:
            return self.own_network.split(":")[-1]
        if self.model is not None:
            return self.model
        path = Path(self.saved[0])
        return path.stem if path.suffix == ".sparse" else path.name

    @property
    def stem(self) -> str:
        """What a new output folder is called after."""
        return f"{self.data}-{self.model_name}".replace(":", "-").replace("/", "-")

    @property
    def method_variants(self) -> list[Variant]:
        """The methods, read."""
        return [variant(each, "methods") for each in self.methods]

    @property
    def evaluator_variants(self) -> list[Variant] | None:
        """The evaluators that are named, read; None where none are."""
        return None if self.evaluators is None else [variant(each, "evaluators") for each in self.evaluators]

    def settings_of(self, owner: str) -> Table:
        """What is set for a name, {} for nothing."""
        return self.settings.get(owner, {})

    def to_toml(self) -> str:
        """The text of a file with all that was given, and with what stands for what was not; `load` takes it back."""
        return toml_text([(own, getattr(self, own.name)) for own in fields(self)])

    @classmethod
    def load(cls, path: str | os.PathLike[str], **changes: Any) -> Experiment:
        """The experiment of a TOML file, or of the folder that holds its experiment.toml.

        Args:
            path: of the file or folder. What is relative in it is relative to the working directory.
            changes: values that go before those of the file, settings one by one. With other methods or evaluators
                the file's settings of those that are left out go too.

        Raises:
            ConfigError: it cannot be read or is not TOML. Others as for the same values given directly.
        """
        given = read_toml(path)
        settings = tables.settings("settings", given.get("settings", {}))
        for key, registry in (("methods", methods), ("evaluators", evaluators)):
            if key in changes:
                kept = [variant(each, key).name for each in values.texts(key, changes[key]) or ()]
                left_out = {name for name in registry.names() if name not in kept}
                settings = {owner: own for owner, own in settings.items() if owner not in left_out}
        for owner, own in tables.settings("settings", changes.get("settings", {})).items():
            settings[owner] = {**settings.get(owner, {}), **own}
        return cls(**{**given, **changes, "settings": settings})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file, complete or not at all; returns its path."""
        from sparserobust.records.files import write_atomic

        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, self.to_toml().encode("utf-8"))
        return file

    def _shown(self) -> Iterator[str]:
        yield from (self.data, self.model_name)
        if self.saved:
            yield f"saved={len(self.saved)}"
        else:
            yield f"methods={len(self.methods)}"
            yield f"sparsities={len(self.sparsities)}"
            yield f"seeds={len(self.seeds)}"
        if self.recipe is not None:
            yield f"recipe={self.recipe if isinstance(self.recipe, str) else self.recipe.get('name', 'a table')}"
        yield from (
            f"{key}={value}" for key in ("epochs", "lr", "limit") if (value := getattr(self, key)) is not None
        )
        if self.exclude:
            yield f"exclude={len(self.exclude)}"
        yield f"evaluators={'default' if self.evaluators is None else len(self.evaluators)}"

    def __eq__(self, other: object) -> bool:
        """Whether both have the same text: true is not 1, although Python says so."""
        return isinstance(other, Experiment) and self.to_toml() == other.to_toml()

    def __hash__(self) -> int:
        return hash(self.to_toml())

    def _check_names(self) -> None:
        check_names(
            data_name=self.data,
            model=self.model,
            named_methods=self.method_variants,
            named_evaluators=self.evaluator_variants or (),
            recipe=self.recipe if isinstance(self.recipe, str) and self.recipe != OWN else None,
            preset=self.preset if isinstance(self.preset, str) else None,
        )


def keys() -> list[str]:
    """All keys of an experiment."""
    return [own.name for own in fields(Experiment)]


def require_key(key: str) -> None:
    """Raises ConfigError unless an experiment has such a key."""
    if key in OF_A_CALL:
        raise ConfigError(f"an experiment has no {key!r}, which says how it is carried out; give it to run")
    if key not in (known := keys()):
        hint = did_you_mean(key, known) or f"; it has {', '.join(known)}"
        raise ConfigError(f"an experiment has no {key!r}{hint}")


def _paths(value: object) -> tuple[str, ...]:
    """Paths, which may hold commas: a text is one of them."""
    return values.texts("saved", [value] if isinstance(value, str) else value) or ()
