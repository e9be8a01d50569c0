"""The suite: what it refuses, and which cells it asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.predictions import Cell
from harness.prompts import Prompt
from harness.suite import ClaimCell, Expectation, Filters, Suite

GOOD = """
seed = 3
published = "published.csv"
[profiles.default]
datasets = ["faces:test"]
[profiles.wide]
datasets = ["faces:test", "faces:private"]
models = ["cnn-*", "llava", "*@paper"]
restorations = ["none", "gfpgan"]
prompts = ["plain", "json"]
limit = 100
[datasets.faces]
adapter = "images"
[prompts.json]
answer = "json"
[prompts.orders]
order = "sentiment"
repeats = 2
kinds = ["generative"]
[models.cnn-a]
adapter = "timm"
[models.cnn-b]
adapter = "timm"
[models.clip]
adapter = "open_clip"
[models.llava]
adapter = "transformers"
[models.outside]
adapter = "predictions_csv"
family = "vlm"
[claims.cnn_beats_vlm]
expected = "supported"
[[claims.cnn_beats_vlm.override]]
cell = "*-vs-llava"
expected = "inconclusive"
reason = "too few samples"
[[claims.cnn_beats_vlm.override]]
cell = "faces:test/none/cnn-b-vs-llava"
expected = "refuted"
reason = "cnn-b is a control"
"""

PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
resnet,cnn,faces:test,none,100,accuracy,0.70,paper,
clip-b,vlm,faces:test,none,100,accuracy,0.40,paper,
clip-b,vlm,faces:test,none,100,accuracy,0.41,board,
clip-b,vlm,faces:test,gfpgan,100,accuracy,0.42,paper,
"""

NO_FILTERS = Filters()


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str = GOOD) -> Suite:
        (tmp_path / "published.csv").write_text(PUBLISHED)
        (tmp_path / "suite.toml").write_text(text)
        return Suite.read(tmp_path / "suite.toml")

    return read


def pair_name(cnn: str, vlm: str) -> str:
    """The name of a pair in the default profile, where the VLMs that run here are asked plainly."""
    return f"faces:test/none/{'plain/' if vlm in ('clip', 'llava') else ''}{cnn}-vs-{vlm}"


def names(cells: list[ClaimCell]) -> set[str]:
    return {str(cell) for cell in cells}


