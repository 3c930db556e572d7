"""What the loop does beyond the plain case: parts, precision, frozen weights, AdamW, callbacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import GeneralTracker
from torch import Tensor, nn

from ambient.data import Samples
from ambient.denoisers import EDMDenoiser
from ambient.objectives import (
    AmbientScoreMatching,
    Subsampled,
)
from ambient.process import VE
from ambient.randomness import Draws
from ambient.runs.files import read_records
from ambient.training import Callback, TrainingConfig, train

CONFIG = TrainingConfig(steps=20, batch=8, warmup=3, log_every=5, checkpoint_every=10, ema=0.9)
SAMPLES = Samples.of_noisy(torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), VE().level(0.3), 0)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Linear(3, 16), nn.Linear(16, 2)
        self.seen: list[torch.dtype] = []

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        hidden = self.first(torch.cat([x, c_noise[:, None]], 1))
        if not torch.compiler.is_compiling():
            self.seen.append(hidden.dtype)
        return self.second(nn.functional.silu(hidden))


def run(folder: Path, config: TrainingConfig = CONFIG, freeze: bool = False, **options: Any) -> EDMDenoiser:
    network = Network()
    network.first.requires_grad_(not freeze)
    objective = options.pop("objective", AmbientScoreMatching())
    denoiser = EDMDenoiser(network)
    train(denoiser, objective, SAMPLES, config, folder, progress=lambda *_: None, **options)
    return denoiser


@pytest.mark.parametrize("objective", [AmbientScoreMatching(), Subsampled(AmbientScoreMatching(), 2)])
def test_an_update_in_parts_is_the_update_at_once(tmp_path: Path, objective: Any) -> None:
    """The same rows and the same noise, so the same gradient up to the order of a sum."""
    whole = run(tmp_path / "1", objective=objective)
    for parts in (2, 4):
        config = replace(CONFIG, accumulation=parts)
        split = run(tmp_path / str(parts), config, objective=objective)
        for a, b in zip(whole.parameters(), split.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-6)
    logs = [read_records(tmp_path / name / "log.jsonl") for name in ("1", "4")]
    for one, four in zip(*logs, strict=True):
        assert four["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert four["level_count"] == one["level_count"]


def test_parts_resume_bit_for_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, accumulation=4)
    run(tmp_path / "whole", config)

    def stop(denoiser: nn.Module, step: int) -> None:
        raise KeyboardInterrupt

    for every in (3, 13):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", config, callbacks=[Callback(every, stop)])
    run(tmp_path / "parts", config)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]


def test_weight_decay_is_adamws(tmp_path: Path) -> None:
    config = replace(CONFIG, weight_decay=0.1, betas=(0.8, 0.95), ema=0.0, clip=0.5, steps=10)
    trained = run(tmp_path, config)
    denoiser = EDMDenoiser(Network())
    adam = torch.optim.AdamW(denoiser.parameters(), lr=1.0, betas=(0.8, 0.95), weight_decay=0.1)
    from ambient.data import Order

    order = Order(20, 0)
    for step in range(10):
        batch = SAMPLES.batch(order(8 * step, 8 * step + 8))
        AmbientScoreMatching()(denoiser, batch, Draws.of_step(0, step)).per_sample.mean().backward()
        nn.utils.clip_grad_norm_(denoiser.parameters(), 0.5)
        adam.param_groups[0]["lr"] = config.learning_rate_at(step)
        adam.step()
        adam.zero_grad()
    for a, b in zip(trained.parameters(), denoiser.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_frozen_weights_stay_and_are_not_saved(tmp_path: Path) -> None:
    denoiser = run(tmp_path, freeze=True)
    assert torch.equal(denoiser.network.first.weight, Network().first.weight)
    assert not torch.equal(denoiser.network.second.weight, Network().second.weight)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert not any("first" in key for key in safetensors.torch.load_file(tmp_path / name))
    again = run(tmp_path, freeze=True)
    assert torch.equal(again.network.second.weight, denoiser.network.second.weight)
    with pytest.raises(RuntimeError, match=r"another network: network\.first\.bias"):
        run(tmp_path)


def test_nothing_to_train_is_said(tmp_path: Path) -> None:
    denoiser = EDMDenoiser(Network()).requires_grad_(False)
    with pytest.raises(ValueError, match="nothing to train"):
        train(denoiser, AmbientScoreMatching(), SAMPLES, CONFIG, tmp_path)


def test_without_an_average_the_weights_themselves_are_returned(tmp_path: Path) -> None:
    denoiser = run(tmp_path, replace(CONFIG, ema=0.0))
    saved = safetensors.torch.load_file(tmp_path / "checkpoint.safetensors")
    assert not any(name.startswith("average") for name in saved)
    for name, weight in denoiser.named_parameters():
        assert torch.equal(weight, saved[f"weight.{name}"])


@pytest.fixture
def fresh_accelerate() -> Iterator[None]:
    """accelerate's state is the process's own, and fixes the precision."""
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


@pytest.mark.usefixtures("fresh_accelerate")
def test_bf16_runs_the_network_in_bf16_and_keeps_its_weights_in_fp32(tmp_path: Path) -> None:
    exact = run(tmp_path / "fp32", accelerator=Accelerator(cpu=True))
    AcceleratorState._reset_state(True)
    mixed = run(tmp_path / "bf16", accelerator=Accelerator(cpu=True, mixed_precision="bf16"))
    assert set(mixed.network.seen) == {torch.bfloat16}
    assert {weight.dtype for weight in mixed.parameters()} == {torch.float32}
    for a, b in zip(exact.parameters(), mixed.parameters(), strict=True):
        assert not torch.equal(a, b)
        torch.testing.assert_close(a, b, rtol=0.1, atol=0.02)
    mixed.network.seen.clear()
    mixed(torch.zeros(1, 2), VE().level(0.3))
    assert mixed.network.seen == [torch.float32]


@pytest.mark.usefixtures("fresh_accelerate")
def test_fp16_is_refused(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.state._mixed_precision = "fp16"
    with pytest.raises(ValueError, match="use mixed precision bf16"):
        run(tmp_path, accelerator=accelerator)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_a_compiled_network_trains_alike(tmp_path: Path) -> None:
    plain, compiled = run(tmp_path / "plain"), run(tmp_path / "compiled", replace(CONFIG, compile=True))
    assert len(plain.network.seen) == 20
    assert len(compiled.network.seen) == 0
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_a_look_sees_the_averaged_weights_and_changes_nothing(tmp_path: Path) -> None:
    seen: dict[int, Tensor] = {}

    def look(denoiser: nn.Module, step: int) -> None:
        assert not denoiser.training
        assert not torch.is_grad_enabled()
        seen[step] = next(denoiser.parameters()).detach().clone()

    run(tmp_path / "quiet")
    denoiser = run(tmp_path / "watched", callbacks=[Callback(5, look)])
    assert list(seen) == [5, 10, 15, 20]
    assert torch.equal(seen[20], next(denoiser.parameters()))
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("quiet", "watched")]
    assert files[0] == files[1]


def test_a_batch_that_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a batch of 8 does not divide among 1 processes of 3 parts"):
        run(tmp_path, replace(CONFIG, accumulation=3))


class Tracker(GeneralTracker):
    """Keeps what it is told."""

    name = "memory"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, dict[str, float]]] = []

    @property
    def tracker(self) -> Any:
        return self.told

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        pass

    def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
        self.told.append((step or 0, values))


def test_trackers_get_the_log(tmp_path: Path) -> None:
    tracker = Tracker()
    accelerator = Accelerator(cpu=True, log_with=tracker)
    accelerator.init_trackers("a run")
    run(tmp_path, accelerator=accelerator)
    log = read_records(tmp_path / "log.jsonl")
    assert [step for step, _ in tracker.told] == [5, 10, 15, 20]
    for (_, told), record in zip(tracker.told, log, strict=True):
        assert told["loss"] == record["loss"]
        assert told["ambient"] == record["terms"]["ambient"]
        assert told["learning_rate"] == record["learning_rate"]
