"""Images with captions, by `sdxl.pairs`, and generated images, by `sdxl.generate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ambient.runs.files import write_atomically, write_records
from paper_repro.makers.folders import Products
from sdxl.attacking import choose, load_images
from sdxl.generate import read_images
from sdxl.pairs import Pair, Source, units

_BATCH = 64


def pairs_of(source: Source) -> list[Pair]:
    """All images of a data set. Raises DataSetError if it cannot be read, naming what is wrong."""
    return choose(source, None, 0)


def some_pairs(source: Source, count: int) -> list[Pair]:
    """A random choice of a data set's images, in their order. Raises DataSetError if there are fewer."""
    return choose(source, count, 0)


def pictures(pairs: Sequence[Pair], side: int) -> Tensor:
    """Images (N, 3, side, side) in [-1, 1]. Raises DataSetError for one that cannot be used, naming it."""
    return load_images(pairs, side)[0]


def generated(folder: Path, indices: Sequence[int]) -> Tensor:
    """Some images of a folder of `sdxl.generate`, (N, 3, H, W) in [-1, 1]."""
    return torch.cat([read_images(folder, range(i, i + 1)) for i in indices])


def batches_of_pictures(pairs: Sequence[Pair], side: int) -> Iterator[Tensor]:
    """All images, some at a time."""
    return _in_parts(len(pairs), lambda rows: pictures([pairs[i] for i in rows], side))


def batches_of_generated(folder: Path, count: int) -> Iterator[Tensor]:
    """The first `count` images of a folder of `sdxl.generate`, some at a time."""
    return _in_parts(count, lambda rows: read_images(folder, rows))


def first_pairs(products: Products, source: Source, count: int) -> Path:
    """A folder of the first images of a data set that have a caption, as many as there are up to `count`."""
    facts = {"data": str(Path(source.data).resolve()), "caption": source.caption, "images": count}
    folder = products.folder("pairs", facts)
    if not (folder / "metadata.jsonl").exists():
        pairs = [pair for unit in units(source, 256) for pair in unit.pairs()][:count]
        records = []
        for i, pair in enumerate(pairs):
            name = f"{i:05d}{Path(pair.name).suffix or '.png'}"
            write_atomically(folder / name, partial(_write, pair.content()))
            records.append({"file_name": name, "text": pair.caption})
        write_records(folder / "metadata.jsonl", records)
    return folder


def _write(content: bytes, file: Path) -> None:
    file.write_bytes(content)


def _in_parts(count: int, read: Callable[[range], Tensor]) -> Iterator[Tensor]:
    for start in range(0, count, _BATCH):
        yield read(range(start, min(count, start + _BATCH)))
