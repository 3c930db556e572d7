"""The three attacks on the tiny pipelines."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from rich.console import Console

from ambient.attacks import noise_and_restore
from ambient.data.images import to_uint8
from ambient.metrics.features import Pixels
from ambient.metrics.memorization import similarities
from ambient.runs.identity import ConfigMismatchError
from sdxl import attack
from sdxl.attack.chunks import collect, picture, restore_all
from sdxl.attack.masks import Masker, hidden, regions
from sdxl.attack.methods import attack_of
from sdxl.attack.options import AttackOptions, MaskAttack, MaskOptions, NoiseAttack, PromptAttack
from sdxl.attack.report import AttackResult, write_result
from sdxl.attack.running import run_attack
from sdxl.components import Components
from sdxl.images import choose, load_images
from sdxl.loading import load
from sdxl.options import FeatureOptions, Sampler
from sdxl.sampling import sample
from sdxl.source import Source
from tests.sdxl.conftest import make_lora, make_pictures, on_cpu

PIXELS = FeatureOptions("pixels")


def noise(few: Path, xl: Path, output: Path, **changes: Any) -> NoiseAttack:
    options = {"steps": 3, "levels": (900,), "features": PIXELS} | changes
    return NoiseAttack(Source(str(few)), on_cpu(xl, output, batch=2), **options)


def attacked(options: AttackOptions) -> AttackResult:
    return run_attack(options, Accelerator(cpu=True))


@pytest.mark.parametrize("kind", ["xl", "sd"])
def test_noise_restores_what_ambient_restores(
    kind: str, few: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Pictures and similarities are those of `ambient.attacks` on the latents, whatever the batch."""
    options = noise(few, request.getfixturevalue(kind), tmp_path / "a")
    components = load(options.run.model)
    rows = attacked(options).restorations
    pairs = choose(options.source, None, 0)
    images, sizes = load_images(pairs, 32)
    z = components.encode_images(images)
    condition = components.encode_prompts([""] * 5, sizes)
    level, first = components.process.level(900.0), float(components.process.level(0.0).ratio)
    for row, kind in zip(rows, ("mean", "posterior"), strict=True):
        grid: dict[str, Any] = {} if kind == "mean" else {"steps": 3, "sigma_min": first}
        restored = noise_and_restore(
            components.denoiser, z, level, range(5), seed=0, restoration=kind, condition=condition, **grid
        ).x_0
        decoded = components.decode_latents(restored)
        for i in range(5):
            saved = np.asarray(Image.open(picture(options.output, "data", f"base/t = 900, {kind}", i)))
            ours = to_uint8(decoded[i]).permute(1, 2, 0).numpy()
            assert np.abs(saved.astype(int) - ours.astype(int)).max() <= 1
        expected = similarities(Pixels()(decoded), Pixels()(images))
        assert torch.allclose(row.similarities.nearest, expected, atol=1e-4)


def test_checkpoints_are_compared_on_the_same_noise(few: Path, xl: Path, tmp_path: Path, vision: Path) -> None:
    other = make_lora(xl, tmp_path / "run")
    held = make_pictures(tmp_path / "held", 3)
    features = FeatureOptions(dinov2=str(vision / "dinov2"))
    options = noise(
        few, xl, tmp_path / "a", checkpoints=("base", str(other)), held_out=str(held), features=features,
        restorations=("mean",),
    )  # fmt: skip
    result = attacked(options)
    write_result(result, Console(quiet=True))
    assert result.features == "random DINOv2 width 48/14 (p1)"
    assert [(row.checkpoint, row.images) for row in result.restorations] == [
        ("base", "data"), ("run", "data"), ("base", "held out"), ("run", "held out")
    ]  # fmt: skip
    base, tuned = (row.similarities.nearest for row in result.restorations[:2])
    assert not torch.allclose(base, tuned, atol=1e-6)
    paired = [c for c in result.comparisons if c.paired]
    assert [(c.a.split(",")[0], c.b.split(",")[0]) for c in paired] == [("base", "run")] * 2
    assert paired[0].dominance.difference.value == pytest.approx(float(base.mean() - tuned.mean()))
    assert sum(not c.paired for c in result.comparisons) == 2
    facts = json.loads((options.output / "similarities.json").read_text())
    assert facts["rows"][0]["nearest_mean"] == pytest.approx(float(base.mean()))
    assert sum(facts["rows"][0]["histogram"]["shares"]) == pytest.approx(1)
    for name in ("histogram.png", "grid-data-base.png", "grid-held-out-run.png"):
        assert min(Image.open(options.output / name).size) > 100
    assert "| base, t = 900, mean | 5 |" in (options.output / "table.md").read_text()


