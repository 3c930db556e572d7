from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ambient.runs.signals import Interrupted, held, noted, raised

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = [signal.getsignal(each) for each in SIGNALS]
    yield
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_interrupts(signum: int) -> None:
    with pytest.raises(Interrupted, match="run the same command again") as caught, raised():
        os.kill(os.getpid(), signum)
    assert caught.value.status == 128 + signum
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.signum) == (str(caught.value), signum)


@pytest.mark.parametrize("signum", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_acts(signum: int) -> None:
    def work() -> None:
        with raised(), noted() as asked:
            assert not asked
            os.kill(os.getpid(), signum)
            assert asked.signum == signum
            os.kill(os.getpid(), signum)
            pytest.fail("the second signal did nothing")

    with pytest.raises(Interrupted):
        work()


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised(), noted() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_child_ends_as_children_do() -> None:
    ready, tell = os.pipe()
    with raised():
        child = os.fork()
        if child == 0:
            os.write(tell, b".")  # Python forgets signals that come while it forks
            time.sleep(30)
            os._exit(7)
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    os.close(ready)
    os.close(tell)


def test_other_threads_leave_signals_alone() -> None:
    seen: list[bool] = []

    def work() -> None:
        with raised(), noted() as asked:
            seen.append(bool(asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


HELD = """
import os, signal, subprocess, sys
from ambient.runs.signals import Interrupted, held, raised
reached = []
try:
    with raised():
        with held():
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
            child.send_signal(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("inside")
        reached.append("after")
except Interrupted:
    reached.append("interrupted")
print(*reached, child.wait())
"""
"""In a process of its own: this one has threads of pytest-xdist, to which a signal may come late."""


def test_ctrl_c_waits_until_what_is_started_listens() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True)
    assert done.stdout.split() == ["inside", "interrupted", "0"], done.stderr
    code = "import os, signal; from ambient.runs.signals import leave_to_parent as l; l(); os.kill(os.getpid(), 2)"
    with held():
        worker = subprocess.Popen([sys.executable, "-c", code])
    assert worker.wait() == 0
