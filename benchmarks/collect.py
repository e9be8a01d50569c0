"""What it takes to collect the evals: seconds, and which heavy libraries are imported on the way.

Wall-clock and processor seconds are medians of whole processes, interpreter included.
"""

import json
import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

from _shared import print_line

RUNS = 7
HEAVY = (
    *("torch", "torchvision", "timm", "transformers", "open_clip", "spandrel", "ray", "openai"),
    *("pandas", "pyarrow", "scipy", "sklearn", "statsmodels"),
)
COLLECT = "import pytest; status = pytest.main(['evals', '--collect-only', '-q'])"
LIST_MODULES = "import json, sys; print(); print(json.dumps(sorted(sys.modules))); sys.exit(status)"
TARGETS = {"seconds": 2.0, "heavy_modules": 0}


def main() -> int:
    collect()  # the first run compiles
    seconds, processor = zip(*(timed() for _ in range(RUNS)), strict=True)
    output = collect()
    modules = set(json.loads(output.splitlines()[-1]))
    figures = {
        "seconds": median(seconds),
        "processor_seconds": median(processor),
        "heavy_modules": len(modules & set(HEAVY)),
        "tests": sum("::" in line for line in output.splitlines()[:-1]),
    }
    print_line("collect", figures, TARGETS)
    return 0


def timed() -> tuple[float, float]:
    """Wall-clock and processor seconds of one collection."""
    wall, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    collect()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - wall, used


def collect() -> str:
    """What a collecting process prints; its last line names the modules that it imported."""
    command = [sys.executable, "-c", f"{COLLECT}; {LIST_MODULES}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
