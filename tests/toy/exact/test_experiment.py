"""The benchmark's worlds and measures against what is known exactly, and the command on a few updates."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambient.objectives import (
    sigma_data_of,
)
from toy import run
from toy.exact import measures, report
from toy.exact.experiment import Options, main
from toy.exact.methods import METHODS
from toy.exact.worlds import WORLDS, easy, fixed8


@pytest.mark.parametrize("name", list(WORLDS))
def test_worlds_have_the_scale_they_state(name: str) -> None:
    world = WORLDS[name]()
    clean = world.draw(40_000, 0)
    assert float(clean.std(0).square().mean().sqrt()) == pytest.approx(world.sigma_data, rel=0.02)
    samples = world.samples(1, 40_000)
    assert samples.clean is None
    assert len(samples) == (world.size or 40_000)
    assert sigma_data_of(samples.x, samples.nature) == pytest.approx(world.sigma_data, rel=0.05)
    assert torch.equal(samples.x, world.samples(1, 40_000).x)
    assert not torch.equal(samples.x, world.samples(2, 40_000).x)


def test_the_oracle_sees_the_clean_versions_of_the_same_samples() -> None:
    world = fixed8()
    difference = world.samples(0, 1).x - world.samples(0, 1, clean=True).x
    assert float(difference.std()) == pytest.approx(world.sigma_n, rel=0.02)


def test_the_energy_distance_of_two_normals() -> None:
    """E|X - Y| = sqrt(2 (1 + s^2) / pi) for N(0, 1) and N(0, s^2); 4,000 coupled samples."""
    s = 3.0
    x = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(0))
    exact = 2 * math.sqrt(2 * (1 + s**2) / math.pi) - 2 / math.sqrt(math.pi) * (1 + s)
    assert measures.energy_distance(x, s * x) == pytest.approx(exact, rel=0.1)
    assert measures.energy_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_the_energy_distance_leaves_out_the_coupled_pairs() -> None:
    x, y = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def mean(a: Tensor, b: Tensor) -> float:
        return sum(float((a[i] - b[j]).norm()) for i in range(7) for j in range(7) if i != j) / 42

    exact = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert measures.energy_distance(x, y, chunk=2) == pytest.approx(exact, rel=1e-12)


def test_sliced_wasserstein_of_a_shift_and_of_a_scaling() -> None:
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([0.3, 0.0, 0.4])
    assert measures.sliced_wasserstein(x, x + shift, 4000) == pytest.approx(0.5 / math.sqrt(3), rel=0.03)
    moment = float(x.square().sum(1).mean()) / 3
    assert measures.sliced_wasserstein(x, 2 * x, 4000) == pytest.approx(math.sqrt(moment), rel=0.03)
    with pytest.raises(ValueError, match="equally many"):
        measures.sliced_wasserstein(x, x[:4])


def test_the_identity_scores_one_and_the_exact_denoiser_zero_at_every_level() -> None:
    world = easy()
    for multiple in measures.MULTIPLES:
        sigma = multiple * world.sigma_n
        assert measures.relative_error(lambda x, level: x, world, sigma, 256) == pytest.approx(1)
        assert measures.relative_error(world.mixture.denoiser, world, sigma, 256) == pytest.approx(0, abs=1e-9)


def test_the_exact_denoiser_is_at_no_distance_and_stopping_early_is_at_some() -> None:
    world = easy()
    exact = measures.reference(world, 512)
    full = measures.evaluate(world.mixture.denoiser, world, exact)
    assert full["energy"] == pytest.approx(0, abs=1e-6)
    assert full["sliced"] == 0
    stopped = measures.evaluate(world.mixture.denoiser, world, exact, stop=True)
    assert stopped["energy"] > 1


def test_what_methods_see() -> None:
    world = easy()
    for name, stages in METHODS.items():
        built = stages(world, world.samples(0, 2_000))
        assert math.isclose(sum(stage.share for stage in built), 1)
        assert any(stage.data == "clean" for stage in built) == (name == "oracle")


@pytest.mark.filterwarnings("ignore::ambient.training.collapse.CollapseWarning")
def test_cells_are_computed_once_and_reported(tmp_path: Path) -> None:
    options = Options(("easy",), tuple(METHODS), (0,), steps=8, batch=64, samples=64, output=tmp_path)
    main(options)
    paths = sorted(tmp_path.glob("easy/*/seed0/result.json"))
    assert len(paths) == len(METHODS)
    result = json.loads((tmp_path / "easy/ambient/seed0/result.json").read_text())
    assert result["steps"] == 8
    assert result["full"]["error 1"] != result["full"]["error 2"]
    assert result["stop"]["energy"] != result["full"]["energy"]
    before = [path.stat().st_mtime_ns for path in paths]
    (tmp_path / "error.png").unlink()
    main(options)
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert (tmp_path / "error.png").exists()
    assert all(name in (tmp_path / "table.md").read_text() for name in METHODS)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown method 'sur'; known are oracle"):
        Options(methods=("sur",))
    with pytest.raises(ValueError, match="unknown world"):
        Options(worlds=("flat",))


def test_the_table_has_means_spreads_and_ratios() -> None:
    def cell(energy: float) -> dict[str, object]:
        return {
            "seconds": energy,
            "full": {"energy": energy, "sliced": 0.1, **{f"error {m:g}": m for m in measures.MULTIPLES}},
        }

    cells = {("easy", "oracle", 0): cell(1.0), ("easy", "paper", 0): cell(2.0), ("easy", "paper", 1): cell(4.0)}
    lines = report._lines(report._rows(cells)["easy"])
    assert lines[1][:4] == ["oracle", "1", "1", "1.0"]
    assert lines[2][:4] == ["paper", "2", "3±1", "3.0"]
    assert lines[2][-1] == "-"
    assert lines[2][5:-1] == ["0.125±0", "0.25±0", "0.5±0", "1±0", "2±0"]


def test_the_front_door_runs_one_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["run.py", "--data", "gmm-easy", "--methods", "oracle", "--seeds", "0", "--steps", "2", "--batch", "64"]
    monkeypatch.setattr("sys.argv", [*command, "--samples", "64", "--output", str(tmp_path)])
    assert run.main() == 0
    assert (tmp_path / "easy/oracle/seed0/result.json").exists()
    monkeypatch.setattr("sys.argv", ["run.py", "--data=gmm-flat", "--output", str(tmp_path)])
    with pytest.raises(SystemExit):
        run.main()
