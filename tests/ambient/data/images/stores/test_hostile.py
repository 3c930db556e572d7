"""Folders and archives that want to hang, to fill the memory, or to read what is not theirs."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambient.data.images import CaptionOptions, DataSetError, ImageOptions, load_images, units
from ambient.data.images.options import FileOptions
from ambient.data.images.stores import open_store, read_file, tars
from ambient.data.images.validation import UnusableError
from tests.ambient.data.images import make

NULL = CaptionOptions(caption="")


def _with(path: Path, name: str, add: Callable[[Path], object]) -> Path:
    source = make.folder(path / "set", make.good_files())
    add(source / name)
    return source


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


ODD = {
    "a pipe": (os.mkfifo, "unreadable", r"it is a pipe \(FIFO\), not a file"),
    "a link to an endless device": (lambda p: p.symlink_to("/dev/zero"), "unreadable|link out", "not a file|/dev/zero"),
    "a socket": (_socket, "unreadable", "it is a socket"),
    "a link to a file elsewhere": (
        lambda p: p.symlink_to("/etc/passwd"),
        "link out of the set",
        "to /etc/passwd; copy",
    ),
    "a broken link": (lambda p: p.symlink_to("/nowhere"), "unreadable", "a broken link"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_is_never_waited_for(name: str, tmp_path: Path) -> None:
    add, kind, detail = ODD[name]
    source = _with(tmp_path, "odd.png", add)
    with pytest.raises(DataSetError, match=rf"1 ({kind}).*odd\.png.*({detail})"):
        load_images(source)
    assert len(load_images(source, ImageOptions(skip_bad=True))) == 3
    pairs = {pair.name: pair for unit in units(str(source), 9, NULL) for pair in unit.pairs()}
    assert len(pairs) == 4
    with pytest.raises(UnusableError, match=detail):
        pairs["odd.png"].content()
    with pytest.raises(DataSetError, match=r"cannot read|is a|empty|neither|nowhere"):
        load_images(source / "odd.png")


def test_links_out_of_a_set_are_followed_when_that_is_said(tmp_path: Path) -> None:
    other = make.folder(tmp_path / "other", make.good_files(2))
    source = make.folder(tmp_path / "set", {"x.png": make.encode(make.picture(7))})
    (source / "more").symlink_to(other)
    (source / "one.png").symlink_to(other / "good0.png")
    (source / "again").symlink_to(source)
    with pytest.raises(DataSetError, match=r"2 link out of the set: .*more.*; copy the file here, or set follow_links"):
        load_images(source)
    with pytest.raises(DataSetError, match="link out of the set: more"):
        units(str(source), 9, NULL)
    data = load_images(source, ImageOptions(follow_links=True))
    assert data.names == ("more/good0.png", "more/good1.png", "one.png", "x.png")
    assert [(item.kind, item.name) for item in data.report.left_out] == [("link inside the set", "again")]
    (tmp_path / "link").symlink_to(source)
    assert len(load_images(tmp_path / "link", ImageOptions(follow_links=True))) == 4


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_captions_and_archives_that_are_no_files(kind: str, tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files())
    bad = tmp_path / "captions.jsonl"
    if kind == "pipe":
        os.mkfifo(bad)
    else:
        bad.symlink_to("/dev/zero")
    with pytest.raises(DataSetError, match=r"--captions .*captions\.jsonl: it is a (pipe|device)"):
        units(str(source), 9, CaptionOptions(captions=bad))
    with pytest.raises(DataSetError, match=r"is a (pipe|device)"):
        load_images(bad)
    bad.rename(tmp_path / "shard.tar")
    with pytest.raises(DataSetError, match=r"is a (pipe|device)"):
        units(str(tmp_path / "shard.tar"), 9, NULL)


def test_files_are_measured_before_they_are_read(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files())
    with open(source / "huge.png", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(
        DataSetError, match=r"huge\.png \(1,099,511,627,776 bytes, of which largest_file allows 268,435"
    ):
        load_images(source)
    with pytest.raises(UnusableError, match="of which largest_file allows 10"):
        read_file(source / "good0.png", 10)
    with pytest.raises(UnusableError, match="grows while it is read, or has no size"):
        read_file(Path("/proc/self/maps"), 1 << 20)


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_images_are_measured_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make.folder(tmp_path / "set", {"big.png": _png(9400, 9400), "small.png": _png(20, 10)})
    expected = r"big\.png \(9400x9400 = 88,360,000 pixels, of which largest_image allows 67,108,864"
    with pytest.raises(DataSetError, match=expected):
        load_images(source)
    with pytest.raises(DataSetError, match="largest_image allows 199"):
        load_images(source, ImageOptions(largest_image=199))
    assert len(load_images(source, ImageOptions(largest_image=10**8, resolution=10))) == 2


def test_the_whole_set_has_a_limit_too(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files())
    with pytest.raises(DataSetError, match=r"over 384 bytes of memory, of which largest_set allows 300; take fewer"):
        load_images(source, ImageOptions(largest_set=300))
    with pytest.raises(DataSetError, match="over 588 bytes of memory, of which largest_set allows 500"):
        load_images(source, ImageOptions(largest_set=500, resolution=14, channels="grey"))
    assert len(load_images(source, ImageOptions(largest_set=576))) == 3


def test_zip_bombs(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            with archive.open(zipfile.ZipInfo(f"{i}.png"), "w") as member:
                member.write(bytes(100))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (3 << 30).to_bytes(4, "little")
    (tmp_path / "large.zip").write_bytes(content)
    with pytest.raises(DataSetError, match=r"unpacks to 3,221,225,\d+ bytes, \d+ times its size"):
        load_images(tmp_path / "large.zip")
    content = bytearray(path.read_bytes())
    content[at + 20 : at + 24] = (1 << 20).to_bytes(4, "little")
    (tmp_path / "overlap.zip").write_bytes(content)
    with pytest.raises(DataSetError, match="its members overlap"):
        load_images(tmp_path / "overlap.zip")


def test_a_member_that_unpacks_to_more_than_it_declares(tmp_path: Path) -> None:
    path = make.zipped(tmp_path / "x.zip", {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("liar.png", bytes(50_000_000))
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + offset
        content[at : at + 4] = (50).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataSetError, match=r"1 damaged: liar\.png"):
        load_images(path)


def test_tar_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_BOMB", 1 << 26)  # 1 GiB takes some seconds
    path = tmp_path / "bomb.tar.gz"
    info = tarfile.TarInfo("zeros.png")
    info.size = 200 << 30
    block = gzip.compress(bytes(1 << 24), 9)
    with open(path, "wb") as file:
        file.write(gzip.compress(info.tobuf()))
        for _ in range(9):
            file.write(block)
    with pytest.raises(DataSetError, match=r"it unpacks to over 100 times its .* bytes"):
        load_images(path)
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = 8 << 30
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(DataSetError, match=r"a header of 8,589,93.* bytes, of which largest_file allows"):
        load_images(path)


def test_names_that_leave_a_tar(tmp_path: Path) -> None:
    files = make.good_files() | {"../out.png": b"x", "/etc/abs.png": b"x"}
    source = make.tarred(tmp_path / "set.tar.gz", files, "w:gz")
    with pytest.raises(DataSetError, match=r"2 unsafe name: \.\./out\.png .*, /etc/abs\.png"):
        load_images(source)
    assert len(load_images(source, ImageOptions(skip_bad=True))) == 3


def test_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    png = make.encode(make.picture(0))
    with tarfile.open(path, "w") as archive:
        for name, kind, target in (
            ("a.png", tarfile.REGTYPE, ""),
            ("hard.png", tarfile.LNKTYPE, "a.png"),
            ("soft.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("zero.png", tarfile.CHRTYPE, ""),
            ("gone.png", tarfile.LNKTYPE, "../a.png"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(png) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(png) if kind == tarfile.REGTYPE else None)
    data = load_images(path, ImageOptions(skip_bad=True))
    assert data.names == ("a.png", "hard.png")
    found = {fault.name: fault.detail for fault in data.report.faults}
    assert found.keys() == {"soft.png", "zero.png", "gone.png"}
    assert "a symbolic link in an archive" in found["soft.png"]
    assert "a link to ../a.png" in found["gone.png"]


def test_no_file_of_a_damaged_tar_is_lost_without_a_word(tmp_path: Path) -> None:
    """`tarfile` by itself ends at the first header that it cannot read, as if the archive did."""
    whole = make.tarred(tmp_path / "whole.tar", make.good_files(4)).read_bytes()
    at = whole.index(b"good2.png")
    cases = {
        "header at byte": whole[:at] + b"\xff" + whole[at + 1 :],
        "without an end mark": whole[:at],
        "more follows after its end mark": whole + whole,
        "not a whole tar": whole[: at + 700],
    }
    for message, content in cases.items():
        (tmp_path / "set.tar").write_bytes(content)
        with pytest.raises(DataSetError, match=message):
            load_images(tmp_path / "set.tar")


def test_encrypted_and_unknown_archives_are_named(tmp_path: Path) -> None:
    path = make.zipped(tmp_path / "set.zip", make.good_files(1))
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(DataSetError, match=r"good0\.png .*encrypted"):
        load_images(path)
    for name, start in (
        ("x.7z", b"7z\xbc\xaf\x27\x1c"),
        ("x.rar", b"Rar!\x1a\x07"),
        ("x.tar.zst", b"\x28\xb5\x2f\xfd"),
    ):
        (tmp_path / name).write_bytes(start + bytes(600))
        with pytest.raises(DataSetError, match=f"{name} is (a 7z archive|a RAR archive|compressed by zstd)"):
            load_images(tmp_path / name)


def test_a_folder_that_cannot_be_listed_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make.folder(tmp_path / "set", make.good_files() | make.good_files(1, "closed/"))
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataSetError, match=r"closed \(a folder that cannot be listed: Permission denied\)"):
        load_images(source)


@pytest.mark.filterwarnings("ignore:.*no image is of the classes")
def test_a_class_number_of_10_to_the_12_is_a_fault(tmp_path: Path) -> None:
    files = make.good_files(2) | {"dataset.json": make.dataset_json([["good0.png", 10**12], ["good1.png", 1]])}
    with pytest.raises(DataSetError, match="class 1000000000000 is above 1,048,575"):
        load_images(make.folder(tmp_path / "set", files), ImageOptions(labels=True))


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"labels": ' * 5_000, b'{"labels": [["a", ' + b"9" * 9_000 + b"]]}"]
)
def test_json_that_nests_or_counts_too_far(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"1 damaged: dataset\.json"):
        load_images(make.folder(tmp_path / "set", make.good_files(1) | {"dataset.json": content}))
    source = make.folder(tmp_path / "captions", make.good_files(1) | {"metadata.jsonl": content})
    with pytest.raises(DataSetError, match=r"metadata\.jsonl line 1"):
        units(str(source), 9, CaptionOptions())


def test_duplicate_members_are_refused_whatever_their_spelling(tmp_path: Path) -> None:
    source = make.tarred(tmp_path / "set.tar.gz", {"a.png": b"1", "./a.png": b"2"} | make.good_files(1), "w:gz")
    with pytest.raises(DataSetError, match=r"1 duplicate name: a\.png \(2 files"):
        load_images(source)
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("x/a.png", b"1")
        archive.writestr("x\\a.png", b"2")
    assert [fault.kind for fault in open_store(tmp_path / "set.zip", FileOptions()).faults] == ["duplicate name"]


def test_arrays_are_whole_after_reading_an_archive_out_of_order(tmp_path: Path) -> None:
    files = dict(reversed(make.good_files(5).items()))
    data = load_images(make.tarred(tmp_path / "set.tar.gz", files, "w:gz"))
    for i in range(5):
        np.testing.assert_array_equal(data.pixels[i].permute(1, 2, 0), make.picture(i))
