"""The generated images of a cell, a thousand in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from ambient import karras
from ambient.models.names import SamplerName
from ambient.runs.files import load_tensors, save_tensors
from ambient.sampling import generate
from toy.cells import Cell
from toy.methods import METHODS
from toy.model import Model
from toy.options import SamplingOptions

Report = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""
SHARD = 1000
"""Images in a file of samples."""
SAMPLERS: dict[SamplerName, karras.Sampler] = {
    "heun": karras.sample_heun,
    "euler": karras.sample_euler,
    "ancestral": karras.sample_euler_ancestral,
}


def grid(cell: Cell, steps: int, sigma_range: tuple[float, float], sigma: float | None) -> Tensor:
    """The levels of a cell's sampler, (steps + 1,), ending at 0 or where its method stops.

    Args:
        cell: Which model.
        steps: Levels above 0.
        sigma_range: The smallest and the largest of them.
        sigma: Its nature level, None for a method that has none.
    """
    sigmas = karras.karras_sigmas(steps, *sigma_range)
    stop = METHODS[cell.method].stop
    return karras.truncate(sigmas, stop * sigma) if stop and sigma is not None else sigmas


def shards(folder: Path, samples: int) -> list[Path]:
    """The files that a cell's samples are in."""
    return [folder / "samples" / f"{number:05d}.safetensors" for number in range(-(-samples // SHARD))]


def write_samples(
    model: Model,
    seed: int,
    sigmas: Tensor,
    sampling: SamplingOptions,
    folder: Path,
    report: Report,
    accelerator: Accelerator,
) -> None:
    """Write the files of generated images that are not there yet; the processes take them in turn.

    Args:
        model: A trained model.
        seed: Seed of their noise.
        sigmas: The sampler's levels.
        sampling: How many, and by which sampler.
        folder: The cell's.
        report: Told of the progress.
        accelerator: Device and processes.
    """
    for number, path in enumerate(shards(folder, sampling.samples)):
        start = number * SHARD
        if number % accelerator.num_processes != accelerator.process_index or path.exists():
            continue

        def told(indices: Sequence[int]) -> dict[str, Tensor]:
            return model.condition(seed, indices, accelerator.device)

        def progress(done: int, start: int = start) -> None:
            report("sample", start + done, sampling.samples)

        batches = generate(
            model.denoiser,
            range(start, min(start + SHARD, sampling.samples)),
            tuple(model.centre.shape),
            sigmas,
            seed=seed,
            sampler=SAMPLERS[sampling.sampler],
            condition=told,
            device=accelerator.device,
            progress=progress,
        )
        save_tensors(path, {"images": torch.cat(list(batches)) + model.centre})


def load_samples(folder: Path) -> Tensor:
    """The generated images of a cell, (M, C, H, W).

    Raises:
        OSError: If a file of them is damaged, naming it.
    """
    paths = sorted((folder / "samples").glob("*.safetensors"))
    return torch.cat([load_tensors(path, "images")[0]["images"] for path in paths])
