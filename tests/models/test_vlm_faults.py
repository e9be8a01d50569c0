"""A sweep that is killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_vlms import save_llava

from harness.judging import Evaluation
from harness.settings import Settings
from harness.suite import Filters, Suite

SUITE = """
[profiles.default]
datasets = ["faces:test"]
prompts = ["orders", "written"]
[datasets.faces]
adapter = "images"
space = ["angry", "happy", "sad"]
[prompts.orders]
order = "williams-3"
mode = "score"
[prompts.written]
max_tokens = 3
[models.llava]
adapter = "transformers"
model = {model}
"""
IMAGES, BATCH = 24, 2
# Answers everything; slowly, where it is told so, that there is time to kill it.
SCRIPT = """
import sys, time
from pathlib import Path
from test_vlm_faults import start
from harness.models.generative.respondent import LoadedVlm
score = LoadedVlm.score
LoadedVlm.score = lambda *args: (time.sleep(float(sys.argv[3])), score(*args))[1]
start(Path(sys.argv[1]), sys.argv[2]).predict()
"""


def start(project: Path, store: str, **options: Any) -> Evaluation:
    settings = Settings(
        data_root=project / "data", store=project / store, device="cpu", batch_size=BATCH, replicates=100
    )
    suite = Suite.read(project / "suite.toml")
    return Evaluation(suite, settings, "default", suite.cells(suite.profile("default"), Filters()), **options)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    draw = np.random.default_rng(0)
    for serial in range(IMAGES):
        path = folder / "data/faces/test" / ("angry", "happy", "sad")[serial % 3] / f"{serial:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (20, 20), np.uint8)).save(path)
    (folder / "suite.toml").write_text(SUITE.format(model=json.dumps(str(save_llava(folder / "llava")))))
    return folder


def test_a_sweep_killed_in_the_middle_goes_on_and_ends_alike(project):
    command = [sys.executable, "-c", SCRIPT, str(project), "killed", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list((project / "killed").rglob("*.parquet"))) < 8:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "it stored nothing"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    asked = []
    whole = start(project, "whole")
    resumed = start(project, "killed", progress=lambda worker, done, total: asked.append(done))
    for cell in whole.cells:
        expected, found = (one.evidence.predictions(cell) for one in (whole, resumed))
        assert list(found.table["raw_text"]) == list(expected.table["raw_text"])
        assert (found.answers == expected.answers).all()
        if expected.probabilities is not None:
            assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    everything = len(whole.cells) * IMAGES + 6  # and six orders about an empty image
    assert 0 < sum(asked) < everything
