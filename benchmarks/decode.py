"""How long it takes to find and decode all of FER-2013 on one core.

Needs the data: HARNESS_DATA names the folder that holds it.
"""

import json
import os
import sys
import time
from pathlib import Path

from harness.datasets import load_dataset
from harness.errors import Unavailable

TARGETS = {"decode_35887_seconds": 10.0}


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    root = Path(os.environ.get("HARNESS_DATA", "~/.cache/emotion-harness/data")).expanduser()
    start = time.perf_counter()
    try:
        splits = [load_dataset({}, "fer2013", split, root) for split in ("train", "public", "private")]
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2
    listed = time.perf_counter()
    for data in splits:
        for index in range(len(data)):
            data.pixels(index)
    seconds = time.perf_counter() - start
    figures = {
        f"decode_{sum(map(len, splits))}_seconds": round(seconds, 2),
        "list_seconds": round(listed - start, 2),
    }
    holds = all(figures.get(key, float("inf")) <= limit for key, limit in TARGETS.items())
    print(json.dumps({"name": "decode", "figures": figures, "targets": TARGETS, "holds": holds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
