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
