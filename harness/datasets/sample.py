"""One sample of a data set, and what is kept of those that were decoded."""

from dataclasses import dataclass, field

from harness.stimuli import Pixels

# Decoded FER-2013 takes 83 MB and fits; of a set of photographs the first ones are kept. Runs go through
# a set in order again and again, where keeping the first beats keeping the latest.
CACHE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One labelled image.

    Attributes:
        id: Unique within its split, and the same wherever the files lie.
        label: A label of the data set's space; of votes one with most of them; "" where there are no labels.
        group: What makes samples dependent (subject, video, album), or None when the set does not say.
        target: What the task asks for where a label does not say it all: votes per label, or valence and
            arousal, see `harness.tasks`.
    """

    id: str
    label: str
    group: str | None = None
    target: tuple[float, ...] = ()


@dataclass
class Decoded:
    """What is known of samples, by their ids; `size` is that of the pixels in bytes."""

    pixels: dict[str, Pixels] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    size: int = 0
