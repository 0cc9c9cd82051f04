"""What a notebook shows of runs and findings: every record and every finding is one short line."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sparserobust import analysis
from sparserobust.analysis import analyse
from sparserobust.analysis.audits import all_audited
from sparserobust.analysis.mistakes import conditions
from sparserobust.analysis.readings import clean
from sparserobust.one_line import LONGEST
from sparserobust.records import Record, Run, load_run

from ..test_records.factory import KEPT, make_run
from ..test_report.factorial import factorial
from ..test_report.factory import attacked, failed, run, storage, warned


def record_classes(base: type[Record] = Record) -> Iterator[type[Record]]:
    for kind in base.__subclasses__():
        yield kind
        yield from record_classes(kind)


def finding_classes() -> Iterator[type]:
    for found in pkgutil.iter_modules(analysis.__path__, f"{analysis.__name__}."):
        module = importlib.import_module(found.name)
        yield from (
            kind
            for kind in vars(module).values()
            if dataclasses.is_dataclass(kind) and kind.__module__ == found.name
        )


def reached(value: Any) -> Iterator[Any]:
    """The records and findings in a value, itself among them."""
    if isinstance(value, Record):
        yield value
        parts: Any = [getattr(value, name) for name in type(value).model_fields]
    elif dataclasses.is_dataclass(value):
        yield value
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        parts = (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
        )
    for part in parts:
        yield from reached(part)


@pytest.fixture(scope="module")
def everything() -> list[Any]:
    """Records and findings of a factorial, of kept records with an audit and transfer, and of one broken run."""
    accuracy, fgsm = attacked(180, 80)
    broken = run(
        "grasp", 0.9, accuracy, warned(fgsm, make_run().subject.warnings[0]), failed("pgd", "it broke")
    )
    few = [run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0)), broken]
    few.append(run("snip", 0.9, *attacked(180, 80, zero=0.5)))
    kept = [
        make_run(),
        *(load_run(file, accept_edited=True) for file in sorted((KEPT / "v2").glob("*.json"))),
    ]
    found = []
    for runs in (factorial(), few, kept):
        findings = analyse(runs)
        found += [findings, findings.verdict, conditions(findings.lineup), all_audited(runs)]
        found += [findings.lineup.titles, [clean(own) for own in runs]]
    return list(reached(found))


def test_every_record_and_every_finding_is_one_short_line(everything):
    seen = {type(one) for one in everything}
    assert not [
        kind for kind in record_classes() if kind.__module__.startswith("sparserobust.") and kind not in seen
    ]
    assert not [kind for kind in finding_classes() if kind not in seen]
    for one in {id(one): one for one in everything}.values():
        for text in (repr(one), *([str(one)] if type(one).__name__ != "Remark" else [])):
            assert len(text) <= LONGEST, text
            assert text.isascii(), text
            assert len(text.splitlines()) == 1, text


def test_findings_of_different_content_look_different(everything):
    """A repr that said only the class would be short as well."""
    for kind in (Run, analysis.Group, analysis.Compared, analysis.Findings):
        own = {id(one): one for one in everything if type(one) is kind}
        assert len({repr(one) for one in own.values()}) > len(own) / 2


def test_a_run_says_what_it_is_of_and_how_it_did():
    one = run("snip", 0.95, *attacked(180, 80), seed=3)
    assert repr(one) == ("Run('snip 0.95', seed=3, digits test n=200, accuracy=0.9, fgsm=0.4 at 0.1)")


def test_a_run_says_first_what_failed():
    one = run("snip", 0.95, *attacked(180, 80), failed("pgd", "it broke"))
    assert (
        repr(one) == "Run('snip 0.95', seed=0, digits test n=200, pgd failed, accuracy=0.9, fgsm=0.4 at 0.1)"
    )


def test_findings_say_how_many_rows_what_robust_means_and_how_far_to_trust_them():
    found = analyse([run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(180, 80))])
    assert repr(found) == "Findings(rows=2, runs=2, Robustness(fgsm linf eps=0.1), trust=no-red-flag:2)"
    assert repr(found.lineup) == "Lineup(rows=2, 'dense', 'snip 0.9')"
    assert repr(found.lineup.groups[1]) == "Group('snip 0.9', sparsity=0.9, seeds=0)"
    assert repr(found.primary) == "Compared(Robustness(fgsm linf eps=0.1), values=0.5 0.4)"
