"""What 10,000 bootstrap replicates of a paired macro-F1 difference cost, at two sizes of FER-2013.

Seconds are wall clock; the ratio of costs is of processor time, which other processes disturb less. All are
medians over interleaved runs. The loop that it is compared with resamples the arrays and calls scikit-learn's
`f1_score` twice per replicate; it is timed on fewer replicates and scaled up.
"""

from statistics import median
from time import perf_counter, process_time

import numpy as np
from _shared import print_line
from sklearn.metrics import f1_score

from harness.metrics import macro_f1
from harness.statistics import paired_difference

PRIVATE, ALL = 3_589, 35_887
CLASS_SHARES = np.array([491, 55, 528, 879, 594, 416, 626]) / PRIVATE  # of FER-2013's PrivateTest
COPIES = 1_853 / ALL  # redundant exact copies in FER-2013
LABELS = len(CLASS_SHARES)
REPLICATES = 10_000
LOOP_REPLICATES = 50
RUNS = 9
TARGETS = {
    "seconds_3589": 0.5,
    "seconds_35887": 0.5,
    "cost_ratio": 1.3,
    "grouped_seconds_3589": 0.5,
    "grouped_seconds_35887": 0.5,
    "speedup_over_loop_min": 100.0,
}

Answers = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    samples = {n: two_systems(n) for n in (PRIVATE, ALL)}
    grouped = {n: with_copies(samples[n]) for n in samples}
    runs = [{n: (bootstrap(*samples[n]), bootstrap(*grouped[n])) for n in samples} for _ in range(RUNS + 1)]
    del runs[0]  # imports and first allocations

    def typical(n: int, kind: int, clock: int) -> float:
        return median(run[n][kind][clock] for run in runs)

    figures = {
        "seconds_3589": typical(PRIVATE, 0, 0),
        "seconds_35887": typical(ALL, 0, 0),
        "cost_ratio": typical(ALL, 0, 1) / typical(PRIVATE, 0, 1),
        "grouped_seconds_3589": typical(PRIVATE, 1, 0),
        "grouped_seconds_35887": typical(ALL, 1, 0),
        "grouped_cost_ratio": typical(ALL, 1, 1) / typical(PRIVATE, 1, 1),
        "speedup_over_loop_min": loop_seconds(*samples[PRIVATE]) / typical(PRIVATE, 0, 0),
    }
    print_line("bootstrap", figures, TARGETS)


def bootstrap(
    gold: np.ndarray, a: np.ndarray, b: np.ndarray, groups: list[str] | None = None
) -> tuple[float, float]:
    """Wall-clock and processor seconds of one interval."""
    wall, processor = perf_counter(), process_time()
    paired_difference(gold, a, b, LABELS, macro_f1, groups=groups, replicates=REPLICATES)
    return perf_counter() - wall, process_time() - processor


def loop_seconds(gold: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Wall-clock seconds that the plain loop would take for all replicates."""
    rng = np.random.default_rng(0)
    options = {"labels": range(LABELS), "average": "macro", "zero_division": 0}
    start = perf_counter()
    for _ in range(LOOP_REPLICATES):
        drawn = rng.integers(0, len(gold), len(gold))
        f1_score(gold[drawn], a[drawn], **options) - f1_score(gold[drawn], b[drawn], **options)
    return (perf_counter() - start) * REPLICATES / LOOP_REPLICATES


def two_systems(n: int) -> Answers:
    """Two classifiers, 72 and 67 % right, that find the same images hard; 0.3 % of answers are invalid."""
    rng = np.random.default_rng(0)
    gold = rng.choice(LABELS, n, p=CLASS_SHARES)
    image = 0.8 * rng.normal(size=(n, LABELS)) + 0.3 * np.log(CLASS_SHARES)
    answers = []
    for skill in (1.9, 1.7):
        logits = skill * np.eye(LABELS)[gold] + image + 0.6 * rng.normal(size=(n, LABELS))
        answers.append(np.where(rng.random(n) < 0.003, -1, logits.argmax(axis=1)))
    return gold, answers[0], answers[1]


def with_copies(sample: Answers) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Copies, as many as FER-2013 holds: answered alike, some labelled differently, grouped by digest."""
    rng = np.random.default_rng(1)
    gold, a, b = sample
    n = len(gold)
    original = np.where(rng.random(n) < COPIES, rng.integers(0, n, n), np.arange(n))
    labels = np.where(rng.random(n) < 0.9, gold[original], gold)
    return labels, a[original], b[original], [f"{image:064x}" for image in original]


if __name__ == "__main__":
    main()
