"""What an artefact needs at the scales gpu and paper that is not in this repository, and where it is to be had.

All of it is looked for before anything starts, so that nothing fails after hours of training for want of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from paper_repro.options import Options
from paper_repro.products import Attack, Evaluation, Images, Latents, Models, Product, Restorations
from paper_repro.registry import Artefact
from paper_repro.sizes import blocks

_EDM = "https://nvlabs-fi-cdn.nvidia.com"


class MissingError(OSError):
    """Something that is needed is not there."""


@dataclass(frozen=True)
class Need:
    """Something that an artefact needs.

    Attributes:
        name: What it is.
        option: How to say where it is.
        where: Where to get it.
    """

    name: str
    option: str
    where: str

    def __str__(self) -> str:
        return f"{self.name} ({self.option}): {self.where}"


DATA = {
    "cifar10": Need("CIFAR-10", "--cifar10", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz, 163 MB"),
    "ffhq": Need(
        "FFHQ", "--ffhq", "https://github.com/NVlabs/ffhq-dataset: thumbnails128x128 for P2, images1024x1024 for P1"
    ),
    "tiny-imagenet": Need(
        "Tiny ImageNet", "--tiny-imagenet", "https://cs231n.stanford.edu/tiny-imagenet-200.zip, 237 MB"
    ),
    "laion": Need(
        "10,000 image-text pairs of LAION",
        "--laion",
        "P1's choice is not released; P2's is LAION-10k of https://github.com/somepago/DCR; img2dataset fetches others",
    ),
    "xrays": Need(
        "chest X-rays with captions",
        "--xrays",
        "the paper does not name its set; https://github.com/ieee8023/covid-chestxray-dataset has images with notes",
    ),
}
FID_REFERENCE = Need(
    "EDM's statistics of CIFAR-10 for FID", "--fid-reference", f"{_EDM}/edm/fid-refs/cifar10-32x32.npz"
)
INCEPTION = Need(
    "Inception's TorchScript file, for FID",
    "--inception, or --download",
    f"{_EDM}/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
)
DINOV2 = Need("DINOv2 ViT-g/14", "--dinov2, or --download", "https://huggingface.co/facebook/dinov2-giant, 4.6 GB")
CLIP = Need("CLIP", "--clip, or --download", "https://huggingface.co/openai/clip-vit-large-patch14, 1.7 GB")
DETECTOR = Need("an object detector", "--detector, or --download", "https://huggingface.co/hustvl/yolos-small")
SDXL = Need(
    "SDXL", "--sdxl, or --download", "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0, 7 GB in fp16"
)
INPAINTING = Need(
    "SDXL inpainting",
    "--inpainting, or --download",
    "https://huggingface.co/diffusers/stable-diffusion-xl-1.0-inpainting-0.1, 7 GB in fp16",
)
SD2 = Need(
    "Stable Diffusion 2",
    "--sd2, with --download for an id",
    "its owner took it off the Hugging Face hub; give a mirror's id or a folder",
)
GPU = Need("a CUDA GPU", "--device cuda", "SDXL needs 40 GB of memory at 1024x1024, the models of P2 16 GB")


def needs(artefacts: Sequence[Artefact], options: Options) -> list[Need]:
    """Everything that these artefacts need at the scale, data first; nothing at the scales smoke and cpu."""
    if options.substitute:
        return []
    found: dict[Need, None] = {}
    for artefact in artefacts:
        for product in artefact.needs(substitute=False):
            found |= dict.fromkeys(_of(product, options))
        found |= dict.fromkeys({"inception": INCEPTION, "clip": CLIP}[judge] for judge in artefact.judges)
    data = [*DATA.values(), FID_REFERENCE]
    return sorted([*found, GPU], key=lambda need: data.index(need) if need in data else len(data))


def check(artefact: Artefact, options: Options) -> None:
    """Raises MissingError for the first of `needs` that is not there: data, then weights, then a GPU."""
    for need in needs([artefact], options):
        if need is GPU:
            if options.device == "cpu":
                raise MissingError(
                    f"scale {options.scale} needs {need.name}: choose it with {need.option}. {need.where}"
                )
            continue
        option = need.option.split(",")[0]
        place = getattr(options, option[2:].replace("-", "_"))
        optional = "--download" in need.option
        if optional and options.download:
            continue
        if place is None or not (Path(place).exists() or _is_elsewhere(need, str(place))):
            given = "was not given" if place is None else f"is not at {place}"
            given = f"{given}, nor in the local Hugging Face cache" if optional and need is not INCEPTION else given
            raise MissingError(f"{need.name} {given}: say where it is with {need.option}. {_get(need)}")


def _is_elsewhere(need: Need, place: str) -> bool:
    """Whether a place is shards, the id of a data set, or the id of weights that are in the local cache."""
    is_id = place.count("/") == 1 and not place.startswith((".", "/", "~")) and not Path(place).suffix
    if need in DATA.values():
        return "{" in place or (is_id and need.name != DATA["cifar10"].name)
    index = "model_index.json" if need in (SDXL, INPAINTING, SD2) else "config.json"
    return is_id and isinstance(try_to_load_from_cache(place, index), str)


def _get(need: Need) -> str:
    return f"Get it from {need.where}" if need.where.startswith("http") else f"Where: {need.where}"


def _of(product: Product, options: Options) -> list[Need]:
    if isinstance(product, Models):
        found = []
        for block in blocks(options, product.blocks):
            found += [DATA[block.data]] + [FID_REFERENCE] * (block.data == "cifar10")
        return [*found, INCEPTION, DINOV2]
    if isinstance(product, Latents):
        return [DATA[product.data], SD2 if product.sd2 else SDXL]
    if isinstance(product, Images):
        return [SDXL, *([DATA["xrays"]] if product.prompts == "xrays" else [])]
    if isinstance(product, Attack):
        extra = [INPAINTING, DETECTOR] if product.kind == "mask" else [SDXL]
        return [DATA[product.data], *extra, DINOV2]
    if isinstance(product, Restorations):
        return [DATA[product.data], SDXL]
    if isinstance(product, Evaluation):
        return [DATA[product.data], SD2, INCEPTION, DINOV2, CLIP]
    return []
