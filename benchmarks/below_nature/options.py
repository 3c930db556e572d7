"""The options of the comparison; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ambient.runs.places import require_folder

WorldName = Literal["easy", "hard", "fixed8", "stream32"]
MethodName = Literal[
    "oracle",
    "ambient",
    "antithetic",
    "paper",
    "paper, weighted",
    "paper-code",
    "rollout-consistency",
    "two-stage-sure",
    "second-order",
    "rollout-em",
    "particles",
    "recommended",
]


@dataclass(frozen=True)
class Budget:
    """What each method may spend.

    Attributes:
        steps: Updates of each method.
        batch: Samples an update, a multiple of 64.
        learning_rate: Peak; with a cosine to 0 in each stage.
    """

    steps: int = 4000
    batch: int = 512
    learning_rate: float = 4e-3

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        if self.steps < 2:
            raise ValueError(f"--steps {self.steps}: at least 2, since some methods train in two stages")
        if self.batch < 64 or self.batch % 64:
            raise ValueError(f"--batch {self.batch}: must be a multiple of 64")
        if not self.learning_rate > 0:
            raise ValueError(f"--learning-rate {self.learning_rate:g}: must be positive")


@dataclass(frozen=True)
class BelowNatureOptions:
    """Compare methods below the nature level.

    Interrupted? Run the same command again: it goes on where it was.

    Attributes:
        worlds: Where (see `theory.worlds`).
        methods: What to compare (see `benchmarks.below_nature.methods`).
        seeds: Repetitions: other samples, other weights, other noise in training.
        budget: What each method may spend.
        samples: How many are generated and compared.
        threads: Of the CPU.
        output: Where the cells, the table and the plot go.
        train: Compute missing cells; otherwise only show what is there.
    """

    worlds: tuple[WorldName, ...] = ("easy", "fixed8", "stream32")
    methods: tuple[MethodName, ...] = ("oracle", "ambient", "paper", "two-stage-sure", "recommended")
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Budget = field(default_factory=Budget)
    samples: int = 8192
    threads: int = 1
    output: Path = Path("runs/below_nature")
    train: bool = True

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        self.budget.check()
        for option, values in (("worlds", self.worlds), ("methods", self.methods), ("seeds", self.seeds)):
            if not values:
                raise ValueError(f"--{option}: name at least one")
        if min(self.seeds) < 0:
            raise ValueError(f"--seeds {min(self.seeds)}: a seed is 0 or more")
        if self.samples < 2:
            raise ValueError(f"--samples {self.samples}: the distances need at least 2")
        if self.threads < 1:
            raise ValueError(f"--threads {self.threads}: at least 1")
