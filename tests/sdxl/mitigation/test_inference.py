"""Remedies at inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from sdxl.components import Components
from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.mitigation.inference import adjustment
from sdxl.mitigation.options import Inference
from sdxl.options import Sampler
from sdxl.pictures import read_images
from sdxl.sampling import sample
from tests.sdxl.conftest import on_cpu


def test_the_optimised_embedding_moves_the_prediction_less(components: Components) -> None:
    """At most the target where Adam's steps suffice, and a batch of two gives what two batches of one give."""
    prompts, indices = ["a photo of a cat", "chest x-ray"], [3, 8]
    distances: dict[str, list[Tensor]] = {"before": [], "after": []}

    def run(remedy: Inference, indices: list[int], prompts: list[str]) -> Tensor:
        adjust = adjustment(remedy, components, indices, 0)
        assert adjust is not None

        def spy(condition: Any, predict: Any) -> Any:
            null = components.encode_prompts([""] * len(indices), 32)
            with torch.no_grad():
                target = predict(null)
                distances["before"].append((predict(condition) - target).flatten(1).norm(dim=1))
                changed = adjust(condition, predict)
                distances["after"].append((predict(changed) - target).flatten(1).norm(dim=1))
            return changed

        return sample(components, Sampler(steps=2), indices, prompts, 32, 0, spy)

    remedy = Inference("optimise", optimise_target=0.0, optimise_steps=6, optimise_rate=0.02)
    together = run(remedy, indices, prompts)
    before, after = distances["before"][0], distances["after"][0]
    assert bool((after < 0.8 * before).all())
    alone = torch.cat([run(remedy, [i], [p]) for i, p in zip(indices, prompts, strict=True)])
    assert torch.allclose(alone, together, atol=1e-3)
    easy = Inference("optimise", optimise_target=float(before.max()) + 1)
    assert torch.equal(run(easy, indices, prompts), sample(components, Sampler(steps=2), indices, prompts, 32, 0))
    reachable = Inference("optimise", optimise_target=float(0.9 * before.min()), optimise_steps=50, optimise_rate=0.01)
    run(reachable, indices, prompts)
    assert float(distances["after"][-1].max()) <= 0.9 * float(before.min())


def test_remedies_at_inference_do_not_depend_on_the_batch(xl: Path, tmp_path: Path) -> None:
    pictures = {}
    remedies: tuple[Literal["none", "embedding-noise", "random-words"], ...]
    remedies = ("none", "embedding-noise", "random-words")
    for remedy in remedies:
        for batch in (1, 3):
            options = GenerateOptions(
                Sampler(steps=2), on_cpu(xl, tmp_path / f"{remedy}-{batch}", batch=batch), samples=3,
                prompt="a photo of a cat", inference=Inference(remedy, remedy_noise=0.5),
            )  # fmt: skip
            folder, _ = generate(options, Accelerator(cpu=True))
            pictures[remedy, batch] = read_images(folder, range(3))
        assert (pictures[remedy, 1] - pictures[remedy, 3]).abs().max() < 0.02
    assert not torch.equal(pictures["none", 1], pictures["embedding-noise", 1])
    assert not torch.equal(pictures["none", 1], pictures["random-words", 1])
