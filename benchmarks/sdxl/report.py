"""The table of `benchmarks.sdxl`, and how its aims are met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

AIMS = {"ambient": 1.02, "recommended": 1.7}
"""Largest time of an update: of ambient over dsm, and of the recommended recipe over ambient."""
LEAST_SHARE = 0.45


def entries(results: dict[str, Any]) -> list[list[str]]:
    """The table: a row for each cell, its head first."""
    head = ["method", "batch", "checkpointing", "ms", "img/s", "/ ambient", "GiB", "TFLOP", "of matmul rate"]
    times = {(c["method"], c["batch"], c["checkpointing"]): c["seconds"] for c in results["cells"]}
    rows = []
    for c in results["cells"]:
        start = [c["method"], str(c["batch"]), "yes" if c["checkpointing"] else "no"]
        if c["seconds"] is None:
            rows.append([*start, c["failure"], *["–"] * 5])
            continue
        base = times.get(("ambient", c["batch"], c["checkpointing"]))
        ratio = f"{c['seconds'] / base:.2f}" if base else "–"
        memory = "–" if c["memory"] is None else f"{c['memory'] / 2**30:.1f}"
        share = c["flops"] / c["seconds"] / results["gemm"]
        figures = [f"{1e3 * c['seconds']:.1f}", f"{c['batch'] / c['seconds']:.2f}", ratio, memory]
        rows.append([*start, *figures, f"{c['flops'] / 1e12:.3g}", f"{100 * share:.1f} %"])
    return [head, *rows]


def verdicts(results: dict[str, Any]) -> Iterator[str]:
    """How the aims are met, at the largest batch that was measured for both sides, the better checkpointing first."""
    cells = [c for c in results["cells"] if c["seconds"] is not None]
    for name, base in (("ambient", "dsm"), ("recommended", "ambient")):
        pairs = [
            (a["batch"], a["seconds"] / b["seconds"])
            for a in cells
            for b in cells
            if (a["method"], b["method"]) == (name, base)
            and (a["batch"], a["checkpointing"]) == (b["batch"], b["checkpointing"])
        ]
        if pairs:
            batch, ratio = max(pairs, key=lambda pair: (pair[0], -pair[1]))
            met = "met" if ratio <= AIMS[name] else "missed"
            yield f"{name} / {base} at batch {batch}: {ratio:.2f} (aim: at most {AIMS[name]}, {met})"
    if cells:
        best = max(cells, key=lambda c: c["flops"] / c["seconds"])
        share = best["flops"] / best["seconds"] / results["gemm"]
        met = "met" if share >= LEAST_SHARE else "missed"
        yield f"largest share of the matmul rate: {100 * share:.1f} % (aim: at least {100 * LEAST_SHARE:.0f} %, {met})"
