from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import tyro
from accelerate import Accelerator
from torch import Tensor

from ambient.data.images import DataSetError
from ambient.data.noisy_copy import nature_noise
from ambient.runs.console import CONFIG
from ambient.runs.identity import ConfigMismatchError
from sdxl.images import load_image
from sdxl.latents.cache import captions_of, open_latents
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.loading import load
from sdxl.options import ModelOptions
from sdxl.pairs import Pair, Source
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny
from tests.sdxl.conftest import CAPTIONS, make_pictures, on_cpu


@pytest.fixture
def options(pictures: Path, xl: Path, tmp_path: Path) -> LatentOptions:
    return LatentOptions(Source(str(pictures)), on_cpu(xl, tmp_path / "cache", seed=12, batch=4), nature=500, shard=8)


def _rerun(options: LatentOptions, **changes: Any) -> LatentOptions:
    """The options with other ones of how they are run."""
    return replace(options, run=replace(options.run, **changes))


def _write(options: LatentOptions) -> Path:
    return write_latents(options, Accelerator(cpu=True))


def _clean(options: LatentOptions) -> Tensor:
    """The latents of all pictures, encoded on their own."""
    components = load(options.run.model)
    files = sorted(Path(options.source.data).glob("*.png"))
    pairs = [Pair(i, file.name, file.read_bytes, "") for i, file in enumerate(files)]
    return torch.cat([components.encode_images(load_image(pair, 32)[0][None]) for pair in pairs])


def test_what_is_written_is_the_noisy_copy_by_seed_and_index(options: LatentOptions) -> None:
    components = load(options.run.model)
    samples, t_n = open_latents(_write(options), components)
    assert (len(samples), t_n) == (20, 500)
    batch = samples.batch(torch.arange(20))
    assert batch.index.tolist() == list(range(20))
    assert batch.clean is None
    level = components.process.level(500.0)
    assert float(batch.nature.sigma) == float(level.sigma)
    noise = nature_noise(12, range(20), (4, 4, 4))
    expected = float(level.alpha) * _clean(options) + float(level.sigma) * noise
    torch.testing.assert_close(batch.x, expected, rtol=1e-4, atol=1e-4)
    prompts = components.encode_prompts([CAPTIONS[i % 4] for i in range(20)])
    for name in ("encoder_hidden_states", "text_embeds"):
        torch.testing.assert_close(batch.condition[name], prompts[name], rtol=1e-4, atol=1e-4)
    assert batch.condition["time_ids"].tolist() == [[40, 48, 0, 3, 32, 32]] * 20


