"""What restoration costs, by restorer, batch and dtype, and what the second use of its pixels costs.

GFPGAN has its released size (512 pixels, 86 M parameters) and random weights, which cost the same as trained
ones, 2 threads. Images are 48 pixels and grey, results 224 pixels. Speeds are the better of two passes; peak
memory is that of the process so far, so a larger batch comes after a smaller one. The first use goes through
the store: load, restore, keep. The second use is another process as far as the store can tell: it opens the
store and reads every pixel back. `digests_7178_seconds` is what a warm run waits for on FER-2013's full test.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _shared import data_or_status_2, print_line
from spandrel.architectures.GFPGAN import GFPGAN

from harness.datasets import Dataset, Sample
from harness.engine import Bench, Job, Local, Plan, Source
from harness.engine.respondents.restorer import peak_memory_mb
from harness.labels import LabelSpace
from harness.models import Context
from harness.restoration import build_restorer
from harness.restoration.gfpgan import OPTIONS
from harness.settings import Settings
from harness.suite import Suite
from harness.tasks import Choice

THREADS, SIDE, FER_TEST, FACES = 2, 48, 7178, 2
TARGETS = {"second_use_speedup_min": 20.0, "digests_7178_seconds": 3.0, "gfpgan_peak_memory_mb": 3000.0}


def main() -> None:
    torch.set_num_threads(THREADS)
    with data_or_status_2(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_gfpgan(folder / "random.pth")
        figures = {
            **speeds_of_gfpgan(folder),
            **first_and_second_use(folder),
            **speeds_of_interpolation(folder),
            **whole_test_split(folder),
        }
    print_line("restoration", figures, TARGETS)


def save_gfpgan(path: Path) -> None:
    torch.manual_seed(0)
    torch.save({"params_ema": GFPGAN(**OPTIONS).state_dict()}, path)
    (path.parent / "suite.toml").write_text(
        "\n".join(["[restorations.face]", *(f'{k} = "{v}"' for k, v in entries("float32")["face"].items())])
    )


def speeds_of_gfpgan(folder: Path) -> dict[str, float]:
    figures = {}
    for dtype, batches in (("float32", (1, 2)), ("bfloat16", (1,))):
        loaded = build_restorer("face", entries(dtype), Context(folder, folder)).load("cpu")
        for batch in batches:
            images = pictures(batch)
            seconds = best(partial(loaded.restore, images))
            figures[f"gfpgan_{dtype}_batch_{batch}_images_per_s"] = batch / seconds
            if dtype == "float32":
                memory = "gfpgan_peak_memory_mb" if batch == 1 else f"gfpgan_batch_{batch}_peak_memory_mb"
                figures[memory] = peak_memory_mb("cpu")
    return figures


def first_and_second_use(folder: Path) -> dict[str, float]:
    """GFPGAN through the store, for images that are already decoded."""
    seconds = [timed(lambda: use("face", FACES, folder)) / FACES for _ in range(2)]
    return {
        "gfpgan_first_use_seconds_per_image": seconds[0],
        "gfpgan_second_use_seconds_per_image": seconds[1],
        "second_use_speedup_min": seconds[0] / seconds[1],
    }


def speeds_of_interpolation(folder: Path) -> dict[str, float]:
    images = pictures(500)
    figures = {}
    for name in ("nearest", "bicubic", "lanczos"):
        loaded = build_restorer(name, {}, Context(folder, folder)).load("cpu")
        seconds = best(partial(loaded.restore, images))
        figures[f"{name}_images_per_s"] = len(images) / seconds
    return figures


def whole_test_split(folder: Path) -> dict[str, float]:
    """As many images as FER-2013's test split has: restored and kept, then asked for again."""
    dataset = faces(FER_TEST)
    assert all(dataset.digests)  # decoding the source is not what is measured
    first = timed(lambda: restored("bicubic", dataset, folder))
    digests = timed(lambda: restored("bicubic", dataset, folder).digests)
    again = restored("bicubic", dataset, folder)
    pixels = timed(lambda: [again.pixels(index) for index in range(FER_TEST)])
    size = sum(shard.stat().st_size for shard in (folder / "store" / "pixels").rglob("*.parquet"))
    return {
        "bicubic_7178_first_use_seconds": first,
        "digests_7178_seconds": digests,
        "pixels_7178_seconds": pixels,
        "store_kb_per_image": size / (FER_TEST + FACES) / 1e3,
    }


def use(name: str, n: int, folder: Path) -> None:
    found = restored(name, faces(n), folder)
    for index in range(n):
        found.pixels(index)


def restored(name: str, dataset: Dataset, folder: Path) -> Dataset:
    """A data set restored by a process that has not restored anything yet."""
    settings = Settings(data_root=folder, store=folder / "store", device="cpu")
    bench = Bench(Suite.read(folder / "suite.toml"), settings)
    bench.dataset = lambda name, split: dataset
    source, asked = Source("faces", "test", restoration=name), bench.restorer_asked(name)
    Local(bench).run(Plan((Job("restore", name, asked.identity, source, (asked,)),)))
    return bench.images(source)


def entries(dtype: str) -> dict[str, dict[str, str]]:
    return {"face": {"adapter": "gfpgan", "weights": "random.pth", "dtype": dtype}}


def faces(n: int) -> Dataset:
    images = pictures(n)
    samples = tuple(Sample(str(number), "sad") for number in range(n))
    return Dataset(
        "faces", "test", Choice(LabelSpace.of("faces", ("sad",))), samples, lambda name: images[int(name)]
    )


def pictures(n: int) -> list[np.ndarray]:
    """Random images, as smooth as small pictures of faces."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 6, (2, n, SIDE, SIDE))
    return list(np.clip(128 + steps[0].cumsum(axis=1) + steps[1].cumsum(axis=2), 0, 255).astype(np.uint8))


def best(call: Callable[[], object]) -> float:
    """Seconds of the better of two passes."""
    return min(timed(call) for _ in range(2))


def timed(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


if __name__ == "__main__":
    main()
