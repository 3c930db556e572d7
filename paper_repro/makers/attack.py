"""Attacks on Stable Diffusion, by `sdxl.attack`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from paper_repro.makers.product import Data, Product
from paper_repro.makers.tune import Tune
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import DATA, DETECTOR, DINOV2, INPAINTING, SDXL, Need

if TYPE_CHECKING:
    from paper_repro.makers.attacked import Attacked
    from paper_repro.makers.backend import Backend, ModelName
    from paper_repro.makers.run import Run


@dataclass(frozen=True)
class Attack(Product["Attacked"]):
    """An attack on models, with as many images of `data` as the scale takes.

    Attributes:
        kind: Noise and restore, mask and fill in, or generate from captions.
        data: The images.
        tunes: The models; None for the pretrained one.
        levels: Steps t to which images are noised.
    """

    kind: Literal["noise", "mask", "prompt"]
    data: Data
    tunes: tuple[Tune | None, ...] = (None,)
    levels: tuple[int, ...] = (900,)

    @property
    def requires(self) -> tuple[Product[Any], ...]:
        return tuple(tune for tune in self.tunes if tune is not None)

    @property
    def model(self) -> ModelName:
        """The pipeline that is attacked."""
        return "inpainting" if self.kind == "mask" else "sdxl"

    def on(self, data: Data) -> Self:
        return replace(self, data=data, tunes=tuple(tune and tune.on(data) for tune in self.tunes))

    def make(self, run: Run) -> Attacked:
        from paper_repro.makers.attacked import attacked

        loras = [None if tune is None else run.make(tune) for tune in self.tunes]
        return attacked(self, loras, run)

    def cost(self, backend: Backend) -> list[Job]:
        sizes = backend.sizes
        kinds = len(self.levels) * 2 if self.kind == "noise" else 1
        count = sizes.attacked * len(self.tunes) * kinds
        evaluations = (sizes.sampler_steps + 1) / 2 if self.kind == "noise" else sizes.sampler_steps * 2
        models = ", ".join("base" if tune is None else tune.name for tune in self.tunes)
        return [
            Job(
                title=f"attack by {self.kind} on {models}",
                generated=count,
                hours=count * evaluations * backend.seconds("sdxl") / 3600,
                disk=count * 1.5e-3 * (sizes.resolution / 1024) ** 2,
            )
        ]

    def needs(self, backend: Backend) -> list[Need]:
        models = [INPAINTING, DETECTOR] if self.kind == "mask" else [SDXL]
        return [DATA[self.data], *models, DINOV2]
