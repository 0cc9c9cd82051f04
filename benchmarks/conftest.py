"""The benchmarks' table: every result beside its floor, as a ratio."""

import platform
from collections.abc import Iterator

import pytest
import torch

ROWS: list[tuple[str, float, float, float, str]] = []


@pytest.fixture(scope="session")
def rows() -> list[tuple[str, float, float, float, str]]:
    """(what, median seconds, median seconds of its floor, median ratio, target) of each benchmark."""
    return ROWS


@pytest.fixture(autouse=True, scope="session")
def two_threads() -> Iterator[None]:
    """Two torch threads, as on the machine that the targets are for."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table."""
    if ROWS:
        machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
        terminalreporter.write_line(f"\nratios to the floor, medians of paired rounds ({machine})")
        for what, seconds, floor, ratio, target in ROWS:
            line = f"  {what:<28} {ratio:6.2f} x floor   target {target:<8} {seconds:8.3f} s, floor {floor:.3f} s"
            terminalreporter.write_line(line)
