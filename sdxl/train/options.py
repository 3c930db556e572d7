"""Options of `python -m sdxl.train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from sdxl.mitigation.options import Mitigation
from sdxl.options import RunOptions, require_at_least

Method = Literal["dsm", "ambient", "consistency", "recommended", "hybrid"]


@dataclass(frozen=True)
class TrainOptions:
    """Fine-tune Stable Diffusion by LoRA on the latents that `python -m sdxl.latents` wrote.

    Interrupted? Run the same command again: it goes on where it was.
    """

    latents: tyro.conf.Positional[Path]
    """Folder that python -m sdxl.latents wrote."""
    run: RunOptions = field(default_factory=lambda: RunOptions(batch=16))
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
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass, to save memory."""
    compile_blocks: bool = False
    """Compile the U-Net's transformer blocks with torch.compile."""
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

    def check(self) -> None:
        """Raises ValueError for values that cannot work; those of the loop are checked there."""
        self.run.check()
        self.mitigation.check()
        require_at_least(1, rank=self.rank, steps=self.steps, accumulation=self.accumulation)
        require_at_least(1, log_every=self.log_every, checkpoint_every=self.checkpoint_every)
        require_at_least(1, keep_every=self.keep_every, validation_every=self.validation_every)
        require_at_least(0, warmup=self.warmup)
        if not self.learning_rate > 0 or not self.clip > 0 or not self.weight_decay >= 0:
            raise ValueError("--learning-rate and --clip are above 0, and --weight-decay is 0 or more")
        if self.run.precision == "fp16":
            raise ValueError("--precision fp16: training loses small gradients in it and overflows; choose bf16")
        if self.consistency_weight is not None and self.method != "consistency":
            raise ValueError(f"--consistency-weight belongs to --method consistency, not {self.method}")

    @property
    def output(self) -> Path:
        """The folder of the run."""
        return self.run.output or Path("runs/lora")
