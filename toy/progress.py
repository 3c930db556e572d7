"""The progress of an experiment on screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Show = Callable[[str, str, int, int], None]
"""Called with (cell name, stage, done, total)."""


@contextmanager
def bars(names: Sequence[str], console: Console) -> Iterator[Show]:
    """A progress bar for each cell; yields what to call with news of one."""
    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[stage]:>6}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=None, stage="wait") for name in names}

        def show(name: str, stage: str, done: int, total: int) -> None:
            progress.update(tasks[name], stage=stage, completed=done, total=total)

        yield show


def silent(name: str, stage: str, done: int, total: int) -> None:
    """The progress of a process that is not the first."""
