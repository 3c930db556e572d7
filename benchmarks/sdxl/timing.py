"""Timing updates of SDXL's U-Net for each method, and counting their FLOPs; see `benchmarks.sdxl`."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import Denoiser
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    EpsilonWeight,
    Loss,
    Objective,
    recommended,
)
from ambient.process import Level
from ambient.randomness import Draws
from ambient.runs.results import read_results, write_results
from benchmarks.sdxl.model import Model, build, full_passes, set_checkpointing
from benchmarks.sdxl.options import SdxlBenchmark
from sdxl.train.objectives import PAPER_WEIGHTS, sdxl_consistency

Rows = tuple[int, int]
"""Rows evaluated in an update: all, and those with gradient."""


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes:
        method: Of `METHODS`.
        batch: Images an update.
        checkpointing: Whether activations were computed again.
        seconds: Mean time of an update; None where it did not work.
        flops: Of an update, in the mean.
        memory: Peak bytes on the GPU; None on the CPU.
        failure: Why there is no time: "out of memory", or "batch does not fit" the method.
    """

    method: str
    batch: int
    checkpointing: bool
    seconds: float | None = None
    flops: float | None = None
    memory: int | None = None
    failure: str | None = None


def run(options: SdxlBenchmark, progress: Callable[[Cell], None] = lambda cell: None) -> dict[str, Any]:
    """Measure all cells, or those that `options.output` lacks; returns what results.json holds.

    Raises:
        ValueError: If an option is out of range, or there is no GPU for the full size, or the folder is another
            machine's.
    """
    options.check()
    if not options.tiny and not torch.cuda.is_available():
        raise ValueError("the full-size U-Net needs a GPU; --tiny tries the command on the CPU")
    device = torch.device("cpu" if options.tiny else "cuda")
    path = options.output / "results.json"
    results: dict[str, Any] = {
        "hardware": _hardware(device),
        "tiny": options.tiny,
        "compile": options.compile,
        "t_n": options.t_n,
    }
    results |= {"torch": torch.__version__, "gemm": None, "cells": []}
    if path.exists():
        saved = read_results(path)
        for key in ("hardware", "tiny", "compile", "t_n", "torch"):
            if saved[key] != results[key]:
                raise ValueError(
                    f"{path} was measured with {key} {saved[key]}, not {results[key]}; use another --output"
                )
        results = saved
    done = {(c["method"], c["batch"], c["checkpointing"]) for c in results["cells"]}
    model = build(options.tiny, device, options.compile)
    results["gemm"] = gemm_rate(device)
    for checkpointing in options.checkpointing:
        set_checkpointing(model.components.unet, checkpointing)
        for batch in options.batches:
            for method in options.methods:
                if (method, batch, checkpointing) in done:
                    continue
                cell = measure(model, method, batch, checkpointing, options)
                results["cells"].append(vars(cell))
                write_results(path, results)
                progress(cell)
    return results


def measure(model: Model, method: str, batch: int, checkpointing: bool, options: SdxlBenchmark) -> Cell:
    """Time one method."""
    cell = Cell(method, batch, checkpointing)
    try:
        return _timed(model, cell, options)
    except torch.cuda.OutOfMemoryError:
        return replace(cell, failure="out of memory")
    except ValueError:  # of an objective that takes some batches only
        return replace(cell, failure="batch does not fit")
    finally:
        for parameter in model.components.unet.parameters():
            parameter.grad = None
        if model.device.type == "cuda":
            torch.cuda.empty_cache()


