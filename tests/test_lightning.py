"""The Lightning callback does what the three calls of a loop of one's own do, to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import sparserobust as sr
from sparserobust.errors import ConfigError
from sparserobust.testing.networks import small_data, small_networks

lightning = pytest.importorskip("lightning.pytorch")
pytestmark = pytest.mark.filterwarnings("default")  # Lightning's own
EPOCHS = 8


class Classifier(lightning.LightningModule):
    def __init__(self, net, optimizer="sgd"):
        super().__init__()
        self.net, self.optimizer = net, optimizer

    def training_step(self, batch):
        images, labels = batch
        return nn.functional.cross_entropy(self.net(images), labels)

    def validation_step(self, batch):
        pass

    def configure_optimizers(self):
        return optimizer_of(self.net, self.optimizer)


def optimizer_of(net, kind):
    if kind == "adam":
        return torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.01)
    return torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)


def loader():
    return DataLoader(small_data().train, batch_size=16)


def fit(module, callbacks, **settings):
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "accelerator": "cpu",
    }
    trainer = lightning.Trainer(callbacks=callbacks, enable_model_summary=False, **quiet, **settings)
    trainer.fit(module, loader(), loader())


def by_hand(net, kind, method, accumulate=1, **params):
    optimizer = optimizer_of(net, kind)
    batches = list(loader())
    net.train()
    steps = -(-len(batches) // accumulate)
    attached = sr.attach(method, net, optimizer, epochs=EPOCHS, steps_per_epoch=steps, **params)
    for _ in range(EPOCHS):
        for number, (images, labels) in enumerate(batches, 1):
            loss = nn.functional.cross_entropy(net(images), labels) + attached.penalty()
            (loss / accumulate).backward()
            if number % accumulate == 0 or number == len(batches):
                attached.step()
                optimizer.zero_grad()
        attached.end_epoch()
    attached.finish()
    return attached


METHODS = [
    ("snip", {"data": small_data()}),
    ("rigl", {"every": 5}),
    ("set", {}),
    ("sparse-momentum", {}),
    ("imp", {}),
    ("hoyer-square", {}),
    ("starfire-window", {}),
    ("snip-it-during", {"data": small_data()}),
    ("dctps", {}),
    ("learning-compression", {}),
]


@pytest.mark.parametrize(("method", "params"), METHODS, ids=[name for name, _ in METHODS])
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_the_callback_comes_to_the_weights_of_the_three_calls(method, params, kind):
    from sparserobust.lightning import Sparsify

    first, second = small_networks()[1], small_networks()[1]  # the one without dropout
    pruning = Sparsify(method, sparsity=0.8, network="net", **params)
    fit(Classifier(first, kind), [pruning], max_epochs=EPOCHS)
    expected = by_hand(second, kind, method, sparsity=0.8, **params)
    assert pruning.attached.subject.kept == expected.subject.kept
    ours, theirs = first.state_dict(), second.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_what_is_excluded_has_its_name_within_the_network_and_is_trained():
    from sparserobust.lightning import Sparsify

    net = small_networks()[1]
    before = net.state_dict()["head.weight"].clone()
    pruning = Sparsify(
        "random", sparsity=0.8, network="net", exclude="head", input_shape=small_data().input_shape
    )
    fit(Classifier(net), [pruning], max_epochs=1)
    assert pruning.attached.subject.exclude == ("head",)
    assert "head.weight" not in pruning.attached.subject.plan
    assert bool((net.state_dict()["head.weight"] != before).any())
    with pytest.raises(ConfigError, match="exclude='net.head' matches no parameter"):
        fit(
            Classifier(net),
            [Sparsify("random", sparsity=0.8, network="net", exclude="net.head")],
            max_epochs=1,
        )


def test_gradients_may_be_accumulated():
    """Six batches, four to a step: two steps in an epoch, of which the last has two batches."""
    from sparserobust.lightning import Sparsify

    first, second = small_networks()[1], small_networks()[1]
    pruning = Sparsify("hoyer-square", sparsity=0.8, network="net", decay=0.01)
    fit(Classifier(first), [pruning], max_epochs=EPOCHS, accumulate_grad_batches=4)
    expected = by_hand(second, "sgd", "hoyer-square", accumulate=4, sparsity=0.8, decay=0.01)
    assert pruning.attached.training.step == expected.training.step == 2 * EPOCHS
    for name, value in second.state_dict().items():
        torch.testing.assert_close(first.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_validation_sees_the_mask_that_the_epoch_ended_with():
    """SET moves its mask at the end of an epoch: validation comes after that."""
    from sparserobust.lightning import Sparsify

    seen = []

    class Watched(Classifier):
        def validation_step(self, batch):
            if hasattr(pruning, "attached"):
                seen.append(pruning.attached.training.epoch)

    pruning = Sparsify("set", sparsity=0.8, network="net")
    fit(Watched(small_networks()[1]), [pruning], max_epochs=2)
    assert sorted(set(seen)) == [1, 2]


@pytest.mark.parametrize("settings", [{"max_steps": 5}, {"max_epochs": -1, "max_steps": 3}])
def test_what_it_cannot_follow_is_refused(settings):
    from sparserobust.lightning import Sparsify

    if "max_epochs" not in settings:
        settings = settings | {"max_epochs": None}
    with pytest.raises(ConfigError, match="Sparsify needs one optimizer, automatic optimization, max_epochs"):
        fit(Classifier(small_networks()[1]), [Sparsify("set", sparsity=0.8)], **settings)


def test_an_interruption_lets_the_optimizer_go():
    from sparserobust.lightning import Sparsify

    class Broken(Classifier):
        def training_step(self, batch):
            if self.global_step == 3:
                raise RuntimeError("broken")
            return super().training_step(batch)

    module, pruning = Broken(small_networks()[1]), Sparsify("set", sparsity=0.8, network="net")
    with pytest.raises(RuntimeError, match="broken"):
        fit(module, [pruning], max_epochs=2)
    assert not pruning.attached.training.optimizer._optimizer_step_post_hooks
