"""Evaluation on the tiny pipeline, against the same figures by other ways."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from rich.console import Console
from sklearn.metrics.pairwise import cosine_similarity

from ambient.attacks import corrupt
from ambient.data.images import to_unit
from ambient.metrics.features import Pixels
from ambient.metrics.quality import frechet_distance
from sdxl import evaluate
from sdxl.attacking import choose, load_images
from sdxl.checkpoints import named
from sdxl.components import ModelOptions, load
from sdxl.evaluate import Options, write_evaluation
from sdxl.generate import name_of
from sdxl.measures import FeatureOptions, SmallPixels, clip_score
from sdxl.pairs import Source
from sdxl.restoration import restoration_errors
from sdxl.sampling import Sampler
from sdxl.tiny_vision import Options as VisionOptions
from sdxl.tiny_vision import write_vision
from tests.sdxl.conftest import make_pictures
from tests.sdxl.test_attack import make_lora

SAMPLER = Sampler(steps=2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("vision") / "networks"
    write_vision(VisionOptions(folder))
    return str(folder / "clip")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("few") / "data", 5)


def test_restoration_is_the_error_of_the_networks_own_prediction(few: Path, xl: Path) -> None:
    """From the noise prediction of the bare U-Net and the scheduler's table, in float64; at two levels."""
    components = load(ModelOptions(str(xl)))
    pairs = choose(Source(str(few)), None, 0)
    rows, vae = restoration_errors(components, pairs, (900, 100), 32, seed=4, batch=2)
    images, sizes = load_images(pairs, 32)
    z = components.encode_images(images)
    condition = components.encode_prompts([""] * 5, sizes)
    alphas = components.pipeline.scheduler.alphas_cumprod.double()
    whole = restoration_errors(components, pairs, (900, 100), 32, seed=4, batch=5)[0]
    for row, again, t in zip(rows, whole, (900, 100), strict=True):
        assert row.latent.mean == pytest.approx(again.latent.mean, rel=1e-4)
        a = alphas[t]
        x_t = corrupt(z, components.process.level(float(t)), 4, range(5))
        added = {name: condition[name] for name in ("text_embeds", "time_ids")}
        states = condition["encoder_hidden_states"]
        with torch.no_grad():
            noise = components.unet(x_t, t, encoder_hidden_states=states, added_cond_kwargs=added).sample
        x_0 = ((x_t.double() - (1 - a).sqrt() * noise.double()) / a.sqrt()).float()
        latent = (x_0 - z).square().flatten(1).mean(1).double().numpy()
        pixel = (components.decode_latents(x_0) - images).square().flatten(1).mean(1).double().numpy()
        assert (row.latent.mean, row.latent.std) == pytest.approx((latent.mean(), latent.std(ddof=1)), rel=1e-3)
        assert (row.pixel.mean, row.pixel.std) == pytest.approx((pixel.mean(), pixel.std(ddof=1)), rel=1e-3)
    floor = (components.decode_latents(z) - images).square().flatten(1).mean(1)
    assert vae.mean == pytest.approx(float(floor.mean()), rel=1e-5)


