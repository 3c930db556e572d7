from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.noise import PoissonGaussian
from ambient.runs.results import read_results
from benchmarks.photons.__main__ import Photons
from benchmarks.photons.work import best_filter, seen, work


def test_the_noise_has_the_variance_of_its_law() -> None:
    law, clean = PoissonGaussian(0.1, 0.05), torch.full((200_000,), 0.3)
    noisy = seen(clean, law, 0)
    assert float(noisy.mean()) == pytest.approx(0.3, abs=0.005)
    assert float(noisy.var()) == pytest.approx(0.1 * 1.3 + 0.05**2, rel=0.02)


def test_the_filter_is_better_than_none() -> None:
    clean = torch.linspace(-1, 1, 8).expand(20, 1, 8, 8)
    noisy = seen(clean, PoissonGaussian(0.2), 1)
    assert float((best_filter(noisy, clean) - clean).square().mean()) < float((noisy - clean).square().mean())


def test_it_runs_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Photons(noise=("poisson:0.2",), seeds=(0,), steps=2, images=64, output=tmp_path)
    work(options)
    first = read_results(tmp_path / "photons.json")
    work(options)
    assert read_results(tmp_path / "photons.json") == first
    assert "model, photons" in (tmp_path / "photons.md").read_text()
    assert first["errors"]["poisson:0.2"][0]["nothing"] > 0.1


@pytest.mark.parametrize("wrong", [{"noise": ("0.3",)}, {"steps": 0}])
def test_wrong_values_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="--"):
        Photons(**wrong).check()  # type: ignore[arg-type]
