"""Lists of checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdxl.checkpoints import named


def _run(folder: Path, file: str = "pytorch_lora_weights.safetensors") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).touch()
    return str(folder)


def test_names_of_checkpoints_tell_them_apart(tmp_path: Path) -> None:
    a, b, c = (_run(tmp_path / folder) for folder in ("a/run", "b/run", "c"))
    assert list(named(["base", a, b, c])) == ["base", "a-run", "b-run", f"{tmp_path.name}-c"]
    assert list(named([a, c])) == ["run", "c"]


def test_files_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    for file in ("one.safetensors", "two.safetensors"):
        _run(tmp_path, file)
    files = [str(tmp_path / file) for file in ("one.safetensors", "two.safetensors")]
    assert named(files) == {"one": files[0], "two": files[1]}


def test_one_checkpoint_by_two_spellings_is_given_twice(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    for other in (f"{run}/", f"{run}/../run", f"{run}/pytorch_lora_weights.safetensors"):
        with pytest.raises(ValueError, match="is given twice"):
            named([run, other])
