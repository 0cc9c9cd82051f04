"""`folder:PATH/labels.csv`: a list of images as people write one, and one line for each that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import sparserobust as sr
from sparserobust.data import batches
from sparserobust.errors import ConfigError, DataError

CPU = torch.device("cpu")
LABELS = ["dog", "cat", "cat", "dog", "cat", "dog"]


def everything(dataset) -> tuple[list[int], list[int]]:
    """(grey levels, labels), which say which image is which."""
    parts = list(batches(dataset, 4, CPU))
    images, labels = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    return (images[:, 0, 0, 0] * 255).round().int().tolist(), labels.tolist()


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with images/0.png ..., whose grey level is ten times their number."""
    (tmp_path / "images").mkdir()
    for index in range(12):
        Image.new("L", (6, 6), 10 * index).save(tmp_path / "images" / f"{index}.png")
    return tmp_path


def write(place: Path, rows, header=None, separator: str = ",", name: str = "labels.csv", **how) -> Path:
    lines = [separator.join(map(str, row)) for row in ([header] if header else []) + list(rows)]
    (place / name).write_text("\n".join(lines) + "\n", **how)
    return place / name


def rows_of(labels) -> list[tuple[str, object]]:
    return [(f"images/{index}.png", label) for index, label in enumerate(labels)]


def load(file: Path, **options) -> sr.Data:
    return sr.load_data(f"folder:{file}", **options)


