"""Rows of the store as answers: scores decided, texts parsed, stages combined, free words placed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.labels import LabelSpace
from harness.labels.vocabulary import concept_of
from harness.predictions.table import USAGE
from harness.prompts import Question, parse_answer
from harness.prompts.open_vocabulary import encoder_version, ladder, qualifies, similarities
from harness.store.answers import Store
from harness.tools.third_party import warnings_never_raise

FILTERED = "stopped by a content filter"


def scored(rows: pd.DataFrame, scores: NDArray[Any], labels: Sequence[str]) -> pd.DataFrame:
    """Rows whose answer is the label with the highest of their scores (N, K); nan rows stay as they are."""
    rows = rows.copy()
    there = ~np.isnan(scores).any(axis=1)
    rows.loc[there, "label"] = np.array(labels, object)[scores[there].argmax(axis=1)]
    for column, label in enumerate(labels):
        rows[f"score_{label}"] = scores[:, column]
    return rows


def parsed(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Rows of replies, read as labels of the question. A reply that was cut off counts as none."""
    read = lru_cache(maxsize=None)(partial(_read_reply, question))  # many are alike
    told = (_column(rows, name) for name in ("outcome", "reason", "raw_text", "finish", "thought", "remark"))
    answers = [
        (outcome, None, reason) if outcome == "failed" else read(*reply)
        for outcome, reason, *reply in zip(*told, strict=True)
    ]
    columns = pd.DataFrame(answers, rows.index, ["outcome", "label", "reason"], dtype=object)
    return rows.assign(**columns)


def _column(rows: pd.DataFrame, name: str) -> list[Any]:
    """A column as plain values, None where there is nothing: failures of old stores have fewer columns."""
    if name not in rows:
        return [None] * len(rows)
    column = rows[name].astype(object)
    return column.where(column.notna(), None).tolist()


def _read_reply(
    question: Question, text: str, finish: str | None, thought: bool | None, remark: str | None
) -> tuple[str, str | None, str | None]:
    if finish == "content_filter":
        return "refusal", None, FILTERED
    if finish == "length":
        while_thinking, instead = (" while it thought", " or switch thinking off") if thought else ("", "")
        cut = f"cut off at {question.max_tokens} tokens{while_thinking}"
        return "unparsable", None, f"{cut}; raise max_tokens of the prompt{instead}"
    if not text.strip():
        return "unparsable", None, remark or "the reply is empty"
    answer = parse_answer(text, question.labels, options=question.options or None)
    return answer.outcome, answer.label, None


def combined(
    stages: Sequence[pd.DataFrame], questions: Sequence[Question], space: LabelSpace
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The answers of one question, or of two: is there an emotion, and if so, which?

    With scores in both stages, P(label) = P(emotional) P(label | emotional).
    """
    if len(stages) == 1:
        return with_all_scores(stages[0], questions[0], space), space.labels
    first, second = stages
    neutral = space.labels[space.concepts.index("neutral")]
    stirred, calm = sorted(questions[0].labels, key=lambda label: concept_of(label) == "neutral")
    rows = second.copy()
    at_rest = ((first["outcome"] == "parsed") & (first["label"] == calm)).to_numpy()
    unclear = (first["outcome"] != "parsed").to_numpy()
    rows.loc[at_rest, "outcome"] = "parsed"
    rows.loc[at_rest, "label"] = neutral
    for column in ("outcome", "label", "reason", "finish"):
        if column in rows:
            rows.loc[unclear, column] = first.loc[unclear, column]
    if "remark" in rows:
        rows["remark"] = first["remark"].fillna(second["remark"])
    texts = zip(first["raw_text"], second["raw_text"], strict=True)
    rows["raw_text"] = [None if one is None and two is None else f"1: {one}\n2: {two}" for one, two in texts]
    for column in ("latency_s", *USAGE):
        if column in rows:
            rows[column] = first[column].add(second[column], fill_value=0)  # a stage that failed has none
    if f"score_{stirred}" in first:
        for label in questions[1].labels:
            rows[f"score_{label}"] = first[f"score_{stirred}"] * second[f"score_{label}"]
        rows[f"score_{neutral}"] = first[f"score_{calm}"]
        scores = rows[[f"score_{label}" for label in space.labels]].to_numpy(np.float64)
        return scored(rows, scores, space.labels), space.labels
    return rows, space.labels


def with_all_scores(rows: pd.DataFrame, question: Question, space: LabelSpace) -> pd.DataFrame:
    """Rows with a score for each label of the space: 0 for those that were not asked for."""
    if f"score_{question.labels[0]}" not in rows:
        return rows
    answered = rows[f"score_{question.labels[0]}"].notna()
    absent = [label for label in space.labels if label not in question.labels]
    return rows.assign(**{f"score_{label}": np.where(answered, 0.0, np.nan) for label in absent})


@warnings_never_raise()
def placed(rows: pd.DataFrame, space: LabelSpace, store: Store) -> pd.DataFrame:
    """Free answers, placed among the labels.

    An answer that names a label or a synonym of one is that label. `score_<label>` are the cosine
    similarities of all answers that name one emotion, by which claims place the others; no answer gets a
    label by them here. A reply that was cut off or filtered names nothing.
    """
    whole = rows["outcome"].ne("failed") & rows["reason"].isna() & rows["raw_text"].notna()
    texts = [text for text in sorted(set(rows["raw_text"][whole])) if qualifies(text, space.labels)]
    free = whole & rows["raw_text"].isin(texts)
    labels = rows["raw_text"].map({text: ladder(text, space.labels) for text in texts})
    scores = np.full((len(rows), len(space)), np.nan, np.float32)
    if texts:
        words = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        key = ["similarities", encoder_version(), *space.labels, words]
        found = store.remember(key, lambda: similarities(texts, space.labels))
        row = {text: index for index, text in enumerate(texts)}
        scores[free] = found[[row[text] for text in rows["raw_text"][free]]]
    named = free & labels.notna()
    return rows.assign(
        outcome=rows["outcome"].mask(free, "out_of_vocabulary").mask(named, "parsed"),
        label=rows["label"].astype(object).mask(free, None).mask(named, labels),
        **{f"score_{label}": scores[:, column] for column, label in enumerate(space.labels)},
    )
