"""The verdict in words: sentences of spans, every one concluded from the records."""

from __future__ import annotations

from sparserobust.report.badge import not_audited
from sparserobust.report.by_sparsity import by_sparsity
from sparserobust.report.compare import HIGHER, NOT_RANKED
from sparserobust.report.estimates import CLAIM_SEEDS, band, estimate
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import (
    bracket,
    percent,
    plural,
    points,
    signed_bracket,
    target,
    times,
)
from sparserobust.report.spans import Paragraph, Span
from sparserobust.report.trust import ARTEFACT, FINE, NO_MASK, NOT_SCORED

MOST_ARTEFACTS = 3  # that are told one by one


def verdict(judged: Judged) -> list[Paragraph]:
    """What a reader should take home, most important first."""
    lineup = judged.lineup
    paragraphs: list[Paragraph] = []
    if lineup.sparse and judged.differences:
        paragraphs += [_lead(judged)]
        paragraphs += by_sparsity(judged)
    elif not lineup.sparse:
        paragraphs.append((Span("Only dense networks were given; there is nothing to compare them with."),))
    paragraphs += _red_flags(judged)
    caveat = _caveat(judged)
    return [p for p in [*paragraphs, caveat] if p]


def _measure(judged: Judged) -> tuple[str, str]:
    """(what dense is compared in, as an adjective; the noun)."""
    return ("robust", "robust accuracy") if judged.lineup.attack else ("accurate", "clean accuracy")


def _lead(judged: Judged) -> Paragraph:
    groups, (adjective, noun) = judged.lineup.groups, _measure(judged)
    winners = [
        (d.value, i)
        for i, d in judged.differences.items()
        if d.word == HIGHER and d.value is not None and judged.trust[i].verdict in (FINE, NOT_SCORED)
    ]
    if winners:
        _, i = max(winners)
        return (
            Span(f"{_named(groups[i])} is more {adjective} than its dense parent", "strong"),
            Span(f": {_against(i, judged)}{_price(groups[i])}."),
        )
    if all(judged.trust[i].verdict == NO_MASK for i in judged.differences):
        return (Span("No method here could choose its weights", "strong"), Span("; the table says why."))
    unfit = [d.reason for d in judged.differences.values() if d.word == NOT_RANKED and d.value is None]
    compared = [d for d in judged.differences.values() if d.value is not None]
    if not compared and unfit:
        text = unfit[0].removeprefix(f"{NOT_RANKED}: ")
        return (Span("Nothing here can be compared with dense", "strong"), Span(f": {text}."))
    if not compared:
        reasons = [d.reason for i, d in judged.differences.items() if not groups[i].not_made]
        reason = next((reason for reason in reasons if reason), "no network could be made")
        return (
            Span("Relative to dense: not measured", "strong"),
            Span(f" ({reason})." if reason else "."),
        )
    if all(d.word == NOT_RANKED for d in compared):
        return (Span("No sparse network here can be ranked", "strong"), Span("; the table says why."))
    if all(d.word.startswith("no claim") or d.word == NOT_RANKED for d in compared):
        return (
            Span("Too few seeds for a claim about a method", "strong"),
            Span("; the table shows what was seen."),
        )
    flagged = [
        (d.value, i) for i, d in judged.differences.items() if d.word == HIGHER and d.value is not None
    ]
    if flagged:
        _, i = max(flagged)
        why = [*judged.trust[i].notes, *judged.trust[i].failures]
        return (
            Span(f"{_named(groups[i])} measures as more {adjective} than its dense parent, but ", "strong"),
            Span("has to be checked", "alert"),
            Span(f": {_against(i, judged)}{_price(groups[i])}. {why[0][:1].upper()}{why[0][1:]}."),
        )
    kept = [
        (d.value, i) for i, d in judged.differences.items() if d.value is not None and judged.trust[i].ranked
    ]
    lead = Span(f"No sparse network here is shown to be more {adjective} than its dense parent", "strong")
    if not kept:
        return (lead, Span("."))
    _, i = max(kept)
    return (lead, Span(f". Closest is {_named(groups[i])}: {noun} {_against(i, judged)}{_price(groups[i])}."))


