"""S23 and W24: what they change and leave, against the formulas written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from ambient.data import Batch
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    EpsilonWeight,
    OnlineEM,
)
from ambient.process import VP, Level
from ambient.randomness import Draws
from ambient.schedules import Discrete
from sdxl.components import Components
from sdxl.latents.cache import captions_of
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.mitigation.captions import read_several
from sdxl.mitigation.magnitude import magnitude
from sdxl.mitigation.options import Inference, Mitigation
from sdxl.mitigation.training import ChangedCaptions, EmbeddingNoise, MagnitudeFilter, mitigated
from sdxl.source import Source
from sdxl.train.options import TrainOptions
from sdxl.train.tuning import fine_tune
from tests.sdxl.conftest import on_cpu

WORDS = ["alpha", "beta", "gamma"]
STEPS = Discrete(VP(), torch.linspace(0.02, 0.999, 1000, dtype=torch.float64))


def toy(x_t: Tensor, level: Level, encoder_hidden_states: Tensor) -> Tensor:
    """A denoiser that its caption moves by a known amount."""
    return 0.5 * x_t + encoder_hidden_states.mean((1, 2))[:, None].to(x_t)


def toy_batch(n: int = 8) -> Batch:
    g = torch.Generator().manual_seed(0)
    states = torch.randn(n, 4, 5, generator=g, dtype=torch.float64)
    x = torch.randn(n, 3, generator=g, dtype=torch.float64)
    return Batch(x, STEPS.level(300.0), torch.arange(n), None, {"encoder_hidden_states": states})


OBJECTIVE = AmbientScoreMatching(UniformSteps(STEPS), EpsilonWeight())


def test_embedding_noise_has_its_deviation_and_touches_nothing_else() -> None:
    seen: list[Batch] = []

    class Spy(AmbientScoreMatching):
        def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Any:
            seen.append(batch)
            return super().__call__(denoiser, batch, draws)

    batch = toy_batch(400)
    EmbeddingNoise(Spy(UniformSteps(STEPS)), 0.3)(toy, batch, Draws.of_step(0, 1))
    difference = seen[0].condition["encoder_hidden_states"] - batch.condition["encoder_hidden_states"]
    assert float(difference.std()) == pytest.approx(0.3, rel=0.03)
    assert seen[0].x is batch.x
    # The processes of a run together draw the numbers that one draws alone.
    halves = []
    for rank in range(2):
        EmbeddingNoise(Spy(UniformSteps(STEPS)), 0.3)(
            toy, batch[rank * 200 : rank * 200 + 200], Draws.of_step(0, 1, rank, 2)
        )
        halves.append(seen[-1].condition["encoder_hidden_states"])
    assert torch.equal(torch.cat(halves), seen[0].condition["encoder_hidden_states"])


def test_the_filter_leaves_out_what_moves_most() -> None:
    """Here m = (alpha / sigma) sqrt(3) |mean of the states|, with a null caption of zeros, at the filter's level."""
    batch = toy_batch(40)
    null = {"encoder_hidden_states": torch.zeros(1, 4, 5, dtype=torch.float64)}
    draws = Draws.of_step(0, 3)
    level = UniformSteps(STEPS).draw(draws.uniform(batch.x), above=batch.nature)
    moved = level.alpha / level.sigma * 3**0.5 * batch.condition["encoder_hidden_states"].mean((1, 2)).abs()
    draws.normal(batch.x)
    plain = OBJECTIVE(toy, batch, draws)
    threshold = 1.0001 * float(moved.median())
    found = MagnitudeFilter(OBJECTIVE, threshold, UniformSteps(STEPS), null)(toy, batch, Draws.of_step(0, 3))
    assert torch.allclose(found.per_sample, plain.per_sample * (moved <= threshold))
    assert found.terms["left out"].sum() == (moved > threshold).sum() > 0
    all_rows = {"encoder_hidden_states": null["encoder_hidden_states"].expand(40, 4, 5)}
    measured = magnitude(toy, batch.x, level, batch.condition, all_rows)
    assert torch.allclose(measured, moved)


