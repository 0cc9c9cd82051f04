"""Code in a user's folder, a script or a notebook: what is reached counts, what is not does not."""

from __future__ import annotations

import shutil

import pytest

from tests.test_source_code.places import digest, edit, said, write

FLAT = {
    "nets.py": "import base, helper\n\nclass Net(base.Base):\n    bias = 0.1\n    act = helper.act\n",
    "base.py": "class Base:\n    scale = 0.1\n",
    "helper.py": "from constants import SLOPE\n\n"
    "def act(x):\n    from lazy import shift\n    return shift(x * SLOPE, 0.1)\n\nimport nets\n",
    "constants.py": "SLOPE = 0.1\n",
    "lazy.py": "def shift(x, by):\n    return x + by + 0.1\n",
    "unrelated.py": "import nets\nSLOPE = 0.1\n",
}
"""nets and helper import each other."""
REACHED = ("nets.py", "base.py", "helper.py", "constants.py", "lazy.py")
PACKAGE = {
    f"mine/{name}": text.replace("import base, helper", "from . import base, helper")
    .replace("from constants", "from .constants")
    .replace("import nets", "import mine.nets")
    .replace("from lazy", "from mine.lazy")
    for name, text in FLAT.items()
}
REGULAR = PACKAGE | {"mine/__init__.py": ""}
LAYOUTS = {
    "flat": (FLAT, "nets", "", ""),
    "package": (REGULAR, "mine.nets", "", "mine"),
    "namespace": (PACKAGE, "mine.nets", "", "mine"),
    "src": ({f"src/{name}": text for name, text in REGULAR.items()}, "mine.nets", "src", "mine"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_that_is_reached_counts_and_no_other(tmp_path, layout):
    """A helper, a base class, a constant and what is imported inside a function; the folder's name does not count."""
    files, module, source, package = LAYOUTS[layout]

    def edited(name):
        folder = write(tmp_path / name, files)
        edit(folder / source / package / name, "0.1", "0.25")
        return digest(module, "Net", folder / source)

    plain = digest(module, "Net", write(tmp_path / "plain", files) / source)
    assert edited("unrelated.py") == plain
    assert len({plain, *map(edited, REACHED)}) == 1 + len(REACHED)


def test_two_processes_agree_wherever_and_in_whatever_order_they_import(tmp_path):
    folder = write(tmp_path / "a", REGULAR)
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "b", symlinks=True)
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    found = [
        digest("mine.nets", "Net", folder),
        digest("mine.nets", "Net", moved, cwd=tmp_path, hash_seed=7),
        digest("mine.nets", "Net", linked, first="import mine.unrelated, mine.lazy, mine.helper"),
        digest(
            "mine.nets", "Net", folder, more=", mine.nets.Net, mine.helper.act", first="import mine.helper"
        ),
        digest("mine.helper", "act", folder, more=", mine.nets.Net", first="import mine.nets"),
    ]
    assert len(set(found[:3])) == 1
    assert len(set(found)) == 1, "what is reached from Net is what is reached from act and Net"


def test_a_whole_that_is_called_counts_by_its_parts(tmp_path):
    """Functions, methods, partials, instances and what a decorator has wrapped lead to the same helper."""
    files = FLAT | {
        "calls.py": "import functools, wraps, helper\n\nclass Net:\n    def go(self):\n        return 0.1\n\n"
        "whole = functools.partial(Net().go, Net())\ninstance = Net()\nmethod = instance.go\n"
        "@wraps.twice\ndef wrapped(x):\n    return x\n",
        "wraps.py": "import functools\n\ndef twice(f):\n    @functools.wraps(f)\n    def run(x):\n"
        "        return f(f(x)) + 0.1\n    return run\n",
    }
    names = ("Net", "whole", "instance", "method", "wrapped")
    code = "import calls\n" + "".join(f"print(code_digest(calls.{name}))\n" for name in names)
    before = said(code, write(tmp_path, files))
    for name in ("wraps.py", "constants.py", "calls.py"):
        edit(tmp_path / name, "0.1", "0.25")
        after = said(code, tmp_path)
        assert all(now != was for now, was in zip(after, before, strict=True)), name
        before = after


RELOADED = """
import importlib, pathlib, helper, nets
before = code_digest(nets.Net)
path = pathlib.Path(helper.__file__)
path.write_text(path.read_text() + "# edited")
print(before == code_digest(nets.Net))
importlib.reload(helper)
print(before == code_digest(nets.Net))
old = nets.Net
importlib.reload(nets)
print(code_digest(old) == code_digest(nets.Net))
"""


def test_an_edit_counts_once_it_is_loaded(tmp_path):
    """What runs is what was loaded: until then results are of the old code, and a class from before stays another."""
    assert said(RELOADED, write(tmp_path, FLAT)) == ["True", "False", "False"]


def test_an_edit_between_import_and_first_look_is_never_taken_for_either(tmp_path):
    """Results of the old code must not be found by a process that has loaded the new one."""
    write(tmp_path, FLAT)
    old = digest("nets", "Net", tmp_path)
    edited = (
        "\npath = __import__('pathlib').Path(nets.helper.__file__)\npath.write_text(path.read_text() + '#')"
    )
    mixed = digest("nets", "Net", tmp_path, first=f"import nets{edited}")
    new = digest("nets", "Net", tmp_path)
    assert len({old, mixed, new}) == 3


NOTEBOOK = """
SLOPE = {slope}
def act(x): return x * SLOPE if x in {{"a", "b", "c", {member!r}}} else {leak}
class Base:
    scale = {scale}
class Net(Base):
    def forward(self, x): return act(x)
"""
CELLS = {"slope": 0.1, "member": "d", "leak": 0.0, "scale": 1.0}


@pytest.mark.parametrize(
    "changed", [{"slope": 0.2}, {"member": "e"}, {"leak": -0.0}, {"scale": 2.0}], ids=str
)
def test_without_a_file_what_was_compiled_counts(changed):
    """As in a notebook: functions, constants and bases of other cells; sets have another order in every process."""

    def of(cells, hash_seed):
        return said(f"exec({NOTEBOOK.format(**cells)!r})\nprint(code_digest(Net))", hash_seed=hash_seed)

    assert of(CELLS, 1) == of(CELLS, 2) == of(CELLS, 3)
    assert of(CELLS | changed, 1) != of(CELLS, 1)


def test_a_notebook_that_imports_a_file_counts_by_it(tmp_path):
    code = "from helper import act\nclass Net:\n    def go(self): return act(1)\nprint(code_digest(Net))"
    before = said(code, write(tmp_path, FLAT))
    edit(tmp_path / "constants.py", "0.1", "0.25")
    assert said(code, tmp_path) != before


def test_a_script_counts_by_its_file(tmp_path):
    script = (
        "from sparserobust.source_code import code_digest\nclass Net:\n    x = 0.1\nprint(code_digest(Net))\n"
    )
    run = "import runpy\nrunpy.run_path('script.py', run_name='__main__')"
    before = said(run, cwd=write(tmp_path, {"script.py": script}))
    assert said(run, cwd=tmp_path, hash_seed=1) == before
    edit(tmp_path / "script.py", "0.1", "0.25")
    assert said(run, cwd=tmp_path) != before


def test_a_compiled_extension_counts_by_its_content(tmp_path):
    """Also one that is loaded inside a function, and has not been."""
    suffix = said("import importlib.machinery\nprint(importlib.machinery.EXTENSION_SUFFIXES[0])")[0]
    write(
        tmp_path, {"nets.py": "def act(x):\n    import fast\n    return fast.act(x)\n", f"fast{suffix}": "a"}
    )
    before = digest("nets", "act", tmp_path)
    write(tmp_path, {f"fast{suffix}": "bb"})
    assert digest("nets", "act", tmp_path) != before


ODD = """
import sys, types, functools, nets
gone = nets.Net
module = types.ModuleType("nowhere")
exec("class Lost:\\n    def go(self): return {value}", module.__dict__)
class Stubborn(types.ModuleType):
    def __getattr__(self, name): raise RuntimeError(name)
nets.stubborn = Stubborn("stubborn")
odd = type("Odd", (), {{"__module__": None}})
del sys.modules["nets"]
print(code_digest(gone), code_digest(module.Lost))
code_digest(odd, odd(), len, "".join, 3, None, functools.lru_cache(gone), sys, module, lambda: gone, type, object)
"""


def test_odd_objects_are_no_error(tmp_path):
    """A module that is gone or was never there, one that raises, a class without a module, builtins, plain values."""
    write(tmp_path, FLAT)
    first, again, other = (said(ODD.format(value=value), tmp_path) for value in (1, 1, 2))
    assert first == again
    assert first[0] == other[0]
    assert first[1] != other[1]


def test_pythons_own_modules_do_not_count_and_one_of_that_name_in_a_folder_does(tmp_path):
    none = said("import queue\nprint(code_digest(), code_digest(queue.Queue), code_digest(len))")
    assert len(set(none)) == 1
    write(tmp_path, {"nets.py": "import queue\nclass Net: pass\n"})
    found = {digest("nets", "Net", tmp_path)}
    for text in ("x = 0.1", "x = 0.25"):
        write(tmp_path, {"queue.py": text})
        found.add(digest("nets", "Net", tmp_path))
    assert len(found) == 3
