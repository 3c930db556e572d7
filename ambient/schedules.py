r"""What a network was trained on, as a diffusers scheduler describes it: its levels, its time, its prediction.

A `Schedule` holds what it takes to make a denoiser of a network: the training levels, what the network is told of a
level (`timestep`), and what it predicts. Four families of schedulers differ in these:

    betas        X_t = sqrt(a_i) X_0 + sqrt(1 - a_i) Z with a_i = prod (1 - beta); the network is told i
    flow         X_t = (1 - s) X_0 + s Z; it is told N s, whatever shift the sampling grid has
    EDM          c_in (X_0 + s Z), c_in = 1 / sqrt(s^2 + sigma_data^2); it is told ln(s) / 4 (or 2 arctan(s) / pi)
    score, VE    X_t = X_0 + s Z; it is told s, and predicts the score

For EDM, X_0 / sigma_data is predicted in the manner of v: with alpha' = sigma_data c_in and sigma' = s c_in,
alpha'^2 + sigma'^2 = 1, EDM's x_0 = c_skip y + c_out F (Karras et al. 2022, table 1) is, for the input x = c_in y,
sigma_data (alpha' x + sigma' F). So F is -v, and v where diffusers calls it "v_prediction".

Options of the sampling grid (number of steps, spacing, Karras sigmas, dynamic shifts, what `set_timesteps` did) change
nothing of this, since the network has been trained before.

The last level of a flow, and of betas rescaled to zero terminal signal-to-noise ratio, is pure noise, alpha = 0. It is
a level like the others: a prediction of v, x_0 or flow gives E[X_0 | X_t] there. A prediction of epsilon does not, so
that pair is refused. (Some schedulers put 2^-24 in place of a_N = 0. That is their level, unless it is cleaner than the
one before, as with linear betas: then it is 0.)

Every scheduler class of diffusers is either in `SUPPORTED` or in `REFUSED` with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ambient import tweedie
from ambient.process import VE, VP, Flow, Level, Process, as_tensor, in_range
from ambient.tweedie import Prediction

Timestep = Literal["index", "flow", "log_sigma", "arctan_sigma", "sigma"]
"""What a network is told of a level: its step, N sigma / (alpha + sigma), or a function of sigma / alpha."""


@dataclass(frozen=True, eq=False)
class Discrete:
    """The steps of a trained model: step i is the level of `family` at `times[i]`; time is the 0-based step.

    Attributes:
        family: The continuous process the steps belong to.
        times: Strictly increasing times of `family`, shape (steps,), with some noise at the first. The last may be
            pure noise (alpha = 0): it has a level and a time like the others.

    Raises:
        ValueError: If the times do not increase.
    """

    family: Process
    times: Tensor

    def __post_init__(self) -> None:
        times = as_tensor(self.times).to(torch.float64)
        if times.ndim != 1 or len(times) < 2 or not bool((times.diff() > 0).all()):
            raise ValueError("the times of a discrete process must increase from step to step")
        object.__setattr__(self, "times", times)

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> Discrete:
        """The training levels of a diffusers scheduler; `Schedule.from_scheduler` also says what is predicted there.

        Raises:
            ValueError: If it describes no such levels.
        """
        return Schedule.from_scheduler(scheduler).process

    def __len__(self) -> int:
        return len(self.times)

    def level(self, t: Tensor | float) -> Level:
        """The level of step `t`; between two steps, log(sigma / alpha) is interpolated linearly.

        Between the last two steps the times of the family are, if the last one is pure noise (alpha = 0).
        """
        t = in_range(as_tensor(t).to(torch.float64), 0.0, len(self) - 1, "the discrete process")
        times = self.times.to(t.device)
        low = t.floor().long().clamp(max=len(self) - 2)
        weight = t - low
        log_ratio = self._log_ratios.to(t.device)
        between = (log_ratio[low] * (1 - weight) + log_ratio[low + 1] * weight).exp()
        between_time = self.family.time(Level(torch.ones_like(between), between))
        before_noise = torch.lerp(times[low], times[low + 1], weight)
        between_time = torch.where(log_ratio[low + 1].isinf(), before_noise, between_time)
        return self.family.level(torch.where(weight == 0, times[low], between_time))

    def time(self, level: Level) -> Tensor:
        """The (fractional) step with the signal-to-noise ratio of `level`, clamped to the first and last step."""
        log_ratio = self._log_ratios.to(level.sigma.device)
        target = level.ratio.to(torch.float64).log()
        high = torch.searchsorted(log_ratio, target.contiguous()).clamp(1, len(self) - 1)
        low = high - 1
        weight = (target - log_ratio[low]) / (log_ratio[high] - log_ratio[low])
        times = self.times.to(level.sigma.device)
        before_noise = (self.family.time(level).to(times) - times[low]) / (times[high] - times[low])
        return low + torch.where(log_ratio[high].isinf(), before_noise, weight).clamp(0, 1)

    @property
    def _log_ratios(self) -> Tensor:
        return self.family.level(self.times).ratio.log()


@dataclass(frozen=True)
class Preconditioned:
    """EDM's levels as its network sees them: c_in (X_0 + t Z), c_in = (t^2 + sigma_data^2)^(-1/2); time is sigma.

    Attributes:
        sigma_data: Standard deviation of the clean data, > 0.
    """

    sigma_data: float = 1.0

    def level(self, t: Tensor | float) -> Level:
        """The level at VE sigma `t`, () or (B,)."""
        ve = VE().level(t)
        c_in = 1 / torch.hypot(ve.sigma, torch.full_like(ve.sigma, self.sigma_data))
        return Level(c_in, c_in * ve.sigma)

    def time(self, level: Level) -> Tensor:
        """sigma / alpha."""
        return level.ratio


@dataclass(frozen=True, eq=False)
class Schedule:
    """What a network was trained on.

    Attributes:
        process: The training levels; its family is the scale at which the network takes its input.
        prediction: What the network gives, about X_0 / sigma_data.
        timestep: What it is told of the level.
        sigma_data: Standard deviation of the data for EDM's preconditioning, else 1.
    """

    process: Discrete
    prediction: Prediction = "epsilon"
    timestep: Timestep = "index"
    sigma_data: float = 1.0

    def __post_init__(self) -> None:
        tweedie.check_prediction(self.prediction)
        if not self.sigma_data > 0:
            raise ValueError(f"sigma_data must be positive, got {self.sigma_data}")
        last = self.process.level(float(len(self.process) - 1))
        if bool(last.alpha == 0) and self.prediction in ("epsilon", "score"):
            raise ValueError(
                f"the last step has no signal (zero terminal SNR), and there {self.prediction} says nothing of X_0: "
                "such a model predicts v_prediction; if it does, correct prediction_type, else rescale_betas_zero_snr"
            )

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> Schedule:
        """The schedule of a diffusers scheduler's configuration, whatever `set_timesteps` has been called with.

        Raises:
            ValueError: If the scheduler describes no such levels (`REFUSED` says why), or not with these options.
        """
        name = type(scheduler).__name__
        if name in REFUSED:
            raise ValueError(f"{name}: {REFUSED[name]}")
        if name not in SUPPORTED:
            raise ValueError(f"{name} is not a known scheduler: give one of {', '.join(sorted(SUPPORTED))}")
        try:
            return SUPPORTED[name](scheduler)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def told(self, level: Level) -> Tensor:
        """The time handed to the network at a level, of the level's shape."""
        if self.timestep == "index":
            return self.process.time(level)
        if self.timestep == "flow":
            return len(self.process) * Flow().time(level)
        if self.timestep == "log_sigma":
            return level.ratio.log() / 4
        return level.ratio.atan() * (2 / math.pi) if self.timestep == "arctan_sigma" else level.ratio

    def to_x_0(self, output: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """E[X_0 | X_t], (B, *), from the network's output at `x_t` of a level of the process's family."""
        standardised = Level(self.sigma_data * level.alpha, level.sigma)
        return self.sigma_data * tweedie.to_x_0(output, x_t, standardised, self.prediction)

    def matches(self, other: Schedule) -> bool:
        """Whether both describe one network: the same levels, time and prediction (to a millionth)."""
        mine, theirs = (
            (s.process.family, s.prediction, s.timestep, s.sigma_data, len(s.process)) for s in (self, other)
        )
        return mine == theirs and torch.allclose(self.process.times, other.process.times, rtol=1e-6, atol=0)


_NAMES: dict[str, Prediction] = {
    "epsilon": "epsilon",
    "v_prediction": "v",
    "sample": "x_0",
    "flow_prediction": "flow",
}


def _prediction(config: Any, *known: str) -> Prediction:
    found = config.get("prediction_type", known[0])
    if found not in known:
        raise ValueError(f"prediction_type {found!r} says nothing of X_0 on its levels; known are {', '.join(known)}")
    return _NAMES[found]


def _of_betas(scheduler: Any) -> Schedule:
    config = scheduler.config
    if config.get("use_flow_sigmas"):
        return _of_flow(scheduler)
    if config.get("variance_type") in ("learned", "learned_range"):
        raise ValueError(
            f"with variance_type {config.variance_type!r} its network predicts a variance beside the mean, in "
            "twice the channels; this takes a network that predicts the mean only"
        )
    prediction = _prediction(config, "epsilon", "v_prediction", "sample")
    if config.get("timestep_type") == "continuous" and prediction == "v":
        return Schedule(Discrete(Preconditioned(), _continuous_sigmas(scheduler)), "v", "log_sigma")
    alphas_cumprod = scheduler.alphas_cumprod.double().cpu().clone()
    if config.get("rescale_betas_zero_snr") and bool(alphas_cumprod[-1] >= alphas_cumprod[-2]):
        alphas_cumprod[-1] = 0
    return Schedule(Discrete(VP(), (1 - alphas_cumprod).sqrt()), prediction)


def _continuous_sigmas(scheduler: Any) -> Tensor:
    """VE levels of EulerDiscreteScheduler with continuous time: its configured range where its grids use one."""
    config, alphas_cumprod = scheduler.config, scheduler.alphas_cumprod.double().cpu()
    own: Tensor = ((1 - alphas_cumprod) / alphas_cumprod).sqrt()
    ranged = config.use_karras_sigmas or config.use_exponential_sigmas or config.use_beta_sigmas
    if not ranged or (config.sigma_min is None and config.sigma_max is None):
        return own
    low = float(own[0]) if config.sigma_min is None else config.sigma_min
    high = float(own[-1]) if config.sigma_max is None else config.sigma_max
    return torch.logspace(math.log10(low), math.log10(high), len(own), dtype=torch.float64)


def _of_flow(scheduler: Any) -> Schedule:
    config = scheduler.config
    if config.get("invert_sigmas"):
        raise ValueError("with invert_sigmas its time runs from noise to data, which its own add_noise does not follow")
    prediction = _prediction(config, "flow_prediction", "sample")
    shift = getattr(scheduler, "shift", config.get("shift", config.get("flow_shift", 1.0)))
    if config.get("use_dynamic_shifting"):  # a shift by the size of the image, of the sampling grid only
        shift = 1.0
    sigma = torch.arange(1, config.num_train_timesteps + 1, dtype=torch.float64) / config.num_train_timesteps
    return Schedule(Discrete(Flow(), shift * sigma / (1 + (shift - 1) * sigma)), prediction, "flow")


def _of_edm(scheduler: Any, timestep: Timestep = "log_sigma") -> Schedule:
    config = scheduler.config
    prediction = _prediction(config, "epsilon", "v_prediction")
    sigmas = type(scheduler).from_config(config).sigmas  # of a new one: of all its steps, not those of a sampling grid
    distinct = sorted(set(sigmas[sigmas > 0].tolist()))  # grids may end with 0, or with the last level once more
    process = Discrete(Preconditioned(config.sigma_data), torch.tensor(distinct, dtype=torch.float64))
    return Schedule(process, "edm" if prediction == "epsilon" else "v", timestep, config.sigma_data)


def _of_cosine(scheduler: Any) -> Schedule:
    return _of_edm(scheduler, "arctan_sigma")


def _of_score(scheduler: Any) -> Schedule:
    low, high = (math.log10(scheduler.config[name]) for name in ("sigma_min", "sigma_max"))
    sigmas = torch.logspace(low, high, scheduler.config.num_train_timesteps, dtype=torch.float64)
    return Schedule(Discrete(VE(), sigmas), "score", "sigma")


SUPPORTED: dict[str, Callable[[Any], Schedule]] = {
    "CogVideoXDDIMScheduler": _of_betas,
    "CogVideoXDPMScheduler": _of_betas,
    "CosineDPMSolverMultistepScheduler": _of_cosine,
    "DDIMParallelScheduler": _of_betas,
    "DDIMScheduler": _of_betas,
    "DDPMParallelScheduler": _of_betas,
    "DDPMScheduler": _of_betas,
    "DEISMultistepScheduler": _of_betas,
    "DPMSolverMultistepScheduler": _of_betas,
    "DPMSolverSDEScheduler": _of_betas,
    "DPMSolverSinglestepScheduler": _of_betas,
    "EDMDPMSolverMultistepScheduler": _of_edm,
    "EDMEulerScheduler": _of_edm,
    "EulerAncestralDiscreteScheduler": _of_betas,
    "EulerDiscreteScheduler": _of_betas,
    "FlowMatchEulerDiscreteScheduler": _of_flow,
    "FlowMatchHeunDiscreteScheduler": _of_flow,
    "FlowMatchLCMScheduler": _of_flow,
    "HeunDiscreteScheduler": _of_betas,
    "KDPM2AncestralDiscreteScheduler": _of_betas,
    "KDPM2DiscreteScheduler": _of_betas,
    "LCMScheduler": _of_betas,
    "LMSDiscreteScheduler": _of_betas,
    "LTXEulerAncestralRFScheduler": _of_flow,
    "PNDMScheduler": _of_betas,
    "RePaintScheduler": _of_betas,
    "SASolverScheduler": _of_betas,
    "ScoreSdeVeScheduler": _of_score,
    "TCDScheduler": _of_betas,
    "UnCLIPScheduler": _of_betas,
    "UniPCMultistepScheduler": _of_betas,
}
"""How the schedule of each scheduler class of diffusers is read."""

_TOKENS = "it masks or replaces tokens; its states are no X_t = alpha_t X_0 + sigma_t Z"
_JUMPS = "its network gives the end of a path of the probability flow, not E[X_0 | X_t]"
_UPWARDS = (
    "it runs from images to noise, and hands the network the time of another level than the sample's; "
    "use the scheduler that the model samples with"
)
REFUSED: dict[str, str] = {
    "AmusedScheduler": _TOKENS,
    "BlockRefinementScheduler": _TOKENS,
    "CMStochasticIterativeScheduler": _JUMPS,
    "ConsistencyDecoderScheduler": _JUMPS,
    "DDIMInverseScheduler": _UPWARDS,
    "DDPMWuerstchenScheduler": "its time is continuous: it has no training steps to take levels from",
    "DPMSolverMultistepInverseScheduler": _UPWARDS,
    "DiscreteDDIMScheduler": _TOKENS,
    "EntropyBoundScheduler": _TOKENS,
    "FlowMapEulerDiscreteScheduler": "its network is a flow map between two times, not E[X_0 | X_t]",
    "HeliosDMDScheduler": "its stages start from upsampled samples with new noise: they are levels of no one X_0",
    "HeliosScheduler": "its stages start from upsampled samples with new noise: they are levels of no one X_0",
    "IPNDMScheduler": "its signal cos(pi t / 2) and noise sin(pi t / 2)^2 are those of no network that diffusers has",
    "KarrasVeScheduler": "deprecated by diffusers, whose pipeline hands its network (x_t + 1) / 2 in place of x_t",
    "MiniMaxH3Scheduler": "its time is continuous, 1 - sigma: it has no training steps to take levels from",
    "PiflowScheduler": "its network gives a policy, several predictions for each channel, not E[X_0 | X_t]",
    "RFD4ProteinaScheduler": "its time is continuous, 1 - sigma: it has no training steps to take levels from",
    "SCMScheduler": _JUMPS,
    "ScoreSdeVpScheduler": "deprecated by diffusers, and describes a drift only: it has no training steps",
    "VQDiffusionScheduler": _TOKENS,
}
"""The scheduler classes of diffusers that describe no levels of a denoiser, and why."""