def test_changed_captions_are_encoded_and_others_left(components: Components) -> None:
    texts = {i: f"a photo of {word}" for i, word in enumerate(["cat", "dog", "lungs", "heart"])}
    condition = components.encode_prompts(list(texts.values()), 32)
    shape = components.latent_shape(32)
    batch = Batch(torch.randn(4, *shape), components.process.level(300.0), torch.arange(4), None, condition)
    seen: list[Batch] = []

    def objective(denoiser: Any, batch: Batch, draws: Draws) -> Any:
        seen.append(batch)

    def change(text: str, random: np.random.Generator) -> str:
        return "normal lungs" if "dog" in text else text

    ChangedCaptions(objective, change, texts, components.encode_prompts)(
        components.denoiser, batch, Draws.of_step(0, 0)
    )  # type: ignore[arg-type]
    expected = components.encode_prompts(["a photo of cat", "normal lungs", "a photo of lungs", "a photo of heart"], 32)
    for name, value in expected.items():
        assert torch.allclose(seen[0].condition[name], value, atol=1e-5)


def test_training_with_remedies_goes_on_as_if_uninterrupted(pictures: Path, xl: Path, tmp_path: Path) -> None:
    """Random words and the filter, from the captions beside the latents; the same bits in one run and in two."""
    encode = LatentOptions(Source(str(pictures)), on_cpu(xl, tmp_path / "latents"), nature=500)
    folder = write_latents(encode, Accelerator(cpu=True))
    captions = captions_of(folder)
    assert captions[0] == "a photo of a cat"
    assert captions[5] == "chest x-ray, frontal view"
    remedies = Mitigation("random-words", caption_probability=1.0, filter_magnitude=50.0)

    def tune(output: str, mitigation: Mitigation) -> bytes:
        options = TrainOptions(
            folder, on_cpu(xl, tmp_path / output, batch=4), mitigation=mitigation, steps=4, learning_rate=1e-2,
            checkpoint_every=2, log_every=1,
        )  # fmt: skip
        return fine_tune(options, Accelerator(cpu=True)).read_bytes()

    whole = tune("a", remedies)
    change = json.loads((tmp_path / "a" / "config.json").read_text())["objective"]["change"]
    assert set(change) == {"kind", "change", "probability", "count", "several"}
    assert tune("b", Mitigation()) != whole
    assert tune("c", remedies) == whole


def test_what_is_refused(components: Components, tmp_path: Path) -> None:
    wrong = {
        "--embedding-noise": Mitigation(embedding_noise=-1),
        "--caption-probability": Mitigation(caption_probability=2),
        "--caption-words": Mitigation(caption_words=0),
        "--filter-magnitude": Mitigation(filter_magnitude=0),
        "belong together": Mitigation("several-captions"),
        "--several-captions .* cannot be read": Mitigation("several-captions", several_captions=tmp_path / "no"),
    }
    for message, options in wrong.items():
        with pytest.raises(ValueError, match=message):
            mitigated(OBJECTIVE, options, components, dict)
    (tmp_path / "captions.jsonl").write_text('{"text": "a", "others": ["b"]}\n{"text": "c"}\n')
    with pytest.raises(ValueError, match=r"captions.jsonl line 2: not a JSON object"):
        read_several(tmp_path / "captions.jsonl")
    for remedy in (Inference(optimise_steps=0), Inference(remedy_words=0), Inference(optimise_target=-1)):
        with pytest.raises(ValueError, match=r"--(optimise|remedy)"):
            remedy.check()


def test_the_watch_for_collapse_sees_through_every_remedy() -> None:
    objective = OBJECTIVE + 0.5 * OnlineEM()
    remedies = [
        EmbeddingNoise(objective, 0.1),
        ChangedCaptions(objective, lambda text, generator: text, {}, lambda texts: {}),
        MagnitudeFilter(objective, 1.0, UniformSteps(STEPS), {}),
    ]
    for remedy in remedies:
        assert remedy.data_term() is OBJECTIVE
        assert remedy.learns_from_itself()
