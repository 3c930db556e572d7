"""LoRAs fine-tuned on latents, by `sdxl.train`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from paper_repro.makers.latents import Latents
from paper_repro.makers.product import Data, Product
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import Need

if TYPE_CHECKING:
    from paper_repro.makers.backend import Backend
    from paper_repro.makers.run import Run

Method = Literal["dsm", "ambient", "consistency", "hybrid"]
Remedy = Literal["none", "s23"]
_CONSISTENCY = 3.3
"""Work of an update with P1's consistency, in those without."""


@dataclass(frozen=True)
class Tune(Product[Path]):
    """A LoRA, in its folder.

    Attributes:
        data: What it is trained on.
        method: Of `sdxl.train`.
        nature: t_n, 0 for clean.
        sd2: Of Stable Diffusion 2 instead of SDXL.
        text: Which remedy its captions get (S23: Somepalli et al. 2023).
    """

    data: Data
    method: Method
    nature: int = 0
    sd2: bool = False
    text: Remedy = "none"

    @property
    def name(self) -> str:
        """For tables and folders."""
        text = "" if self.text == "none" else f"-{self.text}"
        return (self.method if self.nature == 0 else f"{self.method}-{self.nature}") + text

    @property
    def start(self) -> Tune | None:
        """The model without consistency that one with it starts from (P1, appendix B)."""
        return Tune(self.data, "ambient", self.nature, self.sd2) if self.method == "consistency" else None

    @property
    def latents(self) -> Latents:
        """What it is trained on."""
        return Latents(self.data, self.nature, self.method == "hybrid", self.sd2)

    @property
    def requires(self) -> tuple[Product[Any], ...]:
        return (self.latents,) if self.start is None else (self.latents, self.start)

    def on(self, data: Data) -> Self:
        return replace(self, data=data)

    def make(self, run: Run) -> Path:
        from sdxl import train
        from sdxl.mitigation import Mitigation

        encoded = run.make(self.latents)
        start = None if self.start is None else run.backend.start(run.make(self.start))
        sizes, steps = run.sizes, self._steps(run.backend)
        settings: dict[str, Any] = {
            "steps": steps,
            "batch": sizes.batch,
            "learning_rate": sizes.learning_rate,
            "start": start,
            "keep_every": max(1, min(10_000, steps)),
            "checkpoint_every": max(1, min(1000, steps)),
            "log_every": 50 if steps % 50 == 0 else steps,
        }
        facts = {"product": self, "latents": encoded.path.name, **settings}
        folder = run.products.folder(f"lora-{self.name}", facts)
        if not (folder / "pytorch_lora_weights.safetensors").exists():
            remedy = Mitigation(mitigation="random-caption") if self.text == "s23" else Mitigation()
            options = train.Options(
                latents=encoded.path,
                model=run.backend.model(self.latents.model),
                method=self.method,
                mitigation=remedy,
                watch=run.backend.collapses,
                cpu=run.on_cpu,
                output=folder,
                **settings,
            )
            train.fine_tune(options, run.accelerator)
        return folder

    def cost(self, backend: Backend) -> list[Job]:
        steps = self._steps(backend)
        images = steps * backend.sizes.batch
        work = 3 * (1.0 if self.start is None else _CONSISTENCY) * images * backend.seconds(self.latents.model)
        model = " (Stable Diffusion 2)" if self.sd2 else ""
        title = f"LoRA {self.name} on {self.data}{model}"
        return [Job(title=title, updates=steps, trained=images, hours=work / 3600, disk=0.2)]

    def needs(self, backend: Backend) -> list[Need]:
        return []  # what its latents need

    def _steps(self, backend: Backend) -> int:
        sizes = backend.sizes
        if self.sd2:
            return sizes.text_steps
        return sizes.steps if self.start is None else sizes.consistency_steps
