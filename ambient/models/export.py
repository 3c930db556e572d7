"""A model for other libraries: a diffusers pipeline, or a program for k-diffusion that needs nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMPipeline, DDIMScheduler
from torch import Tensor, nn

from ambient.models.diffusers_unet import DenoiserUNet
from ambient.models.model import Model
from ambient.runs.files import write_atomically, write_text

PROGRAM = "denoiser.pt2"


def to_diffusers(model: Model, folder: Path) -> Path:
    """Write a folder in diffusers' layout: DDIMPipeline.from_pretrained(folder) with this package installed.

    Raises:
        ValueError: If the model has classes, which that pipeline does not hand on, or is for Poisson noise.
    """
    _check_units(model)
    if model.classes:
        raise ValueError("diffusers' DDIMPipeline knows no classes: use DenoiserUNet.of(model, scheduler) in a loop")
    scheduler = DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    pipeline: Any = DDIMPipeline(DenoiserUNet.of(model, scheduler), scheduler)
    pipeline.save_pretrained(folder)
    return folder


def to_k_diffusion(model: Model, folder: Path) -> Path:
    """Write `denoiser.pt2`: torch.export.load(path).module() is then a denoiser(x, sigma) for k-diffusion.

    Raises:
        ValueError: If the model has classes, whose labels such a program does not take, or is for Poisson noise.
    """
    _check_units(model)
    if model.classes:
        raise ValueError("a program for k-diffusion takes no labels: hand the model itself to its samplers")
    batch = torch.export.Dim("batch", min=1, max=4096)
    example = (torch.zeros(2, *model.shape), torch.ones(2))
    with torch.no_grad():
        program = torch.export.export(
            _Plain(model).eval(), example, dynamic_shapes={"x": {0: batch}, "sigma": {0: batch}}
        )

    def write(file: Path) -> None:
        with open(file, "wb") as stream:
            torch.export.save(program, stream)

    write_atomically(folder / PROGRAM, write)
    write_text(folder / "README.md", _USE.format(channels=model.shape[0], side=model.shape[1], stop=model.stop))
    return folder / PROGRAM


def _check_units(model: Model) -> None:
    if model.stabilised is not None:
        raise ValueError(
            "this model is for Poisson noise: other libraries' samplers would return images in its own units, without "
            "the inverse transform. Export --to folder, and sample with `Model.sample`"
        )


class _Plain(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        x_0: Tensor = self.model(x, sigma)
        return x_0


_USE = """# A denoiser for k-diffusion

E[X_0 | X_0 + sigma Z = x] of images ({channels}, {side}, {side}) in [-1, 1];
sampling is best stopped at sigma = {stop:g}.

```python
import k_diffusion
import torch

denoiser = torch.export.load("denoiser.pt2").module()
sigmas = k_diffusion.sampling.get_sigmas_karras(18, 0.002, 80.0)
images = k_diffusion.sampling.sample_heun(denoiser, sigmas[0] * torch.randn(4, {channels}, {side}, {side}), sigmas)
```
"""
