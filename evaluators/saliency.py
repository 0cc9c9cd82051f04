"""Saliency: which pixels the decision hangs on, and how concentrated that is."""

from __future__ import annotations

import base64
import io
import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from sparserobust.data import batches
from sparserobust.errors import ConfigError
from sparserobust.paths import UnsupportedOperation, read_pixels
from sparserobust.records import Outcome, Picture, Score, ScoreSpec
from sparserobust.scoring import Batch, Context, Evaluator, Measurement
from sparserobust.stats import mean_normal, wilson
from sparserobust.subject import Subject

Maps = Float[Tensor, "n pixels"]


class Saliency(Evaluator):
    """Concentration of the input gradient, with what it must be compared to.

    Per pixel the l2 norm over channels of d(predicted logit)/dx, and the same for the margin to the next
    logit, which a function added to all logits does not change. Maps that are zero everywhere are counted
    and left out. Random offsets look well spread for free, so beside each score stand the value of Gaussian
    noise and that of the untrained twin (same mask and offset, initial weights). The headline is which
    share of the input pixels has a trainable outgoing weight at all.

    Args:
        pictures: how many examples are drawn, one of each class where possible, at most 8.
    """

    name = "saliency"
    source = "Simonyan et al. 2014, arXiv:1312.6034; overfitted pixels: SNIP-it, sec. 5 and Fig. 3"
    scores = (
        ScoreSpec(
            name="trainable_input_pixels",
            unit="fraction",
            higher_is_better=True,
            headline=True,
            about="share of input pixels with at least one trainable outgoing weight",
        ),
        ScoreSpec(
            name="gini", unit="", axis="map", about="Gini coefficient of a map: 0 = even, 1 = one pixel"
        ),
        ScoreSpec(
            name="effective_pixels",
            unit="fraction",
            axis="map",
            about="(sum g)^2 / (pixels * sum g^2) of a map",
        ),
        ScoreSpec(name="top1_mass", unit="fraction", axis="map", about="share of the largest 1 % of pixels"),
        ScoreSpec(
            name="top10_mass", unit="fraction", axis="map", about="share of the largest 10 % of pixels"
        ),
        ScoreSpec(name="gini_noise", unit="", about="gini of Gaussian noise"),
        ScoreSpec(name="effective_pixels_noise", unit="fraction", about="effective_pixels of Gaussian noise"),
        ScoreSpec(name="gini_untrained", unit="", about="gini of the logit's map on the untrained twin"),
        ScoreSpec(
            name="effective_pixels_untrained", unit="fraction", about="effective_pixels on the untrained twin"
        ),
        ScoreSpec(
            name="zero_maps",
            unit="fraction",
            axis="map",
            higher_is_better=False,
            about="maps without any gradient",
        ),
    )

    def __init__(self, *, pictures: int = 8) -> None:
        if not 0 <= pictures <= 8:
            raise ConfigError(f"pictures must be from 0 to 8, got {pictures}")
        self.pictures = pictures

    def begin(self, context: Context) -> Measurement:
        """Finds the pixels that vary in the training data and builds the untrained twin."""
        return _Mapping(self, context)


