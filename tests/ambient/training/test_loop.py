"""The loop: its update, its resumes, its refusals. What it does beyond the plain case is in `test_loop_options`."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ambient.data import Batch, Samples
from ambient.denoisers import EDMDenoiser
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    Loss,
    Objective,
)
from ambient.process import VE
from ambient.randomness import Draws
from ambient.runs.checksums import verify
from ambient.runs.files import load_tensors, read_records
from ambient.runs.identity import ConfigMismatchError
from ambient.runs.locks import locked
from ambient.runs.signals import Interrupted
from ambient.training import NonFiniteLossError, TrainingConfig, train
from tests.ambient.runs.test_locks import held_by_another

CONFIG = TrainingConfig(steps=40, batch=8, warmup=5, log_every=5, checkpoint_every=10, ema=0.9)
SAMPLES = Samples.of_noisy(torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), VE().level(0.3), 0)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 2))
        self.shift = nn.Buffer(torch.zeros(2))

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return self.layers(torch.cat([x, c_noise[:, None]], 1)) + self.shift


class Stop(Exception):
    pass


def run(folder: Path, config: TrainingConfig = CONFIG, stop_after: int | None = None, **options: Any) -> nn.Module:
    def stop(images: int, loss: float) -> None:
        if stop_after is not None and images >= stop_after * config.batch:
            raise Stop

    progress = options.pop("progress", stop)
    objective = options.pop("objective", AmbientScoreMatching())
    samples = options.pop("samples", SAMPLES)
    return train(EDMDenoiser(Network()), objective, samples, config, folder, progress=progress, **options)


def _assert_same(one: Path, two: Path) -> None:
    """The same model, state and log, but for the seconds."""
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    first, second = (load_tensors(folder / "checkpoint.safetensors")[0] for folder in (one, two))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    logs = [read_records(folder / "log.jsonl") for folder in (one, two)]
    assert [{**r, "seconds": 0} for r in logs[0]] == [{**r, "seconds": 0} for r in logs[1]]


def _step(checkpoint: Path) -> int:
    return int(json.loads(verify(checkpoint)["state"])["step"])


def test_stopping_anywhere_and_going_on_is_bit_identical(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    for stop in (1, 9, 10, 11, 26, 39):
        with pytest.raises(Stop):
            run(tmp_path / "parts", stop_after=stop)
    run(tmp_path / "parts")
    _assert_same(tmp_path / "whole", tmp_path / "parts")
    assert [r["images"] for r in read_records(tmp_path / "parts" / "log.jsonl")] == [40 * (i + 1) for i in range(8)]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_a_checkpoint_and_the_run_goes_on_bit_for_bit(tmp_path: Path, signum: int) -> None:
    """Also in the middle of a record of the log, and after the last update."""
    run(tmp_path / "whole")
    for stop in (3, 8, 20, 27, 40):

        def progress(images: int, loss: float, last: int = 8 * stop) -> None:
            if images == last:
                os.kill(os.getpid(), signum)

        message = f"after update {stop} of 40; run the same command again to go on there"
        with pytest.raises(Interrupted, match=message) as caught:
            run(tmp_path / "parts", progress=progress)
        assert caught.value.status == 128 + signum
        assert _step(tmp_path / "parts" / "checkpoint.safetensors") == stop
    run(tmp_path / "parts")
    _assert_same(tmp_path / "whole", tmp_path / "parts")


def test_records_of_the_log_that_are_lost_are_said(tmp_path: Path) -> None:
    """Cut off where a record ends, or anywhere in it."""
    with pytest.raises(Stop):
        run(tmp_path, stop_after=26)
    path, begins = tmp_path / "log.jsonl", _step(tmp_path / "checkpoint.safetensors") // 5 * 5
    kept = path.read_bytes().split(b"\n")[:2]
    for cut in (b"\n".join(kept) + b"\n", b"\n".join([*kept, b'{"step": 1'])):
        path.write_bytes(cut)
        lost = rf"log\.jsonl is damaged: its records from update 10 to {begins} are lost"
        with pytest.warns(UserWarning, match=lost), pytest.raises(Stop):
            run(tmp_path, stop_after=27)


def test_more_steps_at_a_constant_rate_are_the_longer_run(tmp_path: Path) -> None:
    """From the end of a shorter one, whose last record of the log was cut short; with moments and average."""
    config = replace(CONFIG, schedule="constant")
    run(tmp_path / "long", config)
    for steps in (7, 13, 20, 40):
        run(tmp_path / "grown", replace(config, steps=steps))
        assert read_records(tmp_path / "grown" / "log.jsonl")[-1]["step"] == steps
    _assert_same(tmp_path / "long", tmp_path / "grown")
    with pytest.warns(UserWarning, match="30 steps are asked for, and this run has done 40 already"):
        run(tmp_path / "grown", replace(config, steps=30))
    _assert_same(tmp_path / "long", tmp_path / "grown")
    for name in ("checkpoint", "checkpoint-previous"):
        (tmp_path / "grown" / f"{name}.safetensors").unlink()
    run(tmp_path / "grown", config)
    with pytest.raises(ValueError, match="of 40 steps without its checkpoint: it cannot be given more"):
        run(tmp_path / "grown", replace(config, steps=50))


def test_fewer_steps_than_a_checkpoint_has_end_the_run_there(tmp_path: Path) -> None:
    config = replace(CONFIG, schedule="constant")
    run(tmp_path / "ten", replace(config, steps=10))
    with pytest.raises(Stop):
        run(tmp_path / "cut", config, stop_after=12)
    with pytest.warns(UserWarning, match="5 steps are asked for, and this run has done 10 already"):
        run(tmp_path / "cut", replace(config, steps=5))
    _assert_same(tmp_path / "ten", tmp_path / "cut")


def test_other_steps_with_a_cosine_are_refused_and_why_is_said(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ConfigMismatchError, match=r"training\.steps is 40 there and 50 here \(a cosine schedule ends"):
        run(tmp_path, replace(CONFIG, steps=50))


def test_options_that_change_no_number_continue_a_run(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    with pytest.raises(Stop):
        run(tmp_path / "parts", stop_after=16)
    run(tmp_path / "parts", replace(CONFIG, checkpoint_every=3, log_every=4))
    whole, parts = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    run(tmp_path / "parts", replace(CONFIG, accumulation=2, compile=True))


def test_a_damaged_model_is_made_again_from_the_checkpoint(tmp_path: Path) -> None:
    run(tmp_path)
    model, log = tmp_path / "model.safetensors", (tmp_path / "log.jsonl").read_bytes()
    whole = model.read_bytes()
    model.write_bytes(whole[:-3])
    with pytest.warns(UserWarning, match=r"model\.safetensors is damaged: .* It is made again"):
        run(tmp_path, stop_after=0)
    assert model.read_bytes() == whole
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_a_kill_between_the_last_checkpoint_and_the_model_keeps_the_last_record(tmp_path: Path) -> None:
    config = replace(CONFIG, log_every=2 * CONFIG.steps)
    run(tmp_path, config)
    log = (tmp_path / "log.jsonl").read_bytes()
    assert log
    (tmp_path / "model.safetensors").unlink()
    run(tmp_path, config)
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_two_processes_cannot_train_in_one_folder(tmp_path: Path) -> None:
    with locked(tmp_path):
        run(tmp_path)  # its own process may, as toy's cells do
    with held_by_another(tmp_path), pytest.raises(RuntimeError, match="is in use by another process"):
        run(tmp_path)


def test_a_finished_run_is_only_loaded(tmp_path: Path) -> None:
    first = run(tmp_path)
    again = run(tmp_path, stop_after=0)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_update_is_adam_with_the_schedule_and_average_on_record(tmp_path: Path) -> None:
    """The whole run once more, written out with torch's own parts."""
    trained = run(tmp_path)
    denoiser = EDMDenoiser(Network())
    adam = torch.optim.Adam(denoiser.parameters(), lr=1.0, fused=True)
    average = [p.detach().clone() for p in denoiser.parameters()]
    seen: list[int] = []
    for step in range(40):
        rows = torch.cat([torch.randperm(20, generator=_order(e)) for e in range(17)])[step * 8 : step * 8 + 8]
        seen += rows.tolist()
        loss = AmbientScoreMatching()(denoiser, SAMPLES.batch(rows), Draws.of_step(0, step))
        loss.per_sample.mean().backward()
        cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / 40, dtype=torch.float64)))
        adam.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / 6) * float(cosine)
        adam.step()
        adam.zero_grad()
        decay = min(0.9, (1 + step) / (10 + step))
        average = [decay * a + (1 - decay) * p.detach() for a, p in zip(average, denoiser.parameters(), strict=True)]
    for ours, theirs in zip(trained.parameters(), average, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert len(set(seen)) == 20


def _order(epoch: int) -> torch.Generator:
    from ambient.randomness import generator

    return generator("order", 0, epoch)


def test_another_configuration_is_refused_by_field(tmp_path: Path) -> None:
    run(tmp_path, identity={"network": "A"})
    for change, named in [
        ({"config": replace(CONFIG, learning_rate=1e-3)}, "training.learning_rate is 0.002 there and 0.001 here"),
        ({"identity": {"network": "B"}}, 'network is "A" there and "B" here'),
        ({"objective": AmbientScoreMatching(weight=_plain)}, "objective.weight"),
        ({"samples": Samples.of_noisy(torch.zeros(20, 2), VE().level(0.3), 0)}, "data is"),
    ]:
        options: dict[str, Any] = {"identity": {"network": "A"}, **change}
        with pytest.raises(ConfigMismatchError, match=named.replace(".", r"\.")):
            run(tmp_path, **options)


def _plain(level: Any, nature: Any) -> Tensor:
    return torch.ones_like(level.sigma)


class Poison(Objective):
    """Ambient score matching that fails at one sample from some step on."""

    def __init__(self, what: str) -> None:
        self.what, self.calls = what, 0

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        loss = AmbientScoreMatching()(denoiser, batch, draws)
        self.calls += 1
        if self.calls <= 25:
            return loss
        bad = batch.index == batch.index[3]
        if self.what == "loss":
            return replace(loss, per_sample=torch.where(bad, torch.nan, loss.per_sample))
        zero = 0 * loss.per_sample
        return replace(loss, per_sample=loss.per_sample + torch.where(bad, zero.sqrt() * zero.sqrt(), zero))


def test_a_non_finite_loss_names_step_levels_and_samples_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError) as caught:
        train(EDMDenoiser(Network()), Poison("loss"), SAMPLES, CONFIG, tmp_path, identity={"objective": "poison"})
    message = str(caught.value)
    assert "the loss is not finite at step 25" in message
    from ambient.data import Order

    assert f"samples [{int(Order(20, 0)(200, 208)[3])}]" in message
    assert "sigma/alpha = " in message
    saved, _ = load_tensors(tmp_path / "checkpoint.safetensors")
    assert all(bool(value.isfinite().all()) for value in saved.values())
    assert _step(tmp_path / "checkpoint.safetensors") == 20


