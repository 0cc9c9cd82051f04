"""One method with different parameters in one experiment: `random[allocation=epl]` beside `random`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.errors import ConfigError
from sparserobust.experiment.bound import bound_methods
from sparserobust.experiment.grammar import Variant, parsed, variant, written
from sparserobust.experiment.places import folder_stem
from sparserobust.methods.random import Random
from sparserobust.training import load_recipe

DIGITS = load_recipe("digits")


def variants(text):
    """The methods of a text with commas between."""
    return sr.Experiment(methods=text).method_variants


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


def test_commas_inside_a_bracket_do_not_part_methods():
    found = variants(" snip , random[allocation=epl, offset=frozen],synflow[input_shape=[1,8,8],steps=5]")
    assert found == [
        Variant("snip", {}),
        Variant("random", {"allocation": "epl", "offset": "frozen"}),
        Variant("synflow", {"input_shape": [1, 8, 8], "steps": 5}),
    ]


def test_values_are_json_or_text_where_they_are_not():
    (found,) = variants('snip[x=1,y=0.5,z=true,rescue=null,t=abc,q="1",n=NaN]')
    assert found.params == {
        "x": 1, "y": 0.5, "z": True, "rescue": None, "t": "abc", "q": "1", "n": "NaN",
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_whatever_a_setting_holds_its_text_says_again(value):
    assert parsed(written(value)) == value
    again = variant(str(Variant("snip", {"a": value, "b": [value]})), "methods")
    assert again.params == {"a": value, "b": [value]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("random[allocation=epl", "a '[' without its ']'; write NAME or NAME[param=value,param=value]"),
        ("random]", "a ']' without its '['"),
        ("random[allocation=epl]]", "a ']' without its '['"),
        ("random[]", "expected param=value in the bracket, got ''"),
        ("random[epl]", "expected param=value in the bracket, got 'epl'"),
        ("random[=epl]", "expected param=value in the bracket, got '=epl'"),
        ("random[allocation=epl,]", "expected param=value in the bracket, got ''"),
        ("random[allocation=epl]x", "text behind the bracket"),
        ("random[a=1][b=2]", "a ']' without its '['"),
        ("[allocation=epl]", "no method before the bracket"),
        ("random[offset=dct,offset=zero]", "offset is given twice"),
        ("dense[offset=zero]", "dense is the reference and has no variants"),
        ("rndom[allocation=epl]", "unknown method 'rndom'; did you mean 'random'?"),
        ("random[alocation=epl]", "random has no parameter 'alocation'; did you mean 'allocation'?"),
        ("random[allocation=elp]", "got 'elp'; did you mean 'epl'?"),
        ("snip[score_samples=many]", "score_samples of snip must be a whole number, at least 1, got 'many'"),
    ],
)
def test_a_wrong_bracket_is_one_clear_line(capsys, tmp_path, text, expected):
    assert run("evaluate", "--methods", text, "--evaluators", "accuracy", "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line
    assert not (tmp_path / "out" / "report.html").exists()


def test_set_reaches_every_variant_of_its_method_and_the_bracket_has_the_last_word():
    named = variants("snip,snip[rescue=null],snip[offset=dct],freezenet")
    settings = {"snip": {"rescue": "random", "score_samples": 64}}
    _, *bound = bound_methods(named, settings, DIGITS)
    assert [b.params.get("rescue", "unset") for b in bound] == ["random", None, "random", "unset"]
    assert [b.method.score_samples for b in bound] == [64, 64, 64, DIGITS.score_samples]


def test_dense_comes_first_and_two_names_for_one_method_are_refused():
    bound = bound_methods(variants("random,snip,dense,random,random[offset=dct]"), {}, DIGITS)
    assert [b.method.variant() for b in bound] == ["dense", "random", "snip", "random[offset=dct]"]
    for one, other in (("random", "random[allocation=uniform]"), ("snip", "snip[score_samples=512]")):
        with pytest.raises(ConfigError, match="are two names for one thing; give one of them") as caught:
            bound_methods(variants(f"{one},{other}"), {}, DIGITS)
        assert f"methods {one} and {other} are" in str(caught.value)


def test_all_variants_that_see_examples_see_as_many():
    bound = bound_methods(variants("snip,snip[offset=frozen],freezenet[mask=random],random"), {}, DIGITS)
    seen = {b.method.variant(): b.params.get("score_samples") for b in bound}
    assert seen["snip"] == seen["snip[offset=frozen]"] == DIGITS.score_samples
    assert seen["random"] is seen["dense"] is None


@pytest.mark.parametrize(
    ("method", "params", "stem"),
    [
        ("random", {}, "random"),
        ("random", {"allocation": "epl", "offset": "frozen"}, "random-epl-frozen"),
        ("snip", {"control": "layer-shuffled"}, "snip-layer-shuffled"),
        ("freezenet", {"mask": "random", "rescue": None}, "freezenet-mask-random-rescue-None"),
        (
            "synflow",
            {"steps": 5, "offset": "dct", "input_shape": [1, 8, 8]},
            "synflow-dct-input_shape-1-8-8-steps-5",
        ),
        ("snip", {"way": "../../etc/pass wd"}, "snip-way-etc-pass-wd"),
    ],
)
def test_folder_names_are_readable_and_never_leave_the_folder(method, params, stem):
    assert folder_stem(method, params) == stem


@pytest.fixture(scope="module")
def factorial(tmp_path_factory):
    """Two masks, three offsets, two sparsities."""
    out = tmp_path_factory.mktemp("factorial")
    masks = ("random[allocation=erk", "snip[score_samples=64")
    named = [f"{mask},offset={offset}]" for mask in masks for offset in ("zero", "frozen", "dct")]
    code = run(
        "evaluate", "--model", "lenet-300-100", "--methods", ",".join(named), "--sparsity", "0.9,0.99",
        "--epochs", "1", "--limit", "50",
        "--evaluators", "accuracy,storage,flops", "--out", out,
    )  # fmt: skip
    return code, out


def test_every_variant_gets_a_run_a_model_and_a_folder_of_its_own(factorial):
    code, out = factorial
    assert code == 0
    stems = [f"random-erk-{o}" for o in ("zero", "frozen", "dct")]
    stems += [f"snip-{o}-score_samples-64" for o in ("zero", "frozen", "dct")]
    folders = {f"{stem}-{s}-0" for stem in stems for s in ("0.9", "0.99")}
    assert {p.name for p in out.iterdir() if p.is_dir()} == {"dense-0-0", *folders}
    for folder in folders:
        recorded = sr.load_run(out / folder)
        assert (out / folder / "model.sparse").exists()
        assert recorded.subject.offset == recorded.subject.params["offset"]
        assert f"-{recorded.subject.offset}-" in folder
    assert sr.load_run(out / "random-erk-dct-0.9-0").subject.params["allocation"] == "erk"
    assert sr.load_run(out / "snip-dct-score_samples-64-0.9-0").subject.score_samples == 64


def test_variants_of_one_mask_keep_the_same_weights(factorial):
    _, out = factorial
    kept = [
        [layer.kept for layer in sr.load_run(out / f"random-erk-{offset}-0.99-0").subject.layers]
        for offset in ("zero", "frozen", "dct")
    ]
    assert kept[0] == kept[1] == kept[2]


def test_the_report_calls_each_variant_by_a_short_name(factorial):
    _, out = factorial
    page = (out / "report.html").read_text()
    for name in (
        "random (ERK)",
        "random (ERK) + frozen",
        "random (ERK) + DCT",
        "SNIP",
        "SNIP + frozen",
        "SNIP + DCT",
    ):
        assert f'<span class="name">{name}</span>' in page
    assert "two methods in six variants at two sparsities" in page


def test_saved_variants_are_filed_under_their_parameters_again(factorial, tmp_path):
    _, out = factorial
    models = [out / f"random-erk-{offset}-0.9-0" / "model.sparse" for offset in ("frozen", "dct")]
    assert run("evaluate", *models, "--evaluators", "storage", "--out", tmp_path) == 0
    folders = {"random-erk-frozen-0.9-0", "random-erk-dct-0.9-0"}
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == folders


def test_only_methods_of_one_event_share_a_scoring_between_sparsities():
    class TwoEvents(Random):
        def events(self, prunable, k):
            return [2 * k, k]

    bound = bound_methods(variants("snip,random"), {}, DIGITS)
    assert all(b.method.scores_once for b in bound)
    assert not TwoEvents().scores_once


def test_a_recipe_that_cannot_decay_frozen_weights_is_refused_before_anything_is_trained(capsys, tmp_path):
    assert run("evaluate", "--methods", "freezenet-wd", "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "freezenet-wd decays its frozen weights, which recipe digits cannot" in error
    assert "recipe freezenet-mnist" in error
    assert error.count("\n") == 1
