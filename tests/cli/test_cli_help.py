"""`harness --help`."""

from __future__ import annotations

from command import NO_TORCH, process


def test_help_is_printed_without_importing_anything_heavy(tmp_path):
    done = process(tmp_path, "--help", then=NO_TORCH)
    for verb in ("init", "doctor", "predict", "score", "prompt", "train", "report"):
        assert verb in done.out
