"""The emotions that a sentence names, and whether it asserts, doubts or denies each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby, takewhile

from .lexicon import Lexicon, Token
from .sentences import Sentence

# Marks that stand between the members of a list without ending it.
_OPEN = frozenset("(),")
_LISTING = frozenset(["connect", "marker", "degree"])
# End a doubt: "the smile looks fake; she is sad".
_TURNS = (";", "but", "however")
# How many words apart an inability and the act may stand: "I'm not able to reliably determine".
_ACT_WITHIN = 5


class Stance(Enum):
    """How a sentence takes an emotion; `ASIDE` is one that describes no one who was asked about."""

    ASSERTED = "asserted"
    DOUBTED = "doubted"
    DENIED = "denied"
    ASIDE = "aside"


LIVE = (Stance.ASSERTED, Stance.DOUBTED)


@dataclass
class Mention:
    """One emotion in a sentence.

    Attributes:
        index: Position of its token.
        word: The token's text.
        labels: The labels it names; none when it is outside the vocabulary.
        group: Number of the enumeration that it belongs to.
        stance: How the sentence takes it.
    """

    index: int
    word: str
    labels: frozenset[str]
    group: int
    stance: Stance = Stance.ASSERTED


@dataclass
class Reading:
    """What one sentence says.

    Attributes:
        mentions: The emotions it names, in order.
        echo: Whether it recites all labels, as a prompt does.
        open_choice: Whether it leaves open which of several emotions is meant.
        refusal: Whether it says that the speaker will not or cannot tell.
    """

    mentions: list[Mention] = field(default_factory=list)
    echo: bool = False
    open_choice: bool = False
    refusal: bool = False

    def labels(self, *stances: Stance) -> frozenset[str]:
        """All labels that it names in one of `stances`."""
        return frozenset().union(*(m.labels for m in self.mentions if m.stance in stances))

    def words(self, *stances: Stance, label: bool) -> list[str]:
        """The words for labels, or for emotions outside the vocabulary, that it names in one of `stances`."""
        return [m.word for m in self.mentions if m.stance in stances and bool(m.labels) == label]

    def doubt(self) -> None:
        """Turns what it asserts into what it leaves in doubt."""
        for mention in self.mentions:
            if mention.stance is Stance.ASSERTED:
                mention.stance = Stance.DOUBTED

    @property
    def names_other(self) -> bool:
        """Whether it asserts an emotion outside the vocabulary."""
        return any(m.stance is Stance.ASSERTED and not m.labels for m in self.mentions)


def read(sentence: Sentence, known: Lexicon) -> Reading:
    """Reads one sentence."""
    kinds = sentence.kinds
    reading = Reading(refusal="refusal" in kinds or ("inability" in kinds and _cannot(sentence.tokens)))
    if "emotion" in kinds:
        reading.mentions = _mentions(sentence.tokens, asked=sentence.end == "?" or "question" in kinds)
        _set_recitals_aside(reading, known)
        reading.open_choice = _leaves_open(reading, sentence)
    return reading


def _mentions(tokens: Sequence[Token], asked: bool) -> list[Mention]:
    """Every emotion, with its stance: negations reach to a clause's end, Japanese ones to its start."""
    mentions: list[Mention] = []
    clause = 0  # the first mention of the clause
    denied, doubted = False, asked
    listed = False  # nothing but connectives since the last mention
    for index, token in enumerate(tokens):
        kinds = token.kinds
        if "emotion" in kinds:
            stance = Stance.DENIED if denied else Stance.DOUBTED if doubted else Stance.ASSERTED
            stance = Stance.ASIDE if _of_the_speaker(tokens, index) else stance
            group = mentions[-1].group + (not listed) if mentions else 0
            mentions.append(Mention(index, token.text, token.labels, group, stance))
            listed = True
            continue
        if "post_negation" in kinds:
            _deny(mentions[clause:])
            clause = len(mentions)
        if mentions and _denies_last(tokens, index, mentions[-1]):
            _deny(_last_group(mentions))
        denied = denied or ("negation" in kinds and not _interjected(tokens, index))
        doubted = doubted or "doubt" in kinds
        if denied and token.text == "...":  # "not neutral ... sad" may end the negation or not
            denied, doubted = False, True
        listed = listed and (bool(kinds & _LISTING) or token.text in _OPEN)
        if "break" in kinds or (token.text == "," and _resumes(tokens, index + 1)):
            denied, clause = False, len(mentions)
            doubted = doubted and (asked or token.text not in _TURNS)
    return mentions


