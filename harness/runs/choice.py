"""Which samples the gallery shows: those that leave the fewest answers without a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def choose_samples(tables: Sequence[pd.DataFrame], n: int) -> list[str]:
    """Ids of at most `n` samples, the same for every model and prompt that answered them.

    Every gold label gets a sample first. Then the next one is always that which fills most of the cells of
    all confusion matrices that have no picture yet, a cell counting as the square root of its samples: so a
    click on a large cell finds a picture, and rare mistakes get theirs where there is room. When every cell
    has one, a second round begins. The choice rests on ids and answers alone, not on the order of either, and
    a smaller `n` picks the first ones of a larger.

    Args:
        tables: answers of each cell of one dataset and split, columns `sample_id, gold, outcome, label`.
        n: how many samples at most.
    """
    named = [
        table["sample_id"].to_numpy(object) for table in tables
    ]  # arrow strings iterate ten times slower
    ids = sorted(set().union(*named), key=_drawn)
    places, weights = _confusion_cells(tables, ids)
    chosen: list[int] = []
    empty = weights.copy()
    while len(chosen) < min(n, len(ids)):
        gains = empty[places].sum(axis=1)
        gains[chosen] = -1
        best = int(gains.argmax())
        if gains[best] <= 0:
            empty = weights.copy()
            continue
        chosen.append(best)
        empty[places[best]] = 0
    return [ids[i] for i in chosen]


def _confusion_cells(
    tables: Sequence[pd.DataFrame], ids: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The confusion cell that each sample is in, (S, C + 1), and the weight of each confusion cell.

    Confusion cell 0 is that of samples which a cell of the grid was not asked about. The last column holds
    the gold labels, which outweigh all confusion cells together.
    """
    import pandas as pd

    rows = pd.Index(ids)
    places = np.zeros((len(ids), len(tables) + 1), np.intp)
    weights = [np.zeros(1)]
    size = 1
    golds = np.full(len(ids), "", object)
    for column, table in enumerate(tables):
        valid = (table["outcome"] == "parsed").to_numpy(bool)
        gold, labels = pd.factorize(table["gold"])
        answer, answers = pd.factorize(table["label"])
        codes = gold * (len(answers) + 1) + np.where(valid, answer, len(answers))
        where = rows.get_indexer(pd.Index(table["sample_id"].to_numpy(object)))
        places[where, column] = codes + size
        weights.append(np.sqrt(np.bincount(codes, minlength=len(labels) * (len(answers) + 1))))
        golds[where] = table["gold"].to_numpy(object)
        size += len(weights[-1])
    codes, classes = pd.factorize(golds, sort=True)
    places[:, -1] = codes + size
    weights.append(np.full(len(classes), 1 + sum(part.sum() for part in weights)))
    return places, np.concatenate(weights)


def _drawn(sample_id: str) -> bytes:
    return hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).digest()
