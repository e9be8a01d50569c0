"""From raw model output to the text that speaks for the model: one spelling, no thoughts, no prompt."""

import re
import unicodedata

# Zero-width characters, joiners, direction marks, soft hyphens, variation selectors.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SAME = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "´": "'", "“": '"', "”": '"', "„": '"', "‐": "-", "‑": "-"}
)

# In square brackets the last three are headings.
_THOUGHT = re.compile(r"[<\[◁]/?(?:think|thinking|thoughts?)[>\]▷]|</?(?:reasoning|analysis|scratchpad)>")
# Chat templates, as decoders leave them behind: LLaVA and Vicuna, Mistral, Gemma, ChatML, Llama 3, Phi.
_ROLE = re.compile(
    r"""
      <\|im_start\|>(?P<chatml>user|system|assistant)\b
    | <\|start_header_id\|>(?P<llama>user|system|assistant)<\|end_header_id\|>
    | <\|(?P<phi>user|system|assistant)\|>
    | <start_of_turn>(?P<gemma>user|model)\b
    | (?P<inst>\[/?inst\])
    | ^[ \t]*(?P<line>user|system|assistant|model)[ \t]*$
    | (?:^|(?<=\s))(?P<colon>user|human|assistant|gpt)[ ]?:
    """,
    re.VERBOSE | re.MULTILINE,
)
_ROLE_HINTS = ("user", "human", "assistant", "gpt", "system", "model", "inst]")
_ANSWER_TAG = re.compile(
    r"<(?:answer|final_answer|emotion|label|prediction|output)>|<\|begin_of_box\|>|\\boxed(?=\s?\{)"
)
_NOISE_TAG = re.compile(
    r"<\|[a-z_]{1,30}\|>|</?(?:s|eos|bos|pad|unk|image|end_of_turn|end_of_utterance)>"
    r"|</?(?:b|i|u|em|strong|span|code|pre)>|\\(?:text|textbf|mathbf|mathrm)(?=\s?\{)"
)
_BLOCK_TAG = re.compile(
    r"</(?:answer|final_answer|emotion|label|prediction|output)>"
    r"|</?(?:p|br|div|ul|ol|li|caption|summary|description|response)\s?/?>"
    r"|```(?:(?:json|text|txt|plaintext|markdown|md|yaml|xml|html|python)(?=\s))?"
)
# Normalisation sorts a run of combining marks in quadratic time (10 s for 80,000). No language needs more in
# a row than the limit of the Stream-Safe Text Format, Unicode Standard Annex 15.
_MARKS_IN_A_ROW = 30

_ADDRESS = re.compile(r"\bhttps?://[!-~]+")
# "!happy", "~~happy~~"
_STRUCK = re.compile(r"(?<![^\W_])[!¬~]{1,3}(?=[^\W_])")
_ABBREVIATION = re.compile(r"\b(e(?=\. ?g)|i(?=\. ?e))\. ?([ge])\b\.?,?")
# Confidence that has a number is none that a face shows: "confidence of 0.9", "90% confident".
_CERTAINTY = re.compile(r"(?<=[\d%]) ?confiden(?:ce|t)\b|\bconfidence\b(?=[ :=~|(]{1,3}(?:(?:is|of|at) )?\d)")
# What to look for before a pattern is tried (which takes ten times as long), the pattern, its replacement.
_TAG_HINTS = ("<", "\\", "`")
_REWRITES = (
    (_TAG_HINTS, _ANSWER_TAG, "\nanswer: "),
    (("http",), _ADDRESS, " "),
    (("!", "¬", "~"), _STRUCK, " not "),
    (_TAG_HINTS, _NOISE_TAG, " "),
    (_TAG_HINTS, _BLOCK_TAG, "\n"),
    (("confiden",), _CERTAINTY, " "),
    (("e.g", "e. g", "i.e", "i. e"), _ABBREVIATION, r"\1\2 "),
)


def clean(text: str) -> str | None:
    """The model's own final words in one spelling, or None when it never came out of its thoughts.

    NFKC, case-folded, without control and invisible characters, thought blocks, prompt turns that the decoder
    left in, special tokens and tags. `<answer>x</answer>` and LaTeX's boxed x become a line `answer: x`.
    """
    text = _LINE_ENDS.sub("\n", text)
    text = text if text.isascii() else _INVISIBLE.sub("", text)
    spoken = _without_thoughts(fold(_CONTROL.sub(" ", text)))
    if spoken is None:
        return None
    spoken = _without_prompt(spoken)
    for hints, pattern, instead in _REWRITES:
        if any(hint in spoken for hint in hints):
            spoken = pattern.sub(instead, spoken)
    return spoken.strip()


def fold(text: str) -> str:
    """`text` in NFKC, case-folded, with plain apostrophes, quotation marks and hyphens."""
    text = unicodedata.normalize("NFKC", text if text.isascii() else _stream_safe(text)).casefold()
    return unicodedata.normalize("NFKC", text).translate(_SAME)


def _stream_safe(text: str) -> str:
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def _without_thoughts(text: str) -> str | None:
    """What is outside thought blocks; before a closing tag without an opening one all is thought."""
    kept: list[str] = []
    start, open_tag = 0, False
    for tag in _THOUGHT.finditer(text):
        if tag[0][1] != "/":
            if not open_tag:
                kept.append(text[start : tag.start()])
            open_tag = True
        elif open_tag:
            open_tag = False
        else:
            kept.clear()
        start = tag.end()
    return None if open_tag else "\n".join([*kept, text[start:]])


def _without_prompt(text: str) -> str:
    """What is outside the user's and the system's turns.

    Text before the first turn is kept: it is an answer that runs on into an invented dialogue as often as a
    prompt, and a prompt that names labels makes no answer of its own.
    """
    if not any(hint in text for hint in _ROLE_HINTS):
        return text
    kept: list[str] = []
    start, ours = 0, True
    for role in _ROLE.finditer(text):
        if ours:
            kept.append(text[start : role.start()])
        name = next(name for name in role.groups() if name)
        ours = name in ("assistant", "model", "gpt", "[/inst]")
        start = role.end()
    if ours:
        kept.append(text[start:])
    return "\n".join(kept)
