"""Can a classifier tell two sets of images apart by their embeddings?

`x` (N, D) and `y` (M, D) hold one embedding per image; with `paired=True` row i of both is the same image
before and after a treatment, and both are learned from or both are guessed. An area under the ROC curve of
0.5 is guessing, 1 is certainty. Source: Lopez-Paz & Oquab, ICLR 2017 (arXiv 1610.06545).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.embeddings import Values, checked


def classifier_auc(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    components: int = 128,
    folds: int = 5,
    paired: bool = False,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> float:
    """Cross-validated area under the ROC curve of a logistic regression that tells y from x.

    The regression has an L2 penalty of |w|^2 / 2 and sees the first principal components of both sets
    together, scaled by one factor to a mean variance of 1. The area is the mean over folds.

    Args:
        x: (N, D), N >= folds.
        y: (M, D), M >= folds.
        components: at most so many principal components.
        folds: parts, each of which is guessed from the others.
        paired: whether rows belong together.
        groups: (N,) keys of dependent images, which stay in one fold. For paired sets only.
        seed: of the folds.

    Raises:
        UsageError: the shapes do not fit, a number is not finite, or there are fewer images than folds.
    """
    task = _Task.of(x, y, components, folds, paired, groups, np.random.default_rng(seed))
    areas = []
    for train, test in task.splits():
        weights = _logistic_regression(task.inputs[train], task.targets[train])
        areas.append(_areas(task.inputs[test] @ weights[:, None], task.targets[test][:, None]))
    return float(np.mean(areas))


@dataclass(frozen=True)
class _Task:
    """Images of both sets, x first: inputs (N + M, C + 1) with a constant, targets and folds (N + M,)."""

    inputs: Values
    targets: Values
    folds: npt.NDArray[np.intp]

    @classmethod
    def of(
        cls,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        components: int,
        folds: int,
        paired: bool,
        groups: Sequence[Hashable] | None,
        rng: np.random.Generator,
    ) -> _Task:
        x, y = checked(x, y, paired)
        if groups is not None and not paired:
            raise UsageError(
                "Expected argument `groups` for paired sets only. Leave it out, or pass paired=True."
            )
        n, m = len(x), len(y)
        keys = np.arange(n) if groups is None else np.asarray(groups, dtype=object).astype(str)
        _, codes = np.unique(keys, return_inverse=True)
        if min(int(codes.max()) + 1, m) < folds or folds < 2:
            raise UsageError(
                f"Expected argument `folds` to be from 2 to the number of images or groups, but got {folds} "
                f"for sets of {n} and {m}. Use more images or fewer folds."
            )
        first = (rng.permutation(codes.max() + 1) % folds)[codes]
        return cls(
            _inputs(np.concatenate([x, y]), components),
            np.repeat([0.0, 1.0], [n, m]),
            np.concatenate([first, first if paired else rng.permutation(m) % folds]),
        )

    def splits(self) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        for fold in range(int(self.folds.max()) + 1):
            yield self.folds != fold, self.folds == fold


def _inputs(embeddings: Values, components: int) -> Values:
    """Principal components, scaled by one factor, and a constant."""
    centred = embeddings - embeddings.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projected = centred @ vectors[:, ::-1][:, :components]
    scale = np.sqrt((projected**2).mean()) or 1.0
    return np.concatenate([projected / scale, np.ones((len(projected), 1))], axis=1)


def _logistic_regression(inputs: Values, targets: Values) -> Values:
    """Weights of the penalised regression, that of the constant last."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(tol=1e-6, max_iter=1_000).fit(inputs[:, :-1], targets)
    return np.append(fitted.coef_[0], fitted.intercept_)


def _areas(scores: Values, targets: Values) -> Values:
    """(R,) areas under the ROC curve of (N, R) scores; equal scores count half."""
    from scipy.stats import rankdata

    positives = targets.sum(axis=0)
    ranks = (rankdata(scores, axis=0) * targets).sum(axis=0)
    areas: Values = (ranks - positives * (positives + 1) / 2) / (positives * (len(targets) - positives))
    return areas
