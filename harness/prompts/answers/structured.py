"""JSON in answers, as models really write it: fenced, in prose, single-quoted, with stray commas, cut off."""

import re
from dataclasses import dataclass, field

# What the key of an answer contains ...
_ANSWER = (
    "answer", "emotion", "predict", "label", "expression", "classif", "category", "class", "choice", "option",
    "result", "output", "response", "mood", "feeling", "sentiment", "affect", "verdict", "final",
    "答え", "回答", "感情", "表情", "ラベル", "予測", "分類", "結論", "結果",
)  # fmt: skip
# ... what that of a reason for it does, and what that of an answer not given does, with all inside it.
_REASON = (
    "reason", "expla", "descri", "analysis", "rational", "justif", "confid", "score", "prob", "intens",
    "level", "evidence", "note", "caption", "_id", "理由", "説明", "根拠",
)  # fmt: skip
_RIVAL = (
    "options", "choices", "list", "labels", "candidat", "possib", "altern", "secondary", "other", "exclu",
    "reject", "runner", "wrong", "incorrect", "previous", "initial", "least", "unlikely",
    "not_", "not ", "question", "example", "候補", "選択肢",
)  # fmt: skip
# Keys that say nothing by themselves: {"emotion": {"name": "happy"}}.
_INHERIT = ("", "name", "value", "type", "text", "primary", "main", "dominant", "final", "top")

_OBJECT = re.compile(r"""\{\s{0,200}(?:["'}]|[^\W\d]\w{0,40}\s{0,20}:)""")
_LIST = re.compile(r"""\[\s{0,200}["']""")
_BARE = re.compile(r"[^,:{}\[\]\"'\n]+")
_SPACES = re.compile(r"[ \t]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)


@dataclass
class JsonObject:
    """The strings of one JSON object or list.

    Attributes:
        answers: Complete values in the answer's place, at any depth.
        others: All other complete values.
        cut: Whether the text broke off inside a value in the answer's place.
    """

    answers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    cut: bool = False


@dataclass(frozen=True)
class _Place:
    """Where a value stands: in the answer's place, or among answers that are not given."""

    answer: bool
    rival: bool = False

    def inside(self, key: str) -> "_Place":
        if self.rival or any(word in key for word in _RIVAL):
            return _Place(answer=False, rival=True)
        named = any(word in key for word in _ANSWER) and not any(word in key for word in _REASON)
        return _Place(named or (self.answer and key in _INHERIT))


def split_json(text: str) -> list[str | JsonObject]:
    """`text` (stripped) as prose and JSON objects in turn; a list counts as one at the start of the text."""
    parts: list[str | JsonObject] = []
    start = 0
    opening = _LIST.match(text) or _OBJECT.search(text)
    while opening:
        found, end = _scan(text, opening.start())
        parts += [text[start : opening.start()], found]
        start = end
        opening = _OBJECT.search(text, start)
    return [*parts, text[start:]]


def _scan(text: str, start: int) -> tuple[JsonObject, int]:
    """The object or list that opens at `start`, and the position behind it."""
    found = JsonObject()
    places = [_Place(answer=text[start] == "[")]
    key, position = "", start
    while position < len(text):
        mark = text[position]
        if mark in "{[":
            places.append(places[-1].inside(key))
            key, position = "", position + 1
        elif mark in "}]":
            places.pop()
            key, position = "", position + 1
            if len(places) == 1:
                break
        elif mark in ",:\n":
            key, position = "" if mark == "," else key, position + 1
        else:
            value, position, complete = _scalar(text, position)
            if complete and text[position : position + 1] == ":":
                key = value
            else:
                _keep(found, value, places[-1].inside(key), complete)
    return found, position


def _keep(found: JsonObject, value: str, place: _Place, complete: bool) -> None:
    if complete:
        (found.answers if place.answer else found.others).append(value)
    elif place.answer:
        found.cut = True


def _scalar(text: str, start: int) -> tuple[str, int, bool]:
    """The string, number or word at `start`, the position of what follows it, and whether it is complete."""
    quote = text[start]
    if quote not in "\"'":
        end = bare.end() if (bare := _BARE.match(text, start)) else start + 1
        return text[start:end].strip(), end, end < len(text)
    end = text.find(quote, start + 1)
    while end >= 0:
        follows = _skip_spaces(text, end + 1)
        # A quotation mark inside a string ("it's") is not followed by what follows a string.
        if not _escaped(text, end) and text[follows : follows + 1] in ("", ",", ":", "}", "]", "\n"):
            return _ESCAPE.sub(_unescape, text[start + 1 : end]), follows, True
        end = text.find(quote, end + 1)
    return text[start + 1 :], len(text), False


def _skip_spaces(text: str, position: int) -> int:
    spaces = _SPACES.match(text, position)
    return spaces.end() if spaces else position


def _escaped(text: str, position: int) -> bool:
    before = position
    while text[before - 1] == "\\":
        before -= 1
    return (position - before) % 2 == 1


def _unescape(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return {"n": "\n", "t": " ", "r": "\n"}.get(escape[2], escape[2])
