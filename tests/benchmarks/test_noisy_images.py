from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.five_lines.work import recipe_of
from benchmarks.noisy_images import classical, report, work
from benchmarks.noisy_images.cells import Noise
from benchmarks.noisy_images.images import split_of
from benchmarks.noisy_images.options import Budget, NoisyImages


def pictures(n: int = 40, side: int = 8) -> Tensor:
    """Discs of random place and brightness, (N, 1, side, side)."""
    draws = torch.Generator().manual_seed(0)
    grid = torch.arange(side).float()
    place = torch.rand(n, 2, 1, 1, generator=draws) * side
    distance = ((grid[:, None] - place[:, 0]) ** 2 + (grid - place[:, 1]) ** 2).sqrt()
    return (torch.where(distance < side / 3, torch.rand(n, 1, 1, generator=draws), -0.5))[:, None]


def test_psnr_and_rmse() -> None:
    clean = torch.zeros(3, 1, 4, 4)
    assert classical.rmse(clean + 0.2, clean) == pytest.approx(0.2)
    assert classical.rmse(clean + 5, clean) == pytest.approx(1)  # clipped to [-1, 1]
    assert classical.psnr(0.2) == pytest.approx(20)


def test_classical_restorations_beat_noise_and_the_gaussian_width_is_the_best() -> None:
    clean = pictures(12, 32)
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    found = classical.restorations(noisy, clean, 0.3)
    assert set(found) == {"noisy", "Gaussian", "NLM"} | ({"BM3D"} if classical.has_bm3d() else set())
    errors = {name: classical.rmse(restored, clean) for name, (restored, _) in found.items()}
    assert all(restored.shape == clean.shape for restored, _ in found.values())
    assert all(error < 0.6 * errors["noisy"] for name, error in errors.items() if name != "noisy")
    _, width = classical.best_gaussian(noisy, clean)
    for other in (0.7 * width, 1.4 * width):
        assert errors["Gaussian"] < classical.rmse(classical.smoothed(noisy, other), clean)


def test_bm3d_takes_colour() -> None:
    pytest.importorskip("bm3d", reason="the package bm3d is not installed")
    clean = pictures(2, 32).expand(-1, 3, -1, -1) * torch.tensor([1.0, 0.5, -0.5])[:, None, None]
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    assert classical.rmse(classical.bm3d(noisy, 0.3), clean) < 0.12


def test_splits_are_disjoint_and_8_bit_files_are_clipped_copies_of_the_float_ones() -> None:
    images = torch.arange(30.0).reshape(30, 1, 1, 1).expand(-1, 1, 8, 8) / 15 - 1
    split = split_of(images, 1, 100, 10)
    assert (len(split.train), len(split.held_out)) == (20, 10)
    assert len({float(x[0, 0, 0]) for x in torch.cat([split.train, split.held_out])}) == 30
    with pytest.raises(ValueError, match="10 are to be held out"):
        split_of(images[:11], 0, 100, 10)
    whole, stored = split.noisy(0.6, "float")[0], split.noisy(0.6, "8-bit")[0]
    inside = whole.abs() < 1
    assert float((whole - stored)[inside].abs().max()) <= 1 / 255 + 1e-6
    assert set(stored[whole > 1.01].unique().tolist()) == {1.0}
    assert torch.equal(split.noisy(0.6, "float")[1], split_of(images, 1, 100, 10).noisy(0.6, "float")[1])


def test_options_that_cannot_work_are_named(tmp_path: Path) -> None:
    budget = Budget()
    for options, words in (
        (NoisyImages(budget), "--xrays or --cifar"),
        (NoisyImages(budget, xrays=tmp_path, sigmas=(0.0,)), "--sigmas"),
        (NoisyImages(budget, xrays=tmp_path, splits=(0,), rounded=(1,)), "--rounded 1"),
        (NoisyImages(budget, xrays=tmp_path, threads=0), "--threads 0"),
    ):
        with pytest.raises(ValueError, match=words):
            options.check()
    with pytest.raises(ValueError, match="multiple of 16"):
        Budget(batch=20)


def test_small_float_files_come_first() -> None:
    options = NoisyImages(Budget(), sigmas=(0.3, 0.1), splits=(0, 1), rounded=(0,))
    found = list(work.order(options, ["X-rays 32x32", "X-rays 64x64"]))
    assert [name for name, _, _ in found] == ["X-rays 32x32"] * 6 + ["X-rays 64x64"] * 6
    assert found[:6] == [
        *(("X-rays 32x32", split, Noise(sigma, "float")) for sigma in (0.3, 0.1) for split in (0, 1)),
        *(("X-rays 32x32", 0, Noise(sigma, "8-bit")) for sigma in (0.3, 0.1)),
    ]


def test_the_command_computes_reports_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(work, "load_sets", lambda options: {"X-rays 32x32": pictures()})
    monkeypatch.setattr(classical, "has_bm3d", lambda: False)
    budget = Budget(steps=2, batch=16, held_out=10, judged=4, samples=8)
    options = NoisyImages(budget, xrays=tmp_path, sigmas=(0.3,), splits=(0,), rounded=(), output=tmp_path / "out")
    work.work(options)
    assert capsys.readouterr().out.count("result.json written") == 3
    work.work(options)
    assert "written" not in capsys.readouterr().out
    errors = report.errors(options, "X-rays 32x32", 0, Noise(0.3, "float"), "unseen")
    assert set(errors) == {"noisy", "Gaussian", "NLM", "as clean", "as clean, best level", "ours", "clean"}
    assert errors["as clean, best level"] <= errors["as clean"]
    table = (options.output / "table.md").read_text(encoding="utf-8")
    assert table.count("| X-rays 32x32 | float | 0.3 | 1 |") == 4
    assert (options.output / "X-rays-32x32.png").is_file()
    recipe = recipe_of(options.output / "X-rays-32x32" / "split0" / "float-0.3" / "ours")
    assert (recipe.method, recipe.steps, recipe.batch, recipe.spectral) == ("dsm", 2, 16, True)
