"""The verdict in words: sentences of spans for what `analysis.verdict` decided."""

from __future__ import annotations

from sparserobust.analysis.claims import Audit, Claim, Lead, Price, Side, Verdict
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.verdict import few_seeds
from sparserobust.analysis.worst_case import Robustness
from sparserobust.records import Norm
from sparserobust.report.text.attacks import (
    attack_names,
    budget_text,
    norm_sign,
    robust_budget,
    robust_name,
)
from sparserobust.report.text.by_sparsity import by_sparsity
from sparserobust.report.text.names import row_name, row_tag, row_title
from sparserobust.report.text.numbers import (
    bracket,
    listed,
    percent,
    plural,
    points,
    signed_bracket,
    target,
    times,
)
from sparserobust.report.text.remarks import Names, capital, sentence
from sparserobust.report.text.spans import Paragraph, Span
from sparserobust.report.text.trust import AUDIT_STATES, concern_text, failure_text

MOST_ARTEFACTS = 3  # that are named one by one
WORTH_SAYING = 1.05  # factors below it are no saving
CLAIM_SEEDS_TEXT = "Rows with fewer than 3 seeds allow no claim about a method."


def verdict(found: Findings) -> list[Paragraph]:
    """What a reader should take home, most important first."""
    decided, lineup = found.verdict, found.lineup
    paragraphs = [_lead(decided.lead, lineup)]
    paragraphs += by_sparsity(found)
    paragraphs += [_artefacts(decided, lineup), _caveat(decided, lineup)]
    return [p for p in paragraphs if p]


def _lead(lead: Lead, lineup: Lineup) -> Paragraph:
    claim, reason = lead.claim, sentence(lead.reason) if lead.reason is not None else ""
    adjective, noun = _measure(lineup)
    if lead.kind == "only-dense":
        return (Span("Only dense networks were given; there is nothing to compare them with."),)
    if lead.kind == "none-could-choose":
        return (Span("No method here could choose its weights", "strong"), Span("; the table says why."))
    if lead.kind == "no-fit-reference":
        return (Span("Nothing here can be compared with dense", "strong"), Span(f": {reason}."))
    if lead.kind == "nothing-compared":
        why = f" ({reason})." if reason else "."
        return (Span("Relative to dense: not measured", "strong"), Span(why))
    if lead.kind == "nothing-ranked":
        return (Span("No sparse network here can be ranked", "strong"), Span("; the table says why."))
    if lead.kind == "too-few-seeds":
        return (
            Span("Too few seeds for a claim about a method", "strong"),
            Span("; the table shows what was seen."),
        )
    if lead.kind == "none-better":
        where = _where(lineup.robustness)
        text = f"No sparse network here is shown to be more {adjective} than its dense parent{where}"
        if claim is None:
            return (Span(text, "strong"), Span("."))
        group = lineup.groups[claim.place]
        closest = f". Closest is {_named(group)}: {noun} {_against(claim.main)}"
        return (Span(text, "strong"), Span(f"{closest}{_beside(claim, lineup)}."))
    assert claim is not None
    return _better(claim, lineup, adjective, checked=lead.kind == "better")


def _measure(lineup: Lineup) -> tuple[str, str]:
    """(what dense is compared in, as an adjective; the noun)."""
    return ("robust", "robust accuracy") if lineup.robustness is not None else ("accurate", "clean accuracy")


def _better(claim: Claim, lineup: Lineup, adjective: str, *, checked: bool) -> Paragraph:
    """ "SNIP at 0.99 is more robust than its dense parent in ℓ∞, but less robust in ℓ₂ and less accurate ...: ..."."""
    where = _where(claim.main.robust)
    named = _named(lineup.groups[claim.place])
    numbers = f"{_against(claim.main)}{_beside(claim, lineup)}"
    verb = "is" if checked else "measures as"
    head = f"{named} {verb} more {adjective} than its dense parent{where}"
    less = _less(claim)
    if checked:
        return (Span(f"{head}{', but ' + listed(less) if less else ''}", "strong"), Span(f": {numbers}."))
    names: Names = attack_names(lineup)
    why = ""
    if claim.doubt is not None:
        own = claim.doubt
        text = failure_text(own, names) if own.source and own.evidence is None else concern_text(own, names)
        why = f" {capital(text)}."
    other = f", {listed(less)}" if less else ""
    return (
        Span(f"{head}{other}, but ", "strong"),
        Span("has to be checked", "alert"),
        Span(f": {numbers}.{why}"),
    )


def _where(robust: Robustness | None) -> str:
    """ " in ℓ∞"; nothing where there is no norm or none is known."""
    sign = norm_sign(robust.norm) if robust is not None else ""
    return f" in {sign}" if sign else ""


def _less(claim: Claim) -> list[str]:
    """The sides on which the row is lower than dense, before any correction: what is lost is not to be overlooked."""
    found = [
        f"less robust in {norm_sign(side.robust.norm)}"
        for side in claim.others
        if side.robust is not None and _fell(side)
    ]
    if claim.clean is not None and _fell(claim.clean):
        found.append("less accurate on clean images")
    return found


def _fell(side: Side) -> bool:
    d = side.difference
    return d.result in ("lower", "ns-after-holm") and d.value is not None and d.value < 0


def _named(group: Group) -> str:
    tag = row_tag(group)
    return f"{row_name(group)}{f' ({tag})' if tag else ''} at sparsity {target(group.target)}"


