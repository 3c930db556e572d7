"""WebDataset: tar files in which the files of one sample share a key, such as 00012.jpg and 00012.txt.

A key ends at the first dot of the file's name: 00012.seg.png belongs to 00012. But names have dots of their own, too:
"v1.5 cat.png" is an image with the caption "v1.5 cat.txt". So a name is first cut at its last dot. An image that has no
caption then, while the key at its first dot has another image, is a further image of that sample, and left out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ambient.data.images.captions.finding import BESIDE, caption_beside
from ambient.data.images.captions.tables import is_table
from ambient.data.images.captions.texts import Tally
from ambient.data.images.names import is_image, sort_out
from ambient.data.images.options import CaptionOptions, FileOptions
from ambient.data.images.stores.folder import FolderStore
from ambient.data.images.stores.tars import TarStore
from ambient.data.images.validation import DataSetError, LeftOut, told

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_SHARDS = 1_000_000
_ENDINGS = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Sample:
    """The files of one sample.

    Attributes:
        key: Their common name.
        image: The image.
        texts: What may hold its caption.
    """

    key: str
    image: str
    texts: tuple[str, ...]


@dataclass
class Shard:
    """One tar file.

    Attributes:
        store: Its files.
        samples: Its samples, in its order.
        captions: How captions are read.
        left_out: Files that belong to no sample.
        tally: What was reinterpreted so far.
    """

    store: TarStore
    samples: list[Sample]
    captions: CaptionOptions
    left_out: list[LeftOut]
    tally: Tally = field(default_factory=Tally)

    def caption(self, sample: Sample) -> str | None:
        """The caption of a sample. Raises `DataSetError` if its text is damaged."""
        if self.captions.caption is not None:
            return self.captions.caption
        return caption_beside(self.store, sample.texts, self.captions, self.tally)


def shards(data: str, options: FileOptions) -> list[Path]:
    """The shards that `data` names, if it does: by numbers in braces, as a folder of nothing but tars, or as one tar.

    A tar with a table of captions in it is a folder of images, and no shard.

    Raises:
        DataSetError: If a shard is not there.
    """
    path = Path(data)
    if path.is_dir():
        return _in_folder(path, options)
    if path.exists() or not (braces := _BRACES.search(data)):
        return [path] if data.endswith(".tar") and _is_shard(path, options) else []
    first, last = braces.groups()
    count = int(last[:20]) - int(first[:20]) + 1
    if not 1 <= count <= _MOST_SHARDS:
        raise DataSetError(f"{data} names {max(count, 0):,} shards; the numbers must rise, to at most {_MOST_SHARDS:,}")
    numbers = (str(i).zfill(len(first)) for i in range(int(first), int(last) + 1))
    files = [Path(data[: braces.start()] + number + data[braces.end() :]) for number in numbers]
    for file in files:
        if not file.is_file():
            raise DataSetError(f"{file}: no such shard")
    return files


def read_shard(path: Path, captions: CaptionOptions, options: FileOptions) -> Shard:
    """The samples of a shard. Raises `DataSetError` if it is no whole tar file, or has unsafe names."""
    store = TarStore(path, options)
    if store.faults:
        raise DataSetError(f"{path}: {told(store.faults)}; make it again without them")
    samples, rest = _samples(store.order)
    found = sort_out(rest)
    left_out = [*store.left_out, *found.left_out]
    left_out += [LeftOut("second image", name) for name in found.images]
    left_out += [LeftOut("not an image", fault.name) for fault in found.faults]
    return Shard(store, samples, captions, left_out)


def _samples(names: list[str]) -> tuple[list[Sample], list[str]]:
    """The samples among the names of a tar, in its order, and the names that belong to none."""
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(_cut(name, last=True), []).append(name)
    with_image = {stem for stem, files in by_stem.items() if any(map(is_image, files))}
    samples, rest = [], []
    for stem, files in by_stem.items():
        images = [name for name in files if is_image(name)]
        texts = [name for end in BESIDE for name in files if name.lower().endswith(end)]
        first = _cut(images[0], last=False) if images else stem
        if not images or (not texts and first != stem and first in with_image):
            rest += files
            continue
        samples.append(Sample(stem, images[0], tuple(texts)))
        rest += [name for name in files if name not in (images[0], *texts)]
    return samples, [name for name in rest if is_image(name) or _is_foreign(name)]


def _is_foreign(name: str) -> bool:
    """Whether a file is no text: what a sample holds beside image and caption is not worth a word, others are."""
    return not name.lower().endswith(BESIDE)


def _cut(name: str, last: bool) -> str:
    path = PurePosixPath(name)
    short = path.name.rpartition(".")[0] if last else path.name.split(".")[0]
    return str(path.with_name(short or path.name))


def _in_folder(folder: Path, options: FileOptions) -> list[Path]:
    """The tars of a folder that holds no image; one that is compressed is no shard, but a folder of images."""
    if not any(name.endswith(_ENDINGS) for name in os.listdir(folder)):
        return []
    store = FolderStore(folder, options)
    files = [folder / name for name in store.names if name.endswith(_ENDINGS) and "/" not in name]
    if any(map(is_image, store.names)) or (len(files) == 1 and files[0].suffix != ".tar"):
        return []
    if store.faults:
        raise DataSetError(f"{folder}: {told(store.faults)}; mend or remove them")
    return files


def _is_shard(path: Path, options: FileOptions) -> bool:
    if not path.exists():
        raise DataSetError(f"{path}: no such shard")
    store = TarStore(path, options)
    try:
        return not any(map(is_table, store.names))
    finally:
        store.close()
