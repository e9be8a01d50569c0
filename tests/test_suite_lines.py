"""A wrong key of a suite is named with its line, however the file is written."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.suite import Suite
from harness.suite.lines import line_of

TEXT = '''# A comment with key = "value" in it.
seed = 1
noise_ceilings = { "fer2013:test" = 0.9, other = 1 }

[models.plain]
adapter = "timm"   # why
  checkpoint = "x"

[ models . 'of two words' ]
"adapter" = "timm"
note = """
[models.fake]
seed = 7
"""
after = 1

[prompts]
short.order = "given"

[[claims.c.override]]
cell = "a"
[[claims.c.override]]
cell = "b"
reason = \'\'\'one line\'\'\'
expected = """one too"""
last = 1
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["seed"], 2),
        (["noise_ceilings"], 3),
        (["noise_ceilings", "other"], 3),
        (["models", "plain"], 5),
        (["models", "plain", "adapter"], 6),
        (["models", "plain", "checkpoint"], 7),
        (["models", "plain", "absent"], 5),
        (["models", "of two words", "adapter"], 10),
        (["models", "of two words", "after"], 15),
        (["models", "fake"], 5),
        (["profiles"], None),
        (["prompts", "short", "order"], 18),
        (["claims", "c", "override", 0, "cell"], 21),
        (["claims", "c", "override", 1, "cell"], 23),
        (["claims", "c", "override", 1, "last"], 26),
        (["claims", "c", "override", 1, "absent"], 22),
    ],
)
def test_keys_are_found(keys, line):
    assert line_of(TEXT, keys) == line


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "[models.m]\nadapter = 'timm'\n\nchekpoint = 'x'",
            r"toml, line 4, has the unknown option 'chekpoint'",
        ),
        ("seed = 1\n[model.m]", r"toml, line 2, has the unknown table 'model'\. .*Nearest: models"),
        ("[prompts.p]\n# here\npersonna = 'none'", r"toml, line 3, has the unknown axis 'personna'"),
        ("[prompts.p]\norder = 'random'", r"toml, line 2, has order = 'random'"),
        ("[profiles.p]\nmodels = ['*']", r"toml, line 1, lacks the option 'datasets'\. Write a list of"),
    ],
)
def test_a_message_names_the_line(tmp_path, body, said):
    (tmp_path / "suite.toml").write_text(body)
    with pytest.raises(UsageError, match=said):
        Suite.read(tmp_path / "suite.toml")
