"""One sentence of the verdict for each sparsity: who is lower, who cannot be told apart, who collapsed."""

from __future__ import annotations

from sparserobust.report.compare import ALIKE, HIGHER, LOWER, NOT_AFTER_HOLM, Difference
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import fixed, listed, spelled, target
from sparserobust.report.spans import Paragraph, Span
from sparserobust.report.trust import COLLAPSED, DIVERGED, NO_MASK, NOT_MADE

MOST_NAMES = 4  # longer lists are counted instead


def by_sparsity(judged: Judged) -> list[Paragraph]:
    """The sentences as one paragraph, none where nothing was compared."""
    lineup = judged.lineup
    sentences: list[Span] = []
    for sparsity in lineup.sparsities:
        places = [i for i, g in enumerate(lineup.groups) if not g.dense and g.target == sparsity]
        spans = _clauses(places, judged)
        if spans:
            sentences += [Span(f"At {target(sparsity)} "), *spans, Span(". ")]
    return [tuple(sentences)] if sentences else []


def _clauses(places: list[int], judged: Judged) -> list[Span]:
    by_word: dict[str, list[int]] = {}
    for i in places:
        trust, d = judged.trust[i], judged.differences[i]
        word = trust.verdict if not trust.ranked else d.word
        if word:
            by_word.setdefault(word, []).append(i)
    words = (HIGHER, ALIKE, NOT_AFTER_HOLM, LOWER, COLLAPSED, DIVERGED, NO_MASK, NOT_MADE)
    told = [word for word in words if word in by_word]
    named = {word: _named(by_word[word], places, judged) for word in told}
    longest = max(told, key=lambda word: named[word][1], default="")
    long = longest and (named[longest][1] > MOST_NAMES or MOST_NAMES < len(by_word[longest]) == len(places))
    counted = longest if long else ""
    told.sort(key=lambda word: word == counted)
    everyone = sum(len(by_word[word]) for word in told) == len(places)
    spans: list[Span] = []
    for word in told:
        own, (names, many) = by_word[word], named[word]
        if word == counted:
            which = "all " if len(own) == len(places) else "the other " if everyone else ""
            names, many = f"{which}{spelled(len(own))}", len(own)
        clause = _clause(word, own, names, judged, one=many == 1)
        spans += [Span("; "), *clause] if spans else clause
    return spans


def _named(own: list[int], places: list[int], judged: Judged) -> tuple[str, int]:
    """(the rows by name, a mask once where its rows with every offset are among them; how many names)."""
    groups = judged.lineup.groups
    single: list[str] = []
    whole: list[str] = []
    for i in own:
        group = groups[i]
        tag = f" ({group.tag})" if group.tag else ""
        alike = [k for k in places if (groups[k].mask, groups[k].tag) == (group.mask, group.tag)]
        if len({groups[k].first.subject.offset for k in alike}) > 1 and set(alike) <= set(own):
            whole.append(f"{group.mask}{tag}")
        else:
            single.append(f"{group.name}{tag}")
    whole = list(dict.fromkeys(whole))
    many = len(single) + len(whole)
    if not whole:
        return listed(single), many
    if not single:
        each = " with any offset" if many == 1 else ", each with any offset,"
        return f"{listed(whole)}{each}", many
    return f"{', '.join(single)} and, with any offset, {listed(whole)}", many


def _clause(word: str, places: list[int], names: str, judged: Judged, *, one: bool) -> list[Span]:
    verb = "is" if one else "are"
    if word == ALIKE:
        seen = _smallest([judged.differences[i] for i in places])
        return [Span(f"{names} {verb} "), Span(ALIKE, "em"), Span(f" from dense{seen}")]
    if word == NOT_AFTER_HOLM:
        return [Span(f"{names} differ{'s' if one else ''} from dense, but not after Holm’s correction")]
    if word == COLLAPSED:
        return [Span(f"{names} collapse{'s' if one else ''}")]
    if word == DIVERGED:
        return [Span(f"{names} diverged in training")]
    if word == NO_MASK:
        return [Span(f"{names} cannot choose {'its' if one else 'their'} weights")]
    if word == NOT_MADE:
        return [Span(f"{names} could not be made")]
    return [Span(f"{names} {verb} {word} than dense")]


def _smallest(differences: list[Difference]) -> str:
    seen = [d.smallest for d in differences if d.smallest is not None]
    return f" (a difference under {fixed(100 * max(seen))} points could not have been seen)" if seen else ""
