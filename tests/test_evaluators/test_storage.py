"""Storage against scipy.sparse, FreezeNet's printed sizes, and arithmetic by hand."""

import numpy as np
import pytest
import scipy.sparse
import torch
from torch import nn

import sparserobust as sr
from evaluators import Storage

IMAGES = (torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))


def values(subject, **settings):
    outcome = Storage(**settings)(subject, IMAGES)
    assert outcome.status == "ok", outcome.reason
    return outcome


@pytest.mark.parametrize(
    ("sparsity", "printed_kib", "printed_q_beta"),
    [
        (0.0, 1683.9, None),
        (0.9, 170.7, 0.899),
        (0.99, 19.1, 0.989),
        (0.995, 10.7, 0.994),
        (0.999, 3.9, 0.998),
    ],
)
def test_freezenet_table_2_sizes_and_real_freezing_rates(sparsity, printed_kib, printed_q_beta):
    """FreezeNet, Table 2, columns "Network Size" and q_beta; sizes within 0.3 KiB.

    The tolerance is the distance between the two counting conventions that the paper leaves open (facts:
    170.43 against 170.66 KiB at q = 0.9); q_beta is printed truncated to three digits.
    """
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10, seed=0)
    outcome = values(sr.sparsify(model, "random", sparsity, seed=0))
    assert outcome.score("values_only_bytes").value / 1024 == pytest.approx(printed_kib, abs=0.3)
    if printed_q_beta is not None:
        assert outcome.score("q_beta").value == pytest.approx(printed_q_beta, abs=1e-3)


def test_csr_bytes_equal_those_of_scipy():
    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(6 * 24 * 24, 10))
    subject = sr.sparsify(model, "random", 0.97, seed=1)
    total = 0
    for weight in subject.effective_weights().values():
        csr = scipy.sparse.csr_matrix(weight.reshape(weight.shape[0], -1).numpy())
        assert csr.indices.dtype == np.int32
        total += csr.data.nbytes + csr.indices.nbytes + csr.indptr.nbytes
    biases = 4 * (6 + 10)
    assert values(subject).score("csr32_bytes").value == total + biases


def test_bitmask_and_best_bytes_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10, bias=False))
    subject = sr.sparsify(model, "magnitude", 0.99)
    outcome = values(subject)
    assert subject.kept == 78
    assert outcome.score("bitmask_bytes").value == 78 * 4 + 7840 / 8
    assert outcome.score("csr32_bytes").value == 78 * 8 + 11 * 4
    assert outcome.score("best_bytes").value == min(78 * 4 + 980, 78 * 8 + 44)
    assert outcome.score("compression").value == pytest.approx(7840 * 4 / 668)


def test_normalisation_parameters_and_buffers_are_in_every_total():
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 2))
    normed = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 26 * 26, 2))
    extra = 4 * (4 + 4 + 4 + 4) + 8  # gamma, beta, running mean and variance, and a 64-bit counter
    for name in ("dense_bytes", "csr32_bytes", "bitmask_bytes", "best_bytes"):
        difference = values(normed).score(name).value - values(plain).score(name).value
        assert difference == extra, name


def test_a_seeded_support_and_each_offset_cost_what_they_need():
    model = sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10, seed=0)
    random = values(sr.sparsify(model, "random", 0.99, seed=0))
    kept, biases = 2662, 410
    assert random.score("best_bytes", at="seeded").value == 4 * (kept + biases) + 8
    dctps = values(sr.sparsify(model, "dctps", 0.99, seed=0))
    assert dctps.score("best_bytes", at="seeded").value == 4 * (kept + biases) + 8 + 3 * 4
    assert dctps.score("stored_parameters").value == kept + biases + 3
    images = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
    frozen = values(sr.sparsify(model, "freezenet", 0.99, images, seed=0))
    snip = values(sr.sparsify(model, "snip", 0.99, images, seed=0))
    assert frozen.score("csr32_bytes").value - snip.score("csr32_bytes").value == 8
    assert [s.at for s in snip.curve("best_bytes")] == ["stored"]


def test_zero_fraction_is_the_sparsity_of_pruned_nets_and_zero_for_frozen_and_dct():
    model = sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10, seed=0)
    images = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
    shares = {
        m: values(sr.sparsify(model, m, 0.9, images)).score("zero_fraction").value
        for m in ("snip", "freezenet")
    }
    assert shares["snip"] == pytest.approx(0.9, abs=1 / 266200)
    assert shares["freezenet"] == 0
    assert values(sr.sparsify(model, "dctps", 0.9)).score("zero_fraction").value < 1e-3


def test_snipit_bytes_lie_below_the_entropy_of_the_positions():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100, bias=False))
    outcome = values(sr.sparsify(model, "random", 0.9))
    n, k = 78400, 7840
    entropy_bits = -(k * np.log2(k / n) + (n - k) * np.log2(1 - k / n))
    assert outcome.score("snipit_bytes").value < 4 * k + entropy_bits / 8
    assert outcome.score("snipit_bytes").value == (34 * k + 2 * 101) / 8


def test_a_frozen_offset_that_no_seed_gives_back_is_counted_whole():
    own = nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))
    images = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
    outcome = values(sr.sparsify(own, "freezenet", 0.9, images))
    assert outcome.score("compression").value < 1
    assert outcome.score("stored_parameters").value == 784 * 20 + 200 + 30


def test_masks_of_torchs_own_pruning_are_no_parameters():
    from torch.nn.utils import prune

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    prune.l1_unstructured(model[1], "weight", amount=0.9)
    outcome = values(model)
    assert outcome.score("dense_bytes").value == 4 * 7850
    assert outcome.score("stored_parameters").value == 784 + 10
