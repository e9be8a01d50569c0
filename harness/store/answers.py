"""The prediction store: a folder of parquet shards that any number of processes read and write.

Layout: `<root>/<first two>/<identity digest>/identity.json` and, beside it, `<sha256 of content>.parquet`.
A shard's name proves its content, so a truncated or altered shard is noticed and its rows are computed
again. No index, no locks: what is there is what was done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.identity import Identity
from harness.store.shards import read_array, shard_body, write_array, write_shard
from harness.tools.atomic import write_atomically
from harness.tools.slow_paths import note, noting

# A respondent's small shards (one per batch) are merged into one when it is done.
ROW_COLUMNS = ("pixel_digest", "outcome", "label", "raw_text", "reason", "latency_s")


class Store:
    """Answers by identity and pixel digest.

    Args:
        root: folder of the store; made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._latest: dict[tuple[Path, ...], pd.DataFrame] = {}

    def folder(self, identity: Identity) -> Path:
        """Where the answers of one respondent live."""
        digest = identity.digest()
        return self.root / digest[:2] / digest

    def lock_path(self, identity: Identity) -> Path:
        """The file whose lock says that some process is loading this model (economy only).

        Named by model and weights, so that all prompts and restorations of a model share it.
        """
        name = hashlib.sha256(f"{identity.model}:{identity.weights}:{identity.revision}".encode()).hexdigest()
        return self.root / "locks" / f"{name[:32]}.lock"

    def read(self, identity: Identity) -> pd.DataFrame:
        """All stored rows of a respondent, one per pixel digest, indexed by it.

        An answer wins over a failure. A damaged shard is left out with one note that names it. What was
        read last is not read again: the names of shards prove their content. Not to be written to.
        """
        for _ in range(10):
            shards = tuple(sorted(self.folder(identity).glob("*.parquet")))
            if shards in self._latest:
                return self._latest[shards]
            try:
                parts = [rows for shard in shards if (rows := _read_shard(shard)) is not None]
            except FileNotFoundError:  # another process merged shards between the listing and the read
                continue
            merged = _merged(parts)
            if len(parts) == len(shards):  # else the damaged one may be mended under its name
                self._latest = {shards: merged}
            return merged
        raise StoreError(
            f"Shards of {self.folder(identity)} vanish while they are read. Stop whatever deletes them."
        )

    def write(self, identity: Identity, rows: pa.Table) -> None:
        """Adds rows (columns `ROW_COLUMNS` and any `score_<label>`); on return they are safe.

        Raises:
            StoreError: the disk is full or the store is read-only. What was written before stays.
        """
        folder = self.folder(identity)
        try:
            if not (folder / "identity.json").exists():
                about = json.dumps(identity.as_dict(), indent=1, sort_keys=True).encode()
                write_atomically(folder / "identity.json", lambda file: file.write(about))
            self._write_shard(folder, rows)
        except OSError as error:
            raise StoreError(
                f"The store {self.root} cannot be written ({error.strerror or error}). Free space there or "
                "name another folder with --store, then run again: every batch stored so far is kept."
            ) from error

    def _write_shard(self, folder: Path, rows: pa.Table) -> Path:
        buffer = pa.BufferOutputStream()
        # Digests and scores hardly repeat, so looking for dictionaries costs time and saves nothing.
        pq.write_table(rows, buffer, compression="zstd", use_dictionary=False)
        return write_shard(folder, buffer.getvalue())

    def compact(self, identity: Identity) -> None:
        """Merges a respondent's shards into one. Readers and writers may go on meanwhile.

        A merge that fails leaves the shards as they are: they hold the same answers.
        """
        folder = self.folder(identity)
        shards = sorted(folder.glob("*.parquet"))
        if len(shards) < 2:
            return
        with contextlib.suppress(OSError, StoreError):
            readable = {shard: rows for shard in shards if (rows := _read_shard(shard)) is not None}
            merged = self._write_shard(
                folder,
                pa.Table.from_pandas(_merged(list(readable.values())).reset_index(), preserve_index=False),
            )
            for shard in readable.keys() - {merged}:
                shard.unlink(missing_ok=True)

    def remember(self, key: Sequence[str | None], compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Keeps an array that is dear to compute; a key with a None in it is computed each time."""
        if (kept := self.recall(key)) is not None:
            return kept
        result = compute()
        if None not in key:
            self.keep(key, result)
        return result

    def recall(self, key: Sequence[str | None]) -> NDArray[Any] | None:
        """The array kept under a key, or None; a damaged one counts as absent, with a warning."""
        return read_array(self._array(key))

    def keep(self, key: Sequence[str | None], value: NDArray[Any]) -> None:
        """Keeps an array; where the store cannot be written, nothing is kept."""
        try:
            write_array(self._array(key), value)
        except OSError as error:
            with noting("store"):
                note("store", "arrays kept for the next run", "error", f"{error}. Make it writable.", error)

    def _array(self, key: Sequence[str | None]) -> Path:
        return self.root / "kept" / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()}.npy"

    def check_writable(self) -> None:
        """Fails early when nothing could be kept.

        Raises:
            StoreError: the folder cannot be made or written.
        """
        try:
            write_atomically(self.root / ".probe", lambda file: file.write(b"ok"))
            os.unlink(self.root / ".probe")
        except FileNotFoundError:
            pass  # another process took its own probe away
        except OSError as error:
            raise StoreError(
                f"The store {self.root} cannot be written ({error.strerror or error}), and answers are "
                "missing from it. Make it writable or name another folder with --store."
            ) from error


def _read_shard(path: Path) -> pa.Table | None:
    if (body := shard_body(path)) is None:
        return None
    # Through pandas it takes three times as long, and a run reads back each of its batches once.
    return pq.ParquetFile(pa.BufferReader(body)).read(use_threads=False)


def _merged(parts: Sequence[pa.Table]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=list(ROW_COLUMNS)).set_index("pixel_digest")
    rows: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas()
    answered_last = rows.assign(_answered=rows["outcome"] != "failed").sort_values("_answered", kind="stable")
    best = answered_last.drop_duplicates("pixel_digest", keep="last").drop(columns="_answered")
    return best.sort_values("pixel_digest").set_index("pixel_digest")