class TestReading:
    def test_every_table_is_taken(self, read):
        suite = read()
        assert suite.seed == 3
        assert suite.profile("wide").limit == 100
        assert suite.profile("default").restorations == ("none",)
        assert len(suite.published) == 4
        assert {name: (suite.capability(name), suite.family(name)) for name in suite.models} == {
            "cnn-a": ("classifier", "cnn"),
            "cnn-b": ("classifier", "cnn"),
            "clip": ("contrastive", "vlm"),
            "llava": ("generative", "vlm"),
            "outside": ("published", "vlm"),
        }

    def test_the_shipped_suite_reads_and_its_profiles_nest(self):
        suite = Suite.read(Path("evals/suite.toml"))
        assert {"smoke", "default", "nightly"} <= suite.profiles.keys()
        cells = {
            name: set(suite.claim_cells("cnn_beats_vlm", profile, NO_FILTERS))
            for name, profile in suite.profiles.items()
        }
        assert cells["default"] <= cells["nightly"]

    def test_a_profile_may_judge_some_claims_only(self):
        suite = Suite.read(Path("evals/suite.toml"))
        profile = replace(suite.profile("default"), claims=("label_*",))
        assert not suite.claim_cells("cnn_beats_vlm", profile, NO_FILTERS)
        assert suite.claim_cells("label_order_bias", profile, NO_FILTERS)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"[profiles", r"suite\.toml is not valid TOML .*Correct that line"),
            (b"seed = 1\nseed = 2", "is not valid TOML"),
            (b"name = '\xff'", "is not valid TOML"),
            (b"[model.cnn]\nadapter = 'timm'", "has the unknown table 'model'"),
            (b"[models]\ncnn = 'timm'", r"has models = .*\. Write \[models\.NAME\]"),
            (b"models = ['cnn']", r"has models = .*\. Write \[models\.NAME\]"),
            (b"seed = 'seven'", "has seed = .*Write a whole number, 0 or more"),
            (b"seed = true", "has seed = .*Write a whole number, 0 or more"),
            (b"published = 3", "has published = 3. Write a string"),
            (b"published = 'absent.csv'", r"absent\.csv cannot be read"),
            (b"noise_ceilings = 0.8", "has noise_ceilings = 0.8. Write a table of numbers"),
            (b"[profiles.x]\n", "Profile x of .*datasets"),
            (b"[profiles.x]\ndatasets = []\nmodel = ['*']", "Profile x of .*'model'.* Use datasets, models,"),
            (b"[profiles.x]\ndatasets = 'f:test'", "Profile x of .* datasets = 'f:test'. Write a list"),
            (b"[profiles.x]\ndatasets = []\nmodels = 'resnet*'", "models = 'resnet\\*'. Write a list"),
            (b"[profiles.x]\ndatasets = [1]", r"datasets = \[1\]. Write a list of strings"),
            (b"[profiles.x]\ndatasets = []\nlimit = '9'", "limit = '9'. Write a whole number"),
            (b"[profiles.x]\ndatasets = ['f:test']\n[datasets.g]", "Profile x of .* names f:test"),
            (b"[profiles.x]\ndatasets = ['g']\n[datasets.g]", "names g. Write dataset:split .* among g"),
            (
                b"[models.m]\nfamily = 'fern'",
                r"\[models\.m\] of .* has family = 'fern'. Write one of cnn,",
            ),
            (b"[claims.all_is_well]", "Claim 'all_is_well' is unknown. Use one of .*cnn_beats_vlm"),
            (
                b"[claims.cnn_beats_vlm]\nexpected = 'yes'",
                "expected = 'yes'. Write one of supported, ref",
            ),
            (
                b"[claims.cnn_beats_vlm]\nexpect = 'refuted'",
                "unknown option 'expect'.*Nearest: expected",
            ),
            (
                b"[claims.cnn_beats_vlm]\nprompts = ['plane']",
                "names the prompt 'plane', which fits none. Use one of plain",
            ),
            (b"[claims.cnn_beats_vlm]\nprompts = 'plain'", "Write a list of strings"),
            (b"[profiles.x]\ndatasets = []\nprompts = ['orders']", "Profile x .* names the prompt 'orders'"),
            (b"[profiles.x]\ndatasets = []\nclaims = ['magic*']", "Profile x .* names the claim 'magic\\*'"),
            (
                b"[profiles.x]\ndatasets = []\nrestorations = ['bi*']",
                "Profile x .* names the restoration 'bi\\*'",
            ),
            (b"[claims.restoration_drift]\nencoder = 'clip'", "encoder = 'clip'. Write a model"),
            (b"[claims.restoration_drift]\nencoder = 3", "encoder = 3. Write a string or a table of strings"),
            (b"[prompts.x]\norder = 'random'", "Prompt x .*order.*random"),
            (b"[prompts.x]\nmood = 'good'", "Prompt x .* has the unknown axis 'mood'"),
            (b"[prompts.x]\npersona = 'angry'", "persona = 'angry'. Write one of none, positive,"),
            (b"[prompts.x]\nkinds = ['classifier']", "Write a list of contrastive, generative"),
            (b"[prompts.x]\nrepeats = 0", "repeats = 0. Write a whole number from 1 to 1,000"),
            (b"[prompts.'a.b']", "Prompt 'a.b' .* holds one of"),
            (
                b"[claims.cnn_beats_vlm.override]\ncell = '*'\nexpected = 'refuted'\nreason = 'x'",
                r"Write \[\[claims\.NAME\.override\]\]",
            ),
            (b"[claims.cnn_beats_vlm]\noverride = ['x']", r"Write \[\[claims\.NAME\.override\]\]"),
            (
                b"[[claims.cnn_beats_vlm.override]]\ncell = '*'\nexpected = 'refuted'",
                "An override of claim cnn_beats_vlm of .* lacks the option 'reason'. Write a string",
            ),
            (
                b"[[claims.cnn_beats_vlm.override]]\ncell = '*'\nexpected = 'no'\nreason = 'x'",
                "expected = 'no'. Write one of supported",
            ),
        ],
    )
    def test_a_wrong_entry_is_named_in_one_line(self, tmp_path, body, message):
        path = tmp_path / "suite.toml"
        path.write_bytes(body)
        with pytest.raises(HarnessError, match=message) as caught:
            Suite.read(path)
        assert "\n" not in str(caught.value)

    def test_an_absent_suite_and_an_unknown_profile_say_what_to_name(self, tmp_path, read):
        with pytest.raises(UsageError, match=r"none\.toml cannot be read .*Name one with --suite"):
            Suite.read(tmp_path / "none.toml")
        with pytest.raises(UsageError, match="--profile to be one of default, wide, but got nightly"):
            read().profile("nightly")


