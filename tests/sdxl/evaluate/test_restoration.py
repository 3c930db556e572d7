"""The errors of Table 1 of P1, once more from the bare network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.attacks import corrupt
from sdxl.evaluate.restoration import restoration_errors
from sdxl.images import choose, load_images
from sdxl.loading import load
from sdxl.options import ModelOptions
from sdxl.source import Source


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
