"""The FER-2013 evals under -n 1, 2 and 4, each with its own store: loads of a model, memory of a worker.

Memory is the largest resident set of any one worker, sampled twenty times a second. A limit on the test
images keeps it short; what fills a worker is torch, the networks and the training images, all decoded.
Needs the data: HARNESS_DATA names the folder that holds it.
"""

import sys
import tempfile
from pathlib import Path

import psutil
from _shared import data_or_status_2, print_line, run_evals

WORKERS = (1, 2, 4)
LIMIT = 1_000
TARGETS = {
    **{f"most_loads_of_a_model_n{workers}": 1 for workers in WORKERS},
    **{f"worker_gb_n{workers}": 2.5 for workers in WORKERS},
}


class Peak:
    """The largest resident set that any child of a process has had."""

    gigabytes = 0.0

    def sample(self, pid: int) -> None:
        """Looks at the children once."""
        for child in psutil.Process(pid).children():
            try:
                self.gigabytes = max(self.gigabytes, child.memory_info().rss / 2**30)
            except psutil.NoSuchProcess:
                continue


def main() -> int:
    figures: dict[str, float] = {}
    for workers in WORKERS:
        peak = Peak()
        with tempfile.TemporaryDirectory() as folder, data_or_status_2():
            run, _, seconds = run_evals(
                Path(folder), "-n", str(workers), "--limit", str(LIMIT), watch=peak.sample
            )
        figures |= {
            f"most_loads_of_a_model_n{workers}": max(run["model_loads"].values()),
            f"worker_gb_n{workers}": peak.gigabytes,
            f"seconds_n{workers}": seconds,
        }
    print_line("parallel", figures, TARGETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
