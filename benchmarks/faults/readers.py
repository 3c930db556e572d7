"""Hostile inputs for the readers of images and captions: as many as one likes, each a function of a seed.

A reader may return something or refuse with one of our own errors. Any other exception is a fault, and so is more
processor time than `SLOW` seconds; a crash ends the process, which is a fault too: so `fuzz` is run in one of its own.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ambient.data.images.captioned import units
from ambient.data.images.captions.tables import rows
from ambient.data.images.layouts.folders import read_labels
from ambient.data.images.loading import load_images
from ambient.data.images.options import CaptionOptions, FileOptions, ImageOptions
from ambient.data.images.pickles import read_pickle
from ambient.data.images.pixels import decode
from ambient.data.images.text import decode_text, visible
from ambient.data.images.validation import DataSetError, UnusableError

SLOW = 5.0
_SMALL = FileOptions(largest_image=1 << 20, largest_file=1 << 24)


@dataclass(frozen=True)
class Reader:
    """One thing that reads what others wrote.

    Attributes:
        read: Reads the bytes of a file.
        seeds: Whole files of its kind, which are damaged.
        programs: Makes inputs of its grammar that damage alone would never reach, from a random generator.
        errors: What it may raise.
        share: Of all inputs, in proportion to other readers: those that are quick get more.
    """

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    programs: Callable[[random.Random], bytes] | None = None
    errors: tuple[type[Exception], ...] = (UnusableError, DataSetError)
    share: float = 10


@dataclass
class Outcome:
    """What became of many inputs.

    Attributes:
        inputs: How many there were.
        refused: How many were refused by our own errors.
        slowest: Most processor time of one, in seconds: a machine that is busy with other things makes none slower.
        faults: The others: what was raised, and the seed of the input.
    """

    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def readers() -> dict[str, Reader]:
    """Every reader of images and captions, by name."""
    return {
        "pickle": Reader(read_pickle, tuple(_pickles()), _program, share=25),
        "image": Reader(lambda content: decode(content, _SMALL), tuple(_images())),
        "16-bit image": Reader(_with_white, (encoded(np.full((9, 9), 9_000, np.uint16), "PNG"),)),
        "dataset.json": Reader(
            read_labels, (b'{"labels": [["a.png", 0], ["b.png", 1]]}', b'{"labels": null}'), json_of_labels
        ),
        "captions.jsonl": Reader(
            _table("captions.jsonl"), (b'{"file_name": "0.png", "text": "a cat"}\n' * 3,), json_of_labels
        ),
        "metadata.csv": Reader(_table("metadata.csv"), (b'file_name,text\n0.png,"a cat, and a dog"\n1.png,b\n',)),
        "text": Reader(lambda content: visible(decode_text(content)), ("\ufeffa caption\u2028é\n".encode(),)),
        "zip": Reader(in_file("set.zip", _load), (_zip(),), share=1),
        "tar": Reader(in_file("set.tar", _load), (_tar("w"),), share=1),
        "tar.gz": Reader(in_file("set.tar.gz", _load), (_tar("w:gz"),), share=1),
        "WebDataset": Reader(in_file("shard.tar", _pairs), (_tar("w"),), share=1),
    }


def mutations(content: bytes, seed: int) -> bytes:
    """One damage of some bytes: changed, cut, repeated, removed, or numbers replaced by their extremes."""
    rng = random.Random(seed)
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(7)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + rng.randrange(1, 64)]
        elif kind == 4:
            data[at:at] = data[at : at + rng.randrange(1, 64)] * rng.randrange(1, 9)
        elif kind == 5:
            data[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 16)))
    return bytes(data)


def inputs(reader: Reader, count: int, seed: int = 0) -> Iterator[tuple[int, bytes]]:
    """`count` inputs of a reader, each with its seed: damaged files, and where there is a grammar, programs of it."""
    for number in range(seed, seed + count):
        rng = random.Random(number)
        if reader.programs is not None and number % 2:
            content = reader.programs(rng)
            yield number, content if rng.random() < 0.7 else mutations(content, number)
        else:
            yield number, mutations(rng.choice(reader.seeds), number)


def fuzz(reader: Reader, count: int, seed: int = 0, begin: Callable[[int], None] = lambda number: None) -> Outcome:
    """Hand a reader `count` inputs and say what became of them; `begin` is told the number of each before it."""
    outcome = Outcome()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, content in inputs(reader, count, seed):
            begin(number)
            start = time.process_time()
            try:
                reader.read(content)
            except reader.errors:
                outcome.refused += 1
            except Exception as error:  # what is looked for
                outcome.faults.append(f"seed {number}: {type(error).__name__}: {error}")
            took = time.process_time() - start
            outcome.inputs += 1
            outcome.slowest = max(outcome.slowest, took)
            if took > SLOW:
                outcome.faults.append(f"seed {number}: {took:.1f} s")
    return outcome


def _with_white(content: bytes) -> object:
    return decode(content, FileOptions(largest_image=1 << 20, white=65535))


def _table(name: str) -> Callable[[bytes], object]:
    return lambda content: list(rows(content, name))


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of a file on disk, from one of its bytes."""

    def act(content: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            return read(path)

    return act


def _load(path: Path) -> object:
    return load_images(path, ImageOptions(largest_image=1 << 20, largest_file=1 << 24, largest_set=1 << 24))


def _pairs(path: Path) -> object:
    found = units(str(path), 8, CaptionOptions(without_caption="null"), ImageOptions(largest_file=1 << 24))
    return [unit.digest() for unit in found]


def encoded(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def _images() -> Iterator[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"):
        if form != "AVIF" or "AVIF" in Image.SAVE:
            yield encoded(pixels, form)


def _members() -> dict[str, bytes]:
    png = encoded(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), "PNG")
    return {"a.png": png, "a.txt": b"a caption", "b.png": png, "b.json": b'{"caption": "another"}'}


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members().items():
            archive.writestr(name, content)
    return file.getvalue()


def _tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in _members().items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def json_of_labels(rng: random.Random) -> bytes:
    """JSON of the right outline with values of every kind, deep and large ones too."""

    def value(depth: int = 0) -> object:
        kinds: list[Callable[[], object]] = [
            lambda: rng.choice((0, 1, -1, 10**12, 10**30, 0.5, 1e308, True, False, None)),
            lambda: rng.choice(("a.png", "", "../a.png", "\ud800", "\x1b[2J", "x" * 999)),
            lambda: [value(depth + 1) for _ in range(rng.randrange(3))],
            lambda: {rng.choice(("labels", "text", "file_name", "a")): value(depth + 1) for _ in range(2)},
        ]
        return rng.choice(kinds if depth < 4 else kinds[:2])()

    if rng.random() < 0.05:
        return b"[" * rng.randrange(10, 200_000)
    outline = {"labels": [[value(), value()] for _ in range(rng.randrange(4))], "file_name": value(), "text": value()}
    return json.dumps(outline).encode()


def _pickles() -> Iterator[bytes]:
    data = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps({"data": data, "labels": [3, 4], "batch_label": b"1 of 5"}, protocol)
        yield pickle.dumps({"data": data[:, :9].copy("F"), "labels": np.array([3, 4])}, protocol)


_NAMES = (
    b"numpy\nndarray\n numpy\ndtype\n numpy.core.multiarray\n_reconstruct\n numpy.core.multiarray\nscalar\n "
    b"numpy._core.numeric\n_frombuffer\n _codecs\nencode\n builtins\nbytes\n builtins\neval\n os\nsystem\n "
    b"numpy\nfromfile\n numpy.lib.stride_tricks\nas_strided\n builtins\ngetattr\n copyreg\n_reconstructor\n"
).split(b" ")
_STRINGS = (
    b"u1",
    b"u1",
    b"i8",
    b"O8",
    b"u1",
    b"i8",
    b"V0",
    b"S9999999",
    b"|",
    b"<",
    b"latin1",
    b"b",
    b"rot13",
    b"",
    b"A" * 64,
)


def _program(rng: random.Random) -> bytes:
    """A program for a pickle machine: calls of numpy's functions with arguments that fit and that do not."""

    def number() -> bytes:
        return rng.choice(
            (b"K\0", b"K\1", b"K\x08", b"M\0\x0c", b"J\xff\xff\xff\xff", b"\x8a\x05\0\0\0\0\x7f", b"I-1\n")
        )

    def string() -> bytes:
        text = rng.choice(_STRINGS)
        return rng.choice((b"U", b"\x8c", b"C")) + bytes([len(text)]) + text

    def shape() -> bytes:
        return b"(" + b"".join(number() for _ in range(rng.randrange(4))) + b"t"

    def dtype() -> bytes:
        state = b"(K\3" + string() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t"
        return b"cnumpy\ndtype\n" + string() + number() + number() + b"\x87R" + rng.choice((b"", state + b"b"))

    def array() -> bytes:
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + shape() + string() + b"\x87R"
        content = rng.choice((string(), b"B" + struct.pack("<I", 64) + b"\x41" * 64))
        return start + b"(K\1" + shape() + dtype() + rng.choice((b"\x88", b"\x89", number())) + content + b"tb"

    def wild() -> bytes:
        return b"c" + rng.choice(_NAMES) + b"(" + b"".join(rng.choice(parts)() for _ in range(rng.randrange(4))) + b"tR"

    def memo() -> bytes:
        place = rng.choice((0, 1, 7, 2**31 - 1, 2**32 - 1))
        return rng.choice((b"r", b"j", b"q", b"h", b"\x94"))[:1] + struct.pack("<I", place)

    def nest() -> bytes:
        return rng.choice((b")", b"]", b"}")) + b"\x85" * (50_000 if rng.random() < 0.01 else rng.randrange(9))

    parts: list[Callable[[], bytes]] = [number, string, shape, dtype, array, nest, memo]
    if rng.random() < 0.3:
        parts.append(wild)
    body = b"".join(rng.choice(parts)() + rng.choice((b"", b"0", b"s", b"u", b"a", b"e", b"b")) for _ in range(6))
    key = string() if rng.random() < 0.8 else nest()
    head = b"\x80\x02}(" + key + array() + b"U\6labels" + rng.choice((array, shape))()
    return rng.choice((head + b"u.", head + b"u" + body + b".", b"\x80\x04(" + body + b"t."))
