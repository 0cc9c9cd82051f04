"""One evaluator's turns in a run: what it does wrong, how long it takes and what it changes stay its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from sparserobust.errors import PluginError
from sparserobust.records import Outcome, raised
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, EvaluatorBase, Measurement, Skip
from sparserobust.seeds import seed_everything
from sparserobust.weights.isolation import random_states_kept


class Turn:
    """One evaluator's turns, with its failure, time and side effects kept apart from everybody else's."""

    def __init__(self, evaluator: EvaluatorBase, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.measurement: Measurement | None = None
        self.result: Outcome | None = None
        self.seconds = 0.0
        self.turns = 0

    def begin(self) -> None:
        self._take(self._begin)

    def update(self, batch: Batch) -> None:
        measurement = self.measurement
        if measurement is not None:
            self._take(lambda: measurement.update(batch.copy(batch.passes)))

    def finish(self) -> None:
        self._take(self._finish)

    def _begin(self) -> None:
        self.measurement = self.evaluator.begin(self.context)

    def _finish(self) -> None:
        assert self.measurement is not None
        result = self.measurement.finish()
        if not isinstance(result, Outcome) or result.evaluator != self.evaluator.name:
            raise PluginError(
                f"finish() of {self.evaluator.name!r} must return its Outcome, got "
                + (f"that of {result.evaluator!r}" if isinstance(result, Outcome) else type(result).__name__)
            )
        self.result = result

    def _take(self, action: Callable[[], None]) -> None:
        if self.result is not None:
            return
        start = time.perf_counter()
        self.turns += 1
        try:
            with random_states_kept(), torch.enable_grad():
                seed_everything(self.context.seed, f"{self.evaluator.name}, turn {self.turns}")
                try:
                    action()
                except Skip as skip:
                    self.result = Outcome(
                        evaluator=self.evaluator.name, status="skipped", reason=skip.reason, **skip.parts
                    )
        except Exception as error:  # a plugin may raise anything; the others go on
            self.result = self._failed(error)
        finally:
            self.seconds += time.perf_counter() - start
            self.context.guard.restore()
        if self.result is not None:
            self.measurement = None

    def _failed(self, error: Exception) -> Outcome:
        return Outcome(evaluator=self.evaluator.name, status="failed", reason=raised(error))

    def outcome(self) -> Outcome:
        """The result with what the library knows of the evaluator and of its turns, whatever the plugin wrote there."""
        assert self.result is not None
        try:
            result, stated = self.result, self.evaluator.stated()
        except Exception as error:  # an attack without a norm, say
            result, stated = self._failed(error), {"title": self.evaluator.name.replace("-", " ")}
        return result.model_copy(
            update={
                **stated,
                "settings": _plain(self.evaluator.settings()),
                "source": getattr(self.evaluator, "source", ""),
                "passes": dict(self.context.passes),
                "seconds": round(self.seconds + self.context.cached_seconds, 4),
                "cached": self.context.cached_examples,
            }
        )


def _plain(value: Any) -> Any:
    """Settings as JSON values: tuples become lists, anything unknown its repr."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
