"""What the doctor says can be read to its end and copied, however wide the terminal is."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import NO_TORCH, environment, process
from hypothesis import given
from hypothesis import strategies as st
from tiny_suite import NO_CLIP, SUITE, write_suite

from harness.cli.doctor import lines, wrapped
from harness.cli.examine import Finding

HUB = "laion/CLIP-ViT-L-14-laion2B-s32B-b82K-of-the-longest-name-that-anybody-gave-to-a-model"
ADDRESS = "https://example.org/facial-expression-recognition/challenges/in/representation-learning/data.zip"
ABSENT = f"""
[models.far]
adapter = "transformers"
model = "{HUB}"

[datasets.away]
adapter = "images"
space = ["angry", "happy", "sad"]
obtain = "Fetch {ADDRESS} and unpack it"
"""


def on_a_terminal(folder: Path, columns: int, *arguments: str) -> str:
    """What the command prints to a terminal of this width."""
    ours, theirs = pty.openpty()
    script = "from harness.cli import main; main()"
    command = [sys.executable, "-c", script, *arguments]
    surroundings = {**environment(folder), "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"}
    running = subprocess.Popen(command, cwd=folder, env=surroundings, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # how Linux says that nobody writes any more
        pass
    finally:
        os.close(ours)
    assert running.wait(timeout=60) == 0, said
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).replace("\r\n", "\n")


@pytest.fixture
def absent(tmp_path) -> Path:
    """A suite that names what is not here and has to be fetched."""
    write_suite(tmp_path, SUITE.replace('["tiny:test"]', '["tiny:test", "away:test"]', 1) + ABSENT)
    return tmp_path


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_a_command_and_an_address_stand_whole_on_one_line_of_any_terminal(absent, columns):
    said = on_a_terminal(absent, columns, "doctor", "--suite", "suite.toml")
    assert "…" not in said
    for whole in (f"`hf download {HUB}`", ADDRESS):
        assert [line for line in said.splitlines() if whole in line], said
    wide = [line.split("  ")[-1] for line in said.splitlines() if len(line) > columns]
    assert all(len(wrapped(text, 1)) == 1 for text in wide), said
    assert re.fullmatch(r"\d+ ready, \d+ missing", said.splitlines()[-1])


def test_into_a_pipe_each_finding_is_one_line(absent):
    done = process(absent, "doctor", "--suite", "suite.toml")
    *found, counts = done.out.splitlines()
    told = process(absent, "doctor", "--suite", "suite.toml", "--json").json
    assert len(found) == len(told["findings"])
    for line, finding in zip(found, told["findings"], strict=True):
        mark, rest = line[:4], line[4:]
        assert mark == ("ok  " if finding["ok"] else "--  ")
        assert rest.startswith(finding["what"])
        assert rest.endswith(f"  {finding['state']}")
    assert counts == f"{told['ready']} ready, {told['missing']} missing"
    assert told["ready"] == sum(finding["ok"] for finding in told["findings"])
    assert told["missing"] == len(told["findings"]) - told["ready"] >= 2


@given(
    st.lists(st.sampled_from(["a", "word", ADDRESS, "`hf download a/b`", "pip install 'x y'", "`", "né."])),
    st.integers(1, 60),
)
def test_wrapping_loses_nothing_and_breaks_no_command(parts, width):
    text = " ".join(parts)
    broken = wrapped(text, width)
    assert " ".join(broken).split() == text.split()
    assert wrapped(text, None) == [text]
    if "`" not in parts:
        for whole in ("`hf download a/b`", "pip install 'x y'"):
            assert sum(line.count(whole) for line in broken) == parts.count(whole)
        assert all(len(line) <= width or line in parts for line in broken)


def test_no_state_is_an_empty_line_and_not_a_crash():
    assert list(lines([Finding("python", True, "")], 80)) == ["\x1b[32mok\x1b[0m  python  "]


def test_lists_what_runs_and_what_does_not_with_the_fix(harness, suite):
    suite.write_text(SUITE + NO_CLIP)
    findings = {finding["what"]: finding for finding in harness("doctor", "--json").json["findings"]}
    assert findings["dataset tiny:test"] == {
        "what": "dataset tiny:test",
        "ok": True,
        "state": "90 samples",
    }
    assert findings["model good"]["ok"]
    assert not findings["model clip"]["ok"]
    assert "absent.safetensors" in findings["model clip"]["state"]
    assert findings["restoration none"]["ok"]
    assert findings["store"]["ok"]


def test_broken_pieces_are_findings_and_not_errors(harness, suite, tmp_path):
    (tmp_path / "evals" / "outside.csv").write_text("id,answer\n")
    (tmp_path / "evals" / "net.safetensors").write_bytes(b"")
    (tmp_path / "data" / "tiny" / "test" / "joy").mkdir()
    (tmp_path / "data" / "tiny" / "test" / "bored").mkdir()
    (tmp_path / "data" / "tiny" / "test" / "bored" / "1.png").write_bytes(b"x")
    wider = SUITE.replace('["tiny:test"]', '["tiny:test", "tiny:new"]\nrestorations = ["gfpgan"]')
    suite.write_text(f"{wider}[models.net]\nadapter = 'timm'\ncheckpoint = 'net.safetensors'\n")
    shown = harness("doctor", "--data-root", tmp_path / "data", "--store", tmp_path / "evals/outside.csv")
    assert shown.status == 0
    findings = {f["what"]: f for f in harness("doctor", "--json", "--store", suite).json["findings"]}
    for what, state in {
        "model outside": "has no column label and sample_id",
        "model net": "has no card",
        "dataset tiny:new": "Unknown split tiny:new",
        "restoration gfpgan": "has no entry in the suite",
        "store": "cannot be written",
    }.items():
        assert not findings[what]["ok"]
        assert state in findings[what]["state"]
    assert "1 problems: test/bored/1.png: unknown label 'bored'" in findings["dataset tiny:test"]["state"]


def test_shows_a_table_to_people(harness, suite):
    shown = harness("doctor")
    assert shown.status == 0
    assert "ok  dataset tiny:test" in shown.out


def test_as_a_process_it_imports_nothing_heavy(tmp_path):
    text = re.sub(r"\nevery = \d+", "", SUITE.replace("reader", "what_the_face"))
    suite = write_suite(tmp_path, text)
    done = process(tmp_path, "doctor", "--suite", suite, "--json", then=NO_TORCH)
    assert {"dataset tiny:test", "model good"} <= {finding["what"] for finding in done.json["findings"]}