class TestCells:
    """Cells that are answered sample by sample."""

    def test_every_model_meets_every_condition_of_the_profile(self, read):
        suite = read()
        assert [str(cell) for cell in suite.cells(suite.profile("default"), NO_FILTERS)] == [
            f"faces:test/none/{name}" for name in ("cnn-a", "cnn-b", "plain/clip", "plain/llava", "outside")
        ]

    def test_only_models_that_read_prompts_are_crossed_with_them(self, read):
        suite = read()
        cells = suite.cells(suite.profile("wide"), NO_FILTERS)
        assert {cell.prompt for cell in cells if cell.model.startswith("cnn")} == {"-"}
        assert {cell.prompt for cell in cells if cell.model == "llava"} == {"plain", "json"}
        assert len(cells) == (2 + 1 * 2) * 2 * 2  # models (with prompts) x splits x restorations
        assert {cell.model for cell in cells} == {"cnn-a", "cnn-b", "llava"}

    @pytest.mark.parametrize(
        ("filters", "kept"),
        [
            (Filters(model=("cnn-?",)), {"cnn-a", "cnn-b"}),
            (Filters(model=("CLIP", "llava")), {"clip", "llava"}),
            (Filters(dataset=("faces",)), {"cnn-a", "cnn-b", "clip", "llava", "outside"}),
            (Filters(dataset=("*:test",)), {"cnn-a", "cnn-b", "clip", "llava", "outside"}),
            (Filters(dataset=("faces:private",)), set()),
            (Filters(restoration=("gfpgan",)), set()),
        ],
    )
    def test_globs_narrow(self, read, filters, kept):
        suite = read()
        assert {cell.model for cell in suite.cells(suite.profile("default"), filters)} == kept

    def test_a_prompt_glob_leaves_models_without_prompts(self, read):
        suite = read()
        cells = suite.cells(suite.profile("wide"), Filters(prompt=("js*",)))
        assert {(cell.model, cell.prompt) for cell in cells} == {
            *(("cnn-a", "-"), ("cnn-b", "-"), ("llava", "json"))
        }


class TestClaimCells:
    def cells(self, suite: Suite, profile: str = "default", **globs: str) -> set[str]:
        filters = Filters(**{name: (glob,) for name, glob in globs.items()})
        return names(suite.claim_cells("cnn_beats_vlm", suite.profile(profile), filters))

    def test_each_classifier_meets_each_vlm_of_its_condition(self, read):
        found = self.cells(read())
        pairs = {
            *((cnn, vlm) for cnn in ("cnn-a", "cnn-b") for vlm in ("clip", "llava", "outside")),
            *((cnn, vlm) for cnn in ("cnn-a", "cnn-b") for vlm in ("clip-b@paper", "clip-b@board")),
            *(("resnet@paper", vlm) for vlm in ("clip", "llava", "outside", "clip-b@paper")),
        }
        assert found == {pair_name(cnn, vlm) for cnn, vlm in pairs}

    def test_two_publications_meet_only_within_one_source(self, read):
        found = self.cells(read())
        assert "faces:test/none/resnet@paper-vs-clip-b@paper" in found
        assert not any("resnet@paper-vs-clip-b@board" in name for name in found)

    def test_a_publication_under_another_restoration_brings_its_own_condition(self, read):
        suite = read()
        assert not any("gfpgan" in name for name in self.cells(suite))  # no classifier was restored so
        wide = {name for name in self.cells(suite, "wide") if "gfpgan" in name and "clip-b" in name}
        assert wide == {f"faces:test/gfpgan/{cnn}-vs-clip-b@paper" for cnn in ("cnn-a", "cnn-b")}

    def test_a_model_glob_narrows_only_the_roles_it_matches(self, read):
        suite = read()
        assert self.cells(suite, model="cnn-a") == {
            pair_name("cnn-a", vlm) for vlm in ("clip", "llava", "outside", "clip-b@paper", "clip-b@board")
        }
        assert self.cells(suite, model="*@paper") == {"faces:test/none/resnet@paper-vs-clip-b@paper"}
        assert self.cells(suite, model="nothing*") == set()

    def test_other_globs_narrow_every_role(self, read):
        suite = read()
        assert self.cells(suite, dataset="*:private") == set()
        assert self.cells(suite, "wide", restoration="none", dataset="*:private", prompt="plain") == {
            f"faces:private/none/plain/{cnn}-vs-llava" for cnn in ("cnn-a", "cnn-b")
        }

    def test_a_claim_that_the_suite_does_not_list_has_no_tests(self, read):
        suite = read(GOOD.partition("[claims")[0])
        assert suite.claim_cells("cnn_beats_vlm", suite.profile("default"), NO_FILTERS) == []


