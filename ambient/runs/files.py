"""Files that are either whole or absent: every result is written beside its place and moved there in one step.

Text is UTF-8 whatever the locale, with or without a byte order mark when it is read; lines end with "\\n" alone.
Tensors carry a checksum (`ambient.runs.checksums`). What is damaged is said so by name, `DamagedFileError`.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from ambient.runs.checksums import BLANK, CHECKSUM, sealed, verify
from ambient.runs.damage import MAKE_AGAIN, DamagedFileError, reading

if TYPE_CHECKING:
    from torch import Tensor

_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")


def write_atomically(path: Path, write: Callable[[Path], Any], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file in the folder of `path`, flush it to disk if `durable`, and move it to `path`.

    What killed writes of the same file have left is removed if `durable`; that of many small ones, which are not
    flushed one by one, is left to `sweep`.

    Raises:
        OSError: If the disk is full or the folder cannot be written, naming `path`, which is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if durable:
            _remove_left_over(path)
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


def write_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a folder beside `folder`, and move what it wrote there in one step: all of it or nothing.

    Args:
        folder: Where it goes; not there yet, or empty.
        write: Called with the folder to fill. What killed calls have left beside `folder` is removed first.

    Raises:
        OSError: If the disk is full or the folder cannot be written, naming `folder`.
    """
    place = folder.absolute()
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(place)
        temporary.mkdir()
        write(temporary)
        if place.exists():
            for child in temporary.iterdir():
                shutil.move(child, place / child.name)
        else:
            os.replace(temporary, place)
    except (OSError, safetensors.SafetensorError) as error:
        raise OSError(f"could not write {folder}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> list[Path]:
    """Remove what killed writes left in a folder and two levels below: temporary files of processes that are gone."""
    found = [path for pattern in (".*.tmp", "*/.*.tmp", "*/*/.*.tmp") for path in folder.glob(pattern)]
    gone = []
    for path in found:
        name = _TEMPORARY.fullmatch(path.name)
        if name is not None and path.is_file() and not _is_alive(int(name[1])):
            with contextlib.suppress(OSError):
                path.unlink()
                gone.append(path)
    return gone


def _remove_left_over(path: Path) -> None:
    """Remove what killed writes of a file or folder have left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        name = _TEMPORARY.fullmatch(left.name)
        if name is None or _is_alive(int(name[1])):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                left.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def read_text(path: Path, remedy: str = MAKE_AGAIN) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        DamagedFileError: If it is not UTF-8.
    """
    with reading(path, remedy):
        return path.read_bytes().decode("utf-8-sig")


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, atomically."""
    write_atomically(path, lambda file: file.write_bytes(text.encode()))


def read_json(path: Path, *keys: str, remedy: str = MAKE_AGAIN) -> dict[str, Any]:
    """The object in a JSON file that we wrote.

    Args:
        path: The file.
        keys: What it must have.
        remedy: What to do if it is damaged, for the error.

    Raises:
        DamagedFileError: If it is not JSON, no object, or lacks a key.
        FileNotFoundError: If there is none.
    """
    text = read_text(path, remedy)
    with reading(path, remedy):
        value = json.loads(text)
        if not isinstance(value, dict):
            raise TypeError(f"it holds a {type(value).__name__} where an object was expected")
        if missing := [key for key in keys if key not in value]:
            raise KeyError(missing[0])
    return value


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Non-finite numbers are refused, since they are not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Append one line to a JSONL file."""
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(record) + "\n")


def read_records(path: Path, *keys: str) -> list[dict[str, Any]]:
    """The complete records of a JSONL file; a last line cut off by a kill is left out. No file is no records.

    Args:
        path: The file.
        keys: What each record must have.

    Raises:
        DamagedFileError: If a complete line is no such record, naming it.
    """
    if not path.exists():
        return []
    *lines, _cut = read_text(path).split("\n")
    records = []
    for number, line in enumerate(lines, 1):
        with reading(path):
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ValueError(f"its line {number} is not JSON ({error})") from error
            if not isinstance(record, dict):
                raise TypeError(f"its line {number} is no record")
            if missing := [key for key in keys if key not in record]:
                raise KeyError(f"{missing[0]} of line {number}")
        records.append(record)
    return records


