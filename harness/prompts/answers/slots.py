"""Where a text marks its answer: a lone label, "Answer: x", "the answer is x", a concluding sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .lexicon import Token
from .mentions import LIVE, Mention, Reading, Stance
from .sentences import Sentence

# Words between "answer" and the colon or verb that follows it: "the emotion that is most likely here is".
_CUE_WITHIN = 12
_NAMES = frozenset(["direct_cue", "answer_noun", "topic_noun"])
_MARKS = frozenset("(),:;-/|=!?") | {"->", "..."}


@dataclass(frozen=True)
class Slot:
    """What stands in an answer's place.

    Attributes:
        labels: The labels put there; more than one is no answer.
        words: The words for them, or for emotions outside the vocabulary where there are none.
        other: Whether an emotion outside the vocabulary is put there.
        unclear: Whether it does not settle on one emotion.
        final: Whether it says that it is the last word.
        alone: Whether nothing announces it: a sentence or line that is the emotion and no more.
    """

    labels: frozenset[str]
    words: tuple[str, ...] = ()
    other: bool = False
    unclear: bool = False
    final: bool = False
    alone: bool = False


def marked_slot(sentence: Sentence, reading: Reading) -> Slot | None:
    """The slot of a sentence that is nothing but an emotion, or that announces its answer."""
    tokens = sentence.tokens
    if not reading.mentions:
        return None
    if all(token.kinds & {"emotion", "connect", "marker"} or token.text in _MARKS for token in tokens):
        slot = fill(reading, strict=True)
        return replace(slot, alone=True) if slot else None
    cue = _cue(tokens, reading.mentions) if sentence.kinds & _NAMES else None
    if cue is None:
        return None
    final = any("final" in token.kinds for token in tokens[:cue])
    return fill(reading, after=cue, final=final, strict=True)


def concluding_slot(sentence: Sentence, reading: Reading) -> Slot | None:
    """The slot of a sentence that concludes from what stands before it: "Therefore ...", "Overall ..."."""
    opening = [token for token in sentence.tokens[:3] if "marker" not in token.kinds]
    if not opening or "conclusion" not in opening[0].kinds:
        return None
    return fill(reading)


def fill(reading: Reading, *, after: int = -1, final: bool = False, strict: bool = False) -> Slot | None:
    """The slot that the emotions behind token `after` fill, or None when nothing there is put forward.

    Args:
        reading: The sentence.
        after: Position of the token that announces the answer.
        final: Whether that says it is the last word.
        strict: Whether another emotion listed with the label makes two answers: in a slot proper "happy and
            excited" does, in a sentence it is one label with an ornament.
    """
    live = [m for m in reading.mentions if m.index > after and m.stance in LIVE]
    if not live:
        return None
    labels = frozenset().union(*(m.labels for m in live))
    return Slot(
        labels,
        tuple(m.word for m in live if bool(m.labels) == bool(labels)),
        other=not labels,
        unclear=any(m.stance is Stance.DOUBTED for m in live)
        or reading.open_choice
        or (strict and _listed_together(live)),
        final=final,
    )


def is_secondary(sentence: Sentence) -> bool:
    """Whether it is a line like "Secondary emotion: sad", which says of itself that it is not the answer."""
    if "secondary" not in sentence.kinds:
        return False
    kinds = [token.kinds for token in sentence.tokens[:6]]
    return any("secondary" in kind for kind in kinds) and any("separator" in kind for kind in kinds)


def explains(sentence: Sentence) -> bool:
    """Whether it is headed "Explanation:" or the like."""
    kinds = [token.kinds for token in sentence.tokens[:6]]
    return any("explanation" in kind for kind in kinds[:4]) and any("separator" in kind for kind in kinds)


def takes_back(sentence: Sentence) -> bool:
    """Whether it offers another answer: "Actually ...", "It could also be ...", "Or ..."."""
    if not sentence.tokens:
        return False
    opening = sentence.tokens[0]
    return "or" in opening.kinds or opening.text == "no" or "alternative" in sentence.kinds


def withholds(sentence: Sentence) -> bool:
    """Whether it is headed "Wrong answer:", "Possible emotions:" or the like."""
    return bool(sentence.kinds & _NAMES) and any(not given for _, given in announcements(sentence.tokens))


def announcements(tokens: Sequence[Token]) -> Iterator[tuple[int, bool]]:
    """Positions of colons and verbs behind an answer's name, and whether an answer follows."""
    noun: int | None = None
    for index, token in enumerate(tokens):
        kinds = token.kinds
        if "emotion" in kinds:
            noun = None
        elif "direct_cue" in kinds:
            yield index, True
        elif kinds & {"answer_noun", "topic_noun"}:
            noun = index
        elif noun is not None and index - noun <= _CUE_WITHIN and kinds & {"separator", "copula"}:
            around = frozenset().union(*(near.kinds for near in tokens[max(0, noun - 3) : index]))
            if around & {"no_answer", "explanation", "secondary"}:
                if "separator" in kinds and "no_answer" in around:
                    yield index, False
            elif "separator" in kinds or "rank" in around or "answer_noun" in tokens[noun].kinds:
                yield index, True


def _cue(tokens: Sequence[Token], mentions: Sequence[Mention]) -> int | None:
    """Position of the token that announces an answer before an emotion, or None."""
    cues = (index for index, answering in announcements(tokens[: mentions[-1].index]) if answering)
    return next(cues, None)


def _listed_together(live: Sequence[Mention]) -> bool:
    kinds: dict[int, set[bool]] = {}
    for mention in live:
        kinds.setdefault(mention.group, set()).add(bool(mention.labels))
    return any(len(kind) == 2 for kind in kinds.values())
