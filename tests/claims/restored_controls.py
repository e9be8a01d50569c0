"""Respondents under several restorations, with what each restoration does to their answers planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from harness.claims import Embeddings
from harness.labels import label_space
from harness.predictions import Cell, Predictions
from harness.tasks import Choice

SPACE = label_space("fer2013")


def gold_labels(n, seed=0):
    return np.random.default_rng(seed).choice(len(SPACE), n, p=[0.13, 0.02, 0.14, 0.25, 0.17, 0.12, 0.17])


def answered(restoration, gold, answers, *, model="model", groups=None):
    """Predictions from label indices; -1 is a refusal."""
    keys = [str(index) for index in range(len(gold))]
    table = pd.DataFrame(
        {
            "sample_id": keys,
            "group": keys if groups is None else groups,
            "gold": [SPACE.labels[label] for label in gold],
            "outcome": ["parsed" if answer >= 0 else "refusal" for answer in answers],
            "label": [SPACE.labels[answer] if answer >= 0 else None for answer in answers],
            "raw_text": None,
            "reason": None,
            "latency_s": 0.0,
            "pixel_digest": "",
        },
        dtype=object,
    )
    return Predictions(Cell(model, "control", "test", restoration), Choice(SPACE), table)


def base_answers(gold, accuracy=0.6, seed=0):
    """Right with the given probability, else one of the other labels."""
    rng = np.random.default_rng([seed, 1])
    wrong = (gold + rng.integers(1, len(SPACE), len(gold))) % len(SPACE)
    return np.where(rng.random(len(gold)) < accuracy, gold, wrong)


def mended(answers, gold, share, seed=0):
    """The answers with a share of all samples taken from wrong to right (or, below 0, the other way)."""
    rng = np.random.default_rng([seed, 2])
    candidates = np.flatnonzero((answers != gold) if share > 0 else (answers == gold))
    chosen = rng.permutation(candidates)[: round(abs(share) * len(gold))]
    changed = answers.copy()
    changed[chosen] = gold[chosen] if share > 0 else (gold[chosen] + 1) % len(SPACE)
    return changed


def conditions(gold, losses, accuracy=0.8, seed=0):
    """Predictions without treatment and under treatments t1, t2, ... that cost the given accuracies."""
    plain = base_answers(gold, accuracy, seed)
    treated = [mended(plain, gold, -loss, seed + place) for place, loss in enumerate(losses)]
    names = ["none", *(f"t{place}" for place in range(1, len(losses) + 1))]
    return [answered(name, gold, answers) for name, answers in zip(names, [plain, *treated], strict=True)]


def shifted(n, shifts, *, dimensions=8, seed=0):
    """Embeddings of the same pictures, moved in one direction by each of `shifts`, and a little at random."""
    rng = np.random.default_rng([seed, 3])
    plain = rng.normal(size=(n, dimensions)) + np.eye(dimensions)[0] * 2
    rows = {"none": plain}
    for place, shift in enumerate(shifts, start=1):
        noise = 0.1 * rng.normal(size=plain.shape)
        rows[f"t{place}"] = plain + shift * np.eye(dimensions)[1] + noise
    return Embeddings("encoder", {name: row.astype(np.float32) for name, row in rows.items()})


def asked_again(predictions, repeatable):
    return replace(predictions, repeatable=repeatable)
