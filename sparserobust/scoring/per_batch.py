"""Measurements that are arrays over the examples: measured batch by batch, kept in the cache, joined at the end."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import Counter

import numpy as np

from sparserobust.scoring.attackable import require_attackable
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Entry
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.scoring.evaluator_base import EvaluatorBase

Arrays = dict[str, np.ndarray]
"""Arrays whose last dimension runs over the examples of a batch."""


class PerBatch(Measurement):
    """A measurement whose every batch stands for itself.

    The author writes `measure`; a batch that was measured before, on the same model, with the same settings
    and by the same code, is taken from the cache where the run has one.

    Attributes:
        passes: the evaluator's own example-passes, by kind.
    """

    def __init__(self, evaluator: EvaluatorBase, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.passes: Counter[str] = context.passes
        self._parts: list[Arrays] = []

    @abstractmethod
    def measure(self, batch: Batch) -> Arrays:
        """What is found out about the examples of one batch."""

    def require_attackable(self, batch: Batch) -> None:
        """Raises ModelError at the first batch of a model that no attack can say anything true about."""
        if not self.context.attackable:
            require_attackable(batch, self.passes)
            self.context.attackable = True

    def update(self, batch: Batch) -> None:
        """Measures a batch, or takes it from the cache."""
        cache = self.context.cache
        if cache is None or not self.evaluator.is_plain:  # a setting that no text tells all of
            self._parts.append(self.measure(batch))
            return
        known = self.context
        key = cache.key(
            self.evaluator,
            batch,
            fingerprint=known.fingerprint,
            dense_fingerprint=known.dense_fingerprint,
            seed=known.seed,
            number=len(self._parts),
        )
        entry = cache.get(key)
        if entry is None:
            before, start = Counter(self.passes), time.perf_counter()
            arrays = self.measure(batch)
            spent = {kind: count - before[kind] for kind, count in self.passes.items()}
            cache.put(key, Entry(arrays, spent, batch.asked, time.perf_counter() - start))
        else:
            arrays = entry.arrays
            self.passes.update(entry.passes)
            for kind in entry.asked:
                batch.count(kind)
            self.context.attackable = True  # or there would be no such entry
            self.context.cached_seconds += entry.seconds
            self.context.cached_examples += len(batch)
        self._parts.append(arrays)

    def joined(self) -> Arrays:
        """The arrays over all examples."""
        return {
            name: np.concatenate([part[name] for part in self._parts], axis=-1) for name in self._parts[0]
        }
