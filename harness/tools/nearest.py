"""The known names nearest to a wrong one: what every error about an unknown name ends with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(given: str, known: Iterable[str]) -> str:
    """`Nearest: ...` with those names that are like a wrong one, else with the least unlike; "" of none.

    >>> nearest("Privat", ["train", "public", "private"])
    'Nearest: private.'
    >>> nearest("resnet-5*", ["vgg19", "resnet50", "resnet50-48px"])
    'Nearest: resnet50, resnet50-48px.'
    """
    names = list(known)
    found = like(given, names) or like(given, names, most=1, likeness=0.0)
    return f"Nearest: {', '.join(found)}." if found else ""


def like(given: str, known: Iterable[str], *, most: int = 3, likeness: float = 0.6) -> list[str]:
    """The names that a wrong one may have been meant for, the likest first; case and wildcards aside."""
    names = {name.lower(): name for name in known}
    found = get_close_matches(given.lower().strip("*?"), names, n=most, cutoff=likeness)
    return [names[name] for name in found]