def test_generations_are_judged_as_elsewhere(few: Path, xl: Path, clip: str, tmp_path: Path) -> None:
    """Fréchet distance, similarities and CLIP scores from the PNG files; a rerun goes on and gives the same."""
    run = make_lora(xl, tmp_path / "run")
    options = Options(
        Source(str(few)), ModelOptions(str(xl)), ("base", str(run)), levels=(500,), restore=3, images=6,
        sampler=SAMPLER, features=FeatureOptions("pixels"), clip=clip, cpu=True, output=tmp_path / "out",
    )  # fmt: skip
    found = evaluate.run(options, Accelerator(cpu=True))
    write_evaluation(found, Console(quiet=True))
    originals, _ = load_images(choose(options.source, None, 0), 32)
    captions = [pair.caption for pair in choose(options.source, None, 0)]
    assert found.names["distance"] == "Fréchet distance on pixels at 8x8"
    for name in ("base", "run"):
        arrays = [np.asarray(Image.open(tmp_path / "out" / "images" / name / name_of(i))) for i in range(6)]
        images = to_unit(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))
        result = found.results[name]
        nearest = cosine_similarity(Pixels()(images).double(), Pixels()(originals).double()).max(1)
        assert result["similarity"] == pytest.approx(nearest.mean(), abs=1e-6)
        assert result["similarity_95"] == pytest.approx(np.quantile(nearest, 0.95), abs=1e-6)
        distance = frechet_distance(SmallPixels()(images).double(), SmallPixels()(originals).double())
        assert result["distance"] == pytest.approx(distance, rel=1e-4)
        scores = clip_score(clip)(images, [captions[i % 5] for i in range(6)])
        assert result["clip"] == pytest.approx(float(scores.mean()), abs=1e-5)
    assert found.results["base"]["restoration"] != found.results["run"]["restoration"]
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| 500 | base |" in table
    assert "| checkpoint | FD | Sim | 95 % |" in table
    assert "FID" not in table
    (tmp_path / "out" / "images" / "run" / name_of(3)).unlink()
    shutil.rmtree(tmp_path / "out" / "audits" / "run-6")
    (tmp_path / "out" / "restoration" / "run.json").unlink()
    again = evaluate.run(options, Accelerator(cpu=True))
    assert json.dumps(again.results) == json.dumps(found.results)


def test_clip_scores_are_cosines_of_the_whole_model(clip: str) -> None:
    from transformers import CLIPModel, CLIPTokenizer

    images = torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    texts = ["a photo of a cat", "lungs", "x"]
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    pixels = (((images * 127.5 + 128).floor() / 255) - mean) / std
    tokens = CLIPTokenizer.from_pretrained(clip)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = CLIPModel.from_pretrained(clip).eval()(**tokens, pixel_values=pixels)
    expected = torch.cosine_similarity(output.image_embeds, output.text_embeds)
    assert torch.allclose(clip_score(clip)(images, texts), expected, atol=1e-5)


def test_names_of_checkpoints_tell_them_apart(tmp_path: Path) -> None:
    for folder in ("a/run", "b/run", "c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pytorch_lora_weights.safetensors").touch()
    sources = ["base", *(str(tmp_path / folder) for folder in ("a/run", "b/run", "c"))]
    assert list(named(sources)) == ["base", "a-run", "b-run", f"{tmp_path.name}-c"]
    assert list(named([sources[1], sources[3]])) == ["run", "c"]


def test_misuses_end_in_one_clear_line(
    few: Path, xl: Path, inpainting: Path, clip: str, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    fake = tmp_path / "inception.pt"
    fake.write_bytes(b"no network")
    cases = {
        f"{few} --model {xl} --restore 9 --images 0": "--restore 9:",
        f"{few} --model {xl} --images 1": "--images 1: at least 2",
        f"{few} --model {xl} --images 0 --restore 0": "nothing to evaluate",
        f"{few} --model {xl} --images 0 --restore 2 --levels 0": "--levels 0: this model has the steps 1 to 999",
        f"{few} --model {xl} --restore 2 --features pixels --inception {fake}": "has the SHA-256",
        f"{few} --model {xl} --restore 2 --features pixels --inception {tmp_path / 'no'}": "cannot read",
        f"{few} --model {xl} --restore 2 --features pixels --clip {tmp_path / 'no'}": "cannot load",
        f"{few} --model {inpainting} --restore 2 --images 0": "give a text-to-image model",
        f"{few} --model {xl} --checkpoints {few} --restore 2 --images 0": "no pytorch_lora_weights.safetensors there",
        f"{few} --model {xl} --restore 2 --features pixels --clip {clip} --prompts {fake}.txt": "cannot be read",
        f"{tmp_path / 'no'} --model {xl}": "cannot read",
    }
    for i, (command, message) in enumerate(cases.items()):
        monkeypatch.setattr("sys.argv", ["evaluate", *command.split(), "--cpu", "--output", str(tmp_path / f"out{i}")])
        assert evaluate.main() == 1, command
        lines = [line for line in capsys.readouterr().err.strip().splitlines() if line.startswith("error:")]
        assert len(lines) == 1, command
        assert message in lines[0], (command, lines)