def test_a_non_finite_gradient_stops_before_it_reaches_the_weights(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="the gradient is not finite at step 25"):
        train(EDMDenoiser(Network()), Poison("gradient"), SAMPLES, CONFIG, tmp_path, identity={"objective": "poison"})


@pytest.mark.slow
def test_training_learns_the_posterior_mean_above_the_nature_level(tmp_path: Path) -> None:
    """From noisy Gaussian data alone: E[X_0|X_t] = x c / (c + sigma^2) above t_n, where the identity scores 1."""
    g = torch.Generator().manual_seed(0)
    samples = Samples.of_noisy(torch.randn(20_000, 2, generator=g), VE().level(0.5), 0)
    config = TrainingConfig(steps=1200, batch=256, warmup=50, ema=0.99)
    denoiser = run(tmp_path, config, samples=samples)
    x_0 = torch.randn(4000, 2, generator=g)
    for sigma in (0.8, 1.5):
        x_t = x_0 + sigma * torch.randn(4000, 2, generator=g)
        exact = x_t / (1 + sigma**2)
        error = (denoiser(x_t, VE().level(sigma)).detach() - exact).square().mean() / (x_t - exact).square().mean()
        assert float(error) < 0.02


def test_the_log_reports_the_loss_by_level(tmp_path: Path) -> None:
    clean = Samples.of_clean(SAMPLES.x)
    run(tmp_path, samples=clean, objective=DenoisingScoreMatching())
    for record in read_records(tmp_path / "log.jsonl"):
        assert sum(record["level_count"]) == 40
        assert sum(record["level_sum"]) / 40 == pytest.approx(record["loss"], rel=1e-5)
        assert record["terms"]["dsm"] == pytest.approx(record["loss"], rel=1e-6)
