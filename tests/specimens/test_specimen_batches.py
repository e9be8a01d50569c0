"""What a picture's scores owe to the batch it came in and to the threads of the process: the last digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from specimen_sample import CHECKPOINTS

from harness.identity import SCORE_TOLERANCE
from harness.models import Context, build_model

ENTRIES = {
    "classify": {"adapter": "timm", "checkpoint": str(CHECKPOINTS / "cnn/cnn.safetensors")},
    "embed_images": {"adapter": "open_clip", "model": str(CHECKPOINTS / "clip")},
}
IMAGES = list(np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), np.uint8))


@pytest.mark.parametrize("method", ENTRIES)
def test_scores_move_within_the_tolerance_of_their_key(method):
    loaded = build_model(method, ENTRIES[method], Context(CHECKPOINTS, CHECKPOINTS)).load("cpu", "float32")
    ask, before, found = getattr(loaded, method), torch.get_num_threads(), []
    try:
        for threads, batch in ((1, 20), (2, 20), (1, 1), (2, 7)):
            torch.set_num_threads(threads)
            found.append(np.concatenate([ask(IMAGES[at : at + batch]) for at in range(0, 20, batch)]))
    finally:
        torch.set_num_threads(before)
    assert np.abs(np.array(found) - found[0]).max() <= SCORE_TOLERANCE
    assert len({one.argmax(1).tobytes() for one in found}) == 1
