"""Pictures are stacked by shape and come out in their order; numbers come from whatever thread asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.models.ahead import Pending, Stacks, alike, on_cuda
from harness.models.recording import WARM_UP, Recording
from harness.tools.slow_paths import SlowPath, noting

SHAPES = [(2, 2), (2, 3), (2, 2, 3), (3, 2, 3)]


@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=12))
def test_stacks_keep_the_order_of_pictures(shapes):
    images = [np.full(shape, number, np.uint8) for number, shape in enumerate(shapes)]
    stacks = Stacks.of(images, "cpu")
    assert len(stacks.stacks) == len(set(shapes))
    means = stacks.map(lambda pixels: pixels.float().mean(dim=(1, 2, 3)), "cpu")
    assert means.tolist() == list(range(len(shapes)))


def test_what_is_changed_has_its_channels_first():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    seen = Stacks.of([picture], "cpu").map(lambda pixels: pixels, "cpu")
    assert seen[0, 1].tolist() == picture[:, :, 1].tolist()
    grey = Stacks.of([picture[:, :, 0]], "cpu").map(lambda pixels: pixels, "cpu")
    assert grey.shape == (1, 1, 2, 4)


def test_alike_puts_every_place_into_one_group():
    assert alike([]) == []
    assert alike([3, 1, 3, 3]) == [[0, 2, 3], [1]]


def test_numbers_can_be_asked_for_in_another_thread():
    numbers = torch.arange(6.0).view(2, 3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(Pending(numbers).numpy).result().tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("device", "told"), [("cuda", True), ("cuda:1", True), ("cpu", False), ("mps", False)]
)
def test_what_a_gpu_is(device, told):
    assert on_cuda(device) == told


@pytest.fixture
def gpu():
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return "cuda"


def test_a_recording_gives_what_the_function_gives(gpu):
    recording = Recording(lambda x, y: (x @ y).relu(), "product")
    for size in (8, 8, 16):  # another shape is another recording
        for seed in range(2 * WARM_UP):
            torch.manual_seed(seed)
            x, y = torch.randn(2, size, size, device=gpu)
            assert torch.equal(recording(x, y), (x @ y).relu())


def test_what_cannot_be_recorded_goes_on_and_says_so(gpu):
    noted: dict[SlowPath, None] = {}
    recording = Recording(lambda x: x * x.sum().item(), "waits for a number")
    with noting("model", noted):
        for _ in range(3 * WARM_UP):
            assert recording(torch.ones(3, device=gpu)).tolist() == [3.0] * 3
    (one,) = noted
    assert (one.path, one.kind) == ("a recording on the GPU", "unfit")
