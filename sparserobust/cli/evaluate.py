"""`sparserobust evaluate`: an experiment from the command line, carried out and reported."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparserobust.errors import ConfigError
from sparserobust.experiment.grammar import parsed
from sparserobust.experiment.spec import DEMONSTRATION, Experiment

if TYPE_CHECKING:
    from sparserobust.experiment import Event
    from sparserobust.records import Run

NUMBERS = ("image_size", "epochs", "lr", "limit", "batch_size", "threads")
"""Keys that hold one number."""


@click.command()
@click.argument("targets", nargs=-1)
@click.option(
    "--experiment",
    "file",
    type=click.Path(path_type=Path),
    help="TOML file with all of these, or a folder that holds one; options go before it",
)
@click.option("--data", help="data set, see `list data`; or your own, package.module:callable  [digits]")
@click.option("--data-root", help="folder of named data sets  [data]")
@click.option("--image-size", help="resize images in files to this side and cut the middle square out")
@click.option(
    "--model", help="architecture, see `list models`, or package.module:callable of your own  [conv2]"
)
@click.option(
    "--weights", help="checkpoint with the weights of the model, its keys those of the network itself"
)
@click.option("--weights-key", help="which weights of that file, where it holds several, e.g. ema")
@click.option(
    "--normalize",
    help="constants that a named architecture normalises images by: data, imagenet, half, none, model or "
    "MEAN/STD such as 0.49,0.48,0.45/0.25,0.24,0.26  [data; model for torchvision: and timm: with weights]",
)
@click.option(
    "--output", help="where your own network's logits lie: a key, attribute or place, e.g. logits or 0"
)
@click.option("--initialisation", help="of the initial weights, e.g. orthogonal  [the recipe's]")
@click.option(
    "--methods",
    metavar="NAME[PARAM=VALUE,...],...",
    help=f"comma-separated, parameters of one in brackets; see `list methods`  [{','.join(DEMONSTRATION)}]",
)
@click.option("--sparsity", "--sparsities", "sparsities", help="comma-separated fractions in [0, 1)  [0.95]")
@click.option(
    "--exclude",
    multiple=True,
    metavar="NAME,...",
    help="weights that stay dense: comma-separated parameters, modules or patterns such as blocks.0.*",
)
@click.option("--seeds", help="comma-separated; one model for each  [0]")
@click.option("--recipe", help="training recipe for all models, or `own`: each method's  [the data set's]")
@click.option("--epochs", help="instead of the recipe's")
@click.option("--lr", help="learning rate instead of the recipe's")
@click.option(
    "--evaluators",
    metavar="NAME[SETTING=VALUE,...],...",
    help="comma-separated, settings of one in brackets; see `list evaluators`  [the core eight, and plugins]",
)
@click.option(
    "--preset",
    help="accuracy and the evaluators of a preset, beside those named; see `list presets`",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME.SETTING=VALUE",
    help="of an evaluator, of a method in all its variants, or of the recipe",
)
@click.option("--limit", help="score a seeded stratified subset of so many test examples")
@click.option("--device", help="auto, cpu or cuda[:N]  [auto]")
@click.option("--batch-size", help="examples per batch while scoring  [256]")
@click.option("--threads", help="of torch  [1 for small networks on a CPU]")
@click.option("--cache", help="folder of attacks that were run before  [~/.cache/sparserobust]")
@click.option("--no-cache", is_flag=True, help="measure everything again, and keep no attack")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="folder for runs and report; what an earlier run left there goes on  [a new one under runs/]",
)
@click.option(
    "--dry-run", is_flag=True, help="print what would be done and what is there already; do nothing"
)
def evaluate(
    targets: tuple[str, ...],
    file: Path | None,
    cache: str | None,
    no_cache: bool,
    out: Path | None,
    dry_run: bool,
    **options: Any,
) -> int:
    """Make and train models, score them and write a comparison report.

    Without TARGETS, `--model` is trained dense and by every method. A TARGET is a saved model
    (`runs/x/snip-0.95-0/model.sparse`, or its folder), which is scored as it is, or a network: your own
    (`package.module:callable`) or another library's (`torchvision:resnet18`, `timm:NAME`), which is scored with its
    `--weights`, or trained when `--methods` are named.
    To score a saved model of your own network, name the network and then the file.

    One method can stand in several variants: `--methods "random[allocation=epl],random[allocation=epl,offset=dct]"`.
    So can an evaluator whose settings give it another name: `--evaluators "accuracy,pgd,pgd[norm=l2,steps=20]"`,
    for short `pgd-l2[steps=20]`. Values are numbers, fractions (`eps=8/255`), lists (`eps=[4/255,8/255]`) or words.

    The folder keeps the experiment as experiment.toml, which `--experiment` takes. The same experiment on the same
    `--out` goes on where it was interrupted, in the middle of a training too: a model that was made from the same
    (weights, method, recipe, seed, code) is not trained again, and what its record holds is not measured again. So
    more methods, seeds or evaluators can be added to a folder, and the report covers all of it.

    Exit status: 0 all scored (a method that cannot choose its weights is a result), 1 something failed (the report
    says what), 2 wrong use, 130 interrupted (what was finished is kept and reported).
    """
    given = {key: value for key, value in options.items() if value not in (None, ())}
    given |= {key: parsed(given[key]) for key in NUMBERS if key in given}
    given |= {key: ",".join(given[key]) for key in ("exclude",) if key in given}
    given |= _of_targets(targets, given)
    experiment = Experiment(**given) if file is None else Experiment.load(file, **given)
    if cache is not None and no_cache:
        raise ConfigError(f"give either --cache {cache} or --no-cache")
    # all that computes is imported after the names were checked
    from tqdm.auto import tqdm

    from sparserobust.cli.report import exit_status
    from sparserobust.cli.words import cached_line, event_lines, plan_lines
    from sparserobust.experiment import plan_networks, prepare, run
    from sparserobust.experiment.places import AUTO, cache_folder, new_folder, require_folder
    from sparserobust.report.text.numbers import plural

    folder = out or new_folder(experiment.stem)
    if dry_run:
        require_folder(folder, "out")
        plan = plan_networks(prepare(experiment), folder)
        click.echo("\n".join(plan_lines(plan, folder, experiment.exclude)))
        return 0

    cached: list[str] = []

    def said(event: Event) -> None:
        cached.extend(event.cached)
        for text, wrong in event_lines(event):
            tqdm.write(text, file=sys.stderr if wrong else sys.stdout)  # above the bars

    runs: list[Run] = []
    attacks = None if no_cache else cache or AUTO
    try:
        run(experiment, folder, progress=True, on_run=runs.append, on_event=said, cache=attacks)
    except KeyboardInterrupt:
        _report(folder, runs, cached_line(cached, cache_folder(attacks)))
        done = f"{plural(len(runs), 'finished run')} kept and reported" if runs else "nothing was finished"
        click.echo(f"interrupted; {done}. The same command with --out {folder} goes on from here", err=True)
        return 130
    _report(folder, runs, cached_line(cached, cache_folder(attacks)))
    return exit_status(runs)


def _of_targets(targets: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The keys that TARGETS stand for: saved models are named by a path, networks have a colon."""
    saved = [target for target in targets if target.endswith(".sparse") or ":" not in target]
    networks = [target for target in targets if target not in saved]
    if len(networks) > 1:
        raise ConfigError("name one network at a time; several TARGETS must be saved models")
    if targets and "model" in given:
        raise ConfigError("give either TARGETS or --model, not both")
    return ({"saved": saved} if saved else {}) | ({"model": networks[0]} if networks else {})


def _report(folder: Path, runs: Sequence[Run], above: str) -> None:
    """Prints a line above, and the table of all that the folder holds, and writes its report."""
    if not runs:
        return
    from sparserobust.cli.report import print_report
    from sparserobust.records import load_runs

    if above:
        click.echo(above)
    click.echo()
    found = load_runs(folder, complain=functools.partial(click.echo, err=True))
    print_report(found, folder / "report.html")
