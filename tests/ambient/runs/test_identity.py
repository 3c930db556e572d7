from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.kernels import ancestral
from ambient.objectives import (
    AmbientScoreMatching,
    Consistency,
)
from ambient.process import VE, VP, Discrete
from ambient.runs.identity import ConfigMismatchError, claim_folder, describe


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
    with pytest.raises(ConfigMismatchError, match="is not JSON"):
        claim_folder(tmp_path, {"steps": 5})
