"""Every layout that is read, in one table: what must come out as images, as captions, and as left out."""

from __future__ import annotations

import json
import re
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ambient.data.images import CaptionOptions, ImageOptions, load_images, units
from tests.ambient.data.images import make

Files = dict[str, bytes]
ABC = ("a", "b", "c")
OF_ABC = [f"of {name}" for name in ABC]


@dataclass(frozen=True)
class Layout:
    """A data set, and what must be read of it.

    Attributes:
        build: Writes it below a folder, and says what is given to the readers.
        captions: The captions, in the order of the images; None where it has none.
        images: Number of images; by default as many as captions.
        left_out: Names that must be listed as left out.
        warned: What must be said, if anything.
        options: How images are read.
        caption_options: How captions are read.
        only: "images" or "captions" where only one of the readers reads it.
    """

    build: Callable[[Path], Path | str]
    captions: list[str] | None = None
    images: int | None = None
    left_out: tuple[str, ...] = ()
    warned: str | None = None
    options: ImageOptions = ImageOptions()
    caption_options: CaptionOptions = field(default_factory=CaptionOptions)
    only: str | None = None


def pictures(*names: str) -> Files:
    return {name: make.encode(make.picture(i)) for i, name in enumerate(names)}


PNGS = pictures("a.png", "b.png", "c.png")
TXT = {f"{name}.txt": f"of {name}\n".encode() for name in ABC}
TABLE = {"metadata.jsonl": make.captions("a.png", "b.png", "c.png")}
CSV = b'file_name,text\r\na.png,of a\r\nb.png,"of b"\r\nc.png,of c\r\n'
JUNK: Files = {
    ".DS_Store": b"x",
    "Thumbs.db": b"x",
    "._a.png": b"x",
    ".ipynb_checkpoints/a-checkpoint.png": PNGS["a.png"],
    "@eaDir/a.png": PNGS["a.png"],
    "__MACOSX/._a.png": b"x",
}


def folder(files: Files) -> Callable[[Path], Path]:
    return lambda path: make.folder(path / "set", files)


def zipped(files: Files) -> Callable[[Path], Path]:
    return lambda path: make.zipped(path / "set.zip", files)


def tarred(files: Files, name: str = "set.tar", mode: str = "w") -> Callable[[Path], Path]:
    return lambda path: make.tarred(path / name, files, mode)


def dotted(files: Files) -> Files:
    return {f"./{name}": content for name, content in files.items()}


def archive_beside(path: Path) -> Path:
    source = make.folder(path / "set", PNGS | TXT)
    make.zipped(source / "more.zip", pictures("x.png"))
    return source


def table_beside_a_zip(path: Path) -> Path:
    make.folder(path, {"captions.jsonl": make.captions("a.png", "b.png", "c.png", field="file")})
    return make.zipped(path / "set.zip", PNGS)


def one_zip_in_a_folder(path: Path) -> Path:
    make.folder(path / "set", {"captions.jsonl": make.captions("a.png", "b.png", "c.png", field="file")})
    make.zipped(path / "set" / "pictures.zip", PNGS)
    return path / "set"


def shards(path: Path) -> Path:
    make.folder(path / "shards", {})
    (path / "shards").mkdir(exist_ok=True)
    make.tarred(path / "shards" / "0.tar", pictures("a.png") | {"a.txt": b"of a"})
    make.tarred(path / "shards" / "1.tar", pictures("b.png", "c.png") | {k: v for k, v in TXT.items() if k != "a.txt"})
    return path / "shards"


def compressed_shards(path: Path) -> Path:
    (path / "shards").mkdir()
    for name in ABC:
        make.tarred(
            path / "shards" / f"{name}.tar.gz", pictures(f"{name}.png") | {f"{name}.txt": TXT[f"{name}.txt"]}, "w:gz"
        )
    return path / "shards"


def braces(path: Path) -> str:
    return str(shards(path) / "{0..1}.tar")


