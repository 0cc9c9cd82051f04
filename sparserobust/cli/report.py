"""`sparserobust report`: the report again, from runs that were saved."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import click

from sparserobust.errors import ConfigError
from sparserobust.records import Run, load_runs


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", default="report.html", show_default=True, type=click.Path(path_type=Path), help="HTML file"
)
@click.option("--title", help="of the page")
@click.option(
    "--accept-edited",
    is_flag=True,
    help="take records whose content was changed after writing; the report says so",
)
def report(paths: tuple[Path, ...], out: Path, title: str | None, accept_edited: bool) -> int:
    """Write one comparison report from run.json files, or from folders that hold some at any depth."""
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder; name the HTML file, for instance {out / 'report.html'}")
    runs = load_runs(*paths, accept_edited=accept_edited)
    print_report(runs, out, title=title)
    return exit_status(runs)


def exit_status(runs: Sequence[Run]) -> int:
    """1 where something failed, else 0."""
    return 1 if any(own.status == "failed" for run in runs for own in run.outcomes.values()) else 0


def print_report(runs: Sequence[Run], out: Path, *, title: str | None = None) -> None:
    """Writes the page and prints the table."""
    from sparserobust.report import summary_table, write_report

    written = write_report(runs, out, title=title, complain=functools.partial(click.echo, err=True))
    click.echo(f"{summary_table(runs)}\n\nreport: {written}")
