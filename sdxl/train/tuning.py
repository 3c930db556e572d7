"""Fine-tuning by LoRA: the model, its latents and an objective, handed to the one training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from ambient.runs.files import load_tensors
from ambient.runs.identity import describe
from ambient.training import Callback, TrainingConfig, train
from ambient.training.accelerators import is_sharded
from sdxl import lora
from sdxl.components import Components
from sdxl.devices import make_accelerator, require_device
from sdxl.fingerprints import digest_of
from sdxl.latents.cache import captions_of, open_latents
from sdxl.loading import load
from sdxl.mitigation.training import mitigated
from sdxl.options import Precision, Sampler
from sdxl.pictures import save_grid
from sdxl.sampling import sample
from sdxl.train.objectives import objective_of
from sdxl.train.options import TrainOptions


def fine_tune(options: TrainOptions, accelerator: Accelerator) -> Path:
    """Train, or go on with the run in the options' folder; returns the file of the LoRA.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
        ConfigMismatchError: If the folder holds another run, naming what differs.
        NonFiniteLossError: If the loss stops being a number.
    """
    options.check()
    _check_batch(options, accelerator)
    seed, folder, prompts = options.run.seed, options.output, options.validation_prompts
    precision: Precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    config = _config(options)
    components = load(options.run.model, unet=precision)
    samples, t_n = open_latents(options.latents, components)
    model = digest_of(components.unet)  # VAE and text encoders are those of the latents
    objective = objective_of(options.method, components.process, samples, t_n, options.consistency_weight)
    components.to(accelerator.device, precision, "fp32" if prompts else None)
    objective = mitigated(objective, options.mitigation, components, lambda: captions_of(options.latents))
    lora.attach(components, options.rank, seed)
    if options.start is not None:
        lora.warm_start(components, options.start)
    if options.gradient_checkpointing:
        components.unet.enable_gradient_checkpointing()
    if options.compile_blocks:
        components.unet.compile_repeated_blocks()
    identity = {
        "model": model,
        "rank": options.rank,
        "start": None if options.start is None else lora.digest(options.start),
        "precision": precision,
    }
    if options.report:
        accelerator.init_trackers("sdxl", _flat(options))
    callbacks = []
    if not is_sharded(accelerator):
        callbacks.append(Callback(options.keep_every, _keep(components, folder)))
        if prompts:
            callbacks.append(Callback(options.validation_every, _validation(components, prompts, seed, folder)))
    train(
        components.denoiser,
        objective,
        samples,
        config,
        folder,
        identity=identity,
        accelerator=accelerator,
        watch=options.watch,
        callbacks=callbacks,
    )
    path = folder / lora.FILE
    if accelerator.is_main_process:
        trained, _ = load_tensors(folder / "model.safetensors")
        lora.save(components, path, {name.removeprefix("unet."): value for name, value in trained.items()})
    accelerator.end_training()
    return path


def training_accelerator(options: TrainOptions) -> Accelerator:
    """The accelerator of a run: its precision, bf16 on a GPU unless asked otherwise, and its trackers.

    Raises:
        ValueError: If there is no such device, or a tracker's package is not installed.
    """
    device, precision = options.run.device, options.run.precision
    require_device(device)
    on_gpu = torch.cuda.is_available() and device not in ("cpu", "mps")
    mixed = "bf16" if precision is None and on_gpu else {"fp32": "no"}.get(precision or "", precision)
    accelerator = make_accelerator(
        device, mixed_precision=mixed, log_with=list(options.report) or None, project_dir=str(options.output)
    )
    if missing := set(options.report) - {str(tracker) for tracker in accelerator.log_with}:
        raise ValueError(f"--report {' '.join(sorted(missing))}: not installed; install it with pip, or leave it out")
    return accelerator


def _config(options: TrainOptions) -> TrainingConfig:
    return TrainingConfig(
        steps=options.steps,
        batch=options.run.batch,
        learning_rate=options.learning_rate,
        warmup=options.warmup,
        schedule="constant",
        clip=options.clip,
        ema=options.ema,
        seed=options.run.seed,
        log_every=options.log_every,
        checkpoint_every=options.checkpoint_every,
        betas=options.betas,
        weight_decay=options.weight_decay,
        accumulation=options.accumulation,
    )


def _check_batch(options: TrainOptions, accelerator: Accelerator) -> None:
    batch, parts = options.run.batch, accelerator.num_processes * options.accumulation
    if options.method == "recommended" and batch % (16 * parts):
        raise ValueError(
            f"--batch {batch} in {parts} part(s): the recommended recipe needs a multiple of 16 in each part"
        )


def _keep(components: Components, folder: Path) -> Callable[[nn.Module, int], None]:
    """Writes the LoRA beside the run, as checkpoint-N/."""

    def keep(_: nn.Module, step: int) -> None:
        lora.save(components, folder / f"checkpoint-{step}" / lora.FILE)

    return keep


def _validation(
    components: Components, prompts: Sequence[str], seed: int, folder: Path
) -> Callable[[nn.Module, int], None]:
    """Draws images of some prompts into validation/."""
    half = components.unet.conv_in.weight.dtype != torch.float32

    def draw(_: nn.Module, step: int) -> None:
        with torch.autocast(components.device.type, torch.bfloat16, enabled=half):
            latents = sample(components, Sampler(), range(len(prompts)), prompts, components.resolution, seed)
        save_grid(folder / "validation" / f"step-{step:07d}.png", components.decode_latents(latents).cpu())

    return draw


def _flat(options: TrainOptions) -> dict[str, Any]:
    """The options as trackers take them: numbers and text, by name."""
    values = {f.name: describe(getattr(options, f.name)) for f in dataclasses.fields(options)}
    return {name: value if isinstance(value, int | float) else str(value) for name, value in values.items()}
