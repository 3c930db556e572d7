"""The mini model that comes with the package: a pipeline's folder with its weights in fp16, and their checksums.

`weights/SHA256SUMS` lists every file of it. The weights were trained in fp32 and rounded once to fp16, which moves a
weight by at most 2^-11 of itself; diffusers and `sdxl.loading` load them as fp32.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from ambient.runs.damage import DamagedFileError
from ambient.runs.files import read_text, write_atomically, write_text
from sdxl.mini.card import SUMS, sums_of

WEIGHTS = Path(__file__).with_name("weights")
"""Where the package keeps the model."""
LARGEST = 10_000_000
"""Bytes that the whole of it may take."""
_REMEDY = "install the package again"


def get(folder: Path, weights: Path = WEIGHTS) -> None:
    """Copy the model to a folder, each file checked against its checksum.

    Args:
        folder: A new folder, or one that holds the same model, of which what is missing or damaged is copied again.
        weights: Where it is kept.

    Raises:
        FileNotFoundError: If the package has no weights.
        DamagedFileError: If a file of them is missing or altered, naming it.
        ValueError: If the folder holds something else.
    """
    if not (weights / SUMS).is_file():
        raise FileNotFoundError("this package has no trained weights; train some: python -m sdxl.mini train --help")
    wanted = _listed(weights)
    if folder.exists() and any(folder.iterdir()) and not _is_same(folder, wanted):
        raise ValueError(f"{folder} is not empty; choose a new folder")
    for name, digest in {SUMS: None, **wanted}.items():
        content = _read(weights / name, digest)
        write_atomically(folder / name, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]


def ship(model: Path, weights: Path = WEIGHTS) -> None:
    """Make what `get` copies of a model that was trained: its weights rounded to fp16, and the checksums of all files.

    Args:
        model: Folder of a trained mini model.
        weights: Where it is to be kept; what is there is replaced.

    Raises:
        ValueError: If it would take more than `LARGEST` bytes.
    """
    from safetensors.torch import load_file, save

    shutil.rmtree(weights, ignore_errors=True)
    for path in sorted(path for path in model.rglob("*") if path.is_file() and "training" not in path.parts):
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            tensors = {name: _rounded(value) for name, value in load_file(path).items()}
            content = save(tensors, {"format": "pt"})
        target = weights / path.relative_to(model)
        write_atomically(target, lambda file, content=content: file.write_bytes(content))  # type: ignore[misc]
    names = sums_of(weights, [path for path in weights.rglob("*") if path.is_file()])
    size = sum((weights / name).stat().st_size for name in names)
    if size > LARGEST:
        raise ValueError(f"{model} takes {size:,} bytes in fp16, more than the {LARGEST:,} that are shipped")
    write_text(weights / SUMS, "".join(f"{digest}  {name}\n" for name, digest in names.items()))


def _rounded(value: torch.Tensor) -> torch.Tensor:
    """A tensor in fp16, if it holds fractions.

    Raises:
        ValueError: If a number leaves the range of fp16.
    """
    if not value.is_floating_point():
        return value
    half = value.half()
    if not bool(half.isfinite().all()):
        raise ValueError("a weight leaves the range of fp16")
    return half.contiguous()


def _listed(weights: Path) -> dict[str, str]:
    pairs = [line.split("  ", 1) for line in read_text(weights / SUMS, _REMEDY).splitlines()]
    return {name: digest for digest, name in pairs}


def _is_same(folder: Path, wanted: Mapping[str, str]) -> bool:
    return (folder / SUMS).is_file() and _listed(folder) == wanted


def _read(path: Path, digest: str | None) -> bytes:
    if not path.is_file():
        raise DamagedFileError.of(path, "it is missing", _REMEDY)
    content = path.read_bytes()
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise DamagedFileError.of(path, "its checksum is another", _REMEDY)
    return content
