"""What a run selects: names widen the profile, wildcards select in it, and what fits nothing is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets import load_dataset
from harness.errors import Unavailable, UsageError
from harness.models import Context
from harness.restoration import build_restorer
from harness.suite import Filters, Suite, check_splits, select
from harness.tools.nearest import like, nearest

SUITE = """
published = "published.csv"
[profiles.default]
datasets = ["faces:test"]
models = ["cnn", "clip", "*@paper"]
[profiles.wide]
datasets = ["faces:test", "faces:private", "more:test"]
models = ["cnn*", "clip*", "llava"]
restorations = ["none", "bicubic", "sharp"]
prompts = ["plain", "json", "orders"]
[datasets.faces]
adapter = "fer2013"
[datasets.more]
adapter = "images"
space = ["happy", "sad"]
[datasets.lone]
adapter = "images"
space = ["happy", "sad"]
[prompts.json]
answer = "json"
[prompts.letters]
answer = "letter"
kinds = ["generative"]
[prompts.orders]
order = "sentiment"
[restorations.sharp]
adapter = "bicubic"
size = 96
[models.cnn]
adapter = "timm"
[models.cnn-b]
adapter = "timm"
[models.clip]
adapter = "open_clip"
[models.clip-large]
adapter = "open_clip"
[models.llava]
adapter = "transformers"
[claims.cnn_beats_vlm]
[claims.label_order_bias]
[claims.restoration_helps_vlms_more]
"""
PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
siglip,vlm,faces:test,none,100,accuracy,0.40,paper,
siglip,vlm,faces:test,gfpgan,100,accuracy,0.41,paper,
other,vlm,faces:test,none,100,accuracy,0.42,board,
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "published.csv").write_text(PUBLISHED)
    (folder / "suite.toml").write_text(SUITE)
    return Suite.read(folder / "suite.toml")


def selected(suite: Suite, profile: str = "default", **globs: str | tuple[str, ...]) -> set[str]:
    """Names of all tests: cells, and the cells of claims."""
    filters = Filters(**{key: (one,) if isinstance(one, str) else one for key, one in globs.items()})
    chosen = select(suite, profile, filters)
    claims = [str(cell) for claim in suite.claims for cell in suite.claim_cells(claim, *chosen)]
    return {*map(str, suite.cells(*chosen)), *claims}


class TestNaming:
    def test_a_model_that_the_profile_lacks_is_added_and_meets_the_profiles_others(self, suite):
        assert selected(suite, model="cnn-b") == {
            "faces:test/none/cnn-b",
            "faces:test/none/plain/cnn-b-vs-clip",
            "faces:test/none/cnn-b-vs-siglip@paper",
        }

    def test_a_published_system_is_a_model(self, suite):
        assert selected(suite, model="other@board") == {"faces:test/none/cnn-vs-other@board"}
        assert selected(suite, model="SigLIP@paper") == {"faces:test/none/cnn-vs-siglip@paper"}

    def test_of_several_models_each_test_has_one_and_roles_are_narrowed_by_those_they_match(self, suite):
        assert selected(suite, model=("cnn-b", "llava")) == {
            "faces:test/none/cnn-b",
            "faces:test/none/plain/llava",
            "faces:test/none/plain/cnn-b-vs-llava",
        }
        assert selected(suite, model=("llava", "clip")) == {
            *(f"faces:test/none/plain/{vlm}" for vlm in ("clip", "llava")),
            *(f"faces:test/none/plain/cnn-vs-{vlm}" for vlm in ("clip", "llava")),
        }

    def test_a_claim_of_two_roles_over_restorations_has_no_test_without_the_named_model(self, suite):
        every = selected(suite, "wide", dataset="faces:test", prompt="plain", model="clip")
        ablations = {name for name in every if "sharp-vs" in name}
        assert ablations
        assert all(name.endswith(("clip", "clip-vs-cnn", "clip-vs-cnn-b")) for name in every), every
        assert not {name for name in selected(suite, model="other@board") if "llava" in name}

    def test_a_split_a_restoration_and_a_prompt_are_added(self, suite):
        assert selected(suite, model="clip", dataset="faces:private") == {
            "faces:private/none/plain/clip",
            "faces:private/none/plain/cnn-vs-clip",
        }
        assert selected(suite, model="cnn", restoration="sharp", dataset="more") == {
            "more:test/sharp/cnn",
            "more:test/sharp/plain/cnn-vs-clip",
            "more:test/sharp-vs-none/plain/clip-vs-cnn",
        }
        assert selected(suite, model="clip", prompt="json") == {
            "faces:test/none/json/clip",
            "faces:test/none/json/cnn-vs-clip",
        }

    def test_the_name_of_an_entry_adds_all_its_prompts_and_a_prompts_own_name_one(self, suite):
        orders = selected(suite, model="clip", prompt="orders")
        assert "faces:test/none/orders/clip" in orders  # the claim about all of them
        assert {f"faces:test/none/orders.0{i}/clip" for i in (1, 2, 3, 4)} <= orders
        assert selected(suite, model="clip", prompt="ORDERS.02") == {
            "faces:test/none/orders.02/clip",
            "faces:test/none/orders.02/cnn-vs-clip",
        }

    def test_what_only_publications_were_measured_under_brings_no_cell_that_cannot_run(self, suite):
        assert select(suite, "default", Filters(model=("siglip@paper",)))[0].restorations == ("none",)
        profile, _ = select(suite, "default", Filters())
        assert profile == suite.profile("default")

    def test_a_bare_dataset_means_its_splits_in_the_profile_else_those_of_any_profile(self, suite):
        assert selected(suite, model="cnn", dataset="faces") == selected(suite, model="cnn")
        assert selected(suite, model="cnn", dataset="more") >= {"more:test/none/cnn"}
        with pytest.raises(UsageError, match=r"--dataset lone names no split.* Write lone:SPLIT\."):
            selected(suite, dataset="lone")


class TestWildcards:
    def test_they_select_in_the_profile_alone(self, suite):
        assert selected(suite, model="cl*") == selected(suite, model="clip")
        with pytest.raises(UsageError) as caught:
            selected(suite, model="clip-*")
        assert "fits nothing of the profile default" in str(caught.value)
        assert "Outside of it there is clip-large" in str(caught.value)
        assert "or take the profile wide." in str(caught.value)

    @pytest.mark.parametrize(
        ("option", "glob", "outside"),
        [
            ("dataset", "mo*", "more, more:test"),
            ("dataset", "*:private", "faces:private"),
            ("restoration", "sh*", "sharp"),
            ("prompt", "js*", "json"),
            ("prompt", "orders.0[12]", r"orders\.01, orders\.02"),
        ],
    )
    def test_what_they_fit_outside_is_named(self, suite, option, glob, outside):
        with pytest.raises(UsageError, match=rf"there is {outside}\. .*take the profile wide\."):
            selected(suite, **{option: glob})

    def test_a_star_filters_nothing(self, suite):
        every = selected(suite)
        assert selected(suite, model="*", dataset="*", restoration="*", prompt="*") == every


class TestSlips:
    @pytest.mark.parametrize(
        ("option", "given", "message"),
        [
            ("model", "clipp", "--model clipp fits no model of .*suite.toml. Nearest: clip"),
            ("model", "siglip", "Nearest: siglip@paper"),
            ("model", "nope", "--model nope fits no model of .*Nearest: "),
            ("model", "nope*", "--model nope. fits no model"),
            ("model", "", "--model '' fits no model"),
            ("dataset", "face", "fits no dataset of .*Nearest: faces"),
            ("dataset", "face:test", "Nearest: faces:test"),
            ("restoration", "bicubik", "Nearest: bicubic"),
            ("prompt", "plian", "--prompt plian fits no prompt of .*Nearest: plain"),
        ],
    )
    def test_what_fits_nothing_is_an_error_with_the_nearest_name(self, suite, option, given, message):
        with pytest.raises(UsageError, match=message) as caught:
            selected(suite, **{option: given})
        assert "\n" not in str(caught.value)

    def test_each_of_several_is_checked(self, suite):
        with pytest.raises(UsageError, match="--model nope"):
            selected(suite, model=("cnn", "nope"))

    def test_a_wrong_profile_has_a_nearest_one(self, suite):
        with pytest.raises(UsageError, match=r"one of default, wide, but got wild\. Nearest: wide\."):
            select(suite, "wild", Filters())

    def test_a_filter_of_which_the_others_leave_nothing_is_an_error(self, suite):
        with pytest.raises(
            UsageError, match="--prompt letters has no part in any test of the profile default"
        ):
            selected(suite, prompt="letters")  # no generative model there
        with pytest.raises(UsageError, match="--model other@board has no part"):
            selected(suite, model=("cnn", "other@board"), dataset="faces:private")

    def test_a_split_that_no_profile_has_is_asked_of_its_adapter(self, suite, tmp_path):
        def check(source: str) -> None:
            _, filters = select(suite, "default", Filters(dataset=(source,)))
            check_splits(suite, filters, tmp_path)

        with pytest.raises(UsageError, match=r"Unknown split faces:privat\..*Nearest: private\."):
            check("faces:privat")
        check("faces:train")  # not here, and no slip
        check("lone:holdout")
        with pytest.raises(UsageError, match="--dataset more:tets .* more is not here .* Nearest: more:test"):
            check("more:tets")
        for split in ("val", "test"):
            (tmp_path / f"more/{split}/happy").mkdir(parents=True)
            (tmp_path / f"more/{split}/happy/1.png").touch()
        check("more:val")
        with pytest.raises(UsageError, match=r"Unknown split more:tets\. Use one of: test, val"):
            check("more:tets")


@given(
    st.sampled_from(["model", "dataset", "restoration", "prompt"]),
    st.text("abcdefghijklmnoprst-:.*?[]@0123456789", max_size=9),
)
def test_whatever_is_typed_selects_something_or_is_refused(suite, option, typed):
    try:
        profile, filters = select(suite, "wide", Filters(**{option: (typed,)}))
    except UsageError:
        return
    claims = [cell for name in suite.claims for cell in suite.claim_cells(name, profile, filters)]
    assert suite.cells(profile, filters) or claims


def test_adapters_splits_and_restorations_have_nearest_ones_too(tmp_path):
    with pytest.raises(UsageError, match=r"unknown adapter 'imags'.*Nearest: images\."):
        load_dataset({"adapter": "imags"}, "faces", "test", tmp_path)
    with pytest.raises(UsageError, match=r"Unknown split specimen:tset.*Nearest: test\."):
        load_dataset({"adapter": "fixtures.specimens.dataset:load"}, "specimen", "tset", tmp_path)
    with pytest.raises(Unavailable, match=r"Restoration sharpe has no entry.*Nearest: sharp\."):
        build_restorer("sharpe", {"sharp": {"adapter": "bicubic"}}, Context(tmp_path, tmp_path))


def test_the_nearest_names_come_first_and_one_is_named_in_any_case():
    known = ["efficientnet-b0", "resnet50", "vgg19"]
    assert nearest("RESNET", known) == "Nearest: resnet50."
    assert nearest("zzz", known).startswith("Nearest: ")
    assert nearest("resnet", []) == ""
    assert like("zzz", known) == []
