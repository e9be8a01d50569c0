"""Data sets whose names, archives and lists were made on other systems: read, or one line with the cause."""

import codecs
import os
import stat
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tiny_sets import encoded, face, write_folder, write_zip

from harness.datasets import Dataset, load_dataset
from harness.errors import DataError, HarnessError, Unavailable, UsageError

IDS = ["Grün/ä 1.png", "Grün/b.png", "c.PNG"]
FILES = {name: encoded(face(i)) for i, name in enumerate(IDS)}
LABELS = dict(zip(IDS, ("happy", "sad", "fear"), strict=True))


def load(root: Path, split: str = "all", **entry: Any) -> Dataset:
    return load_dataset({"adapter": "images", "space": "fer2013", **entry}, "mine", split, root)


def table(sign: str = ",", end: str = "\n", path: Any = str) -> str:
    rows = [("path", "label"), *((path(name), label) for name, label in LABELS.items())]
    return end.join(sign.join(row) for row in rows) + end


def listed(root: Path, text: str | bytes, files: dict[str, bytes] = FILES, **entry: Any) -> Dataset:
    data = text if isinstance(text, bytes) else text.encode()
    write_folder(root / "mine", files | {"list.csv": data})
    return load(root, csv="list.csv", **entry)


def is_whole(data: Dataset) -> None:
    assert {sample.id: sample.label for sample in data.samples} == LABELS
    assert None not in data.digests


ENCODINGS = {
    "utf-8": b"",
    "utf-8 with a mark": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    data = listed(tmp_path, ENCODINGS[encoding] + table().encode(encoding.partition(" ")[0]))
    is_whole(data)
    assert data.problems == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path: Path, encoding: str) -> None:
    is_whole(listed(tmp_path, table().encode(encoding)))


def test_a_list_in_windows_1252_is_read_and_said_to_be(tmp_path: Path) -> None:
    data = listed(tmp_path, table().encode("cp1252"))
    is_whole(data)
    assert data.problems == (f"{tmp_path}/mine/list.csv: is not UTF-8, so it was read as Windows-1252",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_lists_with_any_delimiter_and_line_end(tmp_path: Path, sign: str, end: str) -> None:
    is_whole(listed(tmp_path, table(sign, end)))


@pytest.mark.parametrize("sign", [",", ";", "\t", " "])
def test_lists_without_a_header(tmp_path: Path, sign: str) -> None:
    text = table(sign, path=lambda name: f'"{name}"' if sign == " " else name).partition("\n")[2]
    is_whole(listed(tmp_path, text, columns=["path", "label"]))


def test_a_header_that_columns_make_superfluous_is_said_and_is_no_missing_image(tmp_path: Path) -> None:
    data = listed(tmp_path, table(), columns=["path", "label"])
    is_whole(data)
    assert data.problems == ("list.csv, line 1 (path): taken for a header, left out",)
    assert data.missing == 0


def test_the_line_that_excel_puts_first(tmp_path: Path) -> None:
    is_whole(listed(tmp_path, "sep=;\r\n" + table(";", "\r\n")))


@pytest.mark.parametrize("start", [r"C:\Users\Ada\CAER", "/home/ada/data", r"\\nas\share", "..", "./a/b"])
def test_paths_of_another_machine(tmp_path: Path, start: str) -> None:
    sign = "\\" if "\\" in start else "/"
    is_whole(listed(tmp_path, table(path=lambda name: sign.join([start, *name.split("/")]))))


def test_a_list_with_one_row_of_another_machine(tmp_path: Path) -> None:
    data = listed(tmp_path, "path,label\n/home/ada/data/Grün/b.png,sad\n")
    assert [sample.id for sample in data.samples] == ["Grün/b.png"]


@pytest.mark.parametrize(
    "form", [str.upper, str.lower, lambda name: unicodedata.normalize("NFD", name)], ids=["A", "a", "NFD"]
)
def test_names_in_another_case_or_normal_form(tmp_path: Path, form: Any) -> None:
    is_whole(listed(tmp_path, table(path=form)))


def test_names_that_differ_by_case_alone_are_told_apart(tmp_path: Path) -> None:
    files = {"a.png": encoded(face(1)), "A.png": encoded(face(2))}
    data = listed(tmp_path, "path,label\nA.png,sad\na.png,happy\n", files)
    assert {sample.id: sample.label for sample in data.samples} == {"A.png": "sad", "a.png": "happy"}


def test_ids_are_composed_whatever_the_file_system_does(tmp_path: Path) -> None:
    decomposed = {unicodedata.normalize("NFD", name): data for name, data in FILES.items()}
    is_whole(listed(tmp_path, table(), decomposed))
    files = {f"mine/x/{label}/{name}": FILES[name] for name, label in LABELS.items()}
    for form in ("NFC", "NFD"):
        write_folder(tmp_path / form, {unicodedata.normalize(form, name): files[name] for name in files})
    one, other = (load(tmp_path / form, "x") for form in ("NFC", "NFD"))
    assert one.samples == other.samples
    assert one.fingerprint == other.fingerprint


def test_two_spellings_of_one_name_are_a_problem(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "x/sad/ä.png") for form in ("NFC", "NFD")]
    write_folder(tmp_path / "mine", {name: encoded(face(1)) for name in names})
    data = load(tmp_path, "x")
    assert len(data) == 1
    assert "another file has that name in another spelling" in data.problems[0]


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_no_unicode_become_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "x" / "sad"
    folder.mkdir(parents=True)
    try:
        (folder / os.fsdecode("grün.png".encode("cp1252"))).write_bytes(encoded(face(1)))
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    data = load(tmp_path, "x")
    assert [sample.id for sample in data.samples] == ["x/sad/grün.png"]
    assert None not in data.digests


