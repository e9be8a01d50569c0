"""Label spaces: the ordered labels of one dataset, each with the concept it stands for."""

from dataclasses import dataclass

from harness.errors import UsageError

from .vocabulary import concept_of, normalised, vocabulary


@dataclass(frozen=True)
class LabelSpace:
    """The labels of one dataset in its own order.

    Attributes:
        name: Name of the space, such as `fer2013`.
        labels: The labels; the position of a label is its index in every array of the harness.
        concepts: The concept of each label, parallel to `labels`; no two labels share one.

    Raises:
        UsageError: There are no labels, or two of them are equal or mean the same.
    """

    name: str
    labels: tuple[str, ...]
    concepts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.labels or len(self.labels) != len(self.concepts):
            raise UsageError(
                f"Label space {self.name!r} has {len(self.labels)} labels and {len(self.concepts)} concepts. "
                "Give at least one label, and one concept per label."
            )
        for texts in (self.labels, self.concepts):
            if repeated := sorted({text for text in texts if texts.count(text) > 1}):
                raise UsageError(
                    f"Label space {self.name!r} names {', '.join(map(repr, repeated))} more than once. "
                    "Give every label a meaning of its own."
                )

    @classmethod
    def of(cls, name: str, labels: tuple[str, ...]) -> "LabelSpace":
        """A space whose concepts follow from the spelling of its labels.

        >>> LabelSpace.of("mine", ("Happy", "bored")).concepts
        ('happiness', 'bored')
        """
        return cls(name, labels, tuple(concept_of(label) for label in labels))

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """The index of `label`, spelled exactly.

        Raises:
            UsageError: The space has no such label.
        """
        try:
            return self.labels.index(label)
        except ValueError:
            raise self._unknown(label) from None

    def resolve(self, text: str) -> str:
        """The label that `text` spells: in any case, or by a synonym of its concept.

        >>> label_space("fer2013").resolve("Happiness")
        'happy'

        Raises:
            UsageError: `text` spells no label of this space; the message lists them.
        """
        if text in self.labels:
            return text
        wanted = normalised(text)
        for label in self.labels:
            if normalised(label) == wanted:
                return label
        try:
            return self.labels[self.concepts.index(concept_of(text))]
        except ValueError:
            raise self._unknown(text) from None

    def knows(self, text: object) -> bool:
        """Whether `text` spells a label, see `resolve`.

        >>> label_space("fer2013").knows("Happiness"), label_space("fer2013").knows("3")
        (True, False)
        """
        try:
            return isinstance(text, str) and bool(self.resolve(text))
        except UsageError:
            return False

    def _unknown(self, text: str) -> UsageError:
        return UsageError(
            f"Unknown label {text!r} in label space {self.name!r}. Use one of: {', '.join(self.labels)}."
        )


def label_space(name: str) -> LabelSpace:
    """The label space called `name`.

    Raises:
        UsageError: There is none of that name; the message lists those there are.
    """
    labels = vocabulary().spaces.get(name)
    if labels is None:
        raise UsageError(f"Unknown label space {name!r}. Use one of: {', '.join(label_spaces())}.")
    return LabelSpace.of(name, labels)


def label_spaces() -> tuple[str, ...]:
    """The names of all packaged label spaces."""
    return tuple(vocabulary().spaces)
