"""What a run came to, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.reporting.verdicts import headline, terminal_table
from harness.tools.slow_paths import line

if TYPE_CHECKING:
    from rich.console import Console

    from harness.runs import Recorder


def print_summary(console: Console, recorder: Recorder, *, said: Sequence[str] = (), fails: int = 0) -> None:
    """Prints the verdicts, what went wrong, what went slower than it could, and how many of each there are.

    Args:
        console: where to.
        recorder: of the run.
        said: what else there is to say.
        fails: how many slow paths make the run fail.
    """

    def say(
        text: str, style: str | None = None
    ) -> None:  # never broken: it may end in a command to be copied
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    claims = recorder.sorted_claims()
    console.print(terminal_table(claims))
    for problem in recorder.problems:
        say(f"problem: {problem}", "yellow")
    for one in said:
        say(one)
    for entry in recorder.slow_paths:
        say(f"slow path: {line(entry)}", "yellow")
    if fails:
        say(
            f"The run fails as slow_paths = fail, and it has {fails} that nobody chose. Mend them, or write "
            "sweep = false into the entry of a model that must go without.",
            "red",
        )
    console.print(headline(claims, len(recorder.skipped)), markup=False, highlight=False)