def _timed(model: Model, cell: Cell, options: SdxlBenchmark) -> Cell:
    samples = _samples(model, cell, options)
    objective = objective_of(cell.method, model, samples, options.t_n)
    weights = [p for p in model.components.unet.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(weights, lr=1e-5, weight_decay=0.01, fused=True)
    if model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    expected = _frequencies(objective, samples) if cell.method == "recommended" else {}
    times: dict[Rows, list[float]] = {}
    step = 0
    while step < 2 + options.repetitions or (expected.keys() - times.keys() and step < 8 * (2 + options.repetitions)):
        model.rows[:] = [0, 0]
        _synchronise(model.device)
        start = time.perf_counter()
        with torch.autocast(model.device.type, torch.bfloat16, enabled=not options.tiny):
            loss = objective(model.denoiser, samples, Draws.of_step(0, step)).per_sample.mean()
        loss.backward()
        adam.step()
        adam.zero_grad()
        _synchronise(model.device)
        if step >= 2:
            times.setdefault((model.rows[0], model.rows[1]), []).append(time.perf_counter() - start)
        step += 1
    share = {rows: expected.get(rows, 0.0) if expected else 1.0 for rows in times}
    forward, backward = model.passes
    total = sum(share.values())
    seconds = sum(share[rows] * statistics.mean(values) for rows, values in times.items()) / total
    flops = sum(share[rows] * (forward * rows[0] + backward * rows[1]) for rows in times) / total
    memory = torch.cuda.max_memory_allocated() if model.device.type == "cuda" else None
    return replace(cell, seconds=seconds, flops=flops, memory=memory)


def _frequencies(objective: Objective, samples: Batch, draws: int = 400) -> dict[Rows, float]:
    """How often an update of an objective that draws what it does evaluates how many rows, with a denoiser for free."""
    rows = [0, 0]

    def free(x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        rows[0] += len(x_t)
        rows[1] += len(x_t) * torch.is_grad_enabled()
        return x_t / 2

    small = replace(samples, x=samples.x[:, :, :2, :2].cpu(), condition={})
    counts: Counter[Rows] = Counter()
    for step in range(draws):
        rows[:] = [0, 0]
        objective(free, small, Draws.of_step(0, step))
        counts[rows[0], rows[1]] += 1
    return {kind: count / draws for kind, count in counts.items()}


def count(options: SdxlBenchmark) -> list[list[str]]:
    """A table of the full size's FLOPs for one image in an update, without computing anything of that size."""
    options.check()
    forward, backward = full_passes()
    model = build(True, torch.device("cpu"))
    costs: dict[str, float] = {}
    for method in options.methods:
        samples = _samples(model, Cell(method, 16, False), options)
        draws = 400 if method == "recommended" else 1
        kinds = _frequencies(objective_of(method, model, samples, options.t_n), samples, draws)
        costs[method] = sum(share * (forward * rows[0] + backward * rows[1]) for rows, share in kinds.items()) / 16
    base = costs.get("ambient")
    rows = [["method", "TFLOP an image", "/ ambient"]]
    for method, cost in costs.items():
        rows.append([method, f"{cost / 1e12:.1f}", "–" if base is None else f"{cost / base:.2f}"])
    return rows


def objective_of(method: str, model: Model, samples: Batch, t_n: int) -> Objective:
    """The objective of a method as `sdxl.train` has it, and P1's order of work around it."""
    process = model.components.process
    levels = UniformSteps(process)
    name = method.split(",")[0]
    weight = PAPER_WEIGHTS.get(t_n, 0.01)
    if name == "dsm":
        objective: Objective = DenoisingScoreMatching(levels, EpsilonWeight())
    elif name == "recommended":
        objective = recommended(samples.nature, 1.0)
    else:
        objective = AmbientScoreMatching(levels, EpsilonWeight())
        if name == "consistency":
            objective = objective + weight * sdxl_consistency(process)
    if method.endswith("P1's order"):
        return TextEveryStep(objective, model, recomputed=name == "consistency")
    return objective


@dataclass(frozen=True, eq=False)
class TextEveryStep(Objective):
    """P1's order of work: captions encoded in every update, h(x_n, t_n) evaluated once more; see the module."""

    objective: Objective
    model: Model
    recomputed: bool

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        batch = replace(batch, condition=self.model.text(len(batch)))
        loss = self.objective(denoiser, batch, draws)
        if not self.recomputed:
            return loss
        again = denoiser(batch.x, batch.nature.on(batch.x), **batch.condition)
        return Loss(loss.per_sample + 0 * again.flatten(1).mean(1), loss.terms, loss.level)


def gemm_rate(device: torch.device, repetitions: int = 20) -> float:
    """FLOP/s of a square matrix product, 8192 in bf16 on a GPU, 512 in fp32 on the CPU."""
    n, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (512, torch.float32)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    for _ in range(5):
        a @ b
    _synchronise(device)
    start = time.perf_counter()
    for _ in range(repetitions):
        a @ b
    _synchronise(device)
    return 2 * n**3 * repetitions / (time.perf_counter() - start)


def _samples(model: Model, cell: Cell, options: SdxlBenchmark) -> Batch:
    x = torch.randn(cell.batch, *model.shape, generator=torch.Generator().manual_seed(0)).to(model.device)
    clean = cell.method == "dsm"
    nature = Level.clean() if clean else model.components.process.level(float(options.t_n))
    return Batch(x, nature, torch.arange(cell.batch), None, model.condition(cell.batch))


def _hardware(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
