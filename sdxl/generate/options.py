"""Options of `python -m sdxl.generate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sdxl.mitigation.options import Inference
from sdxl.options import RunOptions, Sampler, require_at_least


@dataclass(frozen=True)
class GenerateOptions:
    """Generate images with a pretrained or fine-tuned model.

    Interrupted? Run the same command again: it goes on where it was.
    """

    sampler: Sampler = field(default_factory=Sampler)
    run: RunOptions = field(default_factory=RunOptions)
    lora: Path | None = None
    """pytorch_lora_weights.safetensors of a training run, or its folder; none: the pretrained model."""
    samples: int = 50_000
    """How many images; may be raised later."""
    prompt: str = ""
    """The prompt of all images; "" is the null caption."""
    prompts: Path | None = None
    """File of prompts in its place, taken in turn: lines of text, or JSON lines or CSV with a text column."""
    prompt_column: str = "text"
    """Name of that column."""
    resolution: int | None = None
    """Side of the images; by default that of the model."""
    inference: Inference = field(default_factory=Inference)

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        self.run.check()
        self.sampler.check()
        self.inference.check()
        require_at_least(1, samples=self.samples, resolution=self.resolution)
