"""`sparserobust evaluate`: from names on the command line to models, runs and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sparserobust.cli.names import check_names
from sparserobust.cli.options import cache_folder, new_folder, numbers, settings
from sparserobust.cli.variants import Variant, names_of, variants

DEMONSTRATION = "dense,snip,freezenet,dctps,random"


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--data", "data_name", default="digits", show_default=True, help="data set, see `list data`")
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="folder of torchvision's data sets  [data]"
)
@click.option("--model", default=None, help="architecture, see `list models`  [conv2]")
@click.option("--weights", type=click.Path(path_type=Path), help="weights of your own network")
@click.option("--initialisation", help="of the initial weights, e.g. orthogonal  [the recipe's]")
@click.option(
    "--methods",
    default=None,
    metavar="NAME[PARAM=VALUE,...],...",
    help=f"comma-separated, parameters of one in brackets; see `list methods`  [{DEMONSTRATION}]",
)
@click.option("--sparsity", default="0.95", show_default=True, help="comma-separated fractions in [0, 1)")
@click.option("--seeds", default="0", show_default=True, help="comma-separated; one model for each")
@click.option("--epochs", type=int, help="instead of the recipe's")
@click.option("--recipe", help="training recipe for all models, or `own`: each method's  [by data set]")
@click.option(
    "--evaluators",
    metavar="NAME[SETTING=VALUE,...],...",
    help="comma-separated, settings of one in brackets; see `list evaluators`  [the core eight, and plugins]",
)
@click.option(
    "--preset",
    help="accuracy and the evaluators of a preset, beside those named; see `list presets`",
)
@click.option("--limit", type=int, help="score a seeded stratified subset of so many test examples")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME.SETTING=VALUE",
    help="of an evaluator, or of a method in all its variants",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda[:N]")
@click.option("--batch-size", type=int, help="examples per batch while scoring  [256]")
@click.option("--threads", type=int, help="of torch  [1 for small networks on a CPU]")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="folder of attacks that were run before  [~/.cache/sparserobust]",
)
@click.option("--no-cache", is_flag=True, help="run every attack again, and keep nothing")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="folder for runs and report; what an earlier run left there goes on  [a new one under runs/]",
)
@click.pass_obj
def evaluate(typed: str, /, targets: tuple[str, ...], **options: Any) -> int:
    """Make and train models, score them and write a comparison report.

    Without TARGETS, `--model` is trained dense and by every method. A TARGET is a saved model
    (`runs/x/snip-0.95-0/model.sparse`), which is scored as it is, or your own network
    (`package.module:callable`), which is scored with its `--weights`, or trained when `--methods` are named.
    To score a saved model of your own network, name the network and then the file.

    One method can stand in several variants: `--methods "random[allocation=epl],random[allocation=epl,offset=dct]"`.
    So can an evaluator whose settings give it another name: `--evaluators "accuracy,pgd,pgd[norm=l2,steps=20]"`,
    for short `pgd-l2[steps=20]`. Values are numbers, fractions (`eps=8/255`), lists (`eps=[4/255,8/255]`) or words.

    The same command with the same `--out` goes on where it was interrupted, in the middle of a training too: a model
    that was trained alike (weights, mask, recipe, seed, to the bit) is not trained again, and a record that the same
    command made of it stays. So more methods, seeds or evaluators can be added to a folder.

    Exit status: 0 all scored (a method that cannot choose its weights is a result), 1 something failed (the report
    says what), 2 wrong use, 130 interrupted (what was finished is kept and reported).
    """
    methods = variants(options["methods"] or ("" if targets else DEMONSTRATION))
    named = None if options["evaluators"] is None else variants(options["evaluators"], "--evaluators")
    check_names(
        data_name=options["data_name"],
        model=options["model"],
        named_methods=methods,
        named_evaluators=named or (),
        recipe=options["recipe"],
        preset=options["preset"],
    )
    from sparserobust.cli.comparison import (
        Comparison,
    )  # all that computes is imported after the names are checked
    from sparserobust.cli.recorded import recorded_name, spelled_out
    from sparserobust.cli.request import Request
    from sparserobust.presets import read_preset
    from sparserobust.scoring.named import default_names

    preset = options["preset"] and read_preset(options["preset"])
    evaluators = None if named is None else [spelled_out(variant) for variant in named]
    rows = [Variant(row.name, row.settings) for row in preset.evaluators] if preset else []
    in_use = [*(evaluators or []), *rows]
    used = names_of(in_use) if in_use else default_names()
    used += [recorded_name(variant) for variant in in_use]
    request = Request(
        targets=targets,
        data_name=options["data_name"],
        data_root=options["data_root"],
        model=options["model"],
        weights=options["weights"],
        initialisation=options["initialisation"],
        methods=methods,
        sparsities=numbers(options["sparsity"], "--sparsity", float),
        seeds=numbers(options["seeds"], "--seeds", int),
        epochs=options["epochs"],
        recipe=options["recipe"],
        evaluators=evaluators,
        preset=preset,
        settings=settings(options["assignments"], list(dict.fromkeys([*used, *names_of(methods)]))),
        limit=options["limit"],
        device=options["device"],
        batch_size=options["batch_size"],
        threads=options["threads"],
        cache=cache_folder(options["cache"], options["no_cache"]),
        command=typed,
    )
    return Comparison(request).run(new_folder(options["out"], request.stem))
