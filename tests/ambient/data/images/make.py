"""Small data sets in the real layouts, made with PIL, numpy and the standard library only."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(seed: int, height: int = 8, width: int = 8, channels: int = 3) -> np.ndarray:
    """Random pixels, (H, W, C) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encode(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, form, **options)
    return file.getvalue()


def decode(content: bytes) -> np.ndarray:
    """(H, W, C), read by PIL alone."""
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def folder(path: Path, files: dict[str, bytes]) -> Path:
    """A folder of files."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """A stored zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    """A tar file, with the names as they are given."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def jsonl(rows: list[dict[str, Any]], **options: Any) -> bytes:
    """Lines of JSON."""
    return "".join(json.dumps(row, **options) + "\n" for row in rows).encode()


def captions(*names: str, field: str = "file_name") -> bytes:
    """A metadata.jsonl that gives each name the caption "of <its last part's stem>"."""
    return jsonl([{field: name, "text": f"of {Path(name).stem}"} for name in names])


def good_files(n: int = 3, prefix: str = "") -> dict[str, bytes]:
    """PNG files of equal size."""
    return {f"{prefix}good{i}.png": encode(picture(i)) for i in range(n)}


def dataset_json(labels: list[list[Any]] | None) -> bytes:
    """EDM's dataset.json."""
    return json.dumps({"labels": labels}).encode()


def batch(seed: int, n: int = 4, labels: Any = None, **changes: Any) -> dict[str, Any]:
    """A batch of CIFAR-10."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
    return {"data": data, "labels": rng.integers(0, 10, n).tolist() if labels is None else labels} | changes


def cifar_files(**changes: bytes) -> dict[str, bytes]:
    """CIFAR-10's folder with four images a batch; `changes` replaces whole files."""
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    files = {name: pickle.dumps(batch(i), protocol=2) for i, name in enumerate(names)}
    files |= changes
    return {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


WNIDS = ("n02124075", "n01443537", "n07749582")


def tiny_imagenet_files(annotations: bytes | None = None) -> dict[str, bytes]:
    """Tiny ImageNet with three classes, two training images each (one grey), and three validation images."""
    files = {"wnids.txt": "\n".join(WNIDS).encode(), "words.txt": b"n02124075\tEgyptian cat"}
    for c, wnid in enumerate(WNIDS):
        for i in range(2):
            pixels = picture(10 * c + i, channels=1 if (c, i) == (0, 1) else 3)
            files[f"train/{wnid}/images/{wnid}_{i}.JPEG"] = encode(pixels, "JPEG")
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b"box"
        files[f"val/images/val_{c}.JPEG"] = encode(picture(100 + c), "JPEG")
    lines = "".join(f"val_{c}.JPEG\t{wnid}\t0\t0\t7\t7\n" for c, wnid in enumerate(WNIDS)).encode()
    files["val/val_annotations.txt"] = lines if annotations is None else annotations
    return {f"tiny-imagenet-200/{name}": content for name, content in files.items()}
