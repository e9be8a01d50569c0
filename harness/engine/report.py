"""What running a plan came to."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness import errors
from harness.engine.plan import STAGES
from harness.errors import HarnessError, ModelError
from harness.tools.slow_paths import SlowPath


@dataclass(frozen=True)
class Failure:
    """Why a worker did not do all of its jobs.

    Attributes:
        kind: name of the error's class, or of the nearest one above it that the harness has.
        message: one line with the cause and the fix.
        traceback: of an error that the harness did not expect, "" for the others.
    """

    kind: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, error: Exception, worker: str) -> Failure:
        """The failure that an error is."""
        if isinstance(error, HarnessError):
            kind = next(one.__name__ for one in type(error).__mro__ if one in vars(errors).values())
            return cls(kind, str(error), error.details)
        told = "".join(traceback.format_exception(error))
        what = f"{worker} broke with {type(error).__name__}: {error}"
        return cls(ModelError.__name__, what, told)

    def error(self) -> HarnessError:
        """The error again, for every test that needs what was not computed."""
        kind: type[HarnessError] = getattr(errors, self.kind)
        error = kind(self.message)
        error.details = self.traceback
        return error


@dataclass
class Report:
    """What an engine did.

    Attributes:
        loads: model or restoration -> times it was loaded, by stage.
        failures: model or restoration -> why it did not do all of its jobs, by stage; all others went on.
        slow_paths: what went slower or worse than it could have.
        restoration_costs: what the restored pictures of the run cost when they were made, an entry per
            restoration: `restoration`, `images`, `seconds_per_image`, and `peak_memory_mb`: of the
            accelerator, else of the process, with everything else that it held.
    """

    loads: dict[str, dict[str, int]] = field(default_factory=lambda: {stage: {} for stage in STAGES})
    failures: dict[str, dict[str, Failure]] = field(default_factory=lambda: {stage: {} for stage in STAGES})
    slow_paths: dict[SlowPath, None] = field(default_factory=dict)
    restoration_costs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Takes in what was done elsewhere."""
        for stage in STAGES:
            for name, times in other.loads[stage].items():
                self.loads[stage][name] = self.loads[stage].get(name, 0) + times
            self.failures[stage] |= other.failures[stage]
        self.slow_paths |= other.slow_paths
        self.restoration_costs += other.restoration_costs

    def as_dict(self) -> dict[str, Any]:
        """Plain values, by which processes of a run tell each other."""
        return {
            "loads": self.loads,
            "failures": {
                stage: {name: asdict(failure) for name, failure in of_stage.items()}
                for stage, of_stage in self.failures.items()
            },
            "slow_paths": [one.as_dict() for one in self.slow_paths],
            "restoration_costs": self.restoration_costs,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """The report that `as_dict` was taken of."""
        failures = {
            stage: {name: Failure(**failure) for name, failure in of_stage.items()}
            for stage, of_stage in plain["failures"].items()
        }
        slow_paths = {SlowPath(**one): None for one in plain["slow_paths"]}
        return cls(plain["loads"], failures, slow_paths, plain["restoration_costs"])
