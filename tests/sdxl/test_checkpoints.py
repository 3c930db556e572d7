"""Lists of checkpoints."""

from __future__ import annotations

from pathlib import Path

from sdxl.checkpoints import named


def test_names_of_checkpoints_tell_them_apart(tmp_path: Path) -> None:
    for folder in ("a/run", "b/run", "c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pytorch_lora_weights.safetensors").touch()
    sources = ["base", *(str(tmp_path / folder) for folder in ("a/run", "b/run", "c"))]
    assert list(named(sources)) == ["base", "a-run", "b-run", f"{tmp_path.name}-c"]
    assert list(named([sources[1], sources[3]])) == ["run", "c"]
