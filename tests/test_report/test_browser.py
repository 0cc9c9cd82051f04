"""The page as Chromium shows it: no errors, nothing fetched, nothing wider than the window."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import matplotlib
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


WIDTHS = (1280, 1040, 900, 420)


def wide_font() -> str:
    """A style sheet that forces DejaVu Sans, as wide as any face for screens: matplotlib brings it along."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return (
        f"@font-face{{font-family:forced;src:url(data:font/ttf;base64,{data})}}"
        "*{font-family:forced!important}"
    )


def measured(page: str, css: str, tmp_path: Path) -> list[tuple[int, int, int]]:
    """For each window width: (how wide the page is, how wide the main table is, what the table has room for).

    The page stands in a frame of that width; a script outside the frame reads it.
    """
    inner = escape(POLICY.sub("", page).replace("</head>", f"<style>{css}</style></head>"), quote=True)
    script = """onload = async () => {
      const found = [];
      for (const frame of document.querySelectorAll("iframe")) {
        const d = frame.contentDocument, table = d.querySelector(".main").parentElement;
        await Promise.all([...d.fonts].map(font => font.load()));
        found.push([d.documentElement.scrollWidth, table.scrollWidth, table.clientWidth]);
      }
      document.title = JSON.stringify(found);
    }"""
    frames = [
        f'<iframe width="{width}" height="900" style="border:0" srcdoc="{inner}"></iframe>'
        for width in WIDTHS
    ]
    file = tmp_path / "frames.html"
    head = f"<!DOCTYPE html><title>none</title><script>{script}</script>"
    file.write_text(head + "".join(frames), "utf-8")
    done = browse(file, tmp_path / "profile", "--window-size=1400,1000", "--virtual-time-budget=20000")
    title = re.search(r"<title>(.*)</title>", done.stdout)
    assert title is not None
    return [(page, table, room) for page, table, room in json.loads(title.group(1))]


@pytest.mark.parametrize("which", ["page", "large"])
@pytest.mark.parametrize("font", ["installed", "wide", "wider"])
def test_nothing_is_wider_than_the_window_whatever_the_font(request, tmp_path, font, which):
    """The machine's own fonts, a wide one, and wider than any: what does not fit scrolls in its own box.

    The main table fits without, in the forced face.
    """
    css = {
        "installed": "",
        "wide": wide_font(),
        "wider": wide_font() + "*{letter-spacing:.1em!important}",
    }[font]
    found = measured(request.getfixturevalue(which), css, tmp_path)
    assert [page for page, _, _ in found] == list(WIDTHS)
    if font == "wide":
        assert [table for _, table, _ in found] == [room for _, _, room in found]