def test_clean_latents_where_they_are_asked_for(options: LatentOptions, tmp_path: Path) -> None:
    components = load(options.run.model)
    both, _ = open_latents(_write(replace(options, keep_clean=True)), components)
    clean, t_n = open_latents(_write(replace(_rerun(options, output=tmp_path / "clean"), nature=0)), components)
    rows = torch.arange(20)
    expected = _clean(options)
    kept = both.batch(rows).clean
    assert kept is not None
    torch.testing.assert_close(kept, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(clean.batch(rows).x, expected, rtol=1e-4, atol=1e-4)
    assert t_n == 0
    assert float(clean.nature.sigma) == 0


def _numbers(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor of every file, row by row, and every file's bytes read as fp32 and fp16 at every offset."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for kind in ("<f4", "<f2"):
            width = np.dtype(kind).itemsize
            for start in range(width):
                cut = (len(content) - start) // width * width
                yield f"{path.name}[{start}:] as {kind}", np.frombuffer(content[start : start + cut], kind)


def _contains(haystack: np.ndarray, row: np.ndarray, tolerance: float) -> bool:
    """Whether a stretch of numbers is `row` up to a relative tolerance."""
    if len(haystack) < len(row):
        return False
    with np.errstate(all="ignore"):
        windows = np.lib.stride_tricks.sliding_window_view(haystack.astype(np.float64), len(row))
        first = np.abs(windows[:, 0] - row[0]) <= tolerance * np.abs(row).max()
        near = np.abs(windows[first] - row) <= tolerance * np.abs(row).max()
    return bool(near.all(1).any())


def test_no_clean_latent_or_image_can_be_found_in_the_cache(options: LatentOptions) -> None:
    """Neither the latents (scaled or not), nor the pixels, nor the files, in any precision or place."""
    folder = _write(options)
    components = load(options.run.model)
    clean = _clean(options)
    scaling = components.pipeline.vae.config.scaling_factor
    files = sorted(Path(options.source.data).glob("*.png"))
    pixels = torch.stack([load_image(Pair(0, f.name, f.read_bytes, ""), 32)[0] for f in files])
    with torch.no_grad():
        moments = components.pipeline.vae.encode(pixels).latent_dist.parameters
    alpha = float(components.process.level(500.0).alpha)
    secrets = [clean, clean / scaling, alpha * clean, moments, pixels, (pixels + 1) / 2, pixels.mean(1)]
    rows = [value.flatten(1)[:, :48].double().numpy() for value in secrets]
    noisy = open_latents(folder, components)[0].batch(torch.arange(20)).x.flatten(1)[:, :48].double().numpy()
    found = 0
    for name, numbers in _numbers(folder):
        for i in range(0, 20, 7):
            for row in rows:
                assert not _contains(numbers, row[i], 1e-2), name
            found += _contains(numbers, noisy[i], 1e-6)
    assert found >= 3, "the search finds what is there"
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not any(file.read_bytes()[40:72] in everything for file in files)
    assert b'"seed": 12' not in everything
    shard = safetensors.torch.load_file(next(folder.glob("*.safetensors")))
    assert shard.keys() == {
        "x",
        "index",
        "shared",
        "shared.encoder_hidden_states",
        "shared.text_embeds",
        "condition.time_ids",
    }


def test_the_search_would_find_a_clean_latent(options: LatentOptions) -> None:
    folder = _write(replace(options, keep_clean=True))
    row = _clean(options).flatten(1)[7, :48].double().numpy()
    assert any(_contains(numbers, row, 1e-2) for _, numbers in _numbers(folder))


def test_the_key_covers_all_that_makes_the_cache(options: LatentOptions, tmp_path: Path, xl: Path) -> None:
    """Any other content, resolution, model, caption, seed, precision or level is another cache."""
    folder = _write(options)
    changes = {
        "seed": _rerun(options, seed=13),
        "nature": replace(options, nature=501),
        "resolution": replace(options, resolution=16),
        "precision": _rerun(options, precision="bf16"),
        "clean": replace(options, keep_clean=True),
        "content is": replace(options, source=replace(options.source, caption="a face")),
    }
    write_tiny(TinyOptions(tmp_path / "other", resolution=32, seed=1))
    changes["vae is"] = _rerun(options, model=ModelOptions(str(xl), vae=str(tmp_path / "other")))
    changes["text_encoders is"] = _rerun(options, model=ModelOptions(str(tmp_path / "other"), vae=str(xl)))
    other = make_pictures(tmp_path / "data")
    (other / "003.png").write_bytes((other / "004.png").read_bytes())
    changes["content"] = replace(options, source=Source(str(other)))
    for named, changed in changes.items():
        with pytest.raises(ConfigMismatchError, match=named):
            _write(changed)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if "latents" in path.name}
    _write(options)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if "latents" in path.name}


def test_a_shard_that_was_cut_is_made_again(options: LatentOptions) -> None:
    folder = _write(options)
    names = [f"latents-0000{i}.safetensors" for i in range(3)]
    whole = {name: (folder / name).read_bytes() for name in names}
    (folder / names[0]).write_bytes(whole[names[0]][:500])
    (folder / names[2]).unlink()
    _write(options)
    assert {name: (folder / name).read_bytes() for name in names} == whole
    assert json.loads((folder / "index.json").read_text())["rows"] == [8, 8, 4]


