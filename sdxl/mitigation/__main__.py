r"""Find memorised prompts by how much they move the prediction (Wen et al. 2024): `python -m sdxl.mitigation PROMPTS`.

Each prompt is scored by the mean of |eps(x_T, e) - eps(x_T, null)| over a few noises x_T, at the first step of sampling
only, where Wen et al. already tell memorised prompts from others. With a second list of prompts, `--others`, the area
under the ROC curve says how well the score tells the two lists apart.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro
from rich.console import Console
from torch import Tensor
from tqdm.auto import tqdm

from ambient.metrics.dominance import Dominance, dominance
from ambient.process import Level
from ambient.randomness import IndexedNoise
from ambient.runs.console import run as run_command
from ambient.runs.files import write_json
from ambient.runs.identity import describe
from ambient.runs.tables import rich_table
from sdxl import lora
from sdxl.components import Components, ModelOptions, Precision, load
from sdxl.generate import read_prompts
from sdxl.mitigation.magnitude import magnitude


@dataclass(frozen=True)
class Options:
    """Score prompts by how much they move the predicted noise: memorised ones do so from the first step on."""

    prompts: tyro.conf.Positional[Path]
    """File of prompts: lines of text, or JSON lines or CSV with a text column."""
    others: Path | None = None
    """File of prompts to compare with, such as ordinary ones with memorised ones."""
    prompt_column: str = "text"
    """Name of its column."""
    others_column: str | None = None
    """Name of the column of the others; by default the same."""
    model: ModelOptions = field(default_factory=ModelOptions)
    lora: Path | None = None
    """LoRA of a training run; none: the pretrained model."""
    noises: int = 4
    """Noises for each prompt."""
    step: int | None = None
    """Step of the model's schedule; by default the last, where sampling starts."""
    images: int | None = None
    """Score only this many prompts of each file."""
    seed: int = 0
    """Of the noises."""
    batch: int = 8
    """Prompts at a time."""
    precision: Precision | None = None
    """bf16 on a GPU and fp32 on the CPU if not given."""
    cpu: bool = False
    """Use the CPU although there is a GPU."""
    output: Path = Path("runs/magnitudes.json")
    """File of the scores."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        for name in ("noises", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: at least 1")


@dataclass(frozen=True, eq=False)
class Scores:
    """What was found.

    Attributes:
        prompts: Scores of the prompts, (N,).
        others: Of the others, (M,), or None.
        comparison: How far the first lie above the second: its superiority is the area under the ROC curve.
    """

    prompts: Tensor
    others: Tensor | None
    comparison: Dominance | None


def run(options: Options) -> Scores:
    """Score the prompts, and write the scores to `options.output`.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
    """
    options.check()
    texts = [read_prompts(options.prompts, options.prompt_column)[: options.images]]
    if options.others is not None:
        texts.append(read_prompts(options.others, options.others_column or options.prompt_column)[: options.images])
    device = torch.device("cuda" if torch.cuda.is_available() and not options.cpu else "cpu")
    precision: Precision = options.precision or ("fp32" if device.type == "cpu" else "bf16")
    components = load(options.model, unet=precision).to(device, precision, precision)
    if options.lora is not None:
        lora.load(components, options.lora)
    step = len(components.process) - 1 if options.step is None else options.step
    if not 0 <= step < len(components.process):
        raise ValueError(f"--step {step}: this model has the steps 0 to {len(components.process) - 1}")
    level = components.process.level(float(step))
    scores = [score(components, part, level, options.noises, options.seed, options.batch) for part in texts]
    comparison = dominance(*scores, paired=False, seed=options.seed) if options.others else None
    rows = [
        [{"text": t, "magnitude": s} for t, s in zip(*pair, strict=True)]
        for pair in zip(texts, map(Tensor.tolist, scores), strict=True)
    ]
    found = {"step": step, "prompts": rows[0], "others": rows[1] if options.others else None}
    write_json(options.output, {**found, "comparison": describe(comparison)})
    return Scores(scores[0], scores[1] if options.others else None, comparison)


@torch.no_grad()
def score(components: Components, prompts: Sequence[str], level: Level, noises: int, seed: int, batch: int) -> Tensor:
    """Mean magnitude of each prompt over `noises` noises, the same for all prompts, (N,) float64."""
    shape = components.latent_shape(components.resolution)
    x = level.perturb(torch.zeros(noises, *shape), IndexedNoise(seed, range(noises), shape, purpose="attack")())
    null = components.encode_prompts([""])
    found = []
    for start in tqdm(range(0, len(prompts), batch), unit="batch", disable=len(prompts) <= batch):
        condition = components.encode_prompts(prompts[start : start + batch])
        count = len(next(iter(condition.values())))
        without = {name: value.expand(count, *value.shape[1:]) for name, value in null.items()}
        values = [
            magnitude(components.denoiser, row.expand(count, *shape).to(components.device), level, condition, without)
            for row in x
        ]
        found.append(torch.stack(values).double().mean(0).cpu())
    return torch.cat(found)


def main() -> int:
    """Run the command line; returns the exit status."""
    return run_command(Options, _main)


def _main(options: Options) -> None:
    scores = run(options)
    entries = [["prompts", "N", "mean", "10 %", "median", "90 %"]]
    for file, values in ((options.prompts, scores.prompts), (options.others, scores.others)):
        if file is not None and values is not None:
            quantiles = values.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
            entries.append([file.name, str(len(values)), *(f"{v:.3f}" for v in [float(values.mean()), *quantiles])])
    console = Console()
    console.print(rich_table("Magnitude of the text-conditional prediction at the first step", entries))
    if scores.comparison is not None:
        console.print(f"Area under the ROC curve: {scores.comparison.superiority}", highlight=False)
    print(f"Results: {options.output}")


if __name__ == "__main__":
    sys.exit(main())
