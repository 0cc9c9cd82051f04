"""What the command line asked for, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparserobust.cli.options import Settings
from sparserobust.cli.variants import Variant
from sparserobust.errors import ConfigError
from sparserobust.presets import Preset
from sparserobust.sparsity.allocation import check_sparsity

DEFAULT_MODEL = "conv2"


@dataclass(frozen=True)
class Request:
    """The options of `sparserobust evaluate`, parsed but not yet understood; `check` refuses what cannot be."""

    targets: tuple[str, ...]
    data_name: str
    data_root: Path | None
    model: str | None
    weights: Path | None
    initialisation: str | None
    methods: list[Variant]
    sparsities: list[float]
    seeds: list[int]
    epochs: int | None
    recipe: str | None
    evaluators: list[Variant] | None
    preset: Preset | None
    settings: Settings
    limit: int | None
    device: str
    batch_size: int | None
    threads: int | None
    cache: Path | None
    command: str

    @property
    def saved(self) -> list[str]:
        """Targets that are saved models: they are named by a path, networks as package.module:callable."""
        return [t for t in self.targets if t.endswith(".sparse") or ":" not in t]

    @property
    def networks(self) -> list[str]:
        """Targets that are networks of the user's own."""
        return [t for t in self.targets if t not in self.saved]

    @property
    def model_name(self) -> str:
        """The architecture, the callable that makes it, or the saved model's file."""
        if self.networks:
            return self.networks[0].split(":")[-1]
        return Path(self.saved[0]).stem if self.saved else self.model or DEFAULT_MODEL

    @property
    def stem(self) -> str:
        """What a new output folder is called after."""
        return f"{self.data_name}-{self.model_name}".replace(":", "-").replace("/", "-")

    def check(self) -> None:
        """Raises ConfigError for a value or combination that cannot be."""
        if self.targets and self.model:
            raise ConfigError("give either TARGETS or --model, not both")
        if len(self.networks) > 1:
            raise ConfigError("name one network of your own at a time; several TARGETS must be saved models")
        if self.weights and (not self.networks or self.saved):
            raise ConfigError("--weights goes with a TARGET package.module:callable and no saved model")
        if self.initialisation and self.targets:
            raise ConfigError("--initialisation draws the weights of --model; TARGETS bring their own")
        if self.saved and self.methods:
            raise ConfigError("--methods makes new models; a saved model is scored as it is")
        if self.evaluators == []:
            raise ConfigError("--evaluators is empty; `sparserobust list evaluators` shows all")
        for sparsity in self.sparsities:
            check_sparsity(sparsity)
        for option, value, least in (
            ("--limit", self.limit, 1),
            ("--batch-size", self.batch_size, 1),
            ("--threads", self.threads, 1),
            ("--epochs", self.epochs, 0),
        ):
            if value is not None and value < least:
                raise ConfigError(f"{option} must be at least {least}, got {value}")
