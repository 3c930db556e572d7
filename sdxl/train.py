r"""Fine-tune Stable Diffusion on clean or noisy latents by LoRA: `python -m sdxl.train LATENTS`.

    method        objective (all of `ambient.objectives`)                          latents
    dsm           denoising score matching                                         clean
    ambient       ambient score matching above t_n                                 noisy
    consistency   ambient + lambda x consistency below t_n                         noisy
    recommended   ambient on antithetic pairs + 0.3 x online EM below t_n          noisy
    hybrid        P2's Algorithm 1: clean up to t_n, the fixed noisy copy above    noisy with --keep-clean

All but `recommended`, which has levels and weights of its own, draw t uniformly from the model's steps and compare
predicted with true noise, the error that diffusers' own examples and P1 minimise. P1's consistency term is that of its
SDXL experiments: from x_n itself one reverse step to t'' ~ U[0, t_n), the gradient through everything, with lambda 0.01
for t_n of 100 and 500 and 1e-4 for 800 (appendix B); it starts from a model trained with `ambient` (`--start`).

Under `accelerate launch` the batch is shared among processes. Weights that are trained stay fp32, whatever the
precision of the U-Net. Where the processes hold pieces of the weights (FSDP, DeepSpeed), no LoRA is kept and no picture
drawn before the end. To resume, run the same command again: on the CPU the result is the same bit for bit.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from accelerate import Accelerator
from torch import nn

from ambient.data import in_memory
from ambient.data.shards import ShardedSamples
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    EpsilonWeight,
    Hybrid,
    Objective,
    Observed,
    WithinEpsilon,
    recommended,
    sigma_data_of,
)
from ambient.process import Discrete
from ambient.runs.console import run
from ambient.runs.files import last_record, load_tensors
from ambient.runs.identity import describe
from ambient.training import Callback, TrainingConfig, train
from ambient.training.accelerators import is_sharded
from sdxl import lora
from sdxl.components import Components, ModelOptions, Precision, load
from sdxl.generate import save_grid
from sdxl.latents import captions_of, open_latents
from sdxl.mitigation import Mitigation, mitigated
from sdxl.sampling import Sampler, sample

Method = Literal["dsm", "ambient", "consistency", "recommended", "hybrid"]
PAPER_WEIGHTS = {100: 0.01, 500: 0.01, 800: 1e-4}
"""P1's weight of the consistency term at each of its nature levels (appendix B)."""


@dataclass(frozen=True)
class Options:
    """Fine-tune Stable Diffusion by LoRA on the latents that `python -m sdxl.latents` wrote.

    Interrupted? Run the same command again: it goes on where it was.
    """

    latents: tyro.conf.Positional[Path]
    """Folder that python -m sdxl.latents wrote."""
    model: ModelOptions = field(default_factory=ModelOptions)
    method: Method = "ambient"
    """What to minimise."""
    consistency_weight: float | None = None
    """Weight of P1's consistency term; by default the paper's for its t_n (100, 500 or 800)."""
    mitigation: Mitigation = field(default_factory=Mitigation)
    start: Path | None = None
    """Warm start from the LoRA of another run: its folder, or a checkpoint-N folder of it."""
    rank: int = 4
    """Rank of the LoRA."""
    steps: int = 200_000
    """Updates."""
    batch: int = 16
    """Images an update, over all processes."""
    accumulation: int = 1
    """Parts in which each process computes its share of an update, to save memory."""
    learning_rate: float = 1e-5
    """Constant after the warm-up."""
    warmup: int = 0
    """Updates of linear warm-up."""
    weight_decay: float = 0.01
    """Of AdamW."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of AdamW."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.0
    """Decay of a moving average of the LoRA, which is then what is saved; 0: none."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the frozen U-Net; auto: bf16 on a GPU, fp32 on the CPU."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass, to save memory."""
    compile_blocks: bool = False
    """Compile the U-Net's transformer blocks with torch.compile."""
    seed: int = 0
    """Of the LoRA's start, the order and all noise in training."""
    log_every: int = 50
    """Updates between lines of log.jsonl."""
    checkpoint_every: int = 1000
    """Updates between checkpoints to resume from."""
    keep_every: int = 10_000
    """Updates between LoRA files that are kept, as checkpoint-N/."""
    validation_prompts: tuple[str, ...] = ()
    """Prompts of images drawn as the training goes on, into validation/."""
    validation_every: int = 1000
    """Updates between them."""
    report: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    """Trackers that also get the log; their packages must be installed."""
    watch: bool = True
    """Watch runs with a term below t_n for collapse."""
    cpu: bool = False
    """Use the CPU although there is a GPU."""
    output: Path = Path("runs/lora")
    """Folder of the run."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work; those of the loop are checked there."""
        for name in ("keep_every", "validation_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: at least 1")
        if self.consistency_weight is not None and self.method != "consistency":
            raise ValueError(f"--consistency-weight belongs to --method consistency, not {self.method}")


