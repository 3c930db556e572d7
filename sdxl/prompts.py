"""Files of prompts: lines of text, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path
from typing import Any


def read_prompts(path: Path, column: str = "text", option: str = "--prompts") -> list[str]:
    """The prompts of a file: a line each, or the column of JSON lines (.jsonl) or CSV (.csv); empty ones left out.

    Args:
        path: The file.
        column: Name of the prompts in it.
        option: What named the file, for messages.

    Raises:
        ValueError: If it cannot be read, or holds none, naming file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{option} {path} cannot be read ({error})") from error
    if path.suffix == ".csv":
        rows = _csv_rows(f"{option} {path}", text, column)
    elif path.suffix in (".jsonl", ".json"):
        rows = _json_rows(f"{option} {path}", text, column)
    else:
        rows = list(text.split("\n"))
    prompts = [str(prompt).strip() for prompt in rows if prompt and str(prompt).strip()]
    if prompts and path.suffix in (".csv", ".jsonl", ".json") and len(prompts) < len(rows):
        absent = len(rows) - len(prompts)
        warnings.warn(
            f'{option} {path}: {absent} of {len(rows)} rows have no "{column}" and are left out', stacklevel=2
        )
    if not prompts:
        where = f' under "{column}" (--prompt-column)' if path.suffix in (".csv", ".jsonl", ".json") else ""
        raise ValueError(f"{option} {path} holds no prompts{where}")
    return prompts


def _csv_rows(where: str, text: str, column: str) -> list[Any]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"{where} is no CSV file ({error})") from error
    if column not in (reader.fieldnames or ()):
        names = ", ".join(map(str, reader.fieldnames or ())) or "none"
        raise ValueError(f'{where} has no column "{column}" (--prompt-column); its columns: {names}')
    return [row[column] for row in rows]


def _json_rows(where: str, text: str, column: str) -> list[Any]:
    """Of each line; lines end with "\\n" alone, since a caption may hold any other separator of lines."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line).get(column))
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(f"{where} line {number} is not a JSON object") from error
    return rows
