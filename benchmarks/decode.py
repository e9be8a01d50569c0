"""How long it takes to find and decode all of FER-2013 on one core.

Needs the data: HARNESS_DATA names the folder that holds it.
"""

import os
import sys
import time

from _shared import data_or_status_2, print_line

from harness.datasets import load_dataset
from harness.tools.paths import default_data_root

TARGETS = {"decode_35887_seconds": 10.0}


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = time.perf_counter()
    with data_or_status_2():
        splits = [
            load_dataset({}, "fer2013", split, default_data_root())
            for split in ("train", "public", "private")
        ]
    listed = time.perf_counter()
    for data in splits:
        for index in range(len(data)):
            data.pixels(index)
    seconds = time.perf_counter() - start
    figures = {
        f"decode_{sum(map(len, splits))}_seconds": seconds,
        "list_seconds": listed - start,
    }
    print_line("decode", figures, TARGETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
