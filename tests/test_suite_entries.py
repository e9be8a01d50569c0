"""Entries of a suite that hold what they cannot: one line that names file, table, key and what is wanted."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_suite import SUITE
from typing_extensions import TypedDict, Unpack

from harness.errors import HarnessError, UsageError
from harness.suite import Suite
from harness.tools.adapters import Adapters

SHIPPED = Path(__file__).parents[1] / "evals/suite.toml"
IMAGES = '[datasets.faces]\nadapter = "images"\nspace = "fer2013"\n'
TEXT, TEXTS, WHOLE, NUMBER = "a string", "a list of strings", "a whole number", "a number"
SWITCH = "true or false"

# The entry, what it says wrongly, and what it should.
ENTRIES: list[tuple[str, str, str]] = [
    ("[datasets.faces]", "adapter = 3", TEXT),
    ("[datasets.faces]", "adapter = ['images']", TEXT),
    ("[datasets.faces]", "max_missing = 'few'", NUMBER),
    ("[datasets.faces]", "max_missing = true", NUMBER),
    (IMAGES, "labels = {1 = 0}", "a table of strings"),
    (IMAGES, "labels = ['angry']", "a table of strings"),
    (IMAGES, "extensions = '.jpg'", TEXTS),
    (IMAGES, "extensions = [1]", TEXTS),
    (IMAGES, "path = 3", TEXT),
    (IMAGES, "path = ['a', 'b']", TEXT),
    (IMAGES, "layout = true", TEXT),
    (IMAGES, "csv = 1979-05-27", TEXT),
    (IMAGES, "columns = 'path'", TEXTS),
    (IMAGES, "columns = [['path']]", TEXTS),
    (IMAGES, "file = 1.5", TEXT),
    (IMAGES, "splits = {test = 3}", "a table of strings or lists of strings"),
    (IMAGES, "splits = 'test'", "a table of strings or lists of strings"),
    (IMAGES, "group = ['a']", TEXT),
    (IMAGES, "obtain = 3", TEXT),
    (IMAGES, "extension = ['.jpg']", "Nearest: extensions"),
    (IMAGES, "name = 'other'", "unknown option"),
    ('[datasets.faces]\nadapter = "images"', "space = 3", "a string or a list of strings"),
    ('[datasets.faces]\nadapter = "images"', "space = [1, 2]", "a string or a list of strings"),
    ("[datasets.fer2013]", "form = 1", TEXT),
    ("[datasets.fer2013]", "path = {}", TEXT),
    ("[datasets.fer2013]", "froms = 'zip'", "Nearest: form"),
    ("[models.m]", "adapter = {}", TEXT),
    ("[models.m]", "skip = true", TEXT),
    ("[models.m]", "published_as = 1", TEXT),
    ("[models.m]", "family = 'tree'", "one of cnn, vlm, human, ensemble, baseline"),
    ("[models.m]", "capability = ['classifier']", "one of classifier, contrastive, generative, derived"),
    ("[models.m]", "restoration = ['none']", TEXT),
    ('[models.m]\nadapter = "timm"', "checkpoint = 3", TEXT),
    ('[models.m]\nadapter = "timm"', "labels = {angry = 0}", TEXTS),
    ('[models.m]\nadapter = "timm"', "labels = 'angry'", TEXTS),
    ('[models.m]\nadapter = "timm"', "state = 1", TEXT),
    ('[models.m]\nadapter = "timm"', "chekpoint = 'x'", "Nearest: checkpoint"),
    ('[models.m]\nadapter = "what_the_face"', "path = 'x'", "unknown option"),
    ('[models.m]\nadapter = "open_clip"', "model = 1", TEXT),
    ('[models.m]\nadapter = "open_clip"', "pretrained = true", TEXT),
    ('[models.m]\nadapter = "open_clip"', "like = []", TEXT),
    ('[models.m]\nadapter = "open_clip"', "revision = 7", TEXT),
    ('[models.m]\nadapter = "open_clip"', "sweep = 'no'", SWITCH),
    ('[models.m]\nadapter = "transformers"', "model = ['a']", TEXT),
    ('[models.m]\nadapter = "transformers"', "batch_size = '8'", WHOLE),
    ('[models.m]\nadapter = "transformers"', "batch_size = 8.0", WHOLE),
    ('[models.m]\nadapter = "transformers"', "trust_remote_code = 'yes'", SWITCH),
    ('[models.m]\nadapter = "transformers"', "quantisation = 4", TEXT),
    ('[models.m]\nadapter = "transformers"', "attention = false", TEXT),
    ('[models.m]\nadapter = "transformers"', "revision = 0", TEXT),
    ('[models.m]\nadapter = "openai"', "price = 1", "a list of numbers"),
    ('[models.m]\nadapter = "openai"', "price = ['1', '2']", "a list of numbers"),
    ('[models.m]\nadapter = "openai"', "price = [nan, 0]", "a list of numbers"),
    ('[models.m]\nadapter = "openai"', "price = {input = 1}", "a list of numbers"),
    ('[models.m]\nadapter = "openai"', "concurrency = 1.5", WHOLE),
    ('[models.m]\nadapter = "openai"', "timeout = '60'", NUMBER),
    ('[models.m]\nadapter = "openai"', "timeout = inf", NUMBER),
    ('[models.m]\nadapter = "openai"', "retries = true", WHOLE),
    ('[models.m]\nadapter = "openai"', "logprobs = 1", SWITCH),
    ('[models.m]\nadapter = "openai"', "json_mode = 'on'", SWITCH),
    ('[models.m]\nadapter = "openai"', "extra = ['seed']", "a table of values"),
    ('[models.m]\nadapter = "openai"', "base_url = 8000", TEXT),
    ('[models.m]\nadapter = "openai"', "api_key_env = true", TEXT),
    ('[models.m]\nadapter = "openai"', "api_key = 'secret'", "Nearest: api_key_env"),
    ('[models.m]\nadapter = "predictions_csv"', "path = 3", TEXT),
    ('[models.m]\nadapter = "predictions_csv"', "labels = 3", "a list of strings or a table of strings"),
    ('[models.m]\nadapter = "predictions_csv"', "labels = {angry = 0}", "a list of strings or a table"),
    ("[restorations.r]", "adapter = false", TEXT),
    ("[restorations.r]", "size = 'large'", WHOLE),
    ('[restorations.r]\nadapter = "bicubic"', "size = 1.5", WHOLE),
    ('[restorations.r]\nadapter = "bicubic"', "method = 'lanczos'", "unknown option"),
    ('[restorations.r]\nadapter = "gfpgan"', "weights = 1", TEXT),
    ('[restorations.r]\nadapter = "gfpgan"', "sha256 = 12", TEXT),
    ('[restorations.r]\nadapter = "gfpgan"', "colour = true", TEXT),
    ('[restorations.r]\nadapter = "gfpgan"', "upscale = 2", "Nearest: "),
    ('[restorations.r]\nadapter = "gfpgan"', "num_mpl = 2", "Nearest: num_mlp"),
    ('[restorations.r]\nadapter = "gfpgan"', "out_size = 48", "one of 16, 32"),
    ('[restorations.r]\nadapter = "gfpgan"', "different_w = 1", SWITCH),
    ('[restorations.r]\nadapter = "spandrel"', "dtype = 16", TEXT),
    ('[restorations.r]\nadapter = "spandrel"', "wieghts = 'x'", "Nearest: weights"),
    ("[prompts.p]", "persona = ['none']", "one of none, positive"),
    ("[prompts.p]", "examples = 'yes'", SWITCH),
    ("[prompts.p]", "max_tokens = '9'", WHOLE),
    ("[prompts.p]", "max_tokens = 0", "1 or more"),
    ("[prompts.p]", "subset = 'anger'", TEXTS),
    ("[prompts.p]", "kinds = [['generative']]", "a list of contrastive, generative"),
    ("[prompts.p]", "repeats = 1000000000", "from 1 to 1,000"),
    ("[prompts.p]", "wordings = 'plain'", "Nearest: wording"),
    ("[claims.cnn_beats_vlm]", "expected = ['supported']", "one of supported, refuted, inconclusive"),
    ("[claims.cnn_beats_vlm]", "prompts = [1]", TEXTS),
    ("[claims.cnn_beats_vlm]", "restorations = 'none'", TEXTS),
    ("[claims.cnn_beats_vlm]", "override = [1]", r"\[\[claims"),
    ("[claims.cnn_beats_vlm]", "encoder = [1]", "a string or a table of strings"),
    ("[claims.cnn_beats_vlm]", "encoder = {faces = 1}", "a string or a table of strings"),
    ("[[claims.cnn_beats_vlm.override]]\nexpected = 'refuted'\nreason = ''", "cell = 1", TEXT),
    ("[[claims.cnn_beats_vlm.override]]\ncell = '*'\nreason = ''", "expected = []", "one of supported"),
    ("[[claims.cnn_beats_vlm.override]]\ncell = '*'\nexpected = 'refuted'", "reason = 3", TEXT),
    ("[profiles.p]\ndatasets = []", "limit = '9'", WHOLE),
    ("[profiles.p]\ndatasets = []", "models = 'm'", TEXTS),
    ("[profiles.p]\ndatasets = []", "modles = ['m']", "Nearest: models"),
    ("[noise_ceilings]", "'faces:test' = 2", "from 0 to 1"),
    ("", "seed = -1", "0 or more"),
    ("", "profile = 'p'", "Nearest: profiles"),
]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "evals/suite.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def one_line(error: object, path: Path, *parts: str) -> None:
    """The message is one line with all of this in it."""
    said = str(error)
    assert "\n" not in said
    for part in (str(path), *parts):
        assert part in said.replace("\\", ""), said


def names(header: str, line: str) -> list[str]:
    """The entry and the key that a message has to name."""
    entry = header.partition("\n")[0].strip("[]").split(".")[1:2]
    return [*entry, line.partition(" = ")[0].strip("'")]


@pytest.mark.parametrize(("header", "line", "wanted"), ENTRIES)
def test_a_wrong_value_is_named_with_what_is_wanted(tmp_path, header, line, wanted):
    path = written(tmp_path, f"{header}\n{line}\n")
    with pytest.raises(UsageError) as caught:
        Suite.read(path)
    where = f"{path}, line {header.count(chr(10)) + 2},"
    one_line(caught.value, path, where, *names(header, line), wanted.replace("\\", ""))


@pytest.mark.parametrize(("header", "line", "wanted"), ENTRIES[::9])
def test_the_command_says_it_and_nothing_else(tmp_path, harness, header, line, wanted):
    path = written(tmp_path, f"{header}\n{line}\n")
    error = harness("doctor", "--suite", path).error
    one_line(error, path, *names(header, line), wanted.replace("\\", ""))


def test_the_shipped_suite_and_the_tiny_one_hold_nothing_wrong(tmp_path):
    Suite.read(SHIPPED)
    Suite.read(written(tmp_path, SUITE))


class Options(TypedDict, total=False):
    size: int


def mine(root, split, *, name, look: str = "plain", weights: Unknown = None, **more):  # noqa: F821
    """An adapter of somebody else, with a name that only a type checker knows."""


class TestAdapters:
    """Adapters of others are held to what they say of themselves, when they are built."""

    adapters = Adapters({}, "none", given=("name",), before=2, shared={"max_missing": float})

    def test_what_is_left_are_the_options(self):
        entry = {"adapter": "x:mine", "look": "fer", "other": date(2026, 1, 1), "max_missing": 0.5}
        assert self.adapters.check(mine, entry, "It") == {"look": "fer", "other": date(2026, 1, 1)}

    def test_keywords_of_a_typed_dict_are_all_there_are(self):
        def load(root, split, *, name, **options: Unpack[Options]): ...

        assert self.adapters.check(load, {"size": 3}, "It") == {"size": 3}
        with pytest.raises(UsageError, match="It has size = 'big'. Write a whole number"):
            self.adapters.check(load, {"size": "big"}, "It")
        with pytest.raises(UsageError, match="It has the unknown option 'sise'.*Nearest: size"):
            self.adapters.check(load, {"sise": 3}, "It")

    def test_annotations_that_cannot_be_read_are_not_held_against_anybody(self):
        assert self.adapters.check(mine, {"weights": 3}, "It") == {"weights": 3}

    def test_a_wrong_type_is_named(self):
        def load(root, split, *, name, look: str, size: int | None = None): ...

        with pytest.raises(UsageError, match="It has size = 'big'. Write a whole number"):
            self.adapters.check(load, {"look": "fer", "size": "big"}, "It")
        with pytest.raises(UsageError, match="It lacks the option 'look'. Write a string"):
            self.adapters.check(load, {}, "It")
        assert self.adapters.check(load, {}, "It", whole=False) == {}


class TestText:
    """Files as editors and people on other systems write them."""

    def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(self, tmp_path):
        plain = Suite.read(written(tmp_path, SUITE))
        there = written(tmp_path, b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
        assert Suite.read(there) == plain

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "suite.toml")
        with pytest.raises(UsageError, match=r"suite\.toml cannot be read \(Not a regular file\)"):
            Suite.read(tmp_path / "suite.toml")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_16_is_named(self, tmp_path, encoding):
        path = written(tmp_path, f"\ufeff{SUITE}".encode(encoding))
        with pytest.raises(UsageError, match="is UTF-16, and TOML is UTF-8. Save it as UTF-8"):
            Suite.read(path)

    def test_a_line_that_is_no_utf_8_is_named(self, tmp_path):
        path = written(tmp_path, SUITE.encode() + "# künstlich".encode("latin-1"))
        with pytest.raises(UsageError, match=f"line {SUITE.count(chr(10)) + 1} is not UTF-8"):
            Suite.read(path)

    @pytest.mark.parametrize(
        ("path", "where"),
        [
            (r"C:\new\table", "line 4, column 8"),
            (r"C:\data", "line 4, column"),
            (r"C:\Users\me", "line 4, column"),
            (r"D:\my faces\raw", "line 4, column"),
            (r"faces\test", "line 4, column 8"),
            (r"..\new", "line 4, column"),
            (r"\\server\faces", "line 4, column"),
        ],
    )
    def test_a_windows_path_is_told_apart_from_bad_toml(self, tmp_path, path, where):
        there = written(tmp_path, f'{IMAGES}path = "{path}"\n')
        with pytest.raises(UsageError) as caught:
            Suite.read(there)
        one_line(caught.value, there, where, "between single quotes", r"'C:newdata'")

    def test_the_hint_helps(self, tmp_path):
        suite = Suite.read(written(tmp_path, f"{IMAGES}path = 'C:\\new\\data'\n"))
        assert suite.datasets["faces"]["path"] == "C:\\new\\data"

    def test_prose_may_have_lines(self, tmp_path):
        suite = Suite.read(written(tmp_path, f'{IMAGES}obtain = """Ask them,\nthen\tunpack it"""\n'))
        assert suite.datasets["faces"]["obtain"] == "Ask them,\nthen\tunpack it"

    def test_other_mistakes_get_no_hint_at_paths(self, tmp_path):
        with pytest.raises(UsageError, match=r"at .*Correct that line\."):
            Suite.read(written(tmp_path, "seed = one"))

    @pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "{b = " * 20_000])
    def test_no_depth_ends_the_process(self, tmp_path, text):
        with pytest.raises(UsageError, match="nests tables or lists too deep"):
            Suite.read(written(tmp_path, text))


VALUES = [
    "3",
    "-1",
    "1e999",
    "nan",
    "true",
    "''",
    "'*'",
    "[]",
    "[[]]",
    "{}",
    "[{}]",
    "1979-05-27",
    "{a = {}}",
]
LINES = SHIPPED.read_text(encoding="utf-8").splitlines()


@st.composite
def damaged(draw) -> str:
    """The shipped suite: cut, with characters changed, with lines swapped, or with values of another type."""
    start = draw(st.integers(0, len(LINES) - 1))
    lines = LINES[start : start + draw(st.integers(1, 60))]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition(" = ")
        how = draw(st.sampled_from(["value", "cut", "character", "again"]))
        if how == "value" and equals:
            lines[at] = f"{key} = {draw(st.sampled_from(VALUES))}"
        elif how == "cut":
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        elif how == "character":
            place = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + draw(st.characters(codec="utf-8")) + lines[at][place + 1 :]
        else:
            lines.append(lines[at])
    return "\n".join(lines)


@given(damaged())
@example("[datasets.x]\nadapter = 'images'\n[profiles.p]\ndatasets = ['x:']")
@example("[noise_ceilings]\n'a' = true")
@example("published = '\\u0000'")
@example('published = "\\u0000"')
@example("[models.'']")
@example("seed = 99999999999999999999999999")
@example("[claims.'']\n[claims.cnn_beats_vlm]")
@example("published = 'suite.toml'")
def test_no_text_is_more_than_a_line_of_complaint(tmp_path_factory, text):
    path = written(tmp_path_factory.getbasetemp(), text)
    try:
        Suite.read(path)
    except HarnessError as caught:
        error = str(caught)
    else:
        error = ""
    assert "\n" not in error
