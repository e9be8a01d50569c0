"""The files of one training, each written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from harness.errors import UsageError
from harness.models.card import Card
from harness.tools.digests import file_digest
from harness.tools.names import file_name
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EpochRow:
    """One line of the training log; `epoch` counts from 1, accuracies are shares, `lr` is the last step's."""

    epoch: int
    train_loss: float
    train_accuracy: float
    select_accuracy: float
    lr: float
    seconds: float


@dataclass(frozen=True)
class Files:
    """Paths of one training: `<stem>.safetensors`, `<stem>.json`, `<stem>.log.csv`, `<stem>.resume.pt`."""

    folder: Path
    stem: str

    @classmethod
    def of(cls, recipe: Recipe, dataset_name: str, folder: Path) -> Files:
        """Names the files `<arch>-<dataset>-<size>px[-seedN]`; seed 0 has no suffix, odd names have a digest.

        Args:
            recipe: with `input_size` filled in.
            dataset_name: e.g. `fer2013`.
            folder: where they go.
        """
        height, width = recipe.input_size or (0, 0)
        size = f"{height}" if height == width else f"{height}x{width}"
        suffix = f"-seed{recipe.seed}" if recipe.seed else ""
        plain = re.fullmatch(r"[A-Za-z0-9._-]{1,100}", dataset_name)
        name = dataset_name if plain else file_name(dataset_name)
        return cls(folder, f"{recipe.architecture}-{name}-{size}px{suffix}")

    def path(self, ending: str) -> Path:
        """`folder/<stem>.<ending>`."""
        return self.folder / f"{self.stem}.{ending}"

    @property
    def finished(self) -> bool:
        """True when weights and card are there; the card is written last."""
        return self.path("safetensors").exists() and self.path("json").exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and keeps a second process from training into the same files.

        Raises:
            UsageError: another process does, or the folder cannot be written.
        """
        lock = FileLock(self.path("lock"))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"Another process is training {self.stem} in {self.folder}. "
                "Wait for it or choose another --out."
            ) from None
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be written ({error}). Choose another --out.") from error
        try:
            yield
        finally:
            self.path("lock").unlink(missing_ok=True)
            lock.release()

    def remove(self) -> None:
        """Removes what an earlier training left, so that none of it is taken for the next one's."""
        for ending in ("json", "safetensors", "log.csv", "resume.pt"):
            self.path(ending).unlink(missing_ok=True)

    def write_finished(self, weights: dict[str, torch.Tensor], card: Card) -> None:
        """Writes weights, then the card that makes them a checkpoint, and removes the resume file."""
        from safetensors.torch import save

        with replacing(self.path("safetensors")) as temporary:
            # `save_file` makes a file that nobody else can read.
            temporary.write_bytes(save(weights, metadata={"format": "pt"}))
        with replacing(self.path("json")) as temporary:
            replace(card, sha256=file_digest(self.path("safetensors"))).write(temporary)
        self.path("resume.pt").unlink(missing_ok=True)

    def write_log(self, log: Sequence[EpochRow]) -> None:
        """Writes the training log as CSV."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, [field.name for field in fields(EpochRow)], lineterminator="\n")
        writer.writeheader()
        for row in log:
            writer.writerow({k: round(v, 6) if k != "lr" else v for k, v in asdict(row).items()})
        with replacing(self.path("log.csv")) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` and moves it there when the block ends well.

    The temporary name is fixed, so what a killed run left behind is overwritten by the next.

    Raises:
        UsageError: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch and safetensors raise RuntimeErrors of their own for a full disk.
        temporary.unlink(missing_ok=True)
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path} cannot be written ({reason}). Free space there or choose another --out."
        ) from error
