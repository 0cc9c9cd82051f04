"""What a subject of version 1 is called, what was changed in its method, and how it was trained."""

from __future__ import annotations

import pytest

from sparserobust.records import ChangedParameter, SubjectRecord, remark
from sparserobust.records.migrations import migrated_subject

from .factory import kept, old


def test_a_subject_gets_titles_and_what_was_changed():
    subject = old("diverged").subject
    assert (subject.model_title, subject.method_title) == ("LeNet-300-100", "SNIP")
    assert subject.changed == (
        ChangedParameter(name="allocation", value="erk", words="ERK"),
        ChangedParameter(name="offset", value="frozen", words="frozen"),
    )
    assert not subject.label_given
    assert old("diverged").data.title == "digits"
    assert old("diverged").history.status == "diverged"
    assert old("not-made").subject.changed == (
        ChangedParameter(name="rescue", value=None, words="no rescue"),
    )
    assert old("third-party").subject.label_given
    assert old("warnings").subject.label_given  # no method made it
    assert old("starts-full").subject.warnings == (remark("starts-full"),)
    assert old("cut").subject.warnings[0] == remark("layer-collapsed", layer="body.1.weight")


def of_saved_model(history: dict | None = None, **changes: object) -> SubjectRecord:
    raw = kept("v1/everything")["subject"]
    return SubjectRecord.model_validate(migrated_subject(raw | changes, history))


def test_the_subject_of_a_saved_model_is_brought_along_alone():
    assert of_saved_model() == old("everything").subject.model_copy(update={"training": "unknown"})
    assert of_saved_model({"epochs": [{}]}).training == "recorded"
    assert of_saved_model({"epochs": []}).training == "none"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": "torchvision:regnet_y_400mf"}, {"model_title": "regnet_y_400mf"}),
        ({"model": "resnet50-v1"}, {"model_title": "ResNet-50 v1"}),
        ({"model": "my.nets:build"}, {"model_title": "my.nets:build"}),
        ({"method": None}, {"method_title": "", "label_given": True, "changed": ()}),
        ({"method": "rigl-dctps", "label": "rigl-dctps 0.9"}, {"method_title": "RigL-DCTpS", "label_given": False}),
        ({"method": "mine", "label": "mine"}, {"method_title": "mine", "label_given": False}),
        ({"label": "random[a=1]x 0.9"}, {"label_given": True}),
        ({"label": "my best"}, {"label_given": True, "changed": ()}),
        (
            {
                "label": "random[control=shuffled, steps=(3, 5), gone=1] 0.9",
                "params": {"control": "shuffled", "steps": [3, 5]},
            },
            {
                "changed": (
                    ChangedParameter(name="control", value="shuffled", words="shuffled"),
                    ChangedParameter(name="steps", value=[3, 5]),
                )
            },
        ),
        (
            {
                "label": "random[trainable_alpha=False, rescue=random] 0.9",
                "params": {"trainable_alpha": False, "rescue": "random"},
            },
            {
                "changed": (
                    ChangedParameter(name="trainable_alpha", value=False, words="fixed alpha"),
                    ChangedParameter(name="rescue", value="random", words="rescue"),
                )
            },
        ),
    ],
)  # fmt: skip
def test_names_of_a_subject(changes, expected):
    subject = of_saved_model(**changes)
    assert {key: getattr(subject, key) for key in expected} == expected
