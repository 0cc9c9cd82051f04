"""The title of the page and what was attacked, in one sentence made from the records."""

from __future__ import annotations

from sparserobust.records import Outcome
from sparserobust.report.attacks import MOST_NAMES, NORM_SIGNS, budget_text
from sparserobust.report.groups import Lineup
from sparserobust.report.numbers import count, listed, plural, spelled, target
from sparserobust.report.readings import AUDIT, attack_name, headline, is_attack, norm_of, ok

BLACK_BOX = {"square", "square-l2"}
KNOWN = {
    "fgsm", "carlini-wagner", "pgd", "pgd-l2", "minimum-norm", "minimum-norm-linf", "autoattack", "autoattack-l2",
} | BLACK_BOX  # fmt: skip
_DATA_NAMES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}


def title(lineup: Lineup) -> str:
    """ "mlp5 on MNIST, six methods at three sparsities", or "three methods in twelve variants"."""
    models = listed(list(dict.fromkeys(run.subject.model for run in lineup.runs)))
    data = listed(list(dict.fromkeys(data_name(run.data.name) for run in lineup.runs)))
    rows, sparsities = len({(group.name, group.tag) for group in lineup.sparse}), lineup.sparsities
    if not rows:
        return f"{models} on {data}"
    methods = {group.first.subject.method for group in lineup.sparse}
    noun = "network" if None in methods else "method"
    varied = noun == "method" and len({group.name for group in lineup.sparse}) == rows > len(methods)
    many = len(methods) if varied else rows
    what = f"{spelled(many)} {noun}{'s' if many > 1 else ''}"
    what += f" in {spelled(rows)} variants" if varied else ""
    where = (
        f"sparsity {target(sparsities[0])}"
        if len(sparsities) == 1
        else f"{spelled(len(sparsities))} sparsities"
    )
    return f"{models} on {data}, {what} at {where}"


def data_name(name: str) -> str:
    """A data set's name as it is usually written."""
    return _DATA_NAMES.get(name, name)


def threat_model(lineup: Lineup) -> list[str]:
    """What was attacked, how strongly, on how many images, and what the intervals are over."""
    sentences = []
    attacks = _attacks(lineup)
    datas = {run.data.sha256: run.data for run in lineup.runs}
    data = next(iter(datas.values()))
    images = f"{count(data.n)} {data.split} images of {data_name(data.name)}"
    if len(datas) == 1:
        images += ", the same for every network"
    else:
        images = f"{spelled(len(datas))} different sets of images, which are never paired with one another"
    if attacks:
        boxes = {True, False} if AUDIT in attacks else {name in BLACK_BOX for name in attacks}
        box = "White-box and black-box" if len(boxes) > 1 else "Black-box" if True in boxes else "White-box"
        described = _listed([_described(attacks[name], lineup) for name in attacks])
        noun = "attacks" if len(attacks) > 1 or AUDIT in attacks else "attack"
        sentences.append(f"{box}, untargeted {noun} on {images}: {described}; pixels run from 0 to 1.")
    else:
        tried = sorted(
            {n for run in lineup.runs for n, o in run.outcomes.items() if n in KNOWN and o.status != "ok"}
        )
        what = f"No attack was scored ({listed(tried)})." if tried else "No attack was run."
        sentences.append(f"{what} Evaluated on {images}.")
    sentences += [_seeds(lineup), *_trained(lineup)]
    return sentences


def _trained(lineup: Lineup) -> list[str]:
    """ "Trained adversarially: SNIP 0.9 (PGD, ℓ∞, ε = 0.1, 7 steps)." or "Every network was ..."."""
    found: dict[str, list[str]] = {}
    made = [group for group in lineup.groups if not group.not_made]
    for group in made:
        plan = group.first.history.settings.get("adversarial") if group.first.history is not None else None
        if isinstance(plan, dict):
            norm, eps = str(plan.get("norm", "")), plan.get("eps")
            parts = [str(plan.get("kind", "")).upper(), NORM_SIGNS.get(norm, norm)]
            parts += [budget_text(norm, eps)] if isinstance(eps, int | float) else []
            found.setdefault(", ".join(part for part in parts if part), []).append(group.title)
    if len(found) == 1 and sum(map(len, found.values())) == len(made):
        return [f"Every network was trained adversarially ({next(iter(found))})."]
    told = [f"{_few(who)} ({how})" for how, who in found.items()]
    return [f"Trained adversarially: {listed(told)}."] if told else []


def _few(names: list[str]) -> str:
    return listed(names) if len(names) <= MOST_NAMES else f"{count(len(names))} rows, {names[0]} among them"


def _attacks(lineup: Lineup) -> dict[str, Outcome]:
    """One outcome of every attack that was scored, the table's first."""
    found: dict[str, Outcome] = {}
    for run in lineup.runs:
        for name, outcome in run.outcomes.items():
            if ok(run, name) is not None and is_attack(outcome):
                found.setdefault(name, outcome)
    first = lineup.attack[0] if lineup.attack else ""
    if first == AUDIT:
        return {AUDIT: next(o for run in lineup.runs if (o := ok(run, AUDIT)) is not None)}
    return dict(sorted(found.items(), key=lambda item: (item[0] != first, item[0])))


def _listed(described: list[tuple[str, str]]) -> str:
    """Attacks of one aim together: "FGSM and PGD inside ...; Carlini-Wagner for ..."."""
    names: dict[str, list[str]] = {}
    for name, aim in described:
        names.setdefault(aim, []).append(name)
    clauses = [f"{listed(own)} {aim}" for aim, own in names.items()]
    return listed(clauses) if max(len(own) for own in names.values()) == 1 else "; ".join(clauses)


def _described(outcome: Outcome, lineup: Lineup) -> tuple[str, str]:
    """(the attack, what it was after)."""
    sign = NORM_SIGNS.get(norm_of(outcome) or "", "")
    audit = outcome.evaluator == AUDIT
    name = "all of the audit" if audit else attack_name(outcome.evaluator).removesuffix(f" {sign}")
    if "distance" in outcome.per_example:
        return name, f"for the smallest {sign} distance".replace("  ", " ")
    main = lineup.attack
    budget = main[1] if main is not None and main[0] == outcome.evaluator else headline(outcome)
    if budget is None or not sign:
        return name, f"at ε = {budget:g}"
    return name, f"inside an {sign} ball of {'radius' if sign == NORM_SIGNS['l2'] else 'ε ='} {budget:g}"


def _seeds(lineup: Lineup) -> str:
    counts = {len(group.runs) for group in lineup.groups}
    if counts == {1}:
        return "One network per row; each interval is 95 % over these images."
    if len(counts) == 1:
        return f"{spelled(counts.pop()).capitalize()} seeds per row; each interval is 95 % over seeds."
    return (
        f"{plural(min(counts), 'seed')} to {count(max(counts))} per row; intervals are 95 % over seeds, "
        "for a single network over images."
    )
