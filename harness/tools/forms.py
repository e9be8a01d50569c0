"""What a file says against the types that whoever takes it declares: one place for all keys of a suite.

pydantic holds the values against the types and writes their JSON schema; what is wrong is said in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, Strict, TypeAdapter, ValidationError
from typing_extensions import NotRequired, Required, TypedDict

from harness.errors import UsageError
from harness.tools.nearest import nearest

# One of it, several of it.
_WORDS: Mapping[Any, tuple[str, str]] = {
    str: ("a string", "strings"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false each"),
}
_LARGEST_INT, _LARGEST_FLOAT = 2**63, 1e300
_LONGEST = 80

# Begins a message: where something stands, such as `[models.mine] of evals/suite.toml`, by the key meant.
Who = str | Callable[[str], str]


class Words(str):
    """In `Annotated`: what is to be written for a type, where the type itself does not say it well."""


def read(
    values: Mapping[str, Any],
    hints: Mapping[str, Any],
    who: Who,
    *,
    required: Iterable[str] = (),
    more: bool = False,
    noun: str = "option",
) -> dict[str, Any]:
    """The values of a table, if all keys are known and all values of their type; lists as tuples where asked.

    Args:
        values: what was written.
        hints: key -> the type that it takes; what is none of TOML's types is not looked at.
        who: where it stands.
        required: what must be there.
        more: whether there may be keys beside these; they are left out.
        noun: what a key is called.

    Raises:
        UsageError: a key is unknown or missing, or has a value of another type.
    """
    try:
        found: dict[str, Any] = _table(hints, required, more).validate_python(dict(values))
    except ValidationError as error:
        keys = [str(wrong["loc"][0]) for wrong in error.errors(include_url=False)]
    else:
        return found
    # An unknown key explains a missing one, and that comes before what is wrong with others.
    key = min(keys, key=lambda key: (key in hints, key in values))
    place = who if isinstance(who, str) else who(key)
    if key not in hints:
        raise UsageError(
            f"{place} has the unknown {noun} {_shown(key)}. Use {', '.join(hints) or 'none'}. "
            f"{nearest(key, hints)}"
        )
    if key not in values:
        raise UsageError(f"{place} lacks the {noun} {key!r}. Write {form(hints[key])}.")
    raise UsageError(f"{place} has {key} = {_shown(values[key])}. Write {form(hints[key])}.")


def schema(hints: Mapping[str, Any], *, required: Iterable[str] = (), more: bool = False) -> dict[str, Any]:
    """The JSON schema of such a table in TOML, which has no null."""
    written = {key: _without_none(hint) for key, hint in hints.items()}
    found = _table(written, required, more).json_schema()
    del found["title"]
    for one in found["properties"].values():
        one.pop("title", None)
    return found


def form(hint: Any) -> str:
    """What is to be written for a type.

    >>> from collections.abc import Mapping, Sequence
    >>> form(str | Sequence[str] | None), form(Mapping[str, str | Sequence[str]])
    ('a string or a list of strings', 'a table of strings or lists of strings')
    >>> from annotated_types import Ge, Le
    >>> form(Annotated[int, Ge(1)]), form(Annotated[float, Ge(0), Le(1)] | None)
    ('a whole number, 1 or more', 'a number from 0 to 1')
    """
    return _in_words(hint, several=False)


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


def _table(hints: Mapping[str, Any], required: Iterable[str], more: bool) -> TypeAdapter[Any]:
    return _made(tuple((key, _held(hint)) for key, hint in hints.items()), frozenset(required), more)


@lru_cache(maxsize=512)
def _made(held: tuple[tuple[str, Any], ...], required: frozenset[str], more: bool) -> TypeAdapter[Any]:
    fields = {key: (Required if key in required else NotRequired)[hint] for key, hint in held}
    table = TypedDict("table", fields)  # type: ignore[misc]  # its keys are anybody's, and known when it runs
    extra: Literal["ignore", "forbid"] = "ignore" if more else "forbid"
    table.__pydantic_config__ = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)  # type: ignore[attr-defined]
    return TypeAdapter(table)


def _held(hint: Any) -> Any:
    """The type as pydantic is to hold values against it: without what TOML does not have."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        small = [BeforeValidator(_small)] if inner[0] in (int, float) else []
        base = inner[0] if small else _held(inner[0])
        return Annotated[(base, *inner[1:], *small)]
    if origin in (Union, UnionType):
        return Union[tuple(map(_held, inner))]  # noqa: UP007  # made of a tuple
    if origin is tuple:
        items = (_held(inner[0]), ...) if inner[1:] == (...,) else tuple(map(_held, inner))
        return Annotated[tuple[items], Strict(False)]  # type: ignore[valid-type]  # TOML and JSON have lists alone
    if origin in (Sequence, list):
        return Sequence[_held(inner[0])]  # type: ignore[misc]
    if origin in (Mapping, dict):
        return Mapping[str, _held(inner[1])]  # type: ignore[misc]
    if hint is int or hint is float:
        return Annotated[hint, BeforeValidator(_small)]
    return hint if hint in (str, bool, NoneType) or origin is Literal else Any


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return Union[tuple(one for one in get_args(hint) if one is not NoneType)]  # noqa: UP007  # made of a tuple


def _small(value: Any) -> Any:
    largest = {int: _LARGEST_INT, float: _LARGEST_FLOAT}.get(type(value))
    if largest is not None and abs(value) >= largest:
        raise ValueError("too large to be computed with")
    return value


def _in_words(hint: Any, *, several: bool) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        told = next((str(one) for one in inner if isinstance(one, Words)), "")
        return told or _in_words(inner[0], several=several) + _bounds(inner[1:])
    if origin in (Union, UnionType):
        return " or ".join(_in_words(one, several=several) for one in inner if one is not NoneType)
    if origin is Literal:
        return f"{'' if several else 'one of '}{', '.join(map(str, inner))}"
    if origin is tuple and inner[1:] != (...,):
        return f"{'lists' if several else 'a list'} of {len(inner)} {_in_words(inner[0], several=True)}"
    if origin in (Sequence, tuple, list):
        return f"{'lists' if several else 'a list'} of {_in_words(inner[0], several=True)}"
    if origin in (Mapping, dict):
        return f"{'tables' if several else 'a table'} of {_in_words(inner[1], several=True)}"
    return _WORDS.get(hint, ("another value", "values"))[several]


def _bounds(limits: Iterable[Any]) -> str:
    least, most = (
        next((value for one in limits if (value := getattr(one, side, None)) is not None), None)
        for side in ("ge", "le")
    )
    if least is None:
        return ""
    return f", {least:,} or more" if most is None else f" from {least:,} to {most:,}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
