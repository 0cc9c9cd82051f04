"""Sections of third parties for a test; one of ours that fails is an error, where a reader's page has a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sparserobust.report.sections import installed, shown

from .strangers import Install, installs


@pytest.fixture(autouse=True, scope="package")
def ours_must_not_fail() -> Iterator[None]:
    said = installed.not_shown

    def strict(name: str, distribution: str, error: Exception) -> installed.NotShown:
        if distribution == installed.OURS:
            raise error
        return said(name, distribution, error)

    with pytest.MonkeyPatch.context() as patch:
        for module in (installed, shown):
            patch.setattr(module, "not_shown", strict)
        yield


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs distributions with sections for one test."""
    yield from installs(tmp_path, monkeypatch)