# Broken lists: one line each, before anything is computed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"PK\x03\x04\0\0rest of an Excel file", r"list\.csv is not a text \(it is a zip\)"),
        (b"path,label\n\x81\x8d,sad\n", r"neither UTF-8 nor UTF-16 nor Windows-1252"),
        (b"\n", r"list\.csv is empty"),
        (b"image;emotion\n1.png;sad\n", r"has the columns image, emotion\. Name them"),
        (b'path,label\n"c.PNG,sad\nd.png,sad\n', r"list\.csv cannot be read at line .*quotation marks"),
        (b'path,label\n"c.PNG,sad\nx","y"\n', r"cannot be read at line 3 \(a quotation mark opens"),
        (b'path,label\n"c".PNG,sad\n', r"cannot be read at line 2 .*quotation marks"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(HarnessError, match=message) as caught:
        listed(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_list_that_names_other_files_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"lists 1 images and holds none: .*line 2 \(b\.jpg\).*it holds Grün/b\.png"
    ):
        listed(tmp_path, "path,label\nb.jpg,sad\n")  # fmt: skip


# Archives


def test_zips_of_windows_part_folders_by_backslashes(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", {f"test\\sad\\{i}.png": encoded(face(i)) for i in range(3)})
    assert [sample.id for sample in load(tmp_path, "test").samples] == [f"test/sad/{i}.png" for i in range(3)]


@pytest.mark.parametrize("encoding", ["cp437", "utf-8"])
def test_zips_without_the_mark_of_utf_8(tmp_path: Path, encoding: str) -> None:
    path = write_zip(tmp_path / "mine.zip", {"test/sad/gr?n.png": encoded(face(1))})
    name, content = "grün" if encoding == "cp437" else "grü", path.read_bytes()
    replacement = f"test/sad/{name}.png".encode(encoding)
    assert len(replacement) == len("test/sad/gr?n.png")
    path.write_bytes(content.replace(b"test/sad/gr?n.png", replacement))
    data = load(tmp_path, "test")
    assert [sample.id for sample in data.samples] == [f"test/sad/{name}.png"]
    assert None not in data.digests


@pytest.mark.parametrize("wrapping", ["mine", "MINE"])
@pytest.mark.parametrize("packed", [True, False])
def test_the_folder_around_everything_is_passed_through(tmp_path: Path, wrapping: str, packed: bool) -> None:
    files = {f"test/sad/{i}.png": encoded(face(i)) for i in range(3)}
    wrapped = {f"{wrapping}/{name}": data for name, data in files.items()}
    litter = {"__MACOSX/mine/test/sad/._0.png": b"x", ".DS_Store": b"x", "mine/Thumbs.db": b"x"}
    place = (write_zip if packed else write_folder)(
        tmp_path / ("mine.zip" if packed else "mine"), wrapped | litter
    )
    assert [sample.id for sample in load(tmp_path, "test").samples] == list(files)
    assert load(tmp_path, "test").problems == ()
    explicit = load(tmp_path, "test", path=place.name, layout=f"{wrapping}/<split>/<label>/*")
    assert [sample.id for sample in explicit.samples] == list(wrapped)


def test_a_class_is_not_taken_for_a_folder_around_everything(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", {"sad/1.png": encoded(face(1))})
    assert load(tmp_path, layout="<label>/*").samples[0].label == "sad"


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_a_tar_is_named_and_so_is_what_to_do(tmp_path: Path, suffix: str) -> None:
    write_folder(tmp_path / "made", {"test/sad/1.png": encoded(face(1))})
    path = tmp_path / f"mine.{suffix}"
    with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as archive:
        archive.add(tmp_path / "made", "mine")
    with pytest.raises(Unavailable, match=rf"here as .*mine\.{suffix}, which is not read in place\. Unpack"):
        load(tmp_path, "test")
    with pytest.raises(DataError, match=rf"mine\.{suffix} is no zip: it is a \w+ archive.*Unpack it"):
        load(tmp_path, "test", path=path.name)


def test_a_web_page_instead_of_a_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_text("<!DOCTYPE html><title>Sign in</title>")
    with pytest.raises(DataError, match=r"mine\.zip is not a complete zip \(it is a web page"):
        load(tmp_path)


def test_what_zipfile_would_unpack_at_once_is_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("test/sad/bomb.png", b"\0" * 30_000_000)
        archive.writestr("test/sad/1.png", encoded(face(1)), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "mine.zip").stat().st_size < 5_000
    data = load(tmp_path, "test")
    assert [sample.id for sample in data.samples] == ["test/sad/1.png"]
    assert "bomb.png: it is not packed by Deflate" in data.problems[0]


def test_a_folder_in_another_case_is_found(tmp_path: Path) -> None:
    write_folder(tmp_path / "CK+48", {"test/sad/1.png": encoded(face(1))})
    assert len(load(tmp_path, "test", path="ck+48")) == 1
    assert len(load(tmp_path, "test", path=r".\CK+48")) == 1


# Files that are none, or no pictures


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("special", ["pipe", "device"])
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path, special: str) -> None:
    path = write_folder(tmp_path / "mine", {"test/sad/1.png": encoded(face(1))}) / "test/sad/2.png"
    if special == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    data = load(tmp_path, "test", max_missing=0.5).readable()
    assert [sample.id for sample in data.samples] == ["test/sad/1.png"]
    assert data.problems == ("test/sad/2.png: is no regular file, left out",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_in_the_place_of_the_data_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine")
    with pytest.raises(DataError, match="mine is neither a folder nor a regular file"):
        load(tmp_path)


def test_files_of_any_suffix_are_read_or_named(tmp_path: Path) -> None:
    pictures = {f"test/sad/{s}.{s}": encoded(face(1), "jpeg") for s in ("jfif", "jpe", "JPG", "webp", "avif")}
    others = {f"test/sad/{i}.{suffix}": b"x" for i, suffix in enumerate(("raw", "xyz", "mp4", "psd"))}
    write_folder(tmp_path / "mine", pictures | others | {"README.md": b"x", "labels.csv": b"x"})
    data = load(tmp_path, "test").readable()
    assert len(data) == len(pictures)
    assert data.problems == (
        "test/sad/0.raw, test/sad/1.xyz, test/sad/2.mp4 and 1 more: not an image by its suffix, left out "
        "(see `extensions` in the suite)",
    )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_rights_is_a_problem(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", {f"test/{label}/1.png": encoded(face(1)) for label in ("sad", "happy")})
    closed = tmp_path / "mine/test/happy"
    closed.chmod(0)
    try:
        assert "happy: cannot be read (Permission denied)" in load(tmp_path, "test").problems[0]
    finally:
        closed.chmod(stat.S_IRWXU)


def test_a_split_in_a_folder_of_another_name(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", {"Release 2/test/sad/1.png": encoded(face(1))})
    with pytest.raises(UsageError, match=r"all lie in Release 2: put that before the layout"):
        load(tmp_path, "test")
