"""Trains a small model in the folder given; run by `test_processes`, on one process and on two.

With a second argument the last process asks itself to stop after so many updates.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ambient.data import Samples
from ambient.denoisers import EDMDenoiser
from ambient.objectives import (
    Hybrid,
)
from ambient.process import VE
from ambient.runs.signals import Interrupted
from ambient.training import TrainingConfig, train


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 4))

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return self.layers(torch.cat([x, c_noise[:, None]], 1))


def main(folder: Path, stop: int | None = None) -> None:
    x_0 = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    samples = Samples.of_noisy(x_0, VE().level(0.4), seed=0, keep_clean=True)
    config = TrainingConfig(steps=60, batch=16, warmup=5, log_every=10, checkpoint_every=20)
    accelerator = Accelerator(cpu=True)
    print(f"process {accelerator.process_index} of {accelerator.num_processes}\n", end="", flush=True)

    def progress(images: int, loss: float) -> None:
        if accelerator.is_last_process and stop is not None and images == stop * config.batch:
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        train(EDMDenoiser(Network()), Hybrid(), samples, config, folder, accelerator=accelerator, progress=progress)
    except Interrupted as interrupted:
        print(f"{interrupted}\n", end="", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
