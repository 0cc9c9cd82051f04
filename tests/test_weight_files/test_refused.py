"""What is no weights file, or is of another network, is refused in one line that says what it is and what to do."""

from __future__ import annotations

import argparse
import gzip
import io
import pickle
import re
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import sparserobust as sr
from sparserobust.errors import ModelError
from sparserobust.storage.modelfile import write_model
from tests.test_weight_files.networks import same, small, state


def refused(path, network: nn.Module | None = None, **options) -> str:
    """The line; the network is as it was, bit for bit."""
    into = small() if network is None else network
    before = {name: value.clone() for name, value in into.state_dict().items()}
    with pytest.raises(ModelError) as error:
        sr.load_weights(into, path, **options)
    assert same(into.state_dict(), before)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    assert len(line) < 500 + 2 * len(str(path))
    assert error.value.__context__ is None or error.value.__suppress_context__
    return line


def torch_file(content: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("w.pth"))
    return file.getvalue()


class Exploding:
    def __reduce__(self):
        return (open, ("exploded", "w"))


class Whole(nn.Sequential):
    """A network that is pickled whole."""


STATE = torch_file(state())
LEGACY = torch_file(state(), _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("content", "what", "do"),
    [
        (b"", "is empty", "save or download it again"),
        (STATE[:-200], "truncated or damaged", "save or download it again"),
        (STATE[:1000], "truncated or damaged", "download it again"),
        (LEGACY[:-50], "truncated or damaged", "download it again"),
        (LEGACY[:200], "truncated or damaged", "download it again"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page", "download it again"),
        (b"\n  <html>404</html>", "a web page", "download it again"),
        (b'<?xml version="1.0"?><Error>AccessDenied</Error>', "a web page", "download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer", "git lfs pull"),
        (b"hello", "it is text", "name a safetensors file"),
        ('{"a": "öl"}'.encode(), "it is text", "name a safetensors file"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.0.0", "an ONNX network", "save model.state_dict"),
        (npz(), "numpy arrays", "save model.state_dict"),
        (b"\x93NUMPY\x01\x00v\x00{", "a numpy array", "save model.state_dict"),
        (b"\x89HDF\r\n\x1a\n", "HDF5", "save model.state_dict"),
        (gzip.compress(STATE), "compressed .gzip.", "unpack it"),
        (tarred(), "a tar archive", "unpack it"),
        (zipped(a_txt=b"a"), "a zip archive without a checkpoint", "save model.state_dict"),
        (zipped(a_txt=b"a", w_pth=STATE), "a zip archive", "unpack it and name w.pth"),
        (bytes(range(200, 256)) * 3, "of no kind that is known", "save model.state_dict"),
        (pickle.dumps(state()), "a pickle that torch.save did not write", "torch.save"),
        (pickle.dumps({"w": Exploding()}), "unpickling it could run code", "torch.save"),
        (torch_file(list(state().values())), "holds a list of 10", "which has names"),
        (torch_file(tuple(state().values())), "holds a tuple of 10", "which has names"),
        (torch_file(torch.ones(3)), "holds one tensor .3,.", "which has names"),
        (torch_file(7), "holds a int", "save model.state_dict"),
        (torch_file({}), "an empty dict", "save model.state_dict"),
        (torch_file({"a": 1, "b": [2]}), "no tensor under 'a', 'b'", "save model.state_dict"),
        (torch_file(dict(enumerate(state().values()))), "under int keys .0, 1, 2 and 7 more", "model.state"),
        (
            torch_file(torch.optim.SGD(small().parameters(), 0.1, momentum=0.9).state_dict()),
            "the state of an optimizer alone",
            "save model.state_dict.. too",
        ),
        (torch_file({"a": np.zeros(3)}), "numpy's objects", "save tensors"),
        (torch_file({"a": argparse.Namespace(b=1)}), "argparse.Namespace.*could run code", "weights_only=False"),
        (torch_file(state(), pickle_protocol=4), "pickled in another way", "save it again with torch.save"),
    ],
)  # fmt: skip
def test_what_is_no_weights_file_is_called_what_it_is(tmp_path, content, what, do):
    for name in ("w.pth", "w.safetensors"):
        (tmp_path / name).write_bytes(content)
        line = refused(tmp_path / name)
        assert re.search(f"{what}.*{do}", line)


@pytest.mark.parametrize("cut", [4, 9, 50, 300, -4])
def test_a_truncated_safetensors_file_is_called_so(tmp_path, cut):
    save_file(state(), tmp_path / "w")
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:cut])
    line = refused(tmp_path / "w")
    assert "truncated or damaged" in line or cut == 4


