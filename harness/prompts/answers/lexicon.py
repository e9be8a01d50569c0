"""The words the parser knows: the labels of one prompt, other emotions, and the grammar around them."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from harness.errors import UsageError
from harness.labels.vocabulary import concept_of, vocabulary

from .cleaning import fold

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NOTHING: frozenset[str] = frozenset()
# Concepts of the vocabulary that are no emotion: naming one where it is no label answers nothing.
_NO_EMOTION = ("unknown", "not a face", "emotional")
_LETTER_KIND = frozenset(["letter"])

# Kana and Han: written without spaces, so that each character is a word of its own.
_KANA_HAN = "々-〇ぁ-ヺー-ヿ㐀-䶿一-鿿"
_LETTER = rf"[^\W_{_KANA_HAN}]"
_WORD = re.compile(
    rf"[{_KANA_HAN}]|\d+(?:[.,]\d+)+|{_LETTER}+(?:'{_LETTER}+)*|\n|[-=]>|[→⇒❌✗✘]|\.\.+"
    r"|(?<![^\W_])-+|-+(?![^\W_])|[–—―:;,.!?()\[\]/|&+=。、・]"
)
# Marks that mean the same, by their first two characters.
_MARKS = {
    **dict.fromkeys(("→", "⇒", "=>", "->"), "->"),
    **dict.fromkeys(("-", "--", "–", "—", "―"), "-"),
    "[": "(",
    "]": ")",
    "..": "...",
}
_VARIED = frozenset(mark[0] for mark in _MARKS)


@dataclass(frozen=True)
class Token:
    """One word, phrase or mark of a text.

    Attributes:
        text: As written, case-folded.
        kinds: What it does, by the names of `words.toml`; `emotion` when it names one.
        labels: The labels that an `emotion` names: none (outside the vocabulary), one, or several where
            labels share a meaning.
    """

    text: str
    kinds: frozenset[str] = NOTHING
    labels: frozenset[str] = NOTHING


@dataclass(frozen=True)
class Lexicon:
    """What the words of an answer mean where `labels` were asked for.

    Attributes:
        labels: All labels.
        letters: Letter -> label, in the order in which options were shown; empty without options.
        words: Word -> what it means alone.
        phrases: First two words -> phrases that start with them, longest first.
        heads: All words that mean something, alone or with what follows.
    """

    labels: frozenset[str]
    letters: dict[str, str]
    words: dict[str, Token]
    phrases: dict[tuple[str, str], list[tuple[tuple[str, ...], Token]]]
    heads: frozenset[str]

    def match(self, words: Sequence[str], position: int) -> tuple[Token, int]:
        """The longest phrase at `position` and the number of its words; else the word as it stands."""
        word = words[position]
        if word not in self.heads:
            return _plain(word), 1
        if position + 1 < len(words):
            for phrase, token in self.phrases.get((word, words[position + 1]), ()):
                if len(phrase) == 2 or tuple(words[position : position + len(phrase)]) == phrase:
                    return token, len(phrase)
        if word in self.words:
            return self.words[word], 1
        if word in self.letters:
            return Token(word, _LETTER_KIND, frozenset([self.letters[word]])), 1
        return _plain(word), 1

    def recited(self, named: frozenset[str]) -> bool:
        """Whether `named` are all labels, or all that were shown."""
        shown = self.letters.values() or self.labels
        return len(named) > 1 and (named >= self.labels or named >= set(shown))


def words_of(text: str) -> list[str]:
    """Words, single kana and Han characters, marks and line ends; everything else separates."""
    return [_MARKS.get(word[:2], word) if word[0] in _VARIED else word for word in _WORD.findall(text)]


@lru_cache(maxsize=1024)
def lexicon(labels: tuple[str, ...], options: tuple[str, ...]) -> Lexicon:
    """The lexicon for `labels`, shown as lettered `options` (empty: none were).

    Raises:
        UsageError: There are no labels, one is blank, two differ in case only, or an option is no label.
    """
    if unknown := [option for option in options if option not in labels]:
        raise UsageError(
            f"Option {unknown[0]!r} is not among the labels. Give options as the labels spell them."
        )
    if len(set(options)) < len(options) or len(options) > len(LETTERS):
        raise UsageError(f"Options need a letter each, but there are {options!r}. Give up to 26, each once.")
    letters = dict(zip(LETTERS, options, strict=False))
    known = _lexicon(tuple(sorted(labels)))
    return replace(known, letters=letters, heads=known.heads.union(letters)) if letters else known


@lru_cache(maxsize=64)
def _lexicon(labels: tuple[str, ...]) -> Lexicon:
    """The lexicon without letters; 5 ms, and the same for every order of the labels."""
    table: dict[tuple[str, ...], Token] = dict(_grammar())
    for words, named in (_synonyms(labels) | _spelled(labels)).items():
        table[words] = Token(" ".join(words), frozenset(["emotion"]), named)
    single = {words[0]: token for words, token in table.items() if len(words) == 1}
    phrases: dict[tuple[str, str], list[tuple[tuple[str, ...], Token]]] = {}
    for words in sorted(table, key=len, reverse=True):
        if len(words) > 1:
            phrases.setdefault((words[0], words[1]), []).append((words, table[words]))
    return Lexicon(frozenset(labels), {}, single, phrases, frozenset(words[0] for words in table))


@lru_cache(maxsize=8192)
def _plain(word: str) -> Token:
    """A word without meaning here: nine of ten, and making one takes longer than finding it again."""
    return Token(word)


def _spelled(labels: Iterable[str]) -> dict[tuple[str, ...], frozenset[str]]:
    spelled: dict[tuple[str, ...], frozenset[str]] = {}
    for label in labels:
        words = _phrase(label)
        if not any(character.isalnum() for word in words for character in word) or words in spelled:
            raise UsageError(
                f"Label {label!r} cannot be told apart in an answer. Give labels that differ in letters."
            )
        spelled[words] = frozenset([label])
    if not spelled:
        raise UsageError("There are no labels to look for in the answer. Give at least one.")
    return spelled


def _synonyms(labels: Sequence[str]) -> dict[tuple[str, ...], frozenset[str]]:
    """Every spelling of an emotion -> the labels of its concept."""
    named: dict[str, set[str]] = {}
    for label in labels:
        named.setdefault(_emotions().get(_phrase(label), concept_of(label)), set()).add(label)
    return {
        words: frozenset(named.get(concept, ()))
        for words, concept in _emotions().items()
        if concept in named or concept not in _NO_EMOTION
    }


@cache
def _emotions() -> dict[tuple[str, ...], str]:
    """Every spelling of an emotion -> its concept; a spelling of no known concept is one of its own."""
    data = _data()
    others = [*data["emotions"]["en"], *(word for _, *words in data["emotions"]["ja"] for word in words)]
    spellings = {_phrase(word): word for word in others}
    spellings |= {_phrase(stem): concept for concept, stems in data["inflections"].items() for stem in stems}
    return spellings | {_phrase(word): concept for word, concept in vocabulary().words.items()}


@cache
def glosses() -> dict[str, str]:
    """Text of the token of a Japanese emotion outside the vocabulary -> an English word for it."""
    rows = _data()["emotions"]["ja"]
    return {" ".join(_phrase(word)): english for english, *words in rows for word in words}


@cache
def _grammar() -> dict[tuple[str, ...], Token]:
    kinds: dict[tuple[str, ...], set[str]] = {}
    for kind, phrases in _data()["phrases"].items():
        for phrase in phrases:
            kinds.setdefault(_phrase(phrase), set()).update(_implied(kind))
    return {words: Token(" ".join(words), frozenset(names)) for words, names in kinds.items()}


def _implied(kind: str) -> tuple[str, ...]:
    """`refusal_post_negation` is a refusal and a post-negation, and what denies goes on to negate."""
    joint = {
        "denial": ("denial", "negation", "predicate"),
        "or": ("or", "connect"),
        "post_negation_break": ("post_negation", "break"),
        "refusal_post_negation": ("refusal", "post_negation"),
        "refusal_negation": ("refusal", "negation"),
        "inability": ("inability", "negation"),
    }
    return joint.get(kind, (kind,))


def _phrase(text: str) -> tuple[str, ...]:
    return tuple(words_of(fold(text)))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
