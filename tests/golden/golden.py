"""Golden scores: what a few fixed command lines measured, kept number by number beside this file.

`python tests/golden/golden.py NAME ...` measures anew, says what changed and writes the files. A change that is not
meant to change a number leaves them as they are; one that is meant to writes them anew, in a commit that says why.

Read from the public interface alone and laid out here, so that a record may take another form. Nothing is kept of
times, versions and sentences. Numbers repeat bit for bit only in the same arithmetic (CPU, torch), of which every
file carries a fingerprint; in another arithmetic `compare` allows what `Rule` says.
"""

# ruff: noqa: T201
from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

import sparserobust as sr

HERE = Path(__file__).parent
SHOWN = 10
"""Differences that a failure spells out."""

ALL_EVALUATORS = (
    "accuracy,fgsm,carlini-wagner[steps=20],saliency,connectivity,gradient-norm,flops,storage,"
    "minimum-norm[steps=20],minimum-norm[norm=linf,steps=20],pgd[steps=10],pgd[norm=l2,steps=10],"
    "square[queries=100],autoattack[eps=0.1],gradient-masking[steps=10,queries=100],transfer[steps=10]"
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "demonstration": (),
    "mnist-sweep": (
        *("--data", "mnist", "--model", "conv2", "--threads", "1", "--sparsity", "0.5,0.85", "--epochs", "4"),
        *("--recipe", "digits"),
        *("--methods", "gradual-magnitude,rigl,imp[rounds=2],snip-it-during[steps=1],starfire-window"),
        *("--evaluators", "accuracy,fgsm,connectivity,storage,flops"),
    ),
    "all-evaluators": (
        *("--methods", "snip,freezenet", "--sparsity", "0.9", "--epochs", "10", "--limit", "20"),
        *("--evaluators", ALL_EVALUATORS),
    ),
}
"""name -> options of `sparserobust evaluate`; beside them stand those of `measure`."""

Golden = dict[str, Any]


# -- measuring --------------------------------------------------------------------------------------------


