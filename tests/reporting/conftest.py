"""A run folder as the plugin leaves it, of realistic size and content, and a hostile one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gallery_runs import faces_of

from harness.labels import LabelSpace, label_space
from harness.predictions.cell import Cell
from harness.predictions.table import Predictions
from harness.runs import keep_pictures
from harness.tasks import Choice

N = 3_589
SPACE = label_space("fer2013")
PREVALENCE = {
    "angry": 491, "disgust": 55, "fear": 528, "happy": 879, "sad": 594, "surprise": 416, "neutral": 626,
}  # fmt: skip
LOOK_ALIKES = {
    ("angry", "disgust"): 0.9, ("angry", "sad"): 0.8, ("angry", "neutral"): 0.7, ("disgust", "angry"): 1.5,
    ("fear", "sad"): 1.2, ("fear", "surprise"): 1.1, ("fear", "neutral"): 0.8, ("sad", "neutral"): 1.3,
    ("neutral", "sad"): 1.1, ("surprise", "fear"): 0.9, ("happy", "neutral"): 0.5,
}  # fmt: skip
HOSTILE = (
    "<script>alert('x')</script> [a](javascript:alert(1)) | ![](http://evil.example/p.png) "
    "\x1b[31m [red]\u202e\x00 &amp; \"'`"
)
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)></script>"


def make_predictions(
    cell: Cell, *, skill: float, seed: int, n: int = N, temperature: float = 1.0, neutral: float = 0.0
) -> Predictions:
    """A classifier that mistakes look-alikes, with scores; every sixtieth sample copies its neighbour."""
    rng = np.random.default_rng(seed)
    golds = np.random.default_rng(7).permutation(np.repeat(list(PREVALENCE), list(PREVALENCE.values())))
    gold = np.resize(golds, n)
    kinship = pd.DataFrame(0.0, index=SPACE.labels, columns=SPACE.labels)
    for (one, other), likeness in LOOK_ALIKES.items():
        kinship.loc[one, other] = likeness
    logits = kinship.loc[gold].to_numpy() + rng.normal(0, 1, (n, len(SPACE.labels)))
    logits[np.arange(n), [SPACE.labels.index(label) for label in gold]] += skill
    logits[:, SPACE.labels.index("neutral")] += neutral
    scores = np.exp(temperature * logits)
    scores /= scores.sum(axis=1, keepdims=True)
    digests = [f"{i - (i % 60 == 1):064x}" for i in range(n)]
    table = pd.DataFrame(
        {
            "sample_id": [f"PrivateTest/{i:08d}.jpg" for i in range(n)],
            "group": digests,
            "gold": gold,
            "outcome": "parsed",
            "label": np.array(SPACE.labels)[scores.argmax(axis=1)],
            "raw_text": None,
            "reason": None,
            "latency_s": 0.004,
            "pixel_digest": digests,
        }
    )
    for column, label in enumerate(SPACE.labels):
        table[f"score_{label}"] = scores[:, column].astype(np.float32)
    return Predictions(cell, Choice(SPACE), table)


def make_answers(cell: Cell, *, seed: int, n: int = N) -> Predictions:
    """A generative model: no scores, and every kind of answer that is none."""
    table = make_predictions(cell, skill=1.0, seed=seed, n=n, neutral=1.2).table.drop(
        columns=[f"score_{label}" for label in SPACE.labels]
    )
    table["raw_text"] = '{"label": "' + table["label"] + '"}'
    invalid = (
        ("refusal", "I cannot judge the feelings of a real person.", "refused in words"),
        ("out_of_vocabulary", '{"label": "melancholy — 憂鬱"}', "melancholy is not a label of fer2013"),
        ("unparsable", HOSTILE, "two labels: <b>sad</b> and angry"),
        ("failed", "", "HTTP 503 after 5 tries"),
    )
    for start, (outcome, text, reason) in enumerate(invalid):
        rows = table.index[start :: 40 * (start + 1)]
        table.loc[rows, ["outcome", "label", "raw_text", "reason"]] = [outcome, None, text, reason]
    return Predictions(cell, Choice(SPACE), table)


def make_claim(cell: str, verdict: str, value: float, **changes: Any) -> dict[str, Any]:
    """An entry of claims.json; `changes` override its fields."""
    half = changes.pop("half", 0.021)
    claim = {
        "claim": "cnn_beats_vlm",
        "hypothesis": "A CNN trained on the data set beats a zero-shot vision-language model.",
        "cell": cell,
        "test": f"evals/test_claims.py::test_claims[cnn_beats_vlm/{cell}]",
        "verdict": verdict,
        "expected": "supported",
        "expected_reason": "",
        "as_expected": verdict == "supported",
        "effect": {"name": "accuracy difference", "value": value, "low": value - half, "high": value + half},
        "secondary": [
            {"name": "macro-F1 difference", "value": value + 0.02, "low": value - 0.01, "high": value + 0.05},
            {"name": "discordant share", "value": 0.31, "low": None, "high": None},
        ],
        "p_value": 0.00001,
        "p_adjusted": 0.0001 if verdict == "supported" else 0.31,
        "family_size": 12,
        "alpha": 0.05,
        "n": N,
        "n_needed": None,
        "detectable_effect": 0.024,
        "paired": True,
        "method": "exact McNemar (mid-p), paired bootstrap by group, 10,000 replicates, Holm over 12 tests",
        "reason": f"The accuracy differs by {value:+.3f}.",
        "notes": [],
    }
    return claim | changes


def make_claims() -> list[dict[str, Any]]:
    """Twenty entries over three claims: expected and not, inconclusive, refuted, long-winded, non-ASCII."""
    cnns = ("resnet50", "vgg19", "what-the-face")
    vlms = (("clip-vit-b-32", 0.0), ("clip-vit-l-14", -0.06), ("llava-1.5-7b", 0.03))
    claims = [
        make_claim(
            f"fer2013:private/none/{cnn}-vs-{vlm}",
            "supported",
            0.27 + better - 0.05 * i,
            paired=vlm != "clip-vit-l-14",
            half=0.021 if vlm != "clip-vit-l-14" else 0.027,
        )
        for i, cnn in enumerate(cnns)
        for vlm, better in vlms
    ]
    claims.append(
        make_claim(
            "fer2013:private/gfpgan/resnet50-vs-siglip-so400m-384",
            "inconclusive",
            0.012,
            paired=False,
            n_needed=12_410,
            p_adjusted=0.31,
            half=0.031,
            reason="The interval holds zero and everything up to 0.043, so neither side is better for sure. "
            "Published figures come without predictions; paired, a quarter of the samples would do.",
            notes=["86.44 % cannot be k/3589 (GRIM).", "Prompt templates differ: −2.3 to +2.6 points."],
        )
    )
    claims.append(
        make_claim(
            "fer2013:private/none/what-the-face-vs-phi-3.5-vision-instruct-with-a-very-long-name-indeed",
            "refuted",
            -0.052,
            p_adjusted=0.0004,
            reason="The vision-language model is better. " + "It answers with care, and at length. " * 12,
            notes=["Выборка та же самая; 表情認識; هذا نص من اليمين إلى اليسار."],
        )
    )
    for order, value in (("reversed", 0.031), ("sentiment-first", 0.018), ("shuffled", 0.004)):
        verdict = "supported" if value > 0.02 else "inconclusive"
        claims.append(
            make_claim(
                f"fer2013:private/none/{order}/llava-1.5-7b",
                verdict,
                value,
                claim="label_order_biases_vlms",
                hypothesis="Another order of the labels in the prompt changes the answers.",
                effect={"name": "flip rate", "value": value, "low": value - 0.011, "high": value + 0.012},
                n_needed=None if verdict == "supported" else 9_800,
            )
        )
    for model, value in (("llava-1.5-7b", 0.21), ("clip-vit-b-32", 0.14), ("phi-3.5-vision", 0.02),
                         ("gpt-4o", 0.03), ("gemini-2.0-flash", 0.33), ("resnet50", -0.01)):  # fmt: skip
        control = model == "resnet50"
        verdict = "refuted" if control else "supported" if value > 0.03 else "inconclusive"
        claims.append(
            make_claim(
                f"fer2013:private/none/{model}",
                verdict,
                value,
                claim="vlm_collapses_to_neutral",
                hypothesis="The model answers neutral far more often than the labels say.",
                effect={
                    "name": "neutral over-prediction",
                    "value": value,
                    "low": value - 0.015,
                    "high": value + 0.016,
                },
                expected="refuted" if control else "supported",
                expected_reason="A trained CNN has no reason to collapse." if control else "",
                as_expected=control or verdict == "supported",
                n_needed=5_200 if verdict == "inconclusive" else None,
                secondary=[],
            )
        )
    return claims


def make_record(cells: dict[str, Predictions], **changes: Any) -> dict[str, Any]:
    """run.json of a run with `cells`."""
    record = {
        "run": "2025-11-20T21-14-03",
        "command": "pytest evals -n 4 -k fer2013 --profile nightly",
        "started": "2025-11-20T21:14:03+00:00",
        "finished": "2025-11-20T21:37:21+00:00",
        "seconds": 1398.2,
        "profile": "nightly",
        "seed": 0,
        "alpha": 0.05,
        "limit": None,
        "device": "cuda:0",
        "dtype": "float32",
        "environment": {
            "python": "3.12.7",
            "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
            "cpu": "AMD EPYC 7763",
            "cores": 16,
            "memory_gb": 62.8,
            "packages": {"numpy": "2.4.6", "pandas": "3.1.1", "torch": "2.14.1", "timm": "1.0.31"},
        },
        "model_loads": {"resnet50": 1, "vgg19": 1, "clip-vit-b-32": 1},
        "skipped": [
            {"what": "gpt-4o", "reason": "OPENAI_API_KEY is not set. Export a key to include it."},
            {"what": "rafdb:test", "reason": "Looked in data/rafdb: nothing there. Ask its authors."},
        ],
        "problems": ["fer2013.zip: train/happy/Training_1234.jpg cannot be decoded; left out."],
        "cells": [
            {"id": cell, **asdict(p.cell), "kind": "generative" if "llava" in cell else "classifier",
             "n": len(p), "file": f"cells/{i}.parquet"}
            for i, (cell, p) in enumerate(cells.items())
        ],
        "published": [
            {"model": "clip-vit-b-32", "dataset": "fer2013:test", "n": 7178,
             "metrics": {"accuracy": 0.4119, "balanced_accuracy": 0.3605},
             "source": "CLIP_benchmark", "note": "mean of six templates", "findings": []},
            {"model": "efficientnet-b0 (GFPGAN)", "dataset": "fer2013:private", "n": 3589,
             "metrics": {"accuracy": 0.8644}, "source": "arXiv 2508.13524", "note": "",
             "findings": ["86.44 % is above the ceiling of 78.6 %.", "86.44 % cannot be k/3589 (GRIM)."]},
        ],
    }  # fmt: skip
    return record | changes


def write_run(path: Path, record: dict[str, Any], claims: list[Any], cells: dict[str, Predictions]) -> Path:
    """Writes a run folder and returns it."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    (path / "claims.json").write_text(json.dumps(claims), "utf-8")
    for i, predictions in enumerate(cells.values()):
        predictions.write(path / "cells" / f"{i}.parquet")
    return path


