"""Images with captions, from every usual layout, as units of work: a stretch of rows, or one WebDataset shard.

    folder, zip or tar  images, with captions in metadata.jsonl ({"file_name": ..., "text": ...}, Hugging Face's
                        image folder) or captions.jsonl ({"file": ..., "text": ...}) inside it or beside it
    Hugging Face        a column of images and one of text; saved, parquet files, or a hub id at a pinned commit
    WebDataset          tar shards of key.jpg + key.txt (or a "caption" in key.json), streamed, never unpacked

Nothing is decoded here: a pair hands out the bytes of its file.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import tyro

from ambient.data.images import DataSetError, ImageOptions
from ambient.data.images.archive import Store, ZipStore, open_store
from ambient.data.images.hub import image_bytes, is_hub_id, is_saved, open_rows
from ambient.data.images.listing import image_names
from ambient.data.images.validation import UnusableError

_CAPTION_FILES = ("metadata.jsonl", "captions.jsonl")
_IMAGES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Source:
    """Where images and captions come from."""

    data: tyro.conf.Positional[str]
    """Folder, zip, WebDataset shards ("shards/{000..099}.tar", or a folder of them) or Hugging Face id."""
    captions: Path | None = None
    """JSON lines with file_name (or file) and the caption; by default metadata.jsonl or captions.jsonl in the data."""
    caption_column: str = "text"
    """Name of the caption in these lines, or column of a Hugging Face data set."""
    caption: str | None = None
    """One caption for all images, in place of their own; "" is the null caption."""
    without_caption: Literal["error", "null", "skip"] = "error"
    """What becomes of an image without a caption, where others have one."""
    split: str | None = None
    """Split of a Hugging Face data set (train)."""
    data_revision: str | None = None
    """Commit of a Hugging Face id."""
    image_column: str | None = None
    """Column of the images of a Hugging Face data set; by default its only one."""


@dataclass(frozen=True)
class Pair:
    """One image with its caption.

    Attributes:
        index: Its place in the data set: with the seed it decides its noise.
        name: Its name there.
        content: Reads the bytes of its file; raises `UnusableError`.
        caption: Its caption.
    """

    index: int
    name: str
    content: Callable[[], bytes]
    caption: str


@dataclass(frozen=True)
class Unit:
    """A piece of a data set that one process reads from its beginning to its end.

    Attributes:
        name: Of the piece, for messages.
        pairs: Reads it from the beginning.
    """

    name: str
    pairs: Callable[[], Iterator[Pair]]

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the indices, names, files and captions, and the number of pairs."""
        digest, count = hashlib.sha256(), 0
        for pair in self.pairs():
            try:
                content = pair.content()
            except UnusableError as error:
                content = str(error).encode()
            digest.update(json.dumps([pair.index, pair.name, len(content), pair.caption]).encode() + content)
            count += 1
        return digest.hexdigest(), count


def units(source: Source, size: int) -> list[Unit]:
    """The data set in units of `size` images, or of one WebDataset shard each.

    Raises:
        DataSetError: If it cannot be read, or images and captions do not belong together, naming file and line.
    """
    if shards := _tar_files(source.data):
        return [Unit(path.name, partial(_stream, path, i, source)) for i, path in enumerate(shards)]
    path = Path(source.data)
    if is_saved(path) or (not path.exists() and is_hub_id(source.data)):
        pairs = _rows(source)
    else:
        pairs = _files(source, _open(path))
    if not pairs:
        raise DataSetError(f"{source.data} has no images to use")
    stretches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return [Unit(f"images {part[0].index} to {part[-1].index}", partial(iter, part)) for part in stretches]


def _open(path: Path) -> Store:
    """The store of a folder or archive; a folder with one zip and no image of its own is that zip."""
    if path.is_dir() and len(zips := list(path.glob("*.zip"))) == 1:
        names = [file.suffix.lower() for file in path.iterdir() if file.is_file()]
        if not any(name in _IMAGES for name in names):
            return ZipStore(zips[0])
    return open_store(path)


def _files(source: Source, store: Store) -> list[Pair]:
    names, _ = image_names(store.names)
    captions = _captions(source, store, set(names))
    found = [Pair(i, name, partial(store.read, name), captions.get(name, "")) for i, name in enumerate(names)]
    return found if not captions else _settle(found, captions.keys(), source)


def _captions(source: Source, store: Store, names: set[str]) -> dict[str, str]:
    """File -> caption; empty where no file says."""
    if source.caption is not None:
        return dict.fromkeys(names, source.caption)
    if source.captions is not None:
        try:
            return _parse(source.captions.read_text(), str(source.captions), source.caption_column, names)
        except OSError as error:
            raise DataSetError(f"--captions {source.captions}: {error.strerror}") from error
    for file in _CAPTION_FILES:
        if file in store.names:
            return _parse(store.read(file).decode(), file, source.caption_column, names)
        beside = (store.path if store.path.is_dir() else store.path.parent) / file
        if beside.is_file():
            return _parse(beside.read_text(), str(beside), source.caption_column, names)
    return {}


