"""Which tests a suite makes of claims about restoration, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.suite import Filters, Suite

SUITE = """
[profiles.default]
datasets = ["faces:test"]
restorations = ["none", "bicubic", "lanczos", "gfpgan", "gfpgan-grey", "down-12"]
prompts = ["plain", "json"]
[profiles.plain]
datasets = ["faces:test"]
[profiles.few]
datasets = ["faces:test", "faces:private"]
restorations = ["none", "bicubic", "gfpgan"]
[datasets.faces]
adapter = "images"
[restorations.gfpgan]
adapter = "gfpgan"
weights = "GFPGANv1.4.pth"
[restorations.gfpgan-grey]
adapter = "gfpgan"
weights = "GFPGANv1.4.pth"
colour = "grey"
[restorations.down-12]
adapter = "bicubic"
size = 12
[prompts.json]
answer = "json"
kinds = ["generative"]
[models.resnet]
adapter = "timm"
[models.vgg]
adapter = "timm"
[models.clip]
adapter = "open_clip"
[models.llava]
adapter = "transformers"
[claims.restoration_helps]
[claims.restoration_drift]
[claims.restoration_helps_vlms_more]
[claims.domain_shift_explains]
[[claims.restoration_helps.override]]
cell = "*/down-12-vs-none/*"
expected = "refuted"
reason = "fewer pixels"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "suite.toml").write_text(SUITE)
    return Suite.read(tmp_path / "suite.toml")


def names(suite: Suite, claim: str, profile: str = "default", **globs: str) -> list[str]:
    filters = Filters(**{axis: (glob,) for axis, glob in globs.items()})
    return [str(cell) for cell in suite.claim_cells(claim, suite.profile(profile), filters)]


def test_each_restoration_meets_its_controls_under_the_same_prompt(suite):
    found = names(suite, "restoration_helps", "few")
    per_split = [
        *("bicubic-vs-none/resnet", "bicubic-vs-none/vgg"),
        *("bicubic-vs-none/plain/clip", "bicubic-vs-none/plain/llava"),
        *("gfpgan-vs-bicubic-vs-none/resnet", "gfpgan-vs-bicubic-vs-none/vgg"),
        *("gfpgan-vs-bicubic-vs-none/plain/clip", "gfpgan-vs-bicubic-vs-none/plain/llava"),
    ]
    assert found == [f"faces:{split}/{test}" for split in ("test", "private") for test in per_split]
    assert len(names(suite, "restoration_helps")) == len(set(names(suite, "restoration_helps")))


def test_each_prompt_makes_a_test_of_its_own(suite):
    assert names(suite, "restoration_helps", model="llava", restoration="lanczos") == [
        "faces:test/lanczos-vs-none/plain/llava",
        "faces:test/lanczos-vs-none/json/llava",
    ]


def test_drift_is_judged_on_models_that_repeat_themselves_and_shows_the_other_colour(suite):
    found = names(suite, "restoration_drift", restoration="gfpgan")
    assert found == [
        f"faces:test/gfpgan-vs-bicubic-vs-gfpgan-grey-vs-none/{model}"
        for model in ("resnet", "vgg", "plain/clip")
    ]


def test_two_models_meet_under_the_same_restorations(suite):
    (cell,) = (
        cell
        for cell in suite.claim_cells(
            "restoration_helps_vlms_more",
            suite.profile("few"),
            Filters(dataset=("*:test",), restoration=("gfpgan",), model=("clip", "vgg")),
        )
    )
    assert str(cell) == "faces:test/gfpgan-vs-bicubic-vs-none/plain/clip-vs-vgg"
    assert [(side.model, side.restoration) for side in cell.cells] == [
        (model, restoration) for model in ("clip", "vgg") for restoration in ("gfpgan", "bicubic", "none")
    ]


def test_a_model_glob_narrows_only_the_role_that_it_matches(suite):
    found = names(
        suite, "restoration_helps_vlms_more", "few", dataset="*:test", model="clip", restoration="bicubic"
    )
    assert found == [f"faces:test/bicubic-vs-none/plain/clip-vs-{cnn}" for cnn in ("resnet", "vgg")]
    assert names(
        suite, "restoration_helps", "few", model="clip*", restoration="gfpgan", dataset="*:test"
    ) == ["faces:test/gfpgan-vs-bicubic-vs-none/plain/clip"]
    assert names(suite, "restoration_helps", "few", model="nothing*") == []


def test_all_restorations_make_one_test_of_shift_whose_name_counts_them(suite):
    assert names(suite, "domain_shift_explains", model="vgg") == ["faces:test/none-and-5-others/vgg"]
    assert names(suite, "domain_shift_explains", "few") == []
    (cell, *_) = suite.claim_cells("domain_shift_explains", suite.profile("default"), Filters())
    assert [side.restoration for side in cell.cells] == list(suite.profile("default").restorations)


def test_a_profile_without_restorations_has_none_of_these_tests(suite):
    for claim in suite.claims:
        assert names(suite, claim, "plain") == []
        assert names(suite, claim, restoration="none") == []


def test_a_claim_can_be_narrowed_to_restorations_and_keeps_its_controls(suite):
    narrowed = replace(suite, claims={"restoration_helps": {"restorations": ["gfpgan*"]}})
    found = names(narrowed, "restoration_helps", model="vgg")
    assert found == [f"faces:test/{name}-vs-bicubic-vs-none/vgg" for name in ("gfpgan", "gfpgan-grey")]


def test_other_claims_can_be_narrowed_to_restorations_too(suite):
    wide = replace(suite, claims={"cnn_beats_vlm": {}})
    narrowed = replace(suite, claims={"cnn_beats_vlm": {"restorations": ["none"]}})
    assert {name.split("/")[1] for name in names(wide, "cnn_beats_vlm", "few")} == {
        "none",
        "bicubic",
        "gfpgan",
    }
    assert {name.split("/")[1] for name in names(narrowed, "cnn_beats_vlm", "few")} == {"none"}
    assert len(names(narrowed, "cnn_beats_vlm", "few")) == len(names(wide, "cnn_beats_vlm", "few")) / 3


def test_an_override_names_a_restoration(suite):
    cells = {
        str(cell): cell
        for cell in suite.claim_cells("restoration_helps", suite.profile("default"), Filters())
    }
    assert suite.expectation(cells["faces:test/down-12-vs-none/vgg"]).outcome == "refuted"
    assert suite.expectation(cells["faces:test/lanczos-vs-none/vgg"]).outcome == "supported"
