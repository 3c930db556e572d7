"""Generated images, by `sdxl.generate`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from paper_repro.makers.product import Data, Product
from paper_repro.makers.tune import Method, Tune
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import DATA, SDXL, Need

if TYPE_CHECKING:
    from paper_repro.makers.backend import Backend
    from paper_repro.makers.run import Run

FIGURE_7 = (
    "A propaganda poster depicting a cat dressed as french emperor napoleon.",
    "A high-quality image of a dog.",
    "Panda mad scientist mixing sparkling chemicals, artstation.",
    "A robot painted as graffiti on a brick wall.",
)
"""P1's prompts."""


@dataclass(frozen=True)
class Images(Product[Path]):
    """Images in a folder of `sdxl.generate`, by the pretrained model (`tune` None) or a fine-tuned one.

    Attributes:
        tune: The model.
        prompts: Null captions; the captions of a data set; or P1's four of Figure 7.
        few: A picture's worth instead of as many as a Fréchet distance needs.
    """

    tune: Tune | None
    prompts: Literal["null", "xrays", "figure7"]
    few: bool = False

    @property
    def requires(self) -> tuple[Product[Any], ...]:
        return () if self.tune is None else (self.tune,)

    @property
    def method(self) -> Method | Literal["pretrained"]:
        """How the model was trained."""
        return "pretrained" if self.tune is None else self.tune.method

    @property
    def nature(self) -> int:
        """t_n of what the model was fine-tuned on; 0 for clean data or none."""
        return 0 if self.tune is None else self.tune.nature

    def on(self, data: Data) -> Self:
        return self if self.tune is None else replace(self, tune=self.tune.on(data))

    def make(self, run: Run) -> Path:
        from sdxl import generate
        from sdxl.sampling import Sampler

        lora = None if self.tune is None else run.make(self.tune)
        count, sampler_steps = self._count(run.backend), run.sizes.sampler_steps
        prompts, title = self._prompts(run)
        model = run.backend.model("sdxl")
        facts = {
            "lora": lora and lora.name,
            "prompts": self.prompts,
            "data": title,
            "model": model,
            "steps": sampler_steps,
        }
        folder = run.products.folder("images", facts)
        done = folder / f"done-{count}"
        if not done.exists():
            options = generate.Options(
                sampler=Sampler(steps=sampler_steps),
                model=model,
                lora=lora,
                images=count,
                prompts=prompts,
                resolution=run.backend.resolution("sdxl"),
                batch=8,
                cpu=run.on_cpu,
                output=folder,
            )
            generate.generate(options, run.accelerator)
            done.touch()
        return folder

    def cost(self, backend: Backend) -> list[Job]:
        count, sizes = self._count(backend), backend.sizes
        of = "the pretrained model" if self.tune is None else self.tune.name
        return [
            Job(
                title=f"images of {of}, {self.prompts} prompts",
                generated=count,
                hours=count * sizes.sampler_steps * backend.seconds("sdxl") * 1.2 / 3600,
                disk=count * 1.5e-3 * (sizes.resolution / 1024) ** 2,
            )
        ]

    def needs(self, backend: Backend) -> list[Need]:
        return [SDXL, DATA["xrays"]] if self.prompts == "xrays" else [SDXL]

    def _count(self, backend: Backend) -> int:
        return backend.sizes.few if self.few else backend.sizes.generated

    def _prompts(self, run: Run) -> tuple[Path | None, str]:
        """The file of the prompts, None for null captions, and what they are called."""
        if self.prompts == "null":
            return None, "null captions"
        from ambient.runs.files import write_records
        from paper_repro.makers.pairs import pairs_of

        if self.prompts == "figure7":
            prompts, title = list(FIGURE_7), "P1's four prompts"
        else:
            source, title = run.backend.source("xrays")
            prompts = [pair.caption for pair in pairs_of(source)]
        path = run.products.folder("prompts", {"prompts": prompts}).with_suffix(".jsonl")
        write_records(path, ({"text": prompt} for prompt in prompts))
        return path, title
