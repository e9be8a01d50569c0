"""How and where a run computes: options with their defaults, told without importing anything heavy."""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.tools.nearest import nearest
from harness.tools.paths import absolute

DTYPES = ("float32", "bfloat16", "float16")
# What run.json says of them: nothing that is a path of the machine.
RECORDED = ("seed", "alpha", "limit", "device", "dtype", "batch_size")
DEVICES = ("auto", "cpu", "cuda", "hpu", "mps", "xla", "xpu")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a run computes.

    Attributes:
        data_root: where datasets are; made absolute.
        store: the prediction store; made absolute.
        device: torch device, or `auto`.
        dtype: torch dtype by name.
        batch_size: images per batch to begin with.
        limit: samples per dataset:split, or None.
        alpha: family-wise error rate of the claims.
        seed: the one seed of the run.
        replicates: bootstrap replicates.
        max_cost: US dollars that the models behind APIs may spend in one run, or None for no limit.
    """

    data_root: Path
    store: Path
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int = 64
    limit: int | None = None
    alpha: float = 0.05
    seed: int = 0
    replicates: int = 10_000
    max_cost: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_root", absolute(self.data_root))
        object.__setattr__(self, "store", absolute(self.store))
        if self.dtype not in DTYPES:
            raise UsageError(
                f"Expected --dtype to be one of {', '.join(DTYPES)}, but got {self.dtype}. "
                f"{nearest(self.dtype, DTYPES)}"
            )
        if not re.fullmatch(rf"({'|'.join(DEVICES)})(:\d+)?", self.device):
            raise UsageError(
                f"Expected --device to be one of {', '.join(DEVICES)} or such as cuda:1, but got "
                f"{self.device}. {nearest(self.device, DEVICES)}"
            )
        if not 0 < self.alpha < 1:
            raise UsageError(f"Expected --alpha to be between 0 and 1, but got {self.alpha}.")
        if self.batch_size < 1 or (self.limit is not None and self.limit < 1):
            raise UsageError("Expected --batch-size and --limit to be at least 1.")
        if self.max_cost is not None and not self.max_cost > 0:
            raise UsageError(f"Expected --max-cost to be larger than 0, but got {self.max_cost}.")


def pick_device(device: str) -> str:
    """`auto` as the accelerator that is here, told without importing torch."""
    if device != "auto":
        return device
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        return "cuda"
    return "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else "cpu"
