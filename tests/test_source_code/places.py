"""Small packages on disk, and processes of their own that say what their code counts by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sparserobust.source_code import code_digest

OURS = Path(sys.modules[code_digest.__module__].__file__).parents[2]
"""The folder that sparserobust is imported from."""


def write(folder: Path, files: dict[str, str]) -> Path:
    """The folder with these files in it, path -> content."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a piece of text by one of another length, which Python notices within the same second."""
    text = path.read_text()
    assert old in text
    assert len(old) != len(new)
    path.write_text(text.replace(old, new))


def said(code: str, *paths: Path, cwd: Path | None = None, hash_seed: int = 0) -> list[str]:
    """What a fresh process prints, which can import from these folders; `code_digest` is there."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, [*paths, OURS])),
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    command = [sys.executable, "-c", f"from sparserobust.source_code import code_digest\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def digest(module: str, name: str, *paths: Path, first: str = "", more: str = "", **how) -> str:
    """The digest of a class or function by a fresh process, which runs `first` before."""
    code = f"{first}\nimport {module}\nprint(code_digest({module}.{name}{more}))"
    return said(code, *paths, **how)[0]


def installed(
    site: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    needs: str = "",
    groups: str = "",
    record: bool = True,
    hashes: bool = True,
) -> Path:
    """A distribution as an installer leaves it in a folder of packages; returns that folder."""
    for old in site.glob(f"{name}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    write(site, files)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    rows = [
        f"{path},{f'sha256={abs(hash(text))}' if hashes else ''},{len(text)}" for path, text in files.items()
    ]
    rows += [f"{info}/METADATA,,", f"{info}/RECORD,,"]
    described = {f"{info}/METADATA": metadata, f"{info}/entry_points.txt": groups}
    if record:
        described[f"{info}/RECORD"] = "\n".join(rows)
    return write(site, described)
