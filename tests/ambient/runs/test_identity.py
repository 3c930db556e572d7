from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from ambient.kernels import ancestral
from ambient.objectives import (
    AmbientScoreMatching,
    Consistency,
)
from ambient.process import VE, VP
from ambient.runs.identity import ConfigMismatchError, claim_folder, describe
from ambient.schedules import Discrete
from tests.ambient.runs.test_files import DEAD


def test_descriptions_name_classes_functions_and_values() -> None:
    text = describe(AmbientScoreMatching() + 0.5 * Consistency(kernel=ancestral))
    assert text["kind"] == "Sum"
    (one, first), (half, second) = text["parts"]
    assert (one, half) == (1.0, 0.5)
    assert first["levels"] == {"kind": "LogNormal", "mean": -1.2, "std": 1.2}
    assert second["kernel"] == "ancestral"
    assert describe({"nature": VE().level(0.5)}) == {"nature": {"kind": "Level", "alpha": 1.0, "sigma": 0.5}}


def test_long_tensors_are_recorded_by_their_fingerprint() -> None:
    steps = torch.linspace(0.1, 0.9, 100, dtype=torch.float64)
    text = describe(Discrete(VP(), steps))["times"]
    assert text.startswith("(100,) ")
    assert describe(Discrete(VP(), steps.clone()))["times"] == text
    assert describe(Discrete(VP(), torch.cat([steps[:-1], steps[-1:] + 1e-9])))["times"] != text
    assert describe(steps[:3]) == steps[:3].tolist()


def test_a_folder_belongs_to_one_configuration(tmp_path: Path) -> None:
    claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}})
    claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}})
    with pytest.raises(ConfigMismatchError, match=r"steps is 5 there and 6 here; net\.width is 3 there and 4 here"):
        claim_folder(tmp_path, {"steps": 6, "net": {"width": 4}})
    with pytest.raises(ConfigMismatchError, match='extra is "absent" there and 1 here'):
        claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}, "extra": 1})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigMismatchError, match=r"config\.json is damaged: it is not JSON"):
        claim_folder(tmp_path, {"steps": 5})


def test_a_difference_is_explained_where_it_is_not_plain(tmp_path: Path) -> None:
    claim_folder(tmp_path, {"training": {"steps": 5}})
    with pytest.raises(ConfigMismatchError, match=r"training\.steps is 5 there and 6 here \(because\)"):
        claim_folder(tmp_path, {"training": {"steps": 6}}, reasons={"training.steps": "because"})


def test_a_path_is_where_it_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    spellings = ["d", "./d/", "d/../d", "link", str(tmp_path / "d")]
    assert {describe(Path(spelling)) for spelling in spellings} == {str((tmp_path / "d").resolve())}
    assert describe(Path("other")) != describe(Path("d"))


@dataclass(frozen=True)
class Marked:
    width: int = 3
    workers: int = field(default=2, metadata={"identity": False})


def test_what_changes_no_number_is_no_part_of_it() -> None:
    assert describe(Marked(workers=5)) == {"kind": "Marked", "width": 3}


def test_claiming_a_folder_sweeps_what_killed_writes_left(tmp_path: Path) -> None:
    left = tmp_path / "samples" / f".0.safetensors.{DEAD}.tmp"
    left.parent.mkdir()
    left.touch()
    claim_folder(tmp_path, {"steps": 5})
    assert not left.exists()
