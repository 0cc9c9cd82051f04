"""Saliency: which pixels the decision hangs on, and how concentrated that is."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from sparserobust.data import batches
from sparserobust.paths import UnsupportedOperation, read_pixels
from sparserobust.records import Outcome, Picture, Score, ScoreSpec, raised, remark
from sparserobust.scoring import Batch, Context, Evaluator, Measurement
from sparserobust.stats import mean_normal
from sparserobust.stats.concentration import MEASURES, concentration, of_noise

Maps = Float[Tensor, "n pixels"]

ABOUT = {
    "gini": "Gini coefficient of a map: 0 = even, 1 = one pixel",
    "effective_pixels": "(sum g)^2 / (pixels * sum g^2) of a map, a fraction",
    "top1_mass": "share of the largest 1 % of pixels",
    "top10_mass": "share of the largest 10 % of pixels",
}


@dataclass(frozen=True, kw_only=True)
class Saliency(Evaluator):
    """Concentration of the input gradient, with what it must be compared to.

    Per pixel the l2 norm over channels of d(predicted logit)/dx, and the same for the margin to the next
    logit, which a function added to all logits does not change. Maps that are zero everywhere are counted
    and left out. Random offsets look well spread for free, so beside each score stand the value of Gaussian
    noise and that of the same mask at initialisation (same offset, initial weights). The headline is which
    share of the input pixels has a trainable outgoing weight at all.

    Attributes:
        pictures: how many examples are drawn, one of each class where possible, at most 8.
    """

    name: ClassVar[str] = "saliency"
    title: ClassVar[str] = "saliency"
    source: ClassVar[str] = (
        "Simonyan et al. 2014, arXiv:1312.6034; overfitted pixels: SNIP-it, sec. 5 and Fig. 3"
    )
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="trainable_input_pixels",
            unit="fraction",
            higher_is_better=True,
            headline=True,
            about="share of input pixels with at least one trainable outgoing weight",
        ),
        *(ScoreSpec(name=name, unit="", axis="map", about=about) for name, about in ABOUT.items()),
        *(ScoreSpec(name=f"{name}_noise", unit="", about=f"{name} of Gaussian noise") for name in ABOUT),
        *(
            ScoreSpec(
                name=f"{name}_untrained", unit="", axis="map", about="with the same mask at initialisation"
            )
            for name in ABOUT
        ),
        ScoreSpec(
            name="zero_maps",
            unit="fraction",
            axis="map",
            higher_is_better=False,
            about="maps without any gradient",
        ),
    )

    pictures: Annotated[int, Ge(0), Le(8)] = 8

    def begin(self, context: Context) -> Measurement:
        """Finds the pixels that vary in the training data and builds the network at initialisation."""
        return _Mapping(self, context)


class _Mapping(Measurement):
    def __init__(self, evaluator: Saliency, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.varying = _varying_pixels(context)
        initial = context.subject.at_initialisation()
        self.initial = None if initial is None else initial.adapter().eval().requires_grad_(False)
        self.maps: dict[str, list[Tensor]] = {"logit": [], "margin": []}
        self.untrained: dict[str, list[Tensor]] = {"logit": [], "margin": []}
        self.shown: dict[int, list[Picture]] = {}

    def update(self, batch: Batch) -> None:
        logit = _magnitude(batch.logit_gradient)
        self.maps["logit"].append(logit.cpu())
        self.maps["margin"].append(_magnitude(batch.margin_gradient).cpu())
        if self.initial is not None:
            initial = Batch(self.initial, batch.images, batch.labels, self.context.passes)
            self.untrained["logit"].append(_magnitude(initial.logit_gradient).cpu())
            self.untrained["margin"].append(_magnitude(initial.margin_gradient).cpu())
        self._draw(batch, logit)

    def _draw(self, batch: Batch, maps: Maps) -> None:
        for index, label in enumerate(batch.labels.tolist()):
            if len(self.shown) >= self.evaluator.pictures:
                return
            if label not in self.shown and float(maps[index].max()) > 0:
                number, shape = len(self.shown), batch.images.shape[-2:]
                predicted = int(batch.predicted[index])
                caption = f"class {label}" if predicted == label else f"class {label}, predicted {predicted}"
                image = batch.images[index].mean(dim=0)
                map_ = (maps[index] / maps[index].max()).reshape(shape)
                self.shown[label] = [
                    Picture(role="input", index=number, caption=caption, png=_png(image)),
                    Picture(role="logit", index=number, caption=caption, png=_png(map_)),
                ]

    def finish(self) -> Outcome:
        evaluator = self.evaluator
        scores = [self._trainable_pixels()]
        for kind, parts in self.maps.items():
            maps = torch.cat(parts)
            scores += [*self._concentration(maps, kind), self._zero_maps(maps, kind)]
            if self.varying is not None and not bool(self.varying.all()):
                scores += self._concentration(maps[:, self.varying], f"{kind}, varying pixels")
        channels, height, width = self.context.input_shape
        for name, value in of_noise(channels, height * width).items():
            scores.append(evaluator.score(f"{name}_noise", value))
        for kind, parts in self.untrained.items():
            if parts:
                scores += self._concentration(torch.cat(parts), kind, "_untrained")
        dense = self.context.subject.weights.kind != "zero"
        return evaluator.outcome(
            scores=tuple(scores),
            pictures=tuple(picture for pair in self.shown.values() for picture in pair),
            verdict=remark("dense-at-inference") if dense else None,
        )

    def _concentration(self, maps: Maps, kind: str, suffix: str = "") -> list[Score]:
        """The mean of every measure over the maps that are not zero everywhere."""
        score, shown = self.evaluator.score, maps[maps.amax(dim=1) > 0].numpy()
        if not len(shown):
            reason = remark("every-map-zero")
            return [score(f"{name}{suffix}", None, at=kind, n=0, reason=reason) for name in MEASURES]
        means = {name: mean_normal(values) for name, values in concentration(shown).items()}
        return [
            score(f"{name}{suffix}", mean.value, at=kind, n=mean.n, ci_low=mean.low, ci_high=mean.high)
            for name, mean in means.items()
        ]

    def _zero_maps(self, maps: Maps, kind: str) -> Score:
        return self.evaluator.rate("zero_maps", int((maps.amax(dim=1) == 0).sum()), len(maps), at=kind)

    def _trainable_pixels(self) -> Score:
        subject = self.context.subject
        if not subject.prunable:
            reason = subject.untraced or remark("no-prunable-layer")
            return self.evaluator.score("trainable_input_pixels", None, reason=reason)
        supports = {name: mask.double() for name, mask in subject.weights.masks.items()}
        try:
            read = read_pixels(self.context.graph(), supports).any(dim=0)  # in any channel
        except UnsupportedOperation as error:
            return self.evaluator.score("trainable_input_pixels", None, reason=raised(error))
        return self.evaluator.score("trainable_input_pixels", float(read.double().mean()), n=read.numel())


def _varying_pixels(context: Context) -> Tensor | None:
    """(h * w,) bool: pixels that are not the same in all training images; None without training data."""
    if context.train is None:
        return None
    low: Tensor | None = None
    high: Tensor | None = None
    for images, _ in batches(context.train, context.batch_size, torch.device("cpu")):
        first, last = images.amin(dim=0), images.amax(dim=0)
        low = first if low is None else torch.minimum(low, first)
        high = last if high is None else torch.maximum(high, last)
    assert low is not None
    assert high is not None
    return (low < high).any(dim=0).flatten()


def _magnitude(gradient: Float[Tensor, "n c h w"]) -> Maps:
    norm: Tensor = torch.linalg.vector_norm(gradient.double(), dim=1)
    return norm.flatten(1)


def _png(grey: Float[Tensor, "h w"]) -> str:
    """A grey-scale PNG in base64; values from 0 to 1."""
    from PIL import Image

    file = io.BytesIO()
    pixels = (grey.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
