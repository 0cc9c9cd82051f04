"""The page as Chromium shows it: no errors, nothing fetched, nothing wider than the window."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from sparserobust.report.page import render

from .factorial import factorial
from .factory import attacked, run
from .test_page import comparison

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def browse(file: Path, profile: Path, *more: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, *more, f"--user-data-dir={profile}", "--dump-dom", file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def page() -> str:
    return render([*comparison(), run("snip", 0.9, *attacked(190, 90), label="a very long name " * 4)])


def test_the_page_loads_without_a_console_message_or_a_request(page, tmp_path):
    """The policy in the page blocks every request, and a blocked one is a console message."""
    file = tmp_path / "report.html"
    file.write_text(page, "utf-8")
    net_log = tmp_path / "net.json"
    done = browse(file, tmp_path / "profile", f"--log-net-log={net_log}")
    assert "<h1>" in done.stdout
    assert "CONSOLE" not in done.stderr
    urls = re.findall(r'"url":\s?"(\w+:[^"]*)"', net_log.read_text("utf-8"))
    own = [url for url in urls if url.startswith("file:")]
    assert own == [] or set(own) == {file.as_uri()}
    assert not [url for url in urls if "report" in url and not url.startswith("file:")]


def test_a_script_in_the_page_would_be_seen_by_the_test_above(page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page.replace("</body>", '<img src="https://example.org/x.png"></body>'), "utf-8")
    assert "CONSOLE" in browse(file, tmp_path / "profile").stderr


@pytest.fixture(scope="module")
def large() -> str:
    return render(factorial())


@pytest.mark.parametrize("which", ["page", "large"])
@pytest.mark.parametrize("width", [1280, 1040, 900, 420])
def test_nothing_is_wider_than_the_window(request, tmp_path, width, which):
    """The page in a frame of that width; a script outside the frame reads how wide its content is."""
    inner = escape(POLICY.sub("", request.getfixturevalue(which)), quote=True)
    script = (
        "onload = () => { const d = document.querySelector('iframe').contentDocument.documentElement; "
        "document.title = d.clientWidth + ' of ' + d.scrollWidth; }"
    )
    frame = f'<iframe width="{width}" height="900" style="border:0" srcdoc="{inner}"></iframe>'
    file = tmp_path / "frame.html"
    file.write_text(f"<!DOCTYPE html><title>none</title><script>{script}</script>{frame}", "utf-8")
    done = browse(file, tmp_path / "profile", "--window-size=1400,1000", "--virtual-time-budget=5000")
    title = re.search(r"<title>(\d+) of (\d+)</title>", done.stdout)
    assert title is not None
    assert title.group(1) == title.group(2) == str(width)
