"""What was left out of a data set and why, in a few readable lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

# Enough for every fault that a set really has; a set whose labels are all unknown would fill the screen.
MOST_REASONS = 20
_MOST_NAMES = 3


@dataclass
class Problems:
    """Files left out, gathered by reason.

    Attributes:
        files: Reason -> the files it applies to, in the order met.
    """

    files: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, file: str) -> None:
        """Notes that `file` has the problem `reason`."""
        self.files.setdefault(reason, []).append(file)

    def lines(self) -> tuple[str, ...]:
        """One line per reason: the first files and how many more there are.

        From `MOST_REASONS` on the last line only counts.
        """
        lines = [f"{names(files)}: {reason}" for reason, files in self.files.items()]
        if len(lines) <= MOST_REASONS:
            return tuple(lines)
        rest = list(self.files.values())[MOST_REASONS - 1 :]
        count = sum(map(len, rest))
        return (*lines[: MOST_REASONS - 1], f"{count:,} more files: {len(rest):,} more reasons, left out")


def names(files: Sequence[str]) -> str:
    """The first files by name, and how many more there are."""
    listed = ", ".join(map(shown, files[:_MOST_NAMES]))
    return listed if len(files) <= _MOST_NAMES else f"{listed} and {len(files) - _MOST_NAMES:,} more"


def shown(name: str) -> str:
    """A file name fit for one line of a terminal: control characters are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]
