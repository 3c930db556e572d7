"""Images with captions, from every usual layout, as units of work: a stretch of rows, or one WebDataset shard.

    folder, zip or tar  images, with captions where `ambient.data.images.captions` finds them
    Hugging Face        a column of images and one of text; saved, parquet files, or a hub id at a pinned commit
    WebDataset          tar shards of key.jpg + key.txt (or a "caption" in key.json), never unpacked

Nothing is decoded here: a pair hands out the bytes of its file. What is left out is said in a warning, with its number
and the first names; images that cannot be read stay pairs, so that whoever reads them is told.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ambient.data.images.captions import caption_in, find_captions
from ambient.data.images.captions.texts import Tally
from ambient.data.images.layouts.folders import names_of_split, several_splits
from ambient.data.images.layouts.rows import beside, image_bytes, is_hub_id, is_saved, open_rows
from ambient.data.images.layouts.webdataset import read_shard, shards
from ambient.data.images.listing import archives_inside
from ambient.data.images.names import is_image, is_unread_image, sort_out
from ambient.data.images.options import CaptionOptions, FileOptions, ImageOptions
from ambient.data.images.pixels import decode
from ambient.data.images.stores import Store, open_store
from ambient.data.images.validation import DataSetError, Fault, LeftOut, UnusableError, told, visible


@dataclass(frozen=True)
class Pair:
    """One image with its caption.

    Attributes:
        index: Its place in the data set: with the seed it decides its noise.
        name: Its name there, made visible.
        content: Reads the bytes of its file; raises `UnusableError`.
        caption: Its caption.
        options: How large it may be.
    """

    index: int
    name: str
    content: Callable[[], bytes]
    caption: str
    options: FileOptions = FileOptions()

    def pixels(self) -> np.ndarray:
        """The image, (H, W, 1) or (H, W, 3) uint8. Raises `UnusableError`."""
        return decode(self.content(), self.options)


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
                content = str(error).encode(errors="backslashreplace")
            digest.update(json.dumps([pair.index, pair.name, len(content), pair.caption]).encode() + content)
            count += 1
        return digest.hexdigest(), count


def units(data: str, size: int, captions: CaptionOptions, images: ImageOptions | None = None) -> list[Unit]:
    """The data set in units of `size` images, or of one WebDataset shard each.

    Args:
        data: Folder, zip, tar, WebDataset shards ("shards/{000..099}.tar", or a folder of them) or Hugging Face id.
        size: Images a unit, where they are not shards.
        captions: Where captions come from, and what becomes of images without.
        images: Split, revision, column of images, and how large files may be.

    Raises:
        DataSetError: If it cannot be read, or images and captions do not belong together, naming file and line; if no
            image has a caption and `captions` does not say that this is meant.
    """
    images = images or ImageOptions()
    path = Path(data)
    if is_saved(path) or (not path.exists() and is_hub_id(data)):
        pairs = _of_rows(data, captions, images)
    elif files := shards(data, images):
        return [Unit(file.name, partial(_of_shard, file, i, captions, images)) for i, file in enumerate(files)]
    else:
        pairs = _of_store(data, open_store(path, images), captions, images)
    if not pairs:
        raise DataSetError(f"{data} has no images to use")
    stretches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return [Unit(f"images {part[0].index} to {part[-1].index}", partial(iter, part)) for part in stretches]


def _of_store(data: str, store: Store, captions: CaptionOptions, images: ImageOptions) -> list[Pair]:
    below, names = names_of_split(store, images.split)
    found = sort_out(names)
    bad = [fault for fault in store.faults if fault.name.startswith(below)]
    if elsewhere := [fault for fault in bad if not _names_image(fault)]:
        raise DataSetError(f"{data}: {told(elsewhere)}; mend or remove them")
    # Captions may be of images that cannot be read too: what is wrong with these is said where they are used.
    named = [*found.images, *(fault.name for fault in bad)]
    given = find_captions(store, named, found.texts, captions, images)
    bad += filter(_names_image, found.faults)
    other = [LeftOut("not an image", fault.name) for fault in found.faults if not _names_image(fault)]
    texts = [LeftOut("text beside the images", name) for name in found.texts if name not in given.used]
    _say([*store.notes, *given.notes, *several_splits(store, below, found.images)])
    _say(archives_inside(store, found.left_out))
    _say_left_out(data, [*store.left_out, *other, *(texts if captions.caption is None else [])])
    readers: dict[str, Callable[[], bytes]] = {name: partial(store.read, name) for name in found.images}
    readers |= {fault.name: _raiser(fault) for fault in bad}
    pairs = [
        Pair(i, visible(name), readers[name], given.of.get(name, ""), images) for i, name in enumerate(sorted(readers))
    ]
    known = {visible(name) for name in given.of} | {fault.name for fault in bad}
    return _settle(data, pairs, known, bool(given.of), captions)


def _names_image(fault: Fault) -> bool:
    return is_image(fault.name) or is_unread_image(fault.name)


def _raiser(fault: Fault) -> Callable[[], bytes]:
    """Reads a file that cannot be read: its pair is refused, or left out, where it is used."""

    def content() -> bytes:
        raise UnusableError(fault.kind, fault.detail)

    return content


def _of_rows(data: str, captions: CaptionOptions, images: ImageOptions) -> list[Pair]:
    rows, column = open_rows(data, images)
    tally = Tally()
    if captions.caption is not None:
        texts: list[str | None] = [captions.caption] * len(rows)
    elif captions.captions is not None:
        raise DataSetError(
            f"--captions {captions.captions}: the rows of {data} have no file names; use --caption-column"
        )
    elif captions.caption_column in rows.features:
        values = rows[captions.caption_column]
        texts = [caption_in(value, f"{data} row {i}", captions, tally) for i, value in enumerate(values)]
    else:
        raise DataSetError(
            f"{data} has no column {captions.caption_column}; choose --caption-column from "
            f"{', '.join(rows.features)}, or give one --caption for all"
        )
    _say([*beside(data), *tally.notes(data)])
    pictures = rows.select_columns([column])

    def read(i: int) -> bytes:
        try:
            value = pictures[i][column]
        except Exception as error:  # damaged tables of rows raise nearly anything
            raise UnusableError("damaged", f"the row cannot be read: {error}") from error
        return image_bytes(value, images)

    pairs = [Pair(i, f"row {i}", partial(read, i), text or "", images) for i, text in enumerate(texts)]
    known = {pair.name for pair, text in zip(pairs, texts, strict=True) if text is not None}
    return _settle(data, pairs, known, bool(known), captions)


def _of_shard(path: Path, shard: int, captions: CaptionOptions, images: ImageOptions) -> Iterator[Pair]:
    """The pairs of one shard, in its order."""
    found = read_shard(path, captions, images)
    try:
        _say_left_out(str(path), found.left_out)
        for count, sample in enumerate(found.samples):
            caption = found.caption(sample)
            if caption is None and captions.without_caption == "error":
                raise DataSetError(f"{path}: {sample.key} has no caption: {_WAYS}")
            if caption is not None or captions.without_caption == "null":
                name = visible(f"{path.name}:{sample.key}")
                yield Pair(shard << 32 | count, name, _held(found.store, sample.image), caption or "", images)
        _say(found.tally.notes(str(path)))
    finally:
        found.store.close()


def _held(store: Store, name: str) -> Callable[[], bytes]:
    """The bytes of a file, read now, while the store is open; or the reason why it cannot be read."""
    try:
        content = store.read(name)
    except UnusableError as error:
        return _raiser(error.fault(name))
    return lambda: content


_WAYS = "--without-caption null gives it the null caption, skip leaves it out"


def _settle(data: str, pairs: list[Pair], known: set[str], any_caption: bool, captions: CaptionOptions) -> list[Pair]:
    """What becomes of pairs whose name is not `known`."""
    missing = [pair.name for pair in pairs if pair.name not in known]
    if missing and captions.without_caption == "error":
        if not any_caption:
            raise DataSetError(
                f"{data} has no captions: looked for metadata.jsonl, .csv or .parquet, captions.jsonl, and .txt beside "
                "the images; --captions names a file, --caption gives all images one, --without-caption null means none"
            )
        raise DataSetError(
            f"{len(missing)} of {len(pairs)} images of {data} have no caption, such as {missing[0]}: "
            "--without-caption null gives them the null caption, skip leaves them out"
        )
    if missing:
        done = "get the null caption" if captions.without_caption == "null" else "are left out"
        _say([f"{data}: {len(missing)} of {len(pairs)} images have no caption and {done}, such as {missing[0]}"])
    return pairs if captions.without_caption == "null" else [pair for pair in pairs if pair.name in known]


def _say(notes: list[str]) -> None:
    for note in notes:
        warnings.warn(visible(note), stacklevel=4)


def _say_left_out(data: str, left_out: list[LeftOut]) -> None:
    if left_out:
        _say([f"{data}: left out {told(left_out)}"])
