"""Where the models of an experiment are when it is asked to stop: what its last line says."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from ambient.runs.signals import AGAIN, Interrupted
from toy.progress import Show

_PLACES = {
    "train": "in training, after its last checkpoint",
    "sample": "trained, and being sampled",
    "audit": "trained and sampled",
}
"""Where a model is in a stage, unless its training says after which update it has stopped."""


class Places:
    """Passes the news of models on, and remembers where each is.

    Args:
        show: Told of the progress.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._stages: dict[str, str] = {}
        self._updates: dict[str, str] = {}

    def __call__(self, name: str, stage: str, done: int, total: int) -> None:
        """News of a model: its name, the stage, and how far that is."""
        self._stages[name] = stage
        self._show(name, stage, done, total)

    def stop(self, name: str, error: BaseException | None) -> None:
        """What ended the work on a model; its training says after which update."""
        if isinstance(error, Interrupted) and error.where:
            self._updates[name] = error.where

    def stopped(self, error: KeyboardInterrupt, names: Sequence[str]) -> Interrupted:
        """What ends the experiment: it says where each of these models is."""
        signum = error.signum if isinstance(error, Interrupted) else signal.SIGINT
        begun = {name: self._place(name) for name in names if self._stages.get(name, "done") != "done"}
        done = sum(self._stages.get(name) == "done" for name in names)
        parts = [f"{name} {place}" for name, place in begun.items()]
        if done:
            parts.append(f"{done} done")
        if left := len(names) - len(begun) - done:
            parts.append(f"{left} not begun")
        where = f"{', '.join(parts)}; {AGAIN} there."
        return Interrupted(f"Stopped by {signal.Signals(signum).name}: {where}", signum)

    def _place(self, name: str) -> str:
        return self._updates.get(name) or _PLACES.get(self._stages[name], self._stages[name])
