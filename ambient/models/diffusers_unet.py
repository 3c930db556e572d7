r"""A model as diffusers knows one: unet(sample, timestep).sample, for any scheduler that `ambient.schedules` reads.

A scheduler describes levels X_t = alpha_t X_0 + sigma_t Z, what a network is told of them, and what it predicts. Every
prediction follows from h(x_t, t) = E[X_0 | X_t = x_t] (`tweedie.from_x_0`), so one model serves diffusers'
DDIMPipeline, DDPMPipeline and any loop over `scheduler.step`.
"""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor

from ambient import tweedie
from ambient.models.model import Model
from ambient.process import VE, Flow, Level
from ambient.schedules import Schedule


class DenoiserUNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A model for the loop of a scheduler.

    Args:
        model: The arguments of `Model`.
        scheduler: The configuration of a diffusers scheduler, with its `_class_name`.
        sample_size: Side of the images, which pipelines ask for.
        in_channels: Their channels.

    Raises:
        ValueError: If the scheduler is none that a denoiser can serve, naming why.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, model: dict[str, Any], scheduler: dict[str, Any], sample_size: int, in_channels: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.denoiser = Model(**model)
        self.schedule = Schedule.from_scheduler(getattr(diffusers, scheduler["_class_name"]).from_config(scheduler))

    @classmethod
    def of(cls, model: Model, scheduler: Any) -> DenoiserUNet:
        """The model for this scheduler; it shares the model's weights."""
        facts = {**scheduler.config, "_class_name": type(scheduler).__name__}
        plain = {key: value for key, value in facts.items() if not key.startswith("_") or key == "_class_name"}
        unet: DenoiserUNet = cls(model.config, plain, model.shape[1], model.shape[0])
        unet.denoiser = model
        unet.eval()
        return unet

    def forward(
        self, sample: Tensor, timestep: Tensor | float, class_labels: Tensor | None = None, return_dict: bool = True
    ) -> UNet2DOutput | tuple[Tensor]:
        """What the scheduler's network predicts.

        Args:
            sample: x_t at the scale of the network's input (`scheduler.scale_model_input`), (B, C, H, W).
            timestep: As the scheduler gives it, () or (B,).
            class_labels: (B,) int64, for a model with classes.
            return_dict: Whether the prediction comes as `.sample`, or in a tuple.
        """
        time = torch.as_tensor(timestep, dtype=torch.float64, device=sample.device).expand(len(sample))
        level = self._level(time)
        condition = {} if class_labels is None else {"label": class_labels}
        # Pure noise (alpha = 0) says nothing of x_0 but its mean, which the network knows at a ratio of a thousand.
        seen = Level(level.alpha.maximum(1e-3 * level.sigma), level.sigma)
        x_0 = self.denoiser(sample, seen, **condition)
        output = predicted(x_0, sample, level, self.schedule).to(sample.dtype)
        return UNet2DOutput(sample=output) if return_dict else (output,)

    def _level(self, time: Tensor) -> Level:
        """The level of which the network is told `time`; the inverse of `Schedule.told`."""
        schedule = self.schedule
        if schedule.timestep == "index":
            return schedule.process.level(time)
        if schedule.timestep == "flow":
            return Flow().level(time / len(schedule.process))
        ratio = {"log_sigma": (4 * time).exp(), "arctan_sigma": (time * torch.pi / 2).tan(), "sigma": time}
        return schedule.process.family.level(schedule.process.family.time(VE().level(ratio[schedule.timestep])))


def predicted(x_0: Tensor, x_t: Tensor, level: Level, schedule: Schedule) -> Tensor:
    """The prediction that `Schedule.to_x_0` takes back to `x_0`, (B, *)."""
    standardised = Level(schedule.sigma_data * level.alpha, level.sigma)
    return tweedie.from_x_0(x_0 / schedule.sigma_data, x_t, standardised, schedule.prediction)
