"""The captions of a store's images: from the place that the options name, or else from the first that there is.

    1. one caption for all (--caption), or a table of the user's (--captions)
    2. metadata.jsonl, .csv or .parquet, captions.jsonl or .csv: in the data, in any folder of it (its names are those
       below that folder), or beside the archive
    3. a text beside each image: 0001.txt, 0001.caption, or "caption" in 0001.json, for 0001.png

A name is found in composed or decomposed characters (NFC, NFD), and with backslashes for slashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ambient.data.images.captions.tables import TABLES, is_table, rows
from ambient.data.images.captions.texts import Tally, caption_in
from ambient.data.images.options import CaptionOptions, FileOptions
from ambient.data.images.stores import Store, read_file
from ambient.data.images.text import compare, decode_text, parse_json
from ambient.data.images.validation import DataSetError, UnusableError, some

BESIDE = (".txt", ".caption", ".json")


@dataclass
class Captions:
    """What was found.

    Attributes:
        of: Image -> caption, for those that have one.
        used: The texts and tables that were read.
        notes: What the user should know.
    """

    of: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def find_captions(
    store: Store, images: list[str], texts: list[str], options: CaptionOptions, files: FileOptions
) -> Captions:
    """The captions of some images of a store.

    Args:
        store: Where the images are.
        images: Their names.
        texts: The names of texts and tables in the store that may hold captions.
        options: Where to look.
        files: How large a text may be.

    Raises:
        DataSetError: If a place cannot be read, or names an image that is not there or was named before.
    """
    found = Captions()
    if options.caption is not None:
        found.of = dict.fromkeys(images, options.caption)
        return found
    tally = Tally()
    tables = _tables(store, texts, options, files)
    if tables:
        names = _Names(images)
        for file, base, content in tables:
            _add_table(found, names, content, file, base, options, tally)
        found.used = {name for name in texts if is_table(name)}
    beside = _beside(images, texts)
    if tables and beside:
        found.notes.append(f"{store.path}: captions are from {tables[0][0]}; {len(beside)} texts beside images unread")
    elif beside:
        _add_beside(found, store, beside, options, tally)
    found.notes += tally.notes(str(store.path))
    return found


def caption_beside(store: Store, texts: Iterable[str], options: CaptionOptions, tally: Tally) -> str | None:
    """The caption in the first of some texts of one image that has one.

    Raises:
        DataSetError: If one of them is damaged, or no text.
    """
    for name in texts:
        try:
            text = decode_text(store.read(name))
            value = _in_json(parse_json(text), options.caption_column) if name.lower().endswith(".json") else text
        except UnusableError as error:
            what = f"{name} is not a JSON object" if name.lower().endswith(".json") else f"{name} is no caption"
            raise DataSetError(f"{store.path}: {what} ({error.detail})") from error
        caption = caption_in(value, f"{store.path}: {name}", options, tally)
        if caption is not None:
            if "\n" in caption:
                tally.counts["a caption of several lines is read as one"] += 1
            return caption
    return None


def _in_json(value: Any, column: str) -> Any:
    if not isinstance(value, dict):
        raise UnusableError("damaged", "it must have a field caption")
    return value.get(column) or value.get("caption")


def _tables(
    store: Store, texts: list[str], options: CaptionOptions, files: FileOptions
) -> list[tuple[str, str, bytes]]:
    """Name, folder from which names are counted, and content of each table."""
    if options.captions is not None:
        try:
            return [(str(options.captions), "", read_file(options.captions, files.largest_file))]
        except UnusableError as error:
            raise DataSetError(f"--captions {options.captions}: {error.detail}") from error
    inside = [name for name in texts if is_table(name)]
    try:
        if inside:
            return [(name, name.rpartition("/")[0], store.read(name)) for name in inside]
        beside = [] if store.path.is_dir() else [store.path.parent / name for name in TABLES]
        return [(str(path), "", read_file(path, files.largest_file)) for path in beside if path.is_file()][:1]
    except UnusableError as error:
        raise DataSetError(f"{store.path}: {inside[0] if inside else 'the captions'}: {error.detail}") from error


def _add_table(
    found: Captions, names: _Names, content: bytes, file: str, base: str, options: CaptionOptions, tally: Tally
) -> None:
    seen: set[str] = set()
    fields: dict[str, None] = {}
    before = len(found.of)
    for place, name, row in rows(content, file):
        image = names.find(name, base)
        if image is None:
            raise DataSetError(f"{place} names {name}, which is not among the images; mend the caption file")
        if image in seen or image in found.of:
            raise DataSetError(f"{place} names {name} a second time; mend that file")
        seen.add(image)
        fields |= dict.fromkeys(row)
        caption = caption_in(row.get(options.caption_column), place, options, tally)
        if caption is not None:
            found.of[image] = caption
    if len(found.of) == before:
        there = some(list(fields), len(fields), 12) or "nothing"
        raise DataSetError(
            f'{file} has no captions under "{options.caption_column}"; choose the field with --caption-column '
            f"from {there}"
        )


def _beside(images: list[str], texts: list[str]) -> dict[str, list[str]]:
    """Image -> the texts beside it, in the order of `BESIDE`."""
    by_name = {compare(name): name for name in texts if not is_table(name)}
    found = {}
    for image in images:
        stems = (str(PurePosixPath(image).with_suffix("")), image)
        keys = [compare(stem + end) for end in BESIDE for stem in stems]
        if there := [by_name[key] for key in keys if key in by_name]:
            found[image] = there
    return found


def _add_beside(
    found: Captions, store: Store, beside: dict[str, list[str]], options: CaptionOptions, tally: Tally
) -> None:
    for image, texts in beside.items():
        caption = caption_beside(store, texts, options, tally)
        if texts[0] in found.used:
            tally.counts["a text is the caption of several images of that name"] += 1
        found.used |= set(texts)
        if caption is not None:
            found.of[image] = caption


class _Names:
    """The names of images, found in any spelling that can only mean one of them."""

    def __init__(self, images: list[str]) -> None:
        self._exact = set(images)
        self._alike: dict[str, str | None] = {}
        for name in images:
            key = compare(name)
            self._alike[key] = None if key in self._alike else name

    def find(self, name: str, base: str) -> str | None:
        """The image of this name, counted from the folder `base` or from the top."""
        for spelling in (name, name.replace("\\", "/")):
            for folder in dict.fromkeys((base, "")):
                whole = _joined(folder, spelling)
                if whole in self._exact:
                    return whole
                if self._alike.get(compare(whole)) is not None:
                    return self._alike[compare(whole)]
        return None


def _joined(folder: str, name: str) -> str:
    parts = [part for part in f"{folder}/{name}".split("/") if part not in ("", ".")]
    return "/".join(parts)
