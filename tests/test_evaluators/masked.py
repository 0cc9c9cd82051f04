"""Networks whose robustness is partly or wholly their gradient's, and networks with nothing wrong."""

import copy

import torch
from torch import nn

import sparserobust as sr


class Times(nn.Module):
    """Logits multiplied by a number: no decision changes."""

    def __init__(self, body, factor):
        super().__init__()
        self.body, self.factor = body, factor

    def forward(self, images):
        return self.body(images) * self.factor


class LogSoftmax(nn.Module):
    """Log-probabilities instead of logits."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, images):
        return self.body(images).log_softmax(dim=1)


class Quantised(nn.Module):
    """Pixels rounded to a few levels first: the gradient is zero everywhere."""

    def __init__(self, body, levels=17):
        super().__init__()
        self.body, self.levels = body, levels

    def forward(self, images):
        return self.body((images * (self.levels - 1)).round() / (self.levels - 1))


class Detached(nn.Module):
    """A second path through the network that autograd does not see, as with an offset that was detached."""

    def __init__(self, body, share=0.5):
        super().__init__()
        self.body, self.share = body, share

    def forward(self, images):
        seen = self.body(images * self.share + images.detach() * (1 - self.share))
        return seen + (self.body(images.detach().flip(-1)) - self.body(images.flip(-1).detach()))


class WinnersOnly(nn.Module):
    """k winners take all: the largest activations of a layer pass, the others are zero (Xiao et al. 2020)."""

    def __init__(self, share=0.1):
        super().__init__()
        self.share = share

    def forward(self, values):
        flat = values.flatten(1)
        k = max(1, int(self.share * flat.shape[1]))
        bound = flat.topk(k, dim=1).values[:, -1:]
        return torch.where(flat >= bound, flat, torch.zeros_like(flat)).view_as(values)


def network(seed, *, sparsity=0.0, recipe="digits", epochs=20, model="conv2"):
    """A trained network of the digits, dense or pruned by SNIP."""
    data = sr.load_data("digits")
    body = sr.create_model(model, data, seed=seed)
    subject = sr.sparsify(body, "snip", sparsity, data, seed=seed) if sparsity else sr.sparsify(body, "dense")
    sr.train(subject, data, recipe=recipe, epochs=epochs, seed=seed)
    return subject.model


def winners(seed, epochs=20):
    """A network with k-winner activations, trained."""
    data = sr.load_data("digits")
    body = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 300),
        WinnersOnly(),
        nn.Linear(300, 100),
        WinnersOnly(),
        nn.Linear(100, 10),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in body:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight, generator=generator)
                layer.bias.zero_()
    subject = sr.sparsify(body, "dense")
    sr.train(subject, data, recipe="digits", epochs=epochs, seed=seed)
    return subject.model


def must_be_caught(seed, plain):
    """Name -> network, made from a plain one where that is possible."""
    return {
        "logits x 30": Times(copy.deepcopy(plain), 30.0),
        "logits x 1e-6": Times(copy.deepcopy(plain), 1e-6),
        "log-softmax head": LogSoftmax(copy.deepcopy(plain)),
        "quantised input": Quantised(copy.deepcopy(plain)),
        "detached offset": Detached(copy.deepcopy(plain)),
        "k winners": winners(seed),
    }
