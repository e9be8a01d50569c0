"""In which order a prompt shows its labels: single orders, and designs of several that balance each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, permutations, zip_longest
from math import factorial

from harness.errors import UsageError
from harness.labels import LabelSpace, affect

from .prompt import Prompt

SENTIMENT = "sentiment"
DESIGNS: Mapping[str, int] = {
    SENTIMENT: 4,
    **{f"permutations-{k}": factorial(k) for k in (3, 4)},
    **{f"williams-{k}": k * (1 + k % 2) for k in range(3, 11)},
}
"""Design -> number of its members; a member is written `williams-7.3`, the first one `williams-7.1`.

* `sentiment`: 1 positive first, grouped; 2 negative first, grouped; 3 positive first, interleaved;
  4 negative first, interleaved. Grouped, labels of neither sentiment stay at the end. Interleaved, the
  sentiments take turns; where one runs out, labels of neither take its turns, and what is left follows. So
  "first" moves no label of neither sentiment when grouped, and by at most one place when interleaved.
* `permutations-K`: all orders of K labels; the first one is that of the label space.
* `williams-K`: Williams' balanced square (Williams 1949, Aust. J. Sci. Res. A 2). Over its K rows (2K where K
  is odd) every label stands at every place equally often, and follows every other label equally often.
"""


def design_size(order: str) -> int | None:
    """Number of members of the design called `order`; None where it is no design but a single order."""
    return DESIGNS.get(order)


def label_order(prompt: Prompt, space: LabelSpace) -> tuple[str, ...]:
    """The labels that the prompt asks for, as the space spells them, in the order shown.

    Labels are those of `subset`, without the neutral one where `form` is `six` or `two-stage` (whose second
    question this is about).

    >>> from harness.labels import label_space
    >>> label_order(Prompt(order="sentiment.2", form="six"), label_space("fer2013"))
    ('angry', 'disgust', 'fear', 'sad', 'happy', 'surprise')

    Raises:
        UsageError: the subset or the form does not fit the space, or the order does not fit the labels.
    """
    concepts = _asked(prompt, space)
    spelled = dict(zip(space.concepts, space.labels, strict=True))
    return tuple(spelled[concept] for concept in _ordered(prompt.order, concepts))


def _asked(prompt: Prompt, space: LabelSpace) -> list[str]:
    """Concepts of the labels asked for, in the order of the space."""
    if absent := [concept for concept in prompt.subset if concept not in space.concepts]:
        raise UsageError(
            f"Label space {space.name} has no concept {absent[0]!r} for the subset of a prompt. "
            f"Use some of {', '.join(space.concepts)}."
        )
    concepts = [concept for concept in space.concepts if not prompt.subset or concept in prompt.subset]
    if prompt.form != "flat":
        if "neutral" not in concepts:
            raise UsageError(
                f"Form {prompt.form} sets the neutral label apart, but {', '.join(concepts)} has none. "
                "Use form flat."
            )
        concepts.remove("neutral")
    if len(concepts) < 2:
        raise UsageError(
            f"A prompt must leave two labels to choose from, but leaves {', '.join(concepts) or 'none'}. "
            "Widen its subset."
        )
    return concepts


def _ordered(order: str, concepts: Sequence[str]) -> Sequence[str]:
    if order == "given":
        return concepts
    if order == "reversed":
        return concepts[::-1]
    design, _, member = order.partition(".")
    size = DESIGNS.get(design)
    if size is None:
        raise UsageError(f"Unknown label order {order!r}. Use given, reversed, or one of {_examples()}.")
    if member not in map(str, range(1, size + 1)):
        raise UsageError(
            f"Label order {order!r} names no member of a design of {size}. Use {design}.1 to {design}.{size}."
        )
    return _DESIGNERS[design.partition("-")[0]](design, int(member) - 1, concepts)


def _sentiment(design: str, member: int, concepts: Sequence[str]) -> Sequence[str]:
    table = affect()
    positive, negative, neither = (
        [concept for concept in concepts if table.sentiment(concept) == sentiment]
        for sentiment in ("positive", "negative", "neither")
    )
    orders = [_grouped(positive, negative, neither), _grouped(negative, positive, neither)]
    orders += [_interleaved(positive, negative, neither), _interleaved(negative, positive, neither)]
    if len(set(map(tuple, orders))) < DESIGNS[design]:
        raise UsageError(
            f"The four orders of {design} are not four for {', '.join(concepts)}. Give at least two labels "
            "of each sentiment, or enough of neither to stand between them."
        )
    return orders[member]


def _grouped(first: list[str], second: list[str], neither: list[str]) -> list[str]:
    return first + second + neither


def _interleaved(first: list[str], second: list[str], neither: list[str]) -> list[str]:
    if len(first) <= len(second):
        first = first + neither
    else:
        second = second + neither
    return [label for turn in zip_longest(first, second) for label in turn if label is not None]


def _permutation(design: str, member: int, concepts: Sequence[str]) -> Sequence[str]:
    _require_size(design, concepts)
    return next(islice(permutations(concepts), member, None))


def _williams(design: str, member: int, concepts: Sequence[str]) -> Sequence[str]:
    _require_size(design, concepts)
    size = len(concepts)
    # 0, 1, K-1, 2, K-2, ...: the steps between neighbours are all different modulo K.
    first = [(place + 1) // 2 if place % 2 else -(place // 2) for place in range(size)]
    row = [concepts[(index + member) % size] for index in first]
    return row if member < size else row[::-1]


_DESIGNERS: Mapping[str, Callable[[str, int, Sequence[str]], Sequence[str]]] = {
    SENTIMENT: _sentiment,
    "permutations": _permutation,
    "williams": _williams,
}


def _require_size(design: str, concepts: Sequence[str]) -> None:
    size = len(concepts)
    if design.rpartition("-")[2] != str(size):
        fitting = [name for name in DESIGNS if name.endswith(f"-{size}")]
        raise UsageError(
            f"Label order {design} does not fit the {size} labels {', '.join(concepts)}. "
            f"Use {' or '.join(fitting) or 'given or reversed'}, or narrow them by `subset`."
        )


def _examples() -> str:
    return ", ".join(f"{design}.1" for design in DESIGNS)
