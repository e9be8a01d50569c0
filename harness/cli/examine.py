"""What can run here, what cannot, why, and how to mend it; nothing heavy is imported."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.datasets import load_dataset
from harness.errors import HarnessError
from harness.models import Context, build_model
from harness.restoration import NONE, build_restorer
from harness.runs import read_record
from harness.settings import pick_device
from harness.store.answers import Store
from harness.suite import Suite
from harness.tools.slow_paths import line

# Images of each split that are decoded; `--data` decodes all.
LOOKED_AT = 100


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        what: e.g. `model resnet50-48px`.
        ok: whether it can run.
        state: what was found, or the cause and the fix.
    """

    what: str
    ok: bool
    state: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def examine(suite: Suite, data_root: Path, store: Path) -> list[Finding]:
    """Looks at Python, device, store, and every dataset, model, restoration and prompt of a suite."""
    return [
        Finding("python", True, sys.version.split()[0]),
        Finding("device", True, pick_device("auto")),
        _store(store),
        *_datasets(suite, data_root),
        *_models(suite, data_root),
        *_restorations(suite, data_root),
        *_prompts(suite),
        *_slow_paths(suite.path.parent.parent / "reports/latest"),
    ]


def _prompts(suite: Suite) -> Iterator[Finding]:
    entries = Counter(prompt.entry for prompt in suite.prompts.values())
    for entry, count in entries.items():
        yield Finding(f"prompt {entry}", True, f"{count} questions" if count > 1 else "ready")


def _slow_paths(newest: Path) -> Iterator[Finding]:
    """What the newest run did slower than it could have."""
    try:
        record = read_record(newest)
    except HarnessError:
        return  # no run yet, or one that is of another version
    for entry in record.get("slow_paths") or ():
        yield Finding(f"slow path {entry['model']}", entry["kind"] == "chosen", f"{line(entry)} (newest run)")


def _store(path: Path) -> Finding:
    try:
        Store(path).check_writable()
    except HarnessError as error:
        return Finding("store", False, str(error))
    return Finding("store", True, str(path))


def _datasets(suite: Suite, data_root: Path) -> Iterator[Finding]:
    sources = dict.fromkeys(source for profile in suite.profiles.values() for source in profile.datasets)
    for source in sources:
        name, _, split = source.partition(":")
        try:
            dataset = load_dataset(suite.datasets[name], name, split, data_root)
            looked_at = dataset.limit(LOOKED_AT).allowing(1.0).readable()
        except HarnessError as error:
            yield Finding(f"dataset {source}", False, str(error))
            continue
        problems = looked_at.problems
        found = f", {len(problems)} problems: {problems[0]}" if problems else ""
        if looked_at.unreadable:
            seen = len(looked_at) + len(looked_at.unreadable)
            found = f", of {seen} looked at {len(looked_at.unreadable)} are unreadable: {problems[-1]}"
        advice = f". See all with: harness doctor --data {source}" if problems else ""
        ok = looked_at.missing <= dataset.max_missing
        yield Finding(f"dataset {source}", ok, f"{len(dataset):,} samples{found}{advice}")


def _models(suite: Suite, data_root: Path) -> Iterator[Finding]:
    for name, entry in suite.models.items():
        try:
            model = build_model(name, entry, Context(data_root, suite.path.parent))
            if hasattr(model, "probe"):
                model.probe()
        except HarnessError as error:
            yield Finding(f"model {name}", False, str(error))
        else:
            off = "" if getattr(model, "sweep", True) else "without its sweep, as its entry says"
            about = (
                suite.capability(name),
                ", ".join(getattr(model, "modes", ())),
                getattr(model, "note", ""),
                _recorded(suite, getattr(model, "correct", {})),
                off,
            )
            yield Finding(f"model {name}", True, "; ".join(part for part in about if part))
    for source in dict.fromkeys(number.source for number in suite.published):
        count = sum(number.source == source for number in suite.published)
        yield Finding(f"published @{source}", True, f"{count} published results")


def _recorded(suite: Suite, correct: Mapping[str, tuple[int, int]]) -> str:
    """What a card records of the suite's data sets; answers to all of their samples are held against it."""
    known = [
        f"{k:,} of {n:,} on {source}"
        for source, (k, n) in correct.items()
        if source.partition(":")[0] in suite.datasets
    ]
    return f"its card records, to be checked, {', '.join(known)}" if known else ""


def _restorations(suite: Suite, data_root: Path) -> Iterator[Finding]:
    asked_for = [name for profile in suite.profiles.values() for name in profile.restorations]
    for name in dict.fromkeys([*asked_for, *suite.restorations]):
        try:
            if name != NONE:
                restorer = build_restorer(name, suite.restorations, Context(data_root, suite.path.parent))
                restorer.identity("cpu")  # holds weights against their sha256
        except HarnessError as error:
            yield Finding(f"restoration {name}", False, str(error))
        else:
            yield Finding(f"restoration {name}", True, "ready")
