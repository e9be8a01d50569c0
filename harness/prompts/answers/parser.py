"""The answer parser: strict first, and it never guesses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .answer import Answer
from .blanks import blank, is_short, unknown_words
from .cleaning import clean
from .lexicon import Lexicon, Token, lexicon
from .mentions import LIVE, Reading, Stance, read
from .sentences import Sentence, sentences
from .slots import (
    Slot,
    concluding_slot,
    explains,
    fill,
    is_secondary,
    marked_slot,
    takes_back,
    withholds,
)
from .structured import JsonObject, split_json

# Words in "a deep sense of calm and peace": at most so many make a phrase.
_PHRASE = 8
_BEHIND_ANSWER = (",", "(", "-", ":", ";")


def parse_answer(text: str | None, labels: Sequence[str], *, options: Sequence[str] | None = None) -> Answer:
    """Reads a model's free text as an answer to a closed question. Time is linear in the length of `text`.

    In this order: 1. what stands in an answer's place: JSON values under an answer's key, "Answer: x", a
    sentence or line that is nothing but an emotion, "the answer is x", an option's letter; 2. the last
    sentence that names labels if it draws a conclusion; 3. the labels that the whole text asserts. The first
    of these that says anything decides, and must say exactly one thing. Labels count in any case, by
    synonyms of their concept (see `harness.labels`), in English and Japanese.

    Principles, where texts are arguable:

    * Reasons may name other labels before the answer, or under "Explanation:"; any other text after the
      answer that puts forward a different label makes it unparsable, unless the later one is marked final.
    * Denied emotions do not count; those in questions and conditions count only against an answer. Emotions
      of the speaker ("I am happy to help") do not count.
    * An answer's place that holds no emotion ("Answer: unclear", {"emotion": null}) is no answer, whatever
      the reasons before it name.
    * A recital of all labels is a prompt's echo: only an answer in its place counts beside one.
    * A label in a sentence may have an ornament that is no label ("happy and relaxed"); in an answer's place,
      or joined by "or", it may not.
    * An answer that is put forward outweighs a disclaimer ("I'm sorry, she looks sad" is sad). Declining and
      not being able to tell are refusals; an apology in place of an answer is one too.

    >>> parse_answer('{"Prediction": "Happiness"}', ("happy", "sad"))
    Answer(outcome='parsed', label='happy')
    >>> parse_answer("She is not happy but bored.", ("happy", "sad")).outcome
    'out_of_vocabulary'
    >>> parse_answer("(B)", ("happy", "sad"), options=("sad", "happy")).label
    'happy'

    Args:
        text: What the model wrote. The outcome is `failed` for None, and for whatever else stands for a
            missing text in a table (NaN, NA).
        labels: The labels asked for, in any order; the order never matters.
        options: The labels in the order in which they were shown with letters, (A) first. Without it a bare
            letter is unparsable.

    Raises:
        UsageError: `labels` or `options` cannot be told apart in an answer. No text ever raises.
    """
    known = lexicon(tuple(labels), tuple(options or ()))
    if not isinstance(text, str):
        return Answer("failed")
    spoken = clean(text)
    if spoken is None:
        return Answer("unparsable")
    return _decide([*_units(spoken, known)], known)


@dataclass(frozen=True)
class _Unit:
    """A sentence as read, or the answer of a JSON object; with its slot, or what stands in it instead."""

    reading: Reading
    sentence: Sentence
    slot: Slot | None = None
    blank: tuple[Token, ...] | None = None


def _units(text: str, known: Lexicon) -> Iterator[_Unit]:
    for part in split_json(text):
        if isinstance(part, JsonObject):
            yield from _units_of_json(part, known)
            continue
        for sentence in sentences(part, known):
            reading = read(sentence, known)
            if reading.mentions and withholds(sentence):
                reading.doubt()
            if not is_secondary(sentence):
                slot = marked_slot(sentence, reading)
                yield _Unit(reading, sentence, slot, None if slot else blank(sentence, reading))


def _units_of_json(found: JsonObject, known: Lexicon) -> Iterator[_Unit]:
    if found.cut:
        yield _Unit(Reading(), Sentence(), Slot(frozenset(), unclear=True))
    found_in = [sentence for value in found.answers for sentence in sentences(value, known)]
    readings = [read(sentence, known) for sentence in found_in]
    slots = [fill(reading, strict=True) for reading in readings]
    if found.answers and (not any(slots) or known.recited(_named(readings))):
        refusal = any(reading.refusal for reading in readings)
        tokens = found_in[0].tokens if len(found_in) == 1 else ()
        yield _Unit(Reading(refusal=refusal), Sentence(), None, tuple(tokens))
    else:
        yield from map(_Unit, readings, found_in, slots)
    for value in found.others:
        if any(read(sentence, known).refusal for sentence in sentences(value, known)):
            yield _Unit(Reading(refusal=True), Sentence())


def _decide(units: Sequence[_Unit], known: Lexicon) -> Answer:
    slots = _without_recitals([(index, unit.slot) for index, unit in enumerate(units) if unit.slot], known)
    if final := [index for index, slot in slots if slot.final]:
        slots = [(index, slot) for index, slot in slots if index >= final[0]]
    if slots:
        return _from_slots([slot for _, slot in slots], units[slots[-1][0] + 1 :])
    if blanks := [*_blanks(units)]:
        return _no_answer(units, unknown_words(blanks[0]) if len(blanks) == 1 else ())
    last = max((index for index, unit in enumerate(units) if unit.reading.labels(*LIVE)), default=-1)
    if last >= 0 and (slot := concluding_slot(units[last].sentence, units[last].reading)):
        return _from_slots([slot], units[last + 1 :])
    return _from_sentences(units)


def _blanks(units: Sequence[_Unit]) -> Iterator[tuple[Token, ...]]:
    """What stands in answers' places that no emotion fills; behind a heading, the next line does."""
    for index, unit in enumerate(units):
        following = units[index + 1 : index + 2]
        if unit.blank == () and unit.sentence.tokens and following:
            below = following[0]
            if not below.reading.mentions and is_short(below.sentence.tokens):
                yield tuple(below.sentence.tokens)
        elif unit.blank is not None:
            yield unit.blank


