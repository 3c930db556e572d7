"""All cells of an experiment, several at a time, and the report on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from rich.console import Console

from ambient.runs.device import require_device
from ambient.runs.identity import claim_folder
from toy.audit import reference_rows
from toy.cell import accelerator_of, is_done, read_metrics, remove_damaged_results, run_cell
from toy.cells import Cell, cells_of
from toy.cleanliness import check_clean, said
from toy.folders import save_models
from toy.memorised import spectra
from toy.names import Precision
from toy.options import ToyOptions
from toy.progress import bars, silent
from toy.report import Findings, write_report
from toy.splits import Splits
from toy.stops import Places
from toy.workers import run_in_processes, use_device


def run_experiment(options: ToyOptions, console: Console) -> None:
    """Run every cell, then write and print the report.

    Raises:
        ConfigMismatchError: If the output folder holds an experiment with other options.
        NonFiniteLossError: If a training diverges.
        DataSetError: If the data cannot be read.
        PretrainedError: If a pretrained network cannot be had.
        OSError: If the results cannot be written.
        RuntimeError: If a worker is killed, or another process is at work in the folder.
        ValueError: If the images look noisy already.
    """
    if os.environ.get("RANK", "0") == "0":
        console.print(said(options), soft_wrap=True, highlight=False)
    splits = Splits(options)
    cells = cells_of(options.sweep)
    metrics = run_cells(options, cells, console, splits)
    if not metrics:
        return
    keys = list(product(options.sweep.images, options.sweep.seeds))
    references = {key: reference_rows(splits.audit(*key), options.sampling.samples) for key in keys}
    findings = Findings(
        models=metrics,
        references=references,
        spectra=spectra(cells, options, splits),
        splits={key: splits.split(*key) for key in keys},
    )
    write_report(options, findings, console)


def run_cells(
    options: ToyOptions, cells: Sequence[Cell], console: Console, splits: Splits | None = None
) -> dict[Cell, dict[str, Any]]:
    """Train, sample and audit some of the models of an experiment, or take them up; there is no report.

    Args:
        options: The options of the experiment.
        cells: Which models, each stopped one together with the one that it comes from.
        console: Where the progress bars go.
        splits: The experiment's splits, where they are there already.

    Returns:
        The metrics of each; nothing in processes other than the first of `accelerate launch`.

    Raises: As `run_experiment`.
    """
    splits = splits or Splits(options)
    place, folder = options.place, options.folder
    require_device(place.device)
    use_device(place.device)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    accelerator = accelerator_of(place.device, options.training.precision) if world > 1 else None
    main = accelerator is None or accelerator.is_main_process
    samples = options.sampling.samples
    if main:
        claim_folder(folder, options.common)
        for cell in cells:
            remove_damaged_results(cell, folder, samples)
    if accelerator is not None:
        accelerator.wait_for_everyone()
    missing = [cell for cell in cells if not is_done(cell, folder, samples)]
    if accelerator is not None:
        accelerator.wait_for_everyone()
    if main:
        _claim_subsets(options, splits)  # also where nothing is missing: the models may be those of other images
    if missing and main:
        check_clean(options, splits.data)
        splits.load_pretrained()  # what cannot be had is said before anything is trained
    processes = place.processes(len({cell.whole for cell in missing}))
    with bars([cell.name for cell in missing] if main else [], console) as show:
        places = Places(show if main else silent)
        try:
            if accelerator is not None:
                _in_this_process(missing, options, splits, places, accelerator)
            elif processes == 1 and _within_reach(options.training.precision):
                _in_this_process(missing, options, splits, places)
            else:
                run_in_processes(missing, options, processes, places)
        except KeyboardInterrupt as error:
            raise places.stopped(error, [cell.name for cell in missing]) from error
    if main:
        save_models(cells, options, splits)
    return {cell: read_metrics(cell, folder) for cell in cells} if main else {}


def _claim_subsets(options: ToyOptions, splits: Splits) -> None:
    """Write down which images each split trains on, or check that they are those that the folder was made with."""
    for images, seed in product(options.sweep.images, options.sweep.seeds):
        path = options.folder / "subsets" / f"n{images}-seed{seed}.json"
        splits.data.claim_subset(path, splits.split(images, seed).index, seed)


def _within_reach(precision: Precision) -> bool:
    """Whether this process may still train so: accelerate fixes the precision of a process with its first use."""
    return not is_initialized() or AcceleratorState().mixed_precision == precision


def _in_this_process(
    cells: Sequence[Cell], options: ToyOptions, splits: Splits, places: Places, shared: Accelerator | None = None
) -> None:
    """One cell after the other, by the processes of `shared`, or by this one."""
    for cell in cells:
        accelerator = shared or accelerator_of(options.place.device, options.training.precision)
        split = splits.split(cell.images, cell.seed)
        audit = splits.audit(cell.images, cell.seed) if accelerator.is_main_process else None
        try:
            run_cell(cell, options, split, audit, partial(places, cell.name), accelerator)
        except KeyboardInterrupt as error:
            places.stop(cell.name, error)
            raise
