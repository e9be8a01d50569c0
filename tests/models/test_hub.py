"""Weights are found where the hub's own client keeps them, without network, or named as absent."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import ModelError, Unavailable, UsageError
from harness.models import Context
from harness.models.hub import Snapshot, find_snapshot, locate, reading_digest
from harness.tools.digests import file_digest

REPO = "tiny/net"
COMMIT, OTHER = "0123456789abcdef" * 2 + "01234567", "f" * 40


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Cache:
    """A Hugging Face cache, written in the layout of the hub's client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, body: bytes, commit: str = COMMIT, blob: str = "", ref: str = "main") -> Path:
        repository = self.folder / f"models--{REPO.replace('/', '--')}"
        blobs, snapshot, refs = (repository / part for part in ("blobs", f"snapshots/{commit}", "refs"))
        for made in (blobs, snapshot, refs):
            made.mkdir(parents=True, exist_ok=True)
        target = blobs / (blob or sha256(body))
        target.write_bytes(body)
        (snapshot / name).symlink_to(Path("../../blobs") / target.name)
        (refs / ref).write_text(commit)
        return target


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Cache:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return Cache(tmp_path / "hub")


@pytest.fixture
def places(tmp_path) -> Context:
    return Context(data_root=tmp_path / "data", suite_folder=tmp_path / "suite")