def measure(name: str, folder: Path) -> Golden:
    """Runs the command line of this name in a process of its own, on the CPU, and reads what it left in `folder`."""
    options = list(COMMANDS[name])
    if "mnist" in options:
        options += ["--data-root", str(unpacked(folder / "data"))]
    out = folder / "runs"
    command = [sys.executable, "-m", "sparserobust", "evaluate", "--device", "cpu", "--no-cache", *options]
    done = subprocess.run(
        [*command, "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(Path(sr.__file__).parents[1]), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return {"arithmetic": arithmetic(), "subjects": read(out)}


def unpacked(folder: Path) -> Path:
    """The excerpt of MNIST laid out for `--data-root`; unpacked, as torchvision takes only the whole set packed."""
    for packed in (HERE / "data").rglob("*.gz"):
        target = folder / packed.relative_to(HERE / "data").with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


def read(folder: Path) -> Golden:
    """What is compared of every run in the folder, by the name of its own folder."""
    return {
        file.parent.name: _subject(sr.load_run(file.parent)) for file in sorted(folder.glob("*/run.json"))
    }


def _subject(run: sr.Run) -> Golden:
    subject = run.subject
    return {
        "sparsity": subject.sparsity,
        "kept": subject.kept,
        "prunable": subject.prunable,
        "images": run.data.n,
        "weights_sha256": subject.weights_sha256,
        "training": _training(run),
        "evaluators": {name: _outcome(outcome) for name, outcome in run.outcomes.items()},
    }


def _training(run: sr.Run) -> Golden:
    """What training did, epoch by epoch; {} where there was none."""
    history = run.history
    if history is None:
        return {}
    return {
        "steps": history.steps,
        "chosen_epoch": history.chosen_epoch,
        "loss": [epoch.loss for epoch in history.epochs],
        "train_accuracy": [epoch.train_accuracy for epoch in history.epochs],
        "val_accuracy": [epoch.val_accuracy for epoch in history.epochs],
    }


def _outcome(outcome: sr.Outcome) -> Golden:
    scores = {}
    for score in outcome.scores:
        key = score.name if score.at is None else f"{score.name}@{score.at}"
        assert key not in scores, f"{key} was measured twice"
        scores[key] = [score.value, score.n, score.ci_low, score.ci_high]
    arrays = {name: array_digest(array) for name, array in outcome.per_example.items()}
    return {"status": outcome.status, "scores": scores, "arrays": arrays}


def array_digest(array: np.ndarray[Any, Any]) -> list[Any]:
    """[shape, how many are true or finite, sha256 of the packed bits or of the float64 with the record's 7 digits]."""
    shape = "x".join(map(str, array.shape))
    if array.dtype == bool:
        return [shape, int(array.sum()), hashlib.sha256(np.packbits(array, axis=None).tobytes()).hexdigest()]
    rounded = np.array([float(f"{value:.7g}") for value in array.ravel().tolist()], "<f8")
    return [shape, int(np.isfinite(rounded).sum()), hashlib.sha256(rounded.tobytes()).hexdigest()]


# -- the arithmetic ---------------------------------------------------------------------------------------


def arithmetic() -> dict[str, str]:
    """The fingerprint of this machine's arithmetic; and, to be read, what it comes from."""
    return {
        "fingerprint": fingerprint(),
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cpu": _cpu(),
    }


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def fingerprint() -> str:
    """The sha256 of a short training and of some float64, in one thread: another one means other roundings.

    A hundred steps let a difference in the last bit of any kernel on the way spread to all weights.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = [*_trained(), *_double()]
    finally:
        torch.set_num_threads(threads)
    return hashlib.sha256(b"".join(result.detach().numpy().tobytes() for result in results)).hexdigest()


def _trained() -> Iterator[torch.Tensor]:
    """Weights, statistics and probabilities of a small network after SGD with momentum and some Adam."""
    stream = torch.Generator().manual_seed(0)
    images, labels = torch.rand(256, 1, 12, 12, generator=stream), torch.arange(256) % 10
    shapes = [(12, 1, 3, 3), (12,), (12,), (24, 12, 3, 3), (64, 216), (10, 64)]
    weights = [torch.randn(shape, generator=stream) * 0.1 for shape in shapes]
    weights = [weight.requires_grad_() for weight in weights]
    mean, variance = torch.zeros(12), torch.ones(12)

    def logits(batch: torch.Tensor, training: bool) -> torch.Tensor:
        first, scale, shift, second, hidden, last = weights
        x = F.conv2d(batch, first, padding=1)
        x = F.max_pool2d(F.relu(F.batch_norm(x, mean, variance, 1 + scale, shift, training)), 2)
        x = F.max_pool2d(F.leaky_relu(F.conv2d(x, second, padding=1), 0.05), 2)
        return F.linear(F.relu(F.linear(x.flatten(1), hidden)), last)

    momentum, adam = torch.optim.SGD(weights, lr=0.05, momentum=0.9), torch.optim.Adam(weights, lr=1e-3)
    for step in range(120):
        chosen = torch.arange(64 * step, 64 * step + 64) % 256
        optimizer = momentum if step < 100 else adam
        optimizer.zero_grad()
        F.cross_entropy(logits(images[chosen], True), labels[chosen]).backward()
        optimizer.step()
    yield from (*weights, mean, variance)
    yield logits(images, False).softmax(dim=1)


def _double() -> Iterator[torch.Tensor]:
    """Products, sums and functions in float64."""
    numbers = torch.arange(96 * 96, dtype=torch.float64).reshape(96, 96)
    waves = torch.cos(torch.pi / 96 * (numbers % 96 + 0.5) * (numbers // 96))
    product = waves @ waves.T @ (numbers / 7).sin()
    yield from (product, product.sum(), product.std(), product.tanh(), product.abs().log1p().sqrt().exp())


# -- comparing --------------------------------------------------------------------------------------------


FIRST_LOSS = 0.01
"""Relative: how far the mean loss of the first epoch may be off in another arithmetic; AVX2 for AVX512 gave 1e-5."""


@dataclass(frozen=True)
class Rule:
    """How far a score may be off in another arithmetic: `absolute` or `relative`, whichever allows more.

    `pattern` is matched against "evaluator/score@point"; the first of `RULES` that fits counts. `why` is the reason.
    With the kernels of AVX2 in place of AVX512 no rate of the three moved by more than 1.1 points.
    """

    pattern: str
    absolute: float
    relative: float
    why: str


RULES = (
    Rule(
        r"flops/dense_macs|storage/(dense|values_only)_bytes",
        0,
        0,
        "of the network's form and the count kept",
    ),
    Rule(r"storage/(stored_parameters|(trainable|zero)_fraction)|connectivity/co", 0, 0, "the same"),
    Rule(
        r"(flops|storage)/",
        0,
        0.05,
        "of which weights are kept: a tie broken otherwise moves some between layers",
    ),
    Rule(r"connectivity/", 0.01, 0.05, "the same"),
    Rule(
        r"gradient-norm/",
        0,
        0.05,
        "at the initial weights, which are the same, under a mask that is nearly so",
    ),
    Rule(r"accuracy/nll", 0.1, 0.5, "unbounded, and a few images with great losses decide it"),
    Rule(
        r"accuracy/",
        0.05,
        0,
        "training spreads a last bit to all weights, which are another draw: as another seed",
    ),
    Rule(
        r".*", 0.15, 0.25, "the same; few images, and robustness varies more between draws than accuracy does"
    ),
)


def compare(recorded: Golden, now: Golden, *, same_arithmetic: bool | None = None) -> list[str]:
    """The differences, one a line with subject, evaluator, score, the recorded value and the one now; [] for none.

    Args:
        recorded: the golden scores.
        now: what was measured.
        same_arithmetic: compare bit for bit; None where both fingerprints are the same.
    """
    if same_arithmetic is None:
        same_arithmetic = recorded["arithmetic"]["fingerprint"] == now["arithmetic"]["fingerprint"]
    return list(_differences(recorded["subjects"], now["subjects"], same_arithmetic))


def _differences(recorded: Golden, now: Golden, same: bool) -> Iterator[str]:
    yield from _lost_and_new("", recorded, now)
    for name in [key for key in recorded if key in now]:
        before, after = recorded[name], now[name]
        for key in ("sparsity", "kept", "prunable", "images"):
            yield from _changed(f"{name}: {key}", before[key], after[key])
        yield from _training_differences(f"{name}: training: ", before["training"], after["training"], same)
        if same:
            yield from _changed(f"{name}: weights_sha256", before["weights_sha256"], after["weights_sha256"])
        yield from _lost_and_new(f"{name}: ", before["evaluators"], after["evaluators"])
        for evaluator in before["evaluators"]:
            if evaluator in after["evaluators"]:
                old, new = before["evaluators"][evaluator], after["evaluators"][evaluator]
                for line in _outcome_differences(evaluator, old, new, same, before["images"]):
                    yield f"{name}: {line}"


def _training_differences(where: str, old: Golden, new: Golden, same: bool) -> Iterator[str]:
    """In another arithmetic: the number of steps, and the first epoch's loss, to which a last bit has hardly spread."""
    yield from _lost_and_new(where, old, new)
    for key in [key for key in old if key in new and (same or key == "steps")]:
        yield from _changed(f"{where}{key}", old[key], new[key])
    first, other = old.get("loss", [])[:1], new.get("loss", [])[:1]
    if not same and not np.allclose(first, other, rtol=FIRST_LOSS, atol=0):
        yield f"{where}loss of the first epoch was {first[0]!r}, is {other[0]!r}"


def _outcome_differences(evaluator: str, old: Golden, new: Golden, same: bool, images: int) -> Iterator[str]:
    yield from _changed(f"{evaluator}: status", old["status"], new["status"])
    yield from _lost_and_new(f"{evaluator}: ", old["scores"], new["scores"])
    yield from _lost_and_new(f"{evaluator}: array ", old["arrays"], new["arrays"])
    for key in [key for key in old["scores"] if key in new["scores"]]:
        before, after = old["scores"][key], new["scores"][key]
        if same:
            for part, one, other in zip(("value", "n", "ci_low", "ci_high"), before, after, strict=True):
                yield from _changed(f"{evaluator}: {key}: {part}", one, other)
            continue
        rule = next(rule for rule in RULES if re.match(rule.pattern, f"{evaluator}/{key}"))
        if not _close(before[0], after[0], rule):
            yield f"{evaluator}: {key}: value was {before[0]!r}, is {after[0]!r}"
        if not _same_count(before[1], after[1], old["arrays"], new["arrays"], images):
            yield f"{evaluator}: {key}: n was {before[1]!r}, is {after[1]!r}"
    for key in [key for key in old["arrays"] if key in new["arrays"]]:
        kept = slice(None) if same else slice(1)
        yield from _changed(f"{evaluator}: array {key}", old["arrays"][key][kept], new["arrays"][key][kept])


def _lost_and_new(where: str, recorded: Golden, now: Golden) -> Iterator[str]:
    yield from (f"{where}{key} was there, is not" for key in recorded if key not in now)
    yield from (f"{where}{key} was not there, is" for key in now if key not in recorded)


def _changed(what: str, before: Any, after: Any) -> Iterator[str]:
    """A line where two values differ; of two lists of one length, the first entry that does."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True), start=1):
            if one != other:
                yield f"{what} [{place}] was {one!r}, is {other!r}"
                return
    elif before != after:
        yield f"{what} was {before!r}, is {after!r}"


def _close(before: float | None, after: float | None, rule: Rule) -> bool:
    if before is None or after is None:
        return before is after
    return abs(before - after) <= max(rule.absolute, rule.relative * abs(before))


def _same_count(before: int | None, after: int | None, old: Golden, new: Golden, images: int) -> bool:
    """Whether an n agrees in another arithmetic: it is the same, or it counts the images that were right each time.

    An attack may also count what both models get right: then it may move as far as accuracy may.
    """
    if before == after or before is None or after is None or "correct" not in old or "correct" not in new:
        return before == after
    if before == old["correct"][1]:
        return after == new["correct"][1]
    return before < images and after <= images and abs(before - after) <= 0.05 * images


def told(differences: list[str]) -> str:
    """The first `SHOWN` of the differences, and how many there are more."""
    more = [f"and {len(differences) - SHOWN} more"] if len(differences) > SHOWN else []
    return "\n".join([*differences[:SHOWN], *more])


# -- files ------------------------------------------------------------------------------------------------


def load(name: str) -> Golden:
    """The golden scores of this name."""
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def save(name: str, golden: Golden) -> None:
    """Writes golden scores, every list in one line."""
    text = json.dumps(golden, indent=1, allow_nan=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)
    (HERE / f"{name}.json").write_text(
        re.sub(r"\[ | \]", lambda found: found[0].strip(), text) + "\n", "utf-8"
    )


def main(names: list[str]) -> None:
    """Measures, says what changed, writes."""
    unknown = [name for name in names if name not in COMMANDS]
    if unknown or not names:
        sys.exit(f"expected names among {', '.join(COMMANDS)}, got {', '.join(unknown) or 'none'}")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            now = measure(name, Path(folder))
        if not (HERE / f"{name}.json").exists():
            print(f"{name}: new")
        elif differences := compare(before := load(name), now, same_arithmetic=True):
            print(f"{name}: {len(differences)} differences", *differences, sep="\n  ")
            if before["arithmetic"]["fingerprint"] != now["arithmetic"]["fingerprint"]:
                print(
                    f"{name}: the arithmetic is another one: {before['arithmetic']}, now {now['arithmetic']}"
                )
        else:
            print(f"{name}: nothing changed")
        save(name, now)


if __name__ == "__main__":
    main(sys.argv[1:])
