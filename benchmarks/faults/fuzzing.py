"""Hostile inputs for every reader, in processes with a limit on memory: what is slow, large, or an exception of others.

A cell is some thousands of inputs of one reader. What ends its process (a crash, an input that hangs) is told by the
number of the input that it had in hand. Memory is what the process has beyond what it had when it started, which must
stay below a gigabyte; an allocation beyond that fails, and an exception for it is a fault too.
"""

from __future__ import annotations

import math
import mmap
import os
import resource
import signal
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.faults import processes
from benchmarks.faults.readers import Reader, fuzz, readers

CELL = 4000
"""Inputs of a cell."""
MEMORY = 1 << 30
"""Bytes that a cell may need."""
HANGS = 60
"""Seconds by the clock after which an input that is still read ends its process, as one that waits for ever does."""


@cache
def every_reader() -> dict[str, Reader]:
    """All readers, by name."""
    from benchmarks.faults import own_readers  # diffusers and all else, which only these cells need

    return {**readers(), **own_readers.readers()}


def counts(total: int) -> dict[str, int]:
    """How many of `total` inputs each reader gets, by its share."""
    found = every_reader()
    whole = sum(reader.share for reader in found.values())
    return {name: math.ceil(total * reader.share / whole) for name, reader in found.items()}


def fuzz_cell(name: str, first: int, count: int) -> dict[str, Any]:
    """Hand the reader `name` its inputs number `first` to `first + count - 1`, in a process of its own.

    Returns:
        Numbers of inputs and of refusals, the slowest in seconds, memory in bytes, and the faults.
    """
    shared = mmap.mmap(-1, 8)
    reading, writing = os.pipe()

    def work() -> int:
        os.close(reading)
        before = processes.memory()
        _limit_memory()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

        def begin(number: int) -> None:
            signal.alarm(HANGS)
            shared[:8] = number.to_bytes(8, "little")

        outcome = fuzz(every_reader()[name], count, first, begin)
        signal.alarm(0)
        found = {**asdict(outcome), "memory": processes.memory() - before}
        with open(writing, "wb") as file:
            file.write(processes.as_bytes(found))
        return 0

    pid = processes.fork(work)
    os.close(writing)
    with open(reading, "rb") as file:
        content = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or not content:
        number = int.from_bytes(shared[:8], "little")
        fault = f"seed {number}: the process ended with {status}"
        return {"inputs": number - first, "refused": 0, "slowest": 0.0, "memory": 0, "faults": [fault]}
    found: dict[str, Any] = processes.from_bytes(content)
    if found["memory"] > MEMORY:
        found["faults"].append(f"seeds {first} to {first + count - 1}: {found['memory'] / MEMORY:.1f} GiB")
    return found


def _limit_memory() -> None:
    """Let this process have `MEMORY` more than it has; only Linux says how much that is."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
