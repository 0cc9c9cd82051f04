"""`sparserobust report`: the report again, from runs that were saved."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from sparserobust.errors import ConfigError, RecordError
from sparserobust.records import load_run


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
    from sparserobust.report import summary_table, write_report

    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder; name the HTML file, for instance {out / 'report.html'}")
    runs = sorted(
        (load_run(file, accept_edited=accept_edited) for path in paths for file in run_files(path)),
        key=lambda run: run.environment.created,  # the order they were made in, as `evaluate` reports them
    )
    written = write_report(runs, out, title=title, complain=functools.partial(click.echo, err=True))
    click.echo(f"{summary_table(runs)}\n\nreport: {written}")
    failed = any(o.status == "failed" for run in runs for o in run.outcomes.values())
    return 1 if failed else 0


def run_files(path: Path) -> list[Path]:
    """The file itself, or every run.json below the folder, sorted.

    Raises:
        RecordError: nothing is there.
    """
    if not path.is_dir():
        return [path]
    files = sorted(path.rglob("run.json"))
    if not files:
        raise RecordError(f"{path} holds no run.json; name a folder that `sparserobust evaluate` wrote")
    return files
