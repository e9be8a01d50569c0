"""The shapes of models. Adapters satisfy them by structure; nobody subclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable
from harness.stimuli import Takes
from harness.tools.paths import absolute

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset
    from harness.identity import Identity
    from harness.prompts import Question, Reply

Capability = Literal["classifier", "contrastive", "generative", "derived", "published"]
"""How a model is asked: for probabilities, for embeddings, in words, by way of others, or not any more."""
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
READERS: tuple[Capability, ...] = ("contrastive", "generative")
"""Those that read prompts."""
Family = Literal["cnn", "vlm", "human", "ensemble", "baseline"]
"""What a model is, by which it plays a role in claims."""
FAMILIES: tuple[Family, ...] = get_args(Family)


@runtime_checkable
class Classifier(Protocol):
    """A loaded classifier."""

    def classify(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Probabilities (N, K) for N decoded images (H, W) or (H, W, 3), in the order of its labels."""


@runtime_checkable
class Contrastive(Protocol):
    """A loaded model of images and texts in one space.

    Attributes:
        logit_scale: what similarities are multiplied by before the softmax over classes.
    """

    logit_scale: float

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings (N, D) of unit length."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings (T, D) of unit length."""


@runtime_checkable
class Generative(Protocol):
    """A loaded model that answers questions about images."""

    def score(
        self, images: Sequence[NDArray[np.uint8]], questions: Sequence[Question]
    ) -> list[NDArray[np.float32]]:
        """For each question the log-likelihoods (N, K) of its K `answers`, in their order."""

    def generate(
        self, images: Sequence[NDArray[np.uint8]], questions: Sequence[Question]
    ) -> list[list[Reply | None]]:
        """For each question N replies, greedy; None where a budget ended before the question was asked."""


@runtime_checkable
class Accounting(Protocol):
    """A generative model whose scores come one reply at a time: each with its usage, some without a score."""

    def score_replies(
        self, images: Sequence[NDArray[np.uint8]], questions: Sequence[Question]
    ) -> tuple[list[NDArray[np.float32]], list[list[Reply | None]]]:
        """`Generative.score`, nan where there is none, and the replies, None where nothing was asked."""


@runtime_checkable
class Rendering(Protocol):
    """A generative model before it is loaded: what it would be sent, and what it can be asked.

    It may also have `note` and `probe()`, for `harness doctor`; `batch_size`, the most images to be asked
    about at a time; `check_score(question)`, where not every question can be scored; `request(question)`,
    what is sent, for `harness prompt`; and `budget`.

    Attributes:
        modes: `generate`, and `score` where log-likelihoods can be had.
        deterministic: whether the same question always gets the same answer.
    """

    modes: tuple[str, ...]
    deterministic: bool

    def template(self) -> str:
        """Digest of whatever turns a question into the text that the model reads; cheap."""

    def render(self, question: Question) -> str:
        """The text that the model reads, image placeholders included. May import heavy libraries."""


@runtime_checkable
class RunnableModel(Protocol):
    """A model that answers here.

    It may also have `family`, what it is where its entry does not say so; and `takes`, see `harness.stimuli`:
    `frames` or `video` where it sees more than one picture. What it leaves out of `labels`, `trained_on` and
    `correct`, `build_model` fills in with nothing.

    Attributes:
        capability: classifier, contrastive or generative.
        labels: the labels of its outputs, in order; () for models that are told the labels.
        trained_on: `dataset:split` it has seen, or None when unknown.
        correct: `dataset:split` -> (correct, n) that its trainer recorded; measured answers are held
            against it.
    """

    capability: Capability
    labels: tuple[str, ...]
    trained_on: str | None
    correct: Mapping[str, tuple[int, int]]

    def identity(self, device: str, dtype: str) -> Identity:
        """Everything that can change its answers, found without loading it."""

    def load(self, device: str, dtype: str) -> Classifier | Contrastive | Generative:
        """Loads weights. The one expensive call."""


def takes(model: object) -> Takes:
    """What a model is handed of each stimulus: a picture, unless its attribute `takes` says otherwise."""
    found: Takes = getattr(model, "takes", "image")
    return found


@runtime_checkable
class TableModel(Protocol):
    """A model that answered elsewhere and left a predictions CSV.

    It may also have `problems(dataset)`: one line about each thing of it that does not fit.

    Attributes:
        capability: published.
        labels: the labels it answered with.
        restoration: what had been done to the pixels it saw.
    """

    capability: Capability
    labels: tuple[str, ...]
    restoration: str

    def answers(self, dataset: Dataset) -> pd.DataFrame:
        """One row per sample of the dataset, in its order; samples without a row are failures."""


@dataclass(frozen=True)
class Published:
    """Numbers of one system on one dataset:split, as a paper or leaderboard gives them.

    Attributes:
        model: suite name, `<model>@<source>`.
        system: the model's name without its source: two publications of one system share it.
        family: what the system is.
        dataset: dataset name.
        split: split name.
        n: how many samples the numbers are over.
        metrics: metric -> value as a proportion.
        source: who published it.
        restoration: what was done to the pixels.
        note: what a reader must know.
        counts: metric -> how many samples this metric is over.
        decimals: metric -> digits after the point of the proportion, as printed.
    """

    model: str
    system: str
    family: Family
    dataset: str
    split: str
    n: int
    metrics: Mapping[str, float]
    source: str
    restoration: str = "none"
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    decimals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Where adapters look for files.

    Both folders are made absolute: what is found in one is looked up again by its path, and must not be
    taken for a path from another folder.

    Attributes:
        data_root: the data root.
        suite_folder: folder of suite.toml.
    """

    data_root: Path
    suite_folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_root", absolute(self.data_root))
        object.__setattr__(self, "suite_folder", absolute(self.suite_folder))

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where files of the suite are looked for, in this order."""
        return (
            self.suite_folder,
            self.data_root,
            self.data_root / "checkpoints",
            self.data_root.parent / "checkpoints",
        )

    def find(self, path: str) -> Path:
        """Finds a checkpoint or table named in the suite.

        Looks beside suite.toml, in the data root, in `checkpoints/` of the data root and in `checkpoints/`
        beside the data root. Absolute paths are taken as they are.

        Raises:
            Unavailable: it is in none of them.
        """
        for folder in self.folders:
            if (folder / path).is_file():
                return (folder / path).resolve()
        looked = ", ".join(str(folder) for folder in self.folders)
        raise Unavailable(
            f"{path} is not in {looked}. Put it in one of them, or train it with `harness train`."
        )
