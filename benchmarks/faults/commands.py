"""The commands that are tried, each with settings so small that it takes a second or a few; nothing heavy is imported.

A command works in a folder of its own and writes to `run` there; what it reads of other commands lies in the folder
`given`: so it is told the same words in whichever folder it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Of the repository."""
RUN = "run"
"""The folder of the results of a command, in its own folder."""


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        module: What `python -m` is given, or a script of the repository.
        arguments: With `given/NAME/...` for what another command wrote, `run` for its own results.
        needs: Commands whose results it reads.
        resumes: Whether its results grow file by file, so that what is half done can be damaged too.
        again: Whether it runs again on its own results; else it refuses a folder that holds something.
        pool: Whether it has workers, of which one at a time is killed too.
    """

    module: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    resumes: bool = True
    again: bool = True
    pool: bool = False


def _of(module: str, line: str, *needs: str, resumes: bool = True, again: bool = True, pool: bool = False) -> Command:
    return Command(module, tuple(line.split()), needs, resumes, again, pool)


_ON = "--device cpu --output run"
_XL = f"--model given/tiny/run --batch 2 {_ON}"
_FEATURES = "--dinov2 given/vision/run/dinov2"
COMMANDS: dict[str, Command] = {
    "toy": _of(
        "toy/run.py",
        "--methods hybrid --steps 12 --batch 8 --samples 12 --images 8 --sampler-steps 3 --features pixels "
        "--workers 1 --output run",
    ),
    "toy with workers": _of(
        "toy/run.py",
        "--methods dsm hybrid --steps 100 --batch 8 --samples 12 --images 8 --sampler-steps 3 --features pixels "
        "--workers 2 --output run",
        resumes=False,
        pool=True,
    ),
    "ambient.example": _of("ambient", "example run --images 300", resumes=False, again=False),
    "ambient.estimate": _of("ambient", "estimate given/pictures --output run/noise.json", resumes=False),
    "ambient.data.images": _of(
        "ambient.data.images", "given/small --subset 4 --output run/indices.json", resumes=False
    ),
    "ambient.train": _of(
        "ambient", "train given/small --noise 0.2 --method ambient --batch 8 --steps 16 --grid-every 12 --output run"
    ),
    "ambient.sample": _of(
        "ambient", "sample given/ambient.train/run --samples 24 --batch 4 --steps 4 --output run", "ambient.train"
    ),
    "ambient.restore": _of(
        "ambient",
        "restore given/ambient.train/run given/small --samples 2 --steps 3 --batch 4 --output run",
        "ambient.train",
    ),
    "ambient.export": _of(
        "ambient", "export given/ambient.train/run --output run", "ambient.train", resumes=False, again=False
    ),
    "ambient.audit": _of(
        "ambient", "audit given/ambient.sample/run --training given/small --output run", "ambient.sample", resumes=False
    ),
    "sdxl.latents": _of("sdxl.latents", f"given/pictures --nature 500 --keep-clean --shard 2 {_XL}", "tiny"),
    "sdxl.train": _of(
        "sdxl.train",
        "given/sdxl.latents/run --model given/tiny/run --batch 4 --device cpu --steps 12 --method hybrid --ema 0.9 "
        "--learning-rate 1e-3 --log-every 2 --checkpoint-every 3 --keep-every 6 --output run",
        "tiny",
        "sdxl.latents",
    ),
    "sdxl.generate": _of(
        "sdxl.generate",
        f"--lora given/sdxl.train/run --samples 16 --steps 3 --prompt a_cat {_XL}",
        "tiny",
        "sdxl.train",
    ),
    "sdxl.attack": _of(
        "sdxl.attack",
        "noise given/pictures --images 4 --levels 500 --checkpoints base given/sdxl.train/run --steps 2 "
        f"{_FEATURES} {_XL}",
        "tiny",
        "vision",
        "sdxl.train",
    ),
    "sdxl.evaluate": _of(
        "sdxl.evaluate",
        "given/pictures --checkpoints base given/sdxl.train/run --levels 500 --restore 2 --samples 4 --steps 2 "
        f"--clip given/vision/run/clip {_FEATURES} {_XL}",
        "tiny",
        "vision",
        "sdxl.train",
    ),
    "sdxl.mitigation": _of(
        "sdxl.mitigation",
        "given/pictures/metadata.jsonl --noises 2 --model given/tiny/run --batch 2 --device cpu "
        "--output run/scores.json",
        "tiny",
        resumes=False,
    ),
    "theory": _of("theory", "--only P1-3.4-law --only P1-2.1 --output run", resumes=False),
    "paper_repro": _of("paper_repro", "p2-figure4 --scale smoke --output run"),
}
"""What is killed, and whose files are damaged."""
MAKERS: dict[str, Command] = {
    "tiny": _of("sdxl.tiny", "run --resolution 32"),
    "vision": _of("sdxl.tiny_vision", "run"),
}
"""What makes the random models that others read."""
EVERY = {**MAKERS, **COMMANDS}


def wanted(names: Sequence[str]) -> list[str]:
    """The commands of these names (all, if there are none), and those whose results they read, in order of need."""
    chosen: dict[str, None] = {}

    def add(name: str) -> None:
        for need in EVERY[name].needs:
            add(need)
        chosen[name] = None

    for name in names or COMMANDS:
        add(name)
    return list(chosen)
