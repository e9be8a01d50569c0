"""What the gallery of report.html shows: pictures with their labels, and every model's answer to each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.predictions.table import OUTCOMES, Predictions
from harness.reporting.text import plain
from harness.runs import Run

if TYPE_CHECKING:
    from markupsafe import Markup

TEXT_BUDGET = 600_000
"""Characters of what models said, over all answers of a page; each is cut until they fit."""

_TEXT_LIMITS = (1_200, 600, 300, 150, 75)
_LABEL_LIMIT = 60  # as in the confusion matrices, whose labels the gallery is filtered by
_NOT_ASKED = -1  # the answer to a sample that a prompt about some of the labels leaves out
_INVALID = {outcome: -1 - rank for rank, outcome in enumerate(OUTCOMES) if outcome != "parsed"}


@dataclass(frozen=True)
class Gallery:
    """The gallery's data, and what its introduction says of it.

    Attributes:
        data: what gallery.js reads, see `gallery`.
        samples: how many samples it shows.
        size: bytes of all their pictures.
    """

    data: Mapping[str, Any]
    samples: int
    size: int


def gallery(run: Run, anchors: Mapping[str, str]) -> Gallery | None:
    """Collects the pictures of a run and the answers to them; None where the run kept no pictures.

    The data names each thing once and refers to it by position:

    * `sources`: `{name, labels, samples: [{id, gold}], pictures: {restoration: [data URI or null]}}`;
    * `models`, `restorations`, `prompts`, `texts`: strings; `outcomes`: what the negative answers mean;
    * `cells`: `{source, model, restoration, prompt, anchor, n, file, answers, texts, scores}`, the last three
      with one entry per sample of the source: label index or negative outcome; positions of what the model
      said and of the reason, or null; thousandths per label, or null.

    Args:
        run: the run.
        anchors: cell id -> what links inside the page call its confusion matrix.
    """
    shown = {
        name: one
        for name, one in run.predictions.items()
        if one.task.space is not None and (one.cell.source, one.cell.restoration) in run.pictures
    }
    if not shown:
        return None
    sources = {name: _Source.of(run, name) for name in dict.fromkeys(p.cell.source for p in shown.values())}
    files = {str(cell["id"]): str(cell.get("file") or "") for cell in run.record.get("cells") or ()}
    names = {
        "sources": list(sources),
        "models": _distinct(one.cell.model for one in shown.values()),
        "restorations": _distinct(one.cell.restoration for one in shown.values()),
        "prompts": _distinct(one.cell.prompt for one in shown.values()),
    }
    rows = {name: one.table.set_index(one.table["sample_id"].astype(str)) for name, one in shown.items()}
    rows = {name: table.reindex(sources[shown[name].cell.source].ids) for name, table in rows.items()}
    texts = _Texts(table[["raw_text", "reason"]] for table in rows.values())
    cells = [
        {
            "source": names["sources"].index(one.cell.source),
            "model": names["models"].index(one.cell.model),
            "restoration": names["restorations"].index(one.cell.restoration),
            "prompt": names["prompts"].index(one.cell.prompt),
            "anchor": anchors[name],
            "n": len(one),
            "file": plain(files.get(name, "")),
            "answers": _answers(one, rows[name]),
            "texts": texts.of(rows[name]),
            "scores": _scores(one, rows[name]),
        }
        for name, one in shown.items()
    ]
    data = {
        "sources": [source.as_data() for source in sources.values()],
        "models": [plain(name) for name in names["models"]],
        "restorations": [plain(name) for name in names["restorations"]],
        "prompts": [plain(name) for name in names["prompts"]],
        "outcomes": {code: outcome.replace("_", " ") for outcome, code in _INVALID.items()},
        "texts": texts.cut,
        "cells": cells,
    }
    size = sum(len(image) for images in run.pictures.values() for image in images.values())
    return Gallery(data, sum(len(source.ids) for source in sources.values()), size)


def embedded_json(data: Any) -> Markup:
    """JSON that may stand in a script element of HTML: nothing in it can end the element or begin another.

    >>> print(embedded_json({"a": "</script>&"}))
    {"a":"\\u003c/script\\u003e\\u0026"}
    """
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@dataclass(frozen=True)
class _Source:
    """The samples of one dataset and split, by gold label and then as the dataset has them."""

    name: str
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    gold: tuple[int, ...]
    pictures: Mapping[str, Mapping[str, bytes]]

    @classmethod
    def of(cls, run: Run, name: str) -> _Source:
        kept = {
            restoration: images for (source, restoration), images in run.pictures.items() if source == name
        }
        pictures = {
            treatment: kept[treatment] for treatment in sorted(kept, key=lambda one: (one != "none", one))
        }
        wanted = {sample for kept in pictures.values() for sample in kept}
        cells = [one for one in run.predictions.values() if one.cell.source == name]
        largest = max(cells, key=len)
        found = sorted(
            (int(gold), place, str(sample))
            for place, (gold, sample) in enumerate(zip(largest.gold, largest.table["sample_id"], strict=True))
            if str(sample) in wanted
        )
        ids, gold = tuple(row[2] for row in found), tuple(row[0] for row in found)
        return cls(name, largest.space.labels, ids, gold, pictures)

    def as_data(self) -> dict[str, Any]:
        return {
            "name": plain(self.name),
            "labels": [plain(label, _LABEL_LIMIT) for label in self.labels],
            "samples": [
                {"id": plain(sample, 200), "gold": gold}
                for sample, gold in zip(self.ids, self.gold, strict=True)
            ],
            "pictures": {
                plain(restoration): [_data_uri(kept.get(sample)) for sample in self.ids]
                for restoration, kept in self.pictures.items()
            },
        }


class _Texts:
    """What models said and why it does not count, each text once, cut so that all stay within the budget."""

    def __init__(self, tables: Iterable[pd.DataFrame]) -> None:
        found = [value for table in tables for value in table.to_numpy(object).ravel() if _is_text(value)]
        distinct = list(dict.fromkeys(map(str, found)))
        for limit in _TEXT_LIMITS:
            self.cut = [plain(text, limit) for text in distinct]
            if sum(map(len, self.cut)) <= TEXT_BUDGET:
                break
        self._places = {text: place for place, text in enumerate(distinct)}

    def of(self, rows: pd.DataFrame) -> list[list[int | None]] | None:
        pairs = [
            [self._places[str(value)] if _is_text(value) else None for value in pair]
            for pair in rows[["raw_text", "reason"]].to_numpy(object)
        ]
        return pairs if any(place is not None for pair in pairs for place in pair) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _answers(one: Predictions, rows: pd.DataFrame) -> list[int]:
    index = {label: place for place, label in enumerate(one.space.labels)}
    return [
        _NOT_ASKED if not isinstance(outcome, str) else _INVALID.get(outcome, index.get(label, _NOT_ASKED))
        for outcome, label in zip(rows["outcome"], rows["label"], strict=True)
    ]


def _scores(one: Predictions, rows: pd.DataFrame) -> list[list[int] | None] | None:
    if one.probabilities is None:
        return None
    values = rows[[f"score_{label}" for label in one.space.labels]].to_numpy(np.float64)
    thousandths = np.where(np.isnan(values), 0, np.round(1000 * values)).astype(int).tolist()
    missing = np.isnan(values).any(axis=1).tolist()
    return [None if gone else row for gone, row in zip(missing, thousandths, strict=True)]


def _data_uri(image: bytes | None) -> str | None:
    return None if image is None else f"data:image/webp;base64,{base64.b64encode(image).decode()}"


def _distinct(names: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(names))
