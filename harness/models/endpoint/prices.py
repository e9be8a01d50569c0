"""The price table: a TOML file beside the suite, one table per model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from harness.errors import UsageError
from harness.tools.forms import read

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


_DOLLARS = Annotated[float, Ge(0)]
# TOML has dates of its own, and a string is one, too.
_PRICE: Mapping[str, Any] = {"input": _DOLLARS, "output": _DOLLARS, "date": Any}


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        input: of the request, image included.
        output: of the reply.
        date: when this was the price, or "".
    """

    input: float
    output: float
    date: str = ""

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """What one reply cost, or None where the server does not count tokens.

        An upper bound: input that the provider had cached is billed at less.
        """
        if tokens_in is None or tokens_out is None:
            return None
        return (tokens_in * self.input + tokens_out * self.output) / 1e6

    def __str__(self) -> str:
        if self.input == self.output == 0:
            return "free of charge"
        when = f" ({self.date})" if self.date else ""
        return f"{self.input:.2f} / {self.output:.2f} USD per million tokens in / out{when}"


def find_price(model: str, path: Path) -> Price | None:
    """The price of a model, or None where the table is absent or does not name it.

    Raises:
        UsageError: the table cannot be read, or a price in it is not two numbers and a date.
    """
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"The price table {path} cannot be read ({error}). Correct that line.") from error
    if model not in table:
        return None
    if not isinstance(row := table[model], dict):
        raise UsageError(f"{path} has {model} = {row!r}. Write a table of input, output and date.")
    price = read(row, _PRICE, f"The price of {model} in {path}", required=_PRICE)
    return Price(price["input"], price["output"], str(price["date"]))
