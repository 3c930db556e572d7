from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from ambient.data.images.options import SetOptions
from ambient.models.names import LEARNING_RATES, NetworkName, SamplerName
from ambient.models.networks import PRESETS
from toy import objectives
from toy.methods import METHODS
from toy.names import MethodName
from toy.options import (
    MeasuringOptions,
    PlaceOptions,
    SamplingOptions,
    SourceOptions,
    SweepOptions,
    ToyOptions,
    TrainingOptions,
)
from toy.sampling import SAMPLERS


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
        ({"sigma_controls": (30.0,)}, "--sigma-controls 30"),
        ({"methods": ("dsm", "dsm")}, "one is named twice"),
        ({"seeds": (-1,)}, "--seeds"),
        ({"steps": 0}, "--steps 0"),
        ({"stops": (3000,)}, "--stops 3000"),
        ({"stops": (30, 30)}, "--stops 30 30: one is named twice"),
        ({"sigma_controls": (0.2,)}, "--sigma-controls: is of ambient, weight, redrawn, and --methods names none"),
        ({"inception": Path(__file__)}, "--inception: --features does not name inception"),
        ({"fid_reference": Path(__file__)}, "--fid-reference: --features does not name inception"),
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
        ({"fid_reference": Path("nowhere.npz")}, "--fid-reference nowhere.npz: there is no such file"),
        (
            {"features": ("inception",), "inception": Path("nowhere.pt")},
            "--inception nowhere.pt: there is no such file",
        ),
        ({"samples": 3}, "--samples 3"),
        ({"sampler_steps": 1}, "--sampler-steps 1"),
        ({"learning_rate": 0.0}, "--learning-rate 0"),
        ({"workers": -1}, "--workers -1"),
        ({"output": Path(__file__)}, f"--output {__file__}: is there, and no folder"),
        ({"device": "abacus"}, "--device abacus"),
    ],
)
def test_bad_values_are_named(change: dict[str, Any], message: str) -> None:
    ToyOptions().check()
    with pytest.raises(ValueError, match="^" + message if message.startswith("--") else message):
        ToyOptions().changed(**change).check()


def test_an_option_that_there_is_not_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="no option 'stepz'"):
        ToyOptions().changed(stepz=3)


def test_names_are_those_of_what_they_name() -> None:
    """The light lists of names, against the implementations."""
    assert list(METHODS) == list(get_args(MethodName))
    assert set(objectives._OBJECTIVES) == set(METHODS)
    assert set(get_args(NetworkName)) == {"small", *PRESETS} == set(LEARNING_RATES)
    assert set(get_args(SamplerName)) == set(SAMPLERS)


def test_the_folder_follows_what_decides_the_results() -> None:
    base = ToyOptions()
    assert base.folder == base.changed(workers=2, device="cuda", compile=True, download=True).folder
    assert base.folder != base.changed(steps=10).folder
    assert base.changed(output=Path("there")).folder == Path("there")
    places = {field.name for field in fields(PlaceOptions)}
    groups = (SourceOptions, SweepOptions, TrainingOptions, SamplingOptions, MeasuringOptions)
    bounds = {field.name for field in fields(SetOptions)}
    assert base.identity.keys() == {field.name for group in groups for field in fields(group)} - bounds
    assert base.folder == base.changed(largest_file=5, follow_links=True).folder
    assert base.folder != base.changed(white=4095).folder
    assert base.changed(white=4095).common["white"] == 4095
    assert not places & base.identity.keys()


def test_a_sweep_may_grow_in_its_folder() -> None:
    base = ToyOptions()
    grown = base.changed(seeds=(0, 1), sigma_nature=(0.1,), images=(10,), methods=("dsm",))
    assert base.common == grown.common == base.changed(samples=2000).common == base.changed(accumulation=2).common
    assert base.common != base.changed(steps=10).common
    assert base.folder != base.changed(seeds=(0, 1)).folder


def test_defaults_follow_data_and_network() -> None:
    base = ToyOptions()
    assert base.feature_names == ("pixels", "classifier")
    assert base.changed(data="ffhq", source="x").feature_names == ("pixels", "random")
    assert base.changed(data="images", source="x", classes=True).feature_names == ("pixels", "classifier")
    assert base.training.peak_learning_rate == 4e-3
    assert base.changed(network="unet-14m").training.peak_learning_rate == 2e-4
    assert base.changed(learning_rate=1e-3).identity["learning_rate"] == 1e-3


def test_how_many_models_are_trained_at_a_time() -> None:
    assert PlaceOptions(workers=5).processes(2) == 2
    assert PlaceOptions(workers=1).processes(2) == 1
    assert PlaceOptions(device="cuda").processes(2) == 1
    assert PlaceOptions(workers=3, device="cuda").processes(9) == 3
    assert PlaceOptions(workers=5).processes(0) == 1
