from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.data.images.text import compare, decode_text, described, lines, parse_json, visible
from ambient.data.images.validation import DataSetError, Fault, LeftOut, UnusableError


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_what_is_shown_can_neither_steer_a_terminal_nor_fail_to_be_encoded(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e\u2066" for c in shown)
    assert visible(shown) == shown


def test_ordinary_names_are_shown_as_they_are_and_others_escaped() -> None:
    for name in ("a b.png", "é ü 猫.png", "👩\u200d🚀.png", "a\u00a0b", "C:\\x"):
        assert visible(name) == name
    assert visible(os.fsdecode(b"caf\xe9.png")) == "caf\\xe9.png"
    assert visible("\x1b[31mred\nline\u202egnp.exe") == "\\x1b[31mred\\nline\\u202egnp.exe"
    for item in (Fault("damaged", "\x1b[2J", "\x07"), LeftOut("not an image", "\x1b[2J"), DataSetError("\x1b[2J")):
        assert "\x1b" not in str(item)
        assert "\\x1b[2J" in str(item)


def test_text_is_utf_8_with_or_without_a_mark() -> None:
    assert decode_text("é".encode()) == decode_text("é".encode("utf-8-sig")) == "é"
    for content, found in (
        (b"caf\xe9", "byte 0xe9 is not UTF-8; save it as UTF-8"),
        ("é".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        ("é".encode("utf-32"), "it is UTF-32"),
        (b"a\0b", "NUL"),
    ):
        with pytest.raises(UnusableError, match=found):
            decode_text(content)


def test_lines_end_at_line_feeds_only() -> None:
    assert lines("a\u2028b\x85c\x0bd\r\ne\rf\n") == ["a\u2028b\x85c\x0bd", "e\rf", ""]


def test_json_that_is_none_is_unusable() -> None:
    for content in (b"[" * 100_000, b"{", b"9" * 9_000, b"\xff", b""):
        with pytest.raises(UnusableError):
            parse_json(content)


def test_names_in_two_spellings_compare_alike() -> None:
    assert compare("e\u0301") == compare("é")


def test_descriptions_are_short() -> None:
    for value in (10**9_000, "x" * 9_000, [[]] * 9_000, {}, None, 0.5, True, b"x"):
        assert len(described(value)) < 60


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_the_locale_changes_nothing(language: str, tmp_path: Path) -> None:
    """Captions and names with other letters, read and shown where the locale's encoding is ASCII."""
    code = """
import sys
from ambient.data.images.captions.tables import rows
from ambient.data.images.text import decode_text
from pathlib import Path
print(ascii([row["text"] for _, _, row in rows(Path(sys.argv[1]).read_bytes(), "metadata.csv")]))
"""
    path = tmp_path / "metadata.csv"
    path.write_bytes("file_name,text\né.png,café σ\n".encode())
    environment = os.environ | {"LC_ALL": language, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code, path], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == ascii(["café σ"]), done.stderr
