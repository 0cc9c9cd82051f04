"""What makes two networks the same variant of a method, and what makes their masks alike."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sparserobust.records import ChangedParameter, SubjectRecord

OFFSET = "offset"
"""The parameter that says what stands off the mask."""


def changed_of_mask(subject: SubjectRecord) -> tuple[ChangedParameter, ...]:
    """The changed parameters without the offset."""
    return tuple(parameter for parameter in subject.changed if parameter.name != OFFSET)


def changed_offset(subject: SubjectRecord) -> ChangedParameter | None:
    """The offset where it is not the method's own."""
    return next((parameter for parameter in subject.changed if parameter.name == OFFSET), None)


def variant_key(subject: SubjectRecord) -> str:
    """The same for networks that a reader sees under one name: one method, alike in all that was changed in it."""
    return _key(subject, subject.changed)


def mask_key(subject: SubjectRecord) -> str:
    """The same for every offset on masks of one variant."""
    return _key(subject, changed_of_mask(subject))


def _key(subject: SubjectRecord, changed: Iterable[ChangedParameter]) -> str:
    if subject.label_given or subject.method is None:
        return json.dumps([None, subject.label])
    return json.dumps([subject.method, [[p.name, p.value] for p in changed]])


def dense_at_inference(subject: SubjectRecord) -> bool:
    """Whether the network computes with a full offset, so that no multiply-add is saved."""
    return subject.offset != "zero"
