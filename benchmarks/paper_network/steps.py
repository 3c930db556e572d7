"""What a training step of a large network costs here, against the same step in plain PyTorch.

Both train the same network from the same weights on the same images in EDM's preconditioning, with Adam and a moving
average of the weights. "here" is `ambient.training.train` with Algorithm 1, as `toy/run.py` calls it: noise and order
as functions of the seed, checks that the loss is finite, a log, and the residual of the double-Tweedie map. "plain" is
a short loop with EDM's loss and nothing else. Each runs in a process of its own, in turn, so that their peaks of memory
are theirs: of the GPU's allocator, or of the process on a CPU.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from ambient.data import Samples
from ambient.denoisers import EDMDenoiser
from ambient.models.networks import build
from ambient.objectives import EDMWeight, Hybrid
from ambient.process import VE
from ambient.runs.files import read_records
from ambient.training import TrainingConfig, train
from benchmarks.paper_network.options import Step

SIGMA_DATA = 0.5


@dataclass(frozen=True)
class Figure:
    """What one way of training took.

    Attributes:
        images_per_second: Images trained on in a second.
        peak_gib: Largest memory, GiB.
    """

    images_per_second: float
    peak_gib: float


def here(timed: Step) -> Figure:
    """The step of this package."""
    denoiser, x_0 = _start(timed)
    samples = Samples.of_noisy(x_0, VE().level(0.4), 0, keep_clean=True)
    config = TrainingConfig(
        steps=2 * timed.steps,
        batch=timed.batch,
        learning_rate=1e-4,
        schedule="constant",
        log_every=timed.steps,
        checkpoint_every=4 * timed.steps,
        compile=timed.compile,
    )
    accelerator = Accelerator(cpu=timed.device == "cpu", mixed_precision=timed.precision)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        train(
            denoiser,
            Hybrid(weight=EDMWeight(SIGMA_DATA)),
            samples,
            config,
            path,
            accelerator=accelerator,
            progress=lambda *_: None,
        )
        early, late = read_records(path / "log.jsonl")
    return Figure(timed.batch * timed.steps / (late["seconds"] - early["seconds"]), _peak(timed))


def plain(timed: Step) -> Figure:
    """The same step in plain PyTorch."""
    denoiser, x_0 = _start(timed)
    denoiser.to(timed.device).train()
    x_0 = x_0.to(timed.device)
    if timed.compile:
        denoiser.compile()
    weights = list(denoiser.parameters())
    average = [weight.detach().clone() for weight in weights]
    adam = torch.optim.Adam(weights, lr=1e-4, fused=True)
    kind = torch.device(timed.device).type
    start = 0.0
    for step in range(2 * timed.steps):
        if step == timed.steps:
            _wait(kind)
            start = time.perf_counter()
        clean = x_0[torch.randint(len(x_0), (timed.batch,), device=x_0.device)]
        sigma = (1.2 * torch.randn(timed.batch, device=x_0.device) - 1.2).exp()
        x_t = clean + sigma[:, None, None, None] * torch.randn_like(clean)
        with torch.autocast(kind, torch.bfloat16, enabled=timed.precision == "bf16"):
            h = denoiser(x_t, sigma)
        weight = 1 / sigma**2 + 1 / SIGMA_DATA**2
        (weight[:, None, None, None] * (h.float() - clean).square()).mean().backward()
        adam.step()
        adam.zero_grad()
        torch._foreach_lerp_(average, [w.detach() for w in weights], 0.001)
    _wait(kind)
    return Figure(timed.batch * timed.steps / (time.perf_counter() - start), _peak(timed))


def _start(timed: Step) -> tuple[EDMDenoiser, Tensor]:
    if timed.device != "cpu":
        os.environ["ACCELERATE_TORCH_DEVICE"] = timed.device
    torch.manual_seed(0)
    if timed.threads:
        torch.set_num_threads(timed.threads)
    network = build(timed.network, timed.side, 3)
    return EDMDenoiser(network, SIGMA_DATA), torch.randn(300, 3, timed.side, timed.side) * SIGMA_DATA


def _wait(kind: str) -> None:
    if kind == "cuda":
        torch.cuda.synchronize()


def _peak(timed: Step) -> float:
    if torch.device(timed.device).type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(timed: Step, repetitions: int) -> dict[str, Figure]:
    """The best of the repetitions of each way, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found: dict[str, list[Figure]] = {"here": [], "plain": []}
    for _ in range(repetitions):
        for name, way in (("here", here), ("plain", plain)):
            with context.Pool(1) as pool:
                found[name].append(pool.apply(way, (timed,)))
    return {name: max(figures, key=lambda figure: figure.images_per_second) for name, figures in found.items()}
