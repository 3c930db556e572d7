r"""Attack a model for memorisation (P1, section 4.1): `python -m sdxl.attack noise|mask|prompt DATA`.

    noise    latents of the data are noised to t = 900 and 800 and restored with null captions, as the posterior mean
             E[X_0 | X_t] and as a posterior sample (`ambient.attacks.noise_and_restore`)
    mask     the largest object of each image is hidden, and an inpainting model fills it in, given the caption
             (`ambient.attacks.mask_and_restore`); only what was hidden is compared
    prompt   Somepalli et al.: images are generated from the captions and compared with the data; the baseline

All compare each image with its own original and with the nearest image of the data, on DINOv2 features. Several
checkpoints are attacked with the same noise and compared image by image. `--held-out` attacks images that were not
trained on, the control without which a similarity says little.

Posterior samples are drawn by ancestral steps on a grid that is geometric in sigma / alpha, from t down to the model's
first step.
"""

from __future__ import annotations

import dataclasses
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ambient.attacks import Restoration, mask_and_restore, noise_and_restore
from ambient.metrics.features import FeatureMap
from ambient.runs.console import run as run_command
from ambient.runs.identity import claim_folder, describe
from sdxl import lora
from sdxl.attack_report import AttackResult, make_result, write_result
from sdxl.attacking import Attack, Restorations, choose, collect, content, restore_all
from sdxl.checkpoints import BASE, digests, named
from sdxl.components import SDXL_INPAINTING, Components, ModelOptions, Precision, load
from sdxl.masks import Masker, MaskOptions, hidden, regions
from sdxl.measures import FeatureOptions
from sdxl.pairs import Pair, Source
from sdxl.sampling import Sampler, image_generator, sample


@dataclass(frozen=True)
class Common(ABC):
    """Options of all attacks."""

    source: Source
    model: ModelOptions = field(default_factory=ModelOptions)
    checkpoints: tuple[str, ...] = (BASE,)
    """What to attack: LoRA folders of training runs, and "base" for the pretrained model."""
    held_out: str | None = None
    """Images that were not trained on, a folder, zip or id as the data: the control."""
    images: int | None = None
    """A random choice of this many images of each set; all if not given."""
    resolution: int | None = None
    """Side of the images; by default that of the model."""
    features: FeatureOptions = field(default_factory=FeatureOptions)
    seed: int = 0
    """Decides the choice of images and all noise."""
    batch: int = 8
    """Images at a time."""
    precision: Precision | None = None
    """bf16 on a GPU and fp32 on the CPU if not given."""
    cpu: bool = False
    """Use the CPU although there is a GPU."""
    output: Path = Path("runs/attack")
    """Folder of the results."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.batch < 1:
            raise ValueError(f"--batch {self.batch}: at least 1")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")

    @abstractmethod
    def build(self, components: Components, resolution: int) -> tuple[Attack, str]:
        """The attack, and what a reader of its table must know."""


@dataclass(frozen=True)
class Noise(Common):
    """Noise the latents of images and let the model restore them, with null captions.

    Interrupted? Run the same command again: it goes on where it was.
    """

    levels: tuple[int, ...] = (900, 800)
    """Steps of the model's schedule to which latents are noised."""
    restorations: tuple[Restoration, ...] = ("mean", "posterior")
    """Posterior mean in one evaluation, or a posterior sample."""
    steps: int = 25
    """Evaluations for a posterior sample."""

    def check(self) -> None:
        super().check()
        if self.steps < 2:
            raise ValueError(f"--steps {self.steps}: at least 2")
        if not self.levels or not self.restorations:
            raise ValueError("--levels and --restorations need at least one value each")

    def build(self, components: Components, resolution: int) -> tuple[Attack, str]:
        """See `Common`. Raises ValueError if the model has no such step."""
        last = len(components.process) - 1
        for t in self.levels:
            if not 1 <= t <= last:
                raise ValueError(f"--levels {t}: this model has the steps 1 to {last}")
        process = components.process
        first = float(process.level(0.0).ratio)

        def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
            z = components.encode_images(images).to(components.device)
            condition = components.encode_prompts([""] * len(pairs), sizes)
            indices = [pair.index for pair in pairs]
            shown, restored = {}, {}
            for t in self.levels:
                for kind in self.restorations:
                    grid: dict[str, Any] = {"steps": self.steps, "sigma_min": first} if kind == "posterior" else {}
                    found = noise_and_restore(
                        components.denoiser, z, process.level(float(t)), indices,
                        seed=self.seed, restoration=kind, condition=condition, **grid,
                    )  # fmt: skip
                    shown[f"t = {t}"] = latent_picture(found.x_t)
                    restored[f"t = {t}, {kind}"] = components.decode_latents(found.x_0).cpu()
            return Restorations(shown, restored)

        return attack, "null captions"


