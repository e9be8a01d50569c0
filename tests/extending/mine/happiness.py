"""A metric: how often the answer is happy."""

import numpy as np

from harness.metrics.metric import Metric, OfSamples, Tolerance


def says_happy(judged):
    """(N,) 1 or 0; nan would be a sample that does not count. The interval is Wilson's or a bootstrap's."""
    if not judged.space.knows("happy"):
        return None
    return np.equal(judged.answers, judged.space.index("happy")).astype(float)


METRIC = Metric(
    name="says_happy",
    heading="happy answers",
    measure=OfSamples(says_happy),
    tolerance=Tolerance(value=0.02, ends=0.03),
)
