"""Files with a flipped bit or without their end, and what the commands that read them say.

A damage is of one file of one command's results, and is judged by a command that reads them: the same one, which is run
again on what is finished or half done, or another one that is given them. What may become of it:

    named         an error in one line, which names the file
    made again    the results are those of undamaged files, and it was said that the file is made again or passed over
    told          other results, with a warning that names the file and says what is missing
    rewritten     the same, of a file that the command writes anew each time in any case
    not read      the results are those of undamaged files; the damaged file itself stays as it is
    foreign       other results, from a damaged file in a form of others that carries no checksum: images' captions,
                  weights and settings of diffusers and transformers
    silent        other results: a fault
    unsaid        the file was made again without a word: a fault
    traceback     a fault, as is an error that does not name the file

A digit that changed in JSON is no exception: it is "not read" if no other file has changed by it, and else "silent".
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.faults import processes
from benchmarks.faults.commands import COMMANDS, MAKERS, RUN
from benchmarks.faults.contents import contents, differences, files
from benchmarks.faults.processes import Ended, fresh

FAULTS = ("silent", "unsaid", "traceback", "unnamed")
PICTURES = {"pictures": 32, "small": 8}
"""What is given besides results of commands: folders of pictures, by their side."""
FOREIGN = (*PICTURES, *MAKERS)
"""Whose files are in forms of others."""


@dataclass(frozen=True)
class Case:
    """Whose files are damaged, and who reads them.

    Attributes:
        victim: A command, or the pictures.
        reader: A command; the same one if it is run again.
        state: Of the victim's results.
    """

    victim: str
    reader: str
    state: Literal["finished", "half done"] = "finished"

    @property
    def name(self) -> str:
        """For people and files."""
        return f"{self.victim} {self.state}" if self.victim == self.reader else f"{self.victim} read by {self.reader}"


def cases(names: Sequence[str]) -> list[Case]:
    """Every case among these commands."""
    chosen = [name for name in names if name in COMMANDS]
    again = [Case(name, name) for name in chosen if COMMANDS[name].again]
    half = [Case(name, name, "half done") for name in chosen if COMMANDS[name].resumes]
    given = [Case(need, name) for name in chosen for need in COMMANDS[name].needs]
    pictured = [
        Case(pictures, name)
        for name in chosen
        for pictures in PICTURES
        if f"given/{pictures}" in COMMANDS[name].arguments
    ]
    return [*again, *half, *given, *pictured]


def damage_all(case: Case, given: Path, folder: Path, first: int, count: int, seconds: float, seed: int) -> list[Any]:
    """Make the damages number `first` to `first + count - 1` of a case, and judge each.

    Args:
        case: Whose files, and who reads.
        given: Whole results of all commands.
        folder: To work in.
        first: Number of the first damage; the kinds of file are taken in turn.
        count: How many.
        seconds: What an uninterrupted run of the reader takes.
        seed: Of the places.

    Returns:
        For each: the kind of file, what was done to it, the verdict, and for a fault what was said.
    """
    found = []
    for number in range(first, first + count):
        rng = random.Random(f"{case.name} {number} {seed}")
        victim = _prepared(case, given, folder, seconds, rng)
        kinds: dict[str, list[str]] = {}
        for name in sorted(name for name in files(victim) if (victim / name).stat().st_size):
            kinds.setdefault(kind(name), []).append(name)
        chosen = sorted(kinds)[number % len(kinds)]
        name = rng.choice(kinds[chosen])
        control = folder.with_name(folder.name + "-control")
        fresh(control, given)
        if case.victim == case.reader:
            shutil.copytree(victim, control / RUN)
        done = damage(victim / name, rng)
        broken = (victim / name).read_bytes()
        ended = processes.run(COMMANDS[case.reader], folder)
        verdict = judge(case, name, ended, victim, broken, given, folder, control)
        what: dict[str, Any] = {"case": case.name, "kind": chosen, "damage": done, "verdict": verdict}
        if verdict in FAULTS:
            what["said"] = f"{name}, {done}, status {ended.status}: {ended.text[-1500:]}"
        found.append(what)
    return found


def kind(name: str) -> str:
    """The kind of a file: its path with every number as #."""
    return re.sub(r"\d+(\.\d+)?", "#", name)


