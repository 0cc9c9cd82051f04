"""A pruned network of the digits that several attacks are tried on."""

from __future__ import annotations

import pytest

import sparserobust as sr
from sparserobust.subject import Subject


@pytest.fixture(scope="session")
def pruned_network() -> Subject:
    """conv2 with a tenth of its weights, chosen by SNIP, trained for eight epochs."""
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("conv2", data), "snip", 0.9, data)
    sr.train(subject, data, epochs=8, recipe="digits")
    return subject
