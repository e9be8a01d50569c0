"""What the harness adds to a model on one GPU: each row of work bare, and through the harness, in one run.

Weights are random and of the real sizes, images are 48 pixels and grey. `bare` is the network alone on a
batch that lies on the GPU, kernel by kernel; a key that ends in `share_min` is the speed of the harness over
that. CLIP and GFPGAN go through the adapters as in a run: prepared ahead in a thread, results taken by
another. Epochs of training are held against seconds: 3.5 for ResNet-50, where `torch.compile` takes 3.2, and
a third of what an EfficientNet-B0 took before its steps were recorded.

Without a GPU it says so and ends with status 2. `--tiny` runs the same code on whatever there is, with two
images at a time: what it prints then holds for nothing. `--row NAME` runs one row.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _shared import print_line
from spandrel.architectures.GFPGAN import GFPGAN

from harness.engine.ahead import run_ahead
from harness.models import Card, Context
from harness.models.contrastive.network import LoadedClip
from harness.models.contrastive.pixels import Preprocessing
from harness.restoration import build_restorer
from harness.restoration.gfpgan import OPTIONS
from harness.training.images import Images
from harness.training.loop import Learner, count_right, train_epoch
from harness.training.network import create, optimizer
from harness.training.recipe import Recipe

SIDE, LABELS = 48, 7
TINY = "--tiny" in sys.argv
N_TRAINING, N_PUBLIC = (130, 70) if TINY else (28_709, 3_589)  # FER-2013
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--row", choices=list(ROWS))
    chosen = parser.parse_args().row
    if DEVICE == "cpu" and not TINY:
        print("There is no GPU here that torch can use, so nothing was measured.", file=sys.stderr)
        sys.exit(2)
    card = torch.cuda.get_device_name() if DEVICE == "cuda" else "the CPU"
    for name, row in ROWS.items():
        if chosen in (None, name):
            print_line(f"{name} on {card}", *row())
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
    if chosen is None:
        sweep = [sys.executable, str(Path(__file__).with_name("gpu_sweep.py")), *["--tiny"] * TINY]
        sys.exit(subprocess.run(sweep, check=False).returncode)


def clip() -> tuple[dict[str, float], dict[str, float]]:
    """Images to embeddings, in bfloat16."""
    figures = {}
    for name, batches in (("ViT-B-32", (64, 256)), ("ViT-L-14", (64, 256))):
        loaded = load_clip(name)
        for size in (2,) if TINY else batches:
            n = 2 if TINY else 150 if name == "ViT-B-32" else 20
            bare, harness = clip_seconds(loaded, size, n)
            key = f"{name.lower().replace('-', '_')}_batch_{size}"
            figures[f"{key}_bare_images_per_s"] = size / bare
            figures[f"{key}_images_per_s"] = size / harness
            figures[f"{key}_share_min"] = bare / harness
    targets = {key: 0.9 if "b_32" in key else 0.95 for key in figures if key.endswith("share_min")}
    return figures, targets


def load_clip(name: str) -> LoadedClip:
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    network = open_clip.create_model(name, load_weights=False).eval().to(DEVICE, torch.bfloat16)
    transform = image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), is_train=False)
    return LoadedClip(100.0, network, Preprocessing.of(transform), None, DEVICE, torch.bfloat16, name)


def clip_seconds(loaded: LoadedClip, size: int, n: int) -> tuple[float, float]:
    """Seconds per batch: of the image tower alone, and with all that is before and after it."""
    batches = [pictures(size, seed) for seed in range(n)]
    seen = loaded.preprocess.values(loaded.prepare(batches[0]), DEVICE)
    if DEVICE == "cuda":
        on_cpu = loaded.preprocess.values(loaded.preprocess.prepare(batches[0], "cpu"), "cpu")
        assert torch.equal(seen.cpu(), on_cpu), "the GPU sees other pixels than the CPU"
    seen = seen.to(loaded.dtype)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(n):
                loaded.network.encode_image(seen)

    def harness() -> None:
        kept: list[Any] = []
        run_ahead(
            batches,
            loaded.prepare,
            lambda _, ready: loaded.forward(ready),
            lambda results: kept.extend(pending.numpy() for _, pending in results),
        )
        assert len(kept) == n

    return alternately(bare, harness, n)


def training() -> tuple[dict[str, float], dict[str, float]]:
    """Seconds an epoch of FER-2013, the choice of the epoch included: batches of 64, augmented, bfloat16."""
    figures = {}
    for name in ("test_resnet",) if TINY else ("resnet50", "efficientnet_b0"):
        figures[f"{name}_epoch_seconds"] = epoch_seconds(name)
        figures[f"{name}_plain_epoch_seconds"] = plain_epoch_seconds(name)
    targets = {"resnet50_epoch_seconds": 3.5, "efficientnet_b0_epoch_seconds": 23.6 / 3}
    return figures, {} if TINY else targets


def epoch_seconds(name: str) -> float:
    recipe, card = recipe_and_card(name)
    model = create(recipe, LABELS, DEVICE)
    learner = Learner(model, optimizer(model, recipe, DEVICE), recipe, card, DEVICE)
    images, select = (random_images(n).near(DEVICE) for n in (N_TRAINING, N_PUBLIC))
    seconds = []
    for epoch in range(3):
        start = perf_counter()
        train_epoch(learner, images, epoch, lambda done, loss: None)
        count_right(model, select.batches(card, 4 * recipe.batch_size, DEVICE))
        seconds.append(perf_counter() - start)
    return min(seconds[1:])  # the first one warms up and records


def plain_epoch_seconds(name: str) -> float:
    """By the loop that one would write: images on the GPU, fused Adam, no augmentation, no recording."""
    recipe, _ = recipe_and_card(name)
    model = create(recipe, LABELS, DEVICE).train()
    adam = optimizer(model, recipe, DEVICE)
    images = random_images(N_TRAINING)
    x = (images.pixels.to(DEVICE).float() / 255).contiguous(memory_format=torch.channels_last)
    gold = images.gold.to(DEVICE)

    def learn(steps: int) -> None:
        for batch in torch.split(torch.randperm(len(x), device=DEVICE), 64)[:steps]:
            with torch.autocast(DEVICE, torch.bfloat16):
                loss = torch.nn.functional.cross_entropy(model(x[batch]), gold[batch])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()

    some, every = (1, 2) if TINY else (60, 449)
    learn(some)
    return timed(lambda: learn(some)) * every / some


def recipe_and_card(name: str) -> tuple[Recipe, Card]:
    recipe = Recipe(architecture=name, epochs=3, dtype="bfloat16", input_size=(SIDE, SIDE), in_chans=1)
    form: dict[str, Any] = {"labels": tuple("abcdefg"), "in_chans": 1, "input_size": (SIDE, SIDE)}
    return recipe, Card(architecture=name, **form, mean=(0.5,), std=(0.25,))


def random_images(n: int) -> Images:
    torch.manual_seed(0)
    return Images(
        torch.randint(0, 256, (n, 1, SIDE, SIDE), dtype=torch.uint8), torch.randint(0, LABELS, (n,))
    )


def gfpgan() -> tuple[dict[str, float], dict[str, float]]:
    """Faces of 48 pixels to 224, by way of 512, in batches of 8."""
    figures = {}
    size, n = (2, 1) if TINY else (8, 12)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        module = GFPGAN(**OPTIONS).eval()
        torch.save({"params_ema": module.state_dict()}, Path(folder) / "random.pth")
        for dtype in ("float32",) if TINY else ("float32", "bfloat16"):
            network = module.to(DEVICE, getattr(torch, dtype))
            entry = {"adapter": "gfpgan", "weights": "random.pth", "dtype": dtype}
            context = Context(Path(folder), Path(folder))
            restorer = build_restorer("face", {"face": entry}, context).load(DEVICE)
            bare, harness = gfpgan_seconds(network, restorer, getattr(torch, dtype), size, n)
            figures[f"{dtype}_bare_images_per_s"] = size / bare
            figures[f"{dtype}_images_per_s"] = size / harness
            figures[f"{dtype}_share_min"] = bare / harness
    return figures, {key: 0.95 for key in figures if key.endswith("share_min")}


def gfpgan_seconds(network: Any, restorer: Any, dtype: torch.dtype, size: int, n: int) -> tuple[float, float]:
    batches = [pictures(size, seed) for seed in range(n)]
    inputs = torch.rand((size, 3, 512, 512), device=DEVICE).mul_(2).sub_(1).to(dtype)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(n):
                network(inputs, return_rgb=False, randomize_noise=False)

    def harness() -> None:
        kept: list[Any] = []
        run_ahead(
            batches,
            restorer.prepare,
            lambda _, ready: restorer.forward(ready),
            lambda results: kept.extend(finish() for _, finish in results),
        )
        assert kept[-1][-1].shape == (224, 224, 3)

    return alternately(bare, harness, n)


def pictures(n: int, seed: int) -> list[np.ndarray]:
    """Random images, as smooth as small pictures of faces."""
    steps = np.random.default_rng(seed).normal(0, 6, (2, n, SIDE, SIDE))
    return list(np.clip(128 + steps[0].cumsum(axis=1) + steps[1].cumsum(axis=2), 0, 255).astype(np.uint8))


def alternately(one: Callable[[], None], other: Callable[[], None], n: int) -> tuple[float, float]:
    """Seconds per call out of n of two pieces of work: medians of three passes in turn, after one of each."""
    one()
    other()
    pairs = [(timed(one), timed(other)) for _ in range(1 if TINY else 3)]
    first, second = (median(seconds) / n for seconds in zip(*pairs, strict=True))
    return first, second


def timed(call: Callable[[], object]) -> float:
    synchronise()
    start = perf_counter()
    call()
    synchronise()
    return perf_counter() - start


def synchronise() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


ROWS: dict[str, Callable[[], tuple[dict[str, float], dict[str, float]]]] = {
    "gpu_clip": clip,
    "gpu_training": training,
    "gpu_gfpgan": gfpgan,
}

if __name__ == "__main__":
    main()
