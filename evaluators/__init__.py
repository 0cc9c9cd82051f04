"""One file per evaluator; `from evaluators import FGSM` imports that one alone.

The names are those of the entry points; `__init__.pyi` has them once more, for editors and type checkers.
"""

from __future__ import annotations

from importlib.metadata import distribution

import lazy_loader

_classes: dict[str, list[str]] = {}
for _entry in distribution("sparserobust").entry_points.select(group="sparserobust.evaluators"):
    _package, _, _file = _entry.module.partition(".")
    if _package == __name__:
        _classes.setdefault(_file, []).append(_entry.attr)

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_classes)
