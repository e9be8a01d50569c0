"""The zip and folder forms: `train/<class>/Training_*.jpg`, `test/<class>/{Public,Private}Test_*.jpg`."""

import re
from collections import Counter
from pathlib import Path

from harness.datasets.dataset import Dataset
from harness.datasets.names import document
from harness.datasets.problems import Problems
from harness.datasets.sample import Sample
from harness.datasets.tree import TreeImages, open_tree
from harness.errors import UsageError
from harness.labels import label_space
from harness.tasks import Choice

SHAPE = (48, 48)
_FILE = re.compile(
    r"(?:.*/)?(?P<folder>train|test)/(?P<label>[^/]+)/(?P<stem>(?P<usage>[A-Za-z]+)_[^/]*)\.(?:jpe?g|png)"
)
_FOLDERS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}


def load_files(path: Path, name: str, split: str, usages: tuple[str, ...]) -> Dataset:
    """The images whose names begin with one of `usages`, ordered by id.

    Ids are file stems. In Training two stems stand for two images each, in different classes; all four get
    `<label>/<stem>`.

    Raises:
        DataError: The zip is broken or holds no usable image.
    """
    tree = open_tree(path)
    space = label_space("fer2013")
    problems = Problems()
    found: list[tuple[str, str, str]] = []
    for file in tree.names:
        if not file.lower().endswith((".jpg", ".jpeg", ".png")):
            if not document(file):
                problems.add("not an image of FER-2013 by its suffix, left out", file)
            continue
        match = _FILE.fullmatch(file)
        if match is None or _FOLDERS.get(match["usage"]) != match["folder"]:
            problems.add("not named as FER-2013 names its files, left out", file)
        elif match["usage"] in usages:
            try:
                found.append((match["stem"], space.resolve(match["label"]), file))
            except UsageError:
                problems.add(f"unknown label {match['label']!r}, left out", file)

    uses = Counter(stem for stem, _, _ in found)
    files: dict[str, str] = {}
    labels: dict[str, str] = {}
    for stem, label, file in found:
        sample_id = stem if uses[stem] == 1 else f"{label}/{stem}"
        if sample_id in files:
            problems.add(f"the same image name as {files[sample_id]}, left out", file)
        else:
            files[sample_id], labels[sample_id] = file, label
    return Dataset(
        name=name,
        split=split,
        task=Choice(space),
        samples=tuple(Sample(sample_id, labels[sample_id]) for sample_id in sorted(files)),
        read=TreeImages(tree, files, SHAPE),
        problems=tree.problems + problems.lines(),
        stamp=tree.stamp,
    )
