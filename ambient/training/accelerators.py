"""What a run changes on the accelerator that it is lent, and puts back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate import Accelerator
from accelerate.utils import DistributedType

from ambient.training.options import TrainingConfig

_MICRO_BATCH = "train_micro_batch_size_per_gpu"


def check_accelerator(accelerator: Accelerator, config: TrainingConfig) -> None:
    """Raises ValueError if the accelerator cannot serve the run, or the batch does not divide among its processes."""
    processes = accelerator.num_processes
    if config.batch % (processes * config.accumulation):
        among = f"{processes} processes" + ("" if config.accumulation == 1 else f" of {config.accumulation} parts")
        raise ValueError(f"a batch of {config.batch} does not divide among {among}")
    if accelerator.mixed_precision == "fp16":
        raise ValueError("training in fp16 loses small gradients and overflows; use mixed precision bf16")
    if is_sharded(accelerator) and config.ema:
        raise ValueError("no moving average is kept of weights in pieces (FSDP, DeepSpeed): set ema to 0")


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether each process holds a piece of the weights only."""
    return accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED)


@contextmanager
def accumulating(accelerator: Accelerator, config: TrainingConfig) -> Iterator[None]:
    """Let the accelerator count the parts of this run's updates; afterwards it is as the caller had it.

    That includes the models and optimizers that it was asked to prepare meanwhile: it would keep them alive, and write
    them into the states of a later run.
    """
    state = accelerator.gradient_state
    before = dict(state.plugin_kwargs), accelerator.step, state.sync_gradients
    prepared = list(accelerator._models), list(accelerator._optimizers)
    accelerator.gradient_accumulation_steps, accelerator.step = config.accumulation, 0
    micro_batch = config.batch // (accelerator.num_processes * config.accumulation)
    try:
        with _deepspeed_batch(accelerator, micro_batch):
            yield
    finally:
        state.plugin_kwargs, accelerator.step, state.sync_gradients = before
        accelerator._models, accelerator._optimizers = prepared


@contextmanager
def _deepspeed_batch(accelerator: Accelerator, micro_batch: int) -> Iterator[None]:
    """Tell DeepSpeed, which asks for it, how many samples a process takes at once."""
    if accelerator.distributed_type != DistributedType.DEEPSPEED:
        yield
        return
    options = accelerator.state.deepspeed_plugin.deepspeed_config
    before = dict(options)
    options[_MICRO_BATCH] = micro_batch
    try:
        yield
    finally:
        options.clear()
        options.update(before)
