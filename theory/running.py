"""Running statements and judging what they found."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import torch

from ambient.runs.signals import held, leave_to_parent
from theory.statements import STATEMENTS, Evidence, Findings, Statement


@dataclass(frozen=True)
class Result:
    """What running one statement gave.

    Attributes:
        statement: The statement.
        findings: Its evidence; None if the check raised.
        seconds: How long the check took.
        error: What it raised, or "".
    """

    statement: Statement
    findings: Findings | None
    seconds: float
    error: str = ""

    @property
    def verdict(self) -> str:
        """The verdict that the evidence supports, or "error"."""
        return "error" if self.findings is None else self.statement.verdict(self.findings)

    @property
    def agrees(self) -> bool:
        """Whether that is the verdict on record."""
        return self.verdict == self.statement.expected

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence, that for the printed form first."""
        return () if self.findings is None else (*self.findings.printed, *self.findings.corrected)


def check(statement: Statement) -> Result:
    """Run one statement; an exception in its check becomes part of the result."""
    start = time.perf_counter()
    try:
        findings, error = statement.check(), ""
    except Exception as exception:
        findings, error = None, f"{type(exception).__name__}: {exception}"
    return Result(statement, findings, time.perf_counter() - start, error)


def check_all(
    statements: Sequence[Statement], workers: int = 1, done: Callable[[Result], None] = lambda result: None
) -> list[Result]:
    """Run statements, in this process or in several.

    Args:
        statements: What to run; with several workers, statements of `theory.statements.STATEMENTS`.
        workers: Number of processes, >= 1; with several, each uses one thread.
        done: Called with each result as it comes in.

    Returns:
        The results, in the order of `statements`.

    Raises:
        ValueError: If workers is not positive.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    results = {}
    alone = min(workers, len(statements)) < 2
    for result in map(check, statements) if alone else _together(statements, workers):
        results[result.statement.id] = result
        done(result)
    return [results[statement.id] for statement in statements]


def _together(statements: Sequence[Statement], workers: int) -> Iterator[Result]:
    by_id = {statement.id: statement for statement in statements}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_enter) as pool:
        with held():
            futures = [pool.submit(_check_by_id, id_) for id_ in by_id]
        try:
            for future in as_completed(futures):
                id_, findings, seconds, error = future.result()
                yield Result(by_id[id_], findings, seconds, error)
        except BaseException as error:  # also where whoever takes the results is stopped
            for process in (pool._processes or {}).values():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise RuntimeError("a worker was killed, perhaps for want of memory; try --workers 1") from error
            raise


def _enter() -> None:
    """Make this process a worker."""
    leave_to_parent()
    torch.set_num_threads(1)


def _check_by_id(id_: str) -> tuple[str, Findings | None, float, str]:
    """The parts of a result that travel between processes; the check itself does not."""
    result = check(next(statement for statement in STATEMENTS if statement.id == id_))
    return id_, result.findings, result.seconds, result.error
