"""One comparison from the command line: every subject is made, trained, saved and scored; then the report."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from sparserobust.apply import sparsify
from sparserobust.cli.bound import Bound, bound_variants, check_methods, check_schedules, shared_recipe
from sparserobust.cli.earlier import checkpoint_file, free_place, place_of, scored_before
from sparserobust.cli.evaluators import built
from sparserobust.cli.networks import fresh_network, try_one_image
from sparserobust.cli.request import Request
from sparserobust.cli.runtime import keep_freed_memory, set_threads
from sparserobust.cli.variants import folder_stem, safe
from sparserobust.data import load_data
from sparserobust.device import resolve_device
from sparserobust.records import Run
from sparserobust.report import summary_table, write_report
from sparserobust.report.terminal.below import not_made_line, together
from sparserobust.restore import load_subject
from sparserobust.runner import environment_of, evaluate, failed_run
from sparserobust.scoring.run import sha256_of_examples
from sparserobust.storage.modelfile import MODEL_FILE
from sparserobust.subject import Subject
from sparserobust.training import started_from, train


class Comparison:
    """One request being carried out. Building it checks everything before anything is computed.

    Raises:
        SparseRobustError: a name, value, file or combination that cannot be.
    """

    def __init__(self, request: Request) -> None:
        request.check()
        self.request = request
        self.device = str(resolve_device(request.device))
        self.evaluators = built(request.evaluators, request.preset, request.settings)
        check_methods(request.methods, request.settings)
        self.data = load_data(request.data_name, request.data_root)
        self.recipe = shared_recipe(request, self.data)
        self.bound = bound_variants(request.methods, request.settings, self.recipe)
        if self.recipe is not None:
            self.data = self.recipe.normalize(self.data)
        self.saved = [self._load(path) for path in request.saved]
        self.first = self.saved[0].model if self.saved else self._make(request.seeds[0])
        try_one_image(self.first, self.data, request.model_name)
        if not self.saved:
            check_schedules(self.bound, self.first, self.data, request, self.recipe)
        keep_freed_memory()
        set_threads(request.threads, sum(p.numel() for p in self.first.parameters()), self.device)
        self.environment = environment_of(torch.device(self.device), 0, 0.0, request.command)
        self.examples = functools.cache(
            functools.partial(sha256_of_examples, self.data, limit=request.limit, seed=request.seeds[0])
        )
        self.runs: list[Run] = []
        self.dense_subjects: dict[int | None, Subject] = {}
        self.folders: set[str] = set()

    def run(self, out: Path) -> int:
        """Makes, trains, saves and scores every subject, then writes the report; returns the exit status."""
        interrupted = False
        go_on = f"The same command with --out {out} goes on from here"
        try:
            for subject, folder in self._subjects(out):
                self._score(subject, folder)
        except KeyboardInterrupt:
            interrupted = True
        if not self.runs:
            click.echo(f"interrupted; nothing was finished, so there is no report. {go_on}", err=True)
            return 130
        self._say_what_was_cached()
        report = write_report(
            self.runs, out / "report.html", complain=functools.partial(click.echo, err=True)
        )
        click.echo(f"\n{summary_table(self.runs)}\n\nreport: {report}")
        if interrupted:
            click.echo(
                f"interrupted; {len(self.runs)} finished runs are kept and reported. {go_on}", err=True
            )
            return 130
        failed = any(o.status == "failed" for run in self.runs for o in run.outcomes.values())
        return 1 if failed else 0

    def _subjects(self, out: Path) -> Iterator[tuple[Subject, Path]]:
        """Every subject in turn, trained and saved, with its folder; of each seed the dense one first."""
        request = self.request
        if not self.saved and (not request.networks or request.methods):
            for seed in request.seeds:
                yield from self._of_seed(seed, out)
                self.dense_subjects.clear()  # the next seed has another one
            return
        finished = self.saved or [Subject.of(self.first, name=request.model_name)]
        for subject in sorted(finished, key=lambda subject: subject.method != "dense"):
            yield subject, self._folder_of(subject, out)

    def _of_seed(self, seed: int, out: Path) -> Iterator[tuple[Subject, Path]]:
        """The subjects of one seed; one that cannot be made is recorded, and the others go on."""
        model = self._make(seed)
        for bound in self.bound:
            sparsities = [0.0] if bound.dense else self.request.sparsities
            for sparsity, made in zip(
                sparsities, self._sparsify(model, bound, sparsities, seed), strict=True
            ):
                folder = self._folder(bound.variant.folder, sparsity, seed, out)
                try:
                    if isinstance(made, Exception):
                        raise made
                    made.name = self.request.model_name
                    trained = self._trained(made, seed, folder)
                except Exception as error:  # a plugin may raise anything; the others go on
                    dense = self._dense(seed)
                    if bound.dense or dense is None:
                        raise
                    self._keep(failed_run(dense, bound.method, sparsity, error), free_place(folder))
                else:
                    yield trained

    def _sparsify(
        self, model: nn.Module, bound: Bound, sparsities: list[float], seed: int
    ) -> list[Subject] | list[Subject | Exception]:
        """A subject or an error for each sparsity: from one scoring where one serves all, else one by one."""

        def made(targets: list[float]) -> list[Subject]:
            method = bound.variant.name
            return sparsify(model, method, targets, self.data, seed=seed, device=self.device, **bound.params)

        if bound.method.scores_once and len(sparsities) > 1:
            try:
                return made(sparsities)
            except Exception:
                pass  # which of them it was is found out below
        results: list[Subject | Exception] = []
        for sparsity in sparsities:
            try:
                results += made([sparsity])
            except Exception as error:
                results.append(error)
        return results

    def _trained(self, made: Subject, seed: int, folder: Path) -> tuple[Subject, Path]:
        """The subject trained and saved, unless an earlier run has done so, and the folder it is in."""
        how: dict[str, Any] = {"epochs": self.request.epochs, "recipe": self.recipe or "own", "seed": seed}
        start, begun = started_from(made, self.data, **how), time.perf_counter()
        place, found = place_of(folder, made, start)
        if place != folder:
            click.echo(
                f"{made.label}, seed {seed}: {folder} holds another training (of other data, "
                f"settings, weights or code); this one is {place.name}"
            )
        if found is not None:
            click.echo(f"{made.label}, seed {seed}: trained before")
            return found, place
        file = checkpoint_file(place, start)
        gone_on = ", going on from a checkpoint," if file.is_file() else ""
        history = train(made, self.data, **how, device=self.device, checkpoint=file, progress=True)
        done = f"trained {len(history.epochs)} epochs{gone_on} in {time.perf_counter() - begun:.1f} s"
        click.echo(f"{made.label}, seed {seed}: {done}")
        made.save(place / MODEL_FILE)
        return made, place

    def _score(self, subject: Subject, folder: Path) -> None:
        start = time.perf_counter()
        if dense := subject.method == "dense":
            self.dense_subjects.setdefault(subject.seed, subject)
        known = (self.evaluators, self.examples, self.environment)
        cached = self.request.cache is not None  # else all is to be measured again
        if cached and (found := scored_before(folder, subject, *known)) is not None:
            click.echo(f"{subject.label}: scored before")
            self.runs.append(found)
            return
        run = evaluate(
            subject,
            self.data,
            self.evaluators,
            dense=None if dense else self._dense(subject.seed),
            dense_model=None if dense else self.dense_subjects.get(subject.seed),
            cache=self.request.cache,
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
        if run.subject.not_made is not None:
            short = not_made_line(run)  # in full in the record and the report
            click.echo(f"{run.subject.label}, seed {run.subject.seed}: {short}", err=True)
        else:
            for line in together(o for o in run.outcomes.values() if o.status == "failed"):
                click.echo(f"  {line}", err=True)
        run.save(folder)
        self.runs.append(run)

    def _say_what_was_cached(self) -> None:
        """One line about the attacks that were not run again."""
        outcomes = [outcome for run in self.runs for outcome in run.outcomes.values() if outcome.cached]
        if outcomes:
            names = ", ".join(dict.fromkeys(outcome.evaluator for outcome in outcomes))
            click.echo(f"{names}: from the cache ({self.request.cache}); --no-cache measures again")

    def _dense(self, seed: int | None) -> Run | None:
        """The run of the dense reference of this seed."""
        same = (r for r in self.runs if r.subject.method == "dense" and r.subject.seed == seed)
        return next(same, None)

    def _folder_of(self, subject: Subject, out: Path) -> Path:
        """The folder of a subject that was not made here: its label where no method is known to have made it."""
        if subject.method is None:
            return self._unique(safe(subject.label) or "subject", out)
        stem = folder_stem(subject.method, {changed.name: changed.value for changed in subject.changed})
        return self._folder(stem, subject.target_sparsity or 0.0, subject.seed, out)

    def _folder(self, stem: str, sparsity: float, seed: int | None, out: Path) -> Path:
        return self._unique(f"{stem}-{sparsity:.10g}-{seed}", out)

    def _unique(self, name: str, out: Path) -> Path:
        """A folder of its own for each subject: a name that is taken gets a number."""
        unique = next(
            n for i in range(1, 10**6) if (n := name if i == 1 else f"{name}-{i}") not in self.folders
        )
        self.folders.add(unique)
        return out / unique

    def _make(self, seed: int) -> nn.Module:
        return fresh_network(self.request, self.data, self.recipe, seed)

    def _load(self, path: str) -> Subject:
        """A saved model; into a fresh network of the user's own where one is named."""
        return load_subject(path, model=self._make(self.request.seeds[0]) if self.request.networks else None)
