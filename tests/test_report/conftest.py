"""A section of ours that fails is an error in the tests, where a reader's page would have a line about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparserobust.report.sections import installed, shown


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
