"""What was done to a file's weights, in words."""

from __future__ import annotations

import pytest

from sparserobust.records import remark
from sparserobust.report.text.remarks import CODES, sentence

FILE = "w.pth"
NAMES = {"file": FILE, "names": ["a.weight", "b.weight", "c.weight"]}
SAID = [
    (
        remark("weights-passed-over", file=FILE, names=["argparse.Namespace"], of=1),
        "from w.pth: objects of argparse.Namespace beside the weights were passed over",
    ),
    (
        remark("weights-in-key", file=FILE, key="model.ema"),
        "from w.pth: the weights are those under 'model.ema'",
    ),
    (
        remark("weights-not-taken", file=FILE, names=["ema", "best"], of=2),
        "from w.pth: it also holds ema and best, which would fit too (key= or --weights-key names what is taken)",
    ),
    (
        remark("weights-wrapped", file=FILE, wrappers=["_orig_mod", "module"]),
        "from w.pth: _orig_mod and module inside the names left out",
    ),
    (
        remark("weights-prefix", file=FILE, prefix="net."),
        "from w.pth: the prefix 'net.' of the names left out",
    ),
    (
        remark("weights-without-head", file=FILE, prefix="body."),
        "from w.pth: the prefix 'body.' of the network's names is not in the file",
    ),
    (
        remark("weights-masked", file=FILE, pairs=4),
        "from w.pth: 4 weights multiplied with the mask (weight_orig, weight_mask)",
    ),
    (
        remark("weights-normed", file=FILE, pairs=4),
        "from w.pth: 4 weights computed of length and direction (weight normalisation)",
    ),
    (
        remark("weights-were-sparse", file=FILE, number=2),
        "from w.pth: 2 tensors made dense, which were sparse",
    ),
    (
        remark("weights-converted", file=FILE, number=1, there="bfloat16", here="float32"),
        "from w.pth: 1 tensor converted from bfloat16 to float32",
    ),
    (
        remark("weights-tied", file=FILE, names=["head.weight"], of=1),
        "from w.pth: it lacks head.weight, filled from what the network ties to the same memory",
    ),
    (
        remark("weights-kept", **NAMES, of=5),
        "from w.pth: it lacks a.weight, b.weight, c.weight and 2 more, which stay as the network has them",
    ),
    (remark("weights-ignored", **NAMES, of=3), "from w.pth: ignored a.weight, b.weight and c.weight"),
]


@pytest.mark.parametrize(("made", "text"), SAID)
def test_every_change_is_said(made, text):
    assert sentence(made) == text


def test_no_code_lacks_a_test():
    assert {made.code for made, _ in SAID} == {code for code in CODES if code.startswith("weights-")} - {
        "weights-not-run"
    }
