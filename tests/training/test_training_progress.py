from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from tiny_training import splits, tiny

from harness.training import TrainingProgress, train_seeds
from harness.training.files import EpochRow


def test_a_terminal_gets_a_bar_for_one_training_after_another(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, height=30, color_system=None)
    train_seeds(tiny(epochs=2), 2, *splits(), tmp_path, progress=TrainingProgress(console))
    text = out.getvalue()
    assert "━" in text
    for stem in ("test_resnet-shapes-24px", "test_resnet-shapes-24px-seed1"):
        assert f"{stem} epoch 2/2" in text


def test_elsewhere_every_epoch_is_one_plain_line() -> None:
    out = io.StringIO()
    with TrainingProgress(Console(file=out, width=40)) as progress:
        progress.begin("resnet50-[mine]-48px", epochs=60, batches=449, done=2)
        progress.batch(449, 1.25)
        progress.epoch(EpochRow(3, 1.25, 0.5, 0.625, 1e-3, 61.5), best=True)
    line = "resnet50-[mine]-48px epoch 3/60: loss 1.250, train 50.0%, select 62.5% (best), 61.5 s\n"
    assert out.getvalue() == line