def test_a_digit_of_the_cache_that_changed_is_noticed(options: LatentOptions, xl: Path) -> None:
    path = _write(options) / "cache.json"
    assert path.read_text().count('"resolution": 32') == 1
    path.write_text(path.read_text().replace('"resolution": 32', '"resolution": 33'))
    with pytest.raises(ValueError, match=r"cache\.json is damaged \(its contents do not match their checksum"):
        open_latents(path.parent, load(ModelOptions(str(xl))))


@pytest.mark.parametrize("damage", ["lost", "cut", "altered", "another's"])
def test_captions_alone_are_made_again(damage: str, options: LatentOptions) -> None:
    """And no shard is touched for them; training asks for the same command, which mends them."""
    folder = _write(options)
    expected = captions_of(folder)
    path = folder / "captions-00001.json"
    if damage == "lost":
        path.unlink()
    else:
        other = {"cut": path.read_bytes()[:20], "altered": path.read_bytes().replace(b"cat", b"cow")}
        path.write_bytes(other.get(damage) or (folder / "captions-00000.json").read_bytes())
    shards = {shard: shard.stat().st_mtime_ns for shard in folder.glob("*.safetensors")}
    with pytest.raises(ValueError, match=r"captions-00001\.json is missing or damaged; run the same .* command again"):
        captions_of(folder)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _write(options)
    assert any(f"{path} is damaged" in str(warning.message) for warning in said) == (damage != "lost")
    assert captions_of(folder) == expected
    assert shards == {shard: shard.stat().st_mtime_ns for shard in shards}


def test_a_nature_level_is_not_guessed(pictures: Path) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(LatentOptions, args=[str(pictures)], config=CONFIG)


def test_an_unusable_image_is_named_and_can_be_left_out(options: LatentOptions, tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", 6)
    (data / "003.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    bad = replace(options, source=Source(str(data)))
    with pytest.raises(DataSetError, match=r"damaged: 003\.png .*--skip-bad"):
        _write(bad)
    with pytest.warns(UserWarning, match=r"left out \(damaged\): 003\.png"):
        folder = _write(replace(bad, skip_bad=True))
    samples, _ = open_latents(folder, load(options.run.model))
    assert samples.batch(torch.arange(5)).index.tolist() == [0, 1, 2, 4, 5]


def test_stable_diffusion_with_one_text_encoder(options: LatentOptions, sd: Path) -> None:
    model = ModelOptions(str(sd))
    samples, _ = open_latents(_write(_rerun(options, model=model)), load(model))
    assert samples.batch(torch.tensor([0])).condition.keys() == {"encoder_hidden_states"}


def test_a_webdataset_shard_is_cut_and_streamed_once(
    options: LatentOptions, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tars of 11 and 9 images, in shards of 4: the latents of the folder, and no tar is read to no purpose."""
    import tarfile

    files = sorted(pictures.glob("*.png"))
    (tmp_path / "shards").mkdir()
    for number, part in enumerate((files[:11], files[11:])):
        with tarfile.open(tmp_path / "shards" / f"{number}.tar", "w") as tar:
            for file in part:
                tar.add(file, file.name)
    streamed = replace(options, source=Source(str(tmp_path / "shards"), caption="a cat"), shard=4, nature=0)
    folder = _write(streamed)
    assert json.loads((folder / "index.json").read_text())["rows"] == [4, 4, 3, 4, 4, 1]
    batch = open_latents(folder, load(options.run.model))[0].batch(torch.arange(20))
    torch.testing.assert_close(batch.x, _clean(options), rtol=1e-4, atol=1e-4)
    assert batch.index.tolist() == [*range(11), *(1 << 32 | i for i in range(9))]
    (folder / "latents-00004.safetensors").unlink()
    opened: list[str] = []
    real = tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda name, *a, **k: opened.append(Path(name).name) or real(name, *a, **k))
    _write(streamed)
    assert opened == ["0.tar", "1.tar", "1.tar"], "each for its digest, and the second for what is missing"
