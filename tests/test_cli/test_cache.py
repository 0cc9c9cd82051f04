"""`--cache` and `--no-cache`: what was attacked once is not attacked again, and the terminal says so."""

import os
from pathlib import Path

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.errors import ConfigError
from sparserobust.experiment.places import AUTO, cache_folder

OPTIONS = [
    "--methods",
    "random",
    "--epochs",
    "1",
    "--limit",
    "20",
    "--evaluators",
    "accuracy,fgsm,pgd[steps=3]",
]
OPTIONS += ["--set", "accuracy.train=false"]


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home and a cache folder that nobody has used."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path


def outcomes(folder):
    """name -> outcome, without how long it took and whether it was measured before."""
    found = sr.load_run(folder).outcomes
    return {k: o.model_copy(update={"seconds": 0.0, "cached": 0}) for k, o in found.items()}


def files(folder):
    return sorted(folder.rglob("*.npz"))


def test_a_second_time_comes_from_the_cache_and_says_so(home, capsys):
    line = f"fgsm, pgd: from the cache ({home / 'xdg' / 'sparserobust'}); --no-cache measures again"
    assert run("evaluate", *OPTIONS, "--out", home / "a") == 0
    assert "from the cache" not in capsys.readouterr().out
    kept = files(home / "xdg" / "sparserobust")
    assert kept
    assert run("evaluate", *OPTIONS, "--out", home / "b") == 0
    assert capsys.readouterr().out.splitlines().count(line) == 1
    assert files(home / "xdg" / "sparserobust") == kept
    for name in ("dense-0-0", "random-0.95-0"):
        assert outcomes(home / "a" / name) == outcomes(home / "b" / name)
        again = sr.load_run(home / "b" / name)
        assert [again.outcomes[k].cached for k in ("accuracy", "fgsm", "pgd")] == [
            0,
            0,
            0,
        ]  # no part of a record
        assert str(home / "xdg") not in (home / "b" / name / "run.json").read_text()


def test_no_cache_measures_again_and_keeps_nothing(home, capsys):
    for _ in range(2):
        assert run("evaluate", *OPTIONS, "--no-cache", "--out", home / "a") == 0
    assert "from the cache" not in capsys.readouterr().out
    assert not (home / "xdg" / "sparserobust").exists()
    assert sr.load_run(home / "a" / "dense-0-0").outcomes["fgsm"].cached == 0


def test_a_folder_of_ones_own_is_used_instead(home, capsys):
    for name in "ab":
        assert run("evaluate", *OPTIONS, "--cache", home / "mine", "--out", home / name) == 0
    assert f"from the cache ({home / 'mine'})" in capsys.readouterr().out
    assert files(home / "mine")
    assert not (home / "xdg" / "sparserobust").exists()


def test_other_settings_are_measured(home, capsys):
    assert run("evaluate", *OPTIONS, "--out", home / "a") == 0
    assert run("evaluate", *OPTIONS, "--set", "fgsm.eps=[0.4]", "--out", home / "b") == 0
    assert "\npgd: from the cache" in capsys.readouterr().out


def test_the_folder_follows_the_xdg_specification(home, monkeypatch):
    assert cache_folder(AUTO) == home / "xdg" / "sparserobust"
    for unset in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_folder(AUTO) == home / "home" / ".cache" / "sparserobust"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(AUTO) == home / "home" / ".cache" / "sparserobust"
    assert cache_folder(None) is None
    assert cache_folder(home / "mine") == home / "mine"


def test_a_folder_that_cannot_be_written_is_refused_when_named_and_done_without_when_not(home, monkeypatch):
    (home / "xdg").write_text("a file")
    assert cache_folder(AUTO) is None
    with pytest.raises(ConfigError, match=r"cache .*xdg.c cannot be made \(Not a directory\); name a folder"):
        cache_folder(home / "xdg" / "c")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="cache .* cannot be written"):
        cache_folder(home / "mine")


def test_both_options_are_one_clear_line(home, capsys):
    assert run("evaluate", "--cache", "x", "--no-cache") == 2
    assert capsys.readouterr().err.strip() == "ConfigError: give either --cache x or --no-cache"


def test_tests_never_write_into_the_real_home():
    folder = cache_folder(AUTO)
    assert not folder.is_relative_to(Path.home() / ".cache")
    assert "pytest" in str(folder)


def test_a_full_disk_costs_the_cache_and_nothing_else(home, monkeypatch):
    from sparserobust.scoring import cache

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "write_atomic", full)
    assert run("evaluate", *OPTIONS, "--out", home / "a") == 0
    assert {o.status for o in sr.load_run(home / "a" / "dense-0-0").outcomes.values()} == {"ok"}
