r"""Inception features (2015-12-05), on which the Fréchet distance is FID (Heusel et al. 2017), as in EDM's protocol.

Images are rounded to bytes, since generated images are judged as they would be saved; grey ones are repeated three
times. The network resizes to 299 x 299 itself, and its last pooling layer gives 2048 features. EDM loads the same
network from a pickle; the TorchScript file here is StyleGAN2-ADA's, also used by clean-fid and k-diffusion, so that no
code is unpickled. EDM compares 50,000 generated images with the training set; no other number of images is comparable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ambient.data.images.pixels import to_uint8
from ambient.metrics.frechet import INCEPTION
from ambient.metrics.pretrained.checked import PretrainedError, download, verified

INCEPTION_URL = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
INCEPTION_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"


class Inception:
    """Images (B, C, H, W) in [-1, 1], C = 1 or 3, to Inception's features (B, 2048), float32 on the CPU.

    Attributes:
        name: `ambient.metrics.frechet.INCEPTION` for the real network; else it says that the network is another.
    """

    def __init__(self, network: Any, name: str, device: torch.device | str = "cpu", batch: int = 64) -> None:
        self.name = name
        self._network = network.eval().to(device)
        self._device = device
        self._batch = batch

    @classmethod
    def load(
        cls, path: Path, sha256: str = INCEPTION_SHA256, device: torch.device | str = "cpu", batch: int = 64
    ) -> Inception:
        """The network in a TorchScript file.

        Args:
            path: The file.
            sha256: What it must be; with another than the real network's, its distances are not called FID.
            device: Where it runs.
            batch: Images at a time.

        Raises:
            PretrainedError: If the file is missing, is another, or is no TorchScript.
        """
        verified(path, sha256)
        try:
            network = torch.jit.load(str(path), map_location="cpu")
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise PretrainedError(f"{path} is not a TorchScript network ({reason}); download it again") from error
        name = INCEPTION if sha256 == INCEPTION_SHA256 else f"network {sha256[:12]}"
        return cls(network, name, device, batch)

    @classmethod
    def download(cls, folder: Path, device: torch.device | str = "cpu", batch: int = 64) -> Inception:
        """The real network, kept in `folder` and downloaded (96 MB) if it is not there. Raises as `load` does."""
        path = download(INCEPTION_URL, folder / INCEPTION_URL.rsplit("/", 1)[1], INCEPTION_SHA256)
        return cls.load(path, device=device, batch=batch)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        parts = []
        for part in torch.split(to_uint8(images), self._batch):
            colour = part.expand(-1, 3, -1, -1).to(self._device)
            parts.append(self._network(colour, return_features=True).float().cpu())
        return torch.cat(parts)
