"""The lines under the main table: how to read what it shows, and nothing about what it does not."""

from __future__ import annotations

from typing import Any

from sparserobust.report.table.rows import MainTable


def table_notes(table: MainTable) -> tuple[list[Any], list[Any]]:
    """(left, right) paragraphs below the main table, as safe markup."""
    from markupsafe import Markup

    rows = [row for section in table.sections for row in section.rows]
    left, right = [Markup("{}").format(line) for line in table.shares], []
    if any(row.strip.band for row in rows):
        left.append(Markup("Grey band and dashed line: the dense network and its 95 % interval."))
    if "difference" in table.shown and table.comparisons:
        held = Markup(
            "<b>Bold</b>: higher than dense after Holm’s correction over {} comparison{}, and without a red flag."
        )
        left.append(held.format(table.comparisons, "" if table.comparisons == 1 else "s"))
    if table.single_seed and table.comparisons:
        left.append(
            Markup(
                "One network per row: differences are paired on the same images, a statement about <b>these files</b>."
            )
        )
    if table.has_artefact:
        left.append(Markup("Struck through: an artefact, off the scale and not ranked."))
    if table.has_undecided:
        left.append(
            Markup(
                "<b>Cannot choose</b>: a result of the method, which had nothing to rank the weights by. There is no "
                "network, so means and figures leave it out; the full reasons stand under “Attack reliability”."
            )
        )
    if table.has_rescue:
        left.append(Markup("Raised <b>+n</b>: weights that a rescue gave back to a layer that kept none."))
    if table.has_dense_at_inference:
        right.append(
            Markup(
                "Hollow marks are dense at inference: a frozen or (with a dot) DCT offset fills the weights off the "
                "mask, so they "
                '<b class="alert">save no MACs</b>. Pruned networks save theirs only on hardware that skips zeros.'
            )
        )
    if "harmonic" in table.shown:
        text = "HM: harmonic mean of clean accuracy and the share of exact zeros (SNIP-it’s trade-off)."
        if table.has_trainable_harmonic:
            text += (
                " In brackets HM (trainable), with the share of untrained weights instead: another quantity, not to "
                "be ranked beside it."
            )
        right.append(Markup(text))
    reasons = _reasons(table)
    if reasons:
        right.append(Markup("A dash is not measured, never 0: {}").format("; ".join(reasons) + "."))
    if table.absent:
        right.append(Markup("Not run, so without a column: {}.").format(", ".join(table.absent)))
    return left, right


def _reasons(table: MainTable) -> list[str]:
    """ "not found: 300 of 480: SNIP 0.95" for the dashes in columns without room for a reason."""
    found: dict[str, list[str]] = {}
    for section in table.sections:
        for row in (row for row in section.rows if not row.not_made):
            who = f"{row.name} {section.title.removeprefix('Sparsity ')}".strip()
            cells = {"clean": row.clean, "distance": row.distance, "stored": row.stored, "macs": row.macs}
            for column, cell in cells.items():
                if cell.reason and column in table.shown:
                    found.setdefault(cell.reason.removeprefix("not measured: "), []).append(who)
    return [f"{reason} ({', '.join(dict.fromkeys(names))})" for reason, names in found.items()]
