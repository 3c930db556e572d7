"""P2, Figure 1: quality against memorisation of Algorithm 1 at many nature levels, and of DDPM."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from paper_repro import make_toy, p2, pictures
from paper_repro.claims import Test, above
from paper_repro.products import Models
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.show import ratio
from paper_repro.sizes import Block
from paper_repro.workshop import Workshop


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The frontier, and whether DDPM is off it and both ends of the levels go back to DDPM."""
    product = artefact.products[0]
    assert isinstance(product, Models)
    tables: list[Table] = []
    tests: list[Test] = []
    surrogates: list[str] = []
    figures: dict[str, tuple[p2.Rows, Block]] = {}
    for block, by_size in make_toy.make_models(shop, product):
        for n, cells in by_size.items():
            rows = p2.Rows.of(cells)
            keys = [rows.quality, *rows.copying]
            lines = [("σ_n = 0 (DDPM)", *p2.entries(rows.ddpm, keys))]
            lines += [(f"σ_n = {sigma:g}", *p2.entries(found, keys)) for sigma, found in rows.levels.items()]
            title = f"{block.title}, N = {n}; mean ± spread over splits"
            tables.append(Table(title, ("ours", *map(p2.title, keys)), tuple(lines)))
            ours, _ = rows.ours()
            where = p2.describe(block, n, rows)
            tests += [p2.no_worse(where, rows, ours), p2.fewer(where, rows, ours), *_ends(where, rows, ours)]
            figures[title] = (rows, block)
        surrogates += block.surrogates
        surrogates += [block.title] if block.data == "digits" else []
    tables.append(_papers())
    _draw(folder / "pareto.png", figures)
    shown = {"pareto.png": "quality against memorisation; lower left is better; numbers are nature levels"}
    return Finding(tuple(tables), tuple(tests), shown, tuple(dict.fromkeys(surrogates)))


def _ends(where: str, rows: p2.Rows, ours: list[dict[str, float]]) -> list[Test]:
    """The lowest and the highest level memorise more than the chosen one."""
    found = []
    key = next((k for k in reversed(rows.copying) if all(v > 0 for v in p2.column(ours, k))), rows.copying[0])
    for name, sigma in (("lowest", min(rows.levels)), ("highest", max(rows.levels))):
        claim = f"{where}: {p2.title(key)} at the {name} level, {sigma:g}, above that at the chosen one (ratio above 1)"
        if any(v == 0 for v in p2.column(ours, key)):
            continue
        found.append(above(claim, ratio(p2.column(rows.levels[sigma], key), p2.column(ours, key)), 1.0))
    return found


def _papers() -> Table:
    lines = (
        ("σ_n = 0 (DDPM)", "16.21", "47.86"),
        ("the level of Table 1 (not given)", "15.05", "29.86"),
        ("σ_n = 4", "almost 12.26 (the text)", "a point without figures"),
        ("others in [0.4, 4]", "points without figures", "points without figures"),
    )
    return Table("FFHQ, 300 images, the paper's", ("paper", "FID", "S > 0.9, %"), lines)


def _draw(path: Path, figures: dict[str, tuple[p2.Rows, Block]]) -> None:
    figure = Figure(figsize=(5.2 * len(figures), 3.8))
    for axis, (title, (rows, _)) in zip(
        figure.subplots(1, len(figures), squeeze=False)[0], figures.items(), strict=True
    ):
        x, y = rows.quality, rows.copying[-1]
        points = [(fmean(p2.column(found, x)), fmean(p2.column(found, y)), s) for s, found in rows.levels.items()]
        axis.plot([p[0] for p in points], [p[1] for p in points], "o-", label="Algorithm 1", linewidth=1)
        for quality, copies, sigma in points:
            axis.annotate(f"{sigma:g}", (quality, copies), textcoords="offset points", xytext=(5, 4), fontsize=8)
        axis.plot(fmean(p2.column(rows.ddpm, x)), fmean(p2.column(rows.ddpm, y)), "s", color="C3", label="DDPM")
        axis.set(xlabel=p2.title(x), ylabel=p2.title(y))
        axis.set_title(title, fontsize=7, wrap=True)
        axis.legend(fontsize=8)
    figure.tight_layout()
    pictures.save(path, figure)