def _parse(text: str, file: str, column: str, names: set[str]) -> dict[str, str]:
    captions: dict[str, str] = {}
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name = str(row["file_name"] if "file_name" in row else row["file"])
        except (ValueError, TypeError, KeyError) as error:
            raise DataSetError(f'{file} line {number}: not a JSON object with "file_name" or "file"') from error
        if name not in names:
            raise DataSetError(
                f"{file} line {number} names {name}, which is not among the images; mend the caption file"
            )
        if name in seen:
            raise DataSetError(f"{file} line {number} names {name} a second time; mend that file")
        seen.add(name)
        if isinstance(row.get(column), str) and row[column].strip():
            captions[name] = row[column].strip()
    if not captions:
        raise DataSetError(f'{file} has no captions under "{column}"; choose the field with --caption-column')
    return captions


def _rows(source: Source) -> list[Pair]:
    options = ImageOptions(split=source.split, revision=source.data_revision, image_column=source.image_column)  # type: ignore[arg-type]
    rows, images = open_rows(source.data, options)
    if source.caption is not None:
        texts: list[Any] = [source.caption] * len(rows)
    elif source.caption_column in rows.features:
        texts = list(rows[source.caption_column])
    else:
        raise DataSetError(
            f"{source.data} has no column {source.caption_column}; choose --caption-column from "
            f"{', '.join(rows.features)}, or give one --caption for all"
        )
    pictures = rows.select_columns([images])

    def read(i: int) -> bytes:
        return image_bytes(pictures[i][images])

    found = [Pair(i, f"row {i}", partial(read, i), str(text or "").strip()) for i, text in enumerate(texts)]
    with_text = {pair.name for pair in found if pair.caption or source.caption is not None}
    return _settle(found, with_text, source)


def _settle(pairs: list[Pair], known: Any, source: Source) -> list[Pair]:
    """What becomes of pairs whose name is not `known`."""
    missing = [pair.name for pair in pairs if pair.name not in known]
    if missing and source.without_caption == "error":
        raise DataSetError(
            f"{len(missing)} of {len(pairs)} images of {source.data} have no caption, such as {missing[0]}: "
            "--without-caption null gives them the null caption, skip leaves them out"
        )
    return pairs if source.without_caption == "null" else [pair for pair in pairs if pair.name in known]


def _tar_files(data: str) -> list[Path]:
    """The WebDataset shards that `data` names, if it does."""
    braces = re.search(r"\{(\d+)\.\.(\d+)\}", data)
    if braces:
        first, last = braces.groups()
        numbers = [str(i).zfill(len(first)) for i in range(int(first), int(last) + 1)]
        files = [Path(data[: braces.start()] + number + data[braces.end() :]) for number in numbers]
    elif Path(data).is_dir():
        files = sorted(Path(data).glob("*.tar"))
    else:
        files = [Path(data)] if data.endswith(".tar") else []
    for file in files:
        if not file.is_file():
            raise DataSetError(f"{file}: no such shard")
    return files


def _stream(path: Path, shard: int, source: Source) -> Iterator[Pair]:
    """The pairs of one shard, from its beginning to its end; files of one sample lie side by side."""
    parts: dict[str, bytes] = {}
    current, count = None, 0
    try:
        with tarfile.open(path, "r|*") as tar:
            for member in tar:
                if not member.isfile():
                    continue
                name = PurePosixPath(member.name)
                key, kind = str(name.parent / name.name.split(".")[0]), "." + name.name.partition(".")[2].lower()
                if key != current:
                    yield from _sample(path, shard, count, current, parts, source)
                    count += current is not None
                    current, parts = key, {}
                content = tar.extractfile(member)
                parts[kind] = content.read() if content else b""
            yield from _sample(path, shard, count, current, parts, source)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataSetError(f"{path} is not a whole tar file ({error}); fetch or make it again") from error


def _sample(
    path: Path, shard: int, count: int, key: str | None, parts: dict[str, bytes], source: Source
) -> Iterator[Pair]:
    image = next((parts[kind] for kind in _IMAGES if kind in parts), None)
    if key is None or image is None:
        return
    caption = _caption_of(path, key, parts, source)
    if caption is None and source.without_caption == "error":
        raise DataSetError(
            f"{path}: {key} has no caption: --without-caption null gives it the null caption, skip leaves it out"
        )
    if caption is not None or source.without_caption == "null":
        content: bytes = image
        yield Pair(shard << 32 | count, f"{path.name}:{key}", lambda: content, caption or "")


def _caption_of(path: Path, key: str, parts: dict[str, bytes], source: Source) -> str | None:
    if source.caption is not None:
        return source.caption
    if ".txt" in parts:
        return parts[".txt"].decode(errors="replace").strip() or None
    if ".json" not in parts:
        return None
    try:
        facts = json.loads(parts[".json"])
        text = facts.get(source.caption_column) or facts.get("caption")
    except (ValueError, AttributeError) as error:
        raise DataSetError(f"{path}: {key}.json is not a JSON object") from error
    return text.strip() or None if isinstance(text, str) else None