def objective_of(
    method: Method, process: Discrete, samples: ShardedSamples, t_n: int, weight: float | None = None
) -> Objective:
    """The objective of a method.

    Args:
        method: Which.
        process: The model's steps.
        samples: The latents.
        t_n: Their nature level, in steps.
        weight: Of the consistency term; the paper's if None.

    Raises:
        ValueError: If the latents do not suit the method, or the paper gives no weight for t_n.
    """
    noisy, example = t_n > 0, samples.batch(torch.tensor([0]))
    if (method == "dsm") == noisy:
        way = "--nature 0" if method == "dsm" else "a --nature above 0"
        raise ValueError(f"--method {method} does not fit these latents (t_n = {t_n}); encode them with {way}")
    if method == "hybrid" and example.clean is None:
        raise ValueError("--method hybrid needs both versions of each latent; encode them with --keep-clean")
    levels = UniformSteps(process)
    if method == "dsm":
        return DenoisingScoreMatching(levels, EpsilonWeight())
    if method == "hybrid":
        return Hybrid(levels, EpsilonWeight())
    if method == "recommended":
        return recommended(samples.nature, sigma_data_of(in_memory(samples).x, samples.nature))
    ambient = AmbientScoreMatching(levels, EpsilonWeight())
    if method == "ambient":
        return ambient
    if weight is None and t_n not in PAPER_WEIGHTS:
        known = ", ".join(f"{w:g} at {t}" for t, w in PAPER_WEIGHTS.items())
        raise ValueError(f"the paper gives no weight for t_n = {t_n} ({known}): choose --consistency-weight")
    return ambient + (PAPER_WEIGHTS[t_n] if weight is None else weight) * sdxl_consistency(process)


def sdxl_consistency(process: Discrete) -> Consistency:
    """The consistency term of P1's SDXL experiments; see the module."""
    end = WithinEpsilon(float(len(process)), process)
    return Consistency(Observed(), end, steps=1, gradient="through", fixed_anchor=False)


def fine_tune(options: Options, accelerator: Accelerator) -> Path:
    """Train, or go on with the run in `options.output`; returns the file of the LoRA.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
        ConfigMismatchError: If the folder holds another run, naming what differs.
        NonFiniteLossError: If the loss stops being a number.
    """
    options.check()
    _check_batch(options, accelerator)
    precision: Precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    config = _config(options)
    components = load(options.model, unet=precision)
    samples, t_n = open_latents(options.latents, components)
    objective = objective_of(options.method, components.process, samples, t_n, options.consistency_weight)
    options.mitigation.check()
    components.to(accelerator.device, precision, "fp32" if options.validation_prompts else None)
    objective = mitigated(objective, options.mitigation, components, lambda: captions_of(options.latents))
    lora.attach(components, options.rank, options.seed)
    if options.start is not None:
        lora.warm_start(components, options.start)
    if options.gradient_checkpointing:
        components.unet.enable_gradient_checkpointing()
    if options.compile_blocks:
        components.unet.compile_repeated_blocks()
    identity = {
        "model": lora.base_of(components)["probe"],
        "rank": options.rank,
        "start": None if options.start is None else lora.digest(options.start),
        "precision": precision,
    }
    if options.report:
        accelerator.init_trackers("sdxl", _flat(options))
    train(
        components.denoiser,
        objective,
        samples,
        config,
        options.output,
        identity=identity,
        accelerator=accelerator,
        watch=options.watch,
        callbacks=[] if is_sharded(accelerator) else _looks(options, components),
    )
    path = options.output / lora.FILE
    if accelerator.is_main_process:
        trained, _ = load_tensors(options.output / "model.safetensors")
        lora.save(components, path, {name.removeprefix("unet."): value for name, value in trained.items()})
    accelerator.end_training()
    return path


