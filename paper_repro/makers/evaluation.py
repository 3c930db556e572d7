"""Evaluations of LoRAs side by side, by `sdxl.evaluate`: errors of restorations, and images from captions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paper_repro.makers.product import Data, Product
from paper_repro.makers.tune import Tune
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import CLIP, DATA, DINOV2, INCEPTION, SD2, SDXL, Need

if TYPE_CHECKING:
    from paper_repro.makers.backend import Backend, ModelName
    from paper_repro.makers.run import Run


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What an evaluation found.

    Attributes:
        results: Of each model in turn: "restoration" (a list by step), or the figures of its generated images.
        names: What these figures are called: "distance", "similarity" and "clip".
        data: What the images are called in tables.
        generated: The folder of each model's generated images.
    """

    results: list[dict[str, Any]]
    names: dict[str, str]
    data: str
    generated: list[Path]


@dataclass(frozen=True)
class _OfTunes(Product[Evaluated]):
    """An evaluation of models side by side.

    Attributes:
        data: What the models were trained on.
        tunes: The models.
    """

    data: Data
    tunes: tuple[Tune, ...]

    @property
    def requires(self) -> tuple[Product[Any], ...]:
        return self.tunes

    def on(self, data: Data) -> Self:
        return replace(self, data=data, tunes=tuple(tune.on(data) for tune in self.tunes))


@dataclass(frozen=True)
class Restorations(_OfTunes):
    """P1's Table 1: errors of E[X_0 | X_t] of several models."""

    def make(self, run: Run) -> Evaluated:
        return _evaluate(run, self.data, self.tunes, "sdxl", restore=run.sizes.restored, images=0)

    def cost(self, backend: Backend) -> list[Job]:
        count = backend.sizes.restored * 4 * len(self.tunes)
        hours = count * backend.seconds("sdxl") / 3600
        return [Job(title="restorations at four levels", generated=count, hours=hours)]

    def needs(self, backend: Backend) -> list[Need]:
        return [DATA[self.data], SDXL]


@dataclass(frozen=True)
class Evaluation(_OfTunes):
    """P2's Table 3: images from the captions, their distance to the data, similarity and CLIP score.

    Attributes:
        w24: Whether prompts are optimised at inference (Wen et al. 2024).
    """

    w24: bool = False

    def make(self, run: Run) -> Evaluated:
        from sdxl.mitigation import Inference

        inference = Inference(remedy="optimise") if self.w24 else Inference()
        count = run.sizes.text_generated
        return _evaluate(run, self.data, self.tunes, "sd2", restore=0, images=count, inference=inference)

    def cost(self, backend: Backend) -> list[Job]:
        sizes = backend.sizes
        count = sizes.text_generated * len(self.tunes)
        work = count * sizes.sampler_steps * backend.seconds("sd2") * (2 if self.w24 else 1)
        title = f"images from captions, {', '.join(tune.name for tune in self.tunes)}{', W24' if self.w24 else ''}"
        return [Job(title=title, generated=count, hours=work / 3600, disk=count * 4e-4)]

    def needs(self, backend: Backend) -> list[Need]:
        return [DATA[self.data], SD2, INCEPTION, DINOV2, CLIP]


def _evaluate(run: Run, data: Data, tunes: tuple[Tune, ...], model: ModelName, **settings: Any) -> Evaluated:
    from paper_repro.makers.networks import similarity_options
    from sdxl import evaluate
    from sdxl.checkpoints import named
    from sdxl.sampling import Sampler

    backend = run.backend
    source, title = backend.source(data)
    options = evaluate.Options(
        source=source,
        model=backend.model(model),
        checkpoints=tuple(str(run.make(tune)) for tune in tunes),
        sampler=Sampler(steps=run.sizes.sampler_steps),
        features=similarity_options(backend),
        inception=backend.inception(),
        clip=backend.network("clip"),
        resolution=backend.resolution(model),
        cpu=run.on_cpu,
        **settings,
    )
    folder = run.products.folder("evaluation", {"options": options})
    found = evaluate.run(replace(options, output=folder), run.accelerator)
    names = list(named(options.checkpoints))
    return Evaluated(
        [found.results[name] for name in names], found.names, title, [folder / "images" / n for n in names]
    )
