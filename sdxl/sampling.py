r"""Latents from a Stable Diffusion model by any diffusers scheduler, each image a function of (seed, index).

Image i takes all its random numbers from one generator, `image_generator(seed, i)`: first its noise, then whatever the
scheduler draws. An unmodified pipeline that is given these generators makes the same images:

    pipeline.scheduler = make_scheduler(pipeline.scheduler, "DDIM")
    pipeline(prompts, generator=[image_generator(seed, i) for i in indices], num_inference_steps=25, guidance_scale=1)

Sampling may stop at the nature level: at the last step of the grid at or above t_n it returns the posterior mean
E[X_0 | X_t] (P1 trains nothing below t_n without consistency).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import diffusers
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ambient import tweedie
from ambient.randomness import generator
from sdxl.components import Components
from sdxl.options import Sampler
from sdxl.schedulers import check_scheduler


def make_scheduler(own: Any, name: str) -> Any:
    """The scheduler `name` with the levels and the prediction of a pipeline's own; latents are not clipped.

    Raises:
        ValueError: If it does not draw from such models (see `sdxl.schedulers`), or not at the levels of this one.
    """
    kind = getattr(diffusers, check_scheduler(name))
    known = inspect.signature(kind.__init__).parameters
    config = {key: value for key, value in own.config.items() if key in known or key.startswith("_")}
    scheduler = kind.from_config(config, **({"clip_sample": False} if "clip_sample" in known else {}))
    if scheduler.config.prediction_type != own.config.prediction_type or not _same_levels(scheduler, own):
        raise ValueError(f"--scheduler {name} does not know the noise levels of this model; use {_short_name(own)}")
    return scheduler


def set_steps(scheduler: Any, sampler: Sampler, device: torch.device | str | None = None) -> None:
    """Give a scheduler its grid. Raises ValueError, naming the options, if it has none of so many steps."""
    try:
        scheduler.set_timesteps(sampler.steps, device=device)
    except (ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"--steps {sampler.steps} with --scheduler {sampler.scheduler}: {reason}") from error


def _same_levels(scheduler: Any, own: Any) -> bool:
    """Whether two schedulers have the same alphas; of pure noise (alpha = 0) some keep a trifle to divide by."""
    ours, theirs = scheduler.alphas_cumprod.double().cpu(), own.alphas_cumprod.double().cpu()
    return ours.shape == theirs.shape and bool(torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6))


def _short_name(scheduler: Any) -> str:
    return type(scheduler).__name__.removesuffix("Scheduler")


def image_generator(seed: int, index: int) -> torch.Generator:
    """The CPU generator of image `index`."""
    return generator("sampling", seed, index)


Condition = dict[str, Tensor]
Adjust = Callable[[Condition, Callable[[Condition], Tensor]], Condition]
"""(condition of the prompts, predicted noise at the first step for a condition) -> condition to sample with."""


@torch.no_grad()
def sample(
    components: Components,
    sampler: Sampler,
    indices: Sequence[int],
    prompts: Sequence[str],
    resolution: int,
    seed: int,
    adjust: Adjust | None = None,
) -> Tensor:
    """Scaled latents (B, 4, H / 8, W / 8) of the images `indices`, to be decoded by `Components.decode_latents`.

    Args:
        components: The model.
        sampler: How.
        indices: Which images.
        prompts: The prompt of each.
        resolution: Side of the images in pixels.
        seed: With the index it decides the image.
        adjust: Changes the condition before the first step, as a remedy of `sdxl.mitigation` does.

    Raises:
        ValueError: If the grid has no step at or above `sampler.stop`.
    """
    scheduler = make_scheduler(components.pipeline.scheduler, sampler.scheduler)
    set_steps(scheduler, sampler, components.device)
    last = _last(scheduler.timesteps, sampler)
    conditions = [components.encode_prompts(prompts, resolution)]
    if sampler.guidance > 1:
        conditions = [components.encode_prompts(prompts, resolution, unconditional=True), *conditions]
    dtype = conditions[0]["encoder_hidden_states"].dtype
    generators = [image_generator(seed, index) for index in indices]
    taken = inspect.signature(scheduler.step).parameters
    arguments = {"generator": generators, "eta": 0.0}  # as the pipelines of diffusers call every scheduler
    extra = {name: value for name, value in arguments.items() if name in taken}
    shape = (len(indices), *components.latent_shape(resolution))
    x: Tensor = randn_tensor(shape, generator=generators, device=components.device, dtype=dtype)
    x = x * scheduler.init_noise_sigma
    if adjust is not None:
        first = scheduler.timesteps[0]
        conditions[-1] = adjust(conditions[-1], _noise_at(components, scheduler.scale_model_input(x, first), first))
    condition = {name: torch.cat([part[name] for part in conditions]) for name in conditions[0]}
    states = condition.pop("encoder_hidden_states")
    for i, t in enumerate(scheduler.timesteps):
        x_in = scheduler.scale_model_input(torch.cat([x for _ in conditions]), t)
        output = components.unet(x_in, t, encoder_hidden_states=states, added_cond_kwargs=condition).sample
        if len(conditions) == 2:
            without, with_prompt = output.chunk(2)
            output = without + sampler.guidance * (with_prompt - without)
        if i == last:
            level = components.process.level(t.double().cpu())
            return tweedie.to_x_0(output.float(), x_in[: len(x)].float(), level, components.denoiser.prediction)
        x = scheduler.step(output, t, x, **extra).prev_sample
    return x


def _noise_at(components: Components, x: Tensor, t: Tensor) -> Callable[[Condition], Tensor]:
    """The predicted noise at x of step t, (B, *) float32, as a function of the condition."""
    level, kind = components.process.level(t.double().cpu()), components.denoiser.prediction

    def predict(condition: Condition) -> Tensor:
        added = {name: value for name, value in condition.items() if name != "encoder_hidden_states"}
        states = condition["encoder_hidden_states"]
        output = components.unet(x, t, encoder_hidden_states=states, added_cond_kwargs=added).sample.float()
        return tweedie.from_x_0(tweedie.to_x_0(output, x.float(), level, kind), x.float(), level, "epsilon")

    return predict


def stopping_step(components: Components, sampler: Sampler) -> float:
    """The step of the grid at which sampling stops for `sampler.stop`."""
    scheduler = make_scheduler(components.pipeline.scheduler, sampler.scheduler)
    set_steps(scheduler, sampler)
    last = _last(scheduler.timesteps, sampler)
    return 0.0 if last is None else float(scheduler.timesteps[last])


def _last(timesteps: Tensor, sampler: Sampler) -> int | None:
    """Position of the last step at or above the nature level."""
    if sampler.stop is None:
        return None
    above = (timesteps >= sampler.stop).nonzero()
    if len(above) == 0:
        raise ValueError(f"--stop {sampler.stop}: sampling starts at step {float(timesteps.max()):g}, below it")
    return int(above[-1])
