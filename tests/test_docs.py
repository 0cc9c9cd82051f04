"""Every snippet of the pages for users runs, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import sparserobust as sr
from sparserobust.cli.main import main

PAGES = Path(__file__).parents[1] / "docs"
SNIPPET = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(page: str) -> list[tuple[str, str]]:
    """(language, text) of all snippets of a page."""
    return SNIPPET.findall((PAGES / page).read_text())


def run(command: str) -> None:
    """One line of a shell."""
    program, *arguments = shlex.split(command, comments=True)
    assert program == "sparserobust"
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code, command


@pytest.mark.parametrize("page", [page.name for page in sorted(PAGES.glob("*.md"))])
def test_every_snippet_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, names = set(sys.modules), {}
    assert len(snippets(page)) > 5
    for language, text in snippets(page):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                run(line)
        elif language == "python":
            if named := re.match(r"# (\w+\.py)\n", text):
                (tmp_path / named[1]).write_text(text)
            exec(compile(text, f"{page}: snippet", "exec"), names)
    for module in set(sys.modules) - before:
        if module.startswith("my_"):
            del sys.modules[module]


def test_the_page_on_ones_own_model_says_what_comes_out(tmp_path, monkeypatch, capsys):
    """What the text beside its first command promises."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    first, second, command = [text for _, text in snippets("evaluate-your-own-model.md")][:3]
    (tmp_path / "my_nets.py").write_text(first)
    exec(compile(second, "make_example.py", "exec"), {})
    run(command.strip())
    said = capsys.readouterr().out
    assert "the weights are those under 'model_state_dict'" in said
    assert "2 weights multiplied with the mask (weight_orig, weight_mask)" in said
    (folder,) = [path.parent for path in Path("report").rglob("run.json")]
    recorded = sr.load_run(folder)
    assert recorded.subject.sparsity == pytest.approx(0.9, abs=1e-3)
    assert recorded.outcomes["accuracy"].score("top1").value > 0.7
    assert recorded.subject.training != "none"