class TestPrompts:
    def test_a_design_stands_for_all_its_orders_and_repeats(self, read):
        prompts = read().prompts
        of_entry = [name for name, prompt in prompts.items() if prompt.entry == "orders"]
        assert of_entry[:3] == ["orders.01", "orders.01.again1", "orders.02"]
        assert len(of_entry) == 8
        assert prompts["orders.02.again1"].prompt == Prompt(order="sentiment.2", repeat=1)

    def test_plain_is_there_without_being_said(self, read):
        assert read("").prompts["plain"].prompt == Prompt()

    def test_a_prompt_can_be_for_one_kind_of_model(self, read):
        suite = read(
            GOOD.replace('"plain", "json"', '"plain", "orders"').replace('"llava", ', '"llava", "clip", ')
        )
        cells = suite.cells(suite.profile("wide"), NO_FILTERS)
        assert {cell.prompt for cell in cells if cell.model == "clip"} == {"plain"}
        assert len({cell.prompt for cell in cells if cell.model == "llava"}) == 1 + 8

    def test_an_entrys_name_filters_all_its_members(self, read):
        suite = read(GOOD.replace('"plain", "json"', '"*"'))
        cells = suite.cells(suite.profile("wide"), Filters(prompt=("orders",), model=("llava",)))
        assert len({cell.prompt for cell in cells}) == 8


class TestContrasts:
    SUITE = (
        GOOD.replace('prompts = ["plain", "json"]', 'prompts = ["*"]')
        + """
[prompts.open]
labels = "absent"
[prompts.six]
form = "six"
[claims.label_order_bias]
[claims.no_label_degradation]
[claims.neutral_collapse]
prompts = ["plain", "six"]
"""
    )

    def found(self, read, claim: str) -> list[ClaimCell]:
        suite = read(self.SUITE)
        cells = suite.claim_cells(
            claim, suite.profile("wide"), Filters(dataset=("*:test",), restoration=("none",))
        )
        return [cell for cell in cells if cell.cells[0].model == "llava"]

    def test_a_test_of_one_model_holds_all_prompts_of_a_design(self, read):
        (cell,) = self.found(read, "label_order_bias")
        assert str(cell) == "faces:test/none/orders/llava"
        assert len(cell.cells) == 8

    def test_a_pair_of_prompts_that_differ_in_one_axis_alone(self, read):
        (cell,) = self.found(read, "no_label_degradation")
        assert [side.prompt for side in cell.cells] == ["plain", "open"]
        assert str(cell) == "faces:test/none/plain-vs-open/llava"

    def test_a_claim_can_be_narrowed_to_prompts(self, read):
        (cell,) = self.found(read, "neutral_collapse")
        assert [side.prompt for side in cell.cells] == ["plain", "six"]


class TestPublications:
    SUITE = """
published = "published.csv"
[profiles.default]
datasets = ["faces:test"]
prompts = ["*"]
[datasets.faces]
adapter = "images"
[prompts.paper]
[prompts.board]
kinds = ["contrastive"]
[models.clip]
adapter = "open_clip"
published_as = "clip-b"
[models.other]
adapter = "open_clip"
[claims.reproduces_published]
"""

    def test_a_model_meets_its_own_publications_under_their_prompts(self, read):
        suite = read(self.SUITE)
        found = suite.claim_cells("reproduces_published", suite.profile("default"), NO_FILTERS)
        assert names(found) == {
            "faces:test/none/paper/clip-vs-clip-b@paper",
            "faces:test/none/board/clip-vs-clip-b@board",
        }


class TestExpectation:
    def expectation(self, suite: Suite, cnn: str, vlm: str) -> Expectation:
        sides = tuple(Cell(model, "faces", "test") for model in (cnn, vlm))
        return suite.expectation(ClaimCell("cnn_beats_vlm", sides))

    def test_the_last_override_that_matches_wins(self, read):
        suite = read()
        assert self.expectation(suite, "cnn-a", "clip") == Expectation("supported", "")
        assert self.expectation(suite, "cnn-a", "llava") == Expectation("inconclusive", "too few samples")
        assert self.expectation(suite, "cnn-b", "llava") == Expectation("refuted", "cnn-b is a control")

    def test_a_claim_may_be_expected_refuted(self, read):
        suite = read(GOOD.replace('expected = "supported"', 'expected = "refuted"'))
        assert self.expectation(suite, "cnn-a", "clip") == Expectation("refuted", "")


@pytest.mark.parametrize("table", ["datasets", "models", "restorations", "prompts"])
@pytest.mark.parametrize("name", ["plain/net", "net:test", ""])
def test_names_that_would_make_two_cells_one_are_refused(tmp_path, table, name):
    """`plain/net` without a prompt and `net` with the prompt `plain` would be the same cell."""
    (tmp_path / "suite.toml").write_text(f'[{table}."{name}"]\n')
    with pytest.raises(
        UsageError, match=r"name .*Use neither / nor : in names|holds one of \. / \*\. Rename"
    ):
        Suite.read(tmp_path / "suite.toml")
