"""Which evaluators a run uses: by name, as instances, or those that run when nothing is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from sparserobust.errors import ConfigError, PluginError, did_you_mean
from sparserobust.registry import evaluators as registry
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.scoring.evaluator import Evaluator

CORE = ("accuracy", "fgsm", "carlini-wagner", "saliency", "connectivity", "gradient-norm", "flops", "storage")
"""What runs when nothing is said: accuracy, two attacks, and what explains them; seconds for a small network."""


def list_evaluators() -> list[str]:
    """Names that `evaluate` takes."""
    return registry.names()


def default_names() -> list[str]:
    """The core eight, and whatever other packages bring: who installs a plugin wants it.

    Our own other evaluators are audits that take minutes; they run when they are named.
    """
    known = registry.names()
    return list(dict.fromkeys([*(name for name in CORE if name in known), *registry.third_party()]))


def default_evaluators(settings: Mapping[str, dict[str, Any]] | None = None) -> list[Evaluator]:
    """Those that run when nothing is said; one that cannot be loaded fails in the record, for the others to go on.

    Args:
        settings: name -> settings of that evaluator.

    Raises:
        ConfigError: a setting it does not take or that cannot be.
    """
    built: list[Evaluator] = []
    for name in default_names():
        try:
            built.append(build_evaluator(name, (settings or {}).get(name)))
        except PluginError as error:
            built.append(Unloadable(error=error).labelled(name))
    return built


@dataclass(frozen=True, kw_only=True)
class Unloadable(Evaluator):
    """Stands for an evaluator that cannot be loaded: its outcome is failed and says why.

    Attributes:
        error: why.
    """

    name: ClassVar[str] = "unloadable"

    error: PluginError

    def begin(self, context: Context) -> Measurement:
        """Raises why."""
        raise self.error

    def resolved(self) -> dict[str, Any]:
        """None: there is nothing that could take settings."""
        return {}


def chosen(evaluators: object) -> list[Evaluator]:
    """The evaluators that are named; a single name or instance is one of them.

    Raises:
        ConfigError: none, or something that is no evaluator. PluginError: unknown name.
    """
    if isinstance(evaluators, str | Evaluator | type) or not isinstance(evaluators, Iterable):
        evaluators = [evaluators]
    if isinstance(evaluators, Mapping):
        raise ConfigError(
            "evaluators are a list of names and instances; settings go into an instance, FGSM(eps=[0.1])"
        )
    built = [build_evaluator(evaluator) for evaluator in evaluators]
    if not built:
        raise ConfigError("name at least one evaluator; `sparserobust list evaluators` shows all")
    return built


def build_evaluator(evaluator: object, settings: dict[str, Any] | None = None) -> Evaluator:
    """An evaluator by name with its settings, or the instance itself.

    Raises:
        PluginError: unknown name. ConfigError: a setting it does not take or that cannot be, or no evaluator.
    """
    if isinstance(evaluator, Evaluator):
        return evaluator
    if not isinstance(evaluator, str):
        name = getattr(evaluator, "__name__", None)
        got = f"the class {name}; did you mean {name}()?" if isinstance(evaluator, type) else repr(evaluator)
        raise ConfigError(f"an evaluator must be a name or an instance, got {got}")
    factory = loaded(evaluator)
    known = [field.name for field in fields(factory)]
    for key in settings or {}:
        if key not in known:
            raise ConfigError(
                f"evaluator {evaluator!r} has no setting {key!r}{did_you_mean(key, known) or ';'} "
                f"it takes {', '.join(known) or 'none'}"
            )
    try:
        return factory(**settings or {})
    except ConfigError as error:
        raise ConfigError(f"evaluator {evaluator!r}: {error}") from None
    except Exception as error:  # a setting without a default, an abstract class, whatever __post_init__ does
        text = f"{type(error).__name__}: {error}"
        raise PluginError(f"evaluator {evaluator!r} cannot be made: {text}") from None


def loaded(name: str) -> type[Evaluator]:
    """The class of a registered evaluator.

    Raises:
        PluginError: unknown name, its import fails, it is no evaluator class or calls itself otherwise.
    """
    return registry.kind(name, Evaluator)


def require_different_names(named: Sequence[tuple[str, Evaluator]]) -> None:
    """Raises ConfigError for two evaluators that a record would hold under one name.

    Args:
        named: (how the user wrote it, the evaluator).
    """
    seen: dict[str, str] = {}
    for text, evaluator in named:
        if evaluator.label in seen:
            raise ConfigError(
                f"{seen[evaluator.label]} and {text} are both recorded as {evaluator.label!r}, which a run holds once; "
                "measure them in two runs"
            )
        seen[evaluator.label] = text