def _interjected(tokens: Sequence[Token], index: int) -> bool:
    """Whether it is the "no" of "No, she is sad", which denies nothing after it."""
    return tokens[index].text == "no" and index + 1 < len(tokens) and tokens[index + 1].text == ","


def _deny(mentions: Iterable[Mention]) -> None:
    for mention in mentions:
        if mention.stance is not Stance.ASIDE:
            mention.stance = Stance.DENIED


def _last_group(mentions: Sequence[Mention]) -> Iterator[Mention]:
    return takewhile(lambda mention: mention.group == mentions[-1].group, reversed(mentions))


def _denies_last(tokens: Sequence[Token], index: int, last: Mention) -> bool:
    """Whether token `index` denies the mention before it: "anger is not visible", "anger: no"."""
    kinds = tokens[index].kinds
    if last.index == index - 1:
        return "denial" in kinds
    if last.index != index - 2 or not (
        tokens[index - 1].text == "(" or "separator" in tokens[index - 1].kinds
    ):
        return False
    if "absent" in kinds and _ends(tokens, index + 1):
        return True
    # "Neutral: no signs of stress" denies the stress.
    following = range(index + 1, min(len(tokens), index + 4))
    return "negation" in kinds and any(
        "presence" in tokens[at].kinds and _ends(tokens, at + 1) for at in following
    )


def _ends(tokens: Sequence[Token], index: int) -> bool:
    return index == len(tokens) or tokens[index].text in _OPEN or "break" in tokens[index].kinds


def _resumes(tokens: Sequence[Token], index: int) -> bool:
    """Whether a clause of its own starts at token `index`."""
    following = tokens[index : index + 2]
    if len(following) == 2 and following[0].text == "the":
        return "resume_noun" in following[1].kinds
    return bool(following) and bool(following[0].kinds & {"resume", "break"})


def _of_the_speaker(tokens: Sequence[Token], index: int) -> bool:
    """Whether the emotion is that of "I am very happy"."""
    before = index - 1
    while before > max(0, index - 4) and "intensifier" in tokens[before].kinds:
        before -= 1
    return before >= 0 and "first_person" in tokens[before].kinds


def _cannot(tokens: Sequence[Token]) -> bool:
    unable = (index for index, token in enumerate(tokens) if "inability" in token.kinds)
    return any("act" in token.kinds for index in unable for token in tokens[index : index + 1 + _ACT_WITHIN])


def _set_recitals_aside(reading: Reading, known: Lexicon) -> None:
    live = [m for m in reading.mentions if m.stance in LIVE]
    for _, members in groupby(live, key=lambda m: m.group):
        listed = list(members)
        if known.recited(frozenset().union(*(m.labels for m in listed))):
            reading.echo = True
            for mention in listed:
                mention.stance = Stance.ASIDE


def _leaves_open(reading: Reading, sentence: Sentence) -> bool:
    """Whether it does not settle on a label.

    It takes one back ("happy or not happy", "She is happy, he is not"), or offers a choice between a label
    and an emotion outside the vocabulary ("bored or sad", "a mix of contempt and disgust").
    """
    labels = reading.labels(*LIVE)
    if not labels:
        return False
    if labels & reading.labels(Stance.DENIED) or "negation" in sentence.tokens[-1].kinds:
        return True
    live = [m for m in reading.mentions if m.stance in LIVE]
    if "hedge" in sentence.kinds:
        return _of_two_kinds(live)
    groups = (list(members) for _, members in groupby(live, key=lambda m: m.group))
    return any(_of_two_kinds(group) and _offers(sentence.tokens, group) for group in groups)


def _offers(tokens: Sequence[Token], group: Sequence[Mention]) -> bool:
    return any("or" in token.kinds for token in tokens[group[0].index : group[-1].index])


def _of_two_kinds(mentions: Sequence[Mention]) -> bool:
    return len({bool(mention.labels) for mention in mentions}) == 2
