from __future__ import annotations

from pathlib import Path

from ambient.runs.files import read_json
from benchmarks.linear.fixed_mask import report as fixed_mask
from benchmarks.linear.guidance import draw
from benchmarks.linear.guidance import report as guidance


def test_exact_samples_fit_and_guided_ones_come_near(tmp_path: Path) -> None:
    rows = {row.method: row for row in guidance(600, 12, 0.1, [0.3], [1, 3], tmp_path)}
    exact, best, batch = (
        rows[name] for name in ("exact samples", "MMPS, 3 CG iterations", "DPS, norm over the batch, zeta 0.3")
    )
    assert 0.95 < exact.residual < 1.05
    assert 0.9 < best.residual < 1.1
    assert batch.residual > 5
    assert best.joint_distance < 5 < batch.joint_distance
    assert len(read_json(tmp_path / "guidance.json", "rows")["rows"]) == len(rows)


def test_an_exact_sample_errs_root_two_times_as_much_as_the_mean() -> None:
    drawn = draw(2000, 0.1)
    mean, sample = (drawn.judge("", x) for x in (drawn.posterior.mean(), drawn.posterior.sample()))
    assert abs(sample.rmse / mean.rmse - 2**0.5) < 0.06


def test_fixed_masks_lose_variance(tmp_path: Path) -> None:
    rows = fixed_mask(0.5, [0.0, 0.5], 500, 12, tmp_path)
    assert rows[1].variance < rows[0].variance < 0.85
    assert 10 < rows[0].distance < rows[1].distance
