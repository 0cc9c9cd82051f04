"""One sentence of the verdict for each sparsity: who is lower, who cannot be told apart, who collapsed."""

from __future__ import annotations

from collections.abc import Mapping

from sparserobust.analysis.claims import AtSparsity, Standing
from sparserobust.analysis.differences import Difference
from sparserobust.analysis.findings import Compared, Findings
from sparserobust.analysis.lineup import Group
from sparserobust.report.text.attacks import norm_sign
from sparserobust.report.text.names import mask_name, row_name, row_tag
from sparserobust.report.text.numbers import fixed, listed, spelled, target
from sparserobust.report.text.spans import Paragraph, Span

MOST_NAMES = 4  # longer lists are counted instead


def by_sparsity(found: Findings) -> list[Paragraph]:
    """The sentences, a paragraph for each norm; none where nothing was compared."""
    paragraphs = []
    several = bool(found.other_norms)
    for compared in (found.primary, *found.other_norms):
        own = [at for at in found.verdict.by_sparsity if at.robust is compared.robust]
        spans: list[Span] = []
        for at in own:
            clauses = _clauses(at, found, compared)
            norm = f"in {norm_sign(at.robust.norm)} " if several and at.robust is not None else ""
            spans += [Span(f"At {target(at.sparsity)} {norm}"), *clauses, Span(". ")]
        if spans:
            paragraphs.append(tuple(spans))
    return paragraphs


def _clauses(at: AtSparsity, found: Findings, compared: Compared) -> list[Span]:
    groups = found.lineup.groups
    standings: dict[Standing, list[Group]] = {
        standing: [groups[i] for i in places] for standing, places in at.standings
    }
    every = [groups[i] for i in at.places]
    differences = {id(groups[i]): d for i, d in compared.differences.items()}
    named = {standing: _named(own, every) for standing, own in standings.items()}
    longest = max(standings, key=lambda standing: named[standing][1])
    many = len(standings[longest])
    long = named[longest][1] > MOST_NAMES or MOST_NAMES < many == len(every)
    order = sorted(standings, key=lambda standing: long and standing == longest)
    everyone = sum(len(own) for own in standings.values()) == len(every)
    spans: list[Span] = []
    for standing in order:
        own, (names, number) = standings[standing], named[standing]
        if long and standing == longest:
            which = "all " if len(own) == len(every) else "the other " if everyone else ""
            names, number = f"{which}{spelled(len(own))}", len(own)
        clause = _clause(standing, own, names, differences, one=number == 1)
        spans += [Span("; "), *clause] if spans else clause
    return spans


def _named(own: list[Group], every: list[Group]) -> tuple[str, int]:
    """(the rows by name, a mask once where its rows with every offset are among them; how many names)."""
    single: list[str] = []
    whole: list[str] = []
    for group in own:
        tag = f" ({row_tag(group)})" if group.tag else ""
        alike = [other for other in every if (other.mask, other.tag) == (group.mask, group.tag)]
        offsets = {other.first.subject.offset for other in alike}
        if len(offsets) > 1 and all(any(other is one for one in own) for other in alike):
            whole.append(f"{mask_name(group)}{tag}")
        else:
            single.append(f"{row_name(group)}{tag}")
    whole = list(dict.fromkeys(whole))
    many = len(single) + len(whole)
    if not whole:
        return listed(single), many
    if not single:
        each = " with any offset" if many == 1 else ", each with any offset,"
        return f"{listed(whole)}{each}", many
    return f"{', '.join(single)} and, with any offset, {listed(whole)}", many


def _clause(
    standing: Standing, own: list[Group], names: str, differences: Mapping[int, Difference], *, one: bool
) -> list[Span]:
    verb = "is" if one else "are"
    if standing == "not-distinguishable":
        seen = _smallest([differences[id(group)] for group in own])
        return [Span(f"{names} {verb} "), Span("not distinguishable", "em"), Span(f" from dense{seen}")]
    if standing == "ns-after-holm":
        return [Span(f"{names} differ{'s' if one else ''} from dense, but n.s. after Holm’s correction")]
    if standing == "untrained":
        return [Span(f"{names} {'is' if one else 'are'} untrained")]
    if standing == "undertrained":
        return [Span(f"{names} {verb} undertrained")]
    if standing == "collapsed":
        return [Span(f"{names} collapse{'s' if one else ''}")]
    if standing == "diverged":
        return [Span(f"{names} diverged in training")]
    if standing == "cannot-choose":
        return [Span(f"{names} cannot choose {'its' if one else 'their'} weights")]
    if standing == "not-made":
        return [Span(f"{names} could not be made")]
    return [Span(f"{names} {verb} {standing} than dense")]


def _smallest(differences: list[Difference]) -> str:
    seen = [d.smallest for d in differences if d.smallest is not None]
    return f" (minimum detectable difference {fixed(100 * max(seen))} points)" if seen else ""
