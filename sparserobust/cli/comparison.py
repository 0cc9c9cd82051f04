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
from sparserobust.device import resolve_device
from sparserobust.errors import DegenerateScores
from sparserobust.methods.base import FixedMask
from sparserobust.models import create_model
from sparserobust.records import Run
from sparserobust.report import summary_table, write_report
from sparserobust.restore import load_subject
from sparserobust.runner import build_evaluator, evaluate, failed_run
from sparserobust.subject import Subject
from sparserobust.training import Recipe, load_recipe, train

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
        self.saved = [load_subject(path) for path in request.saved]
        self.first = self._make(request.seeds[0]) if not request.saved else self.saved[0].model
        set_threads(request.threads, sum(p.numel() for p in self.first.parameters()), self.device)
        self.runs: list[Run] = []

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
        request = self.request
        if self.saved:
            yield from sorted(self.saved, key=lambda subject: subject.method != "dense")
            return
        if request.networks and not request.methods:
            yield Subject.of(self.first, name=request.model_name)
            return
        for seed in request.seeds:
            model = self._make(seed)
            for method in ["dense", *(name for name in request.methods if name != "dense")]:
                sparsities = [0.0] if method == "dense" else request.sparsities
                for subject in self._sparsify(model, method, sparsities, seed, out):
                    subject.name = request.model_name
                    self._train(subject, seed)
                    subject.save(out / _folder(subject) / "model.sparse")
                    yield subject

    def _sparsify(
        self, model: nn.Module, method: str, sparsities: list[float], seed: int, out: Path
    ) -> list[Subject]:
        """One subject for each sparsity from one scoring; where the criterion cannot choose, that is recorded."""
        arguments: dict[str, Any] = {"seed": seed, "device": self.device, **self.parameters.get(method, {})}
        try:
            return sparsify(model, method, sparsities, self.data, **arguments)
        except DegenerateScores as error:
            if len(sparsities) > 1:
                return [s for one in sparsities for s in self._sparsify(model, method, [one], seed, out)]
            names = self.request.evaluators
            self._keep(failed_run(model, self.data, method, sparsities[0], seed, names, error), out)
            return []

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
        click.echo(
            f"{subject.label}, seed {seed}: trained {len(history.epochs)} epochs in {seconds:.1f} s", nl=False
        )

    def _score(self, subject: Subject, out: Path) -> None:
        start = time.perf_counter()
        run = evaluate(
            subject,
            self.data,
            self.evaluators,
            dense=self._dense(subject),
            seed=self.request.seeds[0],
            device=self.device,
            batch_size=self.request.batch_size,
            limit=self.request.limit,
            command=self.request.command,
            progress=True,
        )
        lead = ", " if subject.history is not None and not self.request.targets else f"{subject.label}: "
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
