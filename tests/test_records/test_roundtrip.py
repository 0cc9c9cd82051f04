"""Any run that is valid comes back from its file as it was."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparserobust.records import (
    DIFFERENCE,
    FRACTION,
    AttackFacts,
    AuditFacts,
    ChangedParameter,
    LayerRecord,
    Outcome,
    Remark,
    Run,
    Score,
    ScoreSpec,
    SubjectRecord,
    Table,
    load_run,
)

from .factory import make_run

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(0, 1)
TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SETTINGS = st.dictionaries(TEXT, JSON, max_size=3)
REMARKS = st.builds(
    Remark, code=st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,2}", fullmatch=True), facts=SETTINGS
)
NORMS = st.sampled_from(["linf", "l2", "l1", "l0", None])


@st.composite
def scores(draw) -> Score:
    unit = draw(st.sampled_from([FRACTION, DIFFERENCE, "", "MACs"]))
    bounds = {FRACTION: (0, 1), DIFFERENCE: (-1, 1)}.get(unit, (None, None))
    numbers = sorted(
        draw(st.lists(st.floats(*bounds, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
    )
    value = draw(st.sampled_from([numbers[1], None]))
    return Score(
        name=draw(TEXT),
        value=value,
        unit=unit,
        at=draw(st.none() | NUMBERS | TEXT),
        n=draw(st.none() | st.integers(min_value=0)),
        ci_low=draw(st.sampled_from([numbers[0], None])),
        ci_high=draw(st.sampled_from([numbers[2], None])),
        higher_is_better=draw(st.none() | st.booleans()),
        headline=draw(st.booleans()),
        reason=draw(REMARKS if value is None else st.none() | REMARKS),
        warnings=tuple(draw(st.lists(REMARKS, max_size=2))),
    )  # fmt: skip


@st.composite
def arrays(draw, n: int) -> np.ndarray:
    rows = draw(st.integers(0, 3))
    size = n * max(rows, 1)
    if draw(st.booleans()):
        flat = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    else:
        values = st.floats(min_value=-1e300, allow_nan=False) | st.just(math.inf)
        flat = np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=np.float64)
    return flat.reshape(rows, n) if rows else flat


@st.composite
def outcomes(draw, name: str, n: int) -> Outcome:
    status = draw(st.sampled_from(["ok", "skipped", "failed"]))
    columns = draw(st.lists(TEXT, max_size=3))
    row = st.tuples(*[st.none() | NUMBERS | TEXT for _ in columns])
    attack = st.builds(
        AttackFacts,
        norm=NORMS,
        goal=st.sampled_from(["fixed-budget", "minimum-distance"]),
        access=st.sampled_from(["white-box", "black-box", "transfer", None]),
        needs_gradient=st.none() | st.booleans(),
        targeted=st.booleans(),
        headline=st.none() | st.floats(0, 1e6),
    )
    states = st.sampled_from(["supported", "upper-bound", "artefact-proven", "not-auditable"])
    return Outcome(
        evaluator=name,
        title=draw(TEXT),
        status=status,
        attack=draw(st.none() | attack),
        audit=draw(st.none() | st.builds(AuditFacts, state=states, attack=TEXT, norm=NORMS)),
        measures=tuple(draw(st.lists(st.builds(ScoreSpec, name=TEXT, unit=TEXT, about=TEXT), max_size=2))),
        scores=tuple(draw(st.lists(scores(), max_size=3))),
        per_example=draw(st.dictionaries(TEXT, arrays(n), max_size=2)),
        axis=tuple(draw(st.lists(NUMBERS, max_size=3))),
        verdict=draw(st.none() | REMARKS),
        reason=draw(st.none() | REMARKS if status == "ok" else REMARKS),
        tables={"t": Table(columns=columns, rows=draw(st.lists(row, max_size=2)))},
        settings=draw(SETTINGS),
        seconds=draw(st.floats(0, 1e9)),
        cached=draw(st.integers(min_value=0)),
    )


@st.composite
def subjects(draw) -> SubjectRecord:
    layers = [
        LayerRecord(name=draw(TEXT), shape=(size,), numel=size, kept=draw(st.integers(0, size)))
        for size in draw(st.lists(st.integers(0, 10**6), max_size=3))
    ]
    prunable, kept = sum(layer.numel for layer in layers), sum(layer.kept for layer in layers)
    changed = st.builds(ChangedParameter, name=TEXT, value=JSON, words=st.none() | TEXT)
    return SubjectRecord(
        label=draw(TEXT),
        model=draw(TEXT),
        parameters=draw(st.integers(min_value=0)),
        method=draw(st.none() | TEXT),
        params=draw(SETTINGS),
        changed=tuple(draw(st.lists(changed, max_size=2))),
        target_sparsity=draw(st.none() | st.floats(0, 1, exclude_max=True)),
        sparsity=1 - kept / prunable if prunable else draw(SHARES),
        kept=kept,
        prunable=prunable,
        outside=draw(st.none() | SHARES),
        seed=draw(st.none() | st.integers()),
        layers=tuple(layers),
        warnings=tuple(draw(st.lists(REMARKS, max_size=2))),
        weights_sha256=draw(TEXT),
        not_made=draw(st.none() | REMARKS),
    )


@st.composite
def runs(draw) -> Run:
    n = draw(st.integers(1, 12))
    names = draw(st.lists(TEXT, max_size=3, unique=True))
    base = make_run()
    return Run(
        integrity=draw(st.sampled_from(["measured", "unverified", "edited"])),
        subject=draw(subjects()),
        data=base.data.model_copy(update={"n": n, "majority_share": draw(SHARES), "title": draw(TEXT)}),
        seed=draw(st.integers()),
        outcomes={name: draw(outcomes(name, n)) for name in names},
        history=draw(st.sampled_from([base.history, None])),
        environment=base.environment.model_copy(update={"command": draw(st.none() | TEXT)}),
        passes=draw(st.dictionaries(TEXT, st.integers(), max_size=2)),
        dense=draw(st.none() | TEXT),
    )


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(run=runs())
def test_a_valid_run_that_is_saved_and_loaded_is_equal(tmp_path_factory, run):
    path = run.save(tmp_path_factory.getbasetemp() / "roundtrip")
    back = load_run(path)
    assert back == run
    for name, outcome in run.outcomes.items():
        for key, array in outcome.per_example.items():
            found = back.outcomes[name].per_example[key]
            assert found.dtype == array.dtype
            np.testing.assert_allclose(found, array, rtol=1e-6)
    content = path.read_bytes()
    assert back.save(path.parent).read_bytes() == content
