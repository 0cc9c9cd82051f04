"""`Sparsify`: any method in a training with PyTorch Lightning (extra `lightning`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as missing:
    raise ImportError(f"{missing}; install the extra: pip install 'sparserobust[lightning]'") from None

from sparserobust.custom_loop import attach
from sparserobust.data import AnyData
from sparserobust.errors import ConfigError
from sparserobust.methods.base import Method
from sparserobust.outputs import OutputOf
from sparserobust.training.attached import Attached


class Sparsify(Callback):
    """Attaches a method to the network of a LightningModule when training starts.

        pruning = Sparsify("rigl", sparsity=0.9, network="net")
        Trainer(max_epochs=5, callbacks=[pruning]).fit(module, loader)
        run = sr.evaluate(pruning.attached.subject, data)

    For one optimizer under automatic optimization, `max_epochs` and data of known length. It does not go on from a
    Lightning checkpoint, which does not hold the masks.

    Attributes:
        attached: from the start of training on; its `subject` is the network with its masks.
    """

    attached: Attached

    def __init__(
        self,
        method: str | Method,
        *,
        sparsity: float,
        network: str = "",
        data: AnyData | None = None,
        seed: int = 0,
        input_shape: Sequence[int] | None = None,
        exclude: str | Sequence[str] = (),
        output: OutputOf = None,
        **params: Any,
    ) -> None:
        """Says what is to be attached.

        Args:
            method, sparsity, data, seed, input_shape, exclude, output, params: as `sr.attach` takes them; what is
                excluded has its name within the network.
            network: name of the submodule that maps images to logits; by default the module itself.
        """
        self.method, self.network = method, network
        self.settings: dict[str, Any] = {
            "sparsity": sparsity,
            "data": data,
            "seed": seed,
            "input_shape": input_shape,
            "exclude": exclude,
            "output": output,
            **params,
        }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attaches the method."""
        batches, every = trainer.num_training_batches, trainer.accumulate_grad_batches
        counted = len(trainer.optimizers) == 1 and (trainer.max_epochs or 0) > 0 and batches != float("inf")
        if not counted or not pl_module.automatic_optimization or trainer.ckpt_path:
            raise ConfigError(
                "Sparsify needs one optimizer, automatic optimization, max_epochs, data of known length, no ckpt_path"
            )
        self.attached = attach(
            self.method,
            pl_module.get_submodule(self.network),
            trainer.optimizers[0],
            epochs=trainer.max_epochs or 0,
            steps_per_epoch=-(-int(batches) // every),
            **self.settings,
        )
        self._stepped = False

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """The penalty's gradient joins that of the loss."""
        if isinstance(penalty := self.attached.penalty(), Tensor):
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            scaled = penalty if scaler is None else scaler.scale(penalty)
            (scaled / trainer.accumulate_grad_batches).backward()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """The method sees the gradients; an optimizer takes no step where there are none."""
        if self.attached.take_gradients():
            optimizer.zero_grad(set_to_none=True)
        self._stepped = True

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """After the optimizer's step, if there was one, and before validation."""
        if self._stepped:
            self.attached.take_step(replaced=True)  # Lightning has taken the optimizer's
            self._stepped = False
        if trainer.is_last_batch:
            self.attached.end_epoch()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The method does what is left to do."""
        self.attached.finish()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Lets the optimizer go."""
        if hasattr(self, "attached"):
            self.attached.detach()
