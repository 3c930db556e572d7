"""Several models trained at a time, each in a process of a pool."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_exit
from queue import Empty
from types import FrameType
from typing import Any

import torch

from ambient.runs.signals import held, leave_to_parent
from toy.cell import accelerator_of, run_cell
from toy.cells import Cell
from toy.options import ToyOptions
from toy.splits import Splits
from toy.stops import Places

_STOPS = (signal.SIGTERM, signal.SIGHUP)
Messages = Any
"""A queue of (cell name, stage, done, total) that processes share."""
Metrics = dict[Cell, dict[str, Any]]


def run_in_processes(cells: Sequence[Cell], options: ToyOptions, processes: int, places: Places) -> Metrics:
    """Train, sample and audit models, a process each, so many at a time.

    Args:
        cells: Which, each stopped one together with the one that it comes from.
        options: Of the experiment.
        processes: How many at a time.
        places: Told of the progress, and where each model is when the work is stopped.

    Returns:
        The metrics of each.

    Raises:
        RuntimeError: If a process is killed; and whatever stops one of them.
    """
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    pool = ProcessPoolExecutor(processes, context, _enter, (options, processes, messages))
    models = list(dict.fromkeys(cell.whole for cell in cells))
    futures: list[Future[Metrics]] = []
    try:
        with held():
            futures += [pool.submit(_work, [cell for cell in cells if cell.whole == model]) for model in models]
        _follow(futures, messages, places)
    except BaseException as error:
        _end(pool)
        _pass_on(messages, places)
        for model, future in zip(models, futures, strict=False):
            places.stop(model.name, future.exception() if future.done() and not future.cancelled() else None)
        if isinstance(error, BrokenProcessPool):
            raise RuntimeError("a worker was killed, perhaps for want of memory; try --workers 1") from error
        raise
    pool.shutdown()
    return {cell: metrics for future in futures for cell, metrics in future.result().items()}


def _end(pool: ProcessPoolExecutor) -> None:
    """Have the workers save what they have and end; at a second signal, end them at once."""
    processes = list((pool._processes or {}).values())
    try:
        for process in processes:
            process.terminate()
        pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        for process in processes:
            process.kill()
        raise


def use_device(device: str) -> None:
    """Let accelerate use this device in this process; it finds a GPU by itself unless it is told of one."""
    if device != "cpu":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device


def _follow(futures: Sequence[Future[Metrics]], messages: Messages, places: Places) -> None:
    """Pass messages on until every cell is done; raise as soon as one has failed."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        _pass_on(messages, places)


def _pass_on(messages: Messages, places: Places) -> None:
    """Pass on the messages that have come."""
    while True:
        try:
            places(*messages.get_nowait())
        except Empty:
            break


@dataclass(frozen=True, eq=False)
class _Given:
    """What a worker was given when it started, and keeps from one model to the next."""

    options: ToyOptions
    splits: Splits
    messages: Messages


_given: list[_Given] = []
"""Of this process: a queue reaches a process in no other way than at its start."""
_stopped = threading.Event()
"""Whether a signal has asked this process to stop."""


def _enter(options: ToyOptions, processes: int, messages: Messages) -> None:
    _given.append(_Given(options, Splits(options), messages))
    for each in _STOPS:
        signal.signal(each, signal.SIG_IGN)  # the main process has them too, and ends its workers
    leave_to_parent()
    leave_out_given_warnings()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    use_device(options.place.device)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def leave_out_given_warnings() -> None:
    """Be silent about the data, of which the main process has warned; the warnings of training are a worker's own."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(ambient\.data|toy\.(data|splits))(\.|$)")


def _leave_with_parent() -> None:
    """End this worker when the main process is gone, however it went: nobody would take its results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_exit([parent.sentinel])
        os._exit(1)


def _work(cells: Sequence[Cell]) -> Metrics:
    """One model, whole and as it was after fewer steps."""
    given = _given[0]
    options, splits = given.options, given.splits
    found = {}
    with _stopping():
        for cell in cells:
            accelerator = accelerator_of(options.place.device, options.training.precision)
            split, audit = splits.split(cell.images, cell.seed), splits.audit(cell.images, cell.seed)
            report = _Throttled(given.messages, cell.name)
            found[cell] = run_cell(cell, options, split, audit, report, accelerator)
    return found


@contextmanager
def _stopping() -> Iterator[None]:
    """Signals end the work inside, training once it has saved a checkpoint; then this worker takes no other model."""
    if _stopped.is_set():
        raise KeyboardInterrupt
    for each in _STOPS:
        signal.signal(each, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _stopped.set()
        raise
    finally:
        for each in _STOPS:
            signal.signal(each, signal.SIG_IGN)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Throttled:
    """Sends at most a hundred messages a stage."""

    def __init__(self, messages: Messages, name: str) -> None:
        self.messages, self.name, self.last = messages, name, ("", -1)

    def __call__(self, stage: str, done: int, total: int) -> None:
        mark = (stage, 100 * done // total)
        if mark != self.last:
            self.messages.put((self.name, stage, done, total))
            self.last = mark