def test_no_place_at_which_a_file_ends_gives_a_traceback(tmp_path):
    """Nor any byte that is another one: refused in one line, or loaded."""
    for whole in (STATE, LEGACY):
        for place in range(0, len(whole), 97):
            damaged = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
            for content in (whole[:place], damaged):
                (tmp_path / "w").write_bytes(content)
                line = ""
                try:
                    sr.load_weights(small(), tmp_path / "w")
                except ModelError as error:
                    line = str(error)
                assert "\n" not in line


@pytest.mark.filterwarnings("ignore:.*export.*:UserWarning")
def test_whole_networks_of_torch_are_named_with_what_to_do(tmp_path):
    network = small()
    torch.jit.script(network).save(tmp_path / "w")
    assert "a TorchScript archive, a whole network; save torch.jit.load(" in refused(tmp_path / "w")
    torch.export.save(torch.export.export(network, (torch.zeros(2, 1, 4, 4),)), tmp_path / "w.pt2")
    assert "a program of torch.export, a whole network; save torch.export.load(" in refused(
        tmp_path / "w.pt2"
    )


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"epoch": 1, "model": net}])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_network_is_named_and_its_class_is_not_imported(tmp_path, wrap, zipped):
    network = wrap(Whole(nn.Linear(2, 2)))
    torch.save(network, tmp_path / "w", _use_new_zipfile_serialization=zipped)
    line = refused(tmp_path / "w")
    assert f"objects of {__name__}.Whole" in line
    assert "and unpickling it could run code" in line
    assert f"torch.load('{tmp_path / 'w'}', weights_only=False)" in line
    assert "torch.save(model.state_dict(), 'weights.pth')" in line


class Slots:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


def test_nothing_that_a_file_names_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for zipped in (True, False):
        content = {"state_dict": state(), "hook": Exploding()}
        torch.save(content, tmp_path / "w", _use_new_zipfile_serialization=zipped)
        sr.load_weights(small(), tmp_path / "w")
        torch.save({"state_dict": {**state(), "head.weight": Exploding()}}, tmp_path / "w")
        assert "missing head.weight; objects of io.open were passed over" in refused(tmp_path / "w")
    assert not (tmp_path / "exploded").exists()

    class System:
        def __reduce__(self):
            return (__import__("os").system, ("touch exploded",))

    torch.save({"state_dict": state(), "hook": System()}, tmp_path / "w")
    assert "objects of posix.system, and unpickling it could run code" in refused(tmp_path / "w")
    assert not (tmp_path / "exploded").exists()
    torch.save({"state_dict": state(), "slots": Slots()}, tmp_path / "w")
    assert f"objects of {__name__}.Slots, and unpickling" in refused(tmp_path / "w")


def test_a_saved_model_of_this_library_is_sent_to_where_it_is_read(tmp_path):
    write_model(tmp_path / "snip.sparse", {"a": 1}, {"w": torch.ones(2)})
    line = refused(tmp_path / "snip.sparse")
    assert f"a saved model of this library; load_subject('{tmp_path / 'snip.sparse'}') gives it back" in line
    write_model(tmp_path / "run" / "model.sparse", {"a": 1}, {"w": torch.ones(2)})
    assert "it holds model.sparse, a saved model: load_subject(" in refused(tmp_path / "run")


