"""Training a mini model: its VAE, its text encoders, then its U-Net, each by the one training loop.

The folder is a pipeline in diffusers' layout as soon as all three are done; `training/` holds the runs (`vae`, `text`,
`unet`), each with its log and checkpoints, so the same command goes on wherever it was stopped, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from torch import Tensor, nn

from ambient.data import Samples
from ambient.denoisers import UNetDenoiser
from ambient.process import Level
from ambient.randomness import generator
from ambient.runs.checksums import verify
from ambient.runs.files import write_text
from ambient.runs.identity import claim_folder
from ambient.runs.pictures import grid, save_png
from ambient.runs.results import read_results, write_results
from ambient.schedules import Schedule
from ambient.training import Callback, TrainingConfig, train
from ambient.training.loop import MODEL
from sdxl.components import Components
from sdxl.mini.autoencoder import Reconstruction, decode, encode, errors, train_vae
from sdxl.mini.captions import WORDINGS, caption, captions_of, words_of
from sdxl.mini.card import card_text
from sdxl.mini.diffusion import Texts, latent_objective
from sdxl.mini.images import SIDE, Members
from sdxl.mini.options import TrainMini
from sdxl.mini.plots import save_curves
from sdxl.mini.texts import WIDTHS, Readers, train_readers
from sdxl.options import ModelOptions, Sampler
from sdxl.sampling import sample
from sdxl.tiny.parts import STEPS, make_unet, make_vae, with_hints
from sdxl.tiny.tokenizer import make_tokenizer

MEMBERS = "members.json"
"""The file that lists the images trained on and those never seen."""
FACTS = "mini.json"
"""The file that says which images a folder's model is of."""
GUIDANCE = 3.0
"""Guidance scale of the grids of samples."""
EACH = 8
"""Samples of each class in a grid."""


def train_mini(options: TrainMini, members: Members) -> Components:
    """Train, or go on with, a mini model and write it to the options' folder.

    Raises:
        ConfigMismatchError: If the folder holds another one, naming what differs.
        ValueError: If it holds something else.
        NonFiniteLossError: If a loss stops being a number.
        Interrupted: If a signal asked to stop, once a checkpoint has been saved.
    """
    _claim(options.output, members, options.seed)
    runs = options.output / "training"
    vae = _trained_vae(options, members, runs / "vae")
    readers, tokenizers = _trained_readers(options, members.classes, runs / "text")
    pipeline = assemble(vae, readers, tokenizers, _fresh_unet(options))
    components = components_of(pipeline, options.output)
    _train_unet(options, members, components, runs / "unet")
    pipeline.save_pretrained(options.output, safe_serialization=True)
    record = members.record(options.seed) | _seen_by_vae(options)
    write_results(options.output / MEMBERS, record)
    save_curves(runs, options.output / "curves.png")
    done = int(verify(runs / "unet" / MODEL)["step"])  # more than are asked for, if the run had them already
    facts = _facts(replace(options, steps=done), members, components)
    write_text(options.output / "README.md", card_text(options.output, facts, record))
    return components


def assemble(vae: Any, readers: Any, tokenizers: tuple[Any, Any], unet: Any) -> Any:
    """The pipeline of all parts, with the levels of Stable Diffusion's scheduler and v as what is predicted."""
    scheduler = EulerDiscreteScheduler(**STEPS, prediction_type="v_prediction", timestep_spacing="leading")
    pipeline: Any = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=readers.text_encoder,
        tokenizer=tokenizers[0],
        text_encoder_2=readers.text_encoder_2,
        tokenizer_2=tokenizers[1],
        unet=unet,
        scheduler=with_hints(scheduler),
    )
    for part in (vae, readers.text_encoder, readers.text_encoder_2):
        part.eval().requires_grad_(False)
    return pipeline


def components_of(pipeline: Any, folder: Path) -> Components:
    """A pipeline in memory as the rest of `sdxl` takes it."""
    denoiser = UNetDenoiser(pipeline.unet, Schedule.from_scheduler(pipeline.scheduler))
    return Components(pipeline, denoiser, ModelOptions(model=str(folder)))


def texts_of(components: Components, classes: tuple[str, ...]) -> Texts:
    """What the text encoders make of every caption and of none."""
    captions = captions_of(classes)
    made = components.encode_prompts([text for texts in captions for text in texts])
    empty = components.encode_prompts([""])
    shape = (len(captions), len(captions[0]))
    return Texts(
        made["encoder_hidden_states"].unflatten(0, shape),
        made["text_embeds"].unflatten(0, shape),
        empty["encoder_hidden_states"][0],
        empty["text_embeds"][0],
        components.time_ids(1)[0],
    )


def mirrored_latents(vae: Any, images: Tensor) -> Tensor:
    """Scaled latents of images as they are and mirrored, (N, 2, 4, H / 2, W / 2)."""
    return torch.stack([encode(vae, images), encode(vae, images.flip(-1))], 1)


def _claim(folder: Path, members: Members, seed: int) -> None:
    """Keep a new folder to this model; raises ValueError if it holds something else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / FACTS).exists():
        raise ValueError(f"--output {folder} is not empty; choose a new folder")
    claim_folder(folder, {"images": len(members.index), "data": members.fingerprint(), "seed": seed}, FACTS)


def _seen_by_vae(options: TrainMini) -> dict[str, Any]:
    """What the VAE of another model was trained on, if it is one's."""
    if options.vae is None:
        return {}
    other = read_results(options.vae / MEMBERS, "trained_on")
    return {"vae_trained_on": other.get("vae_trained_on", other["trained_on"])}


