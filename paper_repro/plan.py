r"""What a run would do and cost: the dry run.

GPU hours are those of one A100, by orders of magnitude, from two published facts:

- EDM's CIFAR-10 model saw 200 M images in 2 days on 8 V100 (Karras et al. 2022): 0.52 M images of 32x32 an hour and
  V100, taken as 1.5 M for an A100 in bf16. Time goes with the number of pixels and of parameters; sampling an image by
  18 steps of Heun is 35 evaluations, each a third of a training step's work.
- SDXL's U-Net takes about 6 TFLOP at 1024x1024, and an A100 does about 120 TFLOP/s of it; training is three
  evaluations an image, P1's consistency 3.3 times that. Stable Diffusion 2 at 512x512 takes 0.8 TFLOP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paper_repro.options import Options
from paper_repro.products import (
    Attack,
    Images,
    Latents,
    Models,
    Product,
    Restorations,
    Substitutes,
    Tune,
)
from paper_repro.sizes import blocks, digits, sdxl_sizes

_IMAGES_AN_HOUR = 1.5e6
_SHARE = {"unet-58m": 1.0, "unet-14m": 0.25, "small": 0.002, "unet-1m": 0.02}
_SIDES = {"digits": 8, "cifar10": 32, "ffhq": 64, "tiny-imagenet": 64}
_FLOPS, _SDXL, _SD2 = 1.2e14, 6e12, 0.8e12
_DATA_IMAGES = {"ffhq": 70_000, "laion": 10_000, "xrays": 10_000}


@dataclass(frozen=True)
class Job:
    """One product of a plan.

    Attributes:
        title: What is made.
        updates: Training steps.
        trained: Images seen in training.
        generated: Images generated or restored.
        hours: On one A100.
        disk: In GB.
    """

    title: str
    updates: int
    trained: int
    generated: int
    hours: float
    disk: float


def jobs(products: Sequence[Product], options: Options) -> list[Job]:
    """A job for each product."""
    return [job for product in products for job in _jobs(product, options)]


def total(found: Sequence[Job]) -> Job:
    """The sum of some jobs."""
    figures = [(j.updates, j.trained, j.generated, j.hours, j.disk) for j in found] or [(0, 0, 0, 0.0, 0.0)]
    updates, trained, generated, hours, disk = (sum(column) for column in zip(*figures, strict=True))
    return Job("all together", int(updates), int(trained), int(generated), hours, disk)


def entry(job: Job) -> tuple[str, ...]:
    """A row of the plan's table."""
    hours = "-" if job.hours == 0 else "< 0.1" if job.hours < 0.1 else f"{job.hours:,.1f}"
    disk = "< 0.1" if job.disk < 0.1 else f"{job.disk:,.1f}"
    return (job.title, f"{job.updates:,}", f"{job.trained:,}", f"{job.generated:,}", hours, disk)


HEAD = ("product", "steps", "images trained on", "images generated", "GPU hours", "disk, GB")


def _jobs(product: Product, options: Options) -> list[Job]:
    sizes = sdxl_sizes(options)
    scale = (sizes.resolution / 1024) ** 2
    seconds = (0.0 if options.substitute else 1.0) * scale * _SDXL / _FLOPS
    text = _SD2 / _FLOPS if not options.substitute else 0.0
    data = sizes.images or _DATA_IMAGES.get(getattr(product, "data", ""), 0)
    if isinstance(product, Models):
        return _models(product, options)
    if isinstance(product, Substitutes):
        return _substitutes(product, options)
    if isinstance(product, Latents):
        captions = 0 if product.data == "ffhq" else 320_000  # the null caption is kept once
        size = data * (4 * (sizes.resolution // 8) ** 2 * 4 * (1 + product.keep_clean) + captions) / 1e9
        name = f"latents of {product.data}, t_n = {product.nature}{' (Stable Diffusion 2)' * product.sd2}"
        return [Job(name, 0, 0, 0, data * seconds / 3600, size)]
    if isinstance(product, Tune):
        steps = sizes.text_steps if product.sd2 else sizes.consistency_steps if product.start else sizes.steps
        work = 3 * (3.3 if product.start else 1.0) * steps * sizes.batch * (text if product.sd2 else seconds)
        name = f"LoRA {product.name} on {product.data}{' (Stable Diffusion 2)' * product.sd2}"
        return [Job(name, steps, steps * sizes.batch, 0, work / 3600, 0.2)]
    if isinstance(product, Images):
        count = sizes.few if product.few else sizes.generated
        of = "the pretrained model" if product.tune is None else product.tune.name
        work = count * sizes.sampler_steps * seconds * 1.2
        return [Job(f"images of {of}, {product.prompts} prompts", 0, 0, count, work / 3600, count * 1.5e-3 * scale)]
    if isinstance(product, Attack):
        kinds = len(product.levels) * 2 if product.kind == "noise" else 1
        count = sizes.attacked * len(product.tunes) * kinds
        each = (sizes.sampler_steps + 1) / 2 if product.kind == "noise" else sizes.sampler_steps * 2
        name = f"attack by {product.kind} on {', '.join('base' if t is None else t.name for t in product.tunes)}"
        return [Job(name, 0, 0, count, count * each * seconds / 3600, count * 1.5e-3 * scale)]
    if isinstance(product, Restorations):
        count = sizes.restored * 4 * len(product.tunes)
        return [Job("restorations at four levels", 0, 0, count, count * seconds / 3600, 0.0)]
    count = sizes.text_generated * len(product.tunes)
    work = count * sizes.sampler_steps * text * (2 if product.w24 else 1)
    name = f"images from captions, {', '.join(t.name for t in product.tunes)}{', W24' * product.w24}"
    return [Job(name, 0, 0, count, work / 3600, count * 4e-4)]


def _models(product: Models, options: Options) -> list[Job]:
    found = []
    for block in blocks(options, product.blocks):
        levels = len(block.levels) if product.levels == "all" else 1
        sizes = [block.images[i] for i in product.sizes if i < len(block.images)]
        each = sum(levels if m in ("hybrid", "early-stop") else 1 for m in product.methods)
        count = each * len(sizes) * len(block.seeds)
        settings = block.settings
        trained = int(settings["steps"]) * int(settings["batch"]) * count
        generated = int(settings["samples"]) * count
        side = settings.get("resolution") or _SIDES[block.data]
        share = _SHARE[settings.get("network", "small")] * (side / 32) ** 2
        hours = (trained + generated * 35 / 3) * share / _IMAGES_AN_HOUR
        disk = count * 1.0 * _SHARE[settings.get("network", "small")] + generated * 3 * side**2 * 4 / 1e9
        name = f"{count} models of {block.data}: {', '.join(product.methods)}; N = {', '.join(map(str, sizes))}"
        found.append(Job(name, int(settings["steps"]) * count, trained, generated, hours, disk))
    return found


def _substitutes(product: Substitutes, options: Options) -> list[Job]:
    block = digits(options, "")
    noisy = len([m for m in product.methods if m != "dsm"]) * len(product.natures)
    count = (("dsm" in product.methods) + noisy) * len(block.seeds)
    steps, batch = int(block.settings["steps"]), int(block.settings["batch"])
    n = block.images[product.size]
    name = f"{count} models of digits: {', '.join(product.methods)}; N = {n}"
    return [Job(name, steps * count, steps * batch * count, int(block.settings["samples"]) * count, 0.0, 0.01 * count)]
