"""All cells of an experiment, several at a time, with their progress on screen."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import product
from multiprocessing.connection import wait as wait_for_exit
from queue import Empty
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ambient.runs.identity import claim_folder
from toy.audit import reference_rows
from toy.cell import accelerator_of, run_cell
from toy.config import Cell, Options
from toy.data import write_subset
from toy.memorised import spectra
from toy.report import Findings, write_report

Show = Callable[..., None]
"""Called with (cell name, stage, done, total)."""
Messages = Any
"""A queue of (cell name, stage, done, total) that processes share."""

_inherited: dict[str, Messages] = {}
"""What a worker was given when it started: a queue reaches a process in no other way."""


def run_experiment(options: Options, console: Console) -> None:
    """Run every cell, then write and print the report.

    Raises:
        ConfigMismatchError: If the output folder holds an experiment with other options.
        NonFiniteLossError: If a training diverges.
        DataSetError: If the data cannot be read.
        OSError: If the results cannot be written.
        RuntimeError: If a worker is killed, or another process is at work in the folder.
    """
    found = run_cells(options, options.cells(), console)
    if not found:
        return
    splits = list(product(options.images, options.seeds))
    references = {(n, seed): reference_rows(options, n, seed) for n, seed in splits}
    write_report(options, Findings(found, references, spectra(list(found), options)), console)


def run_cells(options: Options, cells: list[Cell], console: Console) -> dict[Cell, dict[str, Any]]:
    """Train, sample and audit some of the models of an experiment, or take them up; there is no report.

    Args:
        options: The options of the experiment.
        cells: Which models, each stopped one together with the one that it comes from.
        console: Where the progress bars go.

    Returns:
        The metrics of each; nothing in processes other than the first of `accelerate launch`.

    Raises: As `run_experiment`.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    _set_device(options)
    accelerator = accelerator_of(options) if world > 1 else None
    main = accelerator is None or accelerator.is_main_process
    if main:
        claim_folder(options.folder, options.common)
        for images, seed in product(options.images, options.seeds):
            path = options.folder / "subsets" / f"n{images}-seed{seed}.json"
            write_subset(path, options.sources, images, seed)
    if accelerator is not None:
        accelerator.wait_for_everyone()
    with _bars(cells if main else [], console) as show:
        if accelerator is not None or (options.workers == 1 and _within_reach(options.precision)):
            metrics = _in_this_process(cells, options, show if main else _silent, accelerator)
        else:
            metrics = _in_processes(cells, options, show)
    if not main:
        return {}
    return dict(zip(cells, metrics, strict=True))


def _within_reach(precision: str) -> bool:
    """Whether this process may still train so: accelerate fixes the precision of a process with its first use."""
    return not is_initialized() or AcceleratorState().mixed_precision == precision


def _in_this_process(
    cells: list[Cell], options: Options, show: Show, accelerator: Accelerator | None
) -> list[dict[str, Any]]:
    metrics = []
    for cell in cells:
        report = partial(show, cell.name)
        metrics.append(run_cell(cell, options, report, accelerator))
    return metrics


def _silent(*message: Any) -> None:
    """The progress of a process that is not the first."""


def _in_processes(cells: list[Cell], options: Options, show: Show) -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    pool = ProcessPoolExecutor(options.workers, context, _enter_worker, (options, messages))
    models = list(dict.fromkeys(cell.whole for cell in cells))
    try:
        futures = [pool.submit(_work, [cell for cell in cells if cell.whole == model], options) for model in models]
        _follow(futures, messages, show)
    except BaseException as error:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise RuntimeError("a worker was killed, perhaps for want of memory; try --processes 1") from error
        raise
    pool.shutdown()
    done = {cell: metrics for future in futures for cell, metrics in future.result().items()}
    return [done[cell] for cell in cells]


def _follow(futures: list[Future[dict[Cell, dict[str, Any]]]], messages: Messages, show: Show) -> None:
    """Pass messages on until every cell is done; raise as soon as one has failed."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        while True:
            try:
                show(*messages.get_nowait())
            except Empty:
                break


def _work(cells: list[Cell], options: Options) -> dict[Cell, dict[str, Any]]:
    """One model, whole and as it was after fewer steps."""
    return {cell: run_cell(cell, options, _Throttled(_inherited["messages"], cell.name)) for cell in cells}


class _Throttled:
    """Sends at most a hundred messages a stage."""

    def __init__(self, messages: Messages, name: str) -> None:
        self.messages, self.name, self.last = messages, name, ("", -1)

    def __call__(self, stage: str, done: int, total: int) -> None:
        mark = (stage, 100 * done // total)
        if mark != self.last:
            self.messages.put((self.name, stage, done, total))
            self.last = mark


def _enter_worker(options: Options, messages: Messages) -> None:
    _inherited["messages"] = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore", UserWarning)  # the main process has given those about the data
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // options.workers))
    _set_device(options)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when the main process is gone, however it went: nobody would take its results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_exit([parent.sentinel])
        os._exit(1)


def _set_device(options: Options) -> None:
    if options.device != "cpu":
        os.environ["ACCELERATE_TORCH_DEVICE"] = options.device


@contextmanager
def _bars(cells: list[Cell], console: Console) -> Iterator[Any]:
    """A progress bar for each cell; yields show(cell name, stage, done, total)."""
    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[stage]:>6}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {cell.name: progress.add_task(cell.name, total=None, stage="wait") for cell in cells}

        def show(name: str, stage: str, done: int, total: int) -> None:
            progress.update(tasks[name], stage=stage, completed=done, total=total)

        yield show
