"""Samples in sharded safetensors files, read row by row as they are needed: data sets that do not fit in memory.

A shard holds for its n samples

    x, index                what was observed, (n, *), and the samples' indices in the data set, (n,) int64
    clean                   only where a method may see clean samples, (n, *)
    condition.NAME          what the denoiser is told, (n, *)
    shared.NAME, shared     what many samples share, such as a caption's states, (u, *), and each sample's row, (n,)

and in its metadata the `key` of the data set that it belongs to, and its own `name`, so that no shard can stand in the
place of another. A shard is checked against its checksum when it is first read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.process import Level
from ambient.runs.checksums import metadata_of, verify
from ambient.runs.damage import DamagedFileError, reading
from ambient.runs.files import check_metadata, save_tensors

_OPEN = 64


class DamagedShardError(DamagedFileError):
    """A shard is absent, damaged, or belongs in another place or to another data set."""


class ShardedSamples:
    """The samples of some shards, in their order, through the interface of `ambient.data.samples.Samples`.

    Args:
        paths: The shards.
        nature: The level at which all samples were observed.
        key: What identifies the data set; every shard must carry it.

    Raises:
        DamagedShardError: If a shard is absent, cut off, or another one than it should be, naming it; what a checksum
            tells, `batch` raises when it first reads from the shard.
    """

    def __init__(self, paths: Sequence[Path], nature: Level, key: str) -> None:
        self.paths, self.nature, self.key = list(paths), nature, key
        self._ends = list(accumulate(count_rows(path, key) for path in self.paths))
        self._verified: set[Path] = set()
        self._file = lru_cache(_OPEN)(self._open)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def fingerprint(self) -> str:
        """The key of the data set."""
        return self.key

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The samples at `rows`, (B,), on `device`."""
        samples = [dict(self._row(int(row))) for row in rows]
        together = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
        index = together.pop("index")
        moved = {name: value.to(device, non_blocking=True) for name, value in together.items()}
        x, clean = moved.pop("x"), moved.pop("clean", None)
        return Batch(x, self.nature, index, clean, moved)

    def _open(self, path: Path) -> Any:
        with _of_shard(path):
            if path not in self._verified:
                verify(path)
                self._verified.add(path)
            return safetensors.safe_open(path, "pt")

    def _row(self, row: int) -> Iterator[tuple[str, Tensor]]:
        shard = bisect_right(self._ends, row)
        file = self._file(self.paths[shard])
        offset = row - (self._ends[shard - 1] if shard else 0)
        for name in file.keys():  # noqa: SIM118  (not a mapping)
            if name.startswith("shared."):
                yield name.removeprefix("shared."), file.get_slice(name)[int(file.get_slice("shared")[offset])]
            elif name != "shared":
                yield name.removeprefix("condition."), file.get_slice(name)[offset]


def save_shard(path: Path, tensors: Mapping[str, Tensor], key: str) -> None:
    """Write one shard of the data set `key`; its tensors as in the module. Raises OSError, as `save_tensors`."""
    save_tensors(path, tensors, _facts(path, key))


def is_shard(path: Path, key: str) -> bool:
    """Whether a shard of the data set `key` is there, undamaged and in its place, and holds samples."""
    try:
        verify(path)
        return count_rows(path, key) > 0
    except OSError:
        return False


def count_rows(path: Path, key: str) -> int:
    """Number of samples in a shard of the data set `key`, from its header.

    Raises:
        DamagedShardError: As `ShardedSamples`.
    """
    with _of_shard(path):
        check_metadata(path, metadata_of(path), _facts(path, key))
        with reading(path), safetensors.safe_open(path, "pt") as file:
            return int(file.get_slice("index").get_shape()[0])


def _facts(path: Path, key: str) -> dict[str, str]:
    return {"key": key, "name": path.name}


@contextmanager
def _of_shard(path: Path) -> Iterator[None]:
    """What is wrong with a file, said of a shard."""
    try:
        yield
    except FileNotFoundError as error:
        raise DamagedShardError(f"{path} is missing; run the command that makes it again") from error
    except DamagedFileError as error:
        raise DamagedShardError(str(error)) from error
