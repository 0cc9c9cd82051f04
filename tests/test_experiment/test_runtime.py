"""What an experiment does to the memory of its process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, torch
from sparserobust.experiment.runtime import M_MMAP_THRESHOLD, keep_freed_memory

ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**17)  # as glibc begins; it moves with what is freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [torch.ones(2 * 2**20) for _ in range(8)]  # the activations of a step, 8 MiB each
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{first}
faults()
print(faults())
"""


def faults(first: str) -> int:
    """How often the kernel gives a page in twenty steps of 16,384 pages each."""
    done = subprocess.run([sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_kept_for_the_next_step():
    assert faults("") > 20 * 4096
    assert faults("keep_freed_memory()") < 4096


def test_where_there_is_no_mallopt_nothing_is_done(monkeypatch):
    from sparserobust.experiment import runtime

    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: object())
    runtime.keep_freed_memory()
