"""One comparison from the command line: every subject is made, trained, saved and scored; then the report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from sparserobust.apply import build_method, sparsify
from sparserobust.cli.options import set_threads
from sparserobust.cli.request import Request
from sparserobust.cli.weights import build_network, load_weights
from sparserobust.data import load_data
from sparserobust.device import device_of, resolve_device
from sparserobust.errors import ModelError, SparseRobustError
from sparserobust.methods.base import FixedMask
from sparserobust.models import create_model
from sparserobust.records import Run
from sparserobust.report import summary_table, write_report
from sparserobust.restore import load_subject
from sparserobust.runner import build_evaluator, evaluate, failed_run
from sparserobust.subject import Subject
from sparserobust.training import Recipe, load_recipe, train
from sparserobust.weights.untouched import examined

RECIPE_OF_DATA = {"digits": "digits", "mnist": "freezenet-mnist", "fashion-mnist": "freezenet-mnist"}
OTHER_RECIPE = "snip-it"


class Comparison:
    """One request being carried out. Building it checks everything before anything is computed.

    Raises:
        SparseRobustError: a name, value, file or combination that cannot be.
    """

    def __init__(self, request: Request) -> None:
        request.check()
        self.request = request
        self.device = str(resolve_device(request.device))
        self.evaluators = [build_evaluator(name, request.settings.get(name)) for name in request.evaluators]
        methods = {name: build_method(name, request.settings.get(name, {})) for name in request.methods}
        self.recipe = self._shared_recipe()
        self.parameters = self._parameters(methods)
        self.data = load_data(request.data_name, request.data_root)
        self.saved = [self._load(path) for path in request.saved]
        self.first = self.saved[0].model if self.saved else self._make(request.seeds[0])
        self._try_one_image(self.first)
        set_threads(request.threads, sum(p.numel() for p in self.first.parameters()), self.device)
        self.runs: list[Run] = []
        self.folders: set[str] = set()

    def run(self, out: Path) -> int:
        """Makes, trains, saves and scores every subject, then writes the report; returns the exit status."""
        interrupted = False
        try:
            for subject, folder in self._subjects(out):
                self._score(subject, folder)
        except KeyboardInterrupt:
            interrupted = True
        if not self.runs:
            click.echo("interrupted; nothing was finished, so there is no report", err=True)
            return 130
        report = write_report(self.runs, out / "report.html")
        click.echo(f"\n{summary_table(self.runs)}\n\nreport: {report}")
        if interrupted:
            click.echo(f"interrupted; {len(self.runs)} finished runs are kept and reported", err=True)
            return 130
        failed = any(o.status == "failed" for run in self.runs for o in run.outcomes.values())
        return 1 if failed else 0

    def _subjects(self, out: Path) -> Iterator[tuple[Subject, Path]]:
        """Every subject in turn, trained and saved, with its folder; of each seed the dense one first."""
        request = self.request
        if not self.saved and (not request.networks or request.methods):
            for seed in request.seeds:
                yield from self._of_seed(seed, out)
            return
        finished = self.saved or [Subject.of(self.first, name=request.model_name)]
        for subject in sorted(finished, key=lambda subject: subject.method != "dense"):
            yield subject, self._folder(subject, out)

    def _of_seed(self, seed: int, out: Path) -> Iterator[tuple[Subject, Path]]:
        """The subjects of one seed; one that cannot be made is recorded, and the others go on."""
        model = self._make(seed)
        for method in ["dense", *(name for name in self.request.methods if name != "dense")]:
            sparsities = [0.0] if method == "dense" else self.request.sparsities
            for sparsity, made in zip(
                sparsities, self._sparsify(model, method, sparsities, seed), strict=True
            ):
                try:
                    if isinstance(made, Exception):
                        raise made
                    made.name = self.request.model_name
                    self._train(made, seed)
                    folder = self._folder(made, out)
                    made.save(folder / "model.sparse")
                except (SparseRobustError, RuntimeError) as error:
                    dense = self._dense(seed)
                    if method == "dense" or dense is None:
                        raise
                    self._keep(
                        failed_run(dense, method, sparsity, error), out / f"{method}-{sparsity}-{seed}"
                    )
                else:
                    yield made, folder

    def _sparsify(
        self, model: nn.Module, method: str, sparsities: list[float], seed: int
    ) -> list[Subject] | list[Subject | Exception]:
        """A subject for each sparsity from one scoring; where that fails, one by one, with the errors."""
        arguments: dict[str, Any] = {"seed": seed, "device": self.device, **self.parameters.get(method, {})}
        try:
            return sparsify(model, method, sparsities, self.data, **arguments)
        except (SparseRobustError, RuntimeError):
            results: list[Subject | Exception] = []
            for sparsity in sparsities:
                try:
                    results.append(sparsify(model, method, sparsity, self.data, **arguments))
                except (SparseRobustError, RuntimeError) as error:
                    results.append(error)
            return results

    def _train(self, subject: Subject, seed: int) -> None:
        start = time.perf_counter()
        history = train(
            subject,
            self.data,
            epochs=self.request.epochs,
            recipe=self.recipe,
            seed=seed,
            device=self.device,
            progress=True,
        )
        seconds = time.perf_counter() - start
        click.echo(f"{subject.label}, seed {seed}: trained {len(history.epochs)} epochs in {seconds:.1f} s")

    def _score(self, subject: Subject, folder: Path) -> None:
        start = time.perf_counter()
        run = evaluate(
            subject,
            self.data,
            self.evaluators,
            dense=None if subject.method == "dense" else self._dense(subject.seed),
            seed=self.request.seeds[0],
            device=self.device,
            batch_size=self.request.batch_size,
            limit=self.request.limit,
            command=self.request.command,
            progress=True,
        )
        click.echo(f"{subject.label}: scored in {time.perf_counter() - start:.1f} s")
        self._keep(run, folder)

    def _keep(self, run: Run, folder: Path) -> None:
        for name, outcome in run.outcomes.items():
            if outcome.status == "failed":
                click.echo(f"  {name} failed: {outcome.reason}", err=True)
        run.save(folder)
        self.runs.append(run)

    def _dense(self, seed: int | None) -> Run | None:
        """The run of the dense reference of this seed."""
        same = (r for r in self.runs if r.subject.method == "dense" and r.subject.seed == seed)
        return next(same, None)

    def _folder(self, subject: Subject, out: Path) -> Path:
        """A folder of its own for each subject: method-sparsity-seed, or the label of a network of one's own."""
        name = subject.label
        if subject.method is not None:
            name = f"{subject.method}-{subject.target_sparsity or 0:.10g}-{subject.seed}"
        name = "".join(c if c.isalnum() or c in "-._" else "_" for c in name).strip(".") or "subject"
        unique = next(
            n for i in range(1, 10**6) if (n := name if i == 1 else f"{name}-{i}") not in self.folders
        )
        self.folders.add(unique)
        return out / unique

    def _shared_recipe(self) -> Recipe | None:
        """The recipe of all models, None for each method's own."""
        if self.request.recipe == "own":
            return None
        return load_recipe(self.request.recipe or RECIPE_OF_DATA.get(self.request.data_name, OTHER_RECIPE))

    def _parameters(self, methods: dict[str, FixedMask]) -> dict[str, dict[str, Any]]:
        """Each method's parameters; all that score on examples see the same number of them."""
        recipes = [self.recipe] if self.recipe else [load_recipe(m.recipe) for m in methods.values()]
        samples = max((recipe.score_samples for recipe in recipes), default=100)
        parameters = {}
        for name, method in methods.items():
            common = {"score_samples": samples} if method.needs_data else {}
            parameters[name] = common | self.request.settings.get(name, {})
        return parameters

    def _make(self, seed: int) -> nn.Module:
        """A fresh network for this seed."""
        request = self.request
        if not request.networks:
            return create_model(request.model_name, self.data, seed=seed)
        torch.manual_seed(seed)
        network = build_network(request.networks[0])
        if request.weights is not None:
            load_weights(network, request.weights)
        return network

    def _load(self, path: str) -> Subject:
        """A saved model; into a fresh network of the user's own where one is named."""
        return load_subject(path, model=self._make(self.request.seeds[0]) if self.request.networks else None)

    def _try_one_image(self, model: nn.Module) -> None:
        """Raises ModelError unless the network takes the data's images and returns its classes' logits."""
        device = device_of(model)
        with examined(model), torch.no_grad():
            image, _ = self.data.test[0]
            try:
                logits = model(image.unsqueeze(0).to(device))
            except RuntimeError as error:
                text = str(error).splitlines()[0]
                raise ModelError(
                    f"{self.request.model_name} does not take images of shape {tuple(image.shape)} "
                    f"({self.data.name}): {text}"
                ) from None
        if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != (1, self.data.num_classes):
            got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise ModelError(
                f"{self.request.model_name} must return logits (1, {self.data.num_classes}) for one image of "
                f"{self.data.name}, got {got}"
            )
