"""What was left out of a data set and why, in a few readable lines."""

from dataclasses import dataclass, field


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
        """One line per reason: the file, or the first file and how many more there are."""
        return tuple(
            f"{shown(files[0])}: {reason}"
            if len(files) == 1
            else f"{shown(files[0])} and {len(files) - 1:,} more: {reason}"
            for reason, files in self.files.items()
        )


def shown(name: str) -> str:
    """A file name fit for one line of a terminal: control characters are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]
