"""Files of prompts: lines of text, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path


def read_prompts(path: Path, column: str = "text") -> list[str]:
    """The prompts of a file: a line each, or the column of JSON lines (.jsonl) or CSV (.csv); empty ones left out.

    Raises:
        ValueError: If it cannot be read, or holds none, naming file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--prompts {path} cannot be read ({error})") from error
    if path.suffix == ".csv":
        try:
            rows = [row.get(column) for row in csv.DictReader(io.StringIO(text, newline=""))]
        except csv.Error as error:
            raise ValueError(f"--prompts {path} is not CSV ({error})") from error
    elif path.suffix in (".jsonl", ".json"):
        rows = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line).get(column))
            except (ValueError, AttributeError, RecursionError) as error:
                raise ValueError(f"--prompts {path} line {number} is not a JSON object") from error
    else:
        rows = list(text.split("\n"))
    prompts = [str(prompt).strip() for prompt in rows if prompt and str(prompt).strip()]
    if not prompts:
        where = f' under "{column}" (--prompt-column)' if path.suffix in (".csv", ".jsonl", ".json") else ""
        raise ValueError(f"--prompts {path} holds no prompts{where}")
    return prompts
