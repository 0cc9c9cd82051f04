"""`sparserobust`: finds the command, loads it when it is used, prints errors as one line."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import sparserobust
from sparserobust.errors import SparseRobustError, did_you_mean

COMMANDS = {
    "evaluate": (
        "sparserobust.cli.evaluate:evaluate",
        "Make, train and score models; write a comparison report.",
    ),
    "report": ("sparserobust.cli.report:report", "Write the report again from run.json files."),
    "list": (
        "sparserobust.cli.list:list_",
        "What there is: methods, evaluators, models, data, sections, recipes, presets.",
    ),
    "describe": ("sparserobust.cli.describe:describe", "What one of them is, and what it takes."),
    "new-recipe": (
        "sparserobust.cli.new_recipe:new_recipe",
        "A training recipe of your own, as a file to change.",
    ),
}


class LazyCommands(click.Group):
    """Imports a command when it runs, so that --help loads nothing heavy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            hint = did_you_mean(cmd_name, COMMANDS) or ";"
            raise click.UsageError(f"unknown command {cmd_name!r}{hint} expected {', '.join(COMMANDS)}")
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(sparserobust.__version__, prog_name="sparserobust")
def cli() -> None:
    """Is a sparse network still accurate, still robust, what did it save, and are the numbers reliable?

    Start with `sparserobust evaluate`: it trains a dense network and sparse, frozen and DCT-offset ones on
    real handwritten digits, scores them all and writes a report.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs a command line and exits: 0 all scored, 1 something failed, 2 wrong use, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    typed = shlex.join(["sparserobust", *arguments])
    try:
        with working_directory_last():
            code = cli.main(arguments, prog_name="sparserobust", standalone_mode=False, obj=typed)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.NoSuchOption as error:
        code = _complain(_no_option(error))
    except click.ClickException as error:
        code = _complain(f"sparserobust: {' '.join(error.format_message().split())}")
    except SparseRobustError as error:
        code = _complain(f"{type(error).__name__}: {error}")
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def working_directory_last() -> Iterator[None]:
    """Lets the working directory be imported from, but behind everything that is installed.

    `python -m` puts it in front, where a folder of the user's that is called `evaluators` would hide ours.
    """
    before, here = list(sys.path), str(Path.cwd())
    if not sys.flags.safe_path and before and before[0] in ("", here):
        del sys.path[0]
    if here not in sys.path:
        sys.path.append(here)
    try:
        yield
    finally:
        sys.path[:] = before


def _no_option(error: click.NoSuchOption) -> str:
    """What an experiment says of a key that it does not have; of other commands what click says."""
    if error.ctx is not None and error.ctx.command.name == "evaluate":
        from sparserobust.experiment.spec import require_key

        try:
            require_key(error.option_name.lstrip("-").replace("-", "_"))
        except SparseRobustError as wrong:
            return f"{type(wrong).__name__}: {wrong}"
    return f"sparserobust: {' '.join(error.format_message().split())}"


def _complain(line: str) -> int:
    click.echo(line, err=True)
    return 2
