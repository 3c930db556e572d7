from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toy.config import Options


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 500}, "--images 500: digits has 2 to 400"),
        ({"sigma_nature": (0.4, -1.0)}, "--sigma-nature -1"),
        ({"sigma_nature": (0.0,)}, "--sigma-nature 0"),
        ({"sigma_nature": ()}, "--sigma-nature: name at least one"),
        ({"methods": ("dsm", "dsm")}, "one is named twice"),
        ({"seeds": (-1,)}, "--seeds"),
        ({"steps": 0}, "--steps 0"),
        ({"batch": 0}, "--batch 0"),
        (
            {"methods": ("ambient+consistency",), "batch": 40},
            r"--batch 40: ambient\+consistency needs",
        ),
        ({"samples": 3}, "--samples 3"),
        ({"sampler_steps": 1}, "--sampler-steps 1"),
        ({"learning_rate": 0.0}, "--learning-rate 0"),
        ({"processes": -1}, "--processes -1"),
        ({"device": "abacus"}, "--device abacus"),
    ],
)
def test_bad_values_are_named(change: dict[str, Any], message: str) -> None:
    Options().check()
    with pytest.raises(ValueError, match="^" + message if message.startswith("--") else message):
        replace(Options(), **change).check()


def test_cells_are_the_models_to_train() -> None:
    options = Options(methods=("dsm", "hybrid"), sigma_nature=(0.2, 0.4), seeds=(0, 1))
    assert [cell.name for cell in options.cells()] == [
        f"{name}-seed{seed}" for seed in (0, 1) for name in ("dsm", "hybrid-sigma0.2", "hybrid-sigma0.4")
    ]
    assert len({cell.row for cell in options.cells()}) == 3


def test_the_folder_follows_what_decides_the_results() -> None:
    base = Options()
    assert base.folder == replace(base, processes=2, device="cuda").folder
    assert base.folder != replace(base, steps=10).folder
    assert replace(base, output=Path("there")).folder == Path("there")
    assert "steps" in base.identity
    assert not {"device", "processes", "output"} & base.identity.keys()


def test_workers() -> None:
    assert Options(processes=5).workers == 2
    assert Options(processes=1).workers == 1
