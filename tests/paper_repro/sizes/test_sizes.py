from __future__ import annotations

from paper_repro.backends import backend_of
from paper_repro.options import BlockName, Options
from paper_repro.sizes.sdxl import sdxl_sizes


def test_where_paper_and_code_differ_both_can_be_named() -> None:
    paper, code = sdxl_sizes("paper", "paper"), sdxl_sizes("paper", "code")
    assert (paper.learning_rate, paper.batch, paper.images) == (1e-5, 16, None)
    assert (code.learning_rate, code.batch, code.images) == (1e-4, 2, 3000)
    budgets = [
        backend_of(options).blocks(("cifar10",))[0].settings
        for options in (Options(scale="paper"), Options(scale="paper", p2_budget="code"))
    ]
    assert budgets[0]["steps"] * budgets[0]["batch"] == 7_680_000
    assert 30_000_000 <= budgets[1]["steps"] * budgets[1]["batch"] < 30_000_256


def test_only_the_blocks_that_are_asked_for() -> None:
    every: tuple[BlockName, ...] = ("cifar10", "ffhq", "tiny-imagenet")

    def names(options: Options) -> list[str]:
        return [block.data for block in backend_of(options).blocks(every)]

    assert names(Options(scale="paper")) == list(every)
    assert names(Options(scale="paper", blocks=("cifar10",))) == ["cifar10"]
    assert names(Options(scale="cpu")) == ["digits"]
    assert names(Options(scale="cpu", cifar10="here")) == ["digits", "cifar10"]
