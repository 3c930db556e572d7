"""Latents of images and captions, by `sdxl.latents`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from paper_repro.makers.product import Data, Product
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import DATA, SD2, SDXL, Need

if TYPE_CHECKING:
    from torch import Tensor

    from paper_repro.makers.backend import Backend, ModelName
    from paper_repro.makers.run import Run

_IMAGES: dict[Data, int] = {"ffhq": 70_000, "laion": 10_000, "xrays": 10_000}
_CAPTION = 320_000
"""Bytes of a caption's states."""


@dataclass(frozen=True)
class LatentsFolder:
    """Latents on disk.

    Attributes:
        path: Their folder.
        data: What their images are called in tables.
    """

    path: Path
    data: str

    def first(self, count: int) -> Tensor:
        """The first latents as they were given, noisy at t_n, as colours (count, 3, h, w)."""
        import safetensors.torch

        from sdxl.attack import latent_picture

        shard = safetensors.torch.load_file(self.path / "latents-00000.safetensors")
        return latent_picture(shard["x"][:count])


@dataclass(frozen=True)
class Latents(Product[LatentsFolder]):
    """Encoded images and captions at a nature level.

    Attributes:
        data: The images.
        nature: t_n, 0 for clean.
        keep_clean: Whether clean latents are kept too, for Algorithm 1.
        sd2: Of Stable Diffusion 2 instead of SDXL.
    """

    data: Data
    nature: int
    keep_clean: bool = False
    sd2: bool = False

    @property
    def model(self) -> ModelName:
        """Whose latents."""
        return "sd2" if self.sd2 else "sdxl"

    def on(self, data: Data) -> Self:
        return replace(self, data=data)

    def make(self, run: Run) -> LatentsFolder:
        from sdxl import latents

        source, title = run.backend.source(self.data)
        model = run.backend.model(self.model)
        resolution = run.backend.resolution(self.model)
        facts = {"product": self, "model": model, "data": source, "resolution": resolution}
        folder = run.products.folder(f"latents-{self.nature}", facts)
        if not (folder / "index.json").exists():
            options = latents.Options(
                source=source,
                model=model,
                nature=self.nature,
                keep_clean=self.keep_clean,
                resolution=resolution,
                cpu=run.on_cpu,
                output=folder,
            )
            latents.write_latents(options, run.accelerator)
        return LatentsFolder(folder, title)

    def cost(self, backend: Backend) -> list[Job]:
        sizes = backend.sizes
        count = sizes.images or _IMAGES[self.data]
        numbers = 4 * (sizes.resolution // 8) ** 2 * (1 + self.keep_clean)
        captions = 0 if self.data == "ffhq" else _CAPTION  # the null caption is kept once
        model = " (Stable Diffusion 2)" if self.sd2 else ""
        return [
            Job(
                title=f"latents of {self.data}, t_n = {self.nature}{model}",
                hours=count * backend.seconds("sdxl") / 3600,
                disk=count * (4 * numbers + captions) / 1e9,
            )
        ]

    def needs(self, backend: Backend) -> list[Need]:
        return [DATA[self.data], SD2 if self.sd2 else SDXL]