def _config(options: Options) -> TrainingConfig:
    shared = {f.name for f in dataclasses.fields(TrainingConfig)} & {f.name for f in dataclasses.fields(Options)}
    return TrainingConfig(schedule="constant", **{name: getattr(options, name) for name in shared})


def _check_batch(options: Options, accelerator: Accelerator) -> None:
    parts = accelerator.num_processes * options.accumulation
    if options.method == "recommended" and options.batch % (16 * parts):
        raise ValueError(
            f"--batch {options.batch} in {parts} part(s): the recommended recipe needs a multiple of 16 in each part"
        )


def _looks(options: Options, components: Components) -> list[Callback]:
    """What looks at the model as it is trained: LoRA files that are kept, and validation images."""

    def keep(_: nn.Module, step: int) -> None:
        lora.save(components, options.output / f"checkpoint-{step}" / lora.FILE)

    looks = [Callback(options.keep_every, keep)]
    if options.validation_prompts:
        looks.append(Callback(options.validation_every, _validation(options, components)))
    return looks


def _validation(options: Options, components: Components) -> Callable[[nn.Module, int], None]:
    prompts = options.validation_prompts
    half = components.unet.conv_in.weight.dtype != torch.float32

    def draw(_: nn.Module, step: int) -> None:
        with torch.autocast(components.device.type, torch.bfloat16, enabled=half):
            latents = sample(components, Sampler(), range(len(prompts)), prompts, components.resolution, options.seed)
        save_grid(options.output / "validation" / f"step-{step:07d}.png", components.decode_latents(latents).cpu())

    return draw


def _flat(options: Options) -> dict[str, Any]:
    values = {f.name: describe(getattr(options, f.name)) for f in dataclasses.fields(options)}
    return {name: value if isinstance(value, int | float) else str(value) for name, value in values.items()}


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _main)


def _main(options: Options) -> None:
    accelerator = make_accelerator(options)
    path = fine_tune(options, accelerator)
    if accelerator.is_main_process:
        last = last_record(options.output / "log.jsonl", "loss")
        print(f"{options.method}: {last['step']} updates, loss {last['loss']:.4g} at the end")
        print(f"Results: {options.output}  ({path.name}, log.jsonl)")


def make_accelerator(options: Options) -> Accelerator:
    """The accelerator of a run: its precision, bf16 on a GPU unless asked otherwise, and its trackers.

    Raises:
        ValueError: If a tracker's package is not installed.
    """
    on_gpu = torch.cuda.is_available() and not options.cpu
    mixed = {"auto": "bf16" if on_gpu else None, "fp32": "no", "bf16": "bf16"}[options.precision]
    accelerator = Accelerator(
        cpu=options.cpu, mixed_precision=mixed, log_with=list(options.report) or None, project_dir=str(options.output)
    )
    if missing := set(options.report) - {str(tracker) for tracker in accelerator.log_with}:
        raise ValueError(f"--report {' '.join(sorted(missing))}: not installed; install it with pip, or leave it out")
    return accelerator


if __name__ == "__main__":
    sys.exit(main())
