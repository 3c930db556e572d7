from __future__ import annotations

from pathlib import Path

import pytest

from ambient.identity import ConfigMismatchError, claim_folder, describe
from ambient.kernels import ancestral
from ambient.objectives import AmbientScoreMatching, Consistency
from ambient.process import VE


def test_descriptions_name_classes_functions_and_values() -> None:
    text = describe(AmbientScoreMatching() + 0.5 * Consistency(kernel=ancestral))
    assert text["kind"] == "Sum"
    (one, first), (half, second) = text["parts"]
    assert (one, half) == (1.0, 0.5)
    assert first["levels"] == {"kind": "LogNormal", "mean": -1.2, "std": 1.2}
    assert second["kernel"] == "ancestral"
    assert describe({"nature": VE().level(0.5), "path": Path("a")}) == {
        "nature": {"kind": "Level", "alpha": 1.0, "sigma": 0.5},
        "path": "a",
    }


def test_a_folder_belongs_to_one_configuration(tmp_path: Path) -> None:
    claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}})
    claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}})
    with pytest.raises(ConfigMismatchError, match=r"steps is 5 there and 6 here; net\.width is 3 there and 4 here"):
        claim_folder(tmp_path, {"steps": 6, "net": {"width": 4}})
    with pytest.raises(ConfigMismatchError, match='extra is "absent" there and 1 here'):
        claim_folder(tmp_path, {"steps": 5, "net": {"width": 3}, "extra": 1})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigMismatchError, match="is not JSON"):
        claim_folder(tmp_path, {"steps": 5})