def _against(side: Side) -> str:
    """ "18.6 % [18.2, 19.0] against 14.8 % [13.5, 16.1], a paired difference of +3.8 points [+2.6, +5.0]"."""
    parts = []
    for e in (side.own, side.dense):
        if e is not None and e.value is not None:
            interval = f" {bracket(*e.band, scale=100)}" if e.band else ""
            parts.append(f"{percent(e.value)} %{interval}")
    paired = f"a paired difference of {_points(side)}"
    return f"{' against '.join(parts)}, {paired}" if parts else paired


def _points(side: Side) -> str:
    d = side.difference
    interval = f" {signed_bracket(d.low, d.high)}" if d.low is not None and d.high is not None else ""
    return f"{points(d.value or 0.0)} points{interval}"


def _beside(claim: Claim, lineup: Lineup) -> str:
    """The other sides of a claim: every other norm, clean accuracy, how far it is audited, and the price."""
    parts = [f"; {_other(side, lineup)}" for side in claim.others]
    if claim.clean is not None:
        parts.append(f"; clean accuracy {_short(claim.clean)}")
    audited = _audited(claim)
    return f"{''.join(parts)}{_price(claim.price)}{f'; {audited}' if audited else ''}"


def _other(side: Side, lineup: Lineup) -> str:
    """ "in ℓ₂ 62.7 % against 88.9 % (minimum norm, ℓ₂ = 0.5), −26.2 points"."""
    assert side.robust is not None
    how = f"({robust_name(side.robust, lineup)}, {robust_budget(side.robust)})"
    return f"in {norm_sign(side.robust.norm)} {_short(side)} {how}"


def _short(side: Side) -> str:
    if side.own.value is None or side.difference.value is None:
        return "not measured beside dense"
    dense = f" against {percent(side.dense.value)} %" if side.dense and side.dense.value is not None else ""
    return f"{percent(side.own.value)} %{dense} ({points(side.difference.value)} points)"


def _audited(claim: Claim) -> str:
    """ "gradient masking audited in ℓ∞ up to ε = 0.2: supported; not audited in ℓ₂", "" where nothing was attacked."""
    sides = [side for side in (claim.main, *claim.others) if side.robust is not None]
    audited = [_audit_of(side.audit, side.robust.norm) for side in sides if side.robust and side.audit.state]
    missing = [norm_sign(side.robust.norm) for side in sides if side.robust and not side.audit.state]
    signs = [sign for sign in missing if sign]
    if not audited:
        return (
            f"gradient masking not audited{f' in {listed(signs)}' if len(sides) > 1 and signs else ''}"
            if sides
            else ""
        )
    rest = f", not audited in {listed(signs)}" if signs else ""
    return f"gradient masking audited {listed(audited)}{rest}"


def _audit_of(audit: Audit, norm: Norm | None) -> str:
    """ "in ℓ∞ up to ε = 0.2 (supported)", with how many networks where some of the row were not audited."""
    assert audit.state is not None
    up_to = f" up to {budget_text(norm, audit.eps)}" if audit.eps is not None else ""
    some = f", {audit.networks} of {audit.of} networks" if audit.networks < audit.of else ""
    return f"in {norm_sign(norm)}{up_to} ({AUDIT_STATES[audit.state]}{some})"


def _price(price: Price) -> str:
    """What it costs beside dense, where that was measured."""
    parts = []
    if price.bytes is not None and price.bytes > WORTH_SAYING:
        parts.append(f"{times(price.bytes)} fewer bytes")
    if price.macs is not None:
        fewer = price.macs > WORTH_SAYING
        parts.append(f"{times(price.macs)} fewer multiply-adds" if fewer else "no multiply-adds saved")
    return f", with {' and '.join(parts)}" if parts else ""


def _artefacts(decided: Verdict, lineup: Lineup) -> Paragraph:
    """One paragraph for all artefacts: the number and what speaks against it, of the first ones."""
    names = attack_names(lineup)
    spans: list[Span] = []
    for own in decided.artefacts[:MOST_ARTEFACTS]:
        why = concern_text(own.concern, names) if own.concern is not None else "its checks fail"
        spans += [
            Span(f"{row_title(lineup.groups[own.place])} reports {percent(own.value)} %, but {why}: "),
            Span("an artefact", "alert"),
            Span(", left out of the ranking. "),
        ]
    if (more := len(decided.artefacts) - MOST_ARTEFACTS) > 0:
        spans.append(Span(f"{plural(more, 'more row')} {'is' if more == 1 else 'are'} marked as such too."))
    return tuple(spans)


def _caveat(decided: Verdict, lineup: Lineup) -> Paragraph:
    parts = []
    robust = lineup.robustness
    if decided.upper_bounds and robust is not None:
        name = robust_name(robust, lineup)
        gives = f"Even the {name} gives" if robust.several else f"{name} gives"
        parts.append(f"{gives} upper bounds: a stronger attack can only lower these accuracies.")
    if decided.seeds == 1 and all(len(group.runs) == 1 for group in lineup.sparse if group.made):
        parts.append(
            "With one seed per row these are statements about these networks, not about the methods."
        )
    elif few_seeds(decided.seeds):
        parts.append(CLAIM_SEEDS_TEXT)
    return (Span(" ".join(parts)),) if parts else ()