def hugging_face(name: str, several: bool = False) -> Callable[[Path], Path]:
    def build(path: Path) -> Path:
        datasets = pytest.importorskip("datasets", reason="needs the extra 'data'")
        text = datasets.Value("string")
        features = datasets.Features({"image": datasets.Image(), "text": datasets.Sequence(text) if several else text})
        texts = [[caption, "another"] if several else caption for caption in OF_ABC]
        rows = {"image": [{"bytes": content, "path": None} for content in PNGS.values()], "text": texts}
        (path / name).mkdir()
        table = datasets.Dataset.from_dict(rows, features=features)
        if name == "saved":
            table.save_to_disk(path / name)
        else:
            table.to_parquet(path / name / "train.parquet")
        return path / name

    return build


def parquet_table() -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="needs the extra 'data'")
    import pyarrow.parquet

    sink = arrow.BufferOutputStream()
    names = list(PNGS)
    pyarrow.parquet.write_table(arrow.table({"file_name": names, "text": OF_ABC}), sink)
    return bytes(sink.getvalue().to_pybytes())


def parquet_metadata(path: Path) -> Path:
    return make.folder(path / "set", PNGS | {"metadata.parquet": parquet_table()})


def macos_zip(path: Path) -> Path:
    """As the Finder writes it: UTF-8 names without the flag that says so."""
    name = unicodedata.normalize("NFD", "é.png")
    source = make.zipped(path / "set.zip", {"XX1.png": PNGS["a.png"], "metadata.jsonl": make.captions("é.png")})
    source.write_bytes(source.read_bytes().replace(b"XX1.png", name.encode()))
    return source


