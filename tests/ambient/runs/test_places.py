from __future__ import annotations

from pathlib import Path

import pytest

from ambient.runs.places import require_file, require_folder


def test_what_cannot_be_written_is_refused_by_the_option(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("x")
    folder.mkdir()
    for path in (folder, tmp_path / "new", tmp_path / "new" / "deep"):
        require_folder(path)
    for path in (file, tmp_path / "new.json", tmp_path / "new" / "deep.json"):
        require_file(path)
    with pytest.raises(ValueError, match=r"--report .*file: .*file is a file; give a folder"):
        require_folder(file, "--report")
    with pytest.raises(ValueError, match=r"--output .*deep: .*file is a file"):
        require_folder(file / "deep")
    with pytest.raises(ValueError, match=r"--json .*folder: is a folder; give the name of a file"):
        require_file(folder, "--json")
    with pytest.raises(ValueError, match=r"--output .*deep\.json: .*file is a file"):
        require_file(file / "deep.json")
