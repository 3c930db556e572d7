"""Files of prompts: lines of text, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any


def read_prompts(path: Path, column: str = "text") -> list[str]:
    """The prompts of a file: a line each, or the column of JSON lines (.jsonl) or CSV (.csv); empty ones left out.

    Raises:
        ValueError: If it cannot be read, or holds none, naming file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--prompts {path} cannot be read ({error})") from error
    if path.suffix == ".csv":
        rows = _csv_rows(path, text, column)
    elif path.suffix in (".jsonl", ".json"):
        rows = _json_rows(path, text, column)
    else:
        rows = list(text.split("\n"))
    prompts = [str(prompt).strip() for prompt in rows if prompt and str(prompt).strip()]
    if not prompts:
        where = f' under "{column}" (--prompt-column)' if path.suffix in (".csv", ".jsonl", ".json") else ""
        raise ValueError(f"--prompts {path} holds no prompts{where}")
    return prompts


def _csv_rows(path: Path, text: str, column: str) -> list[Any]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"--prompts {path} is no CSV file ({error})") from error
    if column not in (reader.fieldnames or ()):
        names = ", ".join(map(str, reader.fieldnames or ())) or "none"
        raise ValueError(f'--prompts {path} has no column "{column}" (--prompt-column); its columns: {names}')
    return [row[column] for row in rows]


def _json_rows(path: Path, text: str, column: str) -> list[Any]:
    """Of each line; lines end with "\\n" alone, since a caption may hold any other separator of lines."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line).get(column))
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(f"--prompts {path} line {number} is not a JSON object") from error
    return rows
