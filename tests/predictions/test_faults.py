"""A real run, killed in the middle, goes on where it was and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from shapes import LABELS, write_shapes

BATCH = 8
SUITE = f"""
[profiles.default]
datasets = ["shapes:test"]
[datasets.shapes]
adapter = "images"
space = {json.dumps(LABELS)}
[models.small-cnn]
adapter = "timm"
checkpoint = "small.safetensors"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A suite, the shapes, and an untrained network of a real architecture."""
    import timm
    import torch
    from safetensors.torch import save_file

    from harness.models import Card

    folder = tmp_path_factory.mktemp("project")
    write_shapes(folder / "data/shapes")
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=len(LABELS), in_chans=1)
    save_file(network.state_dict(), folder / "data/small.safetensors")
    card = Card(
        architecture="resnet18", labels=LABELS, in_chans=1, input_size=(48, 48), mean=(0.5,), std=(0.25,)
    )
    card.write(folder / "data/small.json")
    (folder / "suite.toml").write_text(SUITE)
    return folder


class Run:
    """`harness predict` in a process of its own."""

    def __init__(self, project: Path, folder: Path, name: str) -> None:
        self.store, self.out, self.log = folder / "store", folder / f"{name}.csv", folder / f"{name}.log"
        folder.mkdir(exist_ok=True)
        options = {
            "--dataset": "shapes:test",
            "--suite": project / "suite.toml",
            "--data-root": project / "data",
            "--store": self.store,
            "--out": self.out,
            "--batch-size": BATCH,
            "--device": "cpu",
        }
        command = [sys.executable, "-c", "from harness.cli import main; main()", "predict", "small-cnn"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *(str(part) for pair in options.items() for part in pair)],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def finish(self) -> pd.DataFrame:
        """Waits for the end; returns the predictions CSV."""
        assert self.process.wait(timeout=180) == 0, self.log.read_text()
        return pd.read_csv(self.out)

    def stop_in_the_middle(self, how: signal.Signals) -> pd.DataFrame:
        """Sends a signal once three batches are stored; returns the rows that are kept."""
        while len(list(self.store.rglob("*.parquet"))) < 3:
            assert self.process.poll() is None, f"ended before it could be stopped: {self.log.read_text()}"
            time.sleep(0.002)
        self.process.send_signal(how)
        self.process.wait(timeout=60)
        return self.rows()

    def rows(self) -> pd.DataFrame:
        """What the store holds, by pixel digest."""
        shards = [pd.read_parquet(shard) for shard in self.store.rglob("*.parquet")]
        return pd.concat(shards).set_index("pixel_digest").sort_index()


@pytest.fixture(scope="module")
def undisturbed(project, tmp_path_factory) -> pd.DataFrame:
    """The answers of a run that nobody disturbs."""
    return Run(project, tmp_path_factory.mktemp("whole"), "whole").finish()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_goes_on_and_ends_as_an_uninterrupted_one(project, tmp_path, undisturbed, how):
    stopped = Run(project, tmp_path, "stopped")
    kept = stopped.stop_in_the_middle(how)
    assert 3 * BATCH <= len(kept) < len(undisturbed)
    assert len(kept) % BATCH == 0
    assert stopped.process.returncode != 0
    assert not stopped.out.exists()

    resumed = Run(project, tmp_path, "resumed")
    pd.testing.assert_frame_equal(resumed.finish(), undisturbed)
    # The latency of a row is that of the forward pass that made it: what was kept was not made again.
    pd.testing.assert_frame_equal(resumed.rows().loc[kept.index], kept)


def test_two_runs_of_one_cell_at_once_and_a_truncated_shard(project, tmp_path, undisturbed):
    for run in [Run(project, tmp_path, name) for name in ("one", "other")]:
        pd.testing.assert_frame_equal(run.finish(), undisturbed)
    shards = list((tmp_path / "store").rglob("*.parquet"))
    shards[0].write_bytes(shards[0].read_bytes()[:-100])
    again = Run(project, tmp_path, "again")
    pd.testing.assert_frame_equal(again.finish(), undisturbed)
    assert shards[0].name in again.log.read_text()