def test_a_folder_is_answered_with_what_lies_in_it(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    assert "is a folder, expected a weights file; there is none in it" in refused(folder)
    (folder / "model.safetensors").write_bytes(b"a")
    (folder / "config.json").write_bytes(b"{}")
    assert "is a folder, expected a weights file; name model.safetensors in it" in refused(folder)
    (folder / "model.safetensors.index.json").write_bytes(b"{}")
    assert "split over several files" in refused(folder)
    (folder / "__0_0.distcp").write_bytes(b"a")
    assert "dcp_to_torch_save" in refused(folder)


def test_a_file_that_is_not_there_is_answered_with_the_nearest(tmp_path):
    torch.save(state(), tmp_path / "checkpoint.pth")
    assert "is not there" in refused(tmp_path / "nowhere" / "w.pth")
    assert "did you mean 'checkpoint.pth'?" in refused(tmp_path / "chekpoint.pt")


def test_the_first_three_names_of_each_side_are_said(tmp_path):
    other = {f"layer{number}.weight": torch.ones(2) for number in range(5)}
    torch.save({"state_dict": {**other, "conv.weight": state()["conv.weight"]}}, tmp_path / "w")
    line = refused(tmp_path / "w")
    assert "('state_dict' in it) is of another architecture than Small" in line
    assert "missing block.0.bias, block.0.weight, conv.bias and 5 more" in line
    assert "unexpected layer0.weight, layer1.weight, layer2.weight and 2 more" in line
    assert line.endswith("build the network that was saved, or name its own file")


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_another_number_of_classes_is_said(tmp_path, prefix):
    content = {prefix + name: value for name, value in small(1, classes=1000).state_dict().items()}
    torch.save(content, tmp_path / "w")
    line = refused(tmp_path / "w")
    assert (
        "head.weight is (1000, 5), expected (3, 5); the last layer has 1000 classes there and 3 here" in line
    )
    torch.save(nn.Linear(5, 7).state_dict(), tmp_path / "w")
    assert "has 7 classes there and 4 here" in refused(tmp_path / "w", nn.Linear(5, 4))


def test_other_shapes_are_said_without_a_word_of_classes(tmp_path):
    torch.save({**state(), "conv.weight": torch.ones(4, 3, 3, 3)}, tmp_path / "w")
    line = refused(tmp_path / "w")
    assert "conv.weight is (4, 3, 3, 3), expected (4, 1, 3, 3)" in line
    assert "classes" not in line


def test_constants_that_a_file_lacks_are_said_to_be_so(tmp_path):
    network = small()
    network.register_buffer("mean", torch.zeros(1))
    torch.save(state(), tmp_path / "w")
    assert "missing mean; register these buffers with persistent=False" in refused(tmp_path / "w", network)
    content = {name: value for name, value in state().items() if "running" not in name}
    torch.save(content, tmp_path / "w")
    assert "build the network that was saved" in refused(tmp_path / "w")


class Stubborn(nn.Linear):
    """Fails in the middle of loading, as custom modules do."""

    def _load_from_state_dict(self, *args, **kwargs):
        super()._load_from_state_dict(*args, **kwargs)
        raise TypeError("not today")


def test_a_network_that_refuses_half_way_is_as_it_was(tmp_path):
    def build():
        return nn.Sequential(nn.Linear(2, 2), Stubborn(2, 2), nn.Linear(2, 2))

    torch.save(build().state_dict(), tmp_path / "w")
    line = refused(tmp_path / "w", build())
    assert "whose load_state_dict refuses it: TypeError: not today" in line


def test_a_network_without_weights_in_memory_is_refused(tmp_path):
    torch.save(state(), tmp_path / "w")
    for network, expected in [
        (nn.ReLU(), "ReLU has no weights that a file could fill"),
        (small().to("meta"), "Small is on the meta device"),
        ("small", "must be a torch.nn.Module, got 'small'"),
    ]:
        with pytest.raises(ModelError, match=expected):
            sr.load_weights(network, tmp_path / "w")


def test_what_is_no_path_is_sent_to_load_state_dict():
    with pytest.raises(
        ModelError, match="loaded from a file, got dict; a dict goes into model.load_state_dict"
    ):
        sr.load_weights(small(), state())


def test_circles_and_depths_in_a_file_end(tmp_path):
    circle: dict[str, object] = {"a": {"weight": torch.ones(2)}}
    circle["self"] = circle["a"]["up"] = circle
    deep: object = state()
    for _ in range(400):
        deep = {"a": deep}
    for content in (circle, {**circle, "deep": [deep]}):
        torch.save(content, tmp_path / "w")
        assert "is of another architecture" in refused(tmp_path / "w")
    network = small()
    torch.save({**circle, "model": state()}, tmp_path / "w")
    sr.load_weights(network, tmp_path / "w")
    assert same(network.state_dict(), state())