LABELLED = ImageOptions(labels=True)
LAYOUTS: dict[str, Layout] = {
    "folder with .txt": Layout(folder(PNGS | TXT), OF_ABC, left_out=()),
    "folder with .caption": Layout(folder(PNGS | {n.replace("txt", "caption"): c for n, c in TXT.items()}), OF_ABC),
    "folder with .json": Layout(
        folder(PNGS | {f"{n}.json": json.dumps({"caption": f"of {n}"}).encode() for n in ABC}), OF_ABC
    ),
    "metadata.jsonl": Layout(folder(PNGS | TABLE), OF_ABC),
    "metadata.csv": Layout(folder(PNGS | {"metadata.csv": CSV}), OF_ABC),
    "metadata.parquet": Layout(parquet_metadata, OF_ABC),
    "captions.jsonl": Layout(folder(PNGS | {"captions.jsonl": make.captions("a.png", "b.png", "c.png")}), OF_ABC),
    "byte order mark and CRLF": Layout(
        folder(PNGS | {"metadata.jsonl": b"\xef\xbb\xbf" + TABLE["metadata.jsonl"].replace(b"\n", b"\r\n")}), OF_ABC
    ),
    "lines inside captions": Layout(
        folder(pictures("a.png") | {"metadata.jsonl": '{"file_name": "a.png", "text": "a\u2028b\x85c"}\n'.encode()}),
        ["a\u2028b\x85c"],
    ),
    "metadata below split folders": Layout(
        folder(
            pictures("train/a.png", "train/b.png", "test/c.png")
            | {"train/metadata.jsonl": make.captions("a.png", "b.png"), "test/metadata.jsonl": make.captions("c.png")}
        ),
        ["of c", "of a", "of b"],
        warned="the folders test, train are read together; choose one of them with split",
    ),
    "one split folder": Layout(
        folder(
            pictures("train/a.png", "train/b.png", "test/c.png")
            | {"train/metadata.jsonl": make.captions("a.png", "b.png"), "test/metadata.jsonl": make.captions("c.png")}
        ),
        ["of a", "of b"],
        options=ImageOptions(split="train"),
    ),
    "metadata at the top for split folders": Layout(
        folder(pictures("x/a.png", "y/b.png") | {"metadata.jsonl": make.captions("x/a.png", "y/b.png")}),
        ["of a", "of b"],
    ),
    "names of Windows in the table": Layout(
        folder(pictures("x/a.png") | {"metadata.csv": b"file_name,text\nx\\a.png,of a\n"}), ["of a"]
    ),
    "several captions": Layout(
        folder(pictures("a.png") | {"metadata.jsonl": b'{"file_name": "a.png", "text": ["one", "two"]}\n'}),
        ["one"],
        warned="of several captions of an image, number 0 is used",
    ),
    "several captions, the second": Layout(
        folder(pictures("a.png") | {"metadata.jsonl": b'{"file_name": "a.png", "text": ["one", "two"]}\n'}),
        ["two"],
        warned="number 1 is used",
        caption_options=CaptionOptions(which_caption=1),
    ),
    "composed and decomposed names": Layout(
        folder(
            pictures(unicodedata.normalize("NFD", "é.png"), unicodedata.normalize("NFD", "ü.png"))
            | {"metadata.jsonl": make.captions(unicodedata.normalize("NFC", "é.png"), "ü.png")}
        ),
        ["of é", "of ü"],
    ),
    "decomposed .txt": Layout(
        folder(pictures(unicodedata.normalize("NFC", "é.png")) | {unicodedata.normalize("NFD", "é.txt"): b"of e"}),
        ["of e"],
    ),
    "class folders": Layout(folder(pictures("cat/0.png", "dog/0.png")), None, 2, options=LABELLED),
    "class folders in a tar with ./": Layout(
        tarred(dotted(pictures("cat/0.png", "dog/0.png")), "set.tar.gz", "w:gz"), None, 2, options=LABELLED
    ),
    "zip": Layout(zipped(PNGS | TABLE), OF_ABC),
    "zip with a table beside": Layout(table_beside_a_zip, OF_ABC),
    "a folder of one zip": Layout(one_zip_in_a_folder, OF_ABC),
    "zip of Windows": Layout(
        zipped({f"x\\{n}": c for n, c in (PNGS | TXT).items()}),
        OF_ABC,
        warned="backslashes in 6 names are read as slash",
    ),
    "zip of macOS": Layout(macos_zip, ["of é"]),
    "tar of an image folder": Layout(tarred(PNGS | TABLE), OF_ABC),
    "tar with ./": Layout(tarred(dotted(PNGS | TABLE)), OF_ABC),
    "tar.gz": Layout(tarred(dotted(PNGS | TABLE), "set.tar.gz", "w:gz"), OF_ABC),
    "tar.xz": Layout(tarred(PNGS | TXT, "set.tar.xz", "w:xz"), OF_ABC),
    "tar.bz2 named otherwise": Layout(tarred(PNGS | TXT, "set.data", "w:bz2"), OF_ABC),
    "WebDataset": Layout(tarred(PNGS | TXT), OF_ABC),
    "WebDataset with names that have dots": Layout(
        tarred(pictures("a.png", "v1.5 cat.png", "b.2.png") | {"a.txt": b"1", "v1.5 cat.txt": b"2", "b.2.txt": b"3"}),
        ["1", "2", "3"],
    ),
    "WebDataset with further images": Layout(
        tarred(pictures("a.png", "a.seg.png") | {"a.txt": b"of a"}), ["of a"], 2, warned="1 second image: a.seg.png"
    ),
    "WebDataset of macOS": Layout(
        tarred({"._a.png": b"x", "._a.txt": b"\xff"} | PNGS | TXT), OF_ABC, left_out=("._a.png", "._a.txt")
    ),
    "WebDataset shards": Layout(shards, OF_ABC, only="captions"),
    "compressed WebDataset shards": Layout(compressed_shards, OF_ABC, only="captions"),
    "one text for two images": Layout(
        folder({"a.png": PNGS["a.png"], "a.bmp": make.encode(make.picture(1), "BMP"), "a.txt": b"of a"}),
        ["of a", "of a"],
        warned=r"a text is the caption of several images of that name \(1 of them\)",
    ),
    "WebDataset shards in braces": Layout(braces, OF_ABC, only="captions"),
    "Hugging Face, saved": Layout(hugging_face("saved"), OF_ABC),
    "Hugging Face, parquet": Layout(hugging_face("rows"), OF_ABC),
    "Hugging Face, brackets in the path": Layout(hugging_face("data [v2]"), OF_ABC),
    "Hugging Face, several captions": Layout(hugging_face("saved", several=True), OF_ABC, warned="number 0 is used"),
    "folder with brackets in the path": Layout(
        lambda path: make.folder(path / "my [set] {1..2} *", PNGS | TXT), OF_ABC
    ),
    "junk beside images": Layout(folder(PNGS | TXT | JUNK), OF_ABC, left_out=tuple(JUNK)),
    "junk in a zip": Layout(zipped(PNGS | TXT | JUNK), OF_ABC, left_out=tuple(JUNK)),
    "an archive beside images": Layout(
        archive_beside,
        OF_ABC,
        left_out=("more.zip",),
        warned=r"1 archive\(s\) \(more.zip\) beside the data are not read",
    ),
    "one image": Layout(folder(pictures("a.png") | {"a.txt": b"of a"}), ["of a"]),
    "other formats": Layout(
        folder(
            {
                f"{form}.{end}": make.encode(make.picture(i), form)
                for i, (form, end) in enumerate(
                    [
                        ("BMP", "bmp"),
                        ("GIF", "gif"),
                        ("JPEG", "jfif"),
                        ("TIFF", "tiff"),
                        ("WEBP", "webp"),
                        ("PNG", "PNG"),
                    ]
                )
            }
        ),
        [""] * 6,
        caption_options=CaptionOptions(caption=""),
    ),
    "CIFAR-10": Layout(folder(make.cifar_files()), None, 20, warned="not the official CIFAR-10", options=LABELLED),
    "CIFAR-10 in a tar with ./": Layout(
        tarred(dotted(make.cifar_files()), "cifar.tar.gz", "w:gz"),
        None,
        20,
        warned="not the official",
        options=LABELLED,
    ),
    "Tiny ImageNet": Layout(
        folder(make.tiny_imagenet_files()),
        None,
        6,
        left_out=("tiny-imagenet-200/words.txt",),
        options=ImageOptions(labels=True, channels="rgb"),
    ),
    "EDM's zip": Layout(
        zipped(PNGS | {"dataset.json": make.dataset_json([["a.png", 0], ["b.png", 1], ["c.png", 0]])}),
        None,
        3,
        options=LABELLED,
    ),
    "train and val folders of images": Layout(
        folder(pictures("train/images/0.png", "val/images/0.png")),
        None,
        2,
        warned="the folders train, val are read together",
    ),
}


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_and_what_is_left_out_is_named(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    source = layout.build(tmp_path)
    count = layout.images if layout.images is not None else len(layout.captions or [])
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if layout.only != "captions":
            data = load_images(source, layout.options)
            assert len(data) == data.report.images == count
            assert not data.report.faults
            assert {item.name for item in data.report.left_out} >= set(layout.left_out)
            said += data.report.warnings
        if layout.captions is not None:
            found = [p for u in units(str(source), 2, layout.caption_options, layout.options) for p in u.pairs()]
            assert [pair.caption for pair in found] == layout.captions
            assert len({pair.index for pair in found}) == len(found)
            assert all(pair.pixels().shape[:2] == (8, 8) for pair in found)
            said += [str(warning.message) for warning in caught]
            if layout.left_out:
                assert any("left out" in line or "not read" in line for line in said), said
    if layout.warned is None:
        assert all(layout.left_out and "left out" in line for line in said), said
    else:
        assert any(re.search(layout.warned, line) for line in said), said
