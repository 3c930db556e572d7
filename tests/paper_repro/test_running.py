"""Making a result."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from paper_repro.workshop import Workshop
from rich.console import Console

from paper_repro import results, running
from paper_repro.options import Options
from paper_repro.registry import find


def test_what_killed_writes_have_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(output=tmp_path)
    artefact = find(["p2-figure4"])[0]
    folder = results.folder_of(options, artefact, "smoke")
    left = [folder / ".samples.png.999999999.tmp", tmp_path / ".RESULTS.md.999999999.tmp"]
    folder.mkdir(parents=True)
    for path in left:
        path.write_bytes(b"half")
    there = SimpleNamespace(facts={"key": running._key(options)})
    monkeypatch.setattr(results, "read", lambda folder: there)
    assert running.make(artefact, Workshop(options, Console(file=io.StringIO()))) is there  # type: ignore[comparison-overlap]
    assert not any(path.exists() for path in left)
