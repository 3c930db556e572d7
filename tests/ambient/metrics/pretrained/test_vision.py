"""DINOv2 and CLIP: the real loading code on tiny random networks in the real layout, against independent arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import Tensor

from ambient.metrics.pretrained import Pretrained, PretrainedError, clip, dinov2
from ambient.metrics.pretrained.clip import CLIP_MEAN, CLIP_STD
from ambient.metrics.pretrained.dinov2 import DINOV2, IMAGENET_MEAN, IMAGENET_STD, reflected


@pytest.fixture
def dino_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14
    )
    network = transformers.Dinov2Model(config)
    torch.nn.init.normal_(network.embeddings.position_embeddings)
    network.save_pretrained(tmp_path / "dino")
    return tmp_path / "dino"


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    common: dict[str, Any] = {"intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"hidden_size": 8, "vocab_size": 50, **common}
    vision = {"hidden_size": 16, "image_size": 28, "patch_size": 14, "projection_dim": 6, **common}
    network = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=6))
    network.save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def _bytes(seed: int, side: int, n: int = 3, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def _images(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2)) / 127.5 - 1


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel with a = -3/4."""
    x = abs(x)
    near = 1.25 * x**3 - 2.25 * x**2 + 1
    far = -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _sampled(side: int, count: int, scale: float) -> np.ndarray:
    """Weights (count, side) of cubic interpolation at (i + 1/2) / scale - 1/2, the border repeated."""
    weights = np.zeros((count, side))
    for i in range(count):
        position = (i + 0.5) / scale - 0.5
        for j in range(int(np.floor(position)) - 1, int(np.floor(position)) + 3):
            weights[i, min(max(j, 0), side - 1)] += _cubic(np.array(position - j))
    return weights


def _reference(folder: Path, prepared: np.ndarray) -> np.ndarray:
    """The network's class token for prepared images (N, H, W, 3), with position embeddings interpolated by hand."""
    network = transformers.Dinov2Model.from_pretrained(folder).eval()
    rows, columns = prepared.shape[1] // 14, prepared.shape[2] // 14
    table = network.embeddings.position_embeddings.detach()
    grid = table[0, 1:].double().numpy().reshape(5, 5, -1)
    if (rows, columns) != (5, 5):
        a, b = _sampled(5, rows, (rows + 0.1) / 5), _sampled(5, columns, (columns + 0.1) / 5)
        grid = np.einsum("ij,jkd,lk->ild", a, grid, b)
    patches = torch.from_numpy(grid.reshape(1, rows * columns, -1)).float()
    positions = torch.cat((table[:, :1], patches), dim=1)
    network.embeddings.interpolate_pos_encoding = lambda *_: positions
    with torch.no_grad():
        return network(torch.from_numpy(prepared.transpose(0, 3, 1, 2)).float()).last_hidden_state[:, 0].numpy()


@pytest.mark.parametrize(("side", "padded"), [(32, 42), (64, 70), (28, 28), (11, 14)])
def test_p2_reflects_and_does_not_normalise(dino_folder: Path, side: int, padded: int) -> None:
    pixels = _bytes(1, side)
    before = (padded - side) // 2
    after = padded - side - before
    prepared = np.pad(pixels / 255, ((0, 0), (before, after), (before, after), (0, 0)), mode="reflect")
    features = dinov2("p2", Pretrained(str(dino_folder), batch=2))(_images(pixels))
    np.testing.assert_allclose(features, _reference(dino_folder, prepared), atol=2e-5)


@pytest.mark.parametrize("side", [32, 300])
def test_p1_resizes_bilinearly_and_does_not_normalise(dino_folder: Path, side: int) -> None:
    pixels = _bytes(2, side)
    positions = ((np.arange(224) + 0.5) * side / 224 - 0.5).clip(0)
    low = np.floor(positions).astype(int)
    weights = np.zeros((224, side))
    np.add.at(weights, (np.arange(224), low), 1 - (positions - low))
    np.add.at(weights, (np.arange(224), (low + 1).clip(max=side - 1)), positions - low)
    prepared = np.einsum("ij,njkc,lk->nilc", weights, pixels / 255, weights, optimize=True)
    features = dinov2("p1", Pretrained(str(dino_folder)))(_images(pixels))
    np.testing.assert_allclose(features, _reference(dino_folder, prepared), atol=2e-5)


