"""The example package: built, installed beside the library, and its six plugins used like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sparserobust as sr

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"
OPTIONS = (
    *("--data", "bars", "--model", "two-layers", "--methods", "dense,balanced,balanced[share=0.1]"),
    *("--sparsity", "0.8", "--epochs", "4", "--evaluators", "accuracy,fgsm,brightness,weight-signs"),
)

SEVERAL = """
import json, sys
from sparserobust.cli.main import main
for line in json.loads(sys.argv[1]):
    try:
        main(line)
    except SystemExit as done:
        print(f"exit {done.code}", file=sys.stderr)
"""


class Installed:
    """A folder with the package, and commands that see it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
        ]
        subprocess.run([*pip, "--target", str(folder / "site"), str(PLUGIN)], check=True, capture_output=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What a process that finds the package printed."""
        path = os.pathsep.join([str(self.folder / "site"), *sys.path[1:]])
        return subprocess.run(
            [sys.executable, *command],
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def sparserobust(self, *arguments: str) -> str:
        """The output of the command line, which must go well."""
        done = self.run("-m", "sparserobust", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def all(self, lines: list[list[str]]) -> subprocess.CompletedProcess[str]:
        """Several command lines in one process, whatever each of them exits with."""
        return self.run("-c", SEVERAL, json.dumps(lines))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def comparison(installed: Installed) -> Path:
    installed.sparserobust("evaluate", *OPTIONS, "--out", "out", "--no-cache")
    return installed.folder / "out"


def test_every_plugin_of_the_package_is_short() -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in PLUGIN.rglob("*.[pj][y2]")}
    assert len(lengths) == 8
    assert max(lengths.values()) <= 60, lengths


def test_all_six_are_listed_with_their_first_lines_and_described(installed: Installed) -> None:
    listed = installed.sparserobust("list")
    lines = {
        "balanced": "Keeps the largest positive and the largest negative weights of every layer",
        "brightness": "Adds eps to every pixel",
        "weight-signs": "How many of the kept weights are above 0.",
        "two-layers": "Two layers: 8 channels of a strided convolution",
        "bars": "Bars: four classes of noisy 8x8 images",
        "signs": "Signs of the kept weights, beside what each row is.",
    }
    described = installed.all([["describe", name] for name in lines])
    assert described.stderr.split() == ["exit", "0"] * len(lines)
    for name, line in lines.items():
        assert any(f"  {name} " in row and line in row for row in listed.splitlines()), name
        assert line in described.stdout


def test_all_six_are_used_through_the_command_line(comparison: Path) -> None:
    runs = [sr.load_run(file) for file in sorted(comparison.rglob("run.json"))]
    assert [(run.data.name, run.subject.model, run.subject.method) for run in runs] == [
        ("bars", "two-layers", "balanced"),
        ("bars", "two-layers", "balanced"),
        ("bars", "two-layers", "dense"),
    ]
    for run in runs:
        assert {name: outcome.status for name, outcome in run.outcomes.items()} == dict.fromkeys(
            ("accuracy", "fgsm", "brightness", "weight-signs"), "ok"
        )
    shares = [run.outcomes["weight-signs"].score("positive").value for run in runs]
    assert shares[1] > 0.8 > 0.6 > shares[0] > 0.4
    attack = runs[0].outcomes["brightness"]
    assert attack.attack.headline == 0.1
    assert attack.settings == {"eps": [0.05, 0.1, 0.2], "darker": True}
    page = (comparison / "report.html").read_text()
    assert 'id="signs"' in page
    assert "Which share of the weights that are kept is above 0" in page
    assert f"{100 * shares[0]:.1f}" in page[page.index('id="signs"') :]
    assert "worst of FGSM, Brightness" in page or "brightness" in page


def test_settings_of_the_plugins_come_from_the_command_line_and_are_checked_there(
    installed: Installed,
) -> None:
    wrong = {
        "brightness.darker=3": "darker of brightness must be True or False, got 3",
        "brightness.eps=2": "eps must be one or more different numbers in [0, 1], got [2]",
        "balanced.share=1.5": "share of balanced must be a number in (0, 1), got 1.5",
        "balanced.shar=0.5": "balanced has no parameter 'shar'; did you mean 'share'?",
    }
    said = installed.all([["evaluate", *OPTIONS, "--set", assignment] for assignment in wrong]).stderr
    assert said.count("exit 2") == len(said.strip().splitlines()) / 2 == len(wrong), said
    for text in wrong.values():
        assert text in said, said


def test_without_the_package_its_records_are_read_and_its_scores_shown(
    comparison: Path, tmp_path: Path
) -> None:
    runs = [sr.load_run(file) for file in sorted(comparison.rglob("run.json"))]
    page = sr.write_report(runs, tmp_path / "report.html").read_text()
    assert 'id="signs"' not in page
    assert "positive" in page[page.index('id="other"') :]


def test_they_pass_the_conformance_kit(installed: Installed) -> None:
    code = (
        "from sparserobust.testing import check_evaluator, check_method\n"
        "from sparserobust_example.brightness import Brightness\n"
        "from sparserobust_example.weight_signs import WeightSigns\n"
        "check_evaluator(Brightness()); check_evaluator(WeightSigns()); check_method('balanced')\n"
    )
    done = installed.run("-c", code)
    assert done.returncode == 0, done.stderr
