"""Files of prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdxl.prompts import read_prompts


def test_prompts_of_any_file(tmp_path: Path) -> None:
    files = {
        "a.txt": "one\n\n two \n",
        "a.csv": "text,n\none,1\n two ,2\n",
        "a.jsonl": '{"text": "one"}\n{"text": "two"}\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert read_prompts(tmp_path / name) == ["one", "two"]
    assert read_prompts(tmp_path / "a.csv", "n") == ["1", "2"]
    for name, message in [("b.txt", "cannot be read"), ("a.jsonl", 'holds no prompts under "words"')]:
        with pytest.raises(ValueError, match=message):
            read_prompts(tmp_path / name, "words")


def test_text_is_utf_8_whatever_separates_it(tmp_path: Path) -> None:
    """A byte order mark is no text, and only the end of a line ends it."""
    texts = ["a\u2028b", "é 猫", "c\x0bd"]
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), "utf-8"
    )
    (tmp_path / "b.txt").write_text("\ufeff" + "\n".join(texts), "utf-8")
    (tmp_path / "c.csv").write_text('text\n"a\u2028b"\n"two\nlines"\n', "utf-8")
    assert read_prompts(tmp_path / "a.jsonl") == texts
    assert read_prompts(tmp_path / "b.txt") == texts
    assert read_prompts(tmp_path / "c.csv") == ["a\u2028b", "two\nlines"]


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    wrong = {
        "a.csv": (b'text\n"open', "is no CSV file"),
        "b.csv": (b"words\na\n", r'has no column "text" \(--prompt-column\); its columns: words'),
        "c.csv": (b"", "has no column .* its columns: none"),
        "d.csv": (b"text\n" + b"x" * 200_000, "is no CSV file"),
        "e.txt": (b"\xff\xfe\x00", "cannot be read"),
        "f.jsonl": (b'{"text": "a"}\n[1]\n', "line 2 is not a JSON object"),
        "g.jsonl": (b"[" * 100_000, "line 1 is not a JSON object"),
    }
    for name, (content, message) in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} {message}"):
            read_prompts(tmp_path / name)