def make_cells(n: int = N) -> dict[str, Predictions]:
    """Six cells: three CNNs, one of them on restored pixels as well, a contrastive and a generative model."""
    built = [
        make_predictions(Cell("resnet50", "fer2013", "private"), skill=2.6, seed=1, n=n),
        make_predictions(Cell("vgg19", "fer2013", "private"), skill=2.4, seed=2, n=n, temperature=1.6),
        make_predictions(
            Cell("what-the-face", "fer2013", "private"), skill=1.9, seed=3, n=n, temperature=2.2
        ),
        make_predictions(Cell("resnet50", "fer2013", "private", "gfpgan"), skill=2.5, seed=4, n=n),
        make_predictions(
            Cell("clip-vit-b-32", "fer2013", "private"), skill=1.1, seed=5, n=n, temperature=0.3
        ),
        make_answers(
            Cell("llava-1.5-7b", "fer2013", "private", "none", "name-the-emotion/reversed"), seed=6, n=n
        ),
    ]
    return {str(predictions.cell): predictions for predictions in built}


@pytest.fixture
def hostile() -> str:
    """Text that attacks HTML, Markdown and terminals alike."""
    return HOSTILE


@pytest.fixture
def claim() -> Callable[..., dict[str, Any]]:
    """Builds an entry of claims.json: `claim(cell, verdict, value, **overrides)`."""
    return make_claim