class _Mapping(Measurement):
    def __init__(self, evaluator: Saliency, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.varying = _varying_pixels(context)
        twin = context.subject.untrained()
        self.twin = None if twin is None else twin.model.eval().requires_grad_(False)
        self.maps: dict[str, list[Tensor]] = {"logit": [], "margin": [], "untrained": []}
        self.shown: dict[int, list[Picture]] = {}

    def update(self, batch: Batch) -> None:
        logit = _magnitude(batch.logit_gradient)
        self.maps["logit"].append(logit.cpu())
        self.maps["margin"].append(_magnitude(batch.margin_gradient).cpu())
        if self.twin is not None:
            twin = Batch(self.twin, batch.images, batch.labels, self.context.passes)
            self.maps["untrained"].append(_magnitude(twin.logit_gradient).cpu())
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
        maps = {kind: torch.cat(parts) for kind, parts in self.maps.items() if parts}
        scores = [self._trainable_pixels()]
        for kind in ("logit", "margin"):
            scores += self._concentration(kind, maps[kind])
            if self.varying is not None and not bool(self.varying.all()):
                scores += self._concentration(f"{kind}, varying pixels", maps[kind][:, self.varying])
        effective, gini = noise_values(self.context.input_shape[0])
        scores += [evaluator.score("gini_noise", gini), evaluator.score("effective_pixels_noise", effective)]
        if "untrained" in maps:
            twin = _without_zero_maps(maps["untrained"])
            scores += [
                self._mean("gini_untrained", _gini(twin)),
                self._mean("effective_pixels_untrained", _effective(twin)),
            ]
        dense = self.context.subject.weights.kind != "zero"
        return evaluator.outcome(
            scores=tuple(scores),
            pictures=tuple(picture for pair in self.shown.values() for picture in pair),
            verdict="dense by construction: the offset spreads the map" if dense else None,
        )

    def _concentration(self, kind: str, maps: Maps) -> list[Score]:
        zero = int((maps == 0).all(dim=1).sum())
        bounds = wilson(zero, len(maps))
        kept = _without_zero_maps(maps)
        return [
            self._mean("gini", _gini(kept), kind),
            self._mean("effective_pixels", _effective(kept), kind),
            self._mean("top1_mass", _top_mass(kept, 0.01), kind),
            self._mean("top10_mass", _top_mass(kept, 0.10), kind),
            self.evaluator.score(
                "zero_maps", zero / len(maps), at=kind, n=len(maps), ci_low=bounds.low, ci_high=bounds.high
            ),
        ]

    def _mean(self, name: str, values: Float[Tensor, " n"], at: str | None = None) -> Score:
        if not len(values):
            return self.evaluator.score(name, None, at=at, n=0, reason="every map is zero everywhere")
        estimate = mean_normal(values.numpy())
        return self.evaluator.score(
            name, estimate.value, at=at, n=len(values), ci_low=estimate.low, ci_high=estimate.high
        )

    def _trainable_pixels(self) -> Score:
        subject, shape = self.context.subject, self.context.input_shape
        try:
            read = trainable_pixels(subject, shape)
        except UnsupportedOperation as error:
            return self.evaluator.score("trainable_input_pixels", None, reason=str(error))
        return self.evaluator.score("trainable_input_pixels", float(read.double().mean()), n=read.numel())


def trainable_pixels(subject: Subject, input_shape: tuple[int, ...]) -> Tensor:
    """(h, w) bool: which input pixels have a trainable outgoing weight, in any channel.

    Raises:
        UnsupportedOperation: the network has an operation that the walk has no rule for.
    """
    supports = {name: mask.double() for name, mask in subject.weights.masks.items()}
    return read_pixels(subject.model, supports, input_shape).any(dim=0)


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


def _without_zero_maps(maps: Maps) -> Float[Tensor, "some pixels"]:
    return maps[(maps > 0).any(dim=1)]


def _gini(maps: Maps) -> Float[Tensor, " n"]:
    pixels = maps.shape[1]
    rank = torch.arange(1, pixels + 1, dtype=maps.dtype)
    return (
        2 * (maps.sort(dim=1).values * rank).sum(dim=1) / (pixels * maps.sum(dim=1)) - (pixels + 1) / pixels
    )


def _effective(maps: Maps) -> Float[Tensor, " n"]:
    return maps.sum(dim=1) ** 2 / (maps.shape[1] * (maps**2).sum(dim=1))


def _top_mass(maps: Maps, share: float) -> Float[Tensor, " n"]:
    """Mass of the largest ceil(share * pixels) pixels."""
    return maps.topk(math.ceil(share * maps.shape[1]), dim=1).values.sum(dim=1) / maps.sum(dim=1)


@cache
def noise_values(channels: int) -> tuple[float, float]:
    """(effective pixels, Gini) of Gaussian noise with this many channels: the norm is chi-distributed.

    One channel: 2 / pi = 0.637 and sqrt(2) - 1 = 0.414.
    """
    from scipy import integrate, stats

    chi = stats.chi(channels)
    spread = integrate.quad(lambda x: float(chi.cdf(x) * chi.sf(x)), 0, chi.isf(1e-12))[0]
    return float(chi.mean() ** 2 / channels), float(spread / chi.mean())


def _png(grey: Float[Tensor, "h w"]) -> str:
    """A grey-scale PNG in base64; values from 0 to 1."""
    from PIL import Image

    file = io.BytesIO()
    pixels = (grey.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
