from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor

from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    Hybrid,
)
from ambient.objectives.base import Sum
from ambient.randomness import Draws
from ambient.runs.files import read_records
from ambient.runs.identity import ConfigMismatchError
from sdxl import lora
from sdxl.latents.cache import open_latents
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.loading import load
from sdxl.options import ModelOptions, Precision
from sdxl.source import Source
from sdxl.train.objectives import objective_of
from sdxl.train.options import Method, TrainOptions
from sdxl.train.tuning import fine_tune, training_accelerator
from tests.sdxl.conftest import on_cpu


@pytest.fixture(scope="session")
def caches(pictures: Path, xl: Path, sd: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Latents, by model, nature level and whether they are kept clean, too."""
    made: dict[Any, Path] = {}

    def make(nature: int = 500, keep_clean: bool = False, model: Path = xl) -> Path:
        key = (nature, keep_clean, model)
        if key not in made:
            folder = tmp_path_factory.mktemp("latents") / "cache"
            options = LatentOptions(
                Source(str(pictures)), on_cpu(model, folder), nature=nature, keep_clean=keep_clean, shard=8
            )
            made[key] = write_latents(options, Accelerator(cpu=True))
        return made[key]

    return make


def _options(
    latents: Path, model: Path, output: Path, batch: int = 4, precision: Precision | None = None, **changes: Any
) -> TrainOptions:
    run = on_cpu(model, output, batch=batch, precision=precision)
    base = TrainOptions(latents, run, steps=6, learning_rate=1e-2, log_every=2, checkpoint_every=2, watch=False)
    return replace(base, **changes)


def _train(options: TrainOptions) -> dict[str, Tensor]:
    return safetensors.torch.load_file(fine_tune(options, Accelerator(cpu=True)))


METHODS: list[tuple[Method, int, bool]] = [
    ("dsm", 0, False),
    ("ambient", 500, False),
    ("consistency", 500, False),
    ("recommended", 100, False),
    ("hybrid", 500, True),
]


@pytest.mark.parametrize(("method", "nature", "keep_clean"), METHODS)
def test_every_method_trains_a_lora_that_pipelines_take(
    method: Method, nature: int, keep_clean: bool, caches: Callable[..., Path], xl: Path, tmp_path: Path
) -> None:
    batch = 16 if method == "recommended" else 4
    options = _options(caches(nature, keep_clean), xl, tmp_path, method=method, batch=batch)
    trained = _train(options)
    assert any(bool(value.any()) for name, value in trained.items() if "lora_B" in name or "up" in name)
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl)
    pipeline.load_lora_weights(tmp_path)
    loaded = [value for name, value in pipeline.unet.state_dict().items() if "lora" in name]
    assert len(loaded) == len(trained)
    log = read_records(tmp_path / "log.jsonl")
    assert [record["images"] for record in log] == [2 * batch, 4 * batch, 6 * batch]
    again = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".jsonl"}
    assert _train(options).keys() == trained.keys()
    assert again == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".jsonl"}


def test_v_prediction_and_one_text_encoder(caches: Callable[..., Path], sd: Path, tmp_path: Path) -> None:
    _train(_options(caches(model=sd), sd, tmp_path))
    StableDiffusionPipeline.from_pretrained(sd).load_lora_weights(tmp_path)


def test_the_methods_are_objectives_of_the_toy(caches: Callable[..., Path], xl: Path) -> None:
    """The objects themselves, with P1's levels and weights."""
    components = load(ModelOptions(str(xl)))
    noisy, _ = open_latents(caches(), components)
    clean, _ = open_latents(caches(0), components)
    both, _ = open_latents(caches(500, True), components)
    process = components.process
    assert isinstance(objective_of("dsm", process, clean, 0), DenoisingScoreMatching)
    assert isinstance(objective_of("hybrid", process, both, 500), Hybrid)
    ambient = objective_of("ambient", process, noisy, 500)
    assert isinstance(ambient, AmbientScoreMatching)
    for t_n, weight in ((100, 0.01), (500, 0.01), (800, 1e-4)):
        total = objective_of("consistency", process, noisy, t_n)
        assert isinstance(total, Sum)
        assert [factor for factor, _ in total.parts] == [1.0, weight]
        assert total.parts[0][1] == ambient
    with pytest.raises(ValueError, match="gives no weight for t_n = 300"):
        objective_of("consistency", process, noisy, 300)
    assert objective_of("consistency", process, noisy, 300, 0.5).parts[1][0] == 0.5  # type: ignore[attr-defined]


def test_the_consistency_term_goes_from_x_n_to_any_step_below(caches: Callable[..., Path], xl: Path) -> None:
    """P1's SDXL code: x' = x_n at t_n, t'' ~ U[0, t_n), one ancestral step; once more, written out."""
    components = load(ModelOptions(str(xl)))
    samples, _ = open_latents(caches(), components)
    batch = samples.batch(torch.arange(4))
    total = objective_of("consistency", components.process, samples, 500)
    ours = total.parts[1][1](components.denoiser, batch, Draws.of_step(3, 0)).per_sample  # type: ignore[attr-defined]
    draws, process, h = Draws.of_step(3, 0), components.process, components.denoiser
    t = 500 * (1 - draws.uniform(batch.x))
    start, end = process.level(500.0), process.level(t)
    a_n, s_n, a, s = (v.double().reshape(-1, 1, 1, 1) for v in (start.alpha, start.sigma, end.alpha, end.sigma))
    with torch.no_grad():
        mean = h(batch.x, start, **batch.condition)
        found = []
        for _ in range(2):
            rho = a_n / a
            v = s_n**2 - rho**2 * s**2
            towards = a * v / s_n**2 * mean + rho * s**2 / s_n**2 * batch.x
            x = towards + (v * s**2 / s_n**2).sqrt() * draws.normal(batch.x)
            found.append(h(x.float(), end, **batch.condition) - mean)
    torch.testing.assert_close(ours, (found[0] * found[1]).mean((1, 2, 3)), rtol=1e-3, atol=1e-4)


def test_gradient_checkpointing_is_on_and_changes_nothing(
    caches: Callable[..., Path], xl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers.models.attention import BasicTransformerBlock

    calls: list[int] = []
    forward = BasicTransformerBlock.forward

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return forward(self, *arguments, **options)

    monkeypatch.setattr(BasicTransformerBlock, "forward", counted)
    plain = _train(_options(caches(), xl, tmp_path / "plain"))
    once = len(calls)
    calls.clear()
    checkpointed = _train(_options(caches(), xl, tmp_path / "checkpointed", gradient_checkpointing=True))
    assert len(calls) == 2 * once, "each block runs again in the backward pass"
    for name, value in plain.items():
        torch.testing.assert_close(checkpointed[name], value, rtol=1e-4, atol=1e-6)


def test_a_warm_start_begins_where_the_other_run_ended(caches: Callable[..., Path], xl: Path, tmp_path: Path) -> None:
    first = _train(_options(caches(), xl, tmp_path / "first", keep_every=4))
    options = _options(caches(), xl, tmp_path / "second", steps=1, learning_rate=1e-12, start=tmp_path / "first")
    for name, value in _train(options).items():
        torch.testing.assert_close(value, first[name], rtol=1e-5, atol=1e-9)
    kept = safetensors.torch.load_file(tmp_path / "first" / "checkpoint-4" / lora.FILE)
    run = replace(options.run, output=tmp_path / "third")
    other = _train(replace(options, run=run, start=tmp_path / "first" / "checkpoint-4"))
    assert any(not torch.allclose(kept[name], first[name], atol=1e-5) for name in kept)
    for name, value in other.items():
        torch.testing.assert_close(value, kept[name], rtol=1e-5, atol=1e-9)
    facts = json.loads((tmp_path / "second" / "config.json").read_text())
    assert facts["start"] == lora.digest(tmp_path / "first")


def test_a_run_is_what_its_model_holds(caches: Callable[..., Path], xl: Path, tmp_path: Path) -> None:
    """Moved or spelled otherwise it is the same run; with other weights it is another."""
    model = Path(shutil.copytree(xl, tmp_path / "model"))
    _train(_options(caches(), model, tmp_path / "run"))
    model.rename(tmp_path / "moved")
    _train(_options(caches(), Path(f"{tmp_path}/run/../moved/"), tmp_path / "run" / "."))
    file = tmp_path / "moved" / "unet" / "diffusion_pytorch_model.safetensors"
    weights = safetensors.torch.load_file(file)
    last = sorted(weights)[-1]
    safetensors.torch.save_file({**weights, last: weights[last] + 1e-3}, file, {"format": "pt"})
    with pytest.raises(ConfigMismatchError, match="model is "):
        _train(_options(caches(), tmp_path / "moved", tmp_path / "run"))


@pytest.fixture
def fresh_accelerate() -> Any:
    AcceleratorState._reset_state(True)
    yield None
    AcceleratorState._reset_state(True)


@pytest.mark.usefixtures("fresh_accelerate")
def test_bf16_with_fp32_lora_averages_validation_and_trackers(
    caches: Callable[..., Path], xl: Path, tmp_path: Path
) -> None:
    """Everything on: the LoRA stays fp32 and moves, though steps of 1e-5 are lost on bf16 weights."""
    options = _options(
        caches(),
        xl,
        tmp_path,
        precision="bf16",
        learning_rate=1e-5,
        accumulation=2,
        ema=0.5,
        gradient_checkpointing=True,
        validation_prompts=("a cat", ""),
        validation_every=3,
    )
    accelerator = training_accelerator(options)
    path = fine_tune(options, accelerator)
    trained = safetensors.torch.load_file(path)
    assert {value.dtype for value in trained.values()} == {torch.float32}
    fresh = load(options.run.model, unet="bf16")
    lora.attach(fresh, 4)
    lora.save(fresh, tmp_path / "fresh.safetensors")
    start = safetensors.torch.load_file(tmp_path / "fresh.safetensors")
    assert all(not torch.equal(value, start[name]) for name, value in trained.items())
    assert all(float((value - start[name]).abs().max()) < 1e-4 for name, value in trained.items())
    assert sorted(file.name for file in (tmp_path / "validation").iterdir()) == ["step-0000003.png", "step-0000006.png"]
