"""The generated images of a cell, a thousand in a file.

The noise of image i is a function of (seed, i), so more images can be added to those that are there. A file that is not
full is filled up from its last whole batch on: so it has the same bits as one that was made at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from accelerate import Accelerator
from torch import Tensor

from ambient import karras
from ambient.models.names import SamplerName
from ambient.runs.files import is_whole, load_tensors, save_tensors
from ambient.sampling import generate
from toy.cells import Cell
from toy.methods import METHODS
from toy.model import Model
from toy.options import SamplingOptions

Report = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""
SHARD, BATCH = 1000, 256
"""Images in a file of samples, and generated at a time."""
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


@dataclass(frozen=True)
class Shard:
    """A file of samples.

    Attributes:
        path: Where it is; its folder's folder is that of the cell.
        first: Number of its first image.
        wanted: How many images it should hold at least.
    """

    path: Path
    first: int
    wanted: int

    @property
    def metadata(self) -> dict[str, str]:
        """What tells it from the other files of this cell, and from those of other cells."""
        return {"cell": self.path.parent.parent.name, "first": str(self.first)}

    @property
    def is_damaged(self) -> bool:
        """Whether it is there, but cut off, altered, or another file than it should be."""
        return self.path.exists() and not is_whole(self.path, "images", metadata=self.metadata)

    def count(self) -> int:
        """How many images it holds; 0 where it is missing."""
        if not self.path.exists():
            return 0
        with safetensors.safe_open(self.path, "pt") as file:
            return int(file.get_slice("images").get_shape()[0])

    def images(self) -> Tensor:
        """Its images, (N, C, H, W), which it has to have."""
        return load_tensors(self.path, "images", metadata=self.metadata)[0]["images"]


def shards(folder: Path, samples: int) -> list[Shard]:
    """The files that the `samples` images of a cell are in, in its folder."""
    return [
        Shard(folder / "samples" / f"{first // SHARD:05d}.safetensors", first, min(SHARD, samples - first))
        for first in range(0, samples, SHARD)
    ]


def remove_damaged(folder: Path, samples: int) -> None:
    """Remove the damaged files of a cell's samples, so that they are made again.

    Warns:
        UserWarning: For each of them.
    """
    for shard in shards(folder, samples):
        if shard.is_damaged:
            warnings.warn(f"{shard.path} is damaged; its images are made again", stacklevel=2)
            shard.path.unlink(missing_ok=True)


def write_samples(
    model: Model,
    seed: int,
    sigmas: Tensor,
    sampling: SamplingOptions,
    folder: Path,
    report: Report,
    accelerator: Accelerator,
) -> None:
    """Generate the images that are not there yet; the processes take the files in turn.

    Args:
        model: A trained model.
        seed: Seed of their noise.
        sigmas: The sampler's levels.
        sampling: How many, and by which sampler.
        folder: The cell's.
        report: Told of the progress.
        accelerator: Device and processes.
    """
    for number, shard in enumerate(shards(folder, sampling.samples)):
        there = shard.count()
        if number % accelerator.num_processes != accelerator.process_index or there >= shard.wanted:
            continue
        kept = there // BATCH * BATCH
        parts = [shard.images()[:kept]] if kept else []
        first = shard.first + kept
        for batch in _generate(model, seed, sigmas, sampling, range(first, shard.first + shard.wanted), accelerator):
            parts.append(batch)
            first += len(batch)
            report("sample", first, sampling.samples)
        save_tensors(shard.path, {"images": torch.cat(parts)}, shard.metadata)


def _generate(
    model: Model,
    seed: int,
    sigmas: Tensor,
    sampling: SamplingOptions,
    indices: Sequence[int],
    accelerator: Accelerator,
) -> Iterator[Tensor]:
    """The images of these numbers, batch by batch."""

    def told(indices: Sequence[int]) -> dict[str, Tensor]:
        return model.condition(seed, indices, accelerator.device)

    batches = generate(
        model.denoiser,
        indices,
        tuple(model.centre.shape),
        sigmas,
        seed=seed,
        sampler=SAMPLERS[sampling.sampler],
        batch=BATCH,
        condition=told,
        device=accelerator.device,
    )
    for batch in batches:
        yield batch + model.centre


def load_samples(folder: Path, samples: int) -> Tensor:
    """The first `samples` generated images of a cell, (M, C, H, W), in its folder.

    Raises:
        OSError: If a file of them is missing, damaged or not full, naming it.
    """
    parts = []
    for shard in shards(folder, samples):
        if shard.is_damaged or shard.count() < shard.wanted:
            raise OSError(f"{shard.path} is damaged or lacks images; run the command that made it again")
        parts.append(shard.images()[: shard.wanted])
    return torch.cat(parts)
