"""The three attacks: what each shows the model, and what it asks back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ambient.attacks import Inpainter, mask_and_restore, noise_and_restore
from sdxl.attack.masks import Masker, hidden, regions
from sdxl.attack.options import AttackOptions, MaskAttack, NoiseAttack, PromptAttack
from sdxl.components import Components
from sdxl.pairs import Pair
from sdxl.sampling import image_generator, sample


@dataclass(frozen=True, eq=False)
class Restorations:
    """What an attack made of some images.

    Attributes:
        shown: What the model was shown, as pictures (B, 3, H, W), by name.
        restored: Restored or generated images (B, 3, H, W) in [-1, 1], by name.
        view: Cuts out of images what is compared; everything by default.
        kept: The rows of the images that could be attacked; all by default.
    """

    shown: Mapping[str, Tensor]
    restored: Mapping[str, Tensor]
    view: Callable[[Tensor], Tensor] = field(default=lambda images: images)
    kept: Sequence[int] | None = None


Attack = Callable[[list[Pair], Tensor, Tensor], Restorations]
"""(pairs, images (B, 3, H, W), SDXL's sizes (B, 6)) -> restorations of those that are kept."""


def attack_of(options: AttackOptions, components: Components, resolution: int) -> tuple[Attack, str]:
    """The attack, and what a reader of its table must know.

    Raises:
        ValueError: If an option does not fit the model.
        PretrainedError: If there is no detector.
    """
    if isinstance(options, NoiseAttack):
        return _noise(options, components), "null captions"
    if isinstance(options, PromptAttack):
        return _prompt(options, components, resolution), "generated from the captions"
    if not isinstance(options, MaskAttack):
        raise TypeError(f"{type(options).__name__} is no attack")
    cell, download = components.pipeline.vae_scale_factor, options.run.model.download
    masker = Masker(options.masks, cell, download, components.device)
    return _mask(options, components, masker), f"hidden: {masker.name}"


def latent_picture(latents: Tensor) -> Tensor:
    """Latents (B, C, h, w) seen as colours: their first three channels, three standard deviations wide, in [-1, 1]."""
    return (latents[:, :3].float().cpu() / 3).clamp(-1, 1)


def _noise(options: NoiseAttack, components: Components) -> Attack:
    process = components.process
    last = len(process) - 1
    for t in options.levels:
        if not 1 <= t <= last:
            raise ValueError(f"--levels {t}: this model has the steps 1 to {last}")
    first = float(process.level(0.0).ratio)

    def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
        z = components.encode_images(images).to(components.device)
        condition = components.encode_prompts([""] * len(pairs), sizes)
        indices = [pair.index for pair in pairs]
        shown, restored = {}, {}
        for t in options.levels:
            for kind in options.restorations:
                grid: dict[str, Any] = {"steps": options.steps, "sigma_min": first} if kind == "posterior" else {}
                done = noise_and_restore(
                    components.denoiser, z, process.level(float(t)), indices,
                    seed=options.run.seed, restoration=kind, condition=condition, **grid,
                )  # fmt: skip
                shown[f"t = {t}"] = latent_picture(done.x_t)
                restored[f"t = {t}, {kind}"] = components.decode_latents(done.x_0).cpu()
        return Restorations(shown, restored)

    return attack


def _mask(options: MaskAttack, components: Components, masker: Masker) -> Attack:
    def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
        boxes = {row: box for row, box in enumerate(masker(images)) if box is not None}
        kept = list(boxes)
        if not kept:
            return Restorations({}, {}, kept=[])
        masks = hidden(list(boxes.values()), *images.shape[-2:])
        indices = [pairs[row].index for row in kept]
        shown: dict[str, Tensor] = {}
        restored: dict[str, Tensor] = {}
        for kind in options.prompts:
            texts = [pairs[row].caption if kind == "caption" else "" for row in kept]
            inpaint = _inpainter(components, texts, options.steps, options.guidance, options.run.seed)
            done = mask_and_restore(inpaint, images[kept], masks, indices)
            shown["masked"], restored[kind] = done.x_t, done.x_0
        return Restorations(shown, restored, lambda part: regions(part, list(boxes.values())), kept)

    return attack


def _inpainter(components: Components, prompts: list[str], steps: int, guidance: float, seed: int) -> Inpainter:
    """The inpainting pipeline of diffusers, as it is, from pure noise."""

    def inpaint(known: Tensor, hidden: Tensor, indices: Sequence[int]) -> Tensor:
        components.pipeline.set_progress_bar_config(disable=True)
        height, width = known.shape[-2:]
        done = components.pipeline(
            prompt=prompts,
            image=(known + 1) / 2,
            mask_image=hidden[:, :1].float(),
            height=height,
            width=width,
            strength=1.0,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[image_generator(seed, index) for index in indices],
            output_type="pt",
        )
        images: Tensor = done.images.float().cpu() * 2 - 1
        return images

    return inpaint


def _prompt(options: PromptAttack, components: Components, resolution: int) -> Attack:
    def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
        indices, captions = [pair.index for pair in pairs], [pair.caption for pair in pairs]
        latents = sample(components, options.sampler, indices, captions, resolution, options.run.seed)
        return Restorations({}, {"generated": components.decode_latents(latents).cpu()})

    return attack
