"""The FER-2013 evals twice with one store: the second run loads no model and comes to the same verdicts.

Needs the data: HARNESS_DATA names the folder that holds it.
"""

import sys
import tempfile
from pathlib import Path

from _shared import data_or_status_2, print_line, run_evals

TARGETS = {"warm_model_loads": 0, "verdicts_that_differ": 0}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, data_or_status_2():
        cold, cold_claims, cold_seconds = run_evals(Path(folder), "-n", "2")
        warm, warm_claims, warm_seconds = run_evals(Path(folder), "-n", "2")
    figures = {
        "warm_model_loads": sum(warm["model_loads"].values()),
        "cold_model_loads": sum(cold["model_loads"].values()),
        "verdicts": len(cold_claims),
        "verdicts_that_differ": sum(claim not in cold_claims for claim in warm_claims)
        + abs(len(cold_claims) - len(warm_claims)),
        "cold_seconds": cold_seconds,
        "warm_seconds": warm_seconds,
    }
    print_line("warm", figures, TARGETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