def theirs(cache: Cache, revision: str | None = None) -> Path:
    """The folder that the hub's own client gives without network."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(REPO, revision=revision, cache_dir=cache.folder, local_files_only=True))


def test_the_cache_is_read_as_the_hubs_client_reads_it(cache):
    cache.add("model.safetensors", b"weights")
    cache.add("model.safetensors", b"others", commit=OTHER, ref="v2")
    assert find_snapshot(REPO).folder == theirs(cache)
    assert find_snapshot(REPO, "v2").folder == theirs(cache, "v2") != theirs(cache)
    assert find_snapshot(REPO, OTHER) == find_snapshot(REPO, "v2")
    assert (find_snapshot(REPO).revision, find_snapshot(REPO, "v2").revision) == (COMMIT, OTHER)
    assert find_snapshot(REPO).digest == sha256(b"weights")


@pytest.mark.parametrize("blob", ["ab" * 32, "ab" * 20], ids=["sha256", "git"])
def test_a_blob_that_is_not_what_its_name_promises_is_named(cache, blob):
    path = cache.add("model.safetensors", b"damaged in place", blob=blob)
    with pytest.raises(ModelError, match=rf"model\.safetensors is damaged.* Delete {path} and fetch"):
        _ = find_snapshot(REPO).digest


def test_a_blob_damaged_in_place_after_it_was_verified_is_noticed(cache):
    blob = cache.add("model.safetensors", b"weights")
    assert find_snapshot(REPO).digest == sha256(b"weights")
    stat = blob.stat()
    blob.write_bytes(b"weighty")
    os.utime(blob, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ModelError, match="is damaged"):
        _ = find_snapshot(REPO).digest


def test_a_large_blob_is_read_once_on_a_machine_and_not_by_every_run(cache, tmp_path):
    blob = cache.add("model.safetensors", b"weights" * 200_000)
    os.utime(blob, ns=(1, 1))
    time.sleep(2.1)  # what was written just now may be written again unseen, and is not remembered
    code = (
        "import hashlib, sys, pathlib; from harness.tools import digests\n"
        "real = digests._hashed\n"
        "digests._hashed = lambda path: print('read') or real(path)\n"
        "print(digests.file_digest(pathlib.Path(sys.argv[1])))"
    )
    environment = {**os.environ, "HARNESS_STORE": str(tmp_path / "store")}
    run = [sys.executable, "-c", code, str(blob)]
    said = [
        subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.split()
        for _ in range(2)
    ]
    assert said == [["read", blob.name], [blob.name]]
    (note,) = (tmp_path / "store" / "digests").iterdir()
    note.write_bytes(note.read_bytes().replace(blob.name[:4].encode(), b"0000"))
    assert subprocess.run(run, capture_output=True, text=True, env=environment).stdout.split() == said[0]


def test_a_blob_that_links_to_a_shared_one_keeps_the_name_of_its_own(cache):
    blob = cache.add("model.safetensors", b"weights")
    shared = cache.folder / "blobs" / "cd" / ("cd" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(shared)
    assert find_snapshot(REPO).digest == sha256(b"weights")


def test_small_files_whose_blobs_have_git_names_are_read(cache):
    git = hashlib.sha1(b"blob 7\0weights").hexdigest()
    cache.add("model.safetensors", b"weights", blob=git)
    assert find_snapshot(REPO).digest == sha256(b"weights")
    cache.add("model.safetensors", b"other weights", OTHER, hashlib.sha1(b"other weights").hexdigest(), "v2")
    assert find_snapshot(REPO, "v2").digest == sha256(b"other weights")  # as a mirror calls it


def test_equal_weights_are_equal_wherever_they_lie(cache, places):
    cache.add("model.safetensors", b"weights")
    folder = places.data_root / "checkpoints/copy"
    folder.mkdir(parents=True)
    (folder / "pytorch_model.bin").write_bytes(b"weights")
    found = locate("copy", places)
    assert found == Snapshot(folder, (folder / "pytorch_model.bin",), "")
    assert found.digest == locate(REPO, places).digest


def shard(folder: Path, **bodies: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.safetensors": body for name, body in bodies.items()}
    for name, body in files.items():
        (folder / name).write_bytes(body)
    index = {"weight_map": {f"tensor{i}": name for i, name in enumerate(sorted(files) * 2)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_every_shard_counts_and_their_names_do_not(places):
    for name, bodies in {
        "first": {"a": b"1", "b": b"2"},
        "renamed": {"x": b"2", "y": b"1"},
        "changed": {"a": b"1", "b": b"3"},
    }.items():
        shard(places.suite_folder / name, **bodies)
    digests = {name: locate(name, places).digest for name in ("first", "renamed", "changed")}
    assert digests["first"] == digests["renamed"] != digests["changed"]
    assert [file.name for file in locate("first", places).weights] == ["a.safetensors", "b.safetensors"]
    (places.suite_folder / "first" / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"folder .*first lacks b\.safetensors\. Save"):
        locate("first", places)


def test_one_file_goes_before_shards_as_in_transformers(places):
    folder = places.suite_folder / "net"
    shard(folder, a=b"1")
    (folder / "pytorch_model.bin").write_bytes(b"old")
    assert locate("net", places).digest == sha256(b"1")
    (folder / "model.safetensors").write_bytes(b"whole")
    assert locate("net", places).digest == sha256(b"whole")
    assert locate("net", places, weights=["pytorch_model.bin"]).digest == sha256(b"old")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"weight_map": 3}', b'{"weight_map": {"a": {}}}'])
def test_an_unreadable_index_is_named(places, body):
    shard(places.suite_folder / "net", a=b"1")
    (places.suite_folder / "net" / "model.safetensors.index.json").write_bytes(body)
    with pytest.raises(ModelError, match=r"index .*index\.json is not readable \(.*\)\. Fetch or save"):
        locate("net", places)


def test_what_is_absent_is_named_with_the_command_that_fetches_it(cache, places):
    with pytest.raises(Unavailable) as absent:
        locate("llava-hf/llava-1.5-7b-hf", places)
    message = str(absent.value)
    assert str(places.data_root / "checkpoints") in message
    assert str(cache.folder) in message
    assert message.endswith("Fetch it with `hf download llava-hf/llava-1.5-7b-hf`.")
    assert "\n" not in message
    cache.add("model.safetensors", b"weights")
    for revision in ("v3", OTHER):
        with pytest.raises(
            Unavailable, match=rf"revision {revision} of it is .*hf download {REPO} --revision {revision}`"
        ):
            find_snapshot(REPO, revision)


def test_half_a_download_is_absent_too(cache):
    blob = cache.add("model.safetensors", b"weights")
    with pytest.raises(Unavailable, match=rf"{REPO} lacks open_clip\.bin in .*{COMMIT}\. Fetch it with `hf"):
        find_snapshot(REPO, weights=["open_clip.bin"])
    blob.unlink()
    with pytest.raises(Unavailable, match=r"lacks any of model\.safetensors, .*Fetch it with `hf download"):
        find_snapshot(REPO)


@pytest.mark.parametrize("name", ["", "a/b/c", "../x", "/tmp/none", "a--b", "-x/y", "a b", "x/y:z"])
def test_names_that_are_no_ids_of_the_hub_are_refused(cache, places, name):
    with pytest.raises(UsageError, match=r"no id of the hub\. Name a folder, or owner/name\."):
        find_snapshot(name)
    if name:  # "" is the folder of the suite itself
        with pytest.raises(UsageError, match=r"is no folder in .*, and no id of the hub"):
            locate(name, places)


def test_a_folder_has_no_revisions(places):
    shard(places.suite_folder / "net", a=b"1")
    with pytest.raises(UsageError, match=r"net is the folder .*net, which has no revisions"):
        locate("net", places, "main")


def test_looking_imports_nothing_heavy():
    code = (
        "import sys; from harness.models.hub import find_snapshot; from harness.errors import Unavailable\n"
        "try: find_snapshot('no/such-model')\n"
        "except Unavailable: print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_a_remembered_digest_is_that_of_the_bytes_however_soon_they_change(tmp_path):
    path = tmp_path / "weights"
    for body in (b"one", b"two", b"six"):
        path.write_bytes(body)
        os.utime(path, ns=(1, 1))
        assert file_digest(path) == sha256(body)


READ = {
    "config.json": "{}",
    "merges.txt": "a b",
    "vocab.json": "{}",
    "added_tokens.json": "{}",
    "chat_template.jinja": "{{ messages }}",
    "additional_chat_templates/tools.jinja": "{{ tools }}",
    "qformer_tokenizer/vocab.txt": "a",
    "tokenizer.model": "sentences",
    "qwen.tiktoken": "ranks",
    "modeling.py": "pass",
    "adapter_model.safetensors": "low rank",
    "model.safetensors.index.json": "{}",
}
UNREAD = ("model.safetensors", "README.md", ".gitattributes", "checkpoint-5/vocab.txt", "trainer_state.json")


@pytest.fixture
def files(tmp_path) -> Path:
    for name in (*READ, *UNREAD):
        path = tmp_path / "vlm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(READ.get(name, "unread"))
    return tmp_path / "vlm"


@pytest.mark.parametrize("name", READ)
def test_every_file_that_is_read_is_in_the_key(files, name):
    before = reading_digest(files)
    (files / name).write_text("changed")
    changed = reading_digest(files)
    (files / name).unlink()
    assert len({before, changed, reading_digest(files)}) == 3


@pytest.mark.parametrize("name", UNREAD)
def test_what_nobody_reads_is_not(files, name):
    before = reading_digest(files)
    (files / name).write_text("changed")
    assert reading_digest(files) == before
    (files / name).unlink()
    assert reading_digest(files) == before
