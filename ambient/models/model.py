r"""A trained model as one thing: network, preconditioning, centre, units, level and classes, in a folder of its own.

The network is trained on images about their mean image c, in variance-exploding coordinates. A `Model` is the same
denoiser in the images' own coordinates,

    h(x_t, t) = c + D(x_t - alpha_t c, t),      X_t = alpha_t X_0 + sigma_t Z,

with x_0 in [-1, 1]: so whatever takes a denoiser (our samplers, k-diffusion's, a diffusers scheduler) takes it as it
is, and nobody has to know the centre. Of a model for Poisson noise, x_0 is in the units of `ambient.noise.Stabilised`,
and `encode` and `decode` lead there and back; `sample` and restoration do it themselves.

The folder holds `config.json`, `model.safetensors` and a model card, and is read and written by huggingface_hub's own
mixin, so `save_pretrained`, `from_pretrained` and `push_to_hub` are the ones that users of the Hub know.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from ambient import karras
from ambient.denoisers import EDMDenoiser
from ambient.models.card import card_text
from ambient.models.folder import CONFIG, WEIGHTS, weights_of
from ambient.models.names import MethodName, NetworkName, SamplerName
from ambient.models.networks import build
from ambient.models.spectrum import SpectralDenoiser
from ambient.noise import PoissonGaussian, Stabilised
from ambient.noise.clipping import Limits
from ambient.process import Level, as_level, per_sample
from ambient.runs.damage import DamagedFileError
from ambient.runs.files import fingerprint, load_tensors, read_json, save_tensors, write_json, write_text
from ambient.runs.results import digest_of
from ambient.sampling import generate

FORMAT = 1
"""Of the folder; a folder of a later format is refused."""
CARD = "README.md"
"""Name of the model card."""
HUB_OPTIONS = ("revision", "cache_dir", "force_download", "local_files_only", "token", "map_location", "strict")
SAMPLERS: dict[SamplerName, karras.Sampler] = {
    "heun": karras.sample_heun,
    "euler": karras.sample_euler,
    "ancestral": karras.sample_euler_ancestral,
}


class Model(nn.Module, PyTorchModelHubMixin, library_name="ambient-tweedie-lab", license="apache-2.0"):
    """E[X_0 | X_t = x_t] of images in [-1, 1], and what is needed to sample and restore with it.

    Args:
        network: Name of the network.
        channels: Channels of the images, 1 or 3.
        side: Side of the images.
        sigma_data: Standard deviation of the clean images about their mean, as training estimated it.
        nature: The noise level sigma_n that the training images came with, in [-1, 1] units; the median where they
            differ, 0 for clean images.
        method: How it was trained.
        stop: Level at which sampling stops and returns the posterior mean: below it the method teaches nothing that
            is better. 0 samples down to clean images.
        classes: Names of the classes; empty for none.
        augmented: Whether the network is told of augmentations.
        dropout: Of the network, in training.
        spectral: Whether the network starts from the Wiener filter of the images' spectrum (`ambient.models.spectrum`).
        limits: Smallest and largest value that the files of its noisy training images could hold, where noise was
            clipped there (`ambient.noise.tails`); None for a side where it was not.
        sigma_min, sigma_max: Ends of the sampling grid.
        poisson: The Poisson-Gaussian noise of the images that it was trained on, as the arguments of
            `ambient.noise.PoissonGaussian`; then `nature` and all levels are in the units in which it is white.
        facts: What else a model card should say, such as the number of images and updates.
        format: Of the folder.

    Raises:
        ValueError: If the folder was written by a later version, or there is no such network.
    """

    def __init__(
        self,
        network: NetworkName,
        channels: int,
        side: int,
        *,
        sigma_data: float = 0.5,
        nature: float = 0.0,
        method: MethodName = "dsm",
        stop: float = 0.0,
        classes: Sequence[str] = (),
        augmented: bool = False,
        dropout: float = 0.0,
        spectral: bool = False,
        limits: Sequence[float | None] = (None, None),
        sigma_min: float = 0.002,
        sigma_max: float = 80.0,
        poisson: dict[str, float] | None = None,
        facts: dict[str, Any] | None = None,
        format: int = FORMAT,
    ) -> None:
        super().__init__()
        if format > FORMAT:
            raise ValueError(f"this model has format {format}, and this version reads up to {FORMAT}: update it")
        net = build(network, side, channels, dropout=dropout, classes=len(classes), augmented=augmented)
        self.denoiser = SpectralDenoiser(net, channels, side, sigma_data) if spectral else EDMDenoiser(net, sigma_data)
        self.centre = nn.Buffer(torch.zeros(channels, side, side))
        self.shape = (channels, side, side)
        self.nature, self.method, self.stop = nature, method, stop
        self.classes = tuple(classes)
        self.limits = Limits(limits[0], limits[1], 0.0, 0.0)
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.stabilised = None if poisson is None else Stabilised(PoissonGaussian(**poisson))
        self.facts = dict(facts or {})
        self._made_of = {
            "network": network,
            "channels": channels,
            "side": side,
            "sigma_data": sigma_data,
            "nature": nature,
            "method": method,
            "stop": stop,
            "classes": list(classes),
            "augmented": augmented,
            "dropout": dropout,
            "spectral": spectral,
            "limits": list(limits),
            "sigma_min": sigma_min,
            "sigma_max": sigma_max,
            "poisson": poisson,
            "format": format,
        }

    @property
    def noisy(self) -> bool:
        """Whether it was trained on noisy images."""
        return self.nature > 0

    @property
    def sigma_data(self) -> float:
        """Standard deviation of the clean images about their mean."""
        return self.denoiser.sigma_data

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.centre.device

    def encode(self, images: Tensor) -> Tensor:
        """Noisy images in [-1, 1] units, of any shape, in the model's: the same but for Poisson noise."""
        return images if self.stabilised is None else self.stabilised.forward(images)

    def decode(self, x_0: Tensor) -> Tensor:
        """Clean images in the model's units, of any shape, in [-1, 1]: the exact unbiased inverse for Poisson noise."""
        return x_0 if self.stabilised is None else self.stabilised.inverse(x_0)

    def forward(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t = x_t] in the model's units, which are [-1, 1] (not clipped) but for Poisson noise.

        Args:
            x_t: Noisy images, (B, C, H, W) of the model's own size.
            level: Their level, () or (B,), or a bare sigma, which means X_t = X_0 + sigma Z.
            condition: `label`, (B,) int64, for a model with classes.

        Raises:
            ValueError: If a model with classes is told none: it has never seen an image without.
        """
        if self.classes and condition.get("label") is None:
            raise ValueError(f"this model has {len(self.classes)} classes: give `label`, the class of each image")
        own = as_level(level).on(x_t)
        centre = self.centre.to(x_t)
        deviation: Tensor = self.denoiser(x_t - per_sample(own.alpha, x_t) * centre, own, **condition)
        return centre + deviation

    def sample(self, number: int, *, start: int = 0, batch: int = 64, **options: Any) -> Iterator[Tensor]:
        """Generate the images start..start+number-1, batch by batch; image i is a function of (seed, i).

        Args:
            number: How many.
            start: Index of the first: samples can be added to those that are there.
            batch: Images at a time; changes no image beyond rounding.
            options: As of `sample_indices`.

        Yields:
            Images (b, C, H, W) float32 on the CPU.
        """
        for first in range(start, start + number, batch):
            yield self.sample_indices(range(first, min(first + batch, start + number)), **options)

    def sample_indices(
        self,
        indices: Sequence[int],
        *,
        seed: int = 0,
        steps: int = 18,
        sampler: SamplerName = "heun",
        labels: Sequence[int] | None = None,
        stop: float | None = None,
    ) -> Tensor:
        """Generate the images `indices` at once.

        Args:
            indices: Which images: each is a function of (seed, index).
            seed: Seed.
            steps: Levels of EDM's grid.
            sampler: Which sampler.
            labels: Class of each image, for a model with classes; by default the classes in turn, by index.
            stop: Level at which to stop and return the posterior mean; the model's own if None.

        Returns:
            Images (b, C, H, W) float32 on the CPU, in [-1, 1] but for small excursions.

        Raises:
            ValueError: If there is not a label for each image, or the model has no such class.
        """
        sigmas = karras.karras_sigmas(steps, self.sigma_min, self.sigma_max)
        end = self.stop if stop is None else stop
        chosen = self._labels(labels, indices)
        condition = {} if chosen is None else {"label": torch.tensor(chosen, device=self.device)}
        images = generate(
            self,
            list(indices),
            self.shape,
            karras.truncate(sigmas, end) if end > 0 else sigmas,
            seed=seed,
            sampler=SAMPLERS[sampler],
            batch=len(indices),
            condition=lambda _: condition,
            device=self.device,
        )
        return self.decode(next(images))

    def digest(self) -> str:
        """SHA-256 of its weights and centre: what identifies the model, wherever its folder is."""
        return fingerprint(*(value for _, value in sorted(self.state_dict().items())))

    def class_of(self, name: str) -> int:
        """The number of a class.

        Raises:
            ValueError: If there is no such class, naming those that there are.
        """
        if name not in self.classes:
            known = f"it has {', '.join(self.classes)}" if self.classes else "it has no classes"
            raise ValueError(f"--label {name}: the model knows no such class; {known}")
        return self.classes.index(name)

    def _labels(self, labels: Sequence[int] | None, indices: Sequence[int]) -> list[int] | None:
        """The class of each image; None for a model without classes."""
        if not self.classes:
            if labels is not None:
                raise ValueError("this model has no classes: leave the labels out")
            return None
        chosen = [i % len(self.classes) for i in indices] if labels is None else list(labels)
        if len(chosen) != len(indices):
            raise ValueError(f"{len(indices)} images need {len(indices)} labels, got {len(chosen)}")
        if wrong := [label for label in chosen if not 0 <= label < len(self.classes)]:
            raise ValueError(f"there is no class {wrong[0]}: this model has 0 to {len(self.classes) - 1}")
        return chosen

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model, as in its config.json."""
        return {**self._made_of, "facts": self.facts}

    def _save_pretrained(self, save_directory: Path) -> None:
        save_tensors(save_directory / WEIGHTS, self.state_dict(), {CONFIG: digest_of(self.config)})
        write_text(save_directory / CARD, str(self.generate_model_card()))
        write_json(save_directory / CONFIG, self.config)  # last: a folder that has it is whole

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> Model:
        path = weights_of(model_id, options)
        keys = inspect.signature(cls).parameters.keys()
        unknown = sorted(key for key in options if key not in keys and key not in HUB_OPTIONS)
        if unknown:
            raise ValueError(f"{model_id}: config.json has fields unknown to this version: {', '.join(unknown)}")
        # Whatever torch's default type is: the weights are float32, and so are the samples.
        try:
            model = cls(**{key: value for key, value in options.items() if key in keys}).float()
        except (TypeError, LookupError, AttributeError, OverflowError) as error:
            raise DamagedFileError.of(path.with_name(CONFIG), error) from error
        tensors, facts = load_tensors(path)
        expected = model.state_dict()
        if different := sorted(set(expected) ^ set(tensors)):
            raise ValueError(f"{path} holds the weights of another network: {', '.join(different[:3])}")
        model.load_state_dict(tensors)
        _check_config(path.with_name(CONFIG), facts.get(CONFIG))
        return model.eval()

    def generate_model_card(self, **_: Any) -> ModelCard:
        """The model card; see `ambient.models.card`."""
        return ModelCard(card_text(self))


def _check_config(path: Path, digest: str | None) -> None:
    """Raises DamagedFileError if a config.json is not the one that the weights beside it were saved with.

    Weights of an earlier version do not say which that was.
    """
    if digest is not None and path.is_file() and digest_of(read_json(path)) != digest:
        raise DamagedFileError.of(
            path, f"it is not the one that {WEIGHTS} was saved with", "put that back, or save the model again"
        )
