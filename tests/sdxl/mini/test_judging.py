"""Judging a mini model."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from ambient.runs.identity import ConfigMismatchError
from sdxl.mini.captions import WORDINGS
from sdxl.mini.judging import judge, measured, prompt_of
from sdxl.mini.options import JudgeMini
from tests.sdxl.mini.conftest import members_of


class _Brightest:
    """Says the class whose column block of the image is brightest; its features are the ten columns' means."""

    name = "brightness"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images[..., :30].reshape(len(images), 3, 32, 10, 3).mean((1, 2, 4))

    def accuracy(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        return float((self(images).argmax(1) == labels).double().mean())


def _lit(labels: list[int]) -> torch.Tensor:
    images = torch.randn(len(labels), 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.01
    for image, label in zip(images, labels, strict=True):
        image[..., 3 * label : 3 * label + 3] += 0.5
    return images


def test_the_share_of_samples_that_are_what_was_asked_for(cifar: Path) -> None:
    wrong = [9 if i == 12 else i % 10 for i in range(20)]  # one of the two samples of class 2 is of class 9
    result = measured(_lit(wrong), members_of(cifar), _Brightest())  # type: ignore[arg-type]
    assert result["agreement"]["share"] == pytest.approx(19 / 20)
    assert result["agreement"]["low"] < 19 / 20 < result["agreement"]["high"]
    assert result["agreement_by_class"] == {name: 0.5 if name == "bird" else 1.0 for name in members_of(cifar).classes}
    assert result["real_images"] == 4
    assert result["frechet_distance"] > result["frechet_distance_of_training_images"]


def test_prompts_go_through_classes_and_wordings() -> None:
    classes = ("airplane", "cat")
    prompts = [prompt_of(i, classes) for i in range(2 * len(WORDINGS))]
    assert prompts[:4] == [
        "a photo of an airplane",
        "a photo of a cat",
        "a picture of an airplane",
        "a picture of a cat",
    ]
    assert len(set(prompts)) == len(prompts)
    assert prompt_of(2 * len(WORDINGS), classes) == prompts[0]


def test_judged_twice_it_draws_nothing_again(smallest: Path, cifar: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"samples": 20, "steps": 2, "batch": 10}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        told = judge(JudgeMini(smallest, cifar, tmp_path / "out", **options))
        parts = sorted((tmp_path / "out" / "samples").glob("*.safetensors"))
        times = [path.stat().st_mtime_ns for path in parts]
        (tmp_path / "out" / "quality.json").unlink()
        assert judge(JudgeMini(smallest, cifar, tmp_path / "out", **options)) == told
        assert [path.stat().st_mtime_ns for path in parts] == times
        with pytest.raises(ConfigMismatchError, match="guidance"):
            judge(JudgeMini(smallest, cifar, tmp_path / "out", **options, guidance=2.0))
    assert "of 20 samples" in told
    assert json.loads((tmp_path / "out" / "quality.json").read_text())["samples"] == 20
    assert (tmp_path / "out" / "samples.png").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"samples": 15}, "--samples 15"), ({"guidance": 0.5}, "--guidance 0.5"), ({"seed": -1}, "--seed -1")],
)
def test_options_that_cannot_work(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JudgeMini(Path("model"), Path("data"), Path("out"), **change).check()