def one_line(file: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load(file, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(file))
    assert len(text) < 500
    return text.removeprefix(str(file))


def assert_as_listed(data: sr.Data) -> None:
    assert (data.classes, data.train, data.val) == (("cat", "dog"), None, None)
    assert everything(data.test) == ([0, 10, 20, 30, 40, 50], [1, 0, 0, 1, 0, 1])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(
    "header", [None, ("path", "label"), ("File", "CLASS"), ("filename", "target"), ("IMAGE", "Label")]
)
def test_separators_headers_and_marks_are_found_out(place, separator, encoding, header):
    assert_as_listed(load(write(place, rows_of(LABELS), header, separator, encoding=encoding)))


def test_columns_may_stand_in_any_order_among_others_with_spaces_quotes_and_blank_lines(place):
    lines = ['id, "label" ,note,path', ""]
    lines += [f'{i},{label},"a, b", images/{i}.png ' for i, label in enumerate(LABELS)] + ["", "  "]
    (place / "labels.txt").write_text("\r\n".join(lines))
    assert_as_listed(load(place / "labels.txt"))


def test_paths_may_be_absolute_or_windows_own(place, tmp_path, monkeypatch):
    rows = [(str(tmp_path / "images" / "0.png"), "dog"), ("images\\1.png", "cat"), ("./images/2.png", "cat")]
    data = load(write(place, rows))
    assert everything(data.test) == ([0, 10, 20], [1, 0, 0])
    monkeypatch.chdir(place / "images")  # relative ones count from the list's folder
    assert everything(sr.load_data("folder:../labels.csv").test)[0] == [0, 10, 20]


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["10", "9", "0"], tuple(map(str, range(11))), [10, 9, 0]),
        (["3.0", "1.0", "1"], ("0", "1", "2", "3"), [3, 1, 1]),
        (["10", "9", "b"], ("10", "9", "b"), [0, 1, 2]),
        (["zebra", "Ant", "ant"], ("Ant", "ant", "zebra"), [2, 0, 1]),
    ],
)
def test_whole_numbers_are_class_numbers_and_names_are_sorted(place, labels, classes, numbers):
    data = load(write(place, rows_of(labels)))
    assert data.classes == classes
    assert everything(data.test)[1] == numbers


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "valid", "TESTING"), ("TRAIN", "eval", "Test")]
)
@pytest.mark.parametrize("header", [None, ("path", "label", "split")])
def test_a_column_of_splits_makes_splits(place, names, header):
    rows = [(f"images/{i}.png", ("cat", "dog")[i // 3 % 2], names[i % 3]) for i in range(12)]
    data = load(write(place, rows, header))
    assert everything(data.train) == ([0, 30, 60, 90], [0, 1, 0, 1])
    assert everything(data.val) == ([10, 40, 70, 100], [0, 1, 0, 1])
    assert everything(data.test) == ([20, 50, 80, 110], [0, 1, 0, 1])
    assert data.mean == pytest.approx((45 / 255,), abs=1e-6)


@pytest.mark.parametrize("other", ["val", "test"])
def test_a_tenth_of_train_validates_where_there_is_no_third_split(place, other):
    rows = [(f"images/{i}.png", i % 2, "train" if i < 10 else other) for i in range(12)]
    data = load(write(place, rows))
    assert [len(s) for s in (data.train, data.val, data.test)] == [9, 1, 2]
    assert everything(data.test)[0] == [100, 110]


def test_it_trains_scores_and_says_where_it_is_from(place):
    rows = [(f"images/{i}.png", i % 2, "train" if i < 8 else "test") for i in range(12)]
    data = load(write(place, rows), image_size=4)
    network = sr.create_model("lenet-300-100", data)
    assert sr.train(network, data, epochs=1, recipe="digits").data == f"folder:{place.name}/labels.csv"
    run = sr.evaluate(network, data, ["accuracy"])
    assert (run.data.name, run.data.n) == (f"folder:{place.name}/labels.csv", 4)
    assert (run.data.input_shape, run.data.image_size) == ((1, 4, 4), 4)


def test_without_train_what_trains_says_which_rows_are_missing(place):
    file = write(place, rows_of(LABELS))
    with pytest.raises(ConfigError, match=f"has none: no row of {file} has the split train"):
        sr.train(torch.nn.Flatten(), load(file), epochs=1)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", " is empty; expected one line for each image: its path and its label"),
        ("\n \n,\n", " is empty; expected"),
        ("path,label\n", " has a header alone; expected one line for each image"),
        ("images/0.png\nimages/1.png", ", line 1: expected path and label (and split), or a header"),
        ("a,b,c,d", "that names them, got 4 columns"),
        (
            "path,kind\nimages/0.png,cat",
            ", line 1: the header names no column label (one of label, class, target)",
        ),
        ("id,label\n1,cat", ", line 1: the header names no column path (one of path, file,"),
        ("path,file,label\na,b,c", ", line 1: path and file both name the column path; keep one"),
        ("path,label\nimages/0.png,cat\nimages/1.png", ", line 3: expected 2 columns (path, label), got 1"),
        ("images/0.png,cat\n,dog", ", line 2: a row of dog has no path"),
        (
            "images/0.png,cat\nimages/1.png,\nimages/2.png,cat\nimages/3.png,",
            ", line 2: images/1.png has no label (and 1 more like it)",
        ),
        (
            "images/0.png,cat,test\n\nimages/1.png,dog,tset",
            ", line 3: images/1.png has the split 'tset'; expected train, val, test",
        ),
        ("images/0.png,cat,test\nimages/1.png,dog,", ", line 2: images/1.png has the split ''"),
        (
            "images/0.png,cat\nimages/1.png,dog\n./images/0.png,cat",
            ", line 3: ./images/0.png is in line 1 already",
        ),
        ("images/0.png,1\nimages/1.png,-1", ", line 2: images/1.png has class -1; classes count from 0 up"),
        ("images/0.png,cat\nimages/1.png,cat", " has one class only (cat); there is nothing to tell it from"),
        (
            "images/0.png,cat,train\nimages/1.png,dog,train",
            " has rows of the split train alone; expected test",
        ),
        (
            "images/0.png,cat,train\nimages/1.png,dog,train\nimages/2.png,fox,test",
            ", line 3: images/2.png has class fox, which no row of train has",
        ),
        (
            "images/0.png,0,train\nimages/1.png,2,train\nimages/2.png,1,test",
            ", line 3: images/2.png has class 1, which no row of train has",
        ),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(place, content, text):
    (place / "labels.csv").write_text(content)
    assert text in one_line(place / "labels.csv")


def test_files_that_are_not_there_are_counted_and_the_first_three_named(place):
    rows = [*rows_of(LABELS), *((f"gone/{index}.png", "cat") for index in range(5))]
    text = one_line(write(place, rows, ("path", "label")))
    assert text.startswith(
        ": 5 of 11 files are not there: gone/0.png (line 8), gone/1.png (line 9), gone/2.png (line 10) ...; relative"
    )
    assert text.endswith(f"relative paths count from {place}")


def test_a_header_of_other_names_and_a_list_that_is_not_there_say_so(place):
    text = one_line(write(place, rows_of(LABELS), ("name", "kind")))
    assert text.startswith(": 1 of 7 files are not there: name (line 1); relative paths count from")
    assert text.endswith("; a header names the columns path and label")
    assert " is not there; expected a CSV file with the columns path and label" in one_line(
        place / "list.csv"
    )


def test_images_that_differ_in_size_or_are_none_are_named(place):
    Image.new("L", (9, 6)).save(place / "images" / "2.png")
    file = write(place, rows_of(LABELS))
    with pytest.raises(
        DataError, match=r"2.png: images differ in size \(expected 6x6, got 9x6\); .*--image-size"
    ):
        load(file)
    assert load(file, image_size=6).input_shape == (1, 6, 6)
    (place / "images" / "2.png").write_text("not an image")
    with pytest.raises(DataError, match=r"2.png is not a readable image"):
        load(file, image_size=6)


@pytest.mark.parametrize("content", [b"\xff\xfep\x00a\x00", b"PK\x03\x04\xff\xfe"])
def test_a_file_that_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)
    assert " is not UTF-8 text; expected a CSV file with the columns path and label" in one_line(
        tmp_path / "labels.csv"
    )
