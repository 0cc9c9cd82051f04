"""The title of the page and what was attacked, in one sentence made from the records."""

from __future__ import annotations

from sparserobust.analysis.attacks import asked_attacks, headline, measures_distance, norm_of, scored_attacks
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.readings import ok
from sparserobust.records import ACCESS, DataRecord, Outcome
from sparserobust.report.text.attacks import MOST_NAMES, NORM_SIGNS, attack_name, budget_sign, norm_sign
from sparserobust.report.text.names import row_name, row_tag, row_title
from sparserobust.report.text.numbers import count, listed, plural, spelled, target


def title(lineup: Lineup) -> str:
    """ "MLP5 on MNIST, six methods at three sparsities", or "three methods in twelve variants"."""
    models = listed(list(dict.fromkeys(r.subject.model_title or r.subject.model for r in lineup.runs)))
    data = listed(list(dict.fromkeys(data_name(run.data) for run in lineup.runs)))
    rows, sparsities = len({(row_name(g), row_tag(g)) for g in lineup.sparse}), lineup.sparsities
    if not rows:
        return f"{models} on {data}"
    methods = {group.first.subject.method for group in lineup.sparse}
    noun = "network" if None in methods else "method"
    varied = noun == "method" and len({row_name(g) for g in lineup.sparse}) == rows > len(methods)
    many = len(methods) if varied else rows
    what = f"{spelled(many)} {noun}{'s' if many > 1 else ''}"
    what += f" in {spelled(rows)} variants" if varied else ""
    where = (
        f"sparsity {target(sparsities[0])}"
        if len(sparsities) == 1
        else f"{spelled(len(sparsities))} sparsities"
    )
    return f"{models} on {data}, {what} at {where}"


def data_name(data: DataRecord) -> str:
    """A data set's name as it is usually written."""
    return data.title or data.name


def resized(data: DataRecord) -> str:
    """ ", resized and cropped to 64 × 64", "" where the images are as the data set has them."""
    return (
        "" if data.image_size is None else f", resized and cropped to {data.image_size} × {data.image_size}"
    )


def threat_model(lineup: Lineup) -> list[str]:
    """What was attacked, how strongly, on how many images, and what the intervals are over."""
    datas = {run.data.sha256: run.data for run in lineup.runs}
    data = next(iter(datas.values()))
    images = f"{count(data.n)} {data.split} images of {data_name(data)}{resized(data)}"
    if len(datas) == 1:
        images += ", the same for every network"
    else:
        images = f"{spelled(len(datas))} different sets of images, which are never paired with one another"
    attacks = _attacks(lineup)
    sentences = []
    if attacks:
        described = _listed([_described(attacks[name], lineup) for name in attacks])
        noun = "attacks" if len(attacks) > 1 or _audit_leads(lineup) else "attack"
        sentences.append(
            f"{_access(attacks, lineup)} {noun} on {images}: {described}; pixels run from 0 to 1."
        )
    else:
        tried = [
            attack_name(name, lineup) for name, o in asked_attacks(lineup.runs).items() if o.status != "ok"
        ]
        what = f"No attack was scored ({listed(sorted(tried))})." if tried else "No attack was run."
        sentences.append(f"{what} Evaluated on {images}.")
    sentences += [_seeds(lineup), *_called(lineup), *_trained(lineup)]
    return sentences


def _access(attacks: dict[str, Outcome], lineup: Lineup) -> str:
    """ "White-box and black-box, untargeted"; what is not recorded is left out."""
    accesses = [o.attack.access for o in attacks.values() if o.attack is not None]
    if _audit_leads(lineup):
        accesses = ["white-box", "black-box"]
    boxes: list[str] = [access for access in ACCESS if access in accesses]
    goals = {o.attack.targeted for o in attacks.values() if o.attack is not None} or {False}
    aims = [text for targeted, text in ((False, "untargeted"), (True, "targeted")) if targeted in goals]
    text = ", ".join(part for part in (listed(boxes), listed(aims)) if part)
    return text[:1].upper() + text[1:]


