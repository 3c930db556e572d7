"""Hugging Face data sets: from the hub at a pinned commit, from a folder of parquet files, or as saved to disk."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ambient.data.images.listing import Entry, Listing, class_numbers
from ambient.data.images.names import is_image
from ambient.data.images.options import FileOptions, ImageOptions
from ambient.data.images.pixels import decode
from ambient.data.images.stores.base import check_size, read_file
from ambient.data.images.stores.folder import FolderStore
from ambient.data.images.validation import DataSetError, UnusableError, some

_VALIDATION = ("validation", "val", "valid", "dev")


def is_hub_id(source: str) -> bool:
    """Whether `source` has the form of a data set's id, "name" or "owner/name"."""
    return re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source) is not None


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk`, or holds parquet files other than metadata of images."""
    if not folder.is_dir():
        return False
    if _was_saved(folder):
        return True
    some_parquet = (path for mark in ("*.parquet", "*/*.parquet") for path in folder.glob(mark))
    return any(path.stem != "metadata" for path in some_parquet)


def _was_saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def list_hub(source: str, options: ImageOptions) -> Listing:
    """The rows of a Hugging Face data set, in its own order.

    Args:
        source: A folder, or a hub id; the id needs `options.revision`, so that a name is always the same images.
        options: Split (train by default), columns and revision.

    Raises:
        DataSetError: If the library is absent, the data set, split or column cannot be had, or no revision is pinned.
    """
    datasets = _library(source)
    rows, images = open_rows(source, options)
    label_column = _label_column(source, rows, options, datasets) if options.labels else None
    labels = [None] * len(rows) if label_column is None else rows[label_column]
    classes = () if label_column is None else _classes(rows.features[label_column], labels)
    pictures = rows.select_columns([images])
    entries = [Entry(f"row {i}", _row(pictures, images, i, options), label) for i, label in enumerate(labels)]
    return Listing("Hugging Face data set", entries, classes, warnings=beside(source))


def beside(source: str) -> list[str]:
    """A warning if images lie beside parquet files, which are what is read."""
    folder = Path(source)
    if not folder.is_dir() or _was_saved(folder):
        return []
    images = [name for name in FolderStore(folder, FileOptions()).names if is_image(name)]
    what = some(images, len(images))
    return (
        [f"{source}: its parquet files are read, {len(images)} images beside them are not ({what})"] if images else []
    )


def open_rows(source: str, options: ImageOptions) -> tuple[Any, str]:
    """The rows of a Hugging Face data set, and the name of their column of images, which are left as files' bytes.

    Arguments and errors as in `list_hub`.
    """
    local = Path(source).is_dir()
    if not local and options.revision is None:
        raise DataSetError(
            f"{source}: no such file or folder; if it is a Hugging Face id, give its commit too, where a command takes "
            "one, so that the images never change"
        )
    datasets = _library(source)
    splits = _load(datasets, source, options, local)
    rows = splits if isinstance(splits, datasets.Dataset) else _split(source, splits, options)
    images = _column(source, rows, options.image_column, datasets.Image, "image_column")
    return rows.cast_column(images, datasets.Image(decode=False)), images


def image_bytes(value: Any, options: FileOptions) -> bytes:
    """The file behind a value of such a column. Raises `UnusableError` if there is none, or it is too large."""
    if value is None:
        raise UnusableError("empty file", "the row has no image")
    if value["bytes"] is not None:
        check_size(len(value["bytes"]), options.largest_file)
        return bytes(value["bytes"])
    try:
        return read_file(Path(value["path"]), options.largest_file)
    except UnusableError as error:
        raise UnusableError(error.kind, f"{value['path']}: {error.detail}") from error


def _library(source: str) -> ModuleType:
    try:
        import datasets
    except ImportError as error:
        raise DataSetError(f"{source}: Hugging Face data sets need the extra 'data': pip install '.[data]'") from error
    library: ModuleType = datasets
    return library


def _load(datasets: ModuleType, source: str, options: ImageOptions, local: bool) -> Any:
    try:
        if local and _was_saved(Path(source)):
            return datasets.load_from_disk(source)
        if local and glob.has_magic(source):  # the library would read brackets in a folder's name as a pattern
            return datasets.load_dataset("parquet", data_dir=glob.escape(source))
        return datasets.load_dataset(source, revision=None if local else options.revision)
    except Exception as error:  # the library's errors have no common class
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        where = "" if local else f" at revision {options.revision}"
        way = (
            "save it again"
            if local
            else "check the id and the connection, or download it where there is one and give its folder"
        )
        raise DataSetError(f"{source}: the data set cannot be loaded{where} ({reason}); {way}") from error


def _split(source: str, splits: Any, options: ImageOptions) -> Any:
    wanted = _VALIDATION if options.split == "val" else (options.split or "train",)
    for name in wanted:
        if name in splits:
            return splits[name]
    raise DataSetError(f"{source} has no split {wanted[0]}; it has {', '.join(splits)}")


def _column(source: str, rows: Any, name: str | None, kind: type, option: str) -> str:
    found: list[str] = [column for column, feature in rows.features.items() if isinstance(feature, kind)]
    if name is not None and name in found:
        return name
    if name is None and len(found) == 1:
        return found[0]
    asked = f"column {name} is not one of" if name is not None else "choose one with"
    raise DataSetError(f"{source}: {asked} its {kind.__name__} columns ({option}): {', '.join(found) or 'none'}")


def _label_column(source: str, rows: Any, options: ImageOptions, datasets: ModuleType) -> str:
    if options.label_column is None:
        return _column(source, rows, None, datasets.ClassLabel, "label_column")
    if options.label_column not in rows.features:
        raise DataSetError(f"{source} has no column {options.label_column}; it has {', '.join(rows.features)}")
    return options.label_column


def _classes(feature: Any, labels: Any) -> tuple[str, ...]:
    if hasattr(feature, "names"):
        return tuple(feature.names)
    return tuple(map(str, range(max(class_numbers(labels), default=-1) + 1)))


def _row(rows: Any, column: str, i: int, options: FileOptions) -> Callable[[], np.ndarray]:
    def load() -> np.ndarray:
        try:
            value = rows[i][column]
        except Exception as error:  # damaged tables of rows raise nearly anything
            raise UnusableError("damaged", f"the row cannot be read: {error}") from error
        return decode(image_bytes(value, options), options)

    return load