@dataclass(frozen=True)
class Mask(Common):
    """Hide the largest object of each image and let an inpainting model fill it in.

    Interrupted? Run the same command again: it goes on where it was.
    """

    model: ModelOptions = field(default_factory=lambda: ModelOptions(SDXL_INPAINTING))
    masks: MaskOptions = field(default_factory=MaskOptions)
    prompts: tuple[Literal["caption", "null"], ...] = ("caption",)
    """What the model is told: the image's caption, or nothing (with which P1's attack did not work)."""
    steps: int = 25
    """Evaluations an image (twice as many with guidance)."""
    guidance: float = 7.5
    """Classifier-free guidance scale; 1: none."""

    def check(self) -> None:
        super().check()
        self.masks.check()
        if self.steps < 1 or not self.guidance >= 1:
            raise ValueError("--steps is at least 1, and --guidance at least 1 (none)")

    def build(self, components: Components, resolution: int) -> tuple[Attack, str]:
        """See `Common`. Raises PretrainedError if there is no detector."""
        masker = Masker(self.masks, components.pipeline.vae_scale_factor, self.model.download, components.device)

        def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
            found = masker(images)
            kept = [i for i, box in enumerate(found) if box is not None]
            boxes = [box for box in found if box is not None]
            if not kept:
                return Restorations({}, {}, kept=[])
            whole = images[kept]
            masks = hidden(boxes, *images.shape[-2:])
            shown: dict[str, Tensor] = {}
            restored: dict[str, Tensor] = {}
            for kind in self.prompts:
                texts = [pairs[i].caption if kind == "caption" else "" for i in kept]
                done = mask_and_restore(
                    lambda known, mask, indices, texts=texts: self._inpaint(components, known, mask, indices, texts),
                    whole,
                    masks,
                    [pairs[i].index for i in kept],
                )
                shown["masked"], restored[kind] = done.x_t, done.x_0
            return Restorations(shown, restored, lambda part: regions(part, boxes), kept)

        return attack, f"hidden: {masker.name}"

    def _inpaint(
        self, components: Components, known: Tensor, mask: Tensor, indices: Sequence[int], prompts: list[str]
    ) -> Tensor:
        """The inpainting pipeline of diffusers, as it is, from pure noise."""
        components.pipeline.set_progress_bar_config(disable=True)
        height, width = known.shape[-2:]
        done = components.pipeline(
            prompt=prompts,
            image=(known + 1) / 2,
            mask_image=mask[:, :1].float(),
            height=height,
            width=width,
            strength=1.0,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=[image_generator(self.seed, index) for index in indices],
            output_type="pt",
        )
        return done.images.float().cpu() * 2 - 1


@dataclass(frozen=True)
class Prompt(Common):
    """Generate images from the captions of the data and look for them in the data (Somepalli et al. 2022).

    Interrupted? Run the same command again: it goes on where it was.
    """

    sampler: Sampler = field(default_factory=Sampler)

    def check(self) -> None:
        super().check()
        self.sampler.check()

    def build(self, components: Components, resolution: int) -> tuple[Attack, str]:
        """See `Common`."""

        def attack(pairs: list[Pair], images: Tensor, sizes: Tensor) -> Restorations:
            indices, captions = [pair.index for pair in pairs], [pair.caption for pair in pairs]
            latents = sample(components, self.sampler, indices, captions, resolution, self.seed)
            return Restorations({}, {"generated": components.decode_latents(latents).cpu()})

        return attack, "generated from the captions"


def run(options: Common, accelerator: Accelerator) -> AttackResult:
    """Attack, or go on with the attack in `options.output`.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
        ConfigMismatchError: If the folder holds another attack, naming what differs.
    """
    options.check()
    checkpoints = named(options.checkpoints)
    sets = {"data": choose(options.source, options.images, options.seed)}
    if options.held_out is not None:
        other = dataclasses.replace(options.source, data=options.held_out, captions=None)
        sets["held out"] = choose(other, options.images, options.seed)
    if isinstance(options, Mask | Prompt) and not any(pair.caption for pair in sets["data"]):
        raise ValueError(f"{options.source.data} has no captions, which this attack needs; give --captions")
    precision = options.precision or ("fp32" if accelerator.device.type == "cpu" else "bf16")
    components = load(options.model, channels=9 if isinstance(options, Mask) else 4, unet=precision)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    components.to(accelerator.device, precision, precision)
    attack, note = options.build(components, resolution)
    features = options.features.build(options.model.download, accelerator.device)
    if accelerator.is_main_process:
        _claim(options, components, checkpoints, sets, features, precision, resolution)
    accelerator.wait_for_everyone()
    restore_all(
        attack, sets, checkpoints, components, features, options.output, accelerator,
        resolution=resolution, batch=options.batch,
    )  # fmt: skip
    found = collect(sets, checkpoints, options.output, features.name, options.batch)
    return make_result(options.output, features.name, found, note, options.seed)


def latent_picture(latents: Tensor) -> Tensor:
    """Latents (B, C, h, w) seen as colours: their first three channels, three standard deviations wide, in [-1, 1]."""
    return (latents[:, :3].float().cpu() / 3).clamp(-1, 1)


def _claim(
    options: Common,
    components: Components,
    checkpoints: dict[str, str | None],
    sets: dict[str, list[Pair]],
    features: FeatureMap,
    precision: str,
    resolution: int,
) -> None:
    """Record what this attack is, or check that its folder holds the same."""
    shared = {f.name for f in dataclasses.fields(Common)} - {"seed", "batch"}  # chunks are named by their first row
    own = {f.name: getattr(options, f.name) for f in dataclasses.fields(options) if f.name not in shared}
    facts = {
        "attack": type(options).__name__.lower(),
        **own,
        "model": lora.base_of(components),
        "checkpoints": digests(checkpoints),
        "content": {name: content(pairs) for name, pairs in sets.items()},
        "features": features.name,
        "precision": precision,
        "resolution": resolution,
    }
    claim_folder(options.output, describe(facts), "attack.json")


def main() -> int:
    """Run the command line; returns the exit status."""
    return run_command(Noise | Mask | Prompt, _main)  # type: ignore[arg-type]


def _main(options: Common) -> None:
    accelerator = Accelerator(cpu=options.cpu)
    result = run(options, accelerator)
    if accelerator.is_main_process:
        write_result(result, Console())
        files = "similarities.json, histogram.png, grid-*.png, images/"
        print(f"Results: {result.folder}  ({files})")


if __name__ == "__main__":
    sys.exit(main())
