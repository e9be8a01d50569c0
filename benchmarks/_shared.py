"""What the benchmarks share: the line that each prints, the data that most need, and runs of the evals."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.datasets import load_dataset
from harness.errors import Unavailable
from harness.models import Context, RunnableModel, build_model
from harness.tools.paths import default_data_root


def print_line(name: str, figures: Mapping[str, float], targets: Mapping[str, float]) -> None:
    """Prints the result: a figure holds when it is at most its target, or at least for a key in `_min`."""
    holds = all(
        key in figures and (figures[key] >= limit if key.endswith("_min") else figures[key] <= limit)
        for key, limit in targets.items()
    )
    rounded = {key: round(value, 3) for key, value in figures.items()}
    print(json.dumps({"name": name, "figures": rounded, "targets": targets, "holds": holds}))


@contextmanager
def data_or_status_2() -> Iterator[None]:
    """Ends the script with one line and status 2 where a dataset or checkpoint is absent."""
    try:
        yield
    except Unavailable as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def efficientnet() -> RunnableModel:
    """The CNN of the default profile.

    Raises:
        Unavailable: its checkpoint or a package is absent.
    """
    entry = {"adapter": "timm", "checkpoint": "efficientnet_b0-fer2013-48px.safetensors"}
    return build_model("efficientnet-b0-48px", entry, Context(default_data_root(), Path("evals")))


def run_evals(
    folder: Path, *options: str, watch: Callable[[int], Any] = lambda pid: None
) -> tuple[dict[str, Any], list[dict[str, Any]], float]:
    """Runs the FER-2013 evals of the default profile in a process of its own.

    Args:
        folder: keeps the store and the reports; a second run in the same folder is warm.
        options: more options of pytest.
        watch: called with the process id, again and again while it runs.

    Returns:
        run.json, claims.json and the wall-clock seconds.

    Raises:
        Unavailable: FER-2013 or the CNN's checkpoint is absent.
        RuntimeError: pytest neither passed nor failed.
    """
    load_dataset({}, "fer2013", "private", default_data_root())
    efficientnet()
    command = [sys.executable, "-m", "pytest", "evals", "-k", "fer2013", "-q", *options]
    command += ["--store", str(folder / "store"), "--reports", str(folder / "reports")]
    start = time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            watch(process.pid)
            time.sleep(0.05)
    seconds = time.perf_counter() - start
    if process.returncode not in (0, 1):
        raise RuntimeError((folder / "output.txt").read_text())
    latest = folder / "reports/latest"
    run, claims = (json.loads((latest / f"{name}.json").read_text("utf-8")) for name in ("run", "claims"))
    return run, claims, seconds
