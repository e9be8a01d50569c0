"""What the runner adds to the bare forward loop: finding work, digests, rows and writes to the store.

Both answer the same decoded images in the same batches. They run in turn and who begins changes; the ratio is
the median over such pairs, since the speed of a machine changes from one second to the next. One thread,
because on a busy machine the threads of a network wait for each other far longer than the runner takes.
Needs the data: HARNESS_DATA names the folder that holds it.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace

import numpy as np
from _shared import data_or_status_2, efficientnet, print_line

from harness.datasets import Dataset, load_dataset
from harness.engine.fill import compute
from harness.engine.respondents import respondent
from harness.engine.work import find_work
from harness.identity import Identity
from harness.models import Classifier, RunnableModel
from harness.store.answers import Store
from harness.tools.paths import default_data_root

IMAGES, BATCH, PAIRS = 1_024, 64, 15
TARGETS = {"ratio": 1.05}


def main() -> int:
    with data_or_status_2():
        model = efficientnet()
        private = load_dataset({}, "fer2013", "private", default_data_root()).limit(IMAGES, seed=0)
    identity, network = model.identity("cpu", "float32"), model.load("cpu", "float32")
    use_one_thread()
    images = distinct_images(private, identity)
    bare_loop(images, network)  # the first call allocates

    bare, runner = [], []
    for turn in range(PAIRS):
        if turn % 2:
            bare.append(bare_loop(images, network))
        runner.append(through_the_runner(private, model, network))
        if not turn % 2:
            bare.append(bare_loop(images, network))
    figures = {
        "ratio": median(one / other for one, other in zip(runner, bare, strict=True)),
        "bare_seconds": median(bare),
        "runner_seconds": median(runner),
        "images": len(images),
    }
    print_line("overhead", figures, TARGETS)
    return 0


def use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def distinct_images(dataset: Dataset, identity: Identity) -> list[np.ndarray]:
    """The images that the runner computes: of exact copies, one."""
    with tempfile.TemporaryDirectory() as folder:
        work = find_work(identity, dataset, Store(Path(folder)))
    return [dataset.pixels(index) for index in work.missing]


def bare_loop(images: list[np.ndarray], network: Classifier) -> float:
    """Seconds of the forward passes alone."""
    start = perf_counter()
    for first in range(0, len(images), BATCH):
        network.classify(images[first : first + BATCH])
    return perf_counter() - start


def through_the_runner(decoded: Dataset, model: RunnableModel, network: Classifier) -> float:
    """Seconds through the runner, into an empty store; images are decoded, but no digest is known."""
    pixels = {sample.id: decoded.pixels(index) for index, sample in enumerate(decoded.samples)}
    fresh = Dataset(decoded.name, decoded.split, decoded.task, decoded.samples, pixels.__getitem__)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        start = perf_counter()
        of_model = respondent(model, "cpu", "float32", store)
        (asked,) = of_model.asked(None, fresh.task)
        works = [(asked, find_work(asked.identity, fresh, store))]
        steps = SimpleNamespace(
            prepare=partial(of_model.prepare, network),
            forward=partial(of_model.forward, network),
            tables=of_model.tables,
        )
        compute(works, fresh, steps, store, batch_size=BATCH)
        return perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
