"""FER-2013 in every published form: zip, folder, `fer2013.csv`, `icml_face_data.csv`."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.datasets.dataset import Dataset
from harness.errors import Unavailable, UsageError
from harness.tools.nearest import nearest

from .ferplus import ferplus_marginals
from .files import load_files
from .rows import load_rows

# The parts by the names that files and tables give them; papers report `private`, CLIP_benchmark `test`.
SPLITS = {
    "train": ("Training",),
    "public": ("PublicTest",),
    "private": ("PrivateTest",),
    "test": ("PublicTest", "PrivateTest"),
}
# Where FER+ lies under the data root; without it there are no marginals to compare with.
FERPLUS = "ferplus/fer2013new.csv"
# Form -> where it may lie under the data root. Looked for in this order.
FORMS = {
    "zip": ("fer2013.zip",),
    "folder": ("fer2013",),
    "csv": ("fer2013.csv", "fer2013/fer2013.csv"),
    "icml": ("icml_face_data.csv", "fer2013/icml_face_data.csv"),
}


def load(
    root: Path, split: str, *, name: str = "fer2013", form: str | None = None, path: str | None = None
) -> Dataset:
    """One split of FER-2013: 48 x 48 grey faces, seven labels in the order of the CSV.

    The zip and the folder give equal ids, pixels and fingerprints (ids are file stems); so do the two
    tables (ids are row numbers). The images of the first two went through JPEG, so they differ from the
    tables' pixels, and nothing joins the one to the other. Where FER+ lies beside any of them, the shares of
    its labels are the split's `marginals`.

    Args:
        root: Data root.
        split: `train` (28,709), `public` (3,589), `private` (3,589) or `test` (both, 7,178).
        name: What the suite calls the data set.
        form: `zip`, `folder`, `csv` or `icml`. Default: the first of these that is there.
        path: Where it lies, absolute or under the root. Default: its usual name.

    Raises:
        UsageError: The split or the form is unknown.
        Unavailable: The data is not there.
        DataError: The zip or the table is broken, or holds no usable image.
    """
    if split not in SPLITS:
        raise UsageError(
            f"Unknown split {name}:{split}. Use one of: {', '.join(SPLITS)}. {nearest(split, SPLITS)}"
        )
    if form is not None and form not in FORMS:
        raise UsageError(f"Unknown form {form!r} of {name}. Use one of: {', '.join(FORMS)}.")
    place = _locate(root, name, form, path)
    load_form = load_rows if place.suffix.lower() == ".csv" else load_files
    dataset = load_form(place, name, split, SPLITS[split])
    return replace(dataset, relabelled=partial(ferplus_marginals, root / FERPLUS, SPLITS[split]))


def _locate(root: Path, name: str, form: str | None, path: str | None) -> Path:
    forms = FORMS if form is None else {form: FORMS[form]}
    if path is not None:
        tried = {root / Path(path).expanduser(): form}
    else:
        tried = {root / file: kind for kind, files in forms.items() for file in files}
    for place, kind in tried.items():
        # A folder that only holds the tables is not the folder form.
        if (place / "train").is_dir() or (place / "test").is_dir() if kind == "folder" else place.exists():
            return place
    raise Unavailable(
        f"{name} is not here: looked for {', '.join(map(str, tried))}. Download FER-2013 from "
        "https://www.kaggle.com/datasets/msambare/fer2013 as fer2013.zip into the data root "
        "(--data-root or $HARNESS_DATA), or set `path` in the suite."
    )
