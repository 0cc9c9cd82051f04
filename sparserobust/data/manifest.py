"""A CSV file that names image files and their labels."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.data.splits import SPLITS, LabelledFiles, Split, data_of_files, split_of
from sparserobust.errors import DataError

COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image"),
    "label": ("label", "class", "target"),
    "split": ("split",),
}
"""What a header may call each column, in any case."""
SEPARATORS = ",;\t"
NUMBER = re.compile(r"\d{1,6}(\.0+)?")
"""A class number; 3.0 is what programs write that hold a column with gaps as floats."""
MISSING = ("nan", "na", "n/a", "none", "null", "<na>")
"""What programs write for a label that is not there."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image of the list; `line` is where it stands."""

    line: int
    path: str
    label: str
    split: str


def load_manifest(file: Path, *, image_size: int | None = None) -> Data:
    """The images that a CSV file lists, with the columns path and label, and split where there are several.

    A header names them (path, file, filename, file_name, filepath or image; label, class or target; split; in any
    case and order, other columns are not looked at); without one they come in this order. Commas, semicolons or tabs
    separate them. Relative paths count from the file's folder. Labels are names of classes, sorted, or whole numbers,
    which are class numbers: 10 comes after 9, and a gap keeps its number. A split is train (training), val (valid,
    validation, eval) or test (testing); without that column all rows are the test split. What is evaluated, and what
    mean and standard deviation are of, is as with `load_folder`.

    Raises:
        DataError: not a list that can be read, rows without path or label, of an unknown split or class, files that
            are not there or are listed twice, one class only, or an image that cannot be read or has another size.
    """
    rows = _rows(file)
    _refuse(file, [(row, text) for row in rows if (text := _problem(row))])
    paths = _files(file, rows)
    _require_once(file, rows, paths)
    splits: list[Split] = [split for row in rows if (split := split_of(row.split)) is not None]
    if set(splits) == {"train"}:
        raise DataError(f"{file} has rows of the split train alone; expected test or val beside it")
    numbers, classes = _numbered(file, rows)
    if "train" in splits:
        trained = {number for number, split in zip(numbers, splits, strict=True) if split == "train"}
        unknown = [row for row, number in zip(rows, numbers, strict=True) if number not in trained]
        _refuse(
            file, [(row, f"{row.path} has class {row.label}, which no row of train has") for row in unknown]
        )
    sets: dict[Split, LabelledFiles] = {}
    for split in dict.fromkeys(splits):
        chosen = [index for index, own in enumerate(splits) if own == split]
        sets[split] = LabelledFiles(files=[paths[i] for i in chosen], labels=[numbers[i] for i in chosen])
    folder = Path(os.path.abspath(file)).parent.name
    found = data_of_files(
        f"folder:{folder}/{file.name}",
        file,
        sets,
        classes,
        image_size=image_size,
        without_train=f"no row of {file} has the split train",
    )
    return replace(found, open_ended=_are_numbers(rows))


