from __future__ import annotations

from pathlib import Path

import pytest

from toy.contents import contents, located
from toy.options import ToyOptions


def test_a_folder_is_what_it_holds(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(bytes(100))
    assert contents(str(tmp_path / "one")) == contents(f"{tmp_path}/one/../two/")
    (tmp_path / "two" / "model.safetensors").write_bytes(bytes(99) + b"1")
    assert contents(str(tmp_path / "one")) != contents(str(tmp_path / "two"))
    assert contents("someone/on-a-hub") == "someone/on-a-hub"
    assert contents(str(tmp_path / "one" / "config.json")) != contents(str(tmp_path / "one" / "model.safetensors"))


def test_networks_count_where_they_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dino").mkdir()
    (tmp_path / "dino" / "config.json").write_text("{}")
    base = ToyOptions()
    assert base.common == base.changed(dinov2="elsewhere", clip="elsewhere").common
    used = base.changed(features=("dinov2-p2",), dinov2=str(tmp_path / "dino"))
    before = used.common
    assert before != used.changed(dinov2="elsewhere").common
    (tmp_path / "dino").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert used.changed(dinov2="./moved/").common == before


def test_the_default_folder_does_not_depend_on_how_the_source_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path)
    folders = {ToyOptions().changed(data="images", source=s).folder for s in ("d", "./d/", str(tmp_path / "d"))}
    assert len(folders) == 1
    assert located("owner/name") == "owner/name"
    assert located(None) is None
