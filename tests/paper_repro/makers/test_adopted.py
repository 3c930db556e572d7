from __future__ import annotations

import json
from pathlib import Path

import pytest

from paper_repro.makers.adopted import Adopted


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "\ufeff\ufeff{}"])
def test_a_damaged_config_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"--adopt .*config\.json"):
        Adopted.read(tmp_path)


def test_data_are_compared_as_paths_and_the_nearest_difference_is_kept(tmp_path: Path) -> None:
    config = {"source": str(tmp_path / "a" / ".." / "b"), "steps": 3, "batch": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    adopted = Adopted.read(tmp_path)
    assert not adopted.matches({"source": str(tmp_path / "b"), "steps": 4, "batch": 5})
    assert not adopted.matches({"source": str(tmp_path / "b"), "steps": 4, "batch": 2})
    assert not adopted.matches({"source": None, "steps": 4, "batch": 2})
    assert adopted.differs == ["steps"]
    assert adopted.matches({"source": str(tmp_path / "b"), "steps": 3, "batch": 2})
    assert adopted.used