def _pil_resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Each channel resized by PIL in floating point."""
    values = (pixels / 255).astype(np.float32).transpose(0, 3, 1, 2)
    planes = [Image.fromarray(plane) for plane in values.reshape(-1, *pixels.shape[1:3])]
    resized = np.array([np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC)) for plane in planes])
    return resized.reshape(len(pixels), 3, side, side).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("side", [32, 256])
def test_standard_preparation_is_dinov2s_own(dino_folder: Path, side: int) -> None:
    pixels = _bytes(3, side, n=2)
    prepared = (_pil_resized(pixels, 224) - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    features = dinov2("standard", Pretrained(str(dino_folder)))(_images(pixels))
    np.testing.assert_allclose(features, _reference(dino_folder, prepared), atol=1e-4)


def test_clip_embeddings_come_from_the_whole_networks_checkpoint(clip_folder: Path) -> None:
    pixels = _bytes(4, 40)
    prepared = (_pil_resized(pixels, 28) - np.array(CLIP_MEAN)) / np.array(CLIP_STD)
    network = transformers.CLIPModel.from_pretrained(clip_folder).eval()
    with torch.no_grad():
        tokens = network.vision_model(torch.from_numpy(prepared.transpose(0, 3, 1, 2)).float()).pooler_output
        expected = network.visual_projection(tokens)
    features = clip(Pretrained(str(clip_folder)))
    np.testing.assert_allclose(features(_images(pixels)), expected, atol=1e-4)
    assert features.name == "CLIP clip"


def test_grey_images_are_repeated_and_all_are_rounded_to_bytes(dino_folder: Path) -> None:
    grey = _bytes(5, 14, channels=1)
    features = dinov2("p2", Pretrained(str(dino_folder)))
    assert torch.equal(features(_images(grey)), features(_images(grey.repeat(3, 3))))
    assert torch.equal(features(_images(grey) + 0.9 / 255), features(_images(grey)))


def test_names_tell_network_and_protocol(dino_folder: Path) -> None:
    assert dinov2("p2", Pretrained(str(dino_folder))).name == "DINOv2 width 16/14 (p2)"


def test_images_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="4x4 images are too small to be reflected to a multiple of 14"):
        reflected(torch.zeros(1, 3, 4, 4), 14)


def test_images_that_are_not_square(clip_folder: Path) -> None:
    with pytest.raises(ValueError, match="must be square to be resized, got 20x30; set a resolution"):
        clip(Pretrained(str(clip_folder)))(torch.zeros(1, 3, 20, 30))


def test_a_checkpoint_of_another_network_is_refused(clip_folder: Path, dino_folder: Path) -> None:
    with pytest.raises(PretrainedError, match=r"clip is not a Dinov2Model: \d+ weights are missing"):
        dinov2("p2", Pretrained(str(clip_folder)))
    with pytest.raises(PretrainedError, match="dino is not a CLIPVisionModelWithProjection"):
        clip(Pretrained(str(dino_folder)))


def test_an_incomplete_folder_names_the_way_out(dino_folder: Path) -> None:
    (dino_folder / "model.safetensors").unlink()
    with pytest.raises(
        PretrainedError, match=r"cannot load .*dino \(.*\); download it .* and give its folder"
    ) as refusal:
        dinov2("p2", Pretrained(str(dino_folder)))
    assert "\n" not in str(refusal.value)


def test_weights_in_a_pickle_are_refused(dino_folder: Path) -> None:
    network = transformers.Dinov2Model.from_pretrained(dino_folder)
    torch.save(network.state_dict(), dino_folder / "pytorch_model.bin")
    (dino_folder / "model.safetensors").unlink()
    with pytest.raises(PretrainedError, match=r"cannot load .*dino \(.*safetensors"):
        dinov2("p2", Pretrained(str(dino_folder)))


@pytest.mark.parametrize("online", [False, True])
def test_an_offline_hub_names_the_way_out(online: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PretrainedError, match=f"cannot load {DINOV2} at revision [0-9a-f]{{40}} ") as refusal:
        dinov2("p2", Pretrained(DINOV2, online=online))
    message = str(refusal.value)
    assert "\n" not in message
    assert message.endswith("and give its folder")
    assert ("online=True" in message) != online


def test_a_network_of_other_shapes_than_its_configuration_is_refused(dino_folder: Path) -> None:
    config = dino_folder / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 16', '"hidden_size": 8'))
    with pytest.raises(
        PretrainedError, match=r"dino is not a Dinov2Model: \d+ weights are missing or of another shape"
    ):
        dinov2("p2", Pretrained(str(dino_folder)))
