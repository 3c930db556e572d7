"""S23 and W24: what they change and leave, against the formulas written out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ambient.data import Batch
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    EpsilonWeight,
    OnlineEM,
)
from ambient.process import VP, Discrete, Level
from ambient.randomness import Draws
from sdxl import generate, latents, train
from sdxl.components import Components, ModelOptions, load
from sdxl.mitigation import Inference, Mitigation, mitigated
from sdxl.mitigation import __main__ as detect
from sdxl.mitigation.captions import Changer, inserted, read_several, vocabulary
from sdxl.mitigation.magnitude import magnitude
from sdxl.mitigation.training import ChangedCaptions, EmbeddingNoise, MagnitudeFilter
from sdxl.pairs import Source
from sdxl.sampling import Sampler, sample

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


@given(st.text("abcdef ", max_size=30), st.integers(0, 10**6), st.integers(1, 5))
def test_insertions_keep_the_caption_in_its_order(caption: str, seed: int, count: int) -> None:
    words = caption.split()
    for change in ("random-words", "random-numbers", "repeated-words"):
        after = Changer(change, WORDS, 1.0, count)(caption, np.random.default_rng(seed)).split()
        left = iter(after)
        assert all(word in left for word in words)
        assert len(after) == len(words) + (count if words or change != "repeated-words" else 0)
        extra = list(after)
        for word in words:
            extra.remove(word)
        allowed = {"random-words": WORDS, "repeated-words": words}.get(change)
        assert all(word.isdigit() if allowed is None else word in allowed for word in extra)


def test_places_and_words_are_uniform() -> None:
    random = np.random.default_rng(0)
    places = [inserted("a b c", ["x"], random).split().index("x") for _ in range(4000)]
    assert np.bincount(places) / 4000 == pytest.approx(0.25, abs=0.03)
    change = Changer("random-caption", WORDS, 0.4, 2)
    found = [change("own", random) for _ in range(4000)]
    assert np.mean([text == "own" for text in found]) == pytest.approx(0.6, abs=0.03)
    first = [text.split()[0] for text in found if text != "own"]
    assert np.mean([word == "beta" for word in first]) == pytest.approx(1 / 3, abs=0.05)
    several = Changer("several-captions", WORDS, 1.0, several={"own": ["other", "third"]})
    found = [several("own", random) for _ in range(3000)]
    assert np.mean([text == "third" for text in found]) == pytest.approx(1 / 3, abs=0.04)


def test_words_come_from_the_tokenizer(components: Components) -> None:
    words = vocabulary(components.pipeline.tokenizer)
    assert {"lungs", "cat", "photo"} <= set(words)
    assert all(word.isalpha() and len(word) > 2 for word in words)


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
    source, model = Source(str(pictures)), ModelOptions(str(xl))
    folder = latents.write_latents(
        latents.Options(source, model, nature=500, output=tmp_path / "latents"), Accelerator(cpu=True)
    )
    captions = latents.captions_of(folder)
    assert captions[0] == "a photo of a cat"
    assert captions[5] == "chest x-ray, frontal view"
    remedies = Mitigation("random-words", caption_probability=1.0, filter_magnitude=50.0)
    common = {"model": model, "steps": 4, "batch": 4, "learning_rate": 1e-2, "checkpoint_every": 2, "log_every": 1}
    base = train.Options(folder, mitigation=remedies, output=tmp_path / "a", cpu=True, **common)  # type: ignore[arg-type]
    whole = train.fine_tune(base, Accelerator(cpu=True)).read_bytes()
    change = json.loads((tmp_path / "a" / "config.json").read_text())["objective"]["change"]
    assert set(change) == {"kind", "change", "probability", "count", "several"}
    other = replace(base, mitigation=Mitigation(), output=tmp_path / "b")
    assert train.fine_tune(other, Accelerator(cpu=True)).read_bytes() != whole
    assert train.fine_tune(replace(base, output=tmp_path / "c"), Accelerator(cpu=True)).read_bytes() == whole


def test_the_optimised_embedding_moves_the_prediction_less(components: Components) -> None:
    """At most the target where Adam's steps suffice, and a batch of two gives what two batches of one give."""
    prompts, indices = ["a photo of a cat", "chest x-ray"], [3, 8]
    distances: dict[str, list[Tensor]] = {"before": [], "after": []}

    def run(remedy: Inference, indices: list[int], prompts: list[str]) -> Tensor:
        adjust = remedy.adjust(components, indices, 0)
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
    for remedy in ("none", "embedding-noise", "random-words"):
        for batch in (1, 3):
            options = generate.Options(
                sampler=Sampler(steps=2), inference=Inference(remedy, remedy_noise=0.5), model=ModelOptions(str(xl)),
                images=3, prompt="a photo of a cat", batch=batch, cpu=True, output=tmp_path / f"{remedy}-{batch}",
            )  # fmt: skip
            folder, _ = generate.generate(options, Accelerator(cpu=True))
            pictures[remedy, batch] = generate.read_images(folder, range(3))
        assert (pictures[remedy, 1] - pictures[remedy, 3]).abs().max() < 0.02
    assert not torch.equal(pictures["none", 1], pictures["embedding-noise", 1])
    assert not torch.equal(pictures["none", 1], pictures["random-words", 1])


def test_prompts_are_scored_one_by_one_as_together(xl: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a photo of a cat\nnormal lungs\nchest x-ray\n")
    (tmp_path / "b.txt").write_text("dog\nface\n")
    options = detect.Options(
        tmp_path / "a.txt", tmp_path / "b.txt", model=ModelOptions(str(xl)), noises=2, cpu=True,
        output=tmp_path / "scores.json",
    )  # fmt: skip
    scores = detect.run(options)
    one = detect.run(replace(options, batch=1, output=tmp_path / "one.json"))
    assert torch.allclose(scores.prompts, one.prompts, rtol=1e-4)
    assert scores.others is not None
    assert scores.comparison is not None
    wins = (scores.prompts[:, None] > scores.others[None]).double().mean()
    assert scores.comparison.superiority.value == pytest.approx(float(wins))
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert saved["prompts"][1]["text"] == "normal lungs"
    assert detect.score(load(options.model), ["", ""], STEPS.level(999.0), 2, 0, 2).max() < 1e-4


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
