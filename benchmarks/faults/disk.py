"""Commands on a disk that is full before they are done, and then has space again.

On Linux the disk is real: a file system in memory of a few kilobytes, mounted over the folder of the results in a mount
namespace of the cell's own (which needs no rights where users may make namespaces), and enlarged afterwards. Elsewhere
the largest size of a file stands in for it.
"""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import processes
from benchmarks.faults.commands import RUN, Command
from benchmarks.faults.contents import contents, files
from benchmarks.faults.damage import told
from benchmarks.faults.kills import same
from benchmarks.faults.processes import Ended, fresh

PAGE = 4096
ENOUGH = 1 << 28
"""Bytes of a disk with space."""
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_PRIVATE, _REMOUNT = (1 << 18) | (1 << 14), 1 << 5


def fill(command: Command, given: Path, whole: Path, folder: Path, seed: int) -> dict[str, Any]:
    """Run a command on a full disk, then with space.

    Returns:
        The means, the size of the disk, what was said, and the faults.
    """
    rng = random.Random(seed)
    sizes = [-(-(whole / RUN / name).stat().st_size // PAGE) * PAGE for name in files(whole / RUN)]
    fresh(folder, given)
    (folder / RUN).mkdir()
    real = _own_mounts()
    share = rng.uniform(0.05, 0.9)
    for _ in range(8):
        size = max(PAGE, int(share * (sum(sizes) if real else max(sizes))))
        ended = _on_full_disk(command, folder, size, real)
        if ended.status:
            break
        fresh(folder, given)
        (folder / RUN).mkdir()
        share /= 2
    found: dict[str, Any] = {"means": "file system in memory" if real else "largest file", "bytes": size, "faults": []}
    said = told(ended.text, "error")
    found["said"] = " ".join(said)
    if not ended.status:
        return {**found, "faults": ["the disk was never full"]}
    if processes.traced(ended) or len(said) != 1 or not _named(said[0]):
        found["faults"].append(f"status {ended.status}: {ended.text[-800:]}")
    if real:
        _mount(folder / RUN, ENOUGH, again=True)
    last = processes.run(command, folder)
    if last.status or processes.traced(last):
        found["faults"].append(f"with space again: status {last.status}: {last.text[-800:]}")
    else:
        found["faults"] += same(contents(whole / RUN), folder / RUN, "with space again")
    if real:
        ctypes.CDLL(None).umount2(str(folder / RUN).encode(), 2)
    return found


def _named(line: str) -> bool:
    """Whether an error says that a file could not be written, and which or where."""
    return RUN in line and any(word in line for word in ("No space left", "File too large", "could not write"))


def _on_full_disk(command: Command, folder: Path, size: int, real: bool) -> Ended:
    if real:
        _mount(folder / RUN, size)
        ended = processes.run(command, folder)
        if not ended.status:
            ctypes.CDLL(None).umount2(str(folder / RUN).encode(), 2)
        return ended

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    before: Callable[[], None] = limit
    return processes.run(command, folder, before)


def _own_mounts() -> bool:
    """Give this process mounts of its own, if this system lets it."""
    if sys.platform != "linux":
        return False
    user, group, libc = os.getuid(), os.getgid(), ctypes.CDLL(None)
    if libc.unshare(_NEW_MOUNTS if user == 0 else _NEW_USER | _NEW_MOUNTS):
        return False
    try:
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError:
        return False
    return bool(libc.mount(b"none", b"/", None, _PRIVATE, None) == 0)


def _mount(folder: Path, size: int, *, again: bool = False) -> None:
    """Mount a file system in memory of `size` bytes over a folder, or enlarge it.

    Raises:
        OSError: If that cannot be.
    """
    options = f"size={size}".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(folder.resolve()).encode(), b"tmpfs", _REMOUNT if again else 0, options):
        number = ctypes.get_errno()
        raise OSError(number, f"could not mount a file system at {folder}: {os.strerror(number)}")