def _facts(options: TrainMini, members: Members, components: Components) -> dict[str, Any]:
    """How the model was trained, for its card."""
    pipeline, lost = components.pipeline, errors(components.pipeline.vae, members.test.images)
    sizes = {name: sum(p.numel() for p in getattr(pipeline, name).parameters()) for name in ("unet", "vae")}
    texts = sum(p.numel() for part in (pipeline.text_encoder, pipeline.text_encoder_2) for p in part.parameters())
    seen = options.steps * options.batch
    return {
        "U-Net": f"{sizes['unet']:,} parameters, {options.steps:,} updates of {options.batch} latents "
        f"({seen / len(members.index):.0f} passes), Adam at {options.learning_rate:g}, averaged with {options.ema:g}",
        "VAE": f"{sizes['vae']:,} parameters, factor 2, four channels; RMSE on unseen images {lost['rmse']:.3f} "
        f"where an image runs from -1 to 1; of the variance of brightness, green and red {lost['brightness']:.1%}, "
        f"{lost['green']:.1%} and {lost['red']:.1%} come back",
        "text encoders": f"{texts:,} parameters, taught to tell the captions' classes apart, then frozen",
        "classifier-free guidance": "a tenth of the captions are zeros, a twentieth the empty caption",
        "seed": options.seed,
        "command": f"`python -m sdxl.mini train {_command(options)}`",
    }


def _command(options: TrainMini) -> str:
    """The options that were not left as they are, as they are written; the two folders by their names."""
    given = ["--data CIFAR", "--output OUT"]
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in ("data", "output") or value == field.default:
            continue
        shown = "VAE" if field.name == "vae" else " ".join(map(str, value if isinstance(value, tuple) else (value,)))
        given.append(f"--{field.name.replace('_', '-')} {shown}")
    return " ".join(given)


def _trained_vae(options: TrainMini, members: Members, folder: Path) -> Any:
    if options.vae is not None:
        return AutoencoderKL.from_pretrained(options.vae, subfolder="vae", use_safetensors=True)
    with _seeded(options.seed):
        vae = make_vae(options.vae_widths, SIDE, attention=False)
    config = TrainingConfig(
        steps=options.vae_steps,
        batch=16,
        learning_rate=2e-3,
        warmup=100,
        schedule="cosine",
        clip=1.0,
        ema=0.99,
        seed=options.seed,
        checkpoint_every=options.checkpoint_every,
    )
    shown = members.test.images[:32]

    def look(model: Any, step: int) -> None:
        again = model.vae.decode(model.vae.encode(shown).latent_dist.mean).sample
        pairs = torch.stack([shown, again], 1).flatten(0, 1)
        save_png(folder / "reconstructions" / f"step-{step:07d}.png", grid(pairs, 16))

    objective = Reconstruction(coarse=options.vae_colours)
    train_vae(vae, members.images, config, folder, objective, (Callback(250, look),))
    return vae


def _trained_readers(options: TrainMini, classes: tuple[str, ...], folder: Path) -> tuple[Readers, tuple[Any, Any]]:
    words = words_of(classes)
    tokenizers = (make_tokenizer("<|endoftext|>", words), make_tokenizer("!", words))
    with _seeded(options.seed):
        readers = Readers(tokenizers[1], len(classes))
    config = TrainingConfig(
        steps=options.text_steps,
        batch=len(classes) * len(WORDINGS),
        learning_rate=1e-3,
        warmup=20,
        schedule="cosine",
        clip=1.0,
        ema=0.0,
        seed=options.seed,
        checkpoint_every=options.checkpoint_every,
    )
    train_readers(readers, tokenizers, classes, config, folder)
    return readers, tokenizers


def _fresh_unet(options: TrainMini) -> Any:
    heads = tuple(max(1, width // 16) for width in options.widths)
    with _seeded(options.seed):
        return make_unet(options.widths, SIDE // 2, sum(WIDTHS), WIDTHS[1], heads=heads)


def _train_unet(options: TrainMini, members: Members, components: Components, folder: Path) -> None:
    config = TrainingConfig(
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        warmup=200,
        schedule="constant",
        clip=1.0,
        ema=options.ema,
        seed=options.seed,
        checkpoint_every=options.checkpoint_every,
    )
    latents = mirrored_latents(components.pipeline.vae, members.images)
    samples = Samples(latents, Level.clean(), members.index, condition={"label": members.labels})
    unet = components.unet
    unet.requires_grad_(True)
    train(
        components.denoiser,
        latent_objective(texts_of(components, members.classes)),
        samples,
        config,
        folder,
        identity={"unet": {k: v for k, v in unet.config.items() if not k.startswith("_")}},
        watch=False,
        callbacks=(Callback(options.sample_every, _grid_of_samples(components, members.classes, folder)),),
    )
    unet.requires_grad_(False)


def _grid_of_samples(components: Components, classes: tuple[str, ...], folder: Path) -> Any:
    """Draws guided samples, a row for each class, into samples/."""
    prompts = [caption(name, WORDINGS[0]) for name in classes for _ in range(EACH)]

    def draw(_: nn.Module, step: int) -> None:
        latents = sample(components, Sampler(guidance=GUIDANCE), range(len(prompts)), prompts, SIDE, seed=0)
        save_png(folder / "samples" / f"step-{step:07d}.png", grid(decode(components.pipeline.vae, latents), EACH))

    return draw


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Fresh weights as a function of the seed; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", seed).initial_seed())
        yield
