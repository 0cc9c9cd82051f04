"""One evaluator in a run: what it does wrong, how long it takes and what it changes stay its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from sparserobust.errors import PluginError
from sparserobust.records import Outcome, raised
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Measurement, Skip
from sparserobust.scoring.evaluator_base import EvaluatorBase
from sparserobust.seeds import seed_everything
from sparserobust.weights.isolation import random_states_kept


class EvaluatorRun:
    """One evaluator in a run, with its failure, time and side effects kept apart from everybody else's."""

    def __init__(self, evaluator: EvaluatorBase, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.measurement: Measurement | None = None
        self.result: Outcome | None = None
        self.seconds = 0.0
        self.calls = 0
        self.examples = 0

    def begin(self) -> None:
        """Starts the measurement."""
        self._call(self._begin)

    def update(self, batch: Batch) -> None:
        """Hands it a copy of one batch."""
        measurement = self.measurement
        self.examples += len(batch)
        if measurement is not None:
            self._call(lambda: measurement.update(batch.copy(batch.passes)))

    def finish(self) -> None:
        """Asks for the result over all batches."""
        self._call(self._finish)

    def _begin(self) -> None:
        measurement = self.evaluator.begin(self.context)
        if not isinstance(measurement, Measurement):
            raise PluginError(
                f"begin() of {self.evaluator.label!r} must return a Measurement, got {type(measurement).__name__}"
            )
        self.measurement = measurement

    def _finish(self) -> None:
        assert self.measurement is not None
        result = self.measurement.finish()
        if not isinstance(result, Outcome) or result.evaluator != self.evaluator.label:
            raise PluginError(
                f"finish() of {self.evaluator.label!r} must return its Outcome, got "
                + (f"that of {result.evaluator!r}" if isinstance(result, Outcome) else type(result).__name__)
            )
        _check(result, self.evaluator, self.examples)
        self.result = result

    def _call(self, action: Callable[[], None]) -> None:
        if self.result is not None:
            return
        start = time.perf_counter()
        self.calls += 1
        try:
            with random_states_kept(), torch.enable_grad():
                seed_everything(self.context.seed, f"{self.evaluator.label}, turn {self.calls}")
                try:
                    action()
                except Skip as skip:
                    self.result = Outcome(
                        evaluator=self.evaluator.label, status="skipped", reason=skip.reason, **skip.parts
                    )
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the others go on
            self.result = self._failed(error)
        finally:
            self.seconds += time.perf_counter() - start
            self.context.guard.restore()
        if self.result is not None:
            self.measurement = None

    def _failed(self, error: BaseException) -> Outcome:
        return Outcome(evaluator=self.evaluator.label, status="failed", reason=raised(error, where=True))

    def outcome(self) -> Outcome:
        """The result with what the library knows of the evaluator and of its run, whatever the plugin wrote there."""
        assert self.result is not None
        result, evaluator, context = self.result, self.evaluator, self.context
        try:
            stated = {**evaluator.stated(), "settings": evaluator.resolved(), "source": evaluator.source}
            Outcome(evaluator=evaluator.label, status="ok", **stated)  # raises for what no record can hold
        except Exception as error:  # an attack without a norm, say
            result, stated = self._failed(error), {"title": evaluator.titled(evaluator.label)}
        return result.model_copy(
            update={
                **stated,
                "passes": dict(context.passes),
                "seconds": round(self.seconds + context.cached_seconds, 4),
                "cached": context.cached_examples,
            }
        )


def _check(result: Outcome, evaluator: EvaluatorBase, examples: int) -> None:
    """Raises PluginError where an outcome is not what its evaluator declares, or not of all examples.

    Args:
        examples: that the evaluator was given.
    """
    declared = {spec.name: spec for spec in evaluator.score_specs}
    for score in result.scores:
        if score.name not in declared or score.unit != declared[score.name].unit:
            raise PluginError(
                f"{evaluator.label!r} gives score {score.name!r} in {score.unit!r}, which it does not declare; "
                f"it declares {', '.join(f'{spec.name} in {spec.unit!r}' for spec in declared.values())}"
            )
    for name, array in result.per_example.items():
        if evaluator.sees_data and array.shape[-1:] != (examples,):
            raise PluginError(
                f"{evaluator.label!r} gives {name} of shape {array.shape}; expected {examples} examples in its last "
                "dimension"
            )
