from __future__ import annotations

from toy.cells import cells_of
from toy.options import SweepOptions


def test_cells_are_the_models_to_train() -> None:
    cells = cells_of(SweepOptions(methods=("dsm", "hybrid"), sigma_nature=(0.2, "auto"), seeds=(0, 1)))
    assert [cell.name for cell in cells] == [
        f"{name}-n100-seed{seed}" for seed in (0, 1) for name in ("dsm", "hybrid-sigma0.2", "hybrid-sigmaauto")
    ]
    assert [cell.row for cell in cells[:3]] == ["DSM", "hybrid, σ_n = 0.2", "hybrid, σ_n = auto"]


def test_a_sweep_over_sizes_stops_and_levels_of_the_controls() -> None:
    sweep = SweepOptions(
        methods=("dsm", "hybrid", "weight"),
        images=(50, 100),
        sigma_nature=(0.2, 0.4),
        sigma_controls=(0.4,),
        stops=(500,),
    )
    cells = cells_of(sweep)
    assert [cell.row for cell in cells if cell.images == 50] == [
        "DSM, N = 50",
        "DSM, stopped at 500, N = 50",
        "hybrid, σ_n = 0.2, N = 50",
        "hybrid, σ_n = 0.4, N = 50",
        "DSM, hybrid's weight, σ_n = 0.4, N = 50",
    ]
    assert len(cells) == len({cell.name for cell in cells}) == 10
    assert cells[1].whole == cells[0]
