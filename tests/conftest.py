"""Settings that all tests share."""

from __future__ import annotations

import signal

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
# A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; and the tests send signals.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("default")


@pytest.fixture
def double() -> object:
    """Make float64 the default type for one test."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield None
    torch.set_default_dtype(before)


def pytest_make_parametrize_id(config: pytest.Config, val: object) -> str | None:
    """Functions are called by their names: the addresses that pytest would print differ between its workers."""
    function = getattr(val, "func", val)
    return getattr(function, "__qualname__", None) if callable(function) else None
