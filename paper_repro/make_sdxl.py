"""Products of `sdxl`: latents, LoRAs, images, attacks and evaluations, each by the command's own function.

At the scales smoke and cpu the pipeline is that of `sdxl.tiny`: the real architecture with random weights. It runs
everything, and shows nothing about what SDXL has learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ambient.metrics.pretrained import Inception
from ambient.metrics.pretrained.inception import INCEPTION_URL
from paper_repro import data
from paper_repro.products import (
    Attack,
    Evaluation,
    Images,
    Latents,
    Product,
    Restorations,
    Tune,
)
from paper_repro.sizes import START_STEPS
from paper_repro.workshop import Workshop
from sdxl.attack.options import AttackOptions, MaskAttack, MaskOptions, NoiseAttack, PromptAttack
from sdxl.attack.report import AttackResult
from sdxl.attack.running import run_attack
from sdxl.checkpoints import named
from sdxl.evaluate.options import EvaluateOptions
from sdxl.evaluate.running import run_evaluation
from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.mitigation.options import Inference, Mitigation
from sdxl.options import FeatureOptions, ModelOptions, RunOptions, Sampler
from sdxl.tiny.options import TinyOptions, TinyVisionOptions
from sdxl.tiny.pipeline import write_tiny
from sdxl.tiny.vision import write_vision
from sdxl.train.options import TrainOptions
from sdxl.train.tuning import fine_tune


@dataclass(frozen=True)
class Folder:
    """A product on disk.

    Attributes:
        path: Its folder.
        data: What its images are called in tables.
    """

    path: Path
    data: str


def make(shop: Workshop, product: Product) -> Any:
    """A product, made or taken up.

    Raises:
        ValueError, RuntimeError, OSError: As the commands of `sdxl` do, naming what is wrong or missing.
    """
    if shop.options.substitute:
        product = _on_the_same_data(product)
    if product not in shop.made:
        shop.made[product] = _MAKERS[type(product)](shop, product)
    return shop.made[product]


def _on_the_same_data(product: Product) -> Product:
    """Where one data set stands for all, models of all are the same."""
    changes: dict[str, Any] = {"data": "ffhq"} if hasattr(product, "data") else {}
    if isinstance(product, Images) and product.tune is not None:
        changes["tune"] = _on_the_same_data(product.tune)
    if isinstance(product, Attack | Restorations | Evaluation):
        changes["tunes"] = tuple(tune and _on_the_same_data(tune) for tune in product.tunes)
    return replace(product, **changes)


def model(shop: Workshop, kind: str = "sdxl") -> ModelOptions:
    """The pipeline of the scale: sdxl, inpainting or sd2."""
    options = shop.options
    if not options.substitute:
        name = {"sdxl": options.sdxl, "inpainting": options.inpainting, "sd2": options.sd2}[kind]
        return ModelOptions(name, download=options.download)
    folder = shop.products / f"tiny-{kind}"
    if not (folder / "tiny.json").exists() or not (folder / "model_index.json").exists():
        variant, prediction = {"sd2": ("sd", "v_prediction")}.get(kind, (kind, "epsilon"))
        write_tiny(TinyOptions(folder, variant=variant, prediction=prediction))  # type: ignore[arg-type]
    return ModelOptions(str(folder))


def model_title(shop: Workshop, kind: str = "sdxl") -> str:
    """What the pipeline is called in tables."""
    names = {"sdxl": "SDXL", "inpainting": "SDXL inpainting", "sd2": "Stable Diffusion 2"}
    return f"tiny {names[kind]} of random weights" if shop.options.substitute else model(shop, kind).model


def vision(shop: Workshop) -> dict[str, str]:
    """Sources of the networks that look at images: dinov2, clip and detector."""
    options = shop.options
    if not options.substitute:
        return {"dinov2": options.dinov2, "clip": options.clip, "detector": options.detector}
    folder = shop.products / "tiny-vision"
    if not (folder / "detector").exists():
        write_vision(TinyVisionOptions(folder))
    return {name: str(folder / name) for name in ("dinov2", "clip", "detector")}


def features(shop: Workshop) -> FeatureOptions:
    """Where P1 measures similarities."""
    return FeatureOptions(dinov2=vision(shop)["dinov2"], protocol="p1")


def _latents(shop: Workshop, product: Latents) -> Folder:
    source, title = data.source(shop, product.data)
    facts = {"product": product, "model": _model_of(shop, product.sd2), "data": source, "scale": shop.options.scale}
    folder = shop.folder(f"latents-{product.nature}", facts)
    if not (folder / "index.json").exists():
        options = LatentOptions(
            source=source,
            run=_run(shop, _model_of(shop, product.sd2), folder),
            nature=product.nature,
            keep_clean=product.keep_clean,
            resolution=_resolution(shop, product.sd2),
        )
        write_latents(options, shop.accelerator)
    return Folder(folder, title)


def _tune(shop: Workshop, product: Tune) -> Folder:
    encoded: Folder = make(shop, product.latents)
    sizes = shop.sizes
    # P1's models with consistency start where those without stand after 150,000 of their 200,000 updates.
    start = None if product.start is None else _start(shop, product.start)
    steps = sizes.text_steps if product.sd2 else sizes.consistency_steps if start else sizes.steps
    settings = {
        "steps": steps,
        "batch": sizes.batch,
        "learning_rate": sizes.learning_rate,
        "start": start,
        "keep_every": max(1, min(10_000, steps)),
        "checkpoint_every": max(1, min(1000, steps)),
        "log_every": 50 if steps % 50 == 0 else steps,
    }
    facts = {"product": product, "latents": encoded.path.name, **settings, "start": str(start)}
    folder = shop.folder(f"lora-{product.name}", facts)
    if not (folder / "pytorch_lora_weights.safetensors").exists():
        remedy = Mitigation(mitigation="random-caption") if product.text == "s23" else Mitigation()
        own = {name: value for name, value in settings.items() if name != "batch"}
        options = TrainOptions(
            latents=encoded.path,
            run=_run(shop, _model_of(shop, product.sd2), folder, sizes.batch),
            method=product.method,
            mitigation=remedy,
            watch=not shop.options.substitute,
            **own,  # type: ignore[arg-type]
        )
        fine_tune(options, shop.accelerator)
    return Folder(folder, encoded.data)


def _start(shop: Workshop, product: Tune) -> Path:
    """The LoRA that a model with consistency starts from."""
    folder: Folder = make(shop, product)
    kept = folder.path / f"checkpoint-{START_STEPS}"
    return kept if shop.options.scale == "paper" else folder.path


def _images(shop: Workshop, product: Images) -> Folder:
    lora = None if product.tune is None else make(shop, product.tune)
    sizes = shop.sizes
    count = sizes.few if product.few else sizes.generated
    prompts, title = None, "null captions"
    if product.prompts == "figure7":
        prompts, title = data.prompts_of_figure_7(shop.products), "P1's four prompts"
    elif product.prompts == "xrays":
        source, title = data.source(shop, "xrays")
        prompts = source.captions or Path(source.data) / "metadata.jsonl"
    facts = {
        "lora": lora and lora.path.name,
        "prompts": product.prompts,
        "data": title,
        "model": model(shop),
        "steps": sizes.sampler_steps,
    }
    folder = shop.folder("images", facts)
    done = folder / f"done-{count}"
    if not done.exists():
        options = GenerateOptions(
            sampler=Sampler(steps=sizes.sampler_steps),
            run=_run(shop, model(shop), folder),
            lora=None if lora is None else lora.path,
            samples=count,
            prompts=prompts,
            resolution=_resolution(shop),
        )
        generate(options, shop.accelerator)
        done.touch()
    return Folder(folder, title)


def _attack(shop: Workshop, product: Attack) -> AttackResult:
    source, _ = data.source(shop, product.data)
    checkpoints = tuple("base" if tune is None else str(make(shop, tune).path) for tune in product.tunes)
    common: dict[str, Any] = {
        "source": source,
        "checkpoints": checkpoints,
        "images": shop.sizes.attacked,
        "features": features(shop),
        "resolution": _resolution(shop),
    }
    steps = shop.sizes.sampler_steps
    run = _run(shop, model(shop, "inpainting" if product.kind == "mask" else "sdxl"))
    options: AttackOptions
    if product.kind == "noise":
        options = NoiseAttack(**common, run=run, levels=product.levels, steps=steps)
    elif product.kind == "prompt":
        options = PromptAttack(**common, run=run, sampler=Sampler(steps=steps))
    else:
        hide = MaskOptions(detector=vision(shop)["detector"])
        if shop.options.substitute:
            hide = MaskOptions(mask="fixed")
        options = MaskAttack(**common, run=run, masks=hide, steps=steps)
    folder = shop.folder(f"attack-{product.kind}", {"options": options})
    return run_attack(replace(options, run=replace(run, output=folder)), shop.accelerator)


def _restorations(shop: Workshop, product: Restorations) -> dict[str, Any]:
    return _evaluate(shop, product.data, product.tunes, restore=shop.sizes.restored, samples=0)


def _evaluation(shop: Workshop, product: Evaluation) -> dict[str, Any]:
    inference = Inference(remedy="optimise") if product.w24 else Inference()
    count = shop.sizes.text_generated
    return _evaluate(shop, product.data, product.tunes, restore=0, samples=count, inference=inference, sd2=True)


def _evaluate(
    shop: Workshop, name: data.Data, tunes: tuple[Tune, ...], *, sd2: bool = False, **counts: Any
) -> dict[str, Any]:
    """The results of `sdxl.evaluate` by the name of each model, and what its figures are called under "names"."""
    source, title = data.source(shop, name)
    loras = [make(shop, tune).path for tune in tunes]
    run = _run(shop, _model_of(shop, sd2))
    options = EvaluateOptions(
        source=source,
        run=run,
        checkpoints=tuple(map(str, loras)),
        sampler=Sampler(steps=shop.sizes.sampler_steps),
        features=features(shop),
        inception=None if shop.options.substitute else inception(shop),
        clip=vision(shop)["clip"],
        resolution=_resolution(shop, sd2),
        **counts,
    )
    folder = shop.folder("evaluation", {"options": options})
    found = run_evaluation(replace(options, run=replace(run, output=folder)), shop.accelerator)
    by_folder = dict(zip(named(options.checkpoints), tunes, strict=True))
    results = {tune.name: found.results[key] for key, tune in by_folder.items()}
    return {"results": results, "names": found.names, "data": title, "folder": folder, "checkpoints": list(by_folder)}


def inception(shop: Workshop) -> Path:
    """Inception's file, fetched if that is allowed.

    Raises:
        PretrainedError: If it cannot be had.
    """
    if shop.options.inception is not None:
        return shop.options.inception
    hub = Path(torch.hub.get_dir())
    Inception.download(hub)
    return hub / INCEPTION_URL.rsplit("/", 1)[1]


def _run(shop: Workshop, model: ModelOptions, folder: Path | None = None, batch: int = 8) -> RunOptions:
    """How a command runs here."""
    return RunOptions(model, batch=batch, device="cpu" if shop.on_cpu else None, output=folder)


def _model_of(shop: Workshop, sd2: bool) -> ModelOptions:
    return model(shop, "sd2" if sd2 else "sdxl")


def _resolution(shop: Workshop, sd2: bool = False) -> int | None:
    """Side of the images; Stable Diffusion 2 has its own."""
    return None if sd2 and not shop.options.substitute else shop.sizes.resolution


_MAKERS: dict[type, Callable[..., Any]] = {
    Latents: _latents,
    Tune: _tune,
    Images: _images,
    Attack: _attack,
    Restorations: _restorations,
    Evaluation: _evaluation,
}
