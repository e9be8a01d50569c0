from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import resumable, shapes, splits, tiny

from harness.errors import ModelError, UsageError
from harness.models import Context
from harness.models.timm_classifier import TimmClassifier
from harness.training import TrainingProgress, TrainResult, fit, train

STEM = "test_resnet-shapes-24px"
Said = Callable[[], str]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    torch.set_num_threads(1)
    return train(resumable(), *splits(), tmp_path_factory.mktemp("whole"))


def kill_in_epoch_three(out: Path) -> int:
    """Starts a real process and kills it in the midst of its third epoch; gives its exit status."""
    script = Path(__file__).with_name("killed_training.py")
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(script.parent)])
    command = [sys.executable, str(script), str(out)]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in epoch 3\n"
        process.kill()
    return process.returncode


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> None:
    """Makes training stop when it begins another epoch."""
    real = fit.train_epoch

    def limited(*args: object) -> object:
        if args[2] == epochs:
            raise error or KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(fit, "train_epoch", limited)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder with a training that was stopped after two of four epochs."""
    with pytest.MonkeyPatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            train(resumable(), *splits(), tmp_path)
    return tmp_path


def test_after_kill_9_it_goes_on_to_the_same_weights(
    tmp_path: Path, uninterrupted: TrainResult, progress: TrainingProgress, said: Said
) -> None:
    out = tmp_path / "out"
    assert kill_in_epoch_three(out) == -signal.SIGKILL
    assert (out / f"{STEM}.resume.pt").exists()
    assert not (out / f"{STEM}.safetensors").exists()
    # What a kill in the middle of a write leaves behind.
    (out / f"{STEM}.resume.pt.tmp").write_bytes(b"half")

    result = train(resumable(), *splits(), out, progress=progress)

    assert "epoch 2/4" not in said()
    assert "epoch 3/4" in said()
    assert result.card.extra["selected_epoch"] > 2
    assert result.weights.read_bytes() == uninterrupted.weights.read_bytes()
    assert result.card.correct == uninterrupted.card.correct
    assert [replace(row, seconds=0) for row in result.log] == [
        replace(row, seconds=0) for row in uninterrupted.log
    ]
    left = {path.name for path in out.iterdir()}
    assert left == {f"{STEM}.json", f"{STEM}.log.csv", f"{STEM}.safetensors"}


def test_sigterm_keeps_finished_epochs_and_says_how_to_go_on(
    tmp_path: Path, uninterrupted: TrainResult, progress: TrainingProgress, said: Said
) -> None:
    class Terminating(TrainingProgress):
        def batch(self, done: int, loss: float) -> None:
            if self._done == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(resumable(), *splits(), tmp_path, progress=Terminating(progress.console))
    kept = f"Finished epochs are kept in {tmp_path / STEM}.resume.pt. Run the same command again to go on."
    assert kept in said()
    result = train(resumable(), *splits(), tmp_path)
    assert result.weights.read_bytes() == uninterrupted.weights.read_bytes()


def test_the_signal_handler_of_the_caller_comes_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    train(tiny(epochs=1), *splits(), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_before_the_first_epoch_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: TrainingProgress, said: Said
) -> None:
    stop_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(resumable(), *splits(), tmp_path, progress=progress)
    assert "No epoch was finished" in said()


def test_another_recipe_does_not_go_on_and_names_what_changed(stopped: Path) -> None:
    with pytest.raises(UsageError, match=r"epochs 4 instead of 3.*--force"):
        train(
            tiny(epochs=3, batch_size=12, drop_rate=0.3, optimizer="adamw", weight_decay=0.01),
            *splits(),
            stopped,
        )


def test_other_data_does_not_go_on(stopped: Path) -> None:
    _, public, report = splits()
    with pytest.raises(UsageError, match=r"other data.*--force"):
        train(resumable(), shapes("train", 99), public, report, stopped)


def test_force_starts_over(stopped: Path, progress: TrainingProgress, said: Said) -> None:
    result = train(tiny(epochs=1), *splits(), stopped, force=True, progress=progress)
    assert "epoch 1/1" in said()
    assert len(result.log) == 1


@pytest.mark.parametrize("damage", ["cut", "noise", "pickle"])
def test_a_corrupt_resume_file_is_one_line(stopped: Path, damage: str) -> None:
    path = stopped / f"{STEM}.resume.pt"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "noise":
        path.write_bytes(b"noise" * 100)
    else:
        torch.save({"provenance": Path("code that must not run")}, path)
    with pytest.raises(ModelError, match=r"resume.pt is corrupt .*--force"):
        train(resumable(), *splits(), stopped)


def test_no_training_goes_on_from_a_state_with_a_wrong_bit(stopped: Path) -> None:
    path = stopped / f"{STEM}.resume.pt"
    body = path.read_bytes()
    for position in (0, len(body) // 4, len(body) // 2, len(body) - 40, len(body) - 1):
        path.write_bytes(bytes([*body[:position], body[position] ^ 1, *body[position + 1 :]]))
        with pytest.raises(ModelError, match=r"resume.pt is corrupt \(its checksum.*--force"):
            train(resumable(), *splits(), stopped)


def test_a_finished_checkpoint_with_a_wrong_bit_is_neither_reused_nor_loaded(tmp_path: Path) -> None:
    path = train(tiny(epochs=1), *splits(), tmp_path).weights
    body = bytearray(path.read_bytes())
    body[-5] ^= 1
    path.write_bytes(body)
    with pytest.raises(ModelError, match="has the sha256 .* its card .* Fetch or train it again"):
        train(tiny(epochs=1), *splits(), tmp_path)
    model = TimmClassifier(context=Context(tmp_path, tmp_path), checkpoint=path.name)
    with pytest.raises(ModelError, match="has the sha256"):
        model.identity("cpu", "float32")


def test_a_finished_training_is_reused_and_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(tiny(epochs=1), *splits(), tmp_path)
    with monkeypatch.context() as patch:
        stop_after(0, patch, AssertionError("trained again"))
        again = train(tiny(epochs=1), *splits(), tmp_path)
        with pytest.raises(UsageError, match=r"lr 0.003 instead of 0.1.*--force"):
            train(tiny(epochs=1, lr=0.1), *splits(), tmp_path)
    assert (first.reused, again.reused) == (False, True)
    assert again.card.correct == first.card.correct
    forced = train(tiny(epochs=1, lr=0.1), *splits(), tmp_path, force=True)
    assert forced.card.extra["training"]["recipe"]["lr"] == 0.1


def test_a_full_disk_is_one_line_and_keeps_the_last_state(stopped: Path, uninterrupted: TrainResult) -> None:
    path = stopped / f"{STEM}.resume.pt"
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(UsageError, match=r"resume.pt cannot be written .*Free space"):
            train(resumable(), *splits(), stopped)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert not path.with_name(path.name + ".tmp").exists()
    result = train(resumable(), *splits(), stopped)
    assert result.weights.read_bytes() == uninterrupted.weights.read_bytes()
