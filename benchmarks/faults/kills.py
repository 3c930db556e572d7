"""Commands killed at random moments, again and again, and then left to end: nothing may tell the difference.

A series is one command in one folder: so many times it is started and killed, wherever it is, and then runs to its end.
Seven in ten kills are SIGKILL to the whole process group, the others SIGTERM, SIGINT or SIGHUP, which must end it in
one line with a shell's status. Of a command with workers, SIGKILL goes to one of these: the command must end in one
line. A run that ends before its kill is compared too, and its folder emptied.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from benchmarks.faults import processes
from benchmarks.faults.commands import RUN, Command
from benchmarks.faults.contents import contents, differences, left_over
from benchmarks.faults.damage import told
from benchmarks.faults.processes import fresh

_GENTLE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def series(
    command: Command, given: Path, whole: Path, folder: Path, *, kills: int, seconds: float, seed: int
) -> dict[str, Any]:
    """Kill a command `kills` times and let it end.

    Args:
        command: Which.
        given: What it is given.
        whole: The folder of an uninterrupted run.
        folder: Where it works; emptied first.
        kills: How many.
        seconds: What an uninterrupted run takes.
        seed: Of the moments and signals.

    Returns:
        Numbers of kills by signal, of runs that ended before theirs, and the faults.
    """
    moments = random.Random(seed)
    wanted = contents(whole / RUN)
    found: dict[str, Any] = {
        "kills": 0,
        "signals": {},
        "ended before": 0,
        "before it listened": 0,
        "files left": [],
        "faults": [],
    }
    fresh(folder, given)
    while found["kills"] < kills:
        if not command.again and (folder / RUN).exists():  # it was done just before it was killed
            found["faults"] += same(wanted, folder / RUN, "a run that was killed as it ended")
            fresh(folder, given)
        signum = signal.SIGKILL if moments.random() < 0.7 else moments.choice(_GENTLE)
        earliest = 0.0 if signum == signal.SIGKILL else 0.2
        began = time.monotonic()
        pid = processes.start(command, folder)
        time.sleep(moments.uniform(earliest, 0.8) * seconds)
        name = signal.Signals(signum).name
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if command.pool and signum == signal.SIGKILL and processes.kill_worker(pid, moments):
                name = "a worker"
            else:
                processes.kill(pid, signum)
        ended = processes.finish(pid, folder, began)
        if ended.status == 0:
            found["ended before"] += 1
            found["faults"] += same(wanted, folder / RUN, "a run that was killed earlier and has ended")
            fresh(folder, given)
            continue
        if name == "a worker":
            if ended.status != 1 or processes.traced(ended) or len(told(ended.text, "error")) != 1:
                found["faults"].append(f"a worker was killed: status {ended.status}: {ended.text[-600:]}")
                break
        elif ended.status == -signum and signum != signal.SIGKILL:
            found["before it listened"] += 1  # to signals: it was still reading its options
        elif ended.status != -signum and not processes.stopped_as_asked(ended, signum):
            found["faults"].append(f"{signal.Signals(signum).name}: status {ended.status}: {ended.text[-600:]}")
            break
        found["kills"] += 1
        found["signals"][name] = found["signals"].get(name, 0) + 1
        found["files left"].append(sum(path.is_file() for path in (folder / RUN).rglob("*")))
    if not command.again and (folder / RUN).exists():
        fresh(folder, given)
    last = processes.run(command, folder)
    if last.status or processes.traced(last):
        found["faults"].append(f"after the kills: status {last.status}: {last.text[-600:]}")
    else:
        found["faults"] += same(wanted, folder / RUN, "after the kills")
    return found


def same(wanted: dict[str, str], folder: Path, when: str) -> list[str]:
    """Faults: what tells the results in a folder from those of an uninterrupted run."""
    faults = [f"{when}: {name} differs" for name in differences(wanted, contents(folder))]
    return faults + [f"{when}: {name} is left over" for name in left_over(folder)]
