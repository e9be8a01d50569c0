"""What a fixed encoder makes of the pictures that were judged, as far as claims need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One embedding per sample and restoration.

    Attributes:
        encoder: name of the model that made them, the same for all.
        rows: restoration -> (N, D), in the order of the samples; nan where a picture has none.
    """

    encoder: str
    rows: Mapping[str, Values]

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    def of(self, restoration: str) -> Values:
        """The embeddings under one restoration.

        Raises:
            DataError: there are none.
        """
        if restoration not in self.rows:
            raise DataError(
                f"There are no embeddings of {restoration}, only of {', '.join(self.rows)}. Embed the "
                "pictures under every restoration that is compared."
            )
        return self.rows[restoration]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """(N,) whether a sample has an embedding under every restoration."""
        known: NDArray[np.bool_] = np.all(
            [np.isfinite(row).all(axis=1) for row in self.rows.values()], axis=0
        )
        return known

    def subset(self, keep: NDArray[np.bool_]) -> Embeddings:
        """The embeddings of some samples: those where `keep` (N,) is true."""
        return replace(self, rows={restoration: row[keep] for restoration, row in self.rows.items()})
