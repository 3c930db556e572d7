from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toy.config import Options


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": (500,)}, "--images 500: digits has 2 to 400"),
        ({"images": (1,), "data": "images", "source": "x"}, "--images 1: at least 2"),
        ({"data": "cifar10"}, "--source: say where cifar10 is"),
        ({"source": "x"}, "--source: digits has none"),
        ({"resolution": 4}, "--resolution: digits has none"),
        ({"greyscale": True}, "--greyscale: digits are grey"),
        ({"data": "images", "source": "x", "resolution": 3}, "--resolution 3"),
        ({"data": "ffhq", "source": "x", "features": ("classifier",)}, "--features classifier: ffhq has no classes"),
        ({"features": ("inception",)}, "--features inception: give its file"),
        ({"sigma_nature": (0.4, -1.0)}, "--sigma-nature -1"),
        ({"sigma_nature": (0.0,)}, "--sigma-nature 0"),
        ({"sigma_nature": ()}, "--sigma-nature: name at least one"),
        ({"sigma_controls": (30.0,)}, "--sigma-nature 30"),
        ({"methods": ("dsm", "dsm")}, "one is named twice"),
        ({"seeds": (-1,)}, "--seeds"),
        ({"steps": 0}, "--steps 0"),
        ({"stops": (3000,)}, "--stops 3000"),
        ({"stops": (100,), "methods": ("hybrid",)}, "--stops: looks at dsm"),
        ({"batch": 0}, "--batch 0"),
        ({"accumulation": 0}, "--accumulation 0"),
        ({"hidden": 1.0}, "--hidden 1"),
        ({"dropout": 0.0}, "--dropout 0"),
        ({"augment": 2.0}, "--augment 2"),
        ({"weight_decay": -0.1}, "--weight-decay -0.1"),
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
    options = Options(methods=("dsm", "hybrid"), sigma_nature=(0.2, "auto"), seeds=(0, 1))
    assert [cell.name for cell in options.cells()] == [
        f"{name}-n100-seed{seed}" for seed in (0, 1) for name in ("dsm", "hybrid-sigma0.2", "hybrid-sigmaauto")
    ]
    assert [cell.row for cell in options.cells()[:3]] == ["DSM", "hybrid, σ_n = 0.2", "hybrid, σ_n = auto"]


def test_a_sweep_over_sizes_stops_and_levels_of_the_controls() -> None:
    options = Options(
        methods=("dsm", "hybrid", "weight"),
        images=(50, 100),
        sigma_nature=(0.2, 0.4),
        sigma_controls=(0.4,),
        stops=(500,),
    )
    rows = [cell.row for cell in options.cells() if cell.images == 50]
    assert rows == [
        "DSM, N = 50",
        "DSM, stopped at 500, N = 50",
        "hybrid, σ_n = 0.2, N = 50",
        "hybrid, σ_n = 0.4, N = 50",
        "DSM, hybrid's weight, σ_n = 0.4, N = 50",
    ]
    assert len(options.cells()) == len({cell.name for cell in options.cells()}) == 10
    stopped = options.cells()[1]
    assert stopped.whole == options.cells()[0]


def test_the_folder_follows_what_decides_the_results() -> None:
    base = Options()
    assert base.folder == replace(base, processes=2, device="cuda", compile=True).folder
    assert base.folder != replace(base, steps=10).folder
    assert replace(base, output=Path("there")).folder == Path("there")
    assert "steps" in base.identity
    assert not {"device", "processes", "output"} & base.identity.keys()


def test_a_sweep_may_grow_in_its_folder() -> None:
    base = Options()
    assert base.common == replace(base, seeds=(0, 1), sigma_nature=(0.1,), images=(10,), methods=("dsm",)).common
    assert base.common != replace(base, steps=10).common
    assert base.folder != replace(base, seeds=(0, 1)).folder


def test_defaults_follow_data_and_network() -> None:
    assert Options().feature_names == ("pixels", "classifier")
    assert Options(data="ffhq", source="x").feature_names == ("pixels", "random")
    assert Options(data="images", source="x", classes=True).feature_names == ("pixels", "classifier")
    assert Options().peak_learning_rate == 4e-3
    assert Options(network="unet-14m").peak_learning_rate == 2e-4
    assert Options(learning_rate=1e-3).identity["learning_rate"] == 1e-3


def test_workers() -> None:
    assert Options(processes=5).workers == 2
    assert Options(processes=1).workers == 1
    assert Options(processes=5, methods=("dsm",), stops=(100, 200)).workers == 1
