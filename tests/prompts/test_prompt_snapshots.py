"""What models are asked, word for word: a change of any text changes every stored answer to it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.labels import label_space
from harness.prompts import Prompt, Question, ask

ASKED = {
    "plain": ("fer2013", {}),
    "plain-ja": ("fer2013", {"language": "ja"}),
    "plain-scored-json": ("fer2013", {"mode": "score", "answer": "json", "order": "williams-7.3"}),
    "plain-letters-ja": ("fer2013", {"answer": "letter", "language": "ja", "order": "reversed"}),
    "plain-examples-free": ("fer2013", {"answer": "free", "examples": True, "persona": "positive"}),
    "plain-four-reasoned": (
        "fer2013",
        {
            "order": "permutations-4.24",
            "subset": ("anger", "happiness", "sadness", "neutral"),
            "reasoning": "chain-of-thought",
        },
    ),
    "plain-absent-sentence": ("fer2013", {"labels": "absent", "answer": "free"}),
    "plain-absent-reasoned-ja": (
        "fer2013",
        {"labels": "absent", "language": "ja", "reasoning": "chain-of-thought"},
    ),
    "plain-six": ("fer2013", {"form": "six"}),
    "plain-two-stage-ja": ("fer2013", {"form": "two-stage", "language": "ja", "answer": "json"}),
    "evoked-json": ("mikels8", {"wording": "evoked", "answer": "json"}),
    "evoked-negative-first-context": (
        "mikels8",
        {"wording": "evoked", "answer": "json", "order": "sentiment.2", "reasoning": "context"},
    ),
    "evoked-caption-letters-persona": (
        "abstract",
        {"wording": "evoked", "answer": "letter", "reasoning": "caption", "persona": "neutral"},
    ),
    "evoked-absent-ja": (
        "mikels8",
        {"wording": "evoked", "answer": "json", "labels": "absent", "language": "ja", "persona": "negative"},
    ),
    "caer-blog": ("caer", {"wording": "caer-blog", "examples": True}),
    "caer-blog-ja": ("caer", {"wording": "caer-blog", "examples": True, "language": "ja"}),
    "caer-blog-image-two-stage": ("caer", {"wording": "caer-blog-image", "form": "two-stage"}),
    "caer-blog-image-absent": ("caer", {"wording": "caer-blog-image", "labels": "absent"}),
    "contrastive-clip-benchmark": ("fer2013", {"names": "clip_benchmark"}),
    "contrastive-synonyms-absent": ("caer", {"names": "synonyms", "labels": "absent"}),
}


def shown(question: Question) -> str:
    """A question as a reader of the snapshot wants to see it."""
    fields = asdict(question)
    fields["names"] = ["/".join(of_class) for of_class in question.names]
    parts = [f"[{part}]\n{text}" for part in ("system", "text") if (text := fields.pop(part))]
    lines = [
        f"{name}: {' | '.join(v) if isinstance(v, (tuple, list)) else v}" for name, v in fields.items() if v
    ]
    return "\n".join([*parts, "[rest]", *lines])


@pytest.mark.parametrize("name", ASKED)
def test_rendered_questions(name, snapshot):
    space, axes = ASKED[name]
    assert [shown(question) for question in ask(Prompt(**axes), label_space(space))] == snapshot
