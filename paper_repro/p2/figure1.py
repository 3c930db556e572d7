"""P2, Figure 1: quality against memorisation of Algorithm 1 at many nature levels, and of DDPM."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from matplotlib.axes import Axes

from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.p2.compare import Comparison, Rows, compare, surrogates
from paper_repro.report.claims import Test, above
from paper_repro.report.estimates import ratio
from paper_repro.report.evidence import Evidence
from paper_repro.report.measures import column, title_of
from paper_repro.report.pictures import Panel, Panels
from paper_repro.report.tables import Table


def frontier(run: Run, products: tuple[Models]) -> Evidence:
    """The frontier, and whether DDPM is off it and both ends of the levels go back to DDPM."""
    (models,) = products
    blocks = run.make(models)
    tables: list[Table] = []
    tests: list[Test] = []
    panels: list[Panel] = []
    for comparison in (each for by_size in compare(blocks, "dsm", "hybrid") for each in by_size):
        title = f"{comparison.trained.block.title}, N = {comparison.trained.images}; mean ± spread over splits"
        lines = {"σ_n = 0 (DDPM)": comparison.rows.ddpm}
        lines |= {f"σ_n = {sigma:g}": audits for sigma, audits in comparison.rows.levels.items()}
        tables.append(comparison.table(title, lines))
        ours, _ = comparison.rows.ours()
        tests += [*comparison.verdicts(ours), *_ends(comparison, ours)]
        panels.append(_panel(title, comparison.rows))
    caption = "quality against memorisation; lower left is better; numbers are nature levels"
    pictures = {"pareto.png": Panels(tuple(panels), caption, 5.2, 3.8)}
    return Evidence((*tables, _papers()), tuple(tests), pictures, surrogates(blocks))


def _ends(comparison: Comparison, ours: list[dict[str, Any]]) -> list[Test]:
    """The lowest and the highest level memorise more than the chosen one."""
    rows = comparison.rows
    key = next((k for k in reversed(rows.copying) if all(v > 0 for v in column(ours, k))), None)
    if key is None:
        return []
    found = []
    for name, sigma in (("lowest", min(rows.levels)), ("highest", max(rows.levels))):
        at = f"{title_of(key)} at the {name} level, {sigma:g}"
        claim = f"{comparison.where}: {at}, above that at the chosen one (ratio above 1)"
        found.append(above(claim, ratio(column(rows.levels[sigma], key), column(ours, key)), 1.0))
    return found


def _papers() -> Table:
    lines = (
        ("σ_n = 0 (DDPM)", "16.21", "47.86"),
        ("the level of Table 1 (not given)", "15.05", "29.86"),
        ("σ_n = 4", "almost 12.26 (the text)", "a point without figures"),
        ("others in [0.4, 4]", "points without figures", "points without figures"),
    )
    return Table("FFHQ, 300 images, the paper's", ("paper", "FID", "S > 0.9, %"), lines)


def _panel(title: str, rows: Rows) -> Panel:
    x, y = rows.quality, rows.copying[-1]
    points = [(fmean(column(found, x)), fmean(column(found, y)), sigma) for sigma, found in rows.levels.items()]

    def draw(axis: Axes) -> None:
        axis.plot([p[0] for p in points], [p[1] for p in points], "o-", label="Algorithm 1", linewidth=1)
        for quality, copies, sigma in points:
            axis.annotate(f"{sigma:g}", (quality, copies), textcoords="offset points", xytext=(5, 4), fontsize=8)
        axis.plot(fmean(column(rows.ddpm, x)), fmean(column(rows.ddpm, y)), "s", color="C3", label="DDPM")
        axis.set(xlabel=title_of(x), ylabel=title_of(y))
        axis.set_title(title, fontsize=7, wrap=True)
        axis.legend(fontsize=8)

    return draw
