"""What a folder of results says, file by file, apart from times: so that two runs of the same command can be compared.

Left out are, and nothing else:

    in JSON and JSONL       the keys of `TIMES`, at any depth
    in results              their checksum, which covers those, where it is right
    in a checkpoint         the seconds in its state, and the checksum that covers them
    in Markdown             the columns of tables whose head names seconds, and the line on how a result was made
    whole files             locks; the checkpoint before the newest, which is a state on the way; and what is hidden,
                            for which see `left_over`
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from ambient.runs.checksums import CHECKSUM
from ambient.runs.locks import LOCK
from ambient.runs.results import digest_of

TIMES = ("seconds", "date", "hardware", "commit")
"""Keys that say when, where and how long."""
_TOOK = "shared products that were there not counted"
"""In the line of a page of results that says how long it took, on what, and when."""
_SKIPPED = (LOCK, "checkpoint-previous.safetensors")


def contents(folder: Path) -> dict[str, str]:
    """A digest of each file in a folder, by its path there."""
    return {name: digest(folder / name) for name in files(folder)}


def files(folder: Path) -> list[str]:
    """The files in a folder that count, by their paths there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.relative_to(folder).as_posix()
        for path in found
        if path.name not in _SKIPPED and not path.name.startswith(".") and not path.name.endswith(".lock")
    )


def left_over(folder: Path) -> list[str]:
    """Temporary files in a folder, which a command that has ended leaves none of."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*.tmp"))


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """The files that are not in both, or differ."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def digest(path: Path) -> str:
    """What a file says, apart from times."""
    content = path.read_bytes()
    try:
        if path.suffix == ".json":
            content = _dumped(_without_checksum(json.loads(content)))
        elif path.suffix == ".jsonl":
            content = b"\n".join(_dumped(json.loads(line)) for line in content.split(b"\n") if line)
        elif path.suffix == ".md":
            content = _without_seconds(content.decode()).encode()
        elif path.name.startswith("checkpoint"):
            content = _without_state(content)
    except (ValueError, LookupError, TypeError, struct.error):  # damaged: then every byte counts
        pass
    return hashlib.sha256(content).hexdigest()


def _dumped(value: Any) -> bytes:
    return json.dumps(_timeless(value), sort_keys=True).encode()


def _without_checksum(value: Any) -> Any:
    """Results without their checksum, if it is right: a wrong one counts."""
    rest = {key: item for key, item in value.items() if key != CHECKSUM} if isinstance(value, dict) else value
    return rest if isinstance(value, dict) and value.get(CHECKSUM) == digest_of(rest) else value


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _without_seconds(text: str) -> str:
    """A Markdown page without the columns of seconds of its tables."""
    lines, dropped = [], set[int]()
    for line in text.split("\n"):
        if _TOOK in line:
            continue
        if not line.startswith("|"):
            lines.append(line)
            dropped = set()
            continue
        entries = line.split("|")
        dropped = dropped or {i for i, entry in enumerate(entries) if entry.strip() in ("seconds", "train s", "s")}
        lines.append("|".join(entry for i, entry in enumerate(entries) if i not in dropped))
    return "\n".join(lines)


def _without_state(content: bytes) -> bytes:
    """A checkpoint without its checksum, and its state without seconds."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    facts = header["__metadata__"]
    facts.pop(CHECKSUM)
    facts["state"] = _timeless(json.loads(facts["state"]))
    return json.dumps(header, sort_keys=True).encode() + content[8 + length :]
