"""How to repeat it: commands, versions, seeds, hashes, machine, and the recipe of every subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import is_made
from sparserobust.records import SCHEMA_VERSION, Run
from sparserobust.report.sections.section import Section
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import count, listed, plural, setting_text
from sparserobust.report.text.threat import data_name, resized

HEX = 16  # digits of a sha256 that are shown


@dataclass(frozen=True)
class Repeat:
    """The section.

    Attributes:
        experiments: texts of experiment.toml, each once; commands: as recorded where there is none;
        facts: (name, value); recipes: (name, who, settings);
        deviations: subjects that were trained unlike their dense reference; integrity: what speaks against taking the
            records for what was measured.
    """

    experiments: tuple[str, ...]
    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    recipes: tuple[tuple[str, str, str], ...]
    deviations: tuple[str, ...]
    integrity: tuple[str, ...]


class RepeatSection(Section):
    """How to repeat it, from the records alone."""

    id: ClassVar[str] = "repeat"
    title: ClassVar[str] = "Repeat"
    place: ClassVar[float] = 130

    def build(self, findings: Findings) -> Repeat:
        """The section, from the records alone."""
        runs = findings.lineup.runs
        experiments = dict.fromkeys(run.experiment for run in runs if run.experiment is not None)
        commands = dict.fromkeys(
            run.environment.command for run in runs if run.experiment is None and run.environment.command
        )
        return Repeat(
            tuple(experiments),
            tuple(commands),
            _facts(runs),
            _recipes(findings.lineup),
            _deviations(findings.lineup),
            _edited(findings.lineup),
        )


def _facts(runs: list[Run]) -> tuple[tuple[str, str], ...]:
    seeds = sorted({run.subject.seed for run in runs if run.subject.seed is not None})
    samples = sorted({n for run in runs if (n := run.subject.score_samples) is not None})
    scored = f"scored on {listed([count(n) for n in samples])} training images"
    facts = [
        (
            "code",
            _every(
                runs, lambda r: f"sparserobust {r.environment.sparserobust}, Python {r.environment.python}"
            ),
        ),
        ("versions", _every(runs, _versions)),
        ("machine", _every(runs, _machine)),
        (
            "seeds",
            f"{', '.join(map(str, seeds)) or 'not recorded'} (subjects), {_every(runs, _seed)} (evaluation)",
        ),
        ("data", _every(runs, _images)),
        ("subset", _every(runs, _subset)),
        ("masks", scored if samples else "no training images needed"),
        ("batches", _every(runs, lambda r: f"{plural(r.environment.batch_size, 'image')} each")),
        ("records", f"{count(len(runs))} × run.json, schema {SCHEMA_VERSION}{_unverified(runs)}"),
        ("time", f"{_duration(sum(run.environment.seconds for run in runs))} of evaluation"),
    ]
    return tuple((name, value) for name, value in facts if value)


def _unverified(runs: list[Run]) -> str:
    """How many records carry no sha256 of their content, "" where all do."""
    number = sum(run.integrity == "unverified" for run in runs)
    if not number:
        return ""
    many = "all" if number == len(runs) else f"{count(number)}"
    return f"; {many} from an earlier schema and so unverified, as it kept no sha256 of a record’s content"


def _edited(lineup: Lineup) -> tuple[str, ...]:
    """Which records were edited after writing."""
    found = [row_title(g) for g in lineup.groups for run in g.runs if run.integrity == "edited"]
    if not found:
        return ()
    who = listed(list(dict.fromkeys(found)))
    return (f"{plural(len(found), 'record')} edited after writing, which may hold anything: {who}",)


def _every(runs: list[Run], value: Callable[[Run], str]) -> str:
    """What the runs say, each different answer once."""
    return "; ".join(dict.fromkeys(text for run in runs if (text := value(run))))


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(run.environment.packages.items()))


def _machine(run: Run) -> str:
    where = run.environment
    return f"{where.device} ({where.device_name}), {plural(where.threads, 'thread')}"


def _seed(run: Run) -> str:
    return str(run.seed)


def _images(run: Run) -> str:
    data = run.data
    images = f"{plural(data.n, 'image')}{resized(data)}"
    return f"{data_name(data)} {data.split}, {images}, sha256 {data.sha256[:HEX]}"


def _subset(run: Run) -> str:
    if run.data.subset is None:
        return "the whole split"
    return f"{count(run.data.n)}, stratified, sha256 {run.data.subset[:HEX]}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _settings(run: Run) -> dict[str, str]:
    if run.history is None:
        return {}
    skipped = {"name", "source", "score_samples"}
    return {key: setting_text(value) for key, value in run.history.settings.items() if key not in skipped}


def _recipes(lineup: Lineup) -> tuple[tuple[str, str, str], ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for group in (group for group in lineup.groups if group.made):
        run = group.first
        name = run.history.recipe if run.history is not None else "not trained here"
        settings = ", ".join(f"{key} {value}" for key, value in _settings(run).items())
        found.setdefault((name, settings), []).append(row_title(group))
    everyone = len(found) == 1
    return tuple(
        (name, "every subject" if everyone else ", ".join(who), s) for (name, s), who in found.items()
    )


def _deviations(lineup: Lineup) -> tuple[str, ...]:
    found: dict[str, list[str]] = {}
    for group in (group for group in lineup.sparse if group.made):
        text = _deviation(group)
        if text:
            found.setdefault(text, []).append(row_title(group))
    return tuple(f"{listed(who)}: {text}" for text, who in found.items())


def _deviation(group: Group) -> str:
    """How this group was trained unlike dense, "" where alike or unknown."""
    for run, dense in zip(group.runs, group.references, strict=True):
        if not is_made(run):
            continue
        if dense is None or (run.history is None) != (dense.history is None):
            if dense is not None:
                return "trained elsewhere than dense, under settings that are not recorded"
            continue
        own, other = _settings(run), _settings(dense)
        unlike = [key for key in {**own, **other} if own.get(key) != other.get(key)]
        if unlike:
            parts = [f"{key} {own.get(key, 'unset')} (dense {other.get(key, 'unset')})" for key in unlike]
            return f"trained under another recipe than dense: {', '.join(parts)}"
    return ""
