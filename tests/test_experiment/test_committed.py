"""The experiments of the committed reports: each is one, of the networks that lie beside it."""

from pathlib import Path

import pytest

from sparserobust.experiment import Experiment
from sparserobust.experiment.places import folder_stem, network_folder

REPORTS = Path(__file__).parents[2] / "reports"
FOLDERS = sorted(path.parent for path in REPORTS.glob("*/report.html"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_experiment_names_the_networks_beside_it_and_stands_on_the_page(folder):
    experiment = Experiment.load(folder)
    assert (folder / "experiment.toml").read_text() == experiment.to_toml()
    planned = {
        network_folder(folder_stem(method.name, method.params), sparsity, seed)
        for method in experiment.method_variants
        for sparsity in experiment.sparsities
        for seed in experiment.seeds
        if method.name != "dense"
    }
    planned |= {network_folder("dense", 0.0, seed) for seed in experiment.seeds}
    assert {file.parent.name for file in folder.glob("*/run.json")} == planned
    page = (folder / "report.html").read_text()
    assert experiment.to_toml().replace('"', "&#34;") in page
