"""Damaged data sets: the file and its fault are named, nothing else is lost or changed, and the command fails."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambient.data.images import DataSetError, ImageOptions, load_images
from ambient.data.images.__main__ import main
from tests.ambient.data.images import make


@dataclass(frozen=True)
class Damage:
    """A data set with faults: what must be found, and what must be kept."""

    source: Path
    faults: dict[str, str]
    kept: int
    options: ImageOptions = ImageOptions()


Builder = Callable[[Path], Damage]
BUILDERS: list[Builder] = []


def damage(builder: Builder) -> Builder:
    BUILDERS.append(builder)
    return builder


def _among_good(path: Path, name: str, content: bytes, kind: str, options: ImageOptions | None = None) -> Damage:
    source = make.folder(path / "set", make.good_files() | {name: content})
    return Damage(source, {name: kind}, 3, options or ImageOptions())


@damage
def empty_file(path: Path) -> Damage:
    return _among_good(path, "bad.png", b"", "empty file")


@damage
def text_named_png(path: Path) -> Damage:
    return _among_good(path, "bad.png", b"<html>404 not found</html>" * 9, "not an image")


@damage
def array_among_images(path: Path) -> Damage:
    return _among_good(path, "bad.npy", b"\x93NUMPY", "not an image")


@damage
def png_cut_short(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9))[:-40], "damaged")


@damage
def png_without_its_end(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9))[:-8], "damaged")


@damage
def png_with_a_changed_byte(path: Path) -> Damage:
    content = bytearray(make.encode(make.picture(9)))
    content[len(content) // 2] ^= 0x10
    return _among_good(path, "bad.png", bytes(content), "damaged")


@damage
def png_of_its_signature_alone(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9))[:12], "damaged")


@damage
def jpeg_cut_short(path: Path) -> Damage:
    content = make.encode(make.picture(9, 64, 64), "JPEG", quality=95)
    return _among_good(path, "bad.jpg", content[: len(content) // 2], "damaged")


@damage
def webp_cut_short(path: Path) -> Damage:
    content = make.encode(make.picture(9, 64, 64), "WEBP", lossless=True)
    return _among_good(path, "bad.webp", content[: len(content) // 2], "damaged")


@damage
def animation(path: Path) -> Damage:
    file = io.BytesIO()
    frames = [Image.fromarray(make.picture(i)) for i in range(3)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return _among_good(path, "bad.webp", file.getvalue(), "animated")


@damage
def image_with_alpha(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9, channels=4)), "wrong mode")


@damage
def sixteen_bits(path: Path) -> Damage:
    file = io.BytesIO()
    Image.fromarray(make.picture(9)[:, :, 0].astype(np.uint16) * 257).save(file, "PNG")
    return _among_good(path, "bad.png", file.getvalue(), "wrong mode")


@damage
def cmyk_jpeg(path: Path) -> Damage:
    file = io.BytesIO()
    Image.fromarray(make.picture(9)).convert("CMYK").save(file, "JPEG")
    return _among_good(path, "bad.jpg", file.getvalue(), "wrong mode")


@damage
def another_size(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9, 8, 9)), "wrong size")


@damage
def smaller_than_the_resolution(path: Path) -> Damage:
    content = make.encode(make.picture(9, 16, 7))
    return _among_good(path, "bad.png", content, "wrong size", ImageOptions(resolution=8))


@damage
def grey_among_colour(path: Path) -> Damage:
    return _among_good(path, "bad.png", make.encode(make.picture(9, channels=1)), "mixed channels")


@damage
def image_of_unbelievable_size(path: Path) -> Damage:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return _among_good(path, "bad.png", bomb, "too large")


@damage
def broken_link(path: Path) -> Damage:
    source = make.folder(path / "set", make.good_files())
    (source / "bad.png").symlink_to(path / "nowhere.png")
    return Damage(source, {"bad.png": "unreadable"}, 3)


@damage
def no_class_folder(path: Path) -> Damage:
    files = make.good_files(2, "cat/") | make.good_files(2, "dog/") | {"stray.png": make.encode(make.picture(9))}
    return Damage(make.folder(path / "set", files), {"stray.png": "no label"}, 4, ImageOptions(labels=True))


@damage
def path_out_of_the_archive(path: Path) -> Damage:
    files = make.good_files() | {"../../bad.png": make.encode(make.picture(9))}
    return Damage(make.zipped(path / "set.zip", files), {"../../bad.png": "unsafe name"}, 3)


@damage
def absolute_path_in_the_archive(path: Path) -> Damage:
    files = make.good_files() | {"/etc/bad.png": make.encode(make.picture(9))}
    return Damage(make.zipped(path / "set.zip", files), {"/etc/bad.png": "unsafe name"}, 3)


@damage
def name_twice_in_the_archive(path: Path) -> Damage:
    source = make.zipped(path / "set.zip", make.good_files())
    with warnings.catch_warnings(), zipfile.ZipFile(source, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("good1.png", make.encode(make.picture(9)))
    return Damage(source, {"good1.png": "duplicate name"}, 2)


@damage
def changed_byte_in_the_archive(path: Path) -> Damage:
    files = make.good_files()
    source = make.zipped(path / "set.zip", files)
    content = source.read_bytes()
    at = content.index(files["good2.png"]) + 60
    source.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return Damage(source, {"good2.png": "damaged"}, 2)


def _edm(path: Path, labels: list[list[object]], faults: dict[str, str], kept: int) -> Damage:
    files = make.good_files() | {"dataset.json": make.dataset_json(labels)}
    return Damage(make.zipped(path / "set.zip", files), faults, kept, ImageOptions(labels=True))


@damage
def dataset_json_names_a_file_that_is_not_there(path: Path) -> Damage:
    labels = [[f"good{i}.png", 0] for i in range(4)]
    return _edm(path, labels, {"good3.png": "missing file"}, 3)


@damage
def dataset_json_forgets_an_image(path: Path) -> Damage:
    return _edm(path, [["good0.png", 0], ["good2.png", 0]], {"good1.png": "no label"}, 2)


@damage
def dataset_json_names_an_image_twice(path: Path) -> Damage:
    labels = [["good0.png", 0], ["good1.png", 0], ["good2.png", 0], ["good1.png", 1]]
    return _edm(path, labels, {"good1.png": "duplicate name"}, 2)


@damage
def dataset_json_with_labels_that_are_no_classes(path: Path) -> Damage:
    labels = [["good0.png", 0], ["good1.png", -1], ["good2.png", 0.5]]
    return _edm(path, labels, {"good1.png": "wrong label", "good2.png": "wrong label"}, 1)


@damage
def dataset_json_cut_short(path: Path) -> Damage:
    files = make.good_files() | {"dataset.json": make.dataset_json([["good0.png", 0]])[:-9]}
    return Damage(make.zipped(path / "set.zip", files), {"dataset.json": "damaged"}, 3)


def _tiny(path: Path, annotations: bytes, faults: dict[str, str], kept: int) -> Damage:
    source = make.folder(path / "set", make.tiny_imagenet_files(annotations))
    faults = {f"tiny-imagenet-200/val/{name}": kind for name, kind in faults.items()}
    return Damage(source, faults, kept, ImageOptions(split="val", labels=True))


@damage
def annotation_of_an_unknown_class(path: Path) -> Damage:
    lines = b"val_0.JPEG\tn02124075\nval_1.JPEG\tn99999999\nval_2.JPEG\tn02124075\n"
    return _tiny(path, lines, {"images/val_1.JPEG": "wrong label"}, 2)


@damage
def annotation_of_a_file_that_is_not_there(path: Path) -> Damage:
    lines = b"".join(b"val_%d.JPEG\tn02124075\n" % i for i in range(4))
    return _tiny(path, lines, {"images/val_3.JPEG": "missing file"}, 3)


@damage
def image_without_annotation(path: Path) -> Damage:
    return _tiny(path, b"val_0.JPEG\tn02124075\nval_2.JPEG\tn02124075\n", {"images/val_1.JPEG": "no label"}, 2)


@damage
def image_annotated_twice(path: Path) -> Damage:
    lines = b"".join(b"val_%d.JPEG\tn02124075\n" % i for i in (0, 1, 2, 1))
    return _tiny(path, lines, {"images/val_1.JPEG": "duplicate name"}, 2)


@damage
def annotation_that_is_none(path: Path) -> Damage:
    lines = b"".join(b"val_%d.JPEG\tn02124075\n" % i for i in range(3)) + b"val_3"
    return _tiny(path, lines, {"val_annotations.txt, line 4": "damaged"}, 3)


def _cifar(path: Path, content: bytes, kind: str) -> Damage:
    files = make.cifar_files(data_batch_3=content)
    return Damage(make.folder(path / "set", files), {"data_batch_3": kind}, 16, ImageOptions(labels=True))


class _Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, ("touch executed",)


@damage
def batch_that_runs_a_command(path: Path) -> Damage:
    content = make.batch(0) | {"extra": _Malicious()}
    return _cifar(path, pickle.dumps(content, protocol=2), "unsafe pickle")


@damage
def batch_cut_short(path: Path) -> Damage:
    return _cifar(path, pickle.dumps(make.batch(0), protocol=2)[:5000], "damaged")


@damage
def empty_batch(path: Path) -> Damage:
    return _cifar(path, b"", "empty file")


@damage
def batch_with_too_few_labels(path: Path) -> Damage:
    return _cifar(path, pickle.dumps(make.batch(0, labels=[1, 2, 3])), "wrong batch")


@damage
def batch_of_another_data_set(path: Path) -> Damage:
    return _cifar(path, pickle.dumps({"data": make.batch(0)["data"], "fine_labels": [0, 1, 2, 3]}), "wrong batch")


@damage
def batch_of_floats(path: Path) -> Damage:
    return _cifar(path, pickle.dumps(make.batch(0, data=np.zeros((4, 3072), dtype=np.float32))), "wrong batch")


@damage
def label_beyond_the_classes(path: Path) -> Damage:
    files = make.cifar_files(data_batch_3=pickle.dumps(make.batch(0, labels=[0, 10, 2, 3])))
    faults = {"data_batch_3/00001": "wrong label"}
    return Damage(make.folder(path / "set", files), faults, 19, ImageOptions(labels=True))


@damage
def missing_batch(path: Path) -> Damage:
    files = make.cifar_files()
    del files["cifar-10-batches-py/data_batch_3"]
    return Damage(make.folder(path / "set", files), {"data_batch_3": "missing file"}, 16, ImageOptions(labels=True))


@damage
def many_at_once(path: Path) -> Damage:
    files = make.good_files() | {
        "a.png": b"",
        "b.png": b"no image",
        "c.png": make.encode(make.picture(9, 8, 9)),
        "d.png": make.encode(make.picture(9))[:-40],
    }
    faults = {"a.png": "empty file", "b.png": "not an image", "c.png": "wrong size", "d.png": "damaged"}
    return Damage(make.folder(path / "set", files), faults, 3)


def _state(path: Path) -> dict[str, str]:
    files = [p for p in path.rglob("*") if p.is_file()]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.filterwarnings("ignore:.*not the official CIFAR-10")
@pytest.mark.parametrize("build", BUILDERS, ids=lambda builder: builder.__name__)
def test_damage_is_named_and_nothing_is_lost(
    build: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = build(tmp_path)
    before = _state(tmp_path)
    with pytest.raises(DataSetError) as refusal:
        load_images(found.source, found.options)
    report = refusal.value.report
    assert report is not None
    assert {fault.name: fault.kind for fault in report.faults} == found.faults
    assert len(report.faults) == len(found.faults)
    message = str(refusal.value)
    assert "\n" not in message
    assert str(found.source) in message
    assert all(name in message and kind in message for name, kind in found.faults.items())

    rest = load_images(found.source, replace(found.options, skip_bad=True))
    assert len(rest) == rest.report.images == found.kept
    assert rest.report.faults == report.faults
    assert not set(rest.names) & set(found.faults)
    for name, pixels in zip(rest.names, rest.pixels.permute(0, 2, 3, 1).numpy(), strict=True):
        if name.startswith("good"):
            np.testing.assert_array_equal(pixels, make.picture(int(name[4])))

    switches = ["--classes"] if found.options.labels else []
    switches += ["--split", found.options.split] if found.options.split else []
    switches += ["--resolution", str(found.options.resolution)] if found.options.resolution else []
    assert main([str(found.source), *switches]) == 1
    assert message in capsys.readouterr().err
    assert _state(tmp_path) == before


def test_the_command_exits_with_an_error(tmp_path: Path) -> None:
    found = many_at_once(tmp_path)
    run = subprocess.run(
        [sys.executable, "-m", "ambient.data.images", str(found.source)], capture_output=True, text=True
    )
    assert run.returncode == 1
    assert all(name in run.stderr for name in found.faults)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("absent.zip", None, "cannot read .*absent.zip: No such file"),
        ("empty.zip", b"", "empty.zip is empty"),
        ("notes.zip", b"some text", "neither a folder, nor a zip or tar file"),
        ("cut.zip", make.encode(make.picture(0)), "neither a folder"),
    ],
)
def test_sources_that_are_no_data_set(name: str, content: bytes | None, expected: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataSetError, match=expected):
        load_images(tmp_path / name)


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_archives_cut_short(name: str, tmp_path: Path) -> None:
    import tarfile

    path = tmp_path / name
    if name.endswith("zip"):
        make.zipped(path, make.good_files())
    else:
        source = make.folder(tmp_path / "set", make.cifar_files())
        with tarfile.open(path, "w:gz") as archive:
            archive.add(source / "cifar-10-batches-py", "cifar-10-batches-py")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataSetError, match=f"{name} is not a whole"):
        load_images(path)


def test_a_set_without_images(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", {"README.md": b"nothing here"})
    with pytest.raises(DataSetError, match="has no images"):
        load_images(source)
    with pytest.raises(DataSetError, match=r"has no images that can be used.*1 empty file: a\.png"):
        load_images(make.folder(source, {"a.png": b""}), ImageOptions(skip_bad=True))


def test_missing_annotations_are_the_fault_of_one_file(tmp_path: Path) -> None:
    files = make.tiny_imagenet_files()
    del files["tiny-imagenet-200/val/val_annotations.txt"]
    with pytest.raises(DataSetError, match=r"1 missing file: tiny-imagenet-200/val/val_annotations.txt"):
        load_images(make.folder(tmp_path / "set", files), ImageOptions(split="val", labels=True))


def test_long_reports_are_shortened_but_complete(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files() | {f"bad{i}.png": b"" for i in range(9)})
    with pytest.raises(DataSetError, match=r"9 empty file: bad0.png .*bad2.png \(0 bytes\) and 6 more\.") as refusal:
        load_images(source)
    assert refusal.value.report is not None
    assert refusal.value.report.counts() == {"empty file": 9}
    assert [fault.name for fault in refusal.value.report.faults] == [f"bad{i}.png" for i in range(9)]
