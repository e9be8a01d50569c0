"""What a run ran on and with, as (term, description) pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.reporting.text import count, duration, plain


def environment_facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts of run.json that someone needs to run it again; absent ones are left out."""
    machine = record.get("environment") or {}
    cores, memory = machine.get("cores"), machine.get("memory_gb")
    processor = (machine.get("cpu"), cores and f"{cores} cores", memory and f"{memory:.0f} GB memory")
    facts = {
        "command": record.get("command"),
        "started": record.get("started"),
        "took": None if record.get("seconds") is None else duration(record["seconds"]),
        "profile": record.get("profile"),
        "limit": None if record.get("limit") is None else f"{count(record['limit'])} samples per dataset",
        "seed": record.get("seed"),
        "alpha": record.get("alpha"),
        "device": ", ".join(str(record[key]) for key in ("device", "dtype") if record.get(key)),
        "python": machine.get("python"),
        "platform": machine.get("platform"),
        "processor": ", ".join(str(part) for part in processor if part),
        "model loads": ", ".join(f"{model} {n}" for model, n in (record.get("model_loads") or {}).items()),
    }
    return [(term, plain(fact)) for term, fact in facts.items() if fact not in (None, "")]


@dataclass(frozen=True)
class Cost:
    """What one restoration took, ready to show."""

    name: str
    time: str
    images: int
    memory: str


def restoration_costs(record: Mapping[str, Any]) -> list[Cost]:
    """Restorations that this run computed; those that it found in the store cost it nothing."""
    return [
        Cost(
            name=plain(cost["restoration"]),
            time=_small_time(float(cost["seconds_per_image"])),
            images=int(cost["images"]),
            memory=f"{count(cost['peak_memory_mb'])} MB" if cost.get("peak_memory_mb") is not None else "",
        )
        for cost in record.get("restoration_costs") or ()
    ]


def _small_time(seconds: float) -> str:
    return duration(seconds) if seconds >= 0.95 else f"{1000 * seconds:.2g} ms"


def packages(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(package, version) pairs, sorted."""
    found = (record.get("environment") or {}).get("packages") or {}
    return sorted((plain(name), plain(version)) for name, version in found.items())
