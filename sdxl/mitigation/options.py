"""Options of the remedies, and of `python -m sdxl.mitigation`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from sdxl.options import RunOptions, require_at_least

CaptionChange = Literal["random-caption", "random-words", "repeated-words", "random-numbers", "several-captions"]


@dataclass(frozen=True)
class Mitigation:
    """Remedies of Somepalli et al. 2023 and Wen et al. 2024, with any method."""

    mitigation: Literal["none", "embedding-noise"] | CaptionChange = "none"
    """Somepalli et al.: noise on the text embeddings, or captions changed at random."""
    embedding_noise: float = 0.1
    """Standard deviation of the noise on text embeddings."""
    caption_probability: float = 0.4
    """That a caption is changed."""
    caption_words: int = 4
    """Words or numbers put into a caption, or the length of a random one."""
    several_captions: Path | None = None
    """JSON lines {"text": caption, "others": [...]}, for several-captions."""
    filter_magnitude: float | None = None
    """Wen et al.: leave samples out whose caption moves the predicted noise by more than this."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if not self.embedding_noise >= 0:
            raise ValueError(f"--embedding-noise {self.embedding_noise:g}: 0 or more")
        if not 0 <= self.caption_probability <= 1:
            raise ValueError(f"--caption-probability {self.caption_probability:g}: lies in [0, 1]")
        require_at_least(1, caption_words=self.caption_words)
        if self.filter_magnitude is not None and not self.filter_magnitude > 0:
            raise ValueError(f"--filter-magnitude {self.filter_magnitude:g}: above 0")
        if (self.several_captions is None) == (self.mitigation == "several-captions"):
            raise ValueError("--several-captions FILE and --mitigation several-captions belong together")


@dataclass(frozen=True)
class Inference:
    """Remedies against memorised prompts, at inference."""

    remedy: Literal["none", "embedding-noise", "random-words", "repeated-words", "random-numbers", "optimise"] = "none"
    """Somepalli et al.: noise on the embedding, or words or numbers put into the prompt; Wen et al.: optimise."""
    remedy_noise: float = 0.1
    """Standard deviation of embedding-noise."""
    remedy_words: int = 4
    """Words or numbers put into a prompt."""
    optimise_target: float = 3.0
    """Stop optimising where the prompt moves the predicted noise by no more than this (Euclidean norm)."""
    optimise_steps: int = 10
    """Most steps of Adam."""
    optimise_rate: float = 0.05
    """Its learning rate."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        for name in ("remedy_noise", "optimise_target", "optimise_rate"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name):g}: 0 or more")
        for name in ("remedy_words", "optimise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: at least 1")


@dataclass(frozen=True)
class ScoreOptions:
    """Score prompts by how much they move the predicted noise: memorised ones do so from the first step on."""

    prompts: tyro.conf.Positional[Path]
    """File of prompts: lines of text, or JSON lines or CSV with a text column."""
    others: Path | None = None
    """File of prompts to compare with, such as ordinary ones with memorised ones."""
    prompt_column: str = "text"
    """Name of its column."""
    others_column: str | None = None
    """Name of the column of the others; by default the same."""
    run: RunOptions = field(default_factory=RunOptions)
    lora: Path | None = None
    """LoRA of a training run; none: the pretrained model."""
    noises: int = 4
    """Noises for each prompt."""
    step: int | None = None
    """Step of the model's schedule; by default the last, where sampling starts."""
    images: int | None = None
    """Score only this many prompts of each file."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        self.run.check(file=True)
        require_at_least(1, noises=self.noises, images=self.images)

    @property
    def output(self) -> Path:
        """The JSON file of the scores."""
        return self.run.output or Path("runs/magnitudes.json")