def _called(lineup: Lineup) -> list[str]:
    """What networks compute in, where that is not float32, and where in their output the logits lie."""
    made = [group for group in lineup.groups if group.made]
    types: dict[str, list[str]] = {}
    places: dict[str, list[str]] = {}
    for group in made:
        subject = group.first.subject
        if subject.dtype != "float32":
            types.setdefault(subject.dtype, []).append(row_title(group))
        if place := subject.output or subject.output_found:
            places.setdefault(place, []).append(row_title(group))

    def who(names: list[str]) -> str:
        return "every network" if len(names) == len(made) else _few(names)

    lines = [
        f"Computed in {dtype}, with images, budgets and logits in float32: {who(names)}."
        for dtype, names in types.items()
    ]
    return [
        *lines,
        *(
            f"Logits taken from “{place}” of what it returns: {who(names)}."
            for place, names in places.items()
        ),
    ]


def _trained(lineup: Lineup) -> list[str]:
    """ "Trained adversarially: SNIP 0.9 (PGD, ℓ∞, ε = 0.1, 7 steps)." or "Every network was ..."."""
    found: dict[str, list[str]] = {}
    made = [group for group in lineup.groups if group.made]
    for group in made:
        plan = group.first.history.settings.get("adversarial") if group.first.history is not None else None
        if isinstance(plan, dict):
            stated, eps = plan.get("norm"), plan.get("eps")
            norm = next((known for known in NORM_SIGNS if known == stated), None)
            sign = norm_sign(norm) or str(stated or "")
            budget = f"{budget_sign(norm)} = {eps:g}" if isinstance(eps, int | float) else ""
            parts = [str(plan.get("kind", "")).upper(), *([] if budget.startswith(sign) else [sign]), budget]
            found.setdefault(", ".join(part for part in parts if part), []).append(row_title(group))
    if len(found) == 1 and sum(map(len, found.values())) == len(made):
        return [f"Every network was trained adversarially ({next(iter(found))})."]
    trained = [f"{_few(who)} ({how})" for how, who in found.items()]
    return [f"Trained adversarially: {listed(trained)}."] if trained else []


def _few(names: list[str]) -> str:
    return listed(names) if len(names) <= MOST_NAMES else f"{count(len(names))} rows, {names[0]} among them"


def _audit_leads(lineup: Lineup) -> bool:
    """Whether nothing but an audit attacked the networks."""
    return lineup.attack is not None and not scored_attacks(lineup.runs)


def _attacks(lineup: Lineup) -> dict[str, Outcome]:
    """One outcome of every attack that was scored, the table's first."""
    first = lineup.attack[0] if lineup.attack else ""
    if _audit_leads(lineup):
        return {first: next(o for run in lineup.runs if (o := ok(run, first)) is not None)}
    found = {name: outcomes[0] for name, outcomes in scored_attacks(lineup.runs).items()}
    return dict(sorted(found.items(), key=lambda item: (item[0] != first, item[0])))


def _listed(described: list[tuple[str, str]]) -> str:
    """Attacks of one aim together: "FGSM and PGD inside ...; Carlini–Wagner for ..."."""
    names: dict[str, list[str]] = {}
    for name, aim in described:
        names.setdefault(aim, []).append(name)
    clauses = [f"{listed(own)} {aim}" for aim, own in names.items()]
    return listed(clauses) if max(len(own) for own in names.values()) == 1 else "; ".join(clauses)


def _described(outcome: Outcome, lineup: Lineup) -> tuple[str, str]:
    """(the attack, what it was after)."""
    norm = norm_of(outcome)
    name = attack_name(outcome.evaluator, lineup, norm=norm)
    name = f"all attacks of the audit of {name}" if outcome.audit is not None else name
    sign = norm_sign(norm)
    if measures_distance(outcome):
        return name, f"for the smallest {sign} distance".replace("  ", " ")
    main = lineup.attack
    budget = main[1] if main is not None and main[0] == outcome.evaluator else headline(outcome)
    if budget is None:
        return name, f"in {sign}" if sign else "in a norm that is not recorded"
    if not sign:
        return name, f"at ε = {budget:g} in a norm that is not recorded"
    return name, f"inside an {sign} ball of {'ε =' if norm == 'linf' else 'radius'} {budget:g}"


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
