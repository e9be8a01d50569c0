"""Texts as sentences of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .lexicon import NOTHING, Lexicon, Token, words_of

_MARKER = frozenset(["marker"])
_LETTERED = frozenset(["marker", "emotion"])
_BEFORE_MARKER = frozenset(["separator", "marker"])
_ANNOUNCING = frozenset(["separator", "copula", "answer_noun", "marker", "direct_cue"])
_CLOSING = frozenset([")", ".", ":"])
_ENDS = {".": ".", "!": "!", "?": "?", "。": "."}
_AFTER_LETTER = ("(", "-", ":", ",", "=")
# Words between a negation and the line end behind which it may still reach: bounds the work per line.
_REACH = 40


@dataclass
class Sentence:
    """One sentence or line.

    Attributes:
        tokens: Without the mark or line end that ends it.
        end: That mark: `.`, `!`, `?`, or empty at the end of a line.
        opens_line: Whether a line starts with it.
        kinds: All kinds of its tokens: most sentences have few, and are done with quickly.
    """

    tokens: list[Token] = field(default_factory=list)
    end: str = ""
    opens_line: bool = False
    kinds: frozenset[str] = NOTHING


def sentences(text: str, known: Lexicon) -> list[Sentence]:
    """The sentences of a cleaned text. Every line is at least one, except where it is plainly wrapped."""
    words = words_of(text)
    found = [Sentence(opens_line=True)]
    position = 0
    while position < len(words):
        word, tokens = words[position], found[-1].tokens
        if word in _ENDS:
            found[-1].end = _ENDS[word]
            found.append(Sentence())
            position += 1
        elif word == "\n":
            position += 1
            if not _wrapped(tokens, words[position : position + 1]):
                found.append(Sentence(opens_line=True))
        else:
            marker = _marker(words, position, tokens, known) if len(word) < 3 else None
            token, length = marker or known.match(words, position)
            tokens.append(token)
            position += length
    found = [sentence for sentence in found if sentence.tokens]
    for sentence in found:
        if known.letters:
            _promote_letters(sentence)
        sentence.kinds = NOTHING.union(*[token.kinds for token in sentence.tokens])
    return found


def _marker(
    words: Sequence[str], position: int, before: Sequence[Token], known: Lexicon
) -> tuple[Token, int] | None:
    """A list marker, `(B)`, `B)`, `B.`, `B:` or `2.`; it names a label where options have letters."""
    bracket = words[position] == "("
    if position + bracket + 1 >= len(words) or words[position + bracket + 1] not in _CLOSING:
        return None
    item, closing = words[position + bracket : position + bracket + 2]
    if not ((len(item) == 1 and item.isalpha() and item.isascii()) or (len(item) <= 2 and item.isdecimal())):
        return None
    first = not before or bool(before[-1].kinds & _BEFORE_MARKER)
    if closing == ")" or (not bracket and first and closing != ")"):
        label = known.letters.get(item)
        token = Token(item, _LETTERED, frozenset([label])) if label else Token(item, _MARKER)
        return token, bracket + 2
    return None


def _wrapped(tokens: Sequence[Token], following: Sequence[str]) -> bool:
    """Whether a sentence goes on in the next line: after a comma or a negation that denied nothing yet."""
    if not tokens or not following or following[0] == "\n":
        return False
    if "connect" in tokens[-1].kinds:
        return True
    if not tokens[-1].text.isascii() and not following[0].isascii():
        return not tokens[-1].kinds and following[0].isalpha()
    for index in range(len(tokens) - 1, max(-1, len(tokens) - _REACH), -1):
        kinds = tokens[index].kinds
        if kinds & {"emotion", "break"}:
            return False
        if kinds & {"negation", "doubt"}:
            # "Anger: none" is complete.
            return index < 2 or "emotion" not in tokens[index - 2].kinds
    return False


def _promote_letters(sentence: Sentence) -> None:
    """Lets letters name labels where they fill a sentence or stand where it announces its answer."""
    tokens = sentence.tokens
    end = len(tokens)
    while end and "ending" in tokens[end - 1].kinds:
        end -= 1
    start = end
    while start and tokens[start - 1].kinds & {"letter", "connect", "marker"}:
        start -= 1
    cue = tokens[start - 1].kinds if start else _MARKER
    last = bool(cue & _ANNOUNCING)
    # "The answer is a" may be broken off before a noun.
    if "copula" in cue and len(tokens) - start == 1 and tokens[-1].text in "ai" and not sentence.end:
        last = False
    for index, token in enumerate(tokens):
        if "letter" in token.kinds and ((last and start <= index < end) or _in_place(tokens, index)):
            tokens[index] = Token(token.text, _LETTERED, token.labels)


def _in_place(tokens: Sequence[Token], index: int) -> bool:
    """Whether the letter is that of "option B" or of "Answer: B (sad)"."""
    before = tokens[index - 1].kinds if index else _MARKER
    if "option_noun" in before:
        return True
    return bool(before & _ANNOUNCING) and index + 1 < len(tokens) and tokens[index + 1].text in _AFTER_LETTER
