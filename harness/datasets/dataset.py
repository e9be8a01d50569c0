"""One split of one data set: what every adapter makes and everything else reads."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.labels import LabelSpace
from harness.stimuli import Medium, Pixels, Stimulus, pictures_of, stimulus_of
from harness.tasks import Task, space_of

from .problems import Problems
from .remembered import remembering
from .sample import CACHE_BYTES, Decoded, Sample
from .sampling import stratified_subset

MAX_MISSING = 0.01


@dataclass(frozen=True, eq=False)
class Dataset:
    """The samples of one split, with pixels decoded when first asked for and kept.

    Attributes:
        name: Name of the data set.
        split: Name of the split.
        task: What is asked of each sample: a choice among labels, votes on them, or dimensions.
        samples: The samples; their positions index every array of the harness.
        read: Decoder, from a sample's id to uint8 pixels of shape (H, W) or (H, W, 3), or to another
            stimulus; raises DataError.
        problems: What was left out and why, one line each.
        stamp: Changes with any file of the set and is known without decoding; None where it cannot be had.
        relabelled: Computes `marginals` when they are first asked for.
        unreadable: Id of each image that was left out as it cannot be read -> why, see `readable`.
        missing: Share of its images that are known to be missing or unreadable.
        medium: Whether its samples are pictures or clips, told without decoding any.
        max_missing: The share that may be; with more of them what is left says little about the set.

    Raises:
        DataError: There is no sample, or two have the same id.
        UsageError: A sample is not labelled as the task asks.
    """

    name: str
    split: str
    task: Task
    samples: tuple[Sample, ...] = field(repr=False)
    read: Callable[[str], Pixels | Stimulus] = field(repr=False)
    problems: tuple[str, ...] = ()
    stamp: str | None = None
    relabelled: Callable[[], Mapping[str, Mapping[str, float]]] = field(default=dict, repr=False)
    unreadable: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: float = 0.0
    medium: Medium = "picture"
    max_missing: float = MAX_MISSING
    _decoded: Decoded = field(default_factory=Decoded, repr=False)

    def __post_init__(self) -> None:
        if not self.samples:
            found = f"; the first problem: {self.problems[0]}" if self.problems else ""
            raise DataError(f"{self} has no usable image{found}. Check the files against the set's layout.")
        if len({sample.id for sample in self.samples}) < len(self.samples):
            raise DataError(f"{self} has two samples of one id. Give every image an id of its own.")
        for label, target in {(sample.label, sample.target) for sample in self.samples}:
            self.task.check(label, target)

    def __len__(self) -> int:
        return len(self.samples)

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"

    @property
    def space(self) -> LabelSpace:
        """What the labels mean and how they are ordered.

        Raises:
            Unavailable: The task has no labels.
        """
        return space_of(self.task, str(self))

    def pixels(self, index: int) -> Pixels:
        """The decoded image: uint8, (H, W) grey or (H, W, 3) RGB, read-only (copy it to change it).

        Of a clip it is the frame in the middle, by which people recognise it.

        Raises:
            DataError: The image cannot be read; the message names the file.
        """
        frames = pictures_of(self.stimulus(index))
        return frames[len(frames) // 2]

    def stimulus(self, index: int) -> Stimulus:
        """What models are shown of a sample. Pictures are kept, clips are decoded each time.

        Raises:
            DataError: It cannot be read; the message names the file.
        """
        sample_id = self.samples[index].id
        pixels = self._decoded.pixels.get(sample_id)
        if pixels is not None:
            return stimulus_of(pixels)
        read = self.read(sample_id)
        if isinstance(read, np.ndarray):
            read.flags.writeable = False
            self._decoded.shapes[sample_id] = read.shape
            if self._decoded.size + read.nbytes <= CACHE_BYTES:
                self._decoded.pixels[sample_id] = read
                self._decoded.size += read.nbytes
        return stimulus_of(read)

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of the decoded image.

        Raises:
            DataError: The image cannot be read; the message names the file.
        """
        known = self._decoded.shapes.get(self.samples[index].id)
        return self.pixels(index).shape if known is None else known

    def digest(self, index: int) -> str:
        """The digest of what is decoded, see `Stimulus`.

        Raises:
            DataError: The image cannot be read; the message names the file.
        """
        sample_id = self.samples[index].id
        digest = self._decoded.digests.get(sample_id)
        if digest is None:
            digest = self._decoded.digests[sample_id] = self.stimulus(index).digest
        return digest

    @cached_property
    def gold(self) -> NDArray[np.int64]:
        """The label of each sample as an index into the space: shape (N,)."""
        index = {label: position for position, label in enumerate(self.space.labels)}
        return np.array([index[sample.label] for sample in self.samples], dtype=np.int64)

    @cached_property
    def marginals(self) -> Mapping[str, Mapping[str, float]]:
        """Who else labelled this split -> share of each label of the space among theirs; {} for nobody.

        They are those of the whole split also where `limit` left fewer samples.

        Raises:
            DataError: What the others left is not readable; the message names the file.
        """
        return self.relabelled()

    @cached_property
    def digests(self) -> list[str | None]:
        """The digest of each image, None where it cannot be read. Decodes what is not remembered."""
        with self._remembering():
            return [self._digest_or_none(index) for index in range(len(self))]

    @property
    def groups(self) -> list[str]:
        """The group of each sample; without one, exact copies of an image form a group."""
        return [
            sample.group or self._digest_or_none(index) or sample.id
            for index, sample in enumerate(self.samples)
        ]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, labels, targets and pixels, in order: equal for equal data in any container."""
        total = hashlib.sha256()
        for sample, digest in zip(self.samples, self.digests, strict=True):
            target = [sample.target] if sample.target else []
            total.update(json.dumps([sample.id, sample.label, digest, *target]).encode())
        return total.hexdigest()

    def limit(self, n: int, seed: int = 0) -> "Dataset":
        """At most `n` samples, stratified by label, in the order of this data set.

        The choice depends on ids and `seed` alone, not on the order of files, and a smaller `n` picks
        from what a larger one picks. Decoded pixels are shared with this data set.

        Raises:
            UsageError: `n` is not positive.
        """
        chosen = stratified_subset([(sample.label, sample.id) for sample in self.samples], n, seed)
        return replace(self, samples=tuple(self.samples[index] for index in chosen))

    def readable(self) -> "Dataset":
        """This data set without the images that cannot be read, which its problems name.

        That they cannot be read is the fault of no model, so they are left out for all models alike.

        Raises:
            DataError: With them more than `max_missing` of the images are missing.
        """
        lost = {}
        with self._remembering():
            for index, sample in enumerate(self.samples):
                try:
                    self.digest(index)
                except DataError as error:
                    lost[sample.id] = error.reason
        if not lost:
            return self
        problems = Problems()
        for sample_id, reason in lost.items():
            problems.add(f"{reason}, left out", sample_id)
        kept = tuple(sample for sample in self.samples if sample.id not in lost)
        missing = 1 - (1 - self.missing) * len(kept) / len(self)
        self._check_missing(missing, problems.lines())
        return replace(
            self,
            samples=kept,
            problems=self.problems + problems.lines(),
            unreadable={**self.unreadable, **lost},
            missing=missing,
        )

    def allowing(self, max_missing: float) -> "Dataset":
        """This data set where that share of its images may be missing.

        Raises:
            DataError: More are missing already.
        """
        allowed = replace(self, max_missing=max_missing)
        allowed._check_missing(self.missing, self.problems)
        return allowed

    def _check_missing(self, missing: float, problems: Sequence[str]) -> None:
        if missing > self.max_missing + 1e-9:  # 1 - 99 / 100 is more than 0.01
            raise DataError(
                f"{self} lacks {missing:.1%} of its images, more than {self.max_missing:.1%}: "
                f"{'; '.join(problems[:3])}. Restore them, or raise max_missing in [datasets.{self.name}]."
            )

    def _remembering(self) -> AbstractContextManager[None]:
        ids = [sample.id for sample in self.samples]
        return remembering(self.read, ids, self._decoded.digests, self._decoded.shapes)

    def _digest_or_none(self, index: int) -> str | None:
        try:
            return self.digest(index)
        except DataError:
            return None