def _named(group: Group) -> str:
    tag = f" ({group.tag})" if group.tag else ""
    return f"{group.name}{tag} at sparsity {target(group.target)}"


def _against(i: int, judged: Judged) -> str:
    """ "18.6 % [18.2, 19.0] against 14.8 % [13.5, 16.1], a paired difference of +3.8 points [+2.6, +5.0]"."""
    lineup, d = judged.lineup, judged.differences[i]
    dense = lineup.dense_of(lineup.groups[i])
    own, other = judged.primary[i], judged.primary[lineup.groups.index(dense)] if dense else None
    parts = []
    for e in (own, other):
        if e is not None and e.value is not None:
            ends = band(e)
            interval = f" {bracket(*ends, scale=100)}" if ends else ""
            parts.append(f"{percent(e.value)} %{interval}")
    interval = f" {signed_bracket(d.low, d.high)}" if d.low is not None and d.high is not None else ""
    paired = f"a paired difference of {points(d.value or 0.0)} points{interval}"
    return f"{' against '.join(parts)}, {paired}" if parts else paired


def _price(group: Group) -> str:
    """What it costs beside dense, where that was measured."""
    dense_bytes = estimate(group, "storage", "dense_bytes").value
    at = "seeded" if group.first.subject.positions == "seeded" else "stored"
    best = estimate(group, "storage", "best_bytes", at=at).value
    macs = estimate(group, "flops", "dense_macs").value
    executed = estimate(group, "flops", "executed_macs").value
    parts = []
    if dense_bytes and best and dense_bytes / best > 1.05:
        parts.append(f"{times(dense_bytes / best)} fewer bytes")
    if macs and executed:
        saved = macs / executed
        parts.append(f"{times(saved)} fewer multiply-adds" if saved > 1.05 else "no multiply-adds saved")
    return f", with {' and '.join(parts)}" if parts else ""


def _red_flags(judged: Judged) -> list[Paragraph]:
    """One paragraph for all artefacts: the number and what speaks against it, of the first ones."""
    flagged = [
        (i, trust, value)
        for i, trust in judged.trust.items()
        if trust.verdict == ARTEFACT and (value := judged.primary[i].value) is not None
    ]
    spans: list[Span] = []
    for i, trust, value in flagged[:MOST_ARTEFACTS]:
        why = trust.notes[0] if trust.notes else "its checks fail"
        spans += [
            Span(f"{judged.lineup.groups[i].title} reports {percent(value)} %, but {why}: "),
            Span("an artefact", "alert"),
            Span(", left out of the ranking. "),
        ]
    if (more := len(flagged) - MOST_ARTEFACTS) > 0:
        spans.append(Span(f"{plural(more, 'more row')} {'is' if more == 1 else 'are'} marked as such too."))
    return [tuple(spans)] if spans else []


def _caveat(judged: Judged) -> Paragraph:
    lineup = judged.lineup
    parts = []
    if lineup.robustness is not None and not_audited(judged):
        name = lineup.robustness.name
        gives = f"Even the {name} gives" if lineup.robustness.several else f"{name} gives"
        parts.append(f"{gives} upper bounds: a stronger attack can only lower these accuracies.")
    seeds = {len(group.runs) for group in lineup.sparse if not group.not_made}
    if seeds == {1}:
        parts.append(
            "With one seed per row these are statements about these networks, not about the methods."
        )
    elif seeds and min(seeds) < CLAIM_SEEDS:
        parts.append(f"Rows with fewer than {CLAIM_SEEDS} seeds allow no claim about a method.")
    return (Span(" ".join(parts)),) if parts else ()
