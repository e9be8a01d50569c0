"""Any set of images in label folders or in a CSV list, described by a few lines of the suite.

[datasets.caer-s]                       [datasets.rafdb]
adapter = "images"                      adapter = "images"
path = "CAER-S"                         path = "RAF-DB"
space = "caer"                          space = "rafdb"
                                        csv = "list_patition_label.txt"
[datasets.ckplus]                       columns = ["path", "label"]
adapter = "images"                      file = "aligned/<stem>_aligned.jpg"
path = "CK+48"                          layout = "aligned/<split>_*"
space = "ckplus"                        labels = { 1 = "surprise", 2 = "fear", 3 = "disgust",
layout = "<label>/*"                        4 = "happiness", 5 = "sadness", 6 = "anger", 7 = "neutral" }
group = "^(S\\d+)_"
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from harness.errors import DataError, Unavailable, UsageError
from harness.labels import LabelSpace, label_space
from harness.tasks import Choice
from harness.tools.nearest import nearest

from .dataset import Dataset
from .listing import WHOLE, Listed, Listing, from_names, from_table
from .names import Lookup, document, wrapper
from .problems import Problems
from .sample import Sample
from .tree import FileTree, Inside, TreeImages, open_tree

EXTENSIONS = (
    *(
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".bmp",
        ".dib",
        ".gif",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ),
    *(".tif", ".tiff", ".webp", ".jp2", ".j2k", ".jpx", ".avif", ".avifs", ".heic", ".heif"),
)
# What a data set may come in that is not read in place.
PACKED = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")


def load(
    root: Path,
    split: str,
    *,
    name: str,
    space: str | Sequence[str],
    path: str | None = None,
    layout: str | None = None,
    csv: str | None = None,
    columns: Sequence[str] | None = None,
    file: str = "<path>",
    labels: Mapping[str, str] | None = None,
    splits: Mapping[str, str | Sequence[str]] | None = None,
    group: str | None = None,
    extensions: Sequence[str] | None = None,
    obtain: str = "Put it there",
) -> Dataset:
    r"""One split of a set of images. The id of a sample is the name of its file under `path`.

    Args:
        root: Data root.
        split: The split wanted; `all` where the set has no splits.
        name: What the suite calls the data set.
        space: Name of a label space, or the labels in order.
        path: Folder or zip, absolute or under the root. Default: `name`, or `name`.zip.
        layout: What file names say: `<split>`, `<label>` and `*`. Default: `<split>/<label>/*`, and `*`
            for a CSV list.
        csv: A list inside `path` with columns path, label and perhaps group and split; its cells are
            parted by commas, tabs, semicolons, bars or spaces.
        columns: The names of its columns, when it has no header.
        file: The file that a row means: `<path>` as listed, or with `<stem>` for it without extension.
        labels: What the set writes -> label, where the two differ by more than case or a synonym.
        splits: Split -> what the set calls it (one name or several), where the two differ.
        group: Pattern whose one group finds the sample's group in the file name, such as `^(S\d+)_`.
        extensions: Which files of a folder are images. Default: `EXTENSIONS`; the others are a problem.
        obtain: How to get the data, for the message when it is absent.

    Raises:
        UsageError: An option is wrong, or the split is unknown.
        Unavailable: There is nothing at `path`.
        DataError: The zip or the list is broken, or holds no usable image.
    """
    label_names = label_space(space) if isinstance(space, str) else LabelSpace.of(name, tuple(space))
    finder = _group_pattern(name, group)
    tree = _unwrapped(_locate(root, name, path, obtain), name, (layout or "", csv or "", file))
    if csv is None:
        listing = _by_names(tree, layout or "<split>/<label>/*", extensions)
    else:
        listing = from_table(tree, csv, columns, file, layout or "*")
    chosen, absent = _of_split(listing, tree.problems, name, split, splits)

    problems = Problems()
    samples = []
    for item in sorted(chosen, key=lambda item: item.file):
        text = (labels or {}).get(item.label, item.label)
        try:
            label = label_names.resolve(text)
        except UsageError:
            problems.add(f"unknown label {text!r}, left out", item.file)
            continue
        found = finder.search(PurePosixPath(item.file).name) if finder else None
        if finder and not found:
            problems.add(f"no group by the pattern {finder.pattern}, so it stands alone", item.file)
        samples.append(Sample(item.file, label, found[1] if found else item.group))
    lines = listing.problems.lines() + tree.problems + problems.lines()
    if absent and not samples:
        raise DataError(
            f"{name}:{split} lists {len(absent):,} images and holds none: {lines[0]}. Mend the list."
        )
    return Dataset(
        name=name,
        split=split,
        task=Choice(label_names),
        samples=tuple(samples),
        read=TreeImages(tree, {sample.id: sample.id for sample in samples}),
        problems=lines,
        stamp=tree.stamp,
        missing=len(absent) / (len(samples) + len(absent)),
    )


def _locate(root: Path, name: str, path: str | None, obtain: str) -> Path:
    place = root / Path((path or name).replace("\\", "/")).expanduser()
    if place.exists():
        return place
    beside = [file.name for file in place.parent.iterdir()] if place.parent.is_dir() else []
    find = Lookup(beside)
    for wanted in (place.name, f"{place.name}.zip"):
        if found := find(wanted):
            return place.with_name(found)
    packed = next((found for suffix in PACKED if (found := find(place.name + suffix))), None)
    if packed is not None:
        raise Unavailable(
            f"{name} is here as {place.with_name(packed)}, which is not read in place. Unpack it "
            f"to {place}, or pack it as a zip."
        )
    raise Unavailable(
        f"{name} is not here: looked for {place} and {place.name}.zip. {obtain.rstrip('.')}, "
        "or set `path` in the suite or the data root (--data-root or $HARNESS_DATA)."
    )


def _unwrapped(place: Path, name: str, options: Sequence[str]) -> FileTree:
    """The files at a place, without the one folder around them that no option speaks of."""
    tree = open_tree(place)
    stems = (place.name if place.is_dir() else place.stem, name)
    folder = next((found for stem in stems if (found := wrapper(tree.names, stem))), None)
    if folder is None or any(option.startswith(f"{folder}/") for option in options):
        return tree
    return Inside(tree, folder)


def _by_names(tree: FileTree, layout: str, extensions: Sequence[str] | None) -> Listing:
    suffixes = tuple(extension.lower() for extension in extensions or EXTENSIONS)
    images = [name for name in tree.names if name.lower().endswith(suffixes)]
    listing = from_names(images, layout)
    if extensions is None:  # who names the suffixes knows of the other files
        for name in sorted(name for name in set(tree.names).difference(images) if not document(name)):
            listing.problems.add("not an image by its suffix, left out (see `extensions` in the suite)", name)
    return listing


def _group_pattern(name: str, group: str | None) -> re.Pattern[str] | None:
    if group is None:
        return None
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise UsageError(f"Option `group` of {name} is no pattern ({error}). Correct it.") from error
    if pattern.groups != 1:
        raise UsageError(
            f"Option `group` of {name} has {pattern.groups} groups. Put one pair of brackets around "
            r"what names the group, as in ^(S\d+)_."
        )
    return pattern


def _of_split(
    listing: Listing,
    problems: Sequence[str],
    name: str,
    split: str,
    splits: Mapping[str, str | Sequence[str]] | None,
) -> tuple[list[Listed], list[Listed]]:
    """The images of a split, and those that it lists without having them."""
    every = [*listing.items, *listing.missing]
    if not every:
        found = [*listing.problems.lines(), *problems]
        raise DataError(
            f"{name} has no image where its layout says{': ' + found[0] if found else ''}. "
            "Check `layout`, `csv` and `extensions` in the suite."
        )
    theirs = (splits or {}).get(split, split)
    wanted = {theirs} if isinstance(theirs, str) else set(theirs)
    chosen, absent = (
        [item for item in items if item.split in wanted] for items in (listing.items, listing.missing)
    )
    if not chosen and not absent:
        present = sorted({item.split for item in every})
        hint = " (it has no splits)" if present == [WHOLE] else ""
        tops = {item.file.partition("/")[0] for item in every}
        if present == sorted(tops):
            hint = f" (all lie in {present[0]}: put that before the layout, as in {present[0]}/<split>/*)"
        raise UsageError(
            f"Unknown split {name}:{split}. Use one of: {', '.join(present)}{hint}, "
            f"or name it under `splits` in the suite. {nearest(split, present)}"
        )
    return chosen, absent
