from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toy.options import ToyOptions
from toy.splits import Splits


def test_each_split_is_made_once() -> None:
    splits = Splits(ToyOptions().changed(features=("pixels",)))
    assert splits.split(20, 0) is splits.split(20, 0)
    assert splits.split(20, 0) is not splits.split(20, 1)
    assert splits.audit(20, 0) is splits.audit(20, 0)
    assert splits.audit(20, 0).split is splits.split(20, 0)


def test_what_needs_a_network_says_how_to_get_it(tmp_path: Path) -> None:
    missing = ToyOptions().changed(features=("inception",), inception=tmp_path / "none.pt", output=tmp_path)
    with pytest.raises(OSError, match=r"cannot read .*none\.pt.*download it, and give its path"):
        Splits(missing).audit(100, 0)
    (tmp_path / "wrong.pt").write_bytes(b"not it")
    wrong = ToyOptions().changed(features=("inception",), inception=tmp_path / "wrong.pt", output=tmp_path)
    with pytest.raises(OSError, match=r"wrong\.pt has the SHA-256 .* delete it and download it again"):
        Splits(wrong).audit(100, 0)
    for name in ("dinov2-p2", "clip"):
        offline = ToyOptions().changed(
            features=(name,), output=tmp_path, dinov2="someone/absent", clip="someone/absent"
        )
        with pytest.raises(OSError, match=r"cannot load someone/absent .*give its folder"):
            Splits(offline).audit(100, 0)


def test_dinov2_and_clip_are_taken_from_folders(tmp_path: Path) -> None:
    """Tiny random networks in the real layout, through the options of the command."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'eval'")
    common: dict[str, Any] = {"num_hidden_layers": 1, "num_attention_heads": 2}
    dino = transformers.Dinov2Config(hidden_size=16, image_size=28, patch_size=14, **common)
    transformers.Dinov2Model(dino).save_pretrained(tmp_path / "dino")
    vision = {
        "hidden_size": 16,
        "image_size": 28,
        "patch_size": 14,
        "intermediate_size": 16,
        "projection_dim": 6,
        **common,
    }
    text = {"hidden_size": 8, "vocab_size": 50, "intermediate_size": 16, **common}
    both = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=6)
    transformers.CLIPModel(both).save_pretrained(tmp_path / "clip")
    options = ToyOptions().changed(
        features=("dinov2-p2", "dinov2-p1", "clip"),
        dinov2=str(tmp_path / "dino"),
        clip=str(tmp_path / "clip"),
        output=tmp_path,
    )
    audit = Splits(options).audit(12, 0)
    found = audit(audit.split.train)
    for name in ("dinov2-p2", "dinov2-p1", "clip"):
        assert found[f"sim_{name}"] == pytest.approx(1, abs=1e-6)
        assert found[f"s0.95_{name}"] == 1
        assert found[f"frechet_{name}"] > 0
