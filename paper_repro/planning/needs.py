"""What artefacts need at the scales gpu and paper that is not in this repository, and where it is to be had.

All of it is looked for before anything starts, so that nothing fails after hours of training for want of a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paper_repro.options import Options, is_hub_id

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
        weights: Whether `--download` fetches it.
        model: Whether it is a whole pipeline of diffusers.
    """

    name: str
    option: str
    where: str
    weights: bool = False
    model: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.how}): {self.where}"

    @property
    def how(self) -> str:
        """How to say where it is, in words."""
        return f"{self.option}, or --download" if self.weights else self.option


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
    "--inception",
    f"{_EDM}/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
    weights=True,
)
DINOV2 = Need("DINOv2 ViT-g/14", "--dinov2", "https://huggingface.co/facebook/dinov2-giant, 4.6 GB", weights=True)
CLIP = Need("CLIP", "--clip", "https://huggingface.co/openai/clip-vit-large-patch14, 1.7 GB", weights=True)
DETECTOR = Need("an object detector", "--detector", "https://huggingface.co/hustvl/yolos-small", weights=True)
SDXL = Need(
    "SDXL",
    "--sdxl",
    "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0, 7 GB in fp16",
    weights=True,
    model=True,
)
INPAINTING = Need(
    "SDXL inpainting",
    "--inpainting",
    "https://huggingface.co/diffusers/stable-diffusion-xl-1.0-inpainting-0.1, 7 GB in fp16",
    weights=True,
    model=True,
)
SD2 = Need(
    "Stable Diffusion 2",
    "--sd2",
    "its owner took it off the Hugging Face hub; give a mirror's id or a folder",
    weights=True,
    model=True,
)
GPU = Need("a CUDA GPU", "--device cuda", "SDXL needs 40 GB of memory at 1024x1024, the models of P2 16 GB")


def in_order(needs: Iterable[Need]) -> list[Need]:
    """Each once: data, then weights, then a GPU."""
    data = [*DATA.values(), FID_REFERENCE]
    return sorted(dict.fromkeys([*needs, GPU]), key=lambda need: data.index(need) if need in data else len(data))


def check(needs: Iterable[Need], options: Options) -> None:
    """Raises MissingError for the first of `needs` that is not there."""
    for need in needs:
        if need is GPU:
            if options.device == "cpu":
                raise MissingError(
                    f"scale {options.scale} needs {need.name}: choose it with {need.option}. {need.where}"
                )
            continue
        if need.weights and options.download:
            continue
        place = options.place_of(need.option.removeprefix("--"))
        if place is None or not (Path(place).exists() or _is_elsewhere(need, str(place))):
            given = "was not given" if place is None else f"is not at {place}"
            given = f"{given}, nor in the local Hugging Face cache" if need.weights and need is not INCEPTION else given
            raise MissingError(f"{need.name} {given}: say where it is with {need.how}. {_get(need)}")


def _is_elsewhere(need: Need, place: str) -> bool:
    """Whether a place is shards, the id of a data set, or the id of weights that are in the local cache."""
    if need in DATA.values():
        return "{" in place or (is_hub_id(place) and need is not DATA["cifar10"])
    from huggingface_hub import try_to_load_from_cache

    index = "model_index.json" if need.model else "config.json"
    return is_hub_id(place) and isinstance(try_to_load_from_cache(place, index), str)


def _get(need: Need) -> str:
    return f"Get it from {need.where}" if need.where.startswith("http") else f"Where: {need.where}"