def test_an_interrupted_attack_goes_on(few: Path, xl: Path, tmp_path: Path) -> None:
    whole = attacked(noise(few, xl, tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    chunks = sorted((tmp_path / "b").rglob("*.safetensors"))
    chunks[0].unlink()
    chunks[1].write_bytes(chunks[1].read_bytes()[:100])
    kept = chunks[2].stat().st_mtime_ns
    again = attacked(noise(few, xl, tmp_path / "b"))
    assert chunks[2].stat().st_mtime_ns == kept
    for a, b in zip(whole.restorations, again.restorations, strict=True):
        assert torch.equal(a.similarities.own, b.similarities.own)


def test_chunks_cannot_stand_in_each_others_place(few: Path, xl: Path, tmp_path: Path) -> None:
    whole = attacked(noise(few, xl, tmp_path / "a", restorations=("mean",)))
    first, second, third = sorted((tmp_path / "a" / "chunks").rglob("*.safetensors"))
    shutil.copy(first, second)
    kept = third.stat().st_mtime_ns
    with pytest.warns(UserWarning, match=f"{second.name} is damaged.*; it is made again"):
        again = attacked(noise(few, xl, tmp_path / "a", restorations=("mean",)))
    assert third.stat().st_mtime_ns == kept
    assert torch.equal(whole.restorations[0].index, again.restorations[0].index)
    assert torch.equal(whole.restorations[0].similarities.own, again.restorations[0].similarities.own)


def test_more_images_and_checkpoints_keep_what_is_there(few: Path, xl: Path, tmp_path: Path) -> None:
    """In any batches; and the result is that of an attack which asked for all of it at once."""
    folder, other = tmp_path / "a", str(make_lora(xl, tmp_path / "run"))
    attacked(noise(few, xl, folder, images=3, restorations=("mean",)))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors") if "chunks" in path.parts}
    assert before
    more = noise(few, xl, folder, checkpoints=("base", other), restorations=("mean",))
    grown = attacked(replace(more, run=replace(more.run, batch=3)))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    whole = attacked(replace(more, run=replace(more.run, output=tmp_path / "b")))
    for ours, theirs in zip(grown.restorations, whole.restorations, strict=True):
        assert torch.equal(ours.index, theirs.index)
        torch.testing.assert_close(ours.similarities.own, theirs.similarities.own, rtol=1e-4, atol=1e-5)
    fewer = attacked(noise(few, xl, folder, images=2, restorations=("mean",)))
    assert [len(row.index) for row in fewer.restorations] == [2]


def test_other_images_and_other_checkpoints_are_refused(few: Path, xl: Path, tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", 4)
    run = make_lora(xl, tmp_path / "run")
    options = noise(data, xl, tmp_path / "a", checkpoints=(str(run),), restorations=("mean",))
    attacked(options)
    (data / "002.png").write_bytes((data / "001.png").read_bytes())
    with pytest.raises(ConfigMismatchError, match=r"holds an attack on other images: 002\.png is not what it was"):
        attacked(options)
    make_pictures(data, 4)
    make_lora(xl, run, 0.1)
    with pytest.raises(ConfigMismatchError, match="is of another checkpoint of that name"):
        attacked(options)


def test_a_damaged_chunk_is_made_again_and_said(few: Path, xl: Path, tmp_path: Path) -> None:
    options = noise(few, xl, tmp_path / "a", restorations=("mean",))
    whole = attacked(options).restorations[0]
    chunk = min((tmp_path / "a" / "chunks").rglob("*.safetensors"))
    chunk.write_bytes(chunk.read_bytes()[:200])
    with pytest.warns(UserWarning, match=f"{chunk} is damaged; it is made again"):
        again = attacked(options).restorations[0]
    assert torch.equal(again.similarities.own, whole.similarities.own)


def test_two_processes_share_an_attack(few: Path, xl: Path, tmp_path: Path) -> None:
    alone = attacked(noise(few, xl, tmp_path / "a", restorations=("mean",)))
    options = noise(few, xl, tmp_path / "b", restorations=("mean",))
    pairs, components = {"data": choose(options.source, None, 0)}, load(options.run.model)
    work, _ = attack_of(options, components, 32)
    for rank in range(2):
        share = SimpleNamespace(
            process_index=rank, num_processes=2, is_main_process=False, wait_for_everyone=lambda: None
        )
        restore_all(
            work,
            pairs,
            {"base": None},
            components,
            Pixels(),
            options.output,
            share,
            resolution=32,
            batch=2,  # type: ignore[arg-type]
        )
        chunks = sorted(path.name for path in (options.output / "chunks").rglob("*.safetensors"))
        assert len(chunks) == (2, 3)[rank]
    found = collect(pairs, {"base": None}, options.output, "pixels")
    assert torch.equal(found[0].similarities.own, alone.restorations[0].similarities.own)


def test_prompts_generate_what_generate_generates(few: Path, xl: Path, components: Components, tmp_path: Path) -> None:
    sampler = Sampler(steps=2)
    options = PromptAttack(Source(str(few)), on_cpu(xl, tmp_path / "a"), sampler=sampler, features=PIXELS)
    row = attacked(options).restorations[0]
    captions = [pair.caption for pair in choose(options.source, None, 0)]
    images = components.decode_latents(sample(components, sampler, range(5), captions, 32, 0))
    originals, _ = load_images(choose(options.source, None, 0), 32)
    expected = similarities(Pixels()(images), Pixels()(originals))
    assert torch.allclose(row.similarities.nearest, expected, atol=1e-4)


@pytest.mark.parametrize("mask", ["detector", "fixed"])
def test_masked_regions_are_filled_and_the_rest_kept(
    mask: Any, few: Path, inpainting: Path, vision: Path, tmp_path: Path
) -> None:
    masks = MaskOptions(mask, str(vision / "detector"), confidence=0.0, margin=0.0)
    options = MaskAttack(
        Source(str(few)), on_cpu(inpainting, tmp_path / "a", batch=3), masks=masks, steps=2, features=PIXELS,
        prompts=("caption", "null"),
    )  # fmt: skip
    result = attacked(options)
    assert [row.restoration for row in result.restorations] == ["caption", "null"]
    assert ("no detector" if mask == "fixed" else "random") in result.note
    images, _ = load_images(choose(options.source, None, 0), 32)
    boxes = [box for box in Masker(masks, 8, False)(images) if box is not None]
    left, top, right, bottom = boxes[0]
    inside = hidden(boxes, 32, 32)
    assert inside[0].sum() == (right - left) * (bottom - top)
    for kind in ("caption", "null"):
        saved = np.asarray(Image.open(picture(options.output, "data", f"base/{kind}", 0))).transpose(2, 0, 1)
        original = to_uint8(images[0]).numpy()
        known = ~inside[0].expand(3, 32, 32).numpy()
        assert np.array_equal(saved[known], original[known])
        assert (saved != original)[~known].mean() > 0.5
        whole = torch.from_numpy(saved.copy()).float()[None] / 127.5 - 1
        own = torch.cosine_similarity(*(regions(x, boxes[:1]).flatten(1) for x in (whole, images[:1])))
        row = next(row for row in result.restorations if row.restoration == kind)
        assert float(row.similarities.own[0]) == pytest.approx(float(own), abs=0.02)


def test_misuses_end_in_one_clear_line(
    few: Path, xl: Path, sd: Path, inpainting: Path, vision: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    bare = make_pictures(tmp_path / "bare", 3, captions=False)
    one = make_pictures(tmp_path / "one", 1)
    nothing = tmp_path / "nothing"
    other = make_lora(sd, tmp_path / "sd-lora")
    cases = {
        f"noise {few} --model {xl} --levels 1000": "--levels 1000: this model has the steps 1 to 999",
        f"noise {few} --model {xl} --images 9": "--images 9:",
        f"noise {one} --model {xl}": "has 1 image only",
        f"noise {few} --model {xl} --checkpoints {nothing}": "no pytorch_lora_weights.safetensors there",
        f"noise {few} --model {xl} --checkpoints {other} --features pixels": "was trained on other weights",
        f"noise {few} --model {xl} --checkpoints base base": "is given twice",
        f"noise {few} --model {xl} --dinov2 {vision / 'clip'}": "is not a Dinov2Model",
        f"noise {few} --model {xl} --captions {vision / 'random.json'}": 'not a JSON object with "file',
        f"noise {few} --model {tmp_path / 'no'}": "no such folder",
        f"mask {few} --model {xl} --mask fixed": "give an inpainting model",
        f"mask {few} --model {inpainting} --detector {vision / 'clip'} --features pixels": "no object detector",
        f"mask {few} --model {inpainting} --detector o/none --features pixels": "--mask fixed",
        f"mask {few} --model {inpainting} --mask fixed --box 0.5 0 0.2 1": "--box 0.5 0 0.2 1",
        f"mask {few} --model {inpainting} --detector {vision / 'detector'} --confidence 1 --features pixels":
            "fewer than 2 images",
        f"mask {bare} --model {inpainting} --mask fixed": "has no captions",
        f"prompt {few} --model {xl} --scheduler Nope": "there is no NopeScheduler here",
        f"prompt {few} --model {inpainting}": "give a text-to-image model",
    }  # fmt: skip
    for i, (command, message) in enumerate(cases.items()):
        place = ["--device", "cpu", "--output", str(tmp_path / f"out{i}")]
        monkeypatch.setattr("sys.argv", ["attack", *command.split(), *place])
        assert attack.main() == 1, command
        error = capsys.readouterr().err
        lines = [line for line in error.strip().splitlines() if line.startswith("error:")]
        assert len(lines) == 1, error
        assert message in lines[0], (command, lines)
