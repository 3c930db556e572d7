from __future__ import annotations

import csv
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors

from ambient.runs.damage import DamagedFileError, reading

ERRORS = [
    KeyError("x"),
    IndexError(),
    csv.Error("line contains NUL"),
    safetensors.SafetensorError("header too large"),
    zipfile.BadZipFile("not a zip"),
    RecursionError("maximum recursion depth exceeded"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    EOFError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_parser_raises_is_said_of_the_file(error: Exception) -> None:
    with pytest.raises(DamagedFileError) as caught, reading(Path("a.csv"), "copy it again"):
        raise error
    message = str(caught.value)
    assert message.startswith("a.csv is damaged: ")
    assert message.endswith("; copy it again")
    assert len(message) > len("a.csv is damaged: ; copy it again")
    assert caught.value.__cause__ is error


def test_other_errors_stay_what_they_are() -> None:
    for error in (FileNotFoundError("gone"), DamagedFileError("b is damaged"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, reading(Path("a")):
            raise error
        assert caught.value is error


def test_it_travels_between_processes() -> None:
    error = DamagedFileError.of(Path("a"), "cut off")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == str(error)
