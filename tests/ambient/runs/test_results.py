"""No digit of a result changes unnoticed."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import pytest

from ambient.runs import results
from ambient.runs.damage import DamagedFileError
from ambient.runs.results import read_results, write_results

VALUE = {"m13": 0.25, "rows": [1, 2.5, None], "names": {"b": "σ", "a": True}, "seconds": 1e-17}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    write_results(path, VALUE)
    return path


def test_what_is_written_is_read(path: Path) -> None:
    assert read_results(path, "m13") == VALUE
    with pytest.raises(DamagedFileError, match="'s95' is missing"):
        read_results(path, "s95")


def test_the_checksum_is_what_it_says(path: Path) -> None:
    """Of the rest in one line, with its keys in order, whatever the layout."""
    digest = json.loads(path.read_text())["sha256"]
    line = '{"m13":0.25,"names":{"a":true,"b":"\\u03c3"},"rows":[1,2.5,null],"seconds":1e-17}'
    assert digest == hashlib.sha256(line.encode()).hexdigest()
    path.write_text(json.dumps({"sha256": digest, **VALUE}))
    assert read_results(path) == VALUE


@pytest.mark.filterwarnings("ignore:.*carries no checksum")
def test_no_bit_changes_what_is_read(path: Path) -> None:
    """A flipped bit of each byte is noticed, or leaves the same values (white space; the name of the checksum)."""
    content, noticed = path.read_bytes(), 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        try:
            found = read_results(path)
        except DamagedFileError:
            noticed += 1
        else:
            assert {key: found[key] for key in VALUE} == VALUE
            assert len(found) <= len(VALUE) + 1
    assert noticed > 0.7 * len(content)


def test_a_damage_says_what_is_wrong_and_what_to_do(path: Path) -> None:
    path.write_text(path.read_text().replace("0.25", "0.24"))
    with pytest.raises(DamagedFileError, match="do not match its checksum; run it again") as caught:
        read_results(path, remedy="run it again")
    assert caught.value.what == f"{path} is damaged: its contents do not match its checksum"


def test_a_result_of_an_earlier_version_is_taken_and_said_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_unsealed", [])
    path.write_text(json.dumps(VALUE))
    with pytest.warns(UserWarning, match=r"metrics\.json carries no checksum"):
        assert read_results(path) == VALUE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_results(path) == VALUE


def test_what_cannot_be_written_is_refused(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="may not be called sha256"):
        write_results(path, {"sha256": "x"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(path, {"m13": float("nan")})
    assert path.read_bytes() == before