def last_record(path: Path, *keys: str) -> dict[str, Any]:
    """The last record of a JSONL file, as `read_records`.

    Raises:
        DamagedFileError: If there is none, or a line is no such record.
    """
    records = read_records(path, *keys)
    if not records:
        raise DamagedFileError.of(path, "it holds no record" if path.exists() else "it is missing")
    return records[-1]


def write_records(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSONL file anew, atomically."""
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as one safetensors file with a checksum, atomically; they are copied to the CPU first.

    Equal tensors and metadata make equal files.

    Raises:
        OSError: As `write_atomically`.
        ValueError: If metadata take the checksum's name.
    """
    import safetensors.torch

    if CHECKSUM in (metadata or {}):
        raise ValueError(f"metadata may not be called {CHECKSUM}: that is the checksum")
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    facts = {**(metadata or {}), CHECKSUM: BLANK}

    def write(temporary: Path) -> None:
        # not save_file: that writes to a file of its own, which nobody sweeps, and only its owner may read
        with open(temporary, "wb") as file:
            file.writelines(sealed(safetensors.torch.save(copies, facts)))

    write_atomically(path, write)


def load_tensors(
    path: Path,
    *names: str,
    metadata: Mapping[str, str] | None = None,
    foreign: bool = False,
    remedy: str = MAKE_AGAIN,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file, once its checksum has been found right.

    Args:
        path: The file.
        names: Tensors that it must hold.
        metadata: What its metadata must say: so a file of a set cannot be taken for another one of it.
        foreign: Whether it may be by others, and carry no checksum.
        remedy: What to do if it is damaged, for the error.

    Raises:
        DamagedFileError: If it is cut off, altered, lacks a tensor or is another file than it should be.
        FileNotFoundError: If there is none.
    """
    import safetensors.torch

    facts = verify(path, foreign=foreign, remedy=remedy)
    check_metadata(path, facts, metadata or {}, remedy)
    with reading(path, remedy):
        tensors = safetensors.torch.load_file(path)
        if missing := [name for name in names if name not in tensors]:
            raise KeyError(missing[0])
    return tensors, facts


def check_metadata(path: Path, found: Mapping[str, str], wanted: Mapping[str, str], remedy: str = MAKE_AGAIN) -> None:
    """Raises DamagedFileError if the metadata of a file are not those of the file that should be there."""
    for name, value in wanted.items():
        if (there := found.get(name)) != value:
            raise DamagedFileError.of(
                path, f"it is another file than it should be ({name} {there}, not {value})", remedy
            )


def is_whole(path: Path, *names: str, metadata: Mapping[str, str] | None = None) -> bool:
    """Whether a safetensors file is there, undamaged, holds tensors of all `names`, and carries this metadata."""
    try:
        found = verify(path)
        check_metadata(path, found, metadata or {})
        with safetensors.safe_open(path, "np") as file:
            return set(names) <= set(file.keys())
    except (OSError, safetensors.SafetensorError):
        return False


def is_to_be_made(path: Path, *names: str, metadata: Mapping[str, str] | None = None) -> bool:
    """Whether a safetensors file is missing or damaged.

    Warns:
        UserWarning: If it is there, but not whole: that it is made again.
    """
    if is_whole(path, *names, metadata=metadata):
        return False
    if path.exists():
        warnings.warn(f"{path} is damaged; it is made again", stacklevel=2)
    return True


def fingerprint(*tensors: Tensor) -> str:
    """SHA-256 of the tensors' types, shapes and bytes: what a data set is, for caches and resumes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
