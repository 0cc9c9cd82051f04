"""What CONTRIBUTING shows is a plugin as it stands, and every path that it names is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import sparserobust as sr
from sparserobust import registry
from sparserobust.testing import check_evaluator, check_method

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """Everything that the examples define."""
    names: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def registered(shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """registered(group, class): makes an example an entry point of a third party."""
    real = registry.entry_points

    def register(group: str, example: str) -> None:
        thing = shown[example]
        name = getattr(thing, "name", None) or getattr(thing, "id", None) or example

        class Entry(EntryPoint):
            def load(self) -> Any:
                return thing

        entry = Entry(name, f"my_package.plugin:{example}", group)
        monkeypatch.setattr(
            registry,
            "entry_points",
            lambda *, group: [*real(group=group), *([entry] if group == entry.group else [])],
        )

    return register


@pytest.mark.parametrize("name", ["VerticalShift", "Fade", "Confidence"])
def test_every_evaluator_that_is_shown_passes_the_kit(shown: dict[str, Any], name: str) -> None:
    check_evaluator(shown[name]())


@pytest.mark.usefixtures("one_of_kit")
@pytest.mark.parametrize("name", ["ByFanIn", "HalfWay"])
def test_every_method_that_is_shown_passes_the_kit(
    shown: dict[str, Any], registered: Callable[[str, str], None], name: str
) -> None:
    registered("sparserobust.methods", name)
    check_method(shown[name].name)


def test_the_attacks_do_what_their_docstrings_say(shown: dict[str, Any], digits_network: nn.Module) -> None:
    digits = sr.load_data("digits")
    clean, attacked, more = (
        sr.evaluate(digits_network, digits, [evaluator], limit=100).outcomes
        for evaluator in ("accuracy", shown["VerticalShift"](), shown["VerticalShift"](rows=4, eps=[1.0]))
    )
    robust = attacked["vertical-shift"].score("robust_accuracy", at=0.3).value
    assert more["vertical-shift"].score("robust_accuracy", at=1.0).value < robust
    assert robust < clean["accuracy"].score("top1").value
    faded = sr.evaluate(digits_network, digits, [shown["Fade"]()], limit=100).outcomes["fade"]
    assert 0 < faded.score("median_l2").value < 4


def test_the_network_and_the_section_are_used_like_ours(
    shown: dict[str, Any], registered: Callable[[str, str], None], tmp_path: Path
) -> None:
    registered("sparserobust.models", "wide")
    network = sr.create_model("wide", sr.load_data("digits"))
    assert network.origin is not None
    assert network.origin.title == "Wide"
    registered("sparserobust.sections", "Sureness")
    run = sr.evaluate(network, sr.load_data("digits"), ["accuracy", shown["Confidence"]()], limit=50)
    page = sr.write_report([run], tmp_path / "report.html").read_text("utf-8")
    assert '<section id="sureness">' in page
    assert f"{run.outcomes['confidence'].score('mean_confidence').value:.3f}" in page


def test_every_place_that_is_named_is_there() -> None:
    """Paths in the tables and the drawings; what stands in angle brackets is the author's to name."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")]
    named = {path for row in rows for path in re.findall(r"`((?:sparserobust|evaluators|tests)/[^`<]*)", row)}
    assert len(named) > 20
    drawn = re.findall(r"^ *((?:\w+/)+\w*(?:\.py)?) ", TEXT, re.MULTILINE)
    assert len(drawn) >= 8
    places = [*named, *(path if path.startswith("evaluators/") else f"sparserobust/{path}" for path in drawn)]
    assert [path for path in places if not (ROOT / path).exists()] == []
    sources = [file.read_text("utf-8") for file in ROOT.glob("sparserobust/**/*.py")]
    for name in re.findall(r"`([A-Z_]{4,})` in", TEXT):
        assert any(re.search(rf"^{name}\b", source, re.MULTILINE) for source in sources), name
