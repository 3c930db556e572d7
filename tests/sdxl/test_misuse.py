"""What goes wrong is said in one line that names the file, field or option, and what to do."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from ambient.runs.files import load_tensors, save_tensors
from sdxl import generate, latents, lora, mitigation, tiny, tiny_vision, train
from sdxl.generate.drawing import generate as generate_images
from sdxl.generate.options import GenerateOptions
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.options import Sampler
from sdxl.source import Source
from sdxl.train.options import TrainOptions
from sdxl.train.tuning import fine_tune
from tests.sdxl.conftest import make_lora, make_pictures, on_cpu

MAINS = {
    "generate": generate.main,
    "latents": latents.main,
    "mitigation": mitigation.main,
    "tiny": tiny.main,
    "tiny_vision": tiny_vision.main,
    "train": train.main,
}


@dataclass
class World:
    """What the misuses start from: everything is in order."""

    folder: Path
    xl: Path
    sd: Path
    inpainting: Path
    data: Path

    def cache(self, **changes: Any) -> Path:
        """Latents of SDXL at t_n = 500."""
        folder = self.folder / "cache"
        options = LatentOptions(Source(str(self.data)), on_cpu(self.xl, folder), **{"nature": 500, **changes})
        return write_latents(options, Accelerator(cpu=True))

    def adapter(self) -> Path:
        """A LoRA of SDXL."""
        return make_lora(self.xl, self.folder / "lora")

    def copy(self) -> Path:
        """A copy of SDXL to spoil."""
        return Path(shutil.copytree(self.xl, self.folder / "copy"))


@pytest.fixture
def world(tmp_path: Path, xl: Path, sd: Path, inpainting: Path) -> World:
    return World(tmp_path, xl, sd, inpainting, make_pictures(tmp_path / "data", 6))


def _without(world: World, pattern: str) -> Path:
    folder = world.copy()
    for file in folder.glob(pattern):
        file.unlink()
    return folder


def _pickled(world: World) -> Path:
    """Weights as a pickle, which must not be opened."""
    folder = world.copy()
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(safetensors.torch.load_file(file), file.with_suffix(".bin"))
    file.unlink()
    return folder


def _cut(path: Path, at: int = 3000) -> Path:
    path.write_bytes(path.read_bytes()[:at])
    return path


def _ddpm(world: World) -> Path:
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    )
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(world.folder / "ddpm")
    return world.folder / "ddpm"


def _overflowing(world: World) -> Path:
    folder = world.copy()
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = safetensors.torch.load_file(file)
    weights["encoder.conv_in.weight"] *= 1e6
    safetensors.torch.save_file(weights, file)
    return folder


def _captions(world: World, *lines: object) -> Path:
    path = world.folder / "captions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _poisoned(world: World) -> Path:
    """A cache with a number that is none."""
    folder = world.cache()
    path = folder / "latents-00000.safetensors"
    tensors, facts = load_tensors(path)
    tensors["x"][2] = torch.nan
    save_tensors(path, tensors, facts)
    return folder


def _finished(world: World) -> Path:
    run = on_cpu(world.xl, world.folder / "run", batch=2)
    fine_tune(TrainOptions(world.cache(), run, steps=1, watch=False), Accelerator(cpu=True))
    return world.folder / "run"


def _of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


_NATURE = ("--nature", 500)
_RUN = ("--steps", 1, "--batch", 2)


def _encode(world: World, model: Path | None = None, data: Path | None = None) -> list[object]:
    return ["latents", data or world.data, *_NATURE, "--model", model or world.xl]


def _elsewhere(world: World) -> Path:
    """A LoRA of layers that the model does not have."""
    weights = safetensors.torch.load_file(world.adapter() / lora.FILE)
    moved = {name.replace("unet.", "unet.nowhere."): value for name, value in weights.items()}
    safetensors.torch.save_file(moved, world.folder / "elsewhere.safetensors")
    return world.folder / "elsewhere.safetensors"


def _images(world: World) -> Path:
    folder = world.folder / "images"
    options = GenerateOptions(Sampler(steps=1), on_cpu(world.xl, folder), samples=1)
    return generate_images(options, Accelerator(cpu=True))[0]


def _tracker() -> str:
    names = ("trackio", "wandb", "tensorboard")
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        pytest.skip("all trackers are installed")
    return absent[0]


Misuse = tuple[Callable[[World], list[object]], str]
MISUSES: dict[str, Misuse] = {
    "a model that is not cached": (
        lambda w: ["latents", w.data, "--nature", 500],
        r"--model stabilityai/stable-diffusion-xl-base-1.0 is not in the local Hugging Face cache; add --download",
    ),
    "a folder that is not there": (
        lambda w: ["generate", "--model", "/nowhere/model"],
        r"--model /nowhere/model: no such folder, and not a Hugging Face id",
    ),
    "missing weights": (
        lambda w: ["generate", "--model", _without(w, "unet/*.safetensors")],
        r"--model .*copy: no whole safetensors weights \(.*diffusion_pytorch_model.safetensors",
    ),
    "weights as a pickle": (
        lambda w: ["generate", "--model", _pickled(w)],
        r"--model .*copy: no whole safetensors weights",
    ),
    "weights that were cut": (
        lambda w: ["generate", "--model", _cut(w.copy() / "unet" / "diffusion_pytorch_model.safetensors").parents[1]],
        r"--model .*copy.*(safetensors|cannot be loaded)",
    ),
    "another architecture": (
        lambda w: ["generate", "--model", _ddpm(w)],
        r"--model .*ddpm is a DDPMPipeline; this needs one of StableDiffusionXLPipeline",
    ),
    "an inpainting model where text-to-image is needed": (
        lambda w: ["latents", w.data, *_NATURE, "--model", w.inpainting],
        r"its U-Net takes 9 channels and this needs 4; give a text-to-image model",
    ),
    "a VAE that overflows in fp16": (
        lambda w: [
            "latents",
            w.data,
            *_NATURE,
            "--model",
            _overflowing(w),
            "--precision",
            "fp16",
            "--output",
            w.folder / "o",
        ],
        r"overflows when encoding in float16: use --vae madebyollin/sdxl-vae-fp16-fix, or --precision bf16 or fp32",
    ),
    "captions of other images": (
        lambda w: [
            "latents",
            w.data,
            *_NATURE,
            "--model",
            w.xl,
            "--captions",
            _captions(w, {"file": "x.png", "text": "a"}),
        ],
        r"captions\.jsonl line 1 names x\.png, which is not among the images",
    ),
    "captions under another name": (
        lambda w: [
            "latents",
            w.data,
            *_NATURE,
            "--model",
            w.xl,
            "--captions",
            _captions(w, {"file": "000.png", "note": "a"}),
        ],
        r'captions\.jsonl has no captions under "text"; choose the field with --caption-column',
    ),
    "captions for some images only": (
        lambda w: [
            "latents",
            w.data,
            *_NATURE,
            "--model",
            w.xl,
            "--captions",
            _captions(w, {"file": "000.png", "text": "a"}),
        ],
        r"5 of 6 images of .* have no caption, such as 001\.png: --without-caption null",
    ),
    "a caption file that is not there": (
        lambda w: ["latents", w.data, *_NATURE, "--model", w.xl, "--captions", "/nowhere.jsonl"],
        r"--captions /nowhere\.jsonl: No such file",
    ),
    "no images": (
        lambda w: ["latents", w.folder / "lora" if w.adapter() else "", *_NATURE, "--model", w.xl],
        r"lora has no images to use",
    ),
    "a damaged image": (
        lambda w: [
            "latents",
            _cut(w.data / "003.png", 60).parent,
            *_NATURE,
            "--model",
            w.xl,
            "--output",
            w.folder / "o",
        ],
        r"damaged: 003\.png .*mend or remove it, or leave it out with --skip-bad",
    ),
    "images that are too small": (
        lambda w: ["latents", w.data, *_NATURE, "--model", w.xl, "--resolution", 64, "--output", w.folder / "o"],
        r"wrong size: 000\.png \(48x40, smaller than 64x64\)",
    ),
    "a resolution that does not divide": (
        lambda w: ["latents", w.data, *_NATURE, "--model", w.xl, "--resolution", 40],
        r"resolution 40: this model needs a multiple of 16 pixels",
    ),
    "a nature level beyond the schedule": (
        lambda w: ["latents", w.data, "--model", w.xl, "--nature", 1000],
        r"--nature 1000: this model has the steps 0 \(clean\) to 999",
    ),
    "a cache of other options": (
        lambda w: ["latents", w.data, "--model", w.xl, "--nature", 400, "--output", w.cache()],
        r"cache holds another configuration: nature\.t_n is 500 there and 400 here",
    ),
    "training on nothing": (
        lambda w: ["train", w.data, "--model", w.xl],
        r"data holds no latents; make them with python -m sdxl\.latents",
    ),
    "latents that are not finished": (
        lambda w: ["train", (w.cache() / "index.json").unlink() or w.folder / "cache", "--model", w.xl],
        r"the latents in .*cache are not finished; run the same python -m sdxl\.latents command again",
    ),
    "an interrupted shard": (
        lambda w: ["train", _cut(w.cache() / "latents-00000.safetensors").parent, "--model", w.xl],
        r"latents-00000\.safetensors is damaged: .*; remove it, and run the command that made it again",
    ),
    "latents of another model": (
        lambda w: ["train", w.cache(), "--model", w.sd],
        r"cache was made with other text encoders than those of --model",
    ),
    "a method that does not fit the latents": (
        lambda w: ["train", w.cache(), "--model", w.xl, "--method", "dsm"],
        r"--method dsm does not fit these latents \(t_n = 500\); encode them with --nature 0",
    ),
    "algorithm 1 without clean latents": (
        lambda w: ["train", w.cache(), "--model", w.xl, "--method", "hybrid"],
        r"--method hybrid needs both versions of each latent; encode them with --keep-clean",
    ),
    "no weight for consistency": (
        lambda w: ["train", w.cache(nature=300), "--model", w.xl, "--method", "consistency"],
        r"the paper gives no weight for t_n = 300 \(0\.01 at 100, .*choose --consistency-weight",
    ),
    "a batch that does not divide": (
        lambda w: ["train", w.cache(), "--model", w.xl, "--batch", 16, "--accumulation", 3],
        r"a batch of 16 does not divide among 1 processes of 3 parts",
    ),
    "a batch that does not fit the recipe": (
        lambda w: ["train", w.cache(), "--model", w.xl, "--method", "recommended", "--batch", 8],
        r"--batch 8 in 1 part\(s\): the recommended recipe needs a multiple of 16",
    ),
    "a run of other options": (
        lambda w: [
            "train",
            w.cache(),
            "--model",
            w.xl,
            "--steps",
            1,
            "--batch",
            2,
            "--rank",
            8,
            "--output",
            _finished(w),
        ],
        r"run holds another configuration: .*rank is 4 there and 8 here",
    ),
    "a warm start of another rank": (
        lambda w: ["train", w.cache(), "--model", w.xl, "--rank", 2, "--start", w.adapter()],
        r"\(rank 4\) does not fit this adapter; use its --rank",
    ),
    "a number in the data that is none": (
        lambda w: ["train", _poisoned(w), "--model", w.xl, "--batch", 6, "--output", w.folder / "run"],
        r"the loss is not finite at step 0: .*samples \[2\]",
    ),
    "a tracker that is not installed": (
        lambda w: ["train", w.cache(), "--model", w.xl, *_RUN, "--report", _tracker()],
        r"--report \w+: not installed; install it with pip, or leave it out",
    ),
    "a LoRA of another base": (
        lambda w: ["generate", "--model", w.sd, "--lora", w.adapter()],
        r"was trained on other weights \(.*xl\) than these \(.*sd\); use its --model",
    ),
    "a LoRA that is not there": (
        lambda w: ["generate", "--model", w.xl, "--lora", w.folder],
        r"pytorch_lora_weights\.safetensors does not exist; give the .* of a training run, or its folder",
    ),
    "a scheduler that does not exist": (
        lambda w: ["generate", "--model", w.xl, "--scheduler", "DDIMM"],
        r"--scheduler DDIMM: there is no DDIMMScheduler here; there are DDIM",
    ),
    "prompts that cannot be read": (
        lambda w: ["generate", "--model", w.xl, "--prompts", _of(w.folder / "p.txt", b"\n\n")],
        r"--prompts .*p\.txt holds no prompts",
    ),
    "a folder that holds something else": (
        lambda w: ["tiny", w.data],
        r"data is not empty; choose a new folder",
    ),
    "networks where something else is": (
        lambda w: ["tiny_vision", w.data],
        r"data is not empty; choose a new folder",
    ),
    "a side of nothing": (
        lambda w: [*_encode(w), "--resolution", 0],
        r"--resolution 0: at least 1",
    ),
    "a level below clean": (
        lambda w: ["latents", w.data, "--model", w.xl, "--nature", -1],
        r"--nature -1: at least 0",
    ),
    "a GPU that is not there": (
        lambda w: [*_encode(w), "--device", "cuda:63"],
        r"--device cuda:63: this machine has none that torch can use; give --device cpu",
    ),
    "a revision of a folder": (
        lambda w: ["generate", "--model", w.xl, "--revision", "main"],
        r"--revision main: .*xl is a folder, which has none",
    ),
    "a tokenizer that is missing": (
        lambda w: ["generate", "--model", _without(w, "tokenizer_2/*")],
        r"--model .*copy: tokenizer_2 has \d tokens and text_encoder_2 has \d+; its files are missing",
    ),
    "facts of latents that are damaged": (
        lambda w: ["train", _of(w.cache() / "cache.json", b'{"vae": 1}').parent, "--model", w.xl],
        r"cache\.json is damaged \(it lacks text_encoders.*run the same python -m sdxl\.latents command again",
    ),
    "captions that are lost": (
        lambda w: [
            *("train", (w.cache() / "captions-00000.json").unlink() or w.folder / "cache", "--model", w.xl, *_RUN),
            *("--mitigation", "random-caption", "--output", w.folder / "run"),
        ],
        r"captions-00000\.json is missing or damaged; run the same python -m sdxl\.latents command again",
    ),
    "a warm-up of less than nothing": (
        lambda w: ["train", w.cache(), "--model", w.xl, *_RUN, "--warmup", -3],
        r"--warmup -3: at least 0",
    ),
    "a gradient that is cut to nothing": (
        lambda w: ["train", w.cache(), "--model", w.xl, *_RUN, "--clip", 0],
        r"--learning-rate and --clip are above 0",
    ),
    "training in fp16": (
        lambda w: ["train", w.cache(), "--model", w.xl, *_RUN, "--precision", "fp16"],
        r"--precision fp16: training loses small gradients in it",
    ),
    "a start that is no LoRA": (
        lambda w: ["train", w.cache(), "--model", w.xl, *_RUN, "--start", _of(w.folder / "p.txt", b"text")],
        r"p\.txt is (not a whole safetensors file|damaged)",
    ),
    "a LoRA whose layers are elsewhere": (
        lambda w: ["generate", "--model", w.xl, "--lora", _elsewhere(w)],
        r"elsewhere\.safetensors does not fit .*: \d+ of its \d+ layers are not in this U-Net, such as nowhere",
    ),
    "more steps than a scheduler has": (
        lambda w: ["generate", "--model", w.xl, "--scheduler", "TCD", "--steps", 300],
        r"--steps 300 with --scheduler TCD: ",
    ),
    "a scheduler of other models": (
        lambda w: ["generate", "--model", w.xl, "--scheduler", "FlowMatchEulerDiscrete"],
        r"--scheduler FlowMatchEulerDiscrete belongs to flow-matching models",
    ),
    "prompts in another column": (
        lambda w: ["generate", "--model", w.xl, "--prompts", _of(w.folder / "p.csv", b"words\na\n")],
        r'p\.csv has no column "text" \(--prompt-column\); its columns: words',
    ),
    "images of other options": (
        lambda w: ["generate", "--model", w.xl, "--samples", 1, "--steps", 1, "--seed", 4, "--output", _images(w)],
        r"images holds another configuration: seed is 0 there and 4 here",
    ),
    "a file in the place of a folder": (
        lambda w: ["generate", "--model", w.xl, "--steps", 1, "--output", _of(w.folder / "p.txt", b"text")],
        r"--output .*p\.txt is a file; give a folder",
    ),
    "nothing to compare with": (
        lambda w: ["mitigation", _of(w.folder / "p.txt", b"a\n"), "--others", w.folder / "p.txt", "--model", w.xl],
        r"--others .*p\.txt: a comparison needs at least 2 prompts of each file",
    ),
    "prompts to score that are not there": (
        lambda w: ["mitigation", "nowhere.txt", "--model", w.xl],
        r"prompts nowhere\.txt cannot be read",
    ),
    "a step beyond the schedule": (
        lambda w: ["mitigation", _of(w.folder / "p.txt", b"a\n"), "--model", w.xl, "--step", 1000],
        r"--step 1000: this model has the steps 0 to 999",
    ),
}


@pytest.mark.parametrize("name", MISUSES)
def test_one_clear_line(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    build, message = MISUSES[name]
    command, *arguments = map(str, build(world))
    capfd.readouterr()
    monkeypatch.setattr(sys, "argv", [command, *arguments])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.chdir(world.folder)
    before = {path for path in world.folder.rglob("*") if path.is_file()}
    assert MAINS[command]() == 1
    said = re.sub(r"\x1b\[[0-9;]*m", "", capfd.readouterr().err)
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.strip() and "it/s" not in line]
    errors = [line for line in lines if line.startswith("error:")]
    assert len(errors) == 1, said
    assert re.search(message, errors[0]), errors[0]
    assert len(errors[0]) < 700
    assert all("Traceback" not in line for line in lines)
    assert before <= {path for path in world.folder.rglob("*") if path.is_file()}, "nothing is lost"
