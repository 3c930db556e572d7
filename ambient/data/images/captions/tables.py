"""Tables of captions: JSON lines, CSV (both as Hugging Face's image folder has them) and parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ambient.data.images.text import decode_text, lines, parse_json
from ambient.data.images.validation import DataSetError, UnusableError

TABLES = ("metadata.jsonl", "metadata.csv", "metadata.parquet", "captions.jsonl", "captions.csv")
_NAMES = ("file_name", "file")


def rows(content: bytes, file: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Place, name of the image and all fields of each row of a table.

    Raises:
        DataSetError: If it cannot be read, or a row names no image, naming file and line.
    """
    try:
        if file.endswith(".csv"):
            found = _csv(decode_text(content), file)
        elif file.endswith(".parquet"):
            found = _parquet(content, file)
        else:
            found = _jsonl(decode_text(content), file)
        for place, row in found:
            name = next((row[key] for key in _NAMES if key in row), None)
            if not isinstance(name, str):
                raise DataSetError(f'{place}: not a JSON object with "file_name" or "file"')
            yield place, name, row
    except UnusableError as error:
        raise DataSetError(f"{file}: {error.detail}") from error


def is_table(name: str) -> bool:
    """Whether a name in a data set is that of a table of captions."""
    return PurePosixPath(name).name in TABLES


def _jsonl(text: str, file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(lines(text), 1):
        if not line.strip():
            continue
        place = f"{file} line {number}"
        try:
            row = parse_json(line)
        except UnusableError as error:
            raise DataSetError(f'{place}: not a JSON object with "file_name" or "file" ({error.detail})') from error
        if not isinstance(row, dict):
            raise DataSetError(f'{place}: not a JSON object with "file_name" or "file"')
        yield place, row


def _csv(text: str, file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not set(_NAMES) & set(header):
            found = ", ".join(header) or "nothing"
            raise DataSetError(f"{file}: its first line must name file_name and captions, with commas between: {found}")
        for fields in reader:
            if not fields:
                continue
            place = f"{file} line {reader.line_num}"
            if len(fields) != len(header):
                raise DataSetError(
                    f"{place}: {len(fields)} fields, and {len(header)} in the first line; quote texts with commas"
                )
            yield place, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise DataSetError(f"{file} line {reader.line_num}: not CSV ({error})") from error


def _parquet(content: bytes, file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataSetError(f"{file} needs the extra 'data': pip install '.[data]'") from error
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    except Exception as error:  # pyarrow's errors have no common class
        raise UnusableError("damaged", f"not a whole parquet file ({error})") from error
    return ((f"{file} row {i}", row) for i, row in enumerate(table))
