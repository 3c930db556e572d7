"""A mini model is trained to the end, is a pipeline, and is the same when its run was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from ambient.runs.identity import ConfigMismatchError
from sdxl.loading import load
from sdxl.mini.options import TrainMini
from sdxl.mini.training import mirrored_latents, texts_of
from sdxl.options import ModelOptions
from tests.sdxl.mini.conftest import members_of, train_smallest

RUNS = ("vae", "text", "unet")


def test_it_is_a_pipeline_of_diffusers_and_of_the_commands(smallest: Path) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(smallest)
    made = pipeline(["a photo of a cat"], num_inference_steps=2, guidance_scale=3.0, output_type="np").images
    assert made.shape == (1, 32, 32, 3)
    components = load(ModelOptions(str(smallest)))
    assert components.is_xl
    assert components.resolution == 32
    assert components.latent_shape(32) == (4, 16, 16)
    assert components.denoiser.prediction == "v"


def test_the_scaled_latents_of_its_images_have_unit_variance(smallest: Path, cifar: Path) -> None:
    vae = load(ModelOptions(str(smallest))).pipeline.vae
    assert float(mirrored_latents(vae, members_of(cifar).images).std()) == pytest.approx(1, abs=0.05)


def test_zeros_are_what_it_guides_away_from(smallest: Path) -> None:
    components = load(ModelOptions(str(smallest)))
    away = components.encode_prompts(["a photo of a cat"], unconditional=True)
    assert not away["encoder_hidden_states"].any()
    assert not away["text_embeds"].any()


def test_the_texts_are_what_the_pipeline_makes_of_the_captions(smallest: Path) -> None:
    components = load(ModelOptions(str(smallest)))
    texts = texts_of(components, ("airplane", "cat"))
    one = components.encode_prompts(["a picture of a cat"])
    torch.testing.assert_close(texts.states[1, 1], one["encoder_hidden_states"][0])
    torch.testing.assert_close(texts.pooled[1, 1], one["text_embeds"][0])


def test_the_folder_says_what_it_is(smallest: Path) -> None:
    members = json.loads((smallest / "members.json").read_text())
    assert members["trained_on"]["indices"] == list(range(20))
    card = (smallest / "README.md").read_text()
    assert "Trained on, of train: 0-19" in card
    assert "- test: 0-3" in card
    assert (smallest / "curves.png").stat().st_size > 1000


@pytest.mark.slow
def test_killed_and_run_again_gives_the_same_bits(smallest: Path, cifar: Path, tmp_path: Path) -> None:
    """Three updates, then the command again for all four: the first run is left where its checkpoint is."""
    output = tmp_path / "model"
    train_smallest(cifar, output, steps=3)
    (output / "training" / "unet" / "model.safetensors").unlink()
    (output / "training" / "vae" / "model.safetensors").unlink()
    (output / "training" / "vae" / "checkpoint.safetensors").unlink()  # back to the one before
    with pytest.warns(UserWarning, match="checkpoint"):
        train_smallest(cifar, output)
    for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
        whole, again = (next((folder / name).glob("*.safetensors")).read_bytes() for folder in (smallest, output))
        assert whole == again, name


def test_another_run_in_its_folder_is_refused(smallest: Path, cifar: Path) -> None:
    with pytest.raises(ConfigMismatchError, match="learning_rate"):
        train_smallest(cifar, smallest, learning_rate=0.5)


def test_a_folder_of_something_else_is_refused(cifar: Path, tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    with pytest.raises(ValueError, match="not empty"):
        train_smallest(cifar, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["unet"]


def test_a_run_on_other_images_in_its_folder_is_refused(smallest: Path, cifar: Path) -> None:
    with pytest.raises(ConfigMismatchError, match="images is 20 there and 10 here"):
        train_smallest(cifar, smallest, images=10)


@pytest.mark.slow
def test_asked_for_fewer_steps_the_card_says_how_many_were_done(cifar: Path, tmp_path: Path) -> None:
    output = train_smallest(cifar, tmp_path / "model", steps=2)
    with pytest.warns(UserWarning, match="has done 2 already"):
        train_smallest(cifar, output, steps=1)
    assert "--steps 2 " in (output / "README.md").read_text()


def test_the_vae_of_another_model(smallest: Path, cifar: Path, tmp_path: Path) -> None:
    output = train_smallest(cifar, tmp_path / "few", images=10, vae=smallest, steps=1)
    ours, theirs = (next((folder / "vae").glob("*.safetensors")).read_bytes() for folder in (output, smallest))
    assert ours == theirs
    members = json.loads((output / "members.json").read_text())
    assert len(members["trained_on"]["indices"]) == 10
    assert members["vae_trained_on"]["indices"] == list(range(20))
    assert "trained on 20 images of train: 0-19" in (output / "README.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "--steps 0"),
        ({"seed": -1}, "--seed -1"),
        ({"learning_rate": 0.0}, "--learning-rate 0"),
        ({"ema": 1.0}, "--ema 1"),
        ({"widths": (32,)}, "--widths 32"),
        ({"widths": (32, 40)}, "--widths 32 40"),
        ({"vae_widths": (4, 8)}, "--vae-widths 4 8"),
        ({"vae_colours": -1.0}, "--vae-colours -1"),
        ({"vae": Path("nowhere")}, "--vae nowhere"),
    ],
)
def test_options_that_cannot_work(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainMini(Path("data"), Path("out"), **change).check()  # type: ignore[arg-type]
