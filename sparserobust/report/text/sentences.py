"""The sentence of every remark that needs no more than its facts.

A template takes the remark's facts by name; behind a colon stands how a fact is shown: `count`, `percent`, `points`,
`listed`, `attack` (an evaluator by its name in the comparison), `attacks`, `budget` (the sign of a
norm's budget), or a format of Python's.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # why there is no number
    "nothing-correct": "no example was classified correctly",
    "no-example": "there is no example",
    "no-other-attack": "no other minimum-norm attack in {norm} in this run to compare with",
    "nothing-to-compare": "no attack found anything, or all the same",
    "loss-not-finite": "the loss of an example is not finite",
    "no-path": "no path leads from the input to the logits",
    "paths-through-products": (
        "paths through products of tensors that both depend on the image have no number: {operators:listed}"
    ),
    "no-training-history": "not measured: the model has no training history",
    "dense-without-gradient": "the dense parent has no gradient",
    "every-map-zero": "every map is zero everywhere",
    "above-chance": "accuracy is above chance ({chance:.3f}) at every eps",
    "nothing-right-on-both": "no image that both models get right",
    "no-prunable-layer": "the model multiplies its images by no weight that could be sparse",
    "needs-training-data": "needs training data: give a data set with a training split",
    "needs-initial-weights": "needs the initial weights, which are not known for this model",
    "is-dense-model": "this is the dense model itself: there is nothing to transfer",
    "needs-dense-model": "no dense model was given to make images on; pass dense_model= to evaluate",
    "cannot-choose": "cannot choose {weights:weight}: {message}",
    "not-made": "not made: {error}: {message}",
    "not-per-image": "not measured per image",
    "not-per-image-on-both": "not measured per image on both",
    "dense-on-other-images": "not paired: dense was evaluated on other images",
    "no-such-dense": "no dense network of this model, data and seed",
    "no-dense-given": "no dense reference given",
    "no-minimum-norm-attack": "not measured: no minimum-norm attack in {norm} was run",
    "dense-diverged": "the training of the dense network diverged",
    "dense-untrained": "nobody trained the dense network",
    # what outcomes come to
    "not-audited": "upper bound, not audited",
    "connected": "connected: {trainable:count} of {kept:count} kept weights lie on a path from the input to the logits",
    "connected-untrainable": (
        "connected, but none of the {kept:count} kept weights lies on a path from the input to the logits"
    ),
    "fewer-macs": "{factor:.3g}x fewer MACs, on hardware that skips zeros",
    "nothing-computed": "nothing is computed",
    "dense-at-inference": "dense at inference: the offset spreads the map",
    "layers-without-gradient": "no gradient reaches the kept weights of {without} of {of} layers",
    "masked-gradients": (
        "a sign of gradient masking: at {norm:budget} = {eps:g} images made on the dense model break {gap:points} "
        "points more than its own [{low:points}, {high:points}]"
    ),
    "no-masked-gradients": (
        "no sign of gradient masking: images made on the dense model do not surely break more than its own"
    ),
    # the audit
    "audit-log-probabilities": (
        "the model returns log-probabilities (G0), which attacks take for logits; return what goes into its "
        "log-softmax and audit again"
    ),
    # warnings
    "no-gradient": (
        "no gradient reaches {images:count} of {of:count} images, which this attack leaves as they are; an audit of "
        "gradient masking tells whether that is robustness"
    ),
    "early-stop": "early stop: distances below {below:g} are upper bounds",
    "short-travel": (
        "steps * stepsize = {travel:g} is below {needed:g}: pixels at 0 or 1 may not move and the attack may fail for "
        "that reason alone; raise steps or stepsize"
    ),
    "part-left-out": "{part} was left out: its loss needs {needs} classes, the model has {classes}",
    "constant-logits": "{constant:count} of {of:count} logits are constant: no path leads to them",
    "operator-without-rule": ("not measured: what {operators:listed} multiplies is not known"),
    "operators-not-counted": "what these operators multiply is not counted: {operators:listed}",
    "broadcast-not-counted": "{products:count} products by broadcasting are not counted as MACs",
    "partly-drawn": (
        "these weights are drawn by chance, while others are loaded: {weights:listed}; load them too (--weights FILE)"
    ),
    "log-probabilities": (
        "the model returns log-probabilities, which saliency maps take for logits; return what goes into its "
        "log-softmax"
    ),
    "weights-not-run": "not used for the image that was traced, so outside every sparsity: {layers:listed}",
    "zeros-lost": "multiplied with fewer zeros than stored, because the weight is computed anew: {layers:listed}",
    "counters-differ": "{counter} counts otherwise: {operators:listed}",
    "idle-layers": "layers that never run count as not effective: {layers:listed}",
    "kept-without-score": (
        "{weights:weight} kept at the last pruning event had no score: they lie in parts that are cut off"
    ),
    "starts-full": "not trained yet: this method prunes while it trains, and the mask is the one it starts from",
    "without-penalty": "trained without its penalty: add attached.penalty() to the loss",
    "ended-early": (
        "training ended after {epochs} of {of} epochs, before the method was done: it keeps {kept:count} weights, "
        "{wanted:count} were asked for"
    ),
    # what was done to the weights of a file
    "weights-in-key": "from {file}: the weights are those under {key!r}",
    "weights-wrapped": "from {file}: {wrappers:listed} inside the names left out",
    "weights-prefix": "from {file}: the prefix {prefix!r} of the names left out",
    "weights-without-head": "from {file}: the prefix {prefix!r} of the network's names is not in the file",
    "weights-masked": "from {file}: {pairs:weight} multiplied with the mask (weight_orig, weight_mask)",
    "weights-normed": "from {file}: {pairs:weight} computed of length and direction (weight normalisation)",
    "weights-were-sparse": "from {file}: {number:tensor} made dense, which were sparse",
    "weights-converted": "from {file}: {number:tensor} converted from {there} to {here}",
    "like-probabilities": (
        "each number that it returns is between 0 and 1, as of a sigmoid, and counts as a logit; if it is one, return "
        "what goes into the sigmoid"
    ),
    # how a network was made
    "normalized": "images are normalised by mean {mean:numbers} and std {std:numbers}",
    # what a row comes to
    "untrained": "nobody trained this network: its weights are those that were drawn",
    "undertrained": (
        "undertrained: after {epochs:epoch} its training loss is {loss:.2f} and was still falling (guessing: "
        "{guessing:.2f}); what its gradients do says little yet"
    ),
    "collapsed": (
        "collapsed: robustness not meaningful; predicts no better than always one class ({majority:percent} %)"
    ),
    "other-constants-or-classes": (
        "if it was trained to more, its images may be normalised by other constants, or its classes may "
        "stand in another order than the data's"
    ),
    "some-collapsed": "{collapsed} of {of} seeds collapsed; the mean mixes two kinds of network",
    "training-diverged": "training diverged: the loss was not finite",
    "other-epochs": (
        "trained {epochs:epoch}, the dense network beside it {dense}: a difference may be that of the training"
    ),
    "other-sparsity": (
        "its sparsity is {sparsity:realised}, asked for was {target:target}; `sparserobust describe {method}` says how "
        "it prunes"
    ),
    # checks
    "zero-gradients": (
        "{attack:attack} sees an all-zero gradient on {share:percent} % of the images (looked at from {look:share}, "
        "fails from {fail:share} %), which it cannot move"
    ),
    "margin": (
        "at {norm:budget} = {eps:g} the same step on the margin breaks {margin:percent} %, on the loss {loss:percent} "
        "% (looked at from {look:share} points more, fails from {fail:share})"
    ),
    "rise": (
        "accuracy under {attack:attack} rises by {rise:percent} points up to {norm:budget} = {eps:g} (looked at "
        "from {look:share}): a larger budget can only break more"
    ),
    "not-found-by-any": (
        "{attacks:attacks}, which no budget stops, found nothing for {lost:count} of {of:count} images (looked at from "
        "{look:share} %)"
    ),
    "stronger": (
        "{attack:attack} leaves {left:percent} %, {other:attack} leaves {other_left:percent} % ({beyond:percent} "
        "points beyond what dense loses; looked at from {look:share}, fails from {fail:share})"
    ),
    "transfer-gap": (
        "at {norm:budget} = {eps:g} images made on the dense network break {gap:percent} points more than its own, a "
        "sign of masked gradients"
    ),
    "weaker-than-audit": (
        "{attack:attack} leaves {left:percent} %, the audit’s attacks leave {audited:percent} %"
    ),
}
