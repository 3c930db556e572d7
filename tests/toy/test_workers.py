"""What workers say, and what they leave to the main process."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.toy.test_data import pictures
from toy.options import ToyOptions
from toy.splits import Splits
from toy.workers import leave_out_given_warnings


def _said(options: ToyOptions) -> list[str]:
    """The warnings of what a worker does with the data, and of a training."""
    with warnings.catch_warnings(record=True) as said:
        splits = Splits(options)
        splits.split(8, 0)
        warnings.warn_explicit("of training", UserWarning, "loop.py", 1, module="ambient.training.loop")
        warnings.warn_explicit("of the data", UserWarning, "loading.py", 1, module="ambient.data.images.loading")
        warnings.warn_explicit("of another kind", RuntimeWarning, "loading.py", 1, module="ambient.data.images.loading")
        warnings.warn_explicit("of a namesake", UserWarning, "data2.py", 1, module="toy.data2")
    return [str(warning.message) for warning in said]


def test_workers_leave_the_warnings_about_the_data_to_the_main_process(tmp_path: Path) -> None:
    source = pictures(tmp_path / "set")
    (source / "bad.png").write_bytes(b"no picture")
    options = ToyOptions().changed(data="images", source=str(source), skip_bad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        given = _said(options)
        leave_out_given_warnings()
        left = _said(options)
    assert any("bad.png" in message for message in given)
    assert [message for message in given if message not in left] == [
        message for message in given if "bad.png" in message or message == "of the data"
    ]
    assert left == ["of training", "of another kind", "of a namesake"]


def test_the_filter_is_not_set_by_importing_it(recwarn: pytest.WarningsRecorder) -> None:
    warnings.warn_explicit("of the data", UserWarning, "loading.py", 7, module="ambient.data.images.loading")
    assert len(recwarn) == 1
