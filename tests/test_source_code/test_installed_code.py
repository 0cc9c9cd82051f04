"""Code of installed distributions: a plugin counts whole, a library by its version, editable ones as files."""

from __future__ import annotations

import json
import time

import pytest
import torchvision
from torch import nn

from sparserobust.source_code import code_digest, distributions, modules
from tests.test_source_code.places import digest, edit, installed, write

FILES = {
    "plug/__init__.py": "",
    "plug/evaluator.py": "import tools\n\nclass Mine:\n    eps = 0.1\n",
    "plug/helper.py": "SLOPE = 0.1\n",
    "plug/data/table.csv": "a,0.1\n",
}
"""The evaluator imports a library, and its helper in no way that can be read."""
TOOLS = {"tools.py": "SLOPE = 0.1\n"}
GROUPS = "[sparserobust.evaluators]\nmine = plug.evaluator:Mine\n"


@pytest.fixture
def site(tmp_path):
    """A folder of packages with a plugin and a library that it uses."""
    folder = tmp_path / "site-packages"
    installed(folder, "tools", "1.0", TOOLS)
    return installed(folder, "plug", "1.0", FILES, needs="sparserobust>=0.1")


def of(site, **how) -> str:
    return digest("plug.evaluator", "Mine", site, **how)


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_a_plugin_counts(site, tmp_path, name):
    """Its own code, what it does not import, data; edited in place, whatever its RECORD says."""
    before = of(site)
    assert of(site, cwd=tmp_path, hash_seed=5) == before
    (site / name).write_text(FILES[name] + "\n")
    assert of(site) != before


def test_an_upgraded_plugin_counts_even_where_its_code_is_the_same(site):
    before = of(site)
    installed(site, "plug", "1.1", FILES, needs="sparserobust>=0.1")
    assert of(site) != before


@pytest.mark.parametrize("how", [{"hashes": False}, {"record": False}], ids=str)
@pytest.mark.parametrize(
    "told", [{"needs": "Sparserobust[x] ; python_version > '3'"}, {"groups": GROUPS}], ids=str
)
def test_a_plugin_without_hashes_or_record_counts_whole(tmp_path, how, told):
    site = installed(tmp_path / "site-packages", "plug", "1.0", FILES | TOOLS, **how, **told)
    before = of(site)
    for name in ("plug/helper.py", "plug/data/table.csv"):
        edit(site / name, "0.1", "0.25")
        after = of(site)
        assert after != before, name
        before = after


def test_a_library_counts_by_its_version_and_where_it_is_asked_for(site):
    plain, deep = of(site), of(site, more=", libraries=True")
    edit(site / "tools.py", "0.1", "0.25")
    assert (of(site), of(site, more=", libraries=True")) == (plain, deep)
    installed(site, "tools", "1.1", TOOLS)
    assert of(site) == plain
    assert of(site, more=", libraries=True") != deep


def test_a_class_from_a_library_counts_by_its_version_and_its_record(tmp_path):
    files = {"lib.py": "class Net:\n    slope = 0.1\n"}
    found = set()
    for version, text in (("1.0", files["lib.py"]), ("1.1", files["lib.py"]), ("1.1", files["lib.py"] + "#")):
        site = installed(tmp_path / "site-packages", "lib", version, {"lib.py": text})
        found.add(digest("lib", "Net", site))
        found.add(digest("lib", "Net", site, more=", len"))
    assert len(found) == 3


def test_a_distribution_whose_name_only_begins_like_ours_is_no_plugin(tmp_path):
    site = installed(tmp_path / "site-packages", "plug", "1.0", FILES | TOOLS, needs="sparserobust-extras")
    before = of(site)
    edit(site / "plug/helper.py", "0.1", "0.25")
    assert of(site) == before


@pytest.mark.parametrize("needs", ["sparserobust", ""])
def test_an_editable_distribution_counts_as_it_is_now(tmp_path, needs):
    """All of a plugin's package; of another one what is reached."""
    project = write(tmp_path / "my project", {f"src/{name}": text for name, text in (FILES | TOOLS).items()})
    site = installed(tmp_path / "site-packages", "plug", "1.0", {}, needs=needs)
    origin = {"url": project.as_uri(), "dir_info": {"editable": True}}
    write(site, {"plug-1.0.dist-info/direct_url.json": json.dumps(origin)})
    places = (project / "src", site)
    before = digest("plug.evaluator", "Mine", *places)
    edit(project / "src/tools.py", "0.1", "0.25")
    after = digest("plug.evaluator", "Mine", *places)
    assert after != before
    edit(project / "src/plug/data/table.csv", "0.1", "0.25")
    assert (digest("plug.evaluator", "Mine", *places) != after) == bool(needs)


def test_broken_metadata_are_no_error(site):
    write(
        site,
        {
            "bad-1.dist-info/direct_url.json": "{",
            "none-1.dist-info/x": "",
            "odd-1.dist-info/RECORD": ",,\n\n",
        },
    )
    (site / "worse-1.dist-info").write_text("a file")
    (site / "bin-1.dist-info").mkdir()
    (site / "bin-1.dist-info" / "RECORD").write_bytes(b"\xff\xfe,,\n")
    assert len(of(site)) == 64


def test_torch_is_not_read_and_a_second_call_is_fast():
    kinds = {type(module) for module in torchvision.models.resnet18().modules()}
    modules._looked_at.cache_clear()
    distributions._installed.cache_clear()
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        code_digest(*kinds)
        taken.append(time.perf_counter() - start)
    assert taken[0] < 5, "reading torch takes minutes"
    assert min(taken[1:]) < 0.02


def test_pytorchs_version_is_no_part_of_what_a_model_is_unless_libraries_count():
    assert code_digest(nn.Linear, nn.functional.relu) == code_digest()
    assert code_digest(nn.Linear, libraries=True) != code_digest(libraries=True)
    assert code_digest(torchvision.ops.FrozenBatchNorm2d) != code_digest()