def _rows(file: Path) -> list[Row]:
    """The rows of the list; blank lines are none."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{file} is not UTF-8 text; expected a CSV file with the columns path and label, or a folder of images"
        ) from None
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror})") from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num}: {error}; expected a CSV file") from None
    cells = [(line, row) for line, row in cells if any(row)]
    if not cells:
        raise DataError(f"{file} is empty; expected one line for each image: its path and its label")
    columns = _columns(file, *cells[0])
    if columns is None:
        columns = {"path": 0, "label": 1, "split": 2}
        columns = {name: place for name, place in columns.items() if place < len(cells[0][1])}
        if len(cells[0][1]) not in (2, 3):
            raise DataError(
                f"{file}, line {cells[0][0]}: expected path and label (and split), or a header that names them, got "
                f"{len(cells[0][1])} column{'s' * (len(cells[0][1]) > 1)}"
            )
    else:
        del cells[0]
    if not cells:
        raise DataError(
            f"{file} has a header alone; expected one line for each image: its path and its label"
        )
    return [_row(file, line, row, columns) for line, row in cells]


def _columns(file: Path, line: int, row: Sequence[str]) -> dict[str, int] | None:
    """Where each column is, by a header; None where the first line is none."""
    found: dict[str, list[int]] = {
        column: [place for place, cell in enumerate(row) if cell.lower() in names]
        for column, names in COLUMNS.items()
    }
    for column, places in found.items():
        if len(places) > 1:
            both = " and ".join(row[place] for place in places)
            raise DataError(f"{file}, line {line}: {both} both name the column {column}; keep one")
    if not found["path"] and not found["label"]:
        return None
    for column in ("path", "label"):
        if not found[column]:
            raise DataError(
                f"{file}, line {line}: the header names no column {column} (one of {', '.join(COLUMNS[column])}); got "
                f"{', '.join(row)}"
            )
    return {column: places[0] for column, places in found.items() if places}


def _row(file: Path, line: int, row: Sequence[str], columns: dict[str, int]) -> Row:
    if len(row) <= max(columns.values()):
        raise DataError(
            f"{file}, line {line}: expected {max(columns.values()) + 1} columns ({', '.join(columns)}), got {len(row)}"
        )
    split = row[columns["split"]] if "split" in columns else "test"
    return Row(line=line, path=row[columns["path"]], label=row[columns["label"]], split=split)


def _problem(row: Row) -> str:
    """What a row lacks, "" where it is whole."""
    if not row.path:
        return f"a row of {row.label or 'no label'} has no path"
    if not row.label:
        return f"{row.path} has no label"
    if split_of(row.split) is None:
        return f"{row.path} has the split {row.split!r}; expected {', '.join(SPLITS)}"
    return ""


def _refuse(file: Path, found: Sequence[tuple[Row, str]]) -> None:
    """Raises DataError for the first of the rows found, and says how many more there are."""
    if found:
        row, text = found[0]
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        raise DataError(f"{file}, line {row.line}: {text}{more}")


def _require_once(file: Path, rows: Sequence[Row], paths: Sequence[str]) -> None:
    lines: dict[str, int] = {}
    for row, path in zip(rows, map(os.path.normpath, paths), strict=True):
        if path in lines:
            raise DataError(
                f"{file}, line {row.line}: {row.path} is in line {lines[path]} already; keep one of them"
            )
        lines[path] = row.line


def _files(file: Path, rows: Sequence[Row]) -> list[str]:
    """The path of every image; those that are written as Windows does are found too."""
    paths = [_found(file.parent, row.path) for row in rows]
    missing = [row for row, path in zip(rows, paths, strict=True) if path is None]
    if missing:
        first = ", ".join(f"{row.path} (line {row.line})" for row in missing[:3])
        more = " ..." if len(missing) > 3 else ""
        header = "" if Path(rows[0].path).suffix else "; a header names the columns path and label"
        raise DataError(
            f"{file}: {len(missing)} of {len(rows)} files are not there: {first}{more}; relative paths count from "
            f"{file.parent}{header}"
        )
    return [str(path) for path in paths]


def _found(folder: Path, path: str) -> Path | None:
    places = (folder / path, folder / path.replace("\\", "/"))
    return next((place for place in places if place.is_file()), None)


def _are_numbers(rows: Sequence[Row]) -> bool:
    return all(NUMBER.fullmatch(row.label.removeprefix("-")) for row in rows)


def _numbered(file: Path, rows: Sequence[Row]) -> tuple[list[int], tuple[str, ...]]:
    """The label of every row, and the classes: numbers as they are, names in their order."""
    if _are_numbers(rows):
        negative = [row for row in rows if row.label.startswith("-")]
        _refuse(
            file, [(row, f"{row.path} has class {row.label}; classes count from 0 up") for row in negative]
        )
        numbers = [int(row.label.partition(".")[0]) for row in rows]
        return numbers, tuple(str(number) for number in range(max(numbers) + 1))
    missing = [row for row in rows if row.label.lower() in MISSING]
    if len(missing) < len(rows) and any(NUMBER.fullmatch(row.label) for row in rows):
        _refuse(file, [(row, f"{row.path} has no class, but {row.label!r} among numbers") for row in missing])
    classes = sorted({row.label for row in rows})
    places = {name: place for place, name in enumerate(classes)}
    return [places[row.label] for row in rows], tuple(classes)
