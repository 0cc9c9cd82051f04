"""One comparison from the command line: every subject is made, trained, saved and scored; then the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from sparserobust.apply import build_method, sparsify
from sparserobust.cli.options import Settings, set_threads
from sparserobust.cli.weights import build_network, load_weights
from sparserobust.data import Data, load_data
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.methods.base import FixedMask
from sparserobust.models import create_model
from sparserobust.records import Run
from sparserobust.report import summary_table, write_report
from sparserobust.restore import load_subject
from sparserobust.runner import build_evaluator, evaluate, failed_run
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.subject import Subject
from sparserobust.training import Recipe, load_recipe, train

DEFAULT_MODEL = "conv2"
RECIPE_OF_DATA = {"digits": "digits", "mnist": "freezenet-mnist", "fashion-mnist": "freezenet-mnist"}
OTHER_RECIPE = "snip-it"


@dataclass
class Comparison:
    """What the command line asked for. `prepare` checks all of it, `run` does it."""

    targets: tuple[str, ...]
    data_name: str
    data_root: Path | None
    model: str | None
    weights: Path | None
    methods: list[str]
    sparsities: list[float]
    seeds: list[int]
    epochs: int | None
    recipe: str | None
    evaluators: list[str]
    settings: Settings
    limit: int | None
    device: str
    batch_size: int | None
    threads: int | None
    command: str
    runs: list[Run] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """What a new output folder is called after."""
        return f"{self.data_name.replace(':', '-').replace('/', '-')}-{self.model_name}"

    @property
    def model_name(self) -> str:
        """Architecture, or the first target without its path."""
        if self.targets:
            return (
                Path(self.targets[0]).stem
                if self._is_saved(self.targets[0])
                else self.targets[0].split(":")[-1]
            )
        return self.model or DEFAULT_MODEL

    def prepare(self) -> None:
        """Checks everything before anything is computed, and loads the data.

        Raises:
            SparseRobustError: a name, value, file or combination that cannot be.
        """
        if self.targets and self.model:
            raise ConfigError("give either TARGETS or --model, not both")
        networks = [t for t in self.targets if not self._is_saved(t)]
        if len(networks) > 1 or (networks and len(self.targets) > 1 and self.methods):
            raise ConfigError("name one network of your own at a time; several TARGETS must be saved models")
        if self.weights and not networks:
            raise ConfigError("--weights goes with a TARGET package.module:callable")
        if self.targets and not networks and self.methods:
            raise ConfigError("--methods makes new models; a saved model is scored as it is")
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
        self.device = str(resolve_device(self.device))
        self._evaluators = [build_evaluator(name, self.settings.get(name)) for name in self.evaluators]
        if not self._evaluators:
            raise ConfigError("--evaluators is empty; `sparserobust list evaluators` shows all")
        methods = {name: build_method(name, self.settings.get(name, {})) for name in self.methods}
        self._recipe = self._shared_recipe()
        self._params = self._parameters(methods)
        self.data = self._load_data()
        self._make = self._factory(networks)
        probe = self._make(self.seeds[0])
        set_threads(self.threads, sum(p.numel() for p in probe.parameters()), self.device)

    def run(self, out: Path) -> int:
        """Makes, trains, saves and scores every subject, then writes the report; returns the exit status."""
        interrupted = False
        try:
            for subject in self._subjects(out):
                self._score(subject, out)
        except KeyboardInterrupt:
            interrupted = True
        if not self.runs:
            return 130
        report = write_report(self.runs, out / "report.html")
        click.echo(f"\n{summary_table(self.runs)}\n\nreport: {report}")
        if interrupted:
            click.echo(f"interrupted; {len(self.runs)} finished runs are kept and reported", err=True)
            return 130
        failed = any(o.status == "failed" for run in self.runs for o in run.outcomes.values())
        return 1 if failed else 0

    def _subjects(self, out: Path) -> Iterator[Subject]:
        """Every subject in turn, trained and saved; of each seed the dense one first."""
        saved = [target for target in self.targets if self._is_saved(target)]
        loaded = [self._load(path) for path in saved]
        yield from sorted(loaded, key=lambda subject: subject.method != "dense")
        if self.targets and not self.methods:
            if len(saved) < len(self.targets):
                yield Subject.of(self._make(self.seeds[0]), name=self.model_name)
            return
        if saved:
            return
        for seed in self.seeds:
            model = self._make(seed)
            for method in ["dense", *(name for name in self.methods if name != "dense")]:
                targets = [0.0] if method == "dense" else self.sparsities
                for sparsity, subject in zip(
                    targets, self._sparsify(model, method, targets, seed), strict=True
                ):
                    if isinstance(subject, DegenerateScores):
                        self._keep(
                            failed_run(model, self.data, method, sparsity, seed, self.evaluators, subject),
                            out,
                        )
                        continue
                    subject.name = self.model_name
                    self._train(subject, seed)
                    subject.save(out / _folder(subject) / "model.sparse")
                    yield subject

    def _sparsify(
        self, model: nn.Module, method: str, targets: list[float], seed: int
    ) -> list[Subject] | list[Subject | DegenerateScores]:
        """One subject for each sparsity from one scoring; where the criterion cannot choose, its error."""
        arguments: dict[str, Any] = {"seed": seed, "device": self.device, **self._params.get(method, {})}
        try:
            return sparsify(model, method, targets, self.data, **arguments)
        except DegenerateScores:
            results: list[Subject | DegenerateScores] = []
            for target in targets:
                try:
                    results.append(sparsify(model, method, target, self.data, **arguments))
                except DegenerateScores as error:
                    results.append(error)
            return results

    def _train(self, subject: Subject, seed: int) -> None:
        start = time.perf_counter()
        history = train(
            subject,
            self.data,
            epochs=self.epochs,
            recipe=self._recipe,
            seed=seed,
            device=self.device,
            progress=True,
        )
        seconds = time.perf_counter() - start
        click.echo(
            f"{subject.label}, seed {seed}: trained {len(history.epochs)} epochs in {seconds:.1f} s", nl=False
        )

    def _score(self, subject: Subject, out: Path) -> None:
        start = time.perf_counter()
        run = evaluate(
            subject,
            self.data,
            self._evaluators,
            dense=self._dense(subject),
            seed=self.seeds[0],
            device=self.device,
            batch_size=self.batch_size,
            limit=self.limit,
            command=self.command,
            progress=True,
        )
        lead = ", " if subject.history is not None and not self.targets else f"{subject.label}: "
        click.echo(f"{lead}scored in {time.perf_counter() - start:.1f} s")
        self._keep(run, out)

    def _keep(self, run: Run, out: Path) -> None:
        for name, outcome in run.outcomes.items():
            if outcome.status == "failed":
                click.echo(f"  {name} failed: {outcome.reason}", err=True)
        run.save(out / _folder_of(run))
        self.runs.append(run)

    def _dense(self, subject: Subject) -> Run | None:
        same = (r for r in self.runs if r.subject.method == "dense" and r.subject.seed == subject.seed)
        return None if subject.method == "dense" else next(same, None)

    def _shared_recipe(self) -> Recipe | None:
        """The recipe of all models, None for each method's own."""
        if self.recipe == "own":
            return None
        return load_recipe(self.recipe or RECIPE_OF_DATA.get(self.data_name, OTHER_RECIPE))

    def _parameters(self, methods: dict[str, FixedMask]) -> dict[str, dict[str, Any]]:
        """Each method's parameters; all that score on examples see the same number of them."""
        recipes = [self._recipe] if self._recipe else [load_recipe(m.recipe) for m in methods.values()]
        samples = max((recipe.score_samples for recipe in recipes), default=100)
        parameters = {}
        for name, method in methods.items():
            common = {"score_samples": samples} if method.needs_data else {}
            parameters[name] = common | self.settings.get(name, {})
        return parameters

    def _load_data(self) -> Data:
        return load_data(self.data_name, self.data_root)

    def _factory(self, networks: list[str]) -> Callable[[int], nn.Module]:
        """Seed -> a fresh network."""
        if not networks:
            name = self.model or DEFAULT_MODEL
            return lambda seed: create_model(name, self.data, seed=seed)

        def build(seed: int) -> nn.Module:
            torch.manual_seed(seed)
            network = build_network(networks[0])
            if self.weights is not None:
                load_weights(network, self.weights)
            return network

        return build

    def _load(self, path: str) -> Subject:
        return load_subject(path)

    @staticmethod
    def _is_saved(target: str) -> bool:
        """A saved model is named by its path, a network as package.module:callable."""
        return target.endswith(".sparse") or ":" not in target


def _folder(subject: Subject) -> str:
    return _safe(f"{subject.method}-{subject.target_sparsity or 0:g}-{subject.seed}")


def _folder_of(run: Run) -> str:
    subject = run.subject
    if subject.method is None:
        return _safe(subject.label)
    return _safe(f"{subject.method}-{subject.target_sparsity or 0:g}-{subject.seed}")


def _safe(name: str) -> str:
    """A folder name without separators or anything a shell would mind."""
    return "".join(c if c.isalnum() or c in "-._" else "_" for c in name).strip(".") or "subject"
