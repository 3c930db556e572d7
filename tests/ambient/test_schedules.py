"""Every scheduler class of diffusers: what `Schedule` reads from it against its own noising and its own x_0."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Iterator
from typing import Any

import diffusers
import pytest
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from ambient.denoisers import UNetDenoiser
from ambient.levels import UniformSteps
from ambient.process import VE, VP, Flow, Level
from ambient.schedules import REFUSED, SUPPORTED, Discrete, Preconditioned, Schedule

EXPONENTIAL = {  # schedulers whose samples are those of variance exploding
    "CosineDPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "EDMDPMSolverMultistepScheduler",
    "EDMEulerScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LMSDiscreteScheduler",
}
ONLY = {  # predictions that the sampler of a scheduler implements, where not all
    "CosineDPMSolverMultistepScheduler": ("epsilon", "v_prediction"),
    "DPMSolverSDEScheduler": ("epsilon", "v_prediction"),
    "EDMDPMSolverMultistepScheduler": ("epsilon", "v_prediction"),
    "EDMEulerScheduler": ("epsilon", "v_prediction"),
    "EulerAncestralDiscreteScheduler": ("epsilon", "v_prediction"),
    "KDPM2AncestralDiscreteScheduler": ("epsilon", "v_prediction"),
    "KDPM2DiscreteScheduler": ("epsilon", "v_prediction"),
    "PNDMScheduler": ("epsilon", "v_prediction"),
    "UnCLIPScheduler": ("epsilon", "sample"),
}
GRIDS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")
GRID_OPTIONS: list[dict[str, Any]] = [{grid: True} for grid in GRIDS] + [
    {"timestep_spacing": "leading", "steps_offset": 1},
    {"timestep_spacing": "trailing"},
    {"final_sigmas_type": "sigma_min"},
    {"original_inference_steps": 40},
    {"set_alpha_to_one": False},
]


@functools.cache
def diffusers_schedulers() -> dict[str, type[Any]]:
    """Every scheduler class that diffusers exports, by name."""
    exported = {name: getattr(diffusers.schedulers, name) for name in dir(diffusers.schedulers)}
    return {
        name: kind
        for name, kind in exported.items()
        if inspect.isclass(kind) and issubclass(kind, SchedulerMixin) and kind is not SchedulerMixin
    }


def takes(name: str, *options: str) -> bool:
    return set(options) <= set(inspect.signature(diffusers_schedulers()[name].__init__).parameters)


def variants() -> Iterator[Any]:
    """(class, options) of every supported class: predictions, schedules of betas, zero SNR, flow, shifts, grids."""
    for name in SUPPORTED:
        options: list[dict[str, Any]] = [{}]
        if takes(name, "prediction_type"):
            known = ONLY.get(name, ("epsilon", "v_prediction", "sample"))
            options = [{"prediction_type": kind} for kind in known]
        if takes(name, "beta_schedule", "beta_start"):
            options += [{"beta_schedule": "scaled_linear"}, {"beta_schedule": "squaredcos_cap_v2"}]
        if takes(name, "rescale_betas_zero_snr"):
            zero = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "beta_schedule": "scaled_linear"}
            options += [{**zero, "beta_start": 0.00085, "beta_end": 0.012, "timestep_spacing": "trailing"}]
        if takes(name, "use_flow_sigmas"):
            options += [
                {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift} for shift in (1, 3)
            ]
        if takes(name, "shift"):
            options += [{"shift": 3.0}]
        if takes(name, "sigma_data"):
            options += [{"sigma_data": 0.8}, {"sigma_schedule": "karras"}, {"sigma_schedule": "exponential"}]
        options += [grid for grid in GRID_OPTIONS if takes(name, *grid)]
        for option in options:
            text = ",".join(f"{key}={value}" for key, value in option.items())
            yield pytest.param(name, option, id=f"{name.removesuffix('Scheduler')}({text})")
    continuous = {"prediction_type": "v_prediction", "timestep_type": "continuous"}
    video = {**continuous, "use_karras_sigmas": True, "sigma_min": 0.002, "sigma_max": 700.0}
    for option in (continuous, video):
        yield pytest.param("EulerDiscreteScheduler", option, id=f"EulerDiscrete({len(option)} options, continuous)")


def make(name: str, options: dict[str, Any]) -> Any:
    """A scheduler that neither clips nor adds noise of its own where that is an option."""
    plain = {"clip_sample": False, "skip_prk_steps": True, "eta": 0.0}
    arguments = {option: value for option, value in plain.items() if takes(name, option)} | options
    return copy.deepcopy(_made(name, tuple(arguments.items())))


@functools.cache
def _made(name: str, arguments: tuple[tuple[str, Any], ...]) -> Any:  # some take a tenth of a second to construct
    return diffusers_schedulers()[name](**dict(arguments))


def started(name: str, options: dict[str, Any], i: int) -> Any:
    """A new scheduler on its grid of ten steps, about to take step i."""
    scheduler = make(name, options)
    scheduler.set_timesteps(10, **({"jump_length": 1, "jump_n_sample": 1} if name == "RePaintScheduler" else {}))
    if name == "ScoreSdeVeScheduler":
        scheduler.set_sigmas(10)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(i)
        if hasattr(scheduler, "_init_step_index"):
            scheduler._init_step_index(scheduler.timesteps[i])
    return scheduler


def own_level(name: str, scheduler: Any, i: int) -> Level:
    """The level at which the scheduler keeps its samples before step i, by its own numbers."""
    if name == "ScoreSdeVeScheduler":
        return VE().level(float(scheduler.discrete_sigmas[_score_step(scheduler, i)]))
    if name in EXPONENTIAL:
        return VE().level(float(scheduler.sigmas[i]))
    if "alphas_cumprod" not in vars(scheduler) or scheduler.config.get("use_flow_sigmas"):
        return Flow().level(float(scheduler.sigmas[i]))
    if hasattr(scheduler, "sigmas"):
        sigma = float(scheduler.sigmas[i])
        return VP().level(sigma / math.hypot(1, sigma))
    return VP().level(float(1 - scheduler.alphas_cumprod[int(scheduler.timesteps[i])].double()) ** 0.5)


def own_x_0(name: str, scheduler: Any, i: int, output: Tensor, x: Tensor) -> Tensor:
    """What the scheduler itself takes for x_0 at step i."""
    t = scheduler.timesteps[i]
    if hasattr(scheduler, "convert_model_output"):
        found = scheduler.convert_model_output(output, sample=x)
        if name == "DEISMultistepScheduler":  # it converts to the noise
            alpha, sigma = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas[i])
            return (x - sigma * found) / alpha
        return found
    if name.startswith(("FlowMatchEuler", "FlowMatchHeun", "LTX")):  # a straight step, followed to its end
        after = scheduler.step(output, t, x).prev_sample
        sigma, low = scheduler.sigmas[i].double(), scheduler.sigmas[i + 1].double()
        return x + (after - x) * sigma / (sigma - low)
    if name == "FlowMatchLCMScheduler":  # x_0 with new noise
        after = scheduler.step(output, t, x, generator=torch.manual_seed(0)).prev_sample
        sigma = scheduler.sigmas[i + 1].double()
        return (after - sigma * torch.randn(x.shape, generator=torch.manual_seed(0), dtype=x.dtype)) / (1 - sigma)
    if name == "LCMScheduler":  # x_0 between the sample and itself
        c_skip, c_out = scheduler.get_scalings_for_boundary_condition_discrete(t)
        return (scheduler.step(output, t, x, return_dict=False)[1] - c_skip * x) / c_out
    if name in ("TCDScheduler", "PNDMScheduler"):  # a step of DDIM: two equations for x_0 and the noise
        options = {"eta": 0.0} if name == "TCDScheduler" else {}
        after = scheduler.step(output, t, x, **options).prev_sample
        levels = [scheduler.alphas_cumprod[int(scheduler.timesteps[j])].double() for j in (i, i + 1)]
        (a, s), (a_next, s_next) = ((bar.sqrt(), (1 - bar).sqrt()) for bar in levels)
        return (after / s_next - x / s) / (a_next / s_next - a / s)
    if name == "RePaintScheduler":
        return scheduler.step(output, t, x, x, torch.zeros_like(x)).pred_original_sample
    if name == "CogVideoXDPMScheduler":
        return scheduler.step(output, None, t, None, x)[1]
    if name == "ScoreSdeVeScheduler":  # its mean is that of a step to the next sigma, followed to sigma = 0
        step = _score_step(scheduler, i)
        mean = scheduler.step_pred(output, t, x).prev_sample_mean
        variance = scheduler.discrete_sigmas[[step, step - 1]].double().square()
        return x + (mean - x) * variance[0] / (variance[0] - variance[1])
    return scheduler.step(output, t, x).pred_original_sample


def _score_step(scheduler: Any, i: int) -> int:
    return int(scheduler.timesteps[i] * (len(scheduler.discrete_sigmas) - 1))


class Recorder:
    """A network that keeps what it was handed."""

    def __call__(self, x: Tensor, time: Tensor) -> Tensor:
        self.x, self.time = x, time
        return torch.sin(3 * x) + 0.1 * x


def test_no_scheduler_of_diffusers_is_missing_from_the_table() -> None:
    assert not set(SUPPORTED) & set(REFUSED)
    assert set(SUPPORTED) | set(REFUSED) == set(diffusers_schedulers())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "options"), variants())
def test_levels_times_and_predictions_are_the_schedulers_own(name: str, options: dict[str, Any]) -> None:
    schedule = Schedule.from_scheduler(make(name, options))
    x_0, noise = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64, generator=torch.manual_seed(1))
    steps = len(started(name, options, 0).timesteps)
    for i in (0, 4, steps - 2 - steps % 2):
        scheduler = started(name, options, i)
        t, level = scheduler.timesteps[i], own_level(name, scheduler, i)
        rounded = any(options.get(grid) for grid in (*GRIDS, "use_flow_sigmas")) and float(t).is_integer()
        by_step = name == "SASolverScheduler" and rounded  # it adds the noise of the step that its time is rounded to
        if hasattr(scheduler, "add_noise") and name not in ("RePaintScheduler", "ScoreSdeVeScheduler") and not by_step:
            noised = scheduler.add_noise(x_0, noise, t.reshape(1))
            assert torch.allclose(level.perturb(x_0, noise), noised.double(), rtol=1e-5, atol=1e-4)
        x = level.perturb(x_0, noise)
        network = Recorder()
        ours = UNetDenoiser(network, schedule)(x, level)  # type: ignore[arg-type]
        output = network(network.x, network.time)
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        assert torch.allclose(network.x, scaled.double(), rtol=1e-4, atol=1e-5)
        told = float(level.sigma) if name == "ScoreSdeVeScheduler" else float(t)  # the pipeline hands it sigma
        assert float(network.time) == pytest.approx(told, abs=1.0 if rounded else 1e-2, rel=1e-4)
        theirs = own_x_0(name, scheduler, i, output, x)
        assert torch.allclose(ours, theirs.double(), rtol=2e-3, atol=2e-3 * float(theirs.abs().max()))
        assert ours.isfinite().all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SUPPORTED)
def test_a_sampling_grid_changes_nothing_of_what_was_trained(name: str) -> None:
    plain = Schedule.from_scheduler(make(name, {}))
    assert len(plain.process) >= 1000
    assert plain.matches(Schedule.from_scheduler(started(name, {}, 0)))
    for options in GRID_OPTIONS:
        if takes(name, *options):
            assert plain.matches(Schedule.from_scheduler(started(name, options, 0)))


@pytest.mark.parametrize("name", REFUSED)
def test_the_others_are_refused_by_name_with_the_reason(name: str) -> None:
    scheduler = object.__new__(diffusers_schedulers()[name])
    with pytest.raises(ValueError, match=f"^{name}: ") as refusal:
        Schedule.from_scheduler(scheduler)
    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) > len(name) + 40


def test_options_without_an_answer_are_refused_by_name() -> None:
    for scheduler, reason in [
        (diffusers.DDIMScheduler(rescale_betas_zero_snr=True), "DDIMScheduler: the last step has no signal"),
        (diffusers.DDPMScheduler(variance_type="learned_range"), "DDPMScheduler: .* twice the channels"),
        (diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True), "FlowMatchEulerDiscreteScheduler: .* invert"),
        (diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction"), "prediction_type 'flow_prediction'"),
        (diffusers.UniPCMultistepScheduler(use_flow_sigmas=True), "prediction_type 'epsilon'"),
        (object(), "object is not a known scheduler: give one of CogVideoXDDIMScheduler"),
    ]:
        with pytest.raises(ValueError, match=reason):
            Schedule.from_scheduler(scheduler)
    with pytest.raises(ValueError, match="unknown prediction 'noise'"):
        Schedule(Discrete(VP(), torch.linspace(0.1, 0.9, 9)), "noise")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sigma_data"):
        Schedule(Discrete(VP(), torch.linspace(0.1, 0.9, 9)), sigma_data=0.0)


def test_a_dynamic_shift_is_one_of_the_grid() -> None:
    plain = Schedule.from_scheduler(diffusers.FlowMatchEulerDiscreteScheduler())
    dynamic = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0)
    dynamic.set_timesteps(10, mu=0.8)
    assert plain.matches(Schedule.from_scheduler(dynamic))
    network = Recorder()
    UNetDenoiser(network, plain)(torch.zeros(1, 3), Flow().level(float(dynamic.sigmas[4])))  # type: ignore[arg-type]
    assert float(network.time) == pytest.approx(float(dynamic.timesteps[4]), rel=1e-6)


ZERO_SNR = Schedule.from_scheduler(diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction"))
FLOW = Schedule.from_scheduler(diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0))


@pytest.mark.parametrize("schedule", [ZERO_SNR, FLOW], ids=["zero SNR", "flow"])
def test_the_step_of_pure_noise_is_a_level_like_the_others(schedule: Schedule) -> None:
    process = schedule.process
    last = process.level(999.0)
    assert (float(last.alpha), float(last.sigma)) == (0.0, 1.0)
    assert float(last.ratio) == math.inf
    times = torch.tensor([0.0, 3.4, 997.5, 998.0, 998.25, 998.9, 999.0], dtype=torch.float64)
    levels = process.level(times)
    assert bool((levels.sigma.diff() > 0).all())
    assert torch.allclose(process.time(levels), times, atol=1e-6)
    network = Recorder()
    x = torch.randn(3, 2, dtype=torch.float64)
    found = UNetDenoiser(network, schedule)(x, Level(torch.tensor(0.0).double(), torch.tensor(2.0).double()))  # type: ignore[arg-type]
    assert torch.allclose(network.x, x / 2)
    assert torch.allclose(found, -network(x / 2, times) if schedule is ZERO_SNR else x / 2 - network(x / 2, times))
    with pytest.raises(ValueError, match="pure noise"):
        UNetDenoiser(network, Schedule(Discrete(VP(), process.times[:999]), "epsilon"))(x, last)  # type: ignore[arg-type]


def test_training_draws_of_steps_include_pure_noise_and_stay_finite() -> None:
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for schedule in (ZERO_SNR, FLOW):
        drawn = UniformSteps(schedule.process).draw(u)
        assert int((drawn.alpha == 0).sum()) == 1
        assert bool(drawn.alpha.isfinite().all() & drawn.sigma.isfinite().all())
        above = UniformSteps(schedule.process).draw(u, above=schedule.process.level(500.0))
        assert float(above.sigma.max()) == 1.0
        with pytest.raises(ValueError, match="no step is left"):
            UniformSteps(schedule.process).draw(u, above=schedule.process.level(999.0))


def test_a_stand_in_for_zero_snr_that_is_cleaner_than_the_step_before_is_zero() -> None:
    euler = diffusers.EulerDiscreteScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert float(euler.alphas_cumprod[-1]) > float(euler.alphas_cumprod[-2])
    assert float(Schedule.from_scheduler(euler).process.level(999.0).alpha) == 0
    assert Schedule.from_scheduler(euler).matches(ZERO_SNR)


def test_edm_levels_keep_the_variance_of_the_input() -> None:
    family = Preconditioned(0.5)
    level = family.level(torch.tensor([0.01, 0.5, 80.0], dtype=torch.float64))
    assert torch.allclose((0.5 * level.alpha) ** 2 + level.sigma**2, torch.ones(3, dtype=torch.float64))
    assert torch.allclose(family.time(level), torch.tensor([0.01, 0.5, 80.0], dtype=torch.float64))