def damage(path: Path, rng: random.Random) -> str:
    """Flip a bit of a file, or cut it off; says what was done."""
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    if rng.random() < 0.5:
        del content[at:]
        done = f"cut off after {at} bytes"
    else:
        bit = rng.randrange(8)
        content[at] ^= 1 << bit
        done = f"bit {bit} of byte {at} flipped"
    path.write_bytes(content)
    return done


def judge(
    case: Case,
    name: str,
    ended: Ended,
    victim: Path,
    broken: bytes,
    given: Path,
    folder: Path,
    control: Path,
) -> str:
    """The verdict on one damage.

    Args:
        case: Whose file, and who read it.
        name: The file, in the victim's folder.
        ended: How the reader ended.
        victim: The folder of the file.
        broken: The damaged file, as it was made.
        given: Whole results of all commands.
        folder: Where the reader worked.
        control: A copy of that as it was before the damage.
    """
    if processes.traced(ended):
        return "traceback"
    if ended.status:
        return "named" if _names(ended.text, name, foreign=case.victim in FOREIGN) else "unnamed"
    wanted = contents(given / case.reader / RUN)
    other = differences(wanted, contents(folder / RUN))
    if case.victim != case.reader:
        if not other:
            return "not read"
        return "foreign" if case.victim in FOREIGN else "silent"
    if [each for each in other if each != name]:
        return "told" if _said(ended.text, name) else "silent"
    path = victim / name
    if path.exists() and path.read_bytes() == broken:
        return "not read"
    if other:  # such as a log, whose lost records cannot be made again
        return "told" if _said(ended.text, name) else "silent"
    if _said(ended.text, name):
        return "made again"
    return "rewritten" if name in _written_anyway(case, control) else "unsaid"


def _prepared(case: Case, given: Path, folder: Path, seconds: float, rng: random.Random) -> Path:
    """Lay out a fresh copy of what is to be damaged; returns its folder."""
    fresh(folder, given)
    if case.victim == case.reader:
        if case.state == "finished":
            shutil.copytree(given / case.victim / RUN, folder / RUN)
        else:
            _stop_half_way(case, given, folder, seconds, rng)
        return folder / RUN
    (folder / "given").unlink()
    (folder / "given").mkdir()
    for each in given.iterdir():
        if each.name != case.victim:
            (folder / "given" / each.name).symlink_to(each.resolve(), target_is_directory=True)
    copy = folder / "given" / case.victim
    shutil.copytree(given / case.victim, copy, symlinks=True)
    return copy if case.victim in PICTURES else copy / RUN


def _stop_half_way(case: Case, given: Path, folder: Path, seconds: float, rng: random.Random) -> None:
    """Run a command and kill it, until it has left something without being done."""
    for share in (rng.uniform(0.3, 0.9), 0.6, 0.7, 0.8, 0.9):
        fresh(folder, given)
        began = time.monotonic()
        pid = processes.start(COMMANDS[case.victim], folder)
        time.sleep(share * seconds)
        processes.kill(pid, signal.SIGKILL)
        processes.finish(pid, folder, began)
        if (folder / RUN).exists() and any((folder / RUN / name).stat().st_size for name in files(folder / RUN)):
            return
    shutil.copytree(given / case.victim / RUN, folder / RUN, dirs_exist_ok=True)


def _names(text: str, name: str, *, foreign: bool) -> bool:
    """Whether the error of a command names a file; that of a folder's identity may name the folder and the field.

    Of a model of others it may name the folder of the part, since diffusers and transformers say no more.
    """
    lines = told(text, "error")
    enough = [Path(name).name, "another configuration", *([Path(name).parent.name or name] if foreign else [])]
    return len(lines) == 1 and any(word in lines[0] for word in enough)


def _said(text: str, name: str) -> bool:
    """Whether a command has said something of a file."""
    return any(Path(name).name in line for line in told(text, "warning"))


def told(text: str, label: str) -> list[str]:
    """The lines of errors or of warnings in what a command printed; they may stand behind a bar of progress."""
    return re.findall(rf"{label}: (.*)$", text, re.MULTILINE)


def _written_anyway(case: Case, control: Path) -> set[str]:
    """The files that a command writes although they are undamaged, such as tables, and logs that it continues."""
    times = {name: (control / RUN / name).stat().st_mtime_ns for name in files(control / RUN)}
    processes.run(COMMANDS[case.reader], control)
    return {name for name, time in times.items() if (control / RUN / name).stat().st_mtime_ns != time}
