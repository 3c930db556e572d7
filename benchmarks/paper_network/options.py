"""The options of the comparison; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ambient.models.names import NetworkName
from ambient.runs.device import check_device_name
from ambient.runs.places import require_file


@dataclass(frozen=True)
class Step:
    """The training step that is timed.

    Attributes:
        network: Which one.
        side: Side of the images.
        batch: Images a step.
        steps: Timed steps, after as many that are not.
        precision: Mixed precision.
        compile: Compile the network in both.
        device: cpu, cuda or cuda:N.
        threads: Of the CPU; 0 leaves them.
    """

    network: NetworkName = "unet-58m"
    side: int = 32
    batch: int = 64
    steps: int = 20
    precision: Literal["no", "bf16"] = "no"
    compile: bool = False
    device: str = "cuda"
    threads: int = 0


@dataclass(frozen=True)
class PaperNetworkOptions:
    """Time training steps of a network, here and in plain PyTorch.

    Attributes:
        step: What is timed.
        repetitions: How often each is run, in turn; the best counts.
        output: Where the figures go, as JSON.
    """

    step: Step = field(default_factory=Step)
    repetitions: int = 2
    output: Path = Path("runs/paper_network.json")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        for name, least in (("side", 4), ("batch", 1), ("steps", 1), ("threads", 0)):
            if getattr(self.step, name) < least:
                raise ValueError(f"--{name} {getattr(self.step, name)}: at least {least}")
        if self.repetitions < 1:
            raise ValueError(f"--repetitions {self.repetitions}: at least 1")
        require_file(self.output)
        check_device_name(self.step.device)
