"""Files of prompts."""

from __future__ import annotations

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


def test_prompts_are_utf8_with_any_separator_inside(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffein K\u00e4fer\u2028auf Moos\r\nzwei\n".encode())
    assert read_prompts(path) == ["ein K\u00e4fer\u2028auf Moos", "zwei"]
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,n\n"one\ntwo",1\n')
    assert read_prompts(path) == ["one\ntwo"]


@pytest.mark.parametrize("name", ["deep.jsonl", "large.csv"])
def test_prompts_that_no_parser_takes_are_named(tmp_path: Path, name: str) -> None:
    contents = {"deep.jsonl": "[" * 200_000, "large.csv": "text\n" + "x" * 200_000}
    path = tmp_path / name
    path.write_text(contents[name])
    with pytest.raises(ValueError, match=name):
        read_prompts(path)
