"""What a file says against the types that whoever takes it declares: one place for all keys of a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from harness.errors import UsageError
from harness.nearest import nearest

# One of it, several of it.
_WORDS: Mapping[Any, tuple[str, str]] = {
    str: ("a string", "strings"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false each"),
}
_LARGEST_INT, _LARGEST_FLOAT = 2**63, 1e300
_LONGEST = 80


def check_keys(values: Mapping[str, Any], hints: Mapping[str, Any], who: str) -> None:
    """Checks that all keys are known and all values of their type.

    Args:
        values: what was written.
        hints: key -> the type that it takes; what is none of TOML's types is not looked at.
        who: where it stands, as messages begin with it, such as `[models.mine] of evals/suite.toml`.

    Raises:
        UsageError: a key is unknown or has a value of another type.
    """
    for key in values:
        if key not in hints:
            raise UsageError(
                f"{who} has the unknown option {_shown(key)}. Use {', '.join(hints) or 'none'}. "
                f"{nearest(key, hints)}"
            )
    check_values(values, hints, who)


def check_values(values: Mapping[str, Any], hints: Mapping[str, Any], who: str) -> None:
    """Checks the values of those keys that are known, see `check_keys`.

    Raises:
        UsageError: a key has a value of another type.
    """
    for key, value in values.items():
        if key in hints and not fits(value, hints[key]):
            raise UsageError(f"{who} has {key} = {_shown(value)}. Write {form(hints[key])}.")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; numbers are finite, and true is no number.

    >>> from collections.abc import Sequence
    >>> fits(["a"], Sequence[str]), fits("a", Sequence[str]), fits(True, int), fits(1, float)
    (True, False, False, True)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin in (Sequence, tuple, list):
        return isinstance(value, (list, tuple)) and all(fits(item, inner[0]) for item in value)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping) and all(fits(item, inner[1]) for item in value.values())
    if hint in (int, float):
        most = _LARGEST_INT if hint is int else _LARGEST_FLOAT
        return type(value) in {int, hint} and -most < value < most
    return not isinstance(hint, type) or hint not in (str, bool, NoneType) or isinstance(value, hint)


def form(hint: Any) -> str:
    """What is to be written for a type.

    >>> from collections.abc import Mapping, Sequence
    >>> form(str | Sequence[str] | None), form(Mapping[str, str | Sequence[str]])
    ('a string or a list of strings', 'a table of strings or lists of strings')
    """
    return _in_words(hint, several=False)


def _in_words(hint: Any, *, several: bool) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_in_words(one, several=several) for one in inner if one is not NoneType)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin in (Sequence, tuple, list):
        return f"{'lists' if several else 'a list'} of {_in_words(inner[0], several=True)}"
    if origin in (Mapping, dict):
        return f"{'tables' if several else 'a table'} of {_in_words(inner[1], several=True)}"
    return _WORDS.get(hint, ("another value", "values"))[several]


def texts(value: Any) -> Iterator[str]:
    """All strings in a value of TOML, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