def _without_recitals(slots: Sequence[tuple[int, Slot]], known: Lexicon) -> list[tuple[int, Slot]]:
    """The slots without runs of lone emotions that together recite all labels."""
    runs: list[list[tuple[int, Slot]]] = []
    for index, slot in slots:
        if runs and slot.alone and runs[-1][-1][1].alone and runs[-1][-1][0] == index - 1:
            runs[-1].append((index, slot))
        else:
            runs.append([(index, slot)])
    named = (frozenset().union(*(slot.labels for _, slot in run)) for run in runs)
    return [
        pair for run, labels in zip(runs, named, strict=True) if not known.recited(labels) for pair in run
    ]


def _from_slots(slots: Sequence[Slot], rest: Sequence[_Unit]) -> Answer:
    """The answer that slots give together, unless what follows the last one contradicts it."""
    labels = frozenset().union(*(slot.labels for slot in slots))
    other = any(slot.other for slot in slots)
    if len(labels) + other != 1 or any(slot.unclear for slot in slots) or _contradicted(labels, rest):
        return Answer("unparsable")
    words = tuple(dict.fromkeys(word for slot in slots for word in slot.words))
    return Answer("out_of_vocabulary" if other else "parsed", min(labels, default=None), words)


def _contradicted(labels: frozenset[str], rest: Sequence[_Unit]) -> bool:
    """Whether `rest` puts forward another label or denies this one, other than by way of explanation."""
    explaining, to_the_end = False, False
    for unit in rest:
        if explains(unit.sentence):
            # A heading alone covers all that follows it, one with text behind it covers its line.
            explaining, to_the_end = True, "separator" in unit.sentence.tokens[-1].kinds
        elif unit.sentence.opens_line:
            explaining = explaining and to_the_end
        back = takes_back(unit.sentence)
        reading = unit.reading
        rival = reading.labels(*LIVE) - labels or reading.labels(Stance.DENIED) & labels
        if (rival and not explaining) or (back and (rival or reading.names_other)):
            return True
    return False


def _from_sentences(units: Sequence[_Unit]) -> Answer:
    """The answer of a text without any marked one."""
    readings = [unit.reading for unit in units]
    live = _named(readings)
    echo = any(reading.echo for reading in readings)
    if any(reading.labels(Stance.ASSERTED) for reading in readings):
        denied = frozenset().union(*(reading.labels(Stance.DENIED) for reading in readings))
        sure = len(live - denied) == 1 == len(live) and not echo and not any(r.open_choice for r in readings)
        words = dict.fromkeys(word for r in readings for word in r.words(*LIVE, label=True))
        return Answer("parsed", min(live), tuple(words)) if sure else Answer("unparsable")
    if not live and not echo and any(_clearly_other(unit) for unit in units):
        words = dict.fromkeys(word for r in readings for word in r.words(Stance.ASSERTED, label=False))
        return Answer("out_of_vocabulary", words=tuple(words))
    return _no_answer(units, unknown_words(units[0].sentence.tokens) if len(units) == 1 else ())


def _no_answer(units: Sequence[_Unit], words: tuple[str, ...]) -> Answer:
    if any(unit.reading.refusal for unit in units):
        return Answer("refusal")
    return Answer("unparsable", words=words)


def _named(readings: Sequence[Reading]) -> frozenset[str]:
    return frozenset().union(*(reading.labels(*LIVE) for reading in readings))


def _clearly_other(unit: _Unit) -> bool:
    """Whether an emotion outside the vocabulary is somebody's ("She looks bored") or all there is.

    The latter is a phrase that it ends ("pure rage") or any sentence that it opens ("Nostalgia, as ...").
    """
    if not unit.reading.names_other:
        return False
    tokens = [token for token in unit.sentence.tokens if "marker" not in token.kinds]
    ends = "emotion" in tokens[-1].kinds and len(tokens) <= _PHRASE
    opens = "emotion" in tokens[0].kinds and tokens[1:] and tokens[1].text in _BEHIND_ANSWER
    return "predicate" in unit.sentence.kinds or ends or bool(opens)
