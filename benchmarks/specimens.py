"""The evals of the specimens twice, as `make demo` runs them: from nothing, then again.

The first run has an empty store and no drawn faces; nothing is loaded for the second. CPU seconds are of
all processes: unlike the others, they mean something while the machine does something else, too.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _shared import print_line

TARGETS = {"cold_seconds": 180, "warm_seconds": 15, "warm_model_loads": 0, "verdicts_that_differ": 0}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cold, cold_claims, cold_seconds, cold_cpu = run(Path(folder))
        warm, warm_claims, warm_seconds, warm_cpu = run(Path(folder))
    figures = {
        "cold_seconds": cold_seconds,
        "cold_cpu_seconds": cold_cpu,
        "cold_model_loads": sum(cold["model_loads"].values()),
        "warm_seconds": warm_seconds,
        "warm_cpu_seconds": warm_cpu,
        "warm_model_loads": sum(warm["model_loads"].values()),
        "verdicts": len(cold_claims),
        "verdicts_that_differ": sum(a != b for a, b in zip(cold_claims, warm_claims, strict=True)),
    }
    print_line("specimens", figures, TARGETS)


def run(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], float, float]:
    """run.json, claims.json, seconds on the clock and seconds of CPU."""
    command = [sys.executable, "-m", "pytest", "evals", "--profile", "specimens", "-n", "2", "-q"]
    command += ["--store", str(folder / "store"), "--reports", str(folder / "reports")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    start, before = time.perf_counter(), _children()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds, cpu = time.perf_counter() - start, _children() - before
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    latest = folder / "reports/latest"
    record, claims = (json.loads((latest / f"{name}.json").read_text("utf-8")) for name in ("run", "claims"))
    return record, claims, seconds, cpu


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
