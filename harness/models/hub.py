"""Files of a model on this disk: a local folder, or a repository in the Hugging Face cache.

Nothing is ever fetched here. A run that began with a download of 14 GB would surprise its user; what is
absent is named, with the command that fetches it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import ModelError, Unavailable, UsageError
from harness.models.base import Context
from harness.models.network import require
from harness.tools.digests import file_digest

# Names of weight files in the order in which transformers looks for them. An index stands for its shards.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)

# What no tokenizer, processor or template reads. Adapters of peft are weights, and are read unasked.
_WEIGHTS = (".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".pt", ".pth", ".safetensors")
_UNREAD = (*_WEIGHTS, ".gif", ".jpeg", ".jpg", ".lock", ".md", ".pdf", ".png")
_ADAPTER = "adapter_model."

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Snapshot:
    """Files of a model, all of one version.

    Attributes:
        folder: holds the files by the names that loaders expect.
        weights: the files that hold its weights (or whatever else was asked for).
        revision: commit on the hub; "" for a local folder.
    """

    folder: Path
    weights: tuple[Path, ...]
    revision: str = ""

    @property
    def digest(self) -> str:
        """Digest of the weights; the same for equal weights, wherever they lie."""
        return files_digest(self.weights)


def locate(
    model: str, context: Context, revision: str | None = None, *, weights: Sequence[str] = WEIGHTS
) -> Snapshot:
    """Finds the files of a model named in the suite: a folder if there is one, else a hub id.

    Args:
        model: a folder in one of the places that `Context.find` looks in, or `owner/name` on the hub.
        context: where files are looked for.
        revision: branch, tag or commit on the hub; None for `main`, or for a local folder.
        weights: names of the files wanted, in order of preference; the first that exists is taken.

    Raises:
        Unavailable: it is neither here nor in the cache.
        UsageError: `model` is no hub id, or a revision is asked of a folder.
        ModelError: the folder lacks weights.
    """
    folder = next((place / model for place in context.folders if (place / model).is_dir()), None)
    if folder is None:
        looked = ", ".join(map(str, context.folders))
        return _cached(model, revision, weights, f"no folder in {looked}, and ")
    if revision is not None:
        raise UsageError(f"Model {model} is the folder {folder}, which has no revisions. Leave revision out.")
    found, missing = _wanted(folder, weights)
    if missing:
        raise ModelError(f"The folder {folder} lacks {missing}. Save or fetch the model again.")
    return Snapshot(folder, found)


def find_snapshot(repo_id: str, revision: str | None = None, *, weights: Sequence[str] = WEIGHTS) -> Snapshot:
    """Finds a repository in the local Hugging Face cache, without network.

    Args:
        repo_id: `owner/name`, or the bare name of an old repository.
        revision: branch, tag or commit; None for `main`.
        weights: names of the files wanted, in order of preference; the first that exists is taken.

    Raises:
        Unavailable: it is not in the cache, or not all of it.
        UsageError: `repo_id` is not the id of a repository.
    """
    return _cached(repo_id, revision, weights, "")


def files_digest(paths: Iterable[Path]) -> str:
    """Digest of what files hold: sha256 of one file, or of the sorted digests of several.

    Raises:
        ModelError: a file of the Hugging Face cache does not hold what its name promises.
    """
    digests = sorted(_digest(path) for path in paths)
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def reading_digest(folder: Path) -> str:
    """Digest of all that turns a question and an image into numbers: every file but weights and pictures.

    Templates, vocabularies, merges, image sizes, configurations and code, in subfolders too. A list of what
    transformers reads today would lack what it reads tomorrow.

    Raises:
        ModelError: a file of the Hugging Face cache does not hold what its name promises.
    """
    told = [(path.relative_to(folder).as_posix(), _digest(path)) for path in _read_files(folder)]
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()


def _read_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        # Hidden ones are of git and the hub's client; checkpoints are what a trainer keeps beside its result.
        folders[:] = [name for name in folders if not name.startswith((".", "checkpoint-", "__pycache__"))]
        for name in files:
            unread = name.startswith(".") or name == "trainer_state.json" or name.lower().endswith(_UNREAD)
            if not unread or name.startswith(_ADAPTER):
                yield Path(place, name)


def _digest(path: Path) -> str:
    """sha256 of a file; one of the Hugging Face cache is held against its name, once."""
    found = file_digest(path)
    # One step only: a blob may itself be a link to a shared one, whose name is a hash of another kind.
    blob = path.parent / os.readlink(path) if path.is_symlink() else path
    if blob.parent.name != "blobs":
        return found
    large = _SHA256.fullmatch(blob.name) and blob.name != found
    small = _SHA1.fullmatch(blob.name) and blob.name not in _sha1_digests(path, found)
    if large or small:
        raise ModelError(
            f"{path} is damaged: it does not hold what the hub promised. Delete {os.path.normpath(blob)} and "
            "fetch it again with `hf download`."
        )
    return found


@lru_cache(maxsize=4096)
def _sha1_digests(path: Path, digest: str) -> tuple[str, str]:
    """What git calls a file, and its sha1, by which mirrors of the hub name it."""
    del digest
    body = path.read_bytes()
    whole = b"blob %d\0" % len(body) + body
    git, plain = (hashlib.sha1(part, usedforsecurity=False) for part in (whole, body))
    return git.hexdigest(), plain.hexdigest()


def _cached(repo_id: str, revision: str | None, weights: Sequence[str], elsewhere: str) -> Snapshot:
    require("huggingface_hub", extra="vlm")
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    fetch = f"`hf download {repo_id}{f' --revision {revision}' if revision else ''}`"
    try:
        # Which files it takes, `_wanted` knows: one of two formats may have been fetched, and that is enough.
        found = snapshot_download(repo_id, revision=revision, local_files_only=True, allow_patterns=[])
    except HFValidationError as error:
        raise UsageError(
            f"Model {repo_id} is {elsewhere}no id of the hub. Name a folder, or owner/name."
        ) from error
    except LocalEntryNotFoundError as error:
        raise Unavailable(
            f"Model {repo_id}: {elsewhere}{f'revision {revision} of ' if revision else ''}it is not in the "
            f"Hugging Face cache {constants.HF_HUB_CACHE}. Fetch it with {fetch}."
        ) from error
    folder = Path(found)
    files, missing = _wanted(folder, weights)
    if missing:
        raise Unavailable(f"Model {repo_id} lacks {missing} in {folder}. Fetch it with {fetch}.")
    return Snapshot(folder, files, revision=folder.name)


def _wanted(folder: Path, names: Sequence[str]) -> tuple[tuple[Path, ...], str]:
    """The files that the first existing name stands for, and what is missing, in words."""
    name = next((name for name in names if (folder / name).is_file()), None)
    if name is None:
        return (), names[0] if len(names) == 1 else f"any of {', '.join(names)}"
    files = _shards(folder / name) if name.endswith(".index.json") else [folder / name]
    return tuple(files), ", ".join(file.name for file in files if not file.is_file())


def _shards(index: Path) -> list[Path]:
    """The files that a safetensors or torch index refers to."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [index.parent / name for name in sorted(names)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"The index {index} is not readable ({error!r}). Fetch or save it again.") from error
