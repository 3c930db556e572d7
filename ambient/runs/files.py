"""Files that are either whole or absent: every result is written beside its place and moved there in one step."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor


def write_atomically(path: Path, write: Callable[[Path], Any], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file in the folder of `path`, flush it to disk if `durable`, and move it to `path`.

    Raises:
        OSError: If the disk is full or the folder cannot be written, naming `path`, which is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        if durable:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, safetensors.SafetensorError) as error:
        raise OSError(f"could not write {path}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as one safetensors file, atomically; they are copied to the CPU first. Raises as above."""
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    facts = dict(metadata) if metadata else None
    write_atomically(path, lambda file: safetensors.torch.save_file(copies, str(file), metadata=facts))


def is_whole(path: Path, *names: str, metadata: Mapping[str, str] | None = None) -> bool:
    """Whether a safetensors file is there and whole, holds tensors of all `names`, and carries this metadata."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            found = file.metadata() or {}
            return set(names) <= set(file.keys()) and all(found.get(k) == v for k, v in (metadata or {}).items())
    except (OSError, safetensors.SafetensorError):
        return False


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Non-finite numbers are refused, since they are not JSON."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write_text(text))


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Append one line to a JSONL file."""
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def read_records(path: Path) -> list[dict[str, Any]]:
    """The complete records of a JSONL file; a last line cut off by a kill is left out. No file is no records."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_records(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSONL file anew, atomically."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    write_atomically(path, lambda file: file.write_text(text))


def fingerprint(*tensors: Tensor) -> str:
    """SHA-256 of the tensors' types, shapes and bytes: what a data set is, for caches and resumes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """TEMPORARY: replaced at the merge."""
    with safetensors.safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}, file.metadata() or {}


def read_json(path: Path) -> Any:
    """TEMPORARY: replaced at the merge."""
    return json.loads(path.read_text(encoding="utf-8"))
