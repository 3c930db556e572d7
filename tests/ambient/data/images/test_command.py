"""`python -m ambient.data.images`: what was read, what was left out, faults, and the exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ambient.data.images.__main__ import main
from tests.ambient.data.images import make


def test_what_was_read_and_left_out_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = make.good_files() | {".DS_Store": b"x", "@eaDir/good0.png": b"x", "notes.txt": b"x"}
    assert main([str(make.folder(tmp_path / "set", files))]) == 0
    out, error = capsys.readouterr()
    assert "images, 3x3x8x8, fingerprint" in out
    assert "left out: 2 hidden or system file: " in error
    assert ".DS_Store" in error
    assert "1 text beside the images: notes.txt" in error


def test_captions_are_shown_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {f"good{i}.txt": f"picture {i}".encode() for i in range(3)}
    source = make.folder(tmp_path / "set", make.good_files() | texts)
    assert main([str(source), "--with-captions"]) == 0
    out = capsys.readouterr().out
    assert "good1.png: 8x8, picture 1" in out
    assert "3 images, 3 of them with a caption" in out
    (source / "good2.txt").unlink()
    assert main([str(source), "--with-captions"]) == 1
    assert "1 of 3 images" in capsys.readouterr().err
    assert main([str(source), "--with-captions", "--without-caption", "null"]) == 0
    assert "3 images, 2 of them with a caption" in capsys.readouterr().out
    (source / "good1.png").write_bytes(b"x")
    assert main([str(source), "--with-captions", "--without-caption", "null"]) == 1
    assert "not an image" in capsys.readouterr().err
    assert main([str(source), "--without-caption", "null"]) == 1
    assert "with --with-captions only" in capsys.readouterr().err


def test_nothing_in_a_name_or_caption_reaches_the_terminal_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b]0;title\x07[bold]x"
    files = {f"{name}.png": make.encode(make.picture(0)), f"{name}.txt": b"\x1b[2J caption", f"{name}2.png": b"no"}
    source = make.folder(tmp_path / "set", files | {f"{name}2.txt": b"a", f".{name}": b""})
    with open(os.fsencode(source) + b"/caf\xe9.png", "wb") as file:
        file.write(b"no")
    assert main([str(source)]) == 1
    assert main([str(source), "--with-captions", "--without-caption", "null", "--skip-bad"]) == 0
    shown = "".join(capsys.readouterr())
    assert "\x1b]0;" not in shown
    assert "\x07" not in shown
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J caption" in shown
    assert "caf\\xe9.png" in shown
    assert "[bold]" in shown


def test_a_terminal_of_another_locale(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", {"é σ.png": make.encode(make.picture(0)), "é σ.txt": "ein Bär σ".encode()})
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "ambient.data.images", source, "--with-captions"]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"1 images, 1 of them with a caption" in done.stdout


def test_help_and_mistakes_import_nothing_heavy() -> None:
    code = """
import sys
from ambient.data.images.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
heavy = {"torch", "numpy", "PIL", "diffusers", "transformers", "accelerate", "datasets", "scipy", "sklearn", "pandas"}
print("heavy:", sorted(heavy & set(sys.modules)))
"""
    for arguments in (["--help"], ["x", "--mistyped"], ["x", "--limit", "0"], ["x", "--largest-image", "0"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert "heavy: []" in done.stdout, (arguments, done.stdout[-500:], done.stderr[-500:])
