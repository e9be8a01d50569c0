"""Which restorations of the same pictures make one test of a claim about restoration.

A claim compares a model with itself: what it answers on restored pictures and on the same pictures under
controls. Controls are told by what makes them, see `harness.restoration.is_control`, not by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from harness.restoration import NONE

PREFERRED = ("bicubic", "lanczos", "nearest")
"""Which interpolation is the control of a treatment where there are several: the study that restoration
comes from (arXiv 2508.13524) enlarges bicubically before it restores."""


@dataclass(frozen=True)
class Arm:
    """A restoration as an experiment sees it.

    Attributes:
        name: as in the suite.
        adapter: what makes it.
        control: whether it adds nothing to the picture: `none` and the interpolations.
        size: shorter side of what it makes, in pixels; None for the published one.
        twin: equal for treatments that differ in colour alone.
    """

    name: str
    adapter: str
    control: bool = False
    size: int | None = None
    twin: Hashable = None


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """How the restorations of one test are chosen.

    By default each restoration has a test of its own. A treatment is held against an interpolation to the
    same size and against no restoration. Without such an interpolation there is no test: what restoring adds
    could not be told from what enlarging adds. An interpolation is held against no restoration alone.

    Attributes:
        together: from how many restorations on, besides `none`, all are judged in one test; 0 for never.
        twins: whether what differs from a restoration in colour alone joins its test.
    """

    together: int = 0
    twins: bool = False

    def arrange(
        self, arms: Sequence[Arm], wanted: Callable[[str], bool] = lambda name: True
    ) -> list[tuple[str, ...]]:
        """The tests that a list of restorations allows.

        Args:
            arms: all that may take part; without `none` there is no test.
            wanted: whether a restoration is to be judged. Controls serve without being wanted.

        Returns:
            Names of the restorations of each test, in the order in which the judge takes the predictions:
            the one that is judged, its control, its twins, `none`; or `none` and all the others.
        """
        judged = [arm for arm in arms if arm.name != NONE and wanted(arm.name)]
        if all(arm.name != NONE for arm in arms):
            return []
        if self.together:
            return [(NONE, *(arm.name for arm in judged))] if len(judged) >= self.together else []
        tests = []
        for arm in judged:
            control = [] if arm.control else _control(arm, arms)
            if control or arm.control:
                tests.append((arm.name, *control, *self._twins(arm, arms), NONE))
        return tests

    def _twins(self, arm: Arm, arms: Sequence[Arm]) -> list[str]:
        if not self.twins or arm.control or arm.twin is None:
            return []
        return [other.name for other in arms if other.name != arm.name and other.twin == arm.twin]


def _control(arm: Arm, arms: Sequence[Arm]) -> list[str]:
    """The interpolation to hold a treatment against, of those to its size."""
    found = [other for other in arms if other.adapter in PREFERRED and other.size == arm.size]
    found.sort(key=lambda other: PREFERRED.index(other.adapter))
    return [other.name for other in found[:1]]