@pytest.fixture
def claims() -> list[dict[str, Any]]:
    """Twenty entries of claims.json: 13 supported, 2 refuted, 5 inconclusive; 6 not as expected."""
    return make_claims()


@pytest.fixture
def small_cells() -> dict[str, Predictions]:
    """The six cells of the full run with 120 samples each."""
    return make_cells(120)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run folder: `new_run(name, cells, claims, **changes of run.json)`."""

    def write(name: str, cells: dict[str, Predictions], claims: list[Any], **changes: Any) -> Path:
        return write_run(tmp_path / name, make_record(cells, run=name, **changes), claims, cells)

    return write


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a baseline beside it, in which VGG19 was another and one verdict differed."""
    root = tmp_path_factory.mktemp("reports")
    cells, claims = make_cells(), make_claims()
    vgg = Cell("vgg19", "fer2013", "private")
    older = cells | {str(vgg): make_predictions(vgg, skill=2.2, seed=2, temperature=1.6)}
    earlier = [claims[0] | {"verdict": "inconclusive", "as_expected": False}, *claims[1:]]
    write_run(root / "older", make_record(older, run="older"), earlier, older)
    return write_run(root / "newer", make_record(cells, baseline="older"), claims, cells)


@pytest.fixture(scope="session")
def gallery_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with pictures of 60 samples under two restorations; all that its VLM said attacks the report."""
    cells = make_cells(240)
    llava = next(name for name in cells if "llava" in name)
    table = cells[llava].table
    said = table["raw_text"].astype(object).mask(table["outcome"] == "parsed", ATTACK)
    cells[llava] = replace(cells[llava], table=table.assign(raw_text=said))
    folder = write_run(
        tmp_path_factory.mktemp("gallery") / "run", make_record(cells, run="gallery"), make_claims(), cells
    )
    assert keep_pictures(folder, cells, 60, faces_of(cells)) == []
    return folder


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A run in which every text that a stranger can choose attacks the report."""
    cell = Cell(HOSTILE, "fer2013", "private", "none", HOSTILE)
    space = LabelSpace(HOSTILE, (HOSTILE, "</style><img src=x onerror=alert(2)>"), ("a", "b"))
    tame = make_answers(cell, seed=1, n=200).table
    table = tame.assign(
        gold=np.resize(space.labels, 200),
        label=np.where(tame["label"].isna(), None, np.resize(space.labels, 200)),
        sample_id=[f"{HOSTILE}{i}" for i in range(200)],
        raw_text=HOSTILE,
        reason=HOSTILE,
    )
    cells = {str(cell): Predictions(cell, Choice(space), table)}
    texts = ("claim", "hypothesis", "expected", "expected_reason", "method", "reason")
    claim = make_claim(HOSTILE, "refuted", -0.1, notes=[HOSTILE], **dict.fromkeys(texts, HOSTILE))
    claim["effect"]["name"] = claim["secondary"][0]["name"] = HOSTILE
    record = make_record(
        cells,
        run=HOSTILE,
        command=HOSTILE,
        skipped=[{"what": HOSTILE, "reason": HOSTILE}],
        problems=[HOSTILE],
        environment={"packages": {HOSTILE: HOSTILE}},
        published=[{"model": HOSTILE, "dataset": HOSTILE, "n": 5, "metrics": {HOSTILE: HOSTILE},
                    "source": "javascript:alert(1)", "note": HOSTILE, "findings": [HOSTILE]}],
    )  # fmt: skip
    return write_run(tmp_path / "hostile", record, [claim], cells)
