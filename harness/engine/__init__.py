"""The engine: what the store lacks is planned, computed and kept; everything else reads."""

from harness.engine.bench import Bench
from harness.engine.devices import Devices, engine_for
from harness.engine.evidence import Evidence
from harness.engine.local import Engine, Local
from harness.engine.plan import Embedding, Job, Plan, make_plan
from harness.engine.report import Failure, Report
from harness.engine.source import Source

__all__ = [
    "Bench",
    "Devices",
    "Embedding",
    "Engine",
    "Evidence",
    "Failure",
    "Job",
    "Local",
    "Plan",
    "Report",
    "Source",
    "engine_for",
    "make_plan",
]
