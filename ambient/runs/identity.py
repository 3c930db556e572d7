"""What a run is, as JSON: so that a resume can tell whether it is asked to continue the same thing."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ambient.runs.damage import DamagedFileError
from ambient.runs.files import fingerprint, read_json, sweep, write_json

_LONG = 64
"""Tensors of more numbers than this are recorded by their fingerprint."""


class ConfigMismatchError(ValueError):
    """A folder holds the results of another configuration."""


def describe(value: Any) -> Any:
    """`value` as JSON: dataclasses by class and fields, tensors as lists, long ones by fingerprint, functions by name.

    A path is what it leads to, however it is spelt. A field with the metadata {"identity": False} is left out: what
    changes no number, or follows from other things that are recorded.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        recorded = [f for f in dataclasses.fields(value) if f.init and f.metadata.get("identity", True)]
        fields = {f.name: describe(getattr(value, f.name)) for f in recorded}
        return {"kind": type(value).__name__, **fields}
    if _is_tensor(value):
        return value.tolist() if value.numel() <= _LONG else f"{tuple(value.shape)} {fingerprint(value)[:16]}"
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, Path):
        return str(value.resolve())
    if callable(value):
        return value.__name__
    return value


def _is_tensor(value: Any) -> bool:
    """Where torch has not been imported nothing is a tensor, and a command's options need not import it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def claim_folder(
    folder: Path, identity: Mapping[str, Any], name: str = "config.json", reasons: Mapping[str, str] | None = None
) -> None:
    """Record `identity` in `folder`, or check that it is what the folder already holds; sweep what killed writes left.

    Args:
        folder: The folder.
        identity: What it is to hold; described by `describe`.
        name: The file in it that says so.
        reasons: Why a field makes another thing of it, by the field's name, where that is not plain.

    Raises:
        ConfigMismatchError: Naming each field that differs, with the saved and the requested value.
    """
    path = folder / name
    wanted = json.loads(json.dumps(describe(identity)))
    sweep(folder)
    if not path.exists():
        write_json(path, wanted)
        return
    try:
        saved = read_json(path, remedy="remove it or choose another folder")
    except DamagedFileError as error:
        raise ConfigMismatchError(str(error)) from error
    explained = reasons or {}
    different = [
        f"{where} is {there} there and {here} here" + (f" ({explained[where]})" if where in explained else "")
        for where, there, here in _differences(saved, wanted, "")
    ]
    if different:
        raise ConfigMismatchError(
            f"{folder} holds another configuration: {'; '.join(different)}. Choose another folder, or the saved values"
        )


def _differences(saved: Any, wanted: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Where two descriptions differ, with what both say."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for key in [*saved, *(k for k in wanted if k not in saved)]:
            where = f"{path}.{key}" if path else key
            yield from _differences(saved.get(key, "absent"), wanted.get(key, "absent"), where)
    elif saved != wanted:
        yield path, _short(saved), _short(wanted)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
