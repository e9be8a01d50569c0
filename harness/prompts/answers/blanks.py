"""Places of answers that no emotion fills: "Answer: unclear", {"emotion": null}, and what stands there."""

from collections.abc import Sequence

from .lexicon import Token
from .mentions import LIVE, Reading
from .sentences import Sentence
from .slots import announcements

# An answer that is none is short; behind "Answer:" a whole sentence may stand and the answer in the next.
_WORDS = 3
_WORDS_OF_DENIAL = 6
_BESIDE_WORDS = frozenset(["degree", "marker"])


def blank(sentence: Sentence, reading: Reading) -> tuple[Token, ...] | None:
    """The few tokens in the place of an answer that the sentence announces but does not give.

    () where nothing stands behind the announcement; None where there is none, or what stands there is long
    or names an emotion.
    """
    if "slot_noun" not in sentence.kinds:
        return None
    tokens = sentence.tokens
    ends = [
        index
        for index, answering in announcements(tokens)
        if answering and ("separator" in tokens[index].kinds or index == len(tokens) - 1)
    ]
    if not ends or any(m.index > ends[-1] and m.stance in LIVE for m in reading.mentions):
        return None
    behind = tokens[ends[-1] + 1 :]
    named = any("slot_noun" in token.kinds for token in tokens[: ends[-1]])
    return tuple(behind) if named and is_short(behind) else None


def is_short(tokens: Sequence[Token]) -> bool:
    """Whether these are few words, a denial or a refusal: "unclear", "none of the above", "I cannot tell"."""
    denies = bool(tokens) and "negation" in tokens[0].kinds
    limit = _WORDS_OF_DENIAL if denies else _WORDS
    few = sum(token.text.isalnum() for token in tokens) <= limit
    return few or any(token.kinds & {"refusal", "inability"} for token in tokens)


def unknown_words(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The tokens as one short phrase, if they are words that mean nothing here: ("quiet ennui",); else ()."""
    words = [token for token in tokens if not token.kinds & _BESIDE_WORDS]
    plain = all(not token.kinds and token.text.isalpha() for token in words)
    return (" ".join(token.text for token in words),) if plain and 0 < len(words) <= _WORDS else ()
