"""A run: products made once, in folders that do not depend on where they are; the device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from paper_repro.backends import backend_of, products_of
from paper_repro.makers.backend import Backend
from paper_repro.makers.folders import Products
from paper_repro.makers.product import Product
from paper_repro.makers.run import Run, check_device
from paper_repro.options import Options
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import Need


@dataclass(frozen=True)
class _Counted(Product[list[int]]):
    number: int

    def make(self, run: Run) -> list[int]:
        return [self.number]

    def cost(self, backend: Backend) -> list[Job]:
        return []

    def needs(self, backend: Backend) -> list[Need]:
        return []


def test_a_product_is_made_once(tmp_path: Path) -> None:
    options = Options(output=tmp_path)
    run = Run(backend_of(options), products_of(options), "cpu", Console(quiet=True))
    made: list[int] = run.make(_Counted(1))
    assert run.make(_Counted(1)) is made
    assert run.make(_Counted(2)) == [2]


def test_folders_are_named_by_what_decides_the_product_and_not_by_where_it_is(tmp_path: Path) -> None:
    def name(root: Path, model: Path, **facts: Any) -> str:
        folder = Products(root).folder("lora", {"model": model, **facts})
        assert folder.parent == root
        return folder.name

    here, there = tmp_path / "here", tmp_path / "there"
    assert name(here, here / "tiny-sdxl", steps=2) == name(there, there / "tiny-sdxl", steps=2)
    assert name(here, here / "tiny-sdxl", steps=2) != name(here, here / "tiny-sdxl", steps=3)
    assert name(here, here / "tiny-sdxl", steps=2) != name(here, there / "tiny-sdxl", steps=2)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="--device cuda: PyTorch finds no CUDA GPU"):
        check_device("cuda")


def test_the_device_of_a_number_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    check_device("cuda")
    check_device("cuda:1")
    assert chosen == [0, 1]
    with pytest.raises(ValueError, match="--device cuda:2: this machine has 2"):
        check_device("cuda:2")
